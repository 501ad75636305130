"""What vkstate writes where nobody reads on, or where not every character can be written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

CONFIG = "proxy: {url: 'sandbox://'}\nworkshops:\n  event: {members: [%s], models: [gpt-4], max_budget: 5}\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A workshop whose plan needs more than ASCII: it is to be updated."""
    workspace.configure(CONFIG % "ada, bob")
    workspace.apply()
    workspace.configure((CONFIG % "ada, bob, carol").replace("max_budget: 5", "max_budget: 6"))
    return workspace


def test_an_encoding_that_lacks_characters(project: Workspace) -> None:
    plan = project.run_process("plan", environ={"PYTHONIOENCODING": "latin-1"})
    assert plan.code == 0, plan
    assert "max_budget: 5 \\u2192 6" in plan.stdout
    apply = project.run_process("apply", "--auto-approve", environ={"PYTHONIOENCODING": "latin-1"})
    assert (apply.code, apply.last_line) == (0, "Apply complete! 1 created, 2 updated, 0 replaced, 0 deleted.")
    project.converged()


def test_the_c_locale(project: Workspace) -> None:
    plan = project.run_process(
        "plan", environ={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    assert plan.code == 0, plan


def piped(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    """Run with a stdout that nobody reads; exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vkstate", *arguments],
        cwd=workspace.path,
        env=workspace.child_environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process:
        words = process.stderr.read()
    return process.returncode, words


@pytest.mark.parametrize("command", [("plan",), ("output",), ("spend",), ("schema",), ("version",)])
def test_nobody_reads_on(project: Workspace, command: tuple[str, ...]) -> None:
    """As in ``vkstate output | head -1``: no traceback."""
    code, words = piped(project, *command)
    assert code in (0, 1)
    assert "Traceback" not in words
    assert "Exception ignored" not in words
    assert "bug" not in words


def test_nobody_reads_the_plan_of_an_apply(project: Workspace) -> None:
    """What could not be shown is not carried out."""
    before = project.state
    code, words = piped(project, "apply", "--auto-approve")
    assert (code, "Traceback" in words) == (1, False)
    assert project.state == before


def test_nobody_reads_the_progress_of_an_apply(project: Workspace) -> None:
    """As in ``vkstate apply 2>&1 >plan.txt | head -1``: the progress decides nothing."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vkstate", "apply", "--auto-approve"],
        cwd=project.path,
        env=project.child_environ() | {"LITELLM_MASTER_KEY": DEFAULT_MASTER_KEY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    process.stderr.close()
    with process:
        pass
    assert process.returncode == 0
    project.converged()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_stdout(project: Workspace) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vkstate", "output"],
            cwd=project.path,
            env=project.child_environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output cannot be written\n"
        "  Writing the output failed: No space left on device.\n"
        "hint: make room where the output goes, then run the command again\n"
    )


def test_streams_that_are_closed(project: Workspace) -> None:
    """As a careless supervisor leaves them: no other file may take their place and receive what is meant for people."""
    script = f"exec {sys.executable} -m vkstate apply --auto-approve <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", script], cwd=project.path, env=project.child_environ(), check=False)
    assert done.returncode == 0
    project.converged()
    without_words = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m vkstate plan --json 2>&-"],
        cwd=project.path,
        env=project.child_environ(),
        check=True,
        stdout=subprocess.PIPE,
    )
    assert json.loads(without_words.stdout)["changes"] == [], "stdout holds data and nothing else"
