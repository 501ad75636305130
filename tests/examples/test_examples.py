"""Every example runs as its README says: on the sandbox, from nothing to nothing."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.examples.conftest import EXAMPLES, MADE
from tests.launcher import launcher
from vkstate.cli.app import run
from vkstate.sandbox.server import serving
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

PROJECTS: Final = {
    "single-key": ["billing-service"],
    "workshop": [f"ai-workshop-participant{number}" for number in range(1, 26)],
    "roster": ["prompt-course-p01", "prompt-course-p02", "prompt-course-p03", "prompt-course-p04"],
    "many-projects/chatbot": ["chatbot-production", "chatbot-staging"],
    "many-projects/data-team": ["data-team-analyst", "data-team-engineer", "data-team-scientist"],
    "from-terraform": ["billing-service", "prompt-course-p01", "prompt-course-p02", "prompt-course-p03"],
    "ci/keys": ["billing-service", "prompt-course-alice", "prompt-course-bob"],
    "from-ansible": ["my-dev-project", *(f"ai-workshop-2024-participant{number}" for number in range(1, 26))],
}
"""By directory, the aliases of its keys."""

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_variables_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name == "CI" or name.startswith("VKSTATE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of all examples, as they are in a fresh checkout."""
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=MADE)


@pytest.fixture
def vkstate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a directory, checks its exit code, and gives what it wrote to stdout."""

    def command(directory: Path, *arguments: str, code: int = 0) -> str:
        monkeypatch.chdir(directory)
        found = run(arguments)
        said = capsys.readouterr()
        assert found == code, said.err
        return said.out

    return command


def test_every_project_is_run() -> None:
    assert {str(path.parent.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("vkstate.yaml")} == set(PROJECTS)


@pytest.mark.parametrize(("name", "aliases"), PROJECTS.items(), ids=PROJECTS)
def test_from_nothing_to_nothing(name: str, aliases: list[str], copied: Path, vkstate: Run) -> None:
    project = copied / name
    ignored = (project / ".gitignore").read_bytes()
    config = (project / "vkstate.yaml").read_bytes()
    count = len(aliases)

    vkstate(project, "init")
    assert (project / ".gitignore").read_bytes() == ignored == b".vkstate/\n"
    assert (project / "vkstate.yaml").read_bytes() == config
    planned, _, fingerprint = vkstate(project, "plan").rpartition("Fingerprint: ")
    assert planned.endswith(f"Plan: {count} to create, 0 to update, 0 to replace, 0 to delete.\n")
    assert re.fullmatch("[0-9a-f]{64}\n", fingerprint)
    applied = vkstate(project, "apply", "--auto-approve")
    assert applied.endswith(f"Apply complete! {count} created, 0 updated, 0 replaced, 0 deleted.\n")

    state = (project / "vkstate.state.json").read_bytes()
    nothing = "No changes. The proxy matches the configuration.\n"
    assert vkstate(project, "plan", "--detailed-exitcode") == nothing
    vkstate(project, "apply", "--auto-approve")
    assert (project / "vkstate.state.json").read_bytes() == state

    keys = json.loads(vkstate(project, "output", "--json"))["keys"]
    assert sorted(key["alias"] for key in keys) == sorted(aliases)
    assert {(key["key"], key["status"]) for key in keys} == {(None, "ready")}

    destroyed = vkstate(project, "destroy", "--auto-approve")
    assert destroyed.endswith(f"Destroy complete! {count} deleted. 0 of {count} remain.\n")
    assert vkstate(project, "state", "list") == ""
    vkstate(project, "plan", "--detailed-exitcode", code=2)


def test_the_roster_reaches_the_handout(copied: Path, vkstate: Run) -> None:
    project = copied / "roster"
    vkstate(project, "init")
    vkstate(project, "apply", "--auto-approve")
    told = list(csv.DictReader(vkstate(project, "output", "--format", "csv").splitlines()))
    assert [row["email"] for row in told] == [row["user_id"] for row in told]
    assert [(row["user_id"], row["max_budget"], row["name"], row["seat"]) for row in told] == [
        ("p01@example.com", "10", "First Participant", "A1"),
        ("p02@example.com", "10", "Second Participant", "A2"),
        ("p03@example.com", "25", "Third Participant", "B1"),
        ("p04@example.com", "10", "Fourth Participant", "B2"),
    ]


def test_many_projects_share_one_proxy(copied: Path, tmp_path: Path) -> None:
    script = copied / "many-projects" / "each.sh"
    path = f"{launcher(tmp_path / 'bin').parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "LITELLM_MASTER_KEY": DEFAULT_MASTER_KEY}

    def each(*arguments: str, code: int = 0) -> list[str]:
        done = subprocess.run(
            [script, *arguments],
            check=False,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == code, done.stdout + done.stderr
        return re.findall(r"^(?:== |Plan|Apply|Destroy|No changes|\d+ other).*$", done.stdout, re.MULTILINE)

    with serving(tmp_path / "sandbox.sqlite") as url:
        shared = copied / "many-projects" / "shared.yaml"
        shared.write_text(f"proxy: {url}\n", encoding="utf-8")
        each("init")
        assert each("apply", "--auto-approve") == [
            "== chatbot",
            "Plan: 2 to create, 0 to update, 0 to replace, 0 to delete.",
            "Apply complete! 2 created, 0 updated, 0 replaced, 0 deleted.",
            "== data-team",
            "2 other keys on the proxy are not managed here.",
            "Plan: 3 to create, 0 to update, 0 to replace, 0 to delete.",
            "Apply complete! 3 created, 0 updated, 0 replaced, 0 deleted.",
        ]
        assert each("plan", "--detailed-exitcode") == [
            "== chatbot",
            "3 other keys on the proxy are not managed here.",
            "No changes. The proxy matches the configuration.",
            "== data-team",
            "2 other keys on the proxy are not managed here.",
            "No changes. The proxy matches the configuration.",
        ]
        assert each("destroy", "--auto-approve")[-1] == "Destroy complete! 3 deleted. 0 of 3 remain."
        assert each("plan", "--detailed-exitcode", code=2)[0] == "== chatbot"
