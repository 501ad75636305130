"""What is known of how much a proxy bears, and the gate that keeps to it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from math import inf

import pytest

from tests.litellm.hasty import hasty
from vkstate.executor.ports import NotSent
from vkstate.executor.stop import Stop
from vkstate.litellm.errors import TooBusy
from vkstate.litellm.pressure import Gate, Pressure


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pause as long as it may be."""
    monkeypatch.setattr("random.uniform", lambda _, most: most)


def under_way(count: int) -> tuple[Pressure, list[int]]:
    """So many requests that were sent together, and their turns."""
    pressure = Pressure()
    return pressure, [pressure.begin() for _ in range(count)]


def fill(pressure: Pressure, waiting: deque[int]) -> None:
    """Send as many as may be under way."""
    while pressure.pause(inf) == 0:
        waiting.append(pressure.begin())


def test_as_long_as_nothing_is_turned_away_nobody_waits() -> None:
    pressure, turns = under_way(1000)
    for turn in turns:
        pressure.let_through(turn)
        pressure.end()
    assert pressure == Pressure()
    assert pressure.pause(0.0) == 0


def test_half_as_many_may_be_under_way_after_the_pause_that_was_asked_for() -> None:
    pressure, turns = under_way(8)
    pressure.turned_away(turns[0], now=100.0, asked=5.0)
    assert pressure.pause(100.0) == 5.5, "drawn out by a tenth at most"
    assert pressure.pause(105.5) == inf, "seven others are under way"
    for _ in range(8):
        pressure.end()
    assert pressure.pause(105.4) == pytest.approx(0.1)
    assert [pressure.pause(105.5)] + [pressure.begin() and pressure.pause(105.5) for _ in range(4)] == [0, 0, 0, 0, inf]


def test_what_was_sent_together_lets_the_number_fall_once() -> None:
    pressure, turns = under_way(8)
    for turn in turns:
        pressure.turned_away(turn, now=0.0, asked=None)
        pressure.end()
    assert (pressure.window, pressure.opens_at) == (4, 0.25)


def test_of_pauses_that_were_asked_for_the_longest_counts() -> None:
    pressure, turns = under_way(3)
    for turn, asked in zip(turns, (1.0, 30.0, 2.0), strict=True):
        pressure.turned_away(turn, now=0.0, asked=asked)
    assert pressure.opens_at == 31.0, "drawn out by a second at most"


def test_pauses_that_nobody_asked_for_grow_until_something_is_let_through() -> None:
    pressure = Pressure()
    pauses: list[float] = []
    now = 0.0
    for asked in (None, 0.0, None, None, None, None, None):
        pressure.turned_away(pressure.begin(), now, asked)
        pressure.end()
        pauses.append(pressure.pause(now))
        now += pauses[-1]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert (pressure.window, pressure.since) == (1, 0.0)
    pressure.let_through(pressure.begin())
    assert pressure.since is None
    pressure.end()
    pressure.turned_away(pressure.begin(), now, None)
    assert pressure.pause(now) == 0.25
    assert pressure.opens_at == now + 0.25


def test_an_answer_to_what_was_sent_before_does_not_make_the_pauses_short_again() -> None:
    pressure, (first, straggler) = under_way(2)
    pressure.turned_away(first, 0.0, None)
    pressure.let_through(straggler)
    assert (pressure.since, pressure.in_vain) == (None, 1)


def test_one_more_may_be_under_way_each_time_that_all_were_answered() -> None:
    pressure, turns = under_way(8)
    pressure.turned_away(turns[0], 0.0, None)
    for _ in turns:
        pressure.end()
    waiting: deque[int] = deque()
    fill(pressure, waiting)
    answers = [0]
    while len(waiting) < 8:
        before = len(waiting)
        pressure.let_through(waiting.popleft())
        pressure.end()
        fill(pressure, waiting)
        answers[-1] += 1
        answers += [0] if len(waiting) > before else []
    assert answers == [5, 5, 7, 7, 0]


def test_what_is_not_used_does_not_grow() -> None:
    pressure, turns = under_way(8)
    pressure.turned_away(turns[0], 0.0, None)
    for _ in turns:
        pressure.end()
    for _ in range(100):
        pressure.let_through(pressure.begin())
        pressure.end()
    assert pressure.window == 4


def given_up(patience: float) -> tuple[str, list[float]]:
    """What is said once a proxy is given up that answers 503 to everything, and the pauses until then."""
    pauses: list[float] = []
    gate = hasty(pauses, patience=patience)

    def go_on() -> None:
        while True:
            with gate.place("GET /key/list") as turn:
                gate.turned_away(turn, 503, None)

    with pytest.raises(TooBusy) as caught:
        go_on()
    return caught.value.detail, pauses


def test_a_proxy_that_lets_nothing_through_is_given_up() -> None:
    said, pauses = given_up(60)
    assert said == "GET /key/list: the proxy has let nothing through for 56 s; it answered 503."
    assert [round(pause, 1) for pause in pauses] == [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]


def test_no_pause_of_its_own_is_beyond_its_patience() -> None:
    said, pauses = given_up(6)
    assert said == "GET /key/list: the proxy has let nothing through for 5 s; it answered 503."
    assert [round(pause, 2) for pause in pauses] == [0.25, 0.5, 1.0, 1.5, 1.5]


def test_what_is_let_through_renews_patience() -> None:
    pauses: list[float] = []
    gate = hasty(pauses, patience=60)
    for _ in range(10):
        with gate.place("GET /key/list") as turn:
            gate.turned_away(turn, 429, 50)
        with gate.place("GET /key/list") as turn:
            gate.let_through(turn)
    assert sum(pauses) == pytest.approx(510, abs=1)


def test_a_place_is_given_back_whatever_happens_in_it() -> None:
    pauses: list[float] = []
    gate = hasty(pauses)
    with gate.place("one") as turn:
        gate.turned_away(turn, 429, None)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.place("two"):
            raise ZeroDivisionError
    assert len(pauses) == 1


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses: these tests really wait."""
    monkeypatch.setattr("vkstate.litellm.pressure._FIRST", 0.01)
    monkeypatch.setattr("vkstate.litellm.pressure.LOOKS_UP", 0.01)


@pytest.fixture
def full(_short: None) -> Iterator[Gate]:
    """A gate that lets one through at a time, and has."""
    gate = Gate(60)
    with gate.place("one") as turn:
        gate.turned_away(turn, 429, None)
    with gate.place("another"):
        yield gate


class Waiting:
    """A thread that waits for a place."""

    def __init__(self, gate: Gate) -> None:
        self.came_of_it: list[str] = []
        self._gate = gate
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        try:
            with self._gate.place("a third"):
                self.came_of_it.append("sent")
        except NotSent as error:
            self.came_of_it.append(error.detail)

    def ended(self) -> list[str]:
        self._thread.join(10)
        return self.came_of_it


@pytest.mark.usefixtures("_short")
def test_who_waits_is_let_in_when_a_place_is_free() -> None:
    gate = Gate(60)
    with ExitStack() as stack:
        turn = stack.enter_context(gate.place("one"))
        gate.turned_away(turn, 429, None)
        waiting = Waiting(gate)
        time.sleep(0.05)
        assert waiting.came_of_it == []
    assert waiting.ended() == ["sent"]


NOT_SENT = ["A request was not sent: the proxy asked to wait, and the run ended."]


def test_who_waits_goes_away_when_waiting_is_too_long(full: Gate) -> None:
    stopped = threading.Event()
    with full.left_when(lambda _: stopped.is_set()):
        waiting = Waiting(full)
        time.sleep(0.05)
        assert waiting.came_of_it == []
        stopped.set()
        assert waiting.ended() == NOT_SENT


@pytest.mark.usefixtures("_short")
def test_who_waits_for_another_request_only_waits_on_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vkstate.executor.stop.PATIENCE", 0.0)
    gate, stop = Gate(60), Stop()
    with ExitStack() as stack:
        stack.enter_context(gate.left_when(stop.cannot_wait))
        with gate.place("one") as turn:
            gate.turned_away(turn, 429, None)
        with gate.place("another"):
            stop.request("SIGINT")
            waiting = Waiting(gate)
            time.sleep(0.05)
            assert waiting.came_of_it == []
        assert waiting.ended() == ["sent"]


def test_who_waits_goes_away_when_the_gate_is_closed(full: Gate) -> None:
    waiting = Waiting(full)
    time.sleep(0.05)
    full.close()
    assert waiting.ended() == NOT_SENT


def test_to_rest_ends_as_well_when_waiting_is_too_long(full: Gate) -> None:
    with full.left_when(lambda seconds: seconds > 50), pytest.raises(NotSent):
        full.rest(60)
    full.rest(0)
