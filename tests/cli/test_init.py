"""``vkstate init``: a project to begin with, and nothing that exists is touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.workspace import Workspace

LINEAGE = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def test_in_an_empty_directory(workspace: Workspace) -> None:
    ran = workspace.ok("init")
    lineage = workspace.state["lineage"]
    assert re.fullmatch(LINEAGE, lineage)
    assert ran.stdout == ""
    assert ran.stderr == (
        "vkstate.yaml was written: two keys and a workshop of 25 on the sandbox, to be changed by you.\n"
        f"vkstate.state.json was written: an empty state, lineage {lineage}.\n"
        ".gitignore was extended: .vkstate/.\n"
        "\n"
        "Next: vkstate plan, vkstate apply, vkstate output. Commit the config and the state, both.\n"
    )
    assert workspace.state == {"format": 1, "keys": {}, "lineage": lineage, "serial": 0}
    assert (workspace.path / ".gitignore").read_text() == ".vkstate/\n"
    private = workspace.path / ".vkstate"
    assert (private.stat().st_mode & 0o777, (private / ".gitignore").read_text()) == (0o700, "*\n")
    assert workspace.run("plan", "--detailed-exitcode").code == 2, "what is written can be used at once"


def test_again(workspace: Workspace) -> None:
    workspace.ok("init")
    before = workspace.files()
    ran = workspace.ok("init")
    assert ran.stderr.splitlines()[:2] == [
        "vkstate.yaml exists and is left as it is.",
        f"vkstate.state.json exists and is left as it is (lineage {workspace.state['lineage']}).",
    ]
    assert workspace.files() == before


def test_beside_what_is_there(workspace: Workspace) -> None:
    workspace.write("vkstate.yaml", "proxy: {url: 'sandbox://'}\n")
    workspace.write(".gitignore", "*.pyc")
    workspace.ok("init")
    assert (workspace.path / "vkstate.yaml").read_text() == "proxy: {url: 'sandbox://'}\n"
    assert (workspace.path / ".gitignore").read_text() == "*.pyc\n.vkstate/\n"


def test_a_state_that_is_damaged_is_not_replaced(workspace: Workspace) -> None:
    workspace.write("vkstate.state.json", "{")
    ran = workspace.run("init")
    assert (ran.code, ran.stderr.splitlines()[1]) == (1, "error: the state is not valid JSON")
    assert workspace.state_path.read_text() == "{"


def test_two_projects_have_two_lineages(workspace: Workspace) -> None:
    workspace.ok("init")
    first = workspace.state["lineage"]
    workspace.state_path.unlink()
    workspace.ok("init")
    assert workspace.state["lineage"] != first


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_state_that_git_has_is_to_be_brought_back(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    workspace.ok("init")
    for command in (["init", "-q"], ["add", "vkstate.state.json"]):
        subprocess.run(["git", *command], cwd=workspace.path, check=True)
    workspace.state_path.unlink()
    (workspace.path / "vkstate.yaml").unlink()
    ran = workspace.run("init")
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: this project has a state already",
            (
                "  vkstate.state.json does not exist, but git has it. A new state would not know the keys of that one. "
                "Nothing was written."
            ),
            (
                "hint: bring it back: git restore vkstate.state.json; to begin anew all the same, commit its removal "
                "first"
            ),
        ],
    )
    assert not (workspace.path / "vkstate.yaml").exists()
