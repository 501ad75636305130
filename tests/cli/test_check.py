"""``vkstate check``: what it says of a project, and the exit code that goes with it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.age_people import person
from tests.end_to_end.clock import timed
from tests.end_to_end.test_git_standing import commit, git
from tests.front import Doing, Front, Pass, Seen, fronted, say_json
from tests.workspace import Json, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, Settings

Golden = Callable[[str, str], None]


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[Front]:
    """A sandbox over HTTP, as any proxy is, and its master key in the environment."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as found:
        yield found


def found(project: Workspace, *options: str) -> list[tuple[str, str, str]]:
    """What was looked at, its grade and its sentence."""
    checks: list[Json] = project.run("check", "--json", *options).document["checks"]
    return [(check["check"], check["grade"], check["detail"]) for check in checks]


def of(what: str, findings: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Grades and sentences of one kind of finding."""
    return [(grade, detail) for name, grade, detail in findings if name == what]


def repository(project: Workspace) -> None:
    """The project's directory as a git repository, in which everything is committed."""
    git(project.path, "init", "--initial-branch", "main")
    commit(project.path)


def test_all_is_well(workspace: Workspace, front: Front, golden: Golden) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    repository(workspace)
    before = workspace.files()
    ran = workspace.ok("check", "--strict", "--as", "one")
    golden("check/well.txt", ran.stdout)
    assert (ran.stderr, workspace.files()) == ("", before)
    document = workspace.ok("check", "--json", "--as", "one").document
    golden("check/well.json", json.dumps(document, indent=2) + "\n")


def test_of_the_sandbox_git_says_nothing(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    workspace.apply()
    assert [(what, grade) for what, grade, _ in found(workspace)] == [
        (what, "ok") for what in ("config", "state", "secret store", "proxy", "database", "clock", "rights", "models")
    ]


def test_much_is_unwell(workspace: Workspace, front: Front, golden: Golden) -> None:
    key = "{models: [gpt-4]}"
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {key}, lost: {key}, short: {key}, old: {key}, half: {key}}}\n"
    )
    workspace.apply()
    workspace.ok("apply", "--auto-approve", "--replace", "old", "--grace", "1h")
    store = workspace.path / ".vkstate" / "keys.json"
    document = json.loads(store.read_text(encoding="utf-8"))
    del document["keys"][workspace.tokens["lost"]]
    store.write_text(json.dumps(document), encoding="utf-8")
    state = workspace.state
    long_ago = "2026-01-01T00:00:00.000Z"
    state["keys"]["half"] |= {"status": "pending", "pending_since": long_ago}
    state["keys"]["short"]["expires_at"] = long_ago
    [retired] = [record["retired"] for record in state["keys"].values() if "retired" in record]
    retired["delete_after"] = long_ago
    del state["keys"]["half"]["created_at"], state["keys"]["half"]["expires_at"]
    workspace.state_path.write_text(json.dumps(state), encoding="utf-8")
    workspace.write(
        "vkstate.yaml",
        f"proxy: {{url: '{front.url}', master_key: '{DEFAULT_MASTER_KEY}'}}\n"
        "keys:\n"
        "  one: {models: [gpt-4, llama], team_id: nowhere, tags: [a], enforced_params: [user]}\n"
        "  gated: {models: [gpt-4], guardrails: [g]}\n",
    )
    ran = workspace.run("check")
    assert (ran.code, ran.stderr) == (1, "")
    golden("check/unwell.txt", ran.told)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://llm.example.invalid"])
def test_what_cannot_be_reached_does_not_hide_the_rest(workspace: Workspace, url: str) -> None:
    workspace.configure(f"proxy: {{url: '{url}', master_key: {DEFAULT_MASTER_KEY}, timeout: 2s}}\n")
    findings = found(workspace)
    assert [(what, grade) for what, grade, _ in findings] == [
        ("config", "ok"),
        ("config", "warning"),
        ("state", "ok"),
        ("git", "warning"),
        ("secret store", "ok"),
        ("proxy", "wrong"),
    ]


def test_a_config_that_is_not_valid_ends_it(workspace: Workspace) -> None:
    workspace.write("vkstate.yaml", "proxy: {}\n")
    [(what, grade, detail)] = found(workspace)
    assert (what, grade) == ("config", "wrong")
    assert detail.startswith("the config is not valid. ")


def test_several_problems_stand_on_lines_of_their_own(workspace: Workspace) -> None:
    workspace.write("vkstate.yaml", "proxy: {url: 'http://127.0.0.1:1', timeout: 4, retries: many}\nkeys: {}\n")
    first, *others = workspace.run("check").stdout.splitlines()
    assert first == "WRONG config: the config is not valid."
    assert [line[: len("      vkstate.yaml:1:")] for line in others[:-1]] == ["      vkstate.yaml:1:"] * 2
    assert others[-1] == "      hint: correct vkstate.yaml, then run: vkstate validate"


def test_a_busy_proxy_is_told_of_meanwhile(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    turned_away: list[Seen] = []

    def rule(seen: Seen) -> Doing:
        turned_away.append(seen)
        return say_json(429, {"error": {"message": "slow down"}}) if len(turned_away) == 1 else Pass()

    front.rule = rule
    ran = workspace.run("check", "--json")
    assert (ran.code, ran.stderr.splitlines()[0]) == (0, "reading, slower: the proxy is busy")
    assert ran.document["ok"] is True


def test_no_master_key(workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLM_MASTER_KEY")
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    [(grade, detail)] = of("master key", found(workspace))
    said = "proxy.master_key is read from the environment variable LITELLM_MASTER_KEY, which is not set."
    assert (grade, detail) == ("wrong", f"the master key is not set. {said}")


def test_rights_that_the_proxy_does_not_tell(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    front.rule = lambda seen: say_json(404, {"detail": "Not Found"}) if seen.path == "/key/update" else Pass()
    said = "The key sees every key. The proxy does not tell whether it may change them."
    assert of("rights", found(workspace)) == [("warning", said)]


def test_a_key_that_is_not_an_admins(workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    monkeypatch.setenv("LITELLM_MASTER_KEY", workspace.values["one"])
    findings = found(workspace, "--as", "one")
    [(grade, detail)] = of("rights", findings)
    assert (grade, detail.partition(".")[0]) == ("wrong", "the key is not an admin's")
    assert of("key", findings) == [("warning", "one was not tried: see above.")], "nothing can be compared"


@pytest.mark.parametrize(
    ("seconds", "grade", "sentence"),
    [
        (20, "ok", "The server's clock and this machine's agree."),
        (90, "warning", "The server's clock is 90 s ahead of this machine's; keys expire by the server's."),
        (-900, "wrong", "The server's clock is 900 s behind this machine's; keys expire by the server's."),
    ],
)
def test_the_clock(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, grade: str, sentence: str
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    settings = Settings(clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    with fronted(tmp_path / "elsewhere.sqlite", settings=settings) as front:
        workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
        [(graded, told)] = of("clock", found(workspace))
    near = {sentence.replace(str(abs(seconds)), str(abs(seconds) + more)) for more in (-1, 0, 1)}
    assert (graded, told in near) == (grade, True), told


def test_no_database(workspace: Workspace, front: Front) -> None:
    def rule(seen: Seen) -> Doing:
        gone = {"status": "healthy", "db": "Not connected"}
        return say_json(200, gone) if seen.path == "/health/readiness" else Pass()

    front.rule = rule
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    assert of("database", found(workspace)) == [
        ("wrong", "LiteLLM has no database, or has lost it: it cannot keep keys.")
    ]


def test_a_server_that_knows_less_than_the_config_wants(workspace: Workspace, front: Front) -> None:
    """As ``/key/update`` of 1.72 refuses the probe: it names only the fields that it knows."""

    def rule(seen: Seen) -> Doing:
        if seen.path == "/key/update":
            known = ("models", "user_id")
            return say_json(422, {"detail": [{"type": "x", "loc": ["body", name], "msg": "no"} for name in known]})
        return Pass()

    front.rule = rule
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4], tpd_limit: 5, tags: [a]}}}}\n")
    assert of("attributes", found(workspace)) == [
        ("warning", "This LiteLLM does not know tags, which one would have, and ignores it."),
        ("warning", "This LiteLLM does not know tpd_limit, which one would have, and ignores it."),
    ]


def test_a_licensed_proxy(workspace: Workspace, front: Front) -> None:
    def rule(seen: Seen) -> Doing:
        if seen.path == "/openapi.json":
            info = {"title": "LiteLLM API", "version": "1.105.0", "description": "Enterprise Edition \n\nProxy Server"}
            return say_json(200, {"info": info})
        return Pass()

    front.rule = rule
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4], tags: [a]}}}}\n")
    assert of("attributes", found(workspace)) == []


def test_teams_that_are_not_told(workspace: Workspace, front: Front) -> None:
    front.rule = lambda seen: say_json(404, {"detail": "Not Found"}) if seen.path == "/v2/team/list" else Pass()
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4], team_id: red}}}}\n")
    assert of("teams", found(workspace)) == [
        ("warning", "The proxy does not tell its teams: GET /v2/team/list: 404 Not Found.")
    ]
    plan = workspace.ok("plan")
    assert "nobody knows whether that of one exists" in " ".join(plan.stdout.split())


def test_models_that_are_not_checked_are_warned_of(workspace: Workspace, front: Front) -> None:
    for mode, grade in (("error", "wrong"), ("warn", "warning"), ("off", "warning")):
        workspace.configure(
            f"proxy: {{url: '{front.url}', check_models: '{mode}'}}\nkeys: {{one: {{models: [llama]}}}}\n"
        )
        [(graded, _)] = of("models", found(workspace))
        assert graded == grade, mode


def test_git(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    git(workspace.path, "init", "--initial-branch", "main")
    said = "vkstate.state.json is not in git: git add vkstate.state.json"
    assert of("git", found(workspace)) == [("warning", said)]
    commit(workspace.path)
    workspace.apply()
    said = "vkstate.state.json differs from the last commit: commit it, so that others see which keys there are."
    assert of("git", found(workspace)) == [("warning", said)]
    commit(workspace.path)
    assert of("git", found(workspace)) == [
        ("ok", "vkstate.state.json is committed, and the key values are kept out of git.")
    ]
    git(workspace.path, "add", "--force", ".vkstate/keys.json")
    commit(workspace.path)
    said = (
        ".vkstate is in git, and whoever has the repository has the key values: replace the keys, and "
        "git rm -r --cached .vkstate"
    )
    assert of("git", found(workspace)) == [("wrong", said)]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_master_key_that_git_has(workspace: Workspace, front: Front, tracked: bool) -> None:
    secret = workspace.path / "master.key"
    secret.write_text(DEFAULT_MASTER_KEY)
    secret.chmod(0o600)
    workspace.configure(f"proxy: {{url: '{front.url}', master_key: {{file: master.key}}}}\n")
    git(workspace.path, "init", "--initial-branch", "main")
    git(workspace.path, "add", "vkstate.yaml", "vkstate.state.json", ".gitignore", *(["master.key"] if tracked else []))
    git(workspace.path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "all")
    checks = workspace.run("check", "--json").document["checks"]
    said = [(one["grade"], one["detail"], one["hint"]) for one in checks if one["check"] == "git"]
    ignoring = "echo /master.key >> .gitignore"
    grade, detail, hint = (
        (
            "wrong",
            "master.key holds the master key and is in git: whoever has the repository has it, and keeps it.",
            f"git rm --cached master.key && {ignoring}; then give the proxy a new master key",
        )
        if tracked
        else (
            "warning",
            "master.key holds the master key and is not ignored by git: the next commit may take it along.",
            ignoring,
        )
    )
    assert said == [(grade, detail, hint)]
    subprocess.run(["bash", "-c", hint.partition(";")[0]], check=True, cwd=workspace.path)
    assert [one for one in of("git", found(workspace)) if "master.key" in one[1]] == []


def test_a_master_key_of_which_git_says_nothing(workspace: Workspace, front: Front) -> None:
    workspace.write("master.key", DEFAULT_MASTER_KEY)
    (workspace.path / "master.key").chmod(0o600)
    workspace.configure(f"proxy: {{url: '{front.url}', master_key: {{file: master.key}}}}\n")
    git(workspace.path, "init")
    (workspace.path / ".git" / "config").write_text("[broken")
    assert (
        "warning",
        "master.key holds the master key, and git does not tell whether it would add it.",
    ) in of("git", found(workspace))


def test_an_identity_that_git_has(
    workspace: Workspace, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = person()
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nsecrets: {{store: age, recipients: ['{somebody.recipient}']}}\n"
    )
    identity = somebody.file(workspace.path / "identity.txt")
    repository(workspace)
    tracked = (
        "wrong",
        "identity.txt holds an age identity and is in git: whoever has the repository has it, and keeps it.",
    )
    assert of("git", found(workspace, "--identity", "identity.txt")) == [tracked]
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", "identity.txt")
    assert of("git", found(workspace)) == [tracked]
    git(workspace.path, "rm", "--cached", "identity.txt")
    assert of("git", found(workspace)) == [
        ("warning", "identity.txt holds an age identity and is not ignored by git: the next commit may take it along.")
    ]
    identity.chmod(0o640)
    said = "others on this machine can read the identity identity.txt (mode 0640): chmod 600 identity.txt"
    assert ("warning", said) in of("secret store", found(workspace))
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", somebody.secret.splitlines()[-1])
    well = ("ok", "vkstate.state.json is committed, and the key values are kept out of git.")
    assert of("git", found(workspace)) == [well]


def test_the_usual_ssh_key_is_looked_at_in_the_projects_tree_only(
    workspace: Workspace, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = person()
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nsecrets: {{store: age, recipients: ['{somebody.recipient}']}}\n"
    )
    repository(workspace)
    monkeypatch.delenv("VKSTATE_AGE_IDENTITY", raising=False)
    for home, exposed in ((tmp_path / "home", False), (workspace.path, True)):
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "id_ed25519").touch()
        if not exposed:
            git(home, "init")
        monkeypatch.setenv("HOME", str(home))
        told = [detail for _, detail in of("git", found(workspace)) if "id_ed25519" in detail]
        assert bool(told) is exposed


def test_a_state_that_is_behind(workspace: Workspace, front: Front, tmp_path: Path) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    repository(workspace)
    git(tmp_path, "clone", "--bare", str(workspace.path), str(tmp_path / "origin.git"))
    git(workspace.path, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(workspace.path, "fetch", "origin")
    git(workspace.path, "branch", "--set-upstream-to", "origin/main")
    git(tmp_path, "clone", str(tmp_path / "origin.git"), "other")
    other = Workspace(tmp_path / "other")
    other.ok("-C", str(other.path), "apply", "--auto-approve")
    os.chdir(workspace.path)
    commit(other.path, push=True)
    git(workspace.path, "fetch", "origin")
    [(grade, detail)] = of("git", found(workspace))
    assert (grade, detail.partition(".")[0]) == ("wrong", "the state in this clone is behind")


def test_the_modes_of_the_store(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    store = workspace.path / ".vkstate" / "keys.json"
    store.chmod(0o644)
    [well, (grade, detail)] = of("secret store", found(workspace))
    assert (well, grade) == (("ok", "It holds the value of every recorded key."), "warning")
    assert detail == (
        f"{store} can be read by others (mode 0644). If somebody may have looked, replace the keys. "
        f"Close it: chmod 600 {store}"
    )
    assert stat.S_IMODE(store.stat().st_mode) == 0o644, "it changes nothing"
    store.parent.chmod(0o777)
    [(grade, detail)] = of("secret store", found(workspace))
    assert (grade, detail[:41]) == ("wrong", "the .vkstate directory is not safe to use")
    store.parent.chmod(0o700)


def test_values_of_keys_that_are_not_recorded(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}, two: {{models: [gpt-4]}}}}\n"
    )
    workspace.apply()
    workspace.ok("state", "rm", "two", "--auto-approve")
    assert of("secret store", found(workspace)) == [
        ("ok", "It holds the value of every recorded key."),
        ("ok", "It holds 1 value besides, of keys that this state does not record."),
    ]


def test_a_key_that_was_made_elsewhere(workspace: Workspace, front: Front) -> None:
    front.sandbox.create("one", models=["gpt-4"])
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nimport: [one]\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    findings = found(workspace, "--as", "one")
    assert of("secret store", findings) == [("ok", "It holds the value of every recorded key but one, made elsewhere.")]
    assert of("key", findings) == [("wrong", "one cannot be tried. Its value is not on this machine.")]


def test_which_keys_are_tried(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\n"
        "defaults: {models: [gpt-4]}\nkeys: {one: {}}\nworkshops: {w: {count: 3}}\n"
    )
    workspace.apply()
    document = workspace.ok("check", "--json", "--as", "o*", "--as", "workshop:w/user2").document
    assert [check["alias"] for check in document["checks"] if check["alias"]] == ["one", "w-user2"]
    ran = workspace.run("check", "--as", "nobody")
    assert (ran.code, ran.stdout, ran.complaint[0]) == (64, "", "error: no recorded key is named so")


def test_encrypted_values_need_an_identity(
    workspace: Workspace, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VKSTATE_AGE_IDENTITY", raising=False)
    somebody = person()
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nsecrets: {{store: age, recipients: ['{somebody.recipient}']}}\n"
        "keys: {one: {models: [gpt-4]}}\n"
    )
    workspace.apply()
    closed = (
        "1 value is encrypted in vkstate.secrets.json, and there is no identity to open them with: --identity FILE, or "
        "VKSTATE_AGE_IDENTITY"
    )
    well = ("ok", "It holds the value of every recorded key.")
    findings = found(workspace, "--as", "one")
    assert of("secret store", findings) == [well, ("ok", closed)]
    assert of("key", findings) == [("wrong", f"one cannot be tried. {closed}")]
    [*_, (grade, told)] = of("secret store", found(workspace, "--identity", str(person().file(tmp_path / "other"))))
    assert (grade, told.partition(" in ")[0]) == ("warning", "No identity at hand opens the value of one")
    findings = found(workspace, "--as", "one", "--identity", str(somebody.file(tmp_path / "identity")))
    assert of("secret store", findings) == [well]
    assert of("key", findings) == [("ok", "one opens the proxy, and may use gpt-4.")]


def test_what_cannot_be_tried_says_what_helps(workspace: Workspace, front: Front, tmp_path: Path) -> None:
    """A value that was never ours is missed only where a target names its key."""
    front.sandbox.create("fresh-theirs", models=["gpt-4"])
    key = "{models: [gpt-4]}"
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{fresh-ours: {key}, fresh-theirs: {key}}}\n")
    workspace.ok("import", "fresh-theirs", "--auto-approve")
    workspace.apply()
    store = workspace.path / ".vkstate" / "keys.json"
    document = json.loads(store.read_text(encoding="utf-8"))
    store.write_text(json.dumps(document | {"keys": {}}), encoding="utf-8")
    ours = ("fresh-ours", "wrong", "give it a new value: vkstate apply --replace fresh-ours")
    values = "have its value kept: vkstate import fresh-theirs --values FILE.csv"
    for targets, grade in ((("fresh-*",), "warning"), (("fresh-*", "fresh-theirs"), "wrong")):
        options = [word for target in targets for word in ("--as", target)]
        checks: list[Json] = workspace.run("check", "--json", *options).document["checks"]
        assert [(check["alias"], check["grade"], check["hint"]) for check in checks if check["alias"]] == [
            ours,
            ("fresh-theirs", grade, values),
        ]


def test_a_key_that_ended_with_its_workshop(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with timed(tmp_path / "timed.sqlite") as server:
        end = (server.clock() + timedelta(hours=1)).replace(microsecond=0)
        workspace.configure(
            f"proxy: {{url: '{server.front.url}'}}\n"
            f"workshops: {{w: {{count: 1, models: [gpt-4], ends_at: '{end.isoformat()}'}}}}\n"
        )
        workspace.apply()
        server.clock.forward(hours=1, seconds=1)  # LiteLLM meets an end to the second
        checks: list[Json] = workspace.run("check", "--json", "--as", "*").document["checks"]
    [tried] = [check for check in checks if check["alias"]]
    assert (tried["detail"], tried["hint"]) == (
        "w-user1 opens nothing: it has expired.",
        "vkstate extend w 2h gives its workshop time again; where it is over: vkstate destroy --target workshop:w",
    )


def test_access_groups_are_their_models(workspace: Workspace, front: Front) -> None:
    """As a LiteLLM with access groups answers: their names only where they are asked for, their models to a key."""

    def rule(seen: Seen) -> Doing:
        if seen.path == "/model/info":
            info = {"beta": ["gpt-4"], "all": ["gpt-3.5-turbo", "gpt-4"]}
            entry = [
                {"model_name": model, "model_info": {"access_groups": [g for g in info if model in info[g]]}}
                for model in ("gpt-4", "gpt-3.5-turbo")
            ]
            return say_json(200, {"data": entry})
        if seen.path == "/v1/models" and "include_model_access_groups" in seen.query:
            return say_json(200, {"data": [{"id": name} for name in ("gpt-4", "gpt-3.5-turbo", "beta", "all")]})
        return Pass()

    front.rule = rule
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [beta]}}, two: {{models: [all]}}}}\n")
    workspace.apply()
    for alias in ("one", "two"):
        models = ["gpt-4"] if alias == "one" else ["gpt-4", "gpt-3.5-turbo"]
        front.sandbox.update(workspace.tokens[alias], models=models)
    assert of("key", found(workspace, "--as", "*")) == [
        ("ok", "one opens the proxy, and may use gpt-4."),
        ("ok", "two opens the proxy, and may use gpt-3.5-turbo and gpt-4."),
    ]


def test_many_keys_that_are_well_are_one_line(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\n"
        "keys: {odd: {models: [gpt-4], blocked: true}}\nworkshops: {w: {count: 11, models: [gpt-4]}}\n"
    )
    workspace.apply()
    lines = workspace.ok("check", "--as", "*").stdout.splitlines()
    assert [line for line in lines if " key: " in line] == [
        "ok    key: 11 keys open the proxy, and may use just the models that they were given (-v names them).",
        "warn  key: odd opens nothing: it is blocked, as it was applied.",
    ]
    lines = workspace.ok("check", "-v", "--as", "*").stdout.splitlines()
    assert sum(" key: " in line for line in lines) == 12
    aliases = [check["alias"] for check in workspace.ok("check", "--as", "*", "--json").document["checks"]]
    assert len([alias for alias in aliases if alias]) == 12


def test_no_value_is_shown_however_talkative_it_is(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    ran = workspace.ok("-v", "check", "--as", "one")
    assert "GET /v1/models -> 200" in ran.stderr
    for secret in (workspace.values["one"], DEFAULT_MASTER_KEY):
        assert secret not in ran.stdout + ran.stderr
    asked = [seen for seen in front.seen if seen.path == "/v1/models"]
    assert all(workspace.values["one"] not in str(seen) for seen in asked)


def test_a_proxy_that_is_not_up_yet_is_not_called_another_program(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}', retries: 0}}\n")
    front.rule = lambda _: say_json(502, {"message": "no healthy upstream"})
    [(grade, detail)] = of("proxy", found(workspace))
    assert grade == "wrong"
    assert detail.startswith("the proxy failed. ")
    assert "LiteLLM, or a gateway in front of it, answered 502" in detail


def test_keys_that_cannot_be_tried_are_named(
    workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}, two: {{models: [gpt-4]}}}}\n"
    )
    workspace.apply()
    untried = [("warning", "one, two were not tried: see above.")]
    front.rule = lambda _: say_json(502, {"message": "no healthy upstream"})
    assert of("key", found(workspace, "--as", "*")) == untried
    assert of("key", found(workspace)) == []
    front.rule = lambda _: Pass()
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-wrong")
    assert of("key", found(workspace, "--as", "*")) == untried
    monkeypatch.delenv("LITELLM_MASTER_KEY")
    assert of("key", found(workspace, "--as", "*")) == untried
