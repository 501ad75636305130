"""No ``--out`` takes the place of what the project lives of, by whatever name it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import Workspace

CONFIG = """\
proxy: {url: 'sandbox://', master_key: {file: mk}}
workshops: {ai: {roster: people.csv, models: [gpt-4]}}
"""
COMMANDS = (
    ("output", "--format", "txt", "--force", "--out"),
    ("spend", "--out"),
    ("schema", "--out"),
    ("plan", "--out"),
    ("apply", "--auto-approve", "--secrets-out"),
)
OWN = (
    "vkstate.yaml",
    "vkstate.state.json",
    "vkstate.secrets.json",
    "mk",
    "people.csv",
    "vars.yaml",
    "id.txt",
    ".vkstate/keys.json",
    "linked",
    "soft",
    "somebody",
)


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace.configure(CONFIG)
    workspace.write("people.csv", "user\nann\n").chmod(0o600)
    workspace.write("mk", "sk-canary-master\n").chmod(0o600)
    workspace.apply()
    workspace.write("people.csv", "user\nann\nbob\n")
    workspace.write("vars.yaml", "{}\n").chmod(0o600)
    workspace.write("id.txt", "not read\n").chmod(0o600)
    workspace.write("somebody", f"# a key\nAGE-SECRET-{'KEY-1'}CANARY\n").chmod(0o600)
    (workspace.path / "linked").hardlink_to(workspace.path / "mk")
    (workspace.path / "soft").symlink_to("vkstate.state.json")
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", "id.txt")
    return workspace


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_nothing_of_the_project_is_written_over(project: Workspace, command: tuple[str, ...], name: str) -> None:
    before = contents(project.path)
    ran = project.run("--var-file", "vars.yaml", *command, name)
    why = f"{name} holds a secret key of age or ssh." if name == "somebody" else f"{name} belongs to the project."
    if command[0] == "plan" and (project.path / name).exists():
        assert (ran.code, ran.complaint[0]) == (1, "error: the plan is not saved over another file")
    else:
        assert (ran.code, ran.complaint) == (
            64,
            ["error: no file of the project is written over", f"  {why}", "hint: name another file"],
        )
    assert contents(project.path) == before


def test_schema_needs_no_config_for_it(workspace: Workspace) -> None:
    assert workspace.ok("schema", "--out", "schema.json").stderr.startswith("The schema was written to schema.json.")
    assert workspace.run("schema", "--out", "vkstate.yaml").code == 64


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name.endswith(("lock", "lock.json")) is False
    }
