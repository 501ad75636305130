"""``vkstate state rebuild``: a state that was lost or mangled comes back from the proxy, and no key is touched."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.terminal import terminal
from tests.front import Front, Pass, fronted, say_json
from tests.workspace import NOTE, Ran, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

CONFIG = """\
proxy: {url: '%s'}
workshops:
  event: {count: 3, models: [gpt-4], max_budget: 5, duration: 3d}
keys:
  my-project:
    models: [gpt-4, gpt-3.5-turbo]
    metadata: {owner: ann, token: "${env.VKSTATE_TEST_TOKEN}"}
"""
ALIASES = ["event-user1", "event-user2", "event-user3", "my-project"]
LINEAGE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
BACKUP = ".vkstate/vkstate.state.json.backup"
REPLACED = ".vkstate/vkstate.state.json.replaced"
Golden = Callable[[str, str], None]


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project on the sandbox, as an apply leaves it."""
    monkeypatch.setenv("VKSTATE_TEST_TOKEN", "very secret")
    workspace.configure(CONFIG % "sandbox://")
    workspace.apply()
    return workspace


def told(ran: Ran) -> str:
    """All that a run said, with stand-ins for what differs from run to run."""
    text = f"{ran.stdout}-- stderr, exit {ran.code}\n{ran.stderr.replace(NOTE, '')}"
    return INSTANT.sub("INSTANT", LINEAGE.sub("LINEAGE", text))


def missing(_: bytes) -> bytes | None:
    return None


def empty(_: bytes) -> bytes | None:
    return b""


def truncated(sound: bytes) -> bytes | None:
    return sound[:400]


def conflicted(sound: bytes) -> bytes | None:
    return b"<<<<<<< HEAD\n" + sound + b"=======\n" + sound + b">>>>>>> theirs\n"


def not_text(sound: bytes) -> bytes | None:
    return sound.replace(b"ready", b"re\xffdy")


def twice(sound: bytes) -> bytes | None:
    return sound.replace(b'"serial": 1', b'"serial": 1,\n  "serial": 1')


def impossible(sound: bytes) -> bytes | None:
    return sound.replace(b'"ready"', b'"steady"')


DAMAGES = (missing, empty, truncated, conflicted, not_text, twice, impossible)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_was_lost_comes_back(project: Workspace, golden: Golden, damage: Callable[[bytes], bytes | None]) -> None:
    sound = project.state_path.read_bytes()
    mangled = damage(sound)
    before = project.files()
    if mangled is None:
        project.state_path.unlink()
    else:
        project.state_path.write_bytes(mangled)
    assert project.run("plan").code == 1
    ran = project.ok("state", "rebuild", "--auto-approve")
    golden(f"rebuild/{damage.__name__}.txt", told(ran))
    assert project.state_path.read_bytes() == sound, "nobody had changed anything since"
    after = project.files()
    assert after[BACKUP] == before[BACKUP], "the last sound version is still there"
    kept = {name for name in after if "replaced" in name}
    assert {name: after[name][1] for name in kept} == ({} if mangled is None else {REPLACED: mangled})
    assert after.keys() - kept == before.keys()
    project.converged()


def test_a_second_one_overwrites_nothing(project: Workspace) -> None:
    for number in range(2):
        project.state_path.write_text("{" + " " * number)
        project.ok("state", "rebuild", "--auto-approve")
    assert [(project.path / name).read_text() for name in (REPLACED, f"{REPLACED}-2")] == ["{", "{ "]


def test_a_sound_state_needs_none(project: Workspace, golden: Golden) -> None:
    before = project.files()
    golden("rebuild/sound.txt", told(project.ok("state", "rebuild", "--auto-approve")))
    assert project.files() == before


def test_what_comes_goes_and_changes_is_shown(project: Workspace, golden: Golden) -> None:
    state = project.state
    token = {alias: record["token"] for alias, record in state["keys"].items()}
    del state["keys"]["event-user2"]
    state["serial"] = 7
    project.write("vkstate.state.json", json.dumps(state))
    before = project.state_path.read_bytes()
    sandbox = project.sandbox()
    sandbox.update(token["my-project"], max_budget=999, models=["gpt-4"])
    sandbox.post("/key/delete", {"keys": [token["event-user3"]]})
    golden("rebuild/differences.txt", told(project.ok("state", "rebuild", "--dry-run")))
    assert project.state_path.read_bytes() == before
    project.ok("state", "rebuild", "--auto-approve")
    assert project.state["serial"] == 8
    assert sorted(project.keys) == ["event-user1", "event-user2", "my-project"]
    assert project.keys["my-project"]["applied"]["models"] == ["gpt-4"]
    assert "max_budget" not in project.keys["my-project"]["applied"], "nobody declared it"
    assert (project.path / BACKUP).read_bytes() == before
    ran = project.run("plan", "--detailed-exitcode")
    assert (ran.code, "1 to create, 1 to update, 0 to replace, 0 to delete." in ran.stdout) == (2, True), ran


def test_dry_runs_and_refusals_write_nothing(project: Workspace) -> None:
    project.state_path.write_text("{")
    before = project.files()
    assert project.ok("state", "rebuild", "--dry-run").code == 0
    ran = project.run("state", "rebuild")
    assert (ran.code, ran.stderr.splitlines()[-3:]) == (
        64,
        [
            "error: no terminal to ask on",
            "  This changes the state, and there is no terminal on which to ask whether it should.",
            "hint: look at it with --dry-run first, then give --auto-approve",
        ],
    )
    assert project.files() == before


@pytest.mark.parametrize(("answer", "code"), [(b"yes\n", 0), (b"y\n", 4)])
def test_it_asks(project: Workspace, answer: bytes, code: int) -> None:
    sound = project.state_path.read_bytes()
    project.state_path.write_text("{")
    with terminal(project, "state", "rebuild") as screen:
        screen.expect("Write 4 records to vkstate.state.json?")
        screen.type(answer)
        assert screen.wait() == code
    assert project.state_path.read_bytes() == (sound if code == 0 else b"{")


def test_without_state_and_store_the_lineages_of_the_proxy_are_told(project: Workspace, golden: Golden) -> None:
    lineage = project.state["lineage"]
    values = project.values
    project.state_path.unlink()
    store = project.path / ".vkstate" / "keys.json"
    store.rename(project.path / "keys.json")
    project.sandbox().create("theirs", metadata={"vkstate": {"lineage": "another", "id": "1"}})
    before = project.files()
    ran = project.run("state", "rebuild", "--auto-approve")
    golden("rebuild/lineage_unknown.txt", told(ran))
    assert project.files().keys() - before.keys() <= {BACKUP.replace("backup", "lock")}
    ran = project.run("state", "rebuild", "--auto-approve", "--lineage", "no-such")
    golden("rebuild/lineage_wrong.txt", told(ran))
    assert not project.state_path.exists()
    ran = project.ok("state", "rebuild", "--auto-approve", "--lineage", lineage)
    golden("rebuild/lineage_given.txt", told(ran))
    assert sorted(project.keys) == ALIASES
    assert (project.state["lineage"], project.state["serial"]) == (lineage, 1)
    project.converged()
    (project.path / "keys.json").rename(store)
    assert project.values == values, "the rebuilt state and the old store belong together"


def test_on_a_proxy_without_any_lineage(workspace: Workspace, golden: Golden) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\n")
    workspace.state_path.unlink()
    golden("rebuild/no_lineage.txt", told(workspace.run("state", "rebuild", "--auto-approve")))
    assert not workspace.state_path.exists()


def test_lineages_that_do_not_agree(project: Workspace, golden: Golden) -> None:
    """A store of another lineage is never touched; a state of another one only where that is asked for by name."""
    before = project.files()
    ran = project.run("state", "rebuild", "--auto-approve", "--lineage", "another")
    golden("rebuild/lineage_of_the_store.txt", told(ran).replace(f"{project.path}/", ""))
    state = project.state
    project.write("vkstate.state.json", json.dumps({**state, "lineage": "another"}))
    mixed = project.files()
    ran = project.run("state", "rebuild", "--auto-approve")
    golden("rebuild/lineage_of_the_state.txt", told(ran).replace(f"{project.path}/", ""))
    assert project.files() == mixed
    ran = project.ok("state", "rebuild", "--auto-approve", "--lineage", state["lineage"])
    golden("rebuild/another_lineage.txt", told(ran))
    assert project.files() == {**before, REPLACED: (0o600, mixed["vkstate.state.json"][1])}


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ('{"format": 2}', "error: the state was written by a newer vkstate"),
        ('{"version": 4}', "error: the file is not a vkstate state"),
    ],
)
def test_what_is_not_damaged_is_not_replaced(project: Workspace, content: str, summary: str) -> None:
    project.state_path.write_text(content)
    ran = project.run("state", "rebuild", "--auto-approve")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, summary)
    assert project.state_path.read_text() == content


def test_a_damaged_store_is_not_guessed_past(project: Workspace) -> None:
    project.state_path.unlink()
    project.write(".vkstate/keys.json", "{")
    ran = project.run("state", "rebuild", "--auto-approve")
    assert (ran.code, ran.stderr.splitlines()[1]) == (1, "error: the secret store is damaged")
    assert not project.state_path.exists()


def test_keys_that_cannot_be_recorded_are_named(project: Workspace, golden: Golden) -> None:
    sandbox = project.sandbox()
    stamp = {"vkstate": {"lineage": project.state["lineage"], "id": "0123456789abcdef"}}
    twin = sandbox.create("twin", metadata=stamp)["token"]
    nameless = sandbox.create("nameless", metadata=stamp)["token"]
    # LiteLLM refuses a taken alias, and an empty one; two creates that race get past the first, other tools the second.
    with closing(sqlite3.connect(project.path / ".vkstate" / "sandbox.sqlite")) as database, database:
        command = "UPDATE keys SET row = json_set(row, '$.key_alias', ?) WHERE token = ?"
        database.executemany(command, [("my-project", twin), (None, nameless)])
    ran = project.run("state", "rebuild", "--auto-approve")
    text = told(ran).replace(twin[:8], "THETWIN").replace(nameless[:8], "NAMELESS")
    golden("rebuild/problems.txt", text.replace(project.tokens["my-project"][:8], "THEFIRST"))
    assert (ran.code, sorted(project.keys)) == (3, ALIASES)


def test_a_replaced_key_that_still_has_time_comes_back_as_such(project: Workspace) -> None:
    project.ok("apply", "--auto-approve", "--replace", "my-project", "--grace", "24h")
    before = project.keys
    [retired] = [alias for alias in before if alias.startswith("my-project.retired-")]
    project.state_path.unlink()
    project.ok("state", "rebuild", "--auto-approve")
    assert project.keys.keys() == before.keys()
    record = project.keys[retired]
    assert record["retired"] == {"successor": "my-project", "delete_after": record["expires_at"]}
    assert record["token"] == before[retired]["token"]
    project.converged()


def test_no_secret_comes_from_the_proxy_into_the_state(project: Workspace) -> None:
    """What somebody wrote into a key by hand is recorded, unless it is a key value of ours."""
    [value, *_] = project.values.values()
    stamp = {"vkstate": {"lineage": project.state["lineage"], "id": "0123456789abcdef"}}
    project.sandbox().create("by-hand", metadata={**stamp, "note": value}, aliases={"gpt": value}, models=["gpt-4"])
    before = project.state_path.read_bytes()
    ran = project.run("state", "rebuild", "--auto-approve")
    assert ran.code == 1
    assert ran.stderr.splitlines()[1:3] == [
        "error: a secret would have been written to the state",
        (
            "  The record of by-hand holds a secret (a key value or the master key), and vkstate.state.json is a file "
            "for git. Nothing was written."
        ),
    ]
    assert value not in ran.stdout + ran.stderr
    assert project.state_path.read_bytes() == before


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A proxy that others reach, too."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as gateway:
        yield gateway


@pytest.fixture
def shared(workspace: Workspace, front: Front) -> Workspace:
    """A project with one key there, as an apply leaves it."""
    workspace.configure(f"proxy: {{url: '{front.url}', retries: 0}}\nkeys:\n  one: {{models: [gpt-4]}}\n")
    workspace.apply()
    return workspace


def test_a_key_that_is_not_an_admins_rebuilds_nothing(shared: Workspace, front: Front) -> None:
    """Such a key is shown its own keys only, as if they were all."""
    refusal = {"error": {"message": "user not allowed", "type": "auth_error", "param": None, "code": "403"}}
    before = shared.state_path.read_bytes()
    front.rule = lambda seen: say_json(403, refusal) if seen.path == "/user/list" else Pass()
    ran = shared.run("state", "rebuild", "--auto-approve")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, "error: the key is not an admin's")
    assert shared.state_path.read_bytes() == before


def test_a_list_that_does_not_hold_still_is_not_believed(shared: Workspace, front: Front, golden: Golden) -> None:
    before = shared.state_path.read_bytes()
    lacking = {**front.sandbox.listed(), "total_count": 2}
    front.rule = lambda seen: say_json(200, lacking) if seen.path == "/key/list" else Pass()
    golden("rebuild/unsteady.txt", told(shared.run("state", "rebuild", "--auto-approve")))
    assert shared.state_path.read_bytes() == before


def test_nothing_is_changed_on_the_proxy(shared: Workspace, front: Front) -> None:
    shared.state_path.unlink()
    front.seen.clear()
    shared.ok("state", "rebuild", "--auto-approve")
    assert front.writes == []
    shared.converged()


def test_many_keys_among_those_of_others(workspace: Workspace, front: Front) -> None:
    """More than a page of ours, and more than a page of others: all of ours are found, none of theirs."""
    for number in range(105):
        front.sandbox.create(f"theirs-{number}", models=["gpt-4"])
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nworkshops:\n  event: {{count: 120, models: [gpt-4]}}\n")
    workspace.apply()
    sound = workspace.state_path.read_bytes()
    workspace.state_path.unlink()
    workspace.ok("state", "rebuild", "--auto-approve")
    assert workspace.state_path.read_bytes() == sound


def test_a_state_that_is_bound_elsewhere_follows_its_keys(shared: Workspace, front: Front, golden: Golden) -> None:
    """Where one of them was deleted meanwhile, rebind refuses: then this is the way."""
    state = shared.state
    gone = {**state["keys"]["one"], "token": "0" * 64}
    moved = {**state, "proxy": "https://old.example.com", "keys": {**state["keys"], "gone": gone}}
    shared.write("vkstate.state.json", json.dumps(moved))
    golden("rebuild/bound_elsewhere.txt", told(shared.ok("state", "rebuild", "--auto-approve")))
    assert shared.state == {**state, "serial": state["serial"] + 1}


def git(directory: Path, *arguments: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *named, *arguments], cwd=directory, check=True, capture_output=True)


def test_a_clone_that_is_behind_pulls_first(shared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "upstream")
    git(shared.path, "init", "-q", "-b", "main")
    git(shared.path, "add", ".")
    git(shared.path, "commit", "-q", "-m", "ours")
    git(shared.path, "remote", "add", "origin", str(tmp_path / "upstream"))
    git(shared.path, "push", "-q", "-u", "origin", "main")
    git(tmp_path, "clone", "-q", "upstream", "theirs")
    theirs = tmp_path / "theirs" / "vkstate.state.json"
    theirs.write_text(json.dumps({**shared.state, "serial": 9}))
    git(tmp_path / "theirs", "commit", "-q", "-a", "-m", "theirs")
    git(tmp_path / "theirs", "push", "-q")
    git(shared.path, "fetch", "-q")
    ran = shared.run("state", "rebuild", "--auto-approve")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, "error: the state in this clone is behind")
    assert ran.stderr.splitlines()[-1] == "hint: get them: git pull"
    shared.state_path.write_text("{")
    shared.ok("state", "rebuild", "--auto-approve")
    assert sorted(shared.keys) == ["one"], "what is damaged cannot be pulled over"
