"""Hints with ``-C``: each can be typed where vkstate was started."""

from __future__ import annotations

import subprocess

import pytest

from tests.workspace import Workspace
from vkstate.cli.elsewhere import directory_of, from_here


@pytest.mark.parametrize(
    ("arguments", "directory"),
    [
        (["plan"], None),
        (["-C", "keys", "plan"], "keys"),
        (["plan", "-Ckeys"], "keys"),
        (["--chdir=my keys", "plan"], "my keys"),
        (["plan", "--chdir", "keys"], "keys"),
        (["plan", "-C"], None),
    ],
)
def test_the_directory(arguments: list[str], directory: str | None) -> None:
    assert directory_of(arguments) == directory


@pytest.mark.parametrize(
    ("hint", "typed"),
    [
        ("vkstate plan, or vkstate state rebuild", "vkstate -C 'my keys' plan, or vkstate -C 'my keys' state rebuild"),
        ("git add vkstate.state.json", "cd 'my keys' && git add vkstate.state.json"),
        ("keep it aside: mv -n a b", "keep it aside: cd 'my keys' && mv -n a b"),
        ("see whether vkstate knows it", "see whether vkstate knows it"),
        ("pip install --upgrade vkstate", "pip install --upgrade vkstate"),
    ],
)
def test_a_hint_from_there(hint: str, typed: str) -> None:
    assert from_here(hint, "my keys") == typed
    assert from_here(hint, None) == hint


def test_what_is_hinted_at_can_be_typed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a project below the root of its repository is lost; the hint brings it back."""
    workspace.write("keys/vkstate.yaml", "proxy: {url: https://litellm.example.com}\nkeys: {one: {models: [gpt-4]}}\n")
    workspace.ok("-C", "keys", "init")
    for command in (
        "git init -q",
        "git config user.name You",
        "git config user.email you@example.com",
        "git add .",
        "git commit -q -m keys",
        "rm keys/vkstate.state.json",
    ):
        subprocess.run(command.split(), cwd=workspace.path, check=True)
    monkeypatch.chdir(workspace.path)  # a run in this process stays where it was told to go
    lost = workspace.run("-C", "keys", "show")
    assert lost.code == 1
    (hint,) = [line.removeprefix("hint: ") for line in lost.stderr.splitlines() if line.startswith("hint: ")]
    restore = "cd keys && git restore vkstate.state.json"
    assert hint == f"bring it back: {restore}, or make it anew from the proxy: vkstate -C keys state rebuild"
    subprocess.run(restore, cwd=workspace.path, check=True, shell=True)
    monkeypatch.chdir(workspace.path)
    workspace.ok("-C", "keys", "show")
