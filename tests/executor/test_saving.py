"""How often the state is saved, and what becomes of a run whose state cannot be."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from tests.executor.fuse import fails
from tests.executor.scenes import mixed
from tests.executor.world import Watcher, World, failing, said
from tests.factories import EMPTY_ROW, SHOWN, desired, live, recorded
from vkstate.errors import VkstateError
from vkstate.executor import ledger, run
from vkstate.executor.ledger import Ledger, StateNotSaved
from vkstate.keys import Status

FULL = {**EMPTY_ROW, **SHOWN}
FULL_DISK = VkstateError("No space left on the device.", hint="make room")


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


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 1.0), (0.01, 1.0), (0.05, 2.5), (0.2, 10.0), (60.0, 10.0)])
def test_saving_takes_a_fiftieth_of_the_time(seconds: float, pause: float) -> None:
    here, time = World(), [0.0]
    kept = Ledger(here.journal.recorded, here.journal, Watcher(), lambda: time[0])

    def slow_disk(name: str, _: object) -> None:
        time[0] += seconds if name == "journal.save" else 0

    with failing(here, slow_disk):
        kept.put(recorded("a"))
        kept.save()
        kept.put(recorded("b"))
        assert kept.seconds_to_save() == pause


def test_a_short_run_is_saved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking(monkeypatch)
    here = World().want(desired(f"a{number}", max_budget=5) for number in range(40))
    here.has((recorded(f"a{number}") for number in range(40)), (live(f"a{number}", FULL) for number in range(40)))
    here.apply()
    assert len(here.journal.saves) == 1


def test_the_state_is_saved_while_a_request_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SAVE_EVERY", 0.01)
    here = World().want(desired(alias, max_budget=5) for alias in "ab")
    here.has(map(recorded, "ab"), (live(alias, FULL) for alias in "ab"))
    saved, in_time = threading.Event(), []

    def hang(name: str, alias: object) -> None:
        if name == "journal.save":
            saved.set()
        if name == "proxy.update" and alias == "a":
            in_time.append(saved.wait(10))

    with failing(here, hang):
        here.apply(parallelism=2)
    assert in_time == [True]
    here.converged()


def test_a_failed_save_is_not_tried_again_at_once_and_the_first_trouble_counts() -> None:
    here, time = World(), [0.0]
    kept = Ledger(here.journal.recorded, here.journal, Watcher(), lambda: time[0])
    assert kept.seconds_to_save() is None
    kept.put(recorded("a"))
    time[0] = 0.75
    kept.put(recorded("b"))
    assert kept.seconds_to_save() == 0.25
    kept.save_if_due()
    assert here.fuse.calls == []
    time[0] = 1.25
    with failing(here, fails(FULL_DISK, "journal.save")):
        kept.save_if_due()
    assert (kept.seconds_to_save(), kept.trouble) == (1.0, FULL_DISK)
    kept.troubled(VkstateError("Something else."))
    assert kept.trouble is FULL_DISK
    time[0] = 2.25
    kept.save_if_due()
    assert kept.seconds_to_save() is None
    assert here.journal.keys.keys() == {"a", "b"}


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
    assert caught.value.hint == "mv /elsewhere/rescued.json state.json"
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
