"""The master key from each of its places, in whole runs: it reaches the proxy, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.test_git_standing import git
from tests.front import Front, fronted
from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

PLACES = {
    "file": "{file: key.txt}",
    "command": "{command: [sh, -c, 'base64 -d key.b64']}",
    "kubernetes": "{kubernetes: {namespace: llm, secret: litellm, key: master-key}}",
    "environment": "'${env.PROD_KEY}'",
}
KEYS = "keys: {one: {models: [gpt-4]}}\n"


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with fronted(tmp_path / "elsewhere.sqlite") as found:
        yield found


def spied(programs: Path, name: str, answer: Path | None = None) -> None:
    """A program of this name that notes how it is called and in which environment, and does what the real one does, or
    prints a file."""
    real = f"cat {answer}" if answer else f'exec {shutil.which(name)} "$@"'
    script = programs / name
    script.write_text(f'#!/bin/sh\n{{ echo "{name} $*"; env; }} >> {programs}/noted\n{real}\n', encoding="utf-8")
    script.chmod(0o755)


@pytest.mark.parametrize("place", PLACES)
def test_it_reaches_the_proxy_and_no_other_program(
    workspace: Workspace, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    git(workspace.path, "init", "--initial-branch", "main")
    programs = tmp_path / "programs"
    programs.mkdir()
    encoded = base64.b64encode(DEFAULT_MASTER_KEY.encode()).decode()
    secret = programs / "secret.json"
    secret.write_text(json.dumps({"kind": "Secret", "data": {"master-key": encoded}}), encoding="utf-8")
    spied(programs, "git")
    spied(programs, "kubectl", secret)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PROD_KEY", DEFAULT_MASTER_KEY if place == "environment" else "")
    (workspace.path / "key.txt").write_text(f"{DEFAULT_MASTER_KEY}\n", encoding="utf-8")
    (workspace.path / "key.txt").chmod(0o600)
    (workspace.path / "key.b64").write_text(encoded, encoding="utf-8")
    workspace.configure(f"proxy: {{url: '{front.url}', master_key: {PLACES[place]}}}\n{KEYS}")
    for command in (("plan",), ("apply", "--auto-approve"), ("check", "--as", "one"), ("destroy", "--auto-approve")):
        ran = workspace.ok("-v", *command)
        assert DEFAULT_MASTER_KEY not in ran.stdout + ran.stderr
    noted = (programs / "noted").read_text(encoding="utf-8")
    assert "git -c core.fsmonitor=false" in noted
    assert ("kubectl get secret litellm --namespace llm" in noted) is (place == "kubernetes")
    assert DEFAULT_MASTER_KEY not in noted
    assert front.sandbox.listed()["total_count"] == 0


def test_a_file_that_others_can_read_is_a_warning(workspace: Workspace, front: Front) -> None:
    path = workspace.path / "key.txt"
    path.write_text(DEFAULT_MASTER_KEY, encoding="utf-8")
    path.chmod(0o640)
    workspace.configure(f"proxy: {{url: '{front.url}', master_key: {{file: key.txt}}}}\n{KEYS}")
    said = "proxy.master_key: others on this machine can read the file (mode 0640): chmod 600 it"
    assert said in workspace.ok("plan").stderr
    path.chmod(0o600)
    assert workspace.ok("plan").stderr == ""
