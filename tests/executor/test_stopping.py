"""Ctrl-C once: what runs is awaited, nothing new starts. Twice: at once. The state is in order either way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from tests.executor.fuse import fails
from tests.executor.scenes import mixed
from tests.executor.world import NoPause, Watcher, World, failing, said
from tests.factories import NOW, desired, foreign, token_of
from vkstate.executor.ports import AnswerLost
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, Status


def stopping(here: World, at: str, send: Callable[[], None]) -> Callable[[str, object], None]:
    """A hook that sends a signal at the first call of a name."""
    left = [1]

    def hook(name: str, _: object) -> None:
        if name == at and left:
            left.clear()
            send()

    return hook


def test_ctrl_c_awaits_what_runs_and_starts_nothing_new() -> None:
    here = mixed()
    hook = stopping(here, "proxy.create", lambda: here.stop.request("SIGINT"))
    with failing(here, hook):
        outcome = here.apply()
    words = said(outcome)
    why = "not attempted: The run was interrupted before it."
    assert outcome.interrupted == "SIGINT"
    assert {alias: word for alias, word in words.items() if word != "applied"} == {"create2": why, "create3": why}
    assert not outcome.complete
    assert here.journal.keys.keys() == {"adopt", "create1", "same", "update1", "update2", "update3"}
    assert {record.status for record in here.journal.keys.values()} == {Status.READY}
    assert here.journal.values.keys() == {record.token for record in here.journal.keys.values()} | {token_of("gone")}
    here.check()
    here.reopen()
    here.apply()
    here.converged()


@pytest.mark.parametrize(
    "at", ["proxy.delete", "proxy.update", "proxy.create", "proxy.newest", "proxy.find", "journal.keep_values"]
)
@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_stop_anywhere_leaves_everything_in_order(at: str, parallelism: int) -> None:
    here = mixed()
    with failing(here, stopping(here, at, lambda: here.stop.request("SIGTERM"))):
        outcome = here.apply(parallelism=parallelism)
    assert outcome.interrupted == "SIGTERM"
    here.check()
    assert {record.status for record in here.journal.keys.values()} == {Status.READY}
    assert {result.change.alias for result in outcome.results} == {change.alias for change in mixed().plan().effective}
    here.reopen()
    here.apply()
    here.converged()


def test_a_stop_does_not_leave_half_done_what_was_read_back() -> None:
    """A lost race is withdrawn, rivals are looked up, and what the proxy left out is made good."""
    here = World().want([desired("a"), desired("b")])
    here.proxy.rivals = {"a": foreign("a", created_at=NOW)}
    here.proxy.forced = {"max_budget": 100}
    here.proxy.lists_at_most = 1
    with failing(here, stopping(here, "proxy.newest", lambda: here.stop.request("SIGINT"))):
        outcome = here.apply()
    assert said(outcome)["b"] == "applied"
    assert here.journal.keys.keys() == {"b"}
    assert len(here.proxy.rows) == 2
    here.check()


def test_a_stop_that_came_too_late_to_prevent_anything() -> None:
    here = mixed()
    with failing(here, stopping(here, "proxy.newest", lambda: here.stop.request("SIGINT"))):
        outcome = here.apply()
    assert (outcome.interrupted, outcome.complete) == ("SIGINT", True)
    here.converged()


def test_a_stop_before_anything_was_sent_leaves_no_pending_record() -> None:
    here = World().want([desired("a"), desired("b")])
    here.stop.request("SIGINT")
    outcome = here.apply()
    assert len(outcome.not_attempted) == 2
    assert here.fuse.calls == ["journal.keep_values", "journal.save", "journal.save", "journal.drop_values"]
    assert (here.journal.keys, here.journal.values) == ({}, {})


def test_a_stop_while_a_create_waits_to_be_sent_again() -> None:
    here = World().want([desired("a")])
    with failing(
        here,
        stopping(here, "proxy.find", lambda: here.stop.request("SIGINT")),
        fails(AnswerLost("It was reset."), "proxy.create"),
    ):
        outcome = here.apply()
    assert said(outcome) == {"a": "failed: It was reset."}
    assert len(here.proxy.created) == 1
    assert here.journal.keys[Alias("a")].status is Status.PENDING
    here.reopen()
    here.apply()
    here.converged()


def test_a_stop_while_the_missing_are_sent_again() -> None:
    here = World().want([desired("a")])
    here.proxy.vanish = {"a": 1}
    with failing(here, stopping(here, "proxy.newest", lambda: here.stop.request("SIGINT"))):
        outcome = here.apply()
    assert [result.change.alias for result in outcome.failed] == ["a"]
    assert here.journal.keys[Alias("a")].status is Status.PENDING
    here.reopen()
    here.apply()
    here.converged()


@pytest.mark.parametrize(
    "at", ["proxy.delete", "proxy.update", "proxy.create", "proxy.newest", "proxy.find", "journal.save"]
)
def test_a_second_interrupt_ends_at_once_and_saves(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised in the owning thread, wherever that is; workers are simulated by letting them pass it on."""
    here = mixed()
    watcher = Watcher()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with failing(here, stopping(here, at, interrupt)), pytest.raises(KeyboardInterrupt):
        here.apply(observer=watcher)
    assert watcher.events[-1] == "ended"
    here.reopen()
    here.apply()
    here.converged()


def test_a_second_interrupt_while_a_request_hangs() -> None:
    """The owning thread does not wait for a worker that hangs in the network."""
    here = World().want([desired("a"), desired("b")])
    hanging, release, over = threading.Event(), threading.Event(), threading.Event()

    def hang(name: str, alias: object) -> None:
        if name == "proxy.create" and alias == "a":
            hanging.set()
            release.wait(10)
            over.set()
        if name == "proxy.create" and alias == "b":
            hanging.wait(10)

    class Interrupting(Watcher):
        def answered(self, changes: object) -> None:
            raise KeyboardInterrupt

    try:
        with failing(here, hang), pytest.raises(KeyboardInterrupt):
            here.apply(parallelism=2, observer=Interrupting())
        assert not over.is_set()
        assert {record.status for record in here.journal.keys.values()} == {Status.PENDING}
    finally:
        release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("vkstate"):
            thread.join(10)
    here.reopen()
    here.apply()
    here.converged()


def test_the_first_signal_counts() -> None:
    stop = Stop()
    assert (stop.requested, stop.signal, stop.wait(0)) == (False, None, False)
    stop.request("SIGTERM")
    stop.request("SIGINT")
    assert (stop.requested, stop.signal, stop.wait(60)) == (True, "SIGTERM", True)
    assert NoPause().wait(60) is False


def test_a_signal_that_comes_just_before_a_wait_is_acted_upon_during_it() -> None:
    """Python notes it at once and runs its handler with the main thread's next bytecode: that thread waits.

    A signal that another thread is sent does the same for certain: it does not wake the main thread either.
    """
    here = mixed()
    acted = threading.Event()
    noticed: list[bool] = []

    def act(*_: object) -> None:
        here.stop.request("SIGINT")
        acted.set()

    def hanging() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        noticed.append(acted.wait(20))

    before = signal.signal(signal.SIGINT, act)
    try:
        with failing(here, stopping(here, "proxy.update", hanging)):
            outcome = here.apply(parallelism=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert noticed == [True]
    assert outcome.interrupted == "SIGINT"
