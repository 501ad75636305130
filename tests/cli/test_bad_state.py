"""A state that cannot be used: its own clear error, never a guess, never an overwrite; nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.workspace import Workspace

CONFIG = "proxy: {url: 'http://127.0.0.1:1'}\nkeys:\n  my-project: {models: [gpt-4]}\n"
LINEAGE = "0a1b2c3d-0000-4000-8000-000000000000"
TOKEN = "5" * 64
RECORD = {
    "applied": {"duration": "30d", "models": ["gpt-4"], "user_id": "my-project"},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-31T00:00:00Z",
    "id": "0123456789abcdef",
    "origin": "created",
    "status": "ready",
    "token": TOKEN,
}


def state(**fields: object) -> str:
    """A state with one key, with some fields in place of the sound ones."""
    document = {
        "format": 1,
        "keys": {"my-project": RECORD},
        "lineage": LINEAGE,
        "proxy": "http://127.0.0.1:1",
        "serial": 1,
    }
    return json.dumps(document | fields, indent=2, sort_keys=True) + "\n"


SOUND = state()
CASES = {
    "empty": "",
    "truncated": SOUND[:200],
    "conflicted": SOUND.replace(
        '  "serial": 1\n', '<<<<<<< HEAD\n  "serial": 1\n=======\n  "serial": 2\n>>>>>>> feature\n'
    ),
    "newer": state(format=2),
    "foreign": '{"version": 4, "terraform_version": "1.9.0"}\n',
    "not_json": "proxy: nope\n",
    "key_twice": SOUND.replace('    "my-project": {', '    "my-project": {},\n    "my-project": {'),
    "impossible_token": state(keys={"my-project": {**RECORD, "token": "short"}}),
    "unknown_attribute": state(keys={"my-project": {**RECORD, "applied": {"max_budgets": 1}}}),
    "other_proxy": state(proxy="https://llm.example.com"),
}
READING = (("show",), ("state", "list"), ("state", "show", "my-project"), ("output",), ("spend",))
PLANNING = (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve"))


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A fresh clone: a config, and a master key."""
    workspace.write("vkstate.yaml", CONFIG)
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-master-key-of-the-tests")
    return workspace


@pytest.mark.parametrize("name", CASES)
def test_every_command_refuses_it_alike(project: Workspace, golden: Callable[[str, str], None], name: str) -> None:
    project.write("vkstate.state.json", CASES[name])
    before = project.files()
    for command in PLANNING if name == "other_proxy" else (*READING, *PLANNING):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden(f"bad_state/{name}.txt", ran.stderr)
    assert project.files() == before


def test_no_state(project: Workspace, golden: Callable[[str, str], None]) -> None:
    before = project.files()
    for command in (*READING, *PLANNING):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden("bad_state/missing.txt", ran.stderr)
    assert project.files() == before


def test_bytes_that_are_no_text(project: Workspace, golden: Callable[[str, str], None]) -> None:
    project.state_path.write_bytes(SOUND.replace("ready", "re\udcffdy").encode(errors="surrogateescape"))
    before = project.files()
    for command in (*READING, *PLANNING):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden("bad_state/not_text.txt", ran.stderr)
    assert project.files() == before


def test_a_directory_in_its_place(project: Workspace) -> None:
    project.state_path.mkdir()
    for command in (*READING, *PLANNING):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        assert ran.stderr.splitlines()[0] == "error: a file was expected", command


def test_after_damage_the_backup_is_offered(workspace: Workspace) -> None:
    """The version before the last change is in ``.vkstate/``; the hint is a command that works."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]}\n")
    workspace.apply()
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]}\n  two: {models: [gpt-4]}\n")
    before = workspace.state_path.read_bytes()
    workspace.apply()
    workspace.state_path.write_bytes(before[:-30])
    ran = workspace.run("plan")
    backup = workspace.path / ".vkstate" / "vkstate.state.json.backup"
    assert ran.stderr.splitlines()[-1] == (
        f"hint: go back to the version before the last change: cp {backup} vkstate.state.json, or make it anew from "
        "the proxy: vkstate state rebuild"
    )
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ("{", "error: the secret store is damaged"),
        ('{"format": 9, "lineage": "x", "keys": {}}', "error: the secret store was written by a newer vkstate"),
        ('{"format": 1, "lineage": "somebody-elses", "keys": {}}', "error: the secret store belongs to another state"),
    ],
)
def test_a_secret_store_that_cannot_be_used(workspace: Workspace, content: str, summary: str) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]}\n")
    workspace.apply()
    store = workspace.write(".vkstate/keys.json", content)
    state = workspace.state_path.read_bytes()
    for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve"), ("output",), ("show",)):
        ran = workspace.run(*command)
        said = [line for line in ran.stderr.splitlines() if line.startswith("error:")]
        assert (ran.code, ran.stdout, said) == (1, "", [summary]), command
    assert (store.read_text(), workspace.state_path.read_bytes()) == (content, state)
    assert workspace.sandbox().listed()["total_count"] == 1


def test_a_secret_store_that_others_can_read_is_closed_and_said(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  my-project: {models: [gpt-4]}\n")
    workspace.apply()
    store = workspace.path / ".vkstate" / "keys.json"
    store.chmod(0o644)
    ran = workspace.ok("plan")
    [warning] = [line for line in ran.stderr.splitlines() if line.startswith("warning: ")]
    assert "keys.json" in warning
    assert store.stat().st_mode & 0o777 == 0o600
