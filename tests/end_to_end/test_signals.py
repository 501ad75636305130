"""Ctrl-C, SIGTERM and SIGKILL in the middle of a run: nothing is lost, and the next run finishes the job."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.end_to_end.terminal import CTRL_C, terminal
from tests.front import Doing, Front, Hold, Pass, Say, Seen, rows_of
from tests.workspace import Workspace

COUNT = 100
CONFIG = "proxy: {url: '%s', timeout: 20s}\nworkshops:\n  event: {count: %d, models: [gpt-4]}\n"
STOPPING = "Stopping: nothing new is started; what is under way is awaited and saved. Once more stops at once."
AT_ONCE = "Stopped at once. What was sent and not answered is recorded as pending; the next apply settles it."
SOON = 12.0
"""Seconds in which a process ends that waits for nobody, on a busy machine; a request may take 20."""


def slowed(path: str, seconds: float) -> Callable[[Seen], Doing]:
    """A rule that makes one kind of request take a while."""
    return lambda seen: Pass(seconds if seen.path == path else 0.0)


def finished(workspace: Workspace, front: Front) -> None:
    """Apply again: every key is there exactly once, is ours, and its value is known."""
    front.rule = slowed("", 0.0)
    workspace.apply()
    workspace.consistent()
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
    assert len(workspace.tokens) == COUNT
    assert {record["status"] for record in workspace.keys.values()} == {"ready"}


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGINT, 130, "Interrupted by Ctrl-C"),
        (signal.SIGTERM, 143, "Stopped by SIGTERM"),
    ],
)
def test_once(workspace: Workspace, front: Front, number: signal.Signals, code: int, words: str) -> None:
    workspace.configure(CONFIG % (front.url, COUNT))
    front.rule = slowed("/key/generate", 0.05)
    with terminal(workspace, "apply", "--auto-approve") as screen:
        front.wait_for("POST", "/key/generate", 20)
        if number is signal.SIGINT:
            screen.type(CTRL_C)
        else:
            screen.signal(number)
        assert screen.wait() == code
        screen.expect(STOPPING)
        screen.expect(f"{words}: what was running was awaited and saved; nothing more was started.")
        made = len(rows_of(front.sandbox))
        assert 20 <= made < COUNT
        screen.expect(f"Apply incomplete: {made} created, 0 updated, 0 replaced, 0 deleted; ")
        screen.expect(f"; 0 failed, {COUNT - made} not attempted.")
    assert len(workspace.keys) == made, "nothing was left half done"
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
    assert {record["status"] for record in workspace.keys.values()} == {"ready"}
    assert set(workspace.stored) == set(workspace.tokens.values())
    before = workspace.tokens
    finished(workspace, front)
    assert {alias: workspace.tokens[alias] for alias in before} == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_twice(workspace: Workspace, front: Front, number: signal.Signals, code: int) -> None:
    """Requests hang; the second signal does not wait for them. They land later, and are found by their tokens."""
    workspace.configure(CONFIG % (front.url, COUNT))
    release = threading.Event()
    sent = iter(range(10_000))
    front.rule = lambda seen: Hold(release) if seen.path == "/key/generate" and next(sent) >= 10 else Pass()
    with terminal(workspace, "apply", "--auto-approve") as screen:
        front.wait_for("POST", "/key/generate", 18)
        screen.signal(number)
        screen.expect(STOPPING)
        assert screen.process.poll() is None
        began = time.monotonic()
        screen.signal(number)
        assert screen.wait() == code
        assert time.monotonic() - began < SOON
        screen.expect(AT_ONCE)
        assert "Traceback" not in screen.text
    workspace.consistent()
    statuses = {record["status"] for record in workspace.keys.values()}
    assert statuses <= {"ready", "pending"}
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()}.items() <= workspace.tokens.items()
    hanging = workspace.tokens
    release.set()
    deadline = time.monotonic() + 5
    while len(rows_of(front.sandbox)) < 18 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()}.items() <= hanging.items()
    finished(workspace, front)


def test_kill_9(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, COUNT))
    front.rule = slowed("/key/generate", 0.02)
    with workspace.forked("apply", "--auto-approve") as process:
        front.wait_for("POST", "/key/generate", 30)
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    workspace.consistent()
    assert len(workspace.tokens) == COUNT, "all were recorded before the first was sent"
    time.sleep(0.2)
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()}.items() <= workspace.tokens.items()
    finished(workspace, front)


def test_too_late_to_prevent_anything(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 3))
    workspace.apply()
    release = threading.Event()
    front.rule = lambda seen: Hold(release) if seen.path == "/key/delete" else Pass()
    with terminal(workspace, "destroy", "--auto-approve") as screen:
        front.wait_for("POST", "/key/delete")
        screen.type(CTRL_C)
        screen.expect(STOPPING)
        release.set()
        assert screen.wait() == 0
        screen.expect("Destroy complete! 3 deleted. 0 of 3 remain.")
    assert (workspace.keys, rows_of(front.sandbox)) == ({}, {})


def test_while_the_proxy_hangs_under_the_plan(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 3))
    release = threading.Event()
    front.rule = lambda seen: Hold(release)
    try:
        with terminal(workspace, "plan") as screen:
            front.wait_for("GET", "/key/list")
            began = time.monotonic()
            screen.type(CTRL_C)
            assert screen.wait() == 130
            assert time.monotonic() - began < SOON
            screen.expect("error: interrupted\n  Nothing more was started.\n")
    finally:
        release.set()


def test_while_several_requests_of_the_plan_hang(workspace: Workspace, front: Front) -> None:
    """Nobody waits for the threads that read in parallel."""
    aliases = [f"{letter * 3}-key" for letter in "abcdefgh"]
    workspace.configure(
        f"proxy: {{url: '{front.url}', timeout: 20s}}\nkeys:\n"
        + "".join(f"  {alias}: {{models: [gpt-4]}}\n" for alias in aliases)
    )
    for number in range(201):
        front.sandbox.create(f"theirs{number}", models=["gpt-4"])
    front.sandbox.made.clear()
    release = threading.Event()
    front.rule = lambda seen: Pass() if front.count("GET", "/key/list") < 2 else Hold(release)
    try:
        with terminal(workspace, "plan") as screen:
            front.wait_for("GET", "/key/list", 2)
            time.sleep(0.3)
            began = time.monotonic()
            screen.type(CTRL_C)
            assert screen.wait() == 130
            assert time.monotonic() - began < SOON
    finally:
        release.set()


def test_while_the_proxy_lets_everything_wait(workspace: Workspace, front: Front) -> None:
    """What waits was not sent, and nobody waits for it."""
    workspace.configure(CONFIG % (front.url, COUNT))
    later = Say(429, b"later", {"retry-after": "50"})
    sent = iter(range(10_000))
    front.rule = lambda seen: later if seen.path == "/key/generate" and next(sent) >= 20 else Pass()
    with terminal(workspace, "apply", "--auto-approve") as screen:
        front.wait_for("POST", "/key/generate", 21)
        time.sleep(0.5)
        front.rule = lambda _: Pass()
        began = time.monotonic()
        screen.type(CTRL_C)
        assert screen.wait() == 130
        assert time.monotonic() - began < SOON
        screen.expect(STOPPING)
        screen.expect(f"; 20 failed, {COUNT - 20} not attempted.")
    assert {record["status"] for record in workspace.keys.values()} == {"pending"}
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
    before = workspace.tokens
    assert len(before) == 20
    finished(workspace, front)
    assert {alias: workspace.tokens[alias] for alias in before} == before
