"""The encrypted store around a whole project: CI mints what it cannot read, and who has an identity hands it out."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.age_people import Person, decrypted_by_age, person, ssh_person
from tests.contract.proxies import token_of
from tests.end_to_end.test_git_standing import commit, git, warned
from tests.end_to_end.test_kill import COUNT, few_and_many, killed, nothing_lost
from tests.front import Front, rows_of
from tests.reliability.canaries import leaks
from tests.workspace import Workspace

CONFIG = "proxy: {url: '%s'}\nsecrets: {store: age, recipients: [%s]}\nworkshops:\n  w: {count: %d, models: [gpt-4]}\n"
SECRETS = "vkstate.secrets.json"


@pytest.fixture
def ops() -> Person:
    return person()


@pytest.fixture
def identity(ops: Person, tmp_path: Path) -> str:
    return str(ops.file(tmp_path / "ops.identity"))


@pytest.fixture
def project(workspace: Workspace, front: Front, ops: Person) -> Workspace:
    """Two keys that are to be, and nobody's identity."""
    workspace.configure(CONFIG % (front.url, ops.recipient, 2))
    return workspace


def configure(project: Workspace, front: Front, count: int, *people: Person) -> None:
    project.write("vkstate.yaml", CONFIG % (front.url, ", ".join(f"'{one.recipient}'" for one in people), count))


def entries(project: Workspace) -> dict[str, Any]:
    """The encrypted store's entries by token."""
    found: dict[str, Any] = json.loads((project.path / SECRETS).read_text())["keys"]
    return found


def handed_out(project: Workspace, *arguments: str) -> dict[str, str | None]:
    """What ``output --reveal`` gives, by alias."""
    return {
        key["alias"]: key["key"] for key in project.run("output", "--json", "--reveal", *arguments).document["keys"]
    }


def test_ci_mints_and_another_machine_hands_out(
    project: Workspace, front: Front, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    git(project.path, "init", "--initial-branch", "main")
    project.apply()
    assert set(entries(project)) == set(project.tokens.values())
    commit(project.path)
    assert handed_out(project) == {"w-user1": None, "w-user2": None}
    ran = project.run("output", "--reveal")
    assert (ran.code, ran.stderr) == (
        3,
        (
            f"warning: 2 values are encrypted in {SECRETS}, and there is no identity to open them with: "
            "--identity FILE, "
            "or "
            "VKSTATE_AGE_IDENTITY\n"
        ),
    )
    elsewhere = Workspace(project.path.parent / "clone")
    git(project.path.parent, "clone", "--quiet", str(project.path), str(elsewhere.path))
    monkeypatch.chdir(elsewhere.path)
    assert not (elsewhere.path / ".vkstate").exists()
    values = handed_out(elsewhere, "--identity", identity)
    assert {alias: token_of(value or "") for alias, value in values.items()} == elsewhere.tokens
    for value in values.values():
        assert front.sandbox.get("/v1/models", key=value).status_code == 200
    assert leaks(elsewhere.path, [value for value in values.values() if value]) == {}
    elsewhere.converged()
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", identity)
    assert handed_out(elsewhere) == values
    assert elsewhere.ok("output").stdout == elsewhere.ok("output", "--identity", identity).stdout


def test_the_real_age_reads_what_was_committed(project: Workspace, identity: str) -> None:
    project.apply()
    assert {
        token: token_of(decrypted_by_age(entry["value"], Path(identity))) for token, entry in entries(project).items()
    } == {token: token for token in project.tokens.values()}


def test_an_identity_that_opens_nothing(project: Workspace, ops: Person, tmp_path: Path) -> None:
    project.apply()
    stranger = person().file(tmp_path / "stranger")
    ran = project.run("output", "w-user1", "--reveal", "--identity", str(stranger))
    assert (ran.code, ran.stderr) == (
        3,
        (
            f"warning: No identity at hand opens the value of w-user1 in {SECRETS}. It takes one that belongs to "
            f"{ops.recipient}: --identity FILE, or VKSTATE_AGE_IDENTITY\n"
        ),
    )


def test_whoever_has_the_usual_ssh_key_needs_no_word(
    project: Workspace, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "somebodys"
    (home / ".ssh").mkdir(parents=True)
    configure(project, front, 1, ssh_person(home / ".ssh"))
    project.apply()
    monkeypatch.setenv("HOME", str(home))
    assert {token_of(value or "") for value in handed_out(project).values()} == set(project.tokens.values())


def interrupted(project: Workspace, front: Front, alias: str) -> str:
    """Have it look as if a run had died before the create of a key was sent; the token that was to be."""
    token = project.tokens[alias]
    front.sandbox.post("/key/delete", {"keys": [token]})
    state = project.state
    record = state["keys"][alias]
    kept = {name: record[name] for name in ("applied", "id", "origin", "token", "workshop", "user", "user_number")}
    state["keys"][alias] = {**kept, "status": "pending", "pending_since": "2026-03-01T12:00:00Z"}
    project.write("vkstate.state.json", json.dumps(state))
    return token


def test_a_create_that_was_begun_goes_on_with_the_same_value_where_it_can_be_read(
    project: Workspace, front: Front, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.apply()
    before = entries(project)
    token = interrupted(project, front, "w-user1")
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", identity)
    project.apply()
    assert project.tokens["w-user1"] == token
    assert entries(project) == before
    assert set(rows_of(front.sandbox)) == {"w-user1", "w-user2"}


def test_a_create_that_was_begun_goes_on_with_a_new_value_where_the_old_one_is_closed(
    project: Workspace, front: Front
) -> None:
    project.apply()
    token = interrupted(project, front, "w-user1")
    assert project.planned() == [("w-user1", "create", "its create was never carried out")]
    project.apply()
    assert project.tokens["w-user1"] != token
    assert set(entries(project)) == {token, *project.tokens.values()}, "the old value stays: it might arrive yet"
    assert set(rows_of(front.sandbox)) == {"w-user1", "w-user2"}
    project.consistent()


def test_a_key_that_arrived_late_is_taken_by_its_value(project: Workspace, front: Front, identity: str) -> None:
    """The first request hangs, the second run records another value and dies, and then the first one arrives."""
    project.apply()
    late = project.tokens["w-user1"]
    value = handed_out(project, "--identity", identity)["w-user1"]
    state = project.state
    record = state["keys"]["w-user1"]
    state["keys"]["w-user1"] = {
        **{name: record[name] for name in ("applied", "origin", "workshop", "user", "user_number")},
        "id": "0" * 16,
        "token": "f" * 64,
        "status": "pending",
        "pending_since": "2026-03-01T12:00:00Z",
    }
    project.write("vkstate.state.json", json.dumps(state))
    assert [(alias, action) for alias, action, _ in project.planned()] == [("w-user1", "adopt")]
    project.apply()
    assert project.tokens["w-user1"] == late
    assert handed_out(project, "--identity", identity)["w-user1"] == value


def test_a_create_whose_key_is_there_is_believed_by_its_token(project: Workspace) -> None:
    project.apply()
    state = project.state
    record = state["keys"]["w-user1"]
    del record["created_at"]
    record |= {"status": "pending", "pending_since": "2026-03-01T12:00:00Z"}
    project.write("vkstate.state.json", json.dumps(state))
    before = project.tokens
    project.apply()
    assert project.tokens == before


@few_and_many
@pytest.mark.parametrize("opens", [False, True], ids=["closed", "with_an_identity"])
def test_killed_while_keys_are_made(
    workspace: Workspace,
    front: Front,
    ops: Person,
    identity: str,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
    opens: bool,
) -> None:
    """A real process, killed at one of its creates, where nobody can open what it has begun, or where somebody can."""
    if opens:
        monkeypatch.setenv("VKSTATE_AGE_IDENTITY", identity)
    chance = random.Random(kills)
    workspace.configure(CONFIG % (front.url, ops.recipient, COUNT))
    for _ in range(kills):
        at, done = chance.randint(1, COUNT), chance.random() < 0.5
        killed(workspace, front, "apply", "--auto-approve", at=at, done=done)
        nothing_lost(workspace, front)
        begun = workspace.tokens
        workspace.apply()
        nothing_lost(workspace, front)
        # What was begun and could not go on with its value is known as long as its request may still land.
        waiting = {alias for alias, record in workspace.keys.items() if record["status"] == "pending"}
        made = {alias: token for alias, token in workspace.tokens.items() if alias not in waiting}
        assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == made
        assert len(made) == COUNT
        assert not opens or made == begun
        workspace.ok("destroy", "--auto-approve")


def test_new_values_and_the_end(project: Workspace, front: Front, ops: Person, identity: str) -> None:
    project.apply()
    before = entries(project)
    old = project.tokens["w-user1"]
    project.apply("--replace", "w-user1")
    after = entries(project)
    assert set(after) == set(project.tokens.values())
    assert old not in after
    kept = project.tokens["w-user2"]
    assert after[kept] == before[kept]
    configure(project, front, 3, ops)
    project.apply()
    assert {token_of(value or "") for value in handed_out(project, "--identity", identity).values()} == set(
        entries(project)
    )
    project.ok("destroy", "--auto-approve")
    assert entries(project) == {}


def test_recipients_that_changed_in_the_config_alone(
    project: Workspace, front: Front, ops: Person, identity: str
) -> None:
    project.apply()
    friend = person()
    configure(project, front, 3, ops, friend)
    said = (
        f"warning: In {SECRETS}, 2 values are encrypted to other recipients than the config names: vkstate secrets "
        "rekey\n"
    )
    assert project.ok("plan").stderr == said
    before = entries(project)
    project.ok("apply", "--auto-approve")
    after = entries(project)
    assert {token: after[token] for token in before} == before, "nothing is encrypted anew unasked"
    [new] = after.keys() - before.keys()
    assert after[new]["recipients"] == sorted([ops.recipient, friend.recipient])
    assert project.run("secrets", "rekey").code == 1
    project.ok("secrets", "rekey", "--identity", identity)
    assert project.ok("plan").stderr == ""


def test_values_that_come_along_with_an_import(project: Workspace, front: Front, ops: Person, identity: str) -> None:
    made = front.sandbox.generate({"key_alias": "old", "models": ["gpt-4"]}).json()
    project.write(
        "vkstate.yaml", f"{CONFIG % (front.url, ops.recipient, 1)}keys: {{old: {{models: [gpt-4], duration: never}}}}\n"
    )
    values = project.write("values.csv", f"alias,key\nold,{made['key']}\n")
    project.ok("import", "old", "--values", str(values), "--auto-approve")
    values.unlink()
    assert handed_out(project, "--identity", identity)["old"] == made["key"]


def test_a_lost_state_is_rebuilt_from_the_lineage_of_the_store(project: Workspace) -> None:
    project.apply()
    before = project.state
    project.state_path.unlink()
    shutil.rmtree(project.path / ".vkstate")
    project.ok("state", "rebuild", "--auto-approve")
    assert (project.state["lineage"], set(project.keys)) == (before["lineage"], set(before["keys"]))
    project.converged()


def test_the_store_of_another_state(project: Workspace) -> None:
    project.apply()
    form = json.loads((project.path / SECRETS).read_text())
    form["lineage"] = "another"
    project.write(SECRETS, json.dumps(form))
    for command in (["plan"], ["apply", "--auto-approve"], ["destroy", "--auto-approve"], ["output"]):
        ran = project.run(*command)
        assert (ran.code, ran.complaint[0]) == (1, "error: the secret store belongs to another state"), command


UNTRACKED = f"warning: {SECRETS} is not in git: git add {SECRETS}\n"
DIRTY = f"warning: {SECRETS} differs from the last commit: commit it with the state, or others lack the key values.\n"
IGNORED = f"warning: {SECRETS} is ignored by git, so that no other clone has the key values: git add -f {SECRETS}\n"


def of_store(stderr: str) -> str:
    """The warnings of the encrypted store's standing in git."""
    return "".join(f"{line}\n" for line in stderr.splitlines() if line.startswith(f"warning: {SECRETS}"))


def test_its_standing_in_git(project: Workspace, front: Front, ops: Person) -> None:
    git(project.path, "init", "--initial-branch", "main")
    commit(project.path)
    assert of_store(project.ok("plan").stderr) == "", "there is none yet"
    project.apply()
    assert of_store(project.ok("plan").stderr) == UNTRACKED
    commit(project.path)
    assert of_store(project.ok("plan").stderr) + warned(project.ok("plan").stderr) == ""
    configure(project, front, 3, ops)
    project.apply()
    assert of_store(project.ok("plan").stderr) == DIRTY
    git(project.path, "rm", "--cached", "--quiet", SECRETS)
    project.write(".gitignore", f".vkstate/\n{SECRETS}\n")
    assert of_store(project.ok("plan").stderr) == IGNORED


def test_a_clone_that_lacks_what_was_rekeyed(project: Workspace, ops: Person, identity: str) -> None:
    upstream = project.path.parent / "upstream.git"
    git(project.path.parent, "init", "--bare", "--initial-branch", "main", str(upstream))
    git(project.path, "init", "--initial-branch", "main")
    git(project.path, "remote", "add", "origin", str(upstream))
    project.apply()
    commit(project.path, push=True)
    behind = project.path.parent / "behind"
    git(project.path.parent, "clone", "--quiet", str(upstream), str(behind))
    project.ok("secrets", "add-recipient", person().recipient, "--identity", identity)
    commit(project.path, push=True)
    git(behind, "fetch")
    ran = Workspace(behind).run("-C", str(behind), "apply", "--auto-approve")
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: the state in this clone is behind",
            (
                f"  origin/main has commits that change vkstate.state.json or {SECRETS}, and this clone does not have "
                "them. "
                "Going on would make anew, or leave behind, what others have changed meanwhile."
            ),
            f"hint: get them: cd {behind} && git pull",
        ],
    )


def test_the_identity_shows_nowhere(
    project: Workspace, ops: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in what any command says, be it wrong, nor in a file, nor in what git is told of the environment."""
    secret = ops.secret.splitlines()[-1]
    seen = tmp_path / "seen"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nenv >> "{seen}"\nexec "{shutil.which("git")}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    git(project.path, "init", "--initial-branch", "main")
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", secret)
    commands = [
        ("apply", "--auto-approve"),
        ("plan", "-v"),
        ("output",),
        ("output", "--json"),
        ("check", "-v"),
        ("state", "show", "w-user1", "--json"),
        ("secrets", "list", "-v"),
        ("secrets", "add-recipient", secret, "-v"),
        ("secrets", "remove-recipient", secret.lower(), "-v"),
        ("secrets", "add-recipient", person().recipient, "-v"),
        ("secrets", "migrate", "--to", "age", "--recipient", secret, "-v"),
    ]
    said = [project.run(*command) for command in commands]
    values = [value for value in handed_out(project).values() if value]
    assert len(values) == 2
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", secret[:-1])
    said.append(project.run("secrets", "list", "-v"))
    assert said[-1].complaint[0] == "error: the identity cannot be used"
    texts = [text for ran in said for text in (ran.stdout, ran.stderr)]
    texts += [path.read_bytes().decode(errors="replace") for path in project.path.rglob("*") if path.is_file()]
    texts.append(seen.read_text())
    assert "PATH=" in texts[-1], "git was asked"
    for hidden in (secret, secret[:-1], secret.lower(), *values):
        assert [text for text in texts if hidden in text] == []


def test_values_that_are_only_encrypted_are_not_taken_for_lost(
    project: Workspace, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A masked table cannot show them without an identity, and says why."""
    project.apply()
    monkeypatch.delenv("VKSTATE_AGE_IDENTITY", raising=False)
    shown = project.ok("output")
    assert shown.stderr.startswith(
        f"warning: 2 values are encrypted in {SECRETS}, and there is no identity to open them"
    )
    assert project.ok("output", "--identity", identity).stderr == ""
