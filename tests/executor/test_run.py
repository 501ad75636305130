"""What is durable before what is sent, who does what, and that no secret is in what is kept of it."""

from __future__ import annotations

import threading

import pytest

from tests.executor.fuse import fails
from tests.executor.scenes import mixed
from tests.executor.world import Watcher, World, failing, said
from tests.factories import CANARY, EMPTY_ROW, SHOWN, desired, live, recorded, value_of
from vkstate.attributes import Sensitive
from vkstate.errors import VkstateError
from vkstate.executor.outcome import Applied
from vkstate.keys import KeyValue, Status
from vkstate.plan import Action

FULL = {**EMPTY_ROW, **SHOWN}
FULL_DISK = VkstateError("No space left on the device.", hint="make room")


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
    assert names[:4] == ["proxy.find", "journal.report", "journal.keep_values", "journal.save"]
    first_write = next(place for place, name in enumerate(names) if name.startswith("proxy.") and name != "proxy.find")
    assert first_write == 4
    assert seen[4][1] == {"create1", "create2", "create3"}
    assert seen[4][2] >= {record.token for record in here.journal.keys.values()}
    assert [len(lines) for lines in here.journal.reports] == [3]


def test_requests_are_counted() -> None:
    here = mixed(40)
    here.apply(parallelism=4)
    calls = {name: here.fuse.calls.count(name) for name in set(here.fuse.calls) if name.startswith("proxy.")}
    assert calls == {"proxy.create": 40, "proxy.update": 40, "proxy.delete": 1, "proxy.find": 2, "proxy.newest": 1}


def test_nothing_is_sent_before_the_values_and_the_pending_state_are_kept() -> None:
    for call in ("journal.keep_values", "journal.save"):
        here = mixed()
        before = dict(here.journal.keys)
        with failing(here, fails(FULL_DISK, call)), pytest.raises(VkstateError) as caught:
            here.apply()
        assert caught.value is FULL_DISK
        assert {name for name in here.fuse.calls if name.startswith("proxy.")} == {"proxy.find"}, "no write"
        assert here.journal.keys == before
        here.apply()
        here.converged()


def test_the_observer_is_told_of_the_end_of_a_run_that_did_not_begin() -> None:
    watcher = Watcher()
    here = mixed()
    with failing(here, fails(FULL_DISK, "journal.report")), pytest.raises(VkstateError):
        here.apply(observer=watcher)
    assert watcher.events == ["started 11", "finished gone", "finished adopt", "ended"]


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


def test_at_most_two_requests_about_many_keys_run_at_a_time_and_others_run_beside_them() -> None:
    aliases = [f"d{number:03}" for number in range(350)]
    here = World().want([desired("new")]).has(map(recorded, aliases), map(live, aliases))
    inside, most, lock, sent = 0, 0, threading.Lock(), threading.Event()

    def enter(name: str, _: object) -> None:
        nonlocal inside, most
        if name == "proxy.create":
            sent.set()
        if name == "proxy.delete":
            with lock:
                inside += 1
                most = max(most, inside)
            assert sent.wait(10)

    def leave(name: str, _: object) -> None:
        nonlocal inside
        if name == "proxy.delete":
            with lock:
                inside -= 1

    with failing(here, enter), failing(here, leave, after=True):
        here.apply(parallelism=4)
    assert (most, len(here.proxy.deleted)) == (2, 4)
    here.converged()


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
