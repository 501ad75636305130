"""What is durable before what is sent, who does what, how often the state is saved, how a run stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.executor.fuse import fails
from tests.executor.world import NoPause, Watcher, World, failing, said
from tests.factories import CANARY, EMPTY_ROW, SHOWN, desired, foreign, live, pending, recorded, token_of, value_of
from vkstate.attributes import Sensitive
from vkstate.errors import VkstateError
from vkstate.executor import run
from vkstate.executor.ledger import Ledger, StateNotSaved
from vkstate.executor.outcome import Applied
from vkstate.executor.ports import AnswerLost
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, KeyValue, Status
from vkstate.plan import Action

FULL = {**EMPTY_ROW, **SHOWN}
FULL_DISK = VkstateError("No space left on the device.", hint="make room")


def mixed(count: int = 3) -> World:
    """Some of everything: creates, updates, deletes, an adoption, a forgotten key and one that stays as it is."""
    numbers = range(1, count + 1)
    updated, deleted = [f"update{n}" for n in numbers], [f"delete{n}" for n in numbers]
    here = World().want(
        [
            *(desired(f"create{n}") for n in numbers),
            *(desired(alias, max_budget=5) for alias in updated),
            desired("adopt"),
            desired("same"),
        ]
    )
    there = [live(alias, FULL) for alias in [*updated, *deleted, "adopt", "same"]]
    return here.has(
        [*map(recorded, [*updated, *deleted, "gone", "same"]), pending("adopt")], [*there, foreign("other")]
    )


def test_everything_at_once() -> None:
    here = mixed()
    watcher = Watcher()
    outcome = here.apply(parallelism=4, observer=watcher)
    assert set(said(outcome).values()) == {"applied"}
    assert [result.change.alias for result in outcome.results] == [
        "adopt",
        "create1",
        "create2",
        "create3",
        "delete1",
        "delete2",
        "delete3",
        "gone",
        "update1",
        "update2",
        "update3",
    ]
    assert {action: outcome.count(action) for action in Action} == {
        Action.CREATE: 3,
        Action.UPDATE: 3,
        Action.REPLACE: 0,
        Action.DELETE: 3,
        Action.FORGET: 1,
        Action.ADOPT: 1,
        Action.NO_OP: 0,
    }
    here.converged()


def test_the_observer_hears_of_every_change_once() -> None:
    here = mixed()
    here.proxy.vanish = {"create1": 1}
    here.proxy.echoes = 1
    watcher = Watcher()
    outcome = here.apply(observer=watcher)
    assert watcher.events[0] == "started 11"
    assert watcher.events[-1] == "ended"
    assert watcher.events.count("ended") == 1
    assert sorted(watcher.results, key=lambda result: result.change.alias) == list(outcome.results)
    assert [event for event in watcher.events if event in ("sending", "reading back")] == ["sending", "reading back"]
    answered = [event for event in watcher.events if event.startswith("answered")]
    assert sorted(answered) == sorted(f"answered {kind}{n}" for kind in ("create", "delete") for n in (1, 2, 3))
    for alias in ("create1", "delete1"):
        assert watcher.events.index(f"answered {alias}") < watcher.events.index(f"finished {alias}")


def test_what_is_durable_before_what_is_sent() -> None:
    here = mixed()
    seen: list[tuple[str, frozenset[str], frozenset[str]]] = []

    def note(name: str, _: object) -> None:
        pendings = {alias for alias, record in here.journal.keys.items() if record.status is Status.PENDING}
        seen.append((name, frozenset(pendings), frozenset(here.journal.values)))

    with failing(here, note):
        here.apply()
    names = [name for name, _, _ in seen]
    assert names[:3] == ["journal.report", "journal.keep_values", "journal.save"]
    first_request = next(place for place, name in enumerate(names) if name.startswith("proxy."))
    assert first_request == 3
    assert seen[3][1] == {"create1", "create2", "create3"}
    assert seen[3][2] >= {record.token for record in here.journal.keys.values()}
    assert [len(lines) for lines in here.journal.reports] == [3]


def test_requests_are_counted() -> None:
    here = mixed(40)
    here.apply(parallelism=4)
    calls = {name: here.fuse.calls.count(name) for name in set(here.fuse.calls) if name.startswith("proxy.")}
    assert calls == {"proxy.create": 40, "proxy.update": 40, "proxy.delete": 1, "proxy.find": 1, "proxy.newest": 1}


def test_nothing_is_sent_before_the_values_and_the_pending_state_are_kept() -> None:
    for call in ("journal.keep_values", "journal.save"):
        here = mixed()
        before = dict(here.journal.keys)
        with failing(here, fails(FULL_DISK, call)), pytest.raises(VkstateError) as caught:
            here.apply()
        assert caught.value is FULL_DISK
        assert [name for name in here.fuse.calls if name.startswith("proxy.")] == []
        assert here.journal.keys == before
        here.apply()
        here.converged()


def test_the_observer_is_told_of_the_end_of_a_run_that_did_not_begin() -> None:
    watcher = Watcher()
    here = mixed()
    with failing(here, fails(FULL_DISK, "journal.report")), pytest.raises(VkstateError):
        here.apply(observer=watcher)
    assert watcher.events == ["started 11", "finished adopt", "finished gone", "ended"]


# -- threads -----------------------------------------------------------------------------------------------------------


def test_workers_send_and_one_thread_owns_state_and_store() -> None:
    here = mixed(10)
    here.proxy.makes_values = True
    here.apply(parallelism=4)
    assert here.journal.threads == {threading.get_ident()}
    assert threading.get_ident() not in here.proxy.threads
    here.converged()


def test_parallelism_is_reached_and_never_exceeded() -> None:
    here = World().want(desired(f"a{number}") for number in range(12))
    barrier = threading.Barrier(3, timeout=10)
    inside, most, lock = 0, 0, threading.Lock()

    def enter(name: str, _: object) -> None:
        nonlocal inside, most
        if name == "proxy.create":
            with lock:
                inside += 1
                most = max(most, inside)
            barrier.wait()

    def leave(name: str, _: object) -> None:
        nonlocal inside
        if name == "proxy.create":
            with lock:
                inside -= 1

    with failing(here, enter), failing(here, leave, after=True):
        here.apply(parallelism=3)
    assert most == 3
    here.converged()


# -- saving ------------------------------------------------------------------------------------------------------------


def ticking(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock that tests move; a list of its one time."""
    time = [0.0]
    monkeypatch.setattr(run, "Ledger", partial(Ledger, monotonic=lambda: time[0]))
    return time


def test_the_state_is_saved_about_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    time = ticking(monkeypatch)
    here = World().want(desired(f"a{number:02}", max_budget=5) for number in range(40))
    here.has((recorded(f"a{number:02}") for number in range(40)), (live(f"a{number:02}", FULL) for number in range(40)))

    def tick(name: str, _: object) -> None:
        time[0] += 0.25 if name == "proxy.update" else 0

    with failing(here, tick, after=True):
        here.apply()
    done = [sum(record.applied["max_budget"] == 5 for record in saved.values()) for saved in here.journal.saves]
    assert done == [5, 10, 15, 20, 25, 30, 35, 40]


def test_a_short_run_is_saved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking(monkeypatch)
    here = World().want(desired(f"a{number}", max_budget=5) for number in range(40))
    here.has((recorded(f"a{number}") for number in range(40)), (live(f"a{number}", FULL) for number in range(40)))
    here.apply()
    assert len(here.journal.saves) == 1


def test_a_save_that_fails_on_the_way_stops_new_starts_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    time = ticking(monkeypatch)
    here = World().want(desired(alias, max_budget=5) for alias in "abc")
    here.has(map(recorded, "abc"), (live(alias, FULL) for alias in "abc"))

    def tick(name: str, _: object) -> None:
        time[0] += 1.5 if name == "proxy.update" else 0

    with failing(here, tick, after=True), failing(here, fails(FULL_DISK, "journal.save")):
        outcome = here.apply()
    why = "not attempted: The run had stopped: vkstate failed: No space left on the device."
    assert said(outcome) == {"a": "applied", "b": "applied", "c": why}
    here.apply()
    here.converged()


def test_a_state_that_cannot_be_saved_at_the_end_is_put_elsewhere() -> None:
    here = mixed()
    with failing(here, fails(FULL_DISK, "journal.save", skip=1, times=99)), pytest.raises(StateNotSaved) as caught:
        here.apply()
    assert caught.value.detail == (
        "No space left on the device. What the proxy holds now was written to /elsewhere/rescued.json instead."
    )
    assert caught.value.hint == (
        "make room or mend the directory, then put /elsewhere/rescued.json in the place of the state file"
    )
    assert here.journal.rescued is not None
    assert {record.status for record in here.journal.rescued.values()} == {Status.READY}
    assert here.journal.keys.keys() > here.journal.rescued.keys()  # the deleted ones are still in the old state
    here.journal.keys = here.journal.rescued
    here.converged()


def test_without_the_rescue_the_old_state_still_leads_to_the_end() -> None:
    here = mixed()
    again = VkstateError("No space left here either.")
    hooks = (fails(FULL_DISK, "journal.save", skip=1, times=99), fails(again, "journal.rescue"))
    with failing(here, *hooks), pytest.raises(StateNotSaved) as caught:
        here.apply()
    assert caught.value.detail == (
        "No space left on the device. Nor could it be written elsewhere: No space left here either."
    )
    here.apply()
    here.converged()


def test_a_server_made_value_that_cannot_be_kept_is_replaced_on_the_next_run() -> None:
    for call, skip in (("journal.keep_values", 1), ("journal.save", 1), ("journal.save", 2)):
        here = World().want([desired("a"), desired("b")])
        here.proxy.makes_values = True
        with failing(here, fails(FULL_DISK, call, skip=skip)):
            outcome = here.apply()
        assert not outcome.complete
        assert here.journal.threads == {threading.get_ident()}
        here.apply()
        here.converged()


# -- stopping ----------------------------------------------------------------------------------------------------------


def stopping(here: World, at: str, signal: Callable[[], None]) -> Callable[[str, object], None]:
    """A hook that sends a signal at the first call of a name."""
    left = [1]

    def hook(name: str, _: object) -> None:
        if name == at and left:
            left.clear()
            signal()

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
    hanging, release = threading.Event(), threading.Event()

    def hang(name: str, alias: object) -> None:
        if name == "proxy.create" and alias == "a":
            hanging.set()
            release.wait(10)
        if name == "proxy.create" and alias == "b":
            hanging.wait(10)

    class Interrupting(Watcher):
        def answered(self, change: object) -> None:
            raise KeyboardInterrupt

    try:
        with failing(here, hang), pytest.raises(KeyboardInterrupt):
            here.apply(parallelism=2, observer=Interrupting())
        assert not release.is_set()
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


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_what_a_run_returns_saves_or_reports() -> None:
    here = World().want([desired("a", also={"metadata.x": Sensitive(CANARY)}), desired("b")])
    here.has([recorded("b")], [live("b", FULL, max_budget=1, also={"metadata.logging": CANARY})])
    plan = here.plan()
    outcome = here.apply()
    shown = repr((plan, outcome, here.journal.saves, here.journal.reports))
    assert CANARY not in shown
    assert value_of("minted 1").reveal() not in shown
    assert all(isinstance(result, Applied) for result in outcome.results)
    assert isinstance(here.journal.values[value_of("minted 1").token], KeyValue)
