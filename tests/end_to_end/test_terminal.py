"""What is asked and shown on a terminal: the prompt, colours, the progress bar."""

from __future__ import annotations

import signal

import pytest

from tests.end_to_end.terminal import CTRL_C, SHOW_CURSOR, terminal
from tests.front import Front, Pass
from tests.workspace import Workspace

CONFIG = (
    "proxy: {url: '%s'}\n"
    "workshops:\n  event: {count: 3, models: [gpt-4], max_budget: 1}\n"
    "keys:\n  one: {models: [gpt-4]}\n"
)
APPLY = "Make these 4 changes on %s?"
DESTROY = "Delete 3 keys of the workshop event and 1 key from %s? Their holders are locked out at once."


@pytest.mark.parametrize("cold", [False, True], ids=["forked", "cold"])
def test_yes(workspace: Workspace, front: Front, *, cold: bool) -> None:
    workspace.configure(CONFIG % front.url)
    with terminal(workspace, "apply", cold=cold) as screen:
        screen.expect(APPLY % front.url)
        screen.expect("Only the word yes is taken as consent: ")
        assert front.writes == []
        screen.type(b"yes\n")
        assert screen.wait() == 0
        screen.expect("Apply complete! 4 created, 0 updated, 0 replaced, 0 deleted.")
        assert "\x1b[32m" in screen.raw, "creates are green"
    with terminal(workspace, "destroy", cold=cold) as screen:
        screen.expect(DESTROY % front.url)
        screen.type(b"yes\n")
        assert screen.wait() == 0
        screen.expect("Destroy complete! 4 deleted. 0 of 4 remain.")
    assert workspace.keys == {}


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("apply", b"no\n"),
        ("apply", b"\n"),
        ("apply", b"YES\n"),
        ("destroy", b"no\n"),
        ("destroy", b"y\n"),
        ("destroy", b"\x04"),
    ],
)
def test_anything_else_is_no(workspace: Workspace, front: Front, command: str, answer: bytes) -> None:
    workspace.configure(CONFIG % front.url)
    if command == "destroy":
        workspace.apply()
    before, written = workspace.files(), len(front.writes)
    with terminal(workspace, command) as screen:
        screen.expect("Only the word yes is taken as consent: ")
        screen.type(answer)
        assert screen.wait() == 4
        screen.expect("error: cancelled\n  Nothing was changed.\nhint: run the same command again to be asked again\n")
    after = workspace.files()
    assert {name: after[name] for name in before} == before
    assert len(front.writes) == written


@pytest.mark.parametrize(("command", "cold"), [("apply", False), ("apply", True), ("destroy", False)])
def test_ctrl_c_at_the_prompt(workspace: Workspace, front: Front, command: str, *, cold: bool) -> None:
    workspace.configure(CONFIG % front.url)
    if command == "destroy":
        workspace.apply()
    before, written = workspace.files(), len(front.writes)
    with terminal(workspace, command, cold=cold) as screen:
        screen.expect("Only the word yes is taken as consent: ")
        screen.type(CTRL_C)
        assert screen.wait() == 130
        screen.expect("error: interrupted\n  Nothing more was started.\n")
        assert "Traceback" not in screen.text
    after = workspace.files()
    assert {name: after[name] for name in before} == before
    assert len(front.writes) == written
    assert workspace.run("plan").code == 0


def test_sigterm_at_the_prompt(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % front.url)
    with terminal(workspace, "apply") as screen:
        screen.expect("Only the word yes is taken as consent: ")
        screen.signal(signal.SIGTERM)
        assert screen.wait() in (143, -signal.SIGTERM)
    assert front.writes == []
    workspace.apply()


def test_no_colours_where_nobody_wants_them(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % front.url)
    with terminal(workspace, "plan") as screen:
        assert screen.wait() == 0
        assert "\x1b[" in screen.raw
        coloured = screen.text
    for arguments, environ in (
        (("--no-color", "plan"), {}),
        (("plan",), {"NO_COLOR": "1"}),
        (("plan",), {"TERM": "dumb"}),
    ):
        with terminal(workspace, *arguments, environ=environ) as screen:
            assert screen.wait() == 0
            assert "\x1b" not in screen.raw
            assert screen.text == coloured


def test_a_bar_on_a_terminal(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % front.url)
    front.rule = lambda seen: Pass(0.1 if seen.path == "/key/generate" else 0.0)
    with terminal(workspace, "apply", "--auto-approve", "--parallelism", "1") as screen:
        assert screen.wait() == 0
        screen.expect("Apply complete! 4 created, 0 updated, 0 replaced, 0 deleted.")
        assert "/4" in screen.text
        assert SHOW_CURSOR in screen.raw


def test_the_plan_is_as_wide_as_the_terminal(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nkeys:\n  one:\n    models: [gpt-4, gpt-3.5-turbo]\n    max_budget: 1\n"
        "    rpm_limit: 1\n    tpm_limit: 1\n    metadata: {one: a long text, two: a long text, three: a long text}\n"
    )
    with terminal(workspace, "plan", "--no-color") as screen:
        assert screen.wait() == 0
        assert max(len(line) for line in screen.text.splitlines()) <= 100
