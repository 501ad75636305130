"""One vkstate at a time on one state."""

from __future__ import annotations

import getpass
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.front import Front, Hold, Pass, rows_of
from tests.ready.starts import Piped
from tests.workspace import Workspace

CONFIG = "proxy: {url: '%s', timeout: 20s}\nworkshops:\n  event: {count: 4, models: [gpt-4]}\n"


@contextmanager
def held(workspace: Workspace, front: Front) -> Iterator[tuple[Piped, threading.Event]]:
    """An apply in another process that hangs, with the lock, until the event is set."""
    workspace.configure(CONFIG % front.url)
    release = threading.Event()
    front.rule = lambda seen: Hold(release) if seen.path == "/key/generate" else Pass()
    with workspace.forked("apply", "--auto-approve") as process:
        try:
            front.wait_for("POST", "/key/generate", 4)
            yield process, release
        finally:
            release.set()
            process.communicate(timeout=20)


def test_another_process_holds_it(workspace: Workspace, front: Front) -> None:
    with held(workspace, front) as (process, release):
        for command in ("apply", "destroy"):
            refused = workspace.run(command, "--auto-approve")
            assert (refused.code, refused.stdout) == (5, "")
            summary, detail, hint = refused.stderr.splitlines()
            assert summary == "error: the state is locked"
            holder = f"{getpass.getuser()} on {socket.gethostname()} (pid {process.pid})"
            assert detail.startswith(f"  vkstate.state.json is locked by {holder} since ")
            assert detail.endswith("Z, running vkstate apply.")
            assert hint == "hint: wait for it: run the same command with --lock-timeout 60s"
        waited = workspace.run("apply", "--auto-approve", "--lock-timeout", "1s")
        assert waited.code == 5
        first, *_, detail, _ = waited.stderr.splitlines()
        assert first.startswith("Waiting for the lock, held by ")
        assert detail.endswith(" It was not released within 1 s.")
        for reading in (("plan",), ("show",), ("state", "list"), ("output",), ("validate",), ("check",)):
            assert workspace.run(*reading).code == 0, reading
        assert front.count("POST", "/key/generate") == 4
        release.set()
        assert process.wait(20) == 0
    assert len(rows_of(front.sandbox)) == 4
    workspace.converged()


def test_a_plan_beside_an_apply_says_so(workspace: Workspace, front: Front) -> None:
    """What is under way looks like what was interrupted; the plan does not take the lock to find out."""
    with held(workspace, front) as (process, _):
        planned = workspace.ok("plan", "--json")
        assert {change["reason"] for change in planned.document["changes"]} <= {
            "its create was interrupted",
            "its create was never carried out",
        }
        [note] = [line for line in planned.stderr.splitlines() if line.startswith("note: ")]
        holder = f"{getpass.getuser()} on {socket.gethostname()} (pid {process.pid})"
        assert note.startswith(f"note: another run is under way, by {holder} since 20")
        assert note.endswith("Z, running vkstate apply. What it has not finished yet looks interrupted here.")
    assert "another run" not in workspace.ok("plan").stderr


def test_a_plan_after_an_apply_that_was_killed_does_not(workspace: Workspace, front: Front) -> None:
    with held(workspace, front) as (process, _):
        process.kill()
        process.wait(20)
        assert (workspace.path / ".vkstate" / "vkstate.state.json.lock.json").exists(), "its word is still there"
        assert "another run" not in workspace.ok("plan").stderr


def test_waiting_for_it(workspace: Workspace, front: Front) -> None:
    """Whoever waited plans with the state as the other one left it."""
    with held(workspace, front) as (process, release):
        timer = threading.Timer(0.5, release.set)
        timer.start()
        waited = workspace.run("apply", "--auto-approve", "--lock-timeout", "20s")
        assert waited.code == 0
        assert waited.stdout.splitlines()[0] == "No changes. The proxy matches the configuration."
        assert process.wait(20) == 0
    assert front.count("POST", "/key/generate") == 4


def test_a_lock_dies_with_its_process(workspace: Workspace, front: Front) -> None:
    with held(workspace, front) as (process, release):
        process.kill()
        process.wait()
        release.set()
        workspace.apply()
    assert len(rows_of(front.sandbox)) == 4


def test_a_duration_that_is_none(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    before = workspace.files()
    ran = workspace.run("apply", "--auto-approve", "--lock-timeout", "soon")
    assert (ran.code, ran.stdout) == (64, "")
    assert ran.stderr == (
        "error: the lock timeout is not a duration\n"
        "  --lock-timeout: 'soon' is not a duration: write one whole number and one unit of s, m, h, d or w, such as "
        "30d or 12h.\n"
        "hint: for example: --lock-timeout 60s\n"
    )
    assert workspace.files() == before
