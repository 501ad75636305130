"""Shell completion: its script is printed for each shell, and it knows commands and recorded aliases."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace

SCRIPTS = {
    "bash": "complete -o default -F _vkstate_completion vkstate",
    "zsh": "#compdef vkstate",
    "fish": "complete --command vkstate",
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script(workspace: Workspace, shell: str) -> None:
    asked = workspace.run_forked(environ={"_VKSTATE_COMPLETE": f"source_{shell}"})
    assert (asked.code, asked.stderr) == (0, "")
    assert SCRIPTS[shell] in asked.stdout
    shown = workspace.run_forked(
        "--show-completion", shell, environ={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert (shown.code, shown.stderr) == (0, "")
    assert shown.stdout.strip() == asked.stdout.strip()


def completed(workspace: Workspace, line: str) -> list[str]:
    """What bash would offer for the last word of a line."""
    words = line.split(" ")
    ran = workspace.run_forked(
        environ={"_VKSTATE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    )
    assert (ran.code, ran.stderr) == (0, "")
    return ran.stdout.split()


def test_commands_and_aliases(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\nworkshops: {event: {count: 11, models: [gpt-4]}}\n"
    )
    workspace.apply()
    assert completed(workspace, "vkstate va") == ["validate"]
    assert completed(workspace, "vkstate apply --target o") == ["one"]
    assert completed(workspace, "vkstate plan --exclude event-user1") == ["event-user1", "event-user10", "event-user11"]
    assert completed(workspace, "vkstate output --format j") == ["json"]


@pytest.mark.parametrize("content", [None, "{", '{"keys": 3}'])
def test_a_state_that_cannot_be_read_completes_nothing(workspace: Workspace, content: str | None) -> None:
    if content is not None:
        workspace.write("vkstate.state.json", content)
    assert completed(workspace, "vkstate output e") == []
