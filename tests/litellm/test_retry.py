"""Whether a request is sent again, and how soon."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vkstate.litellm.errors import NoAnswer, Unreachable
from vkstate.litellm.retry import Attempts, Outcome, is_later
from vkstate.litellm.transport import Answer, Refusal, Request, Reset

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LOST = NoAnswer("lost")


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pause as long as it may be."""
    monkeypatch.setattr("random.uniform", lambda _, most: most)


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(
        Request("GET", "/key/list"), status, {name.replace("_", "-"): it for name, it in headers.items()}, body
    )


def pauses(attempts: Attempts, *outcomes: Outcome, took: float = 0.0, answered: bool = True) -> list[float | None]:
    """The pause after each of these outcomes, one after the other."""
    return [attempts.pause_after(outcome, took, NOW, answered=answered) for outcome in outcomes]


def test_pauses_grow_and_end_after_so_many_repetitions() -> None:
    attempts = Attempts(repeat=True, most=3, seconds=90)
    assert pauses(attempts, LOST, answer(502), answer(504), LOST) == [0.5, 1.0, 2.0, None]
    assert attempts.doubtful is LOST


def test_what_must_not_be_repeated_is_not() -> None:
    attempts = Attempts(repeat=False, most=3, seconds=90)
    assert pauses(attempts, LOST) == [None]
    assert attempts.pause_after_later(answer(503), answered=True) is None
    assert attempts.pause_after_later(answer(429), answered=True) == 0.0, "it was not carried out"


@pytest.mark.parametrize("status", [200, 400, 401, 404, 408, 409, 500, 501])
def test_what_is_no_passing_fault_stands(status: int) -> None:
    assert pauses(Attempts(repeat=True, most=3, seconds=90), answer(status)) == [None]


def test_what_a_gateway_asks_for_is_kept_to() -> None:
    attempts = Attempts(repeat=True, most=3, seconds=90)
    assert pauses(attempts, answer(502, Retry_After="7"), answer(504, Retry_After="soon")) == [7.0, 1.0]


def test_all_attempts_and_pauses_together_take_no_longer_than_they_may() -> None:
    attempts = Attempts(repeat=True, most=9, seconds=10)
    assert pauses(attempts, LOST, LOST, LOST, took=3.0) == [0.5, 1.0, None]


def test_a_reset_is_repeated_once_at_once() -> None:
    attempts = Attempts(repeat=True, most=1, seconds=90)
    reset = Reset("reset")
    assert pauses(attempts, reset, reset, reset) == [0.0, 0.5, None]
    assert pauses(Attempts(repeat=True, most=1, seconds=1), reset, took=1.0) == [None]


@pytest.mark.parametrize(("outcome", "pause"), [(Refusal("refused"), 0.5), (Unreachable("no such host"), None)])
def test_a_proxy_is_waited_for_where_it_answered_before(outcome: Outcome, pause: float | None) -> None:
    assert pauses(Attempts(repeat=True, most=1, seconds=90), outcome) == [pause]
    assert pauses(Attempts(repeat=True, most=1, seconds=90), outcome, answered=False) == [None]


def test_what_is_turned_away_is_sent_again_however_often() -> None:
    attempts = Attempts(repeat=True, most=1, seconds=90)
    assert [attempts.pause_after_later(answer(429), answered=False) for _ in range(99)] == [0.0] * 99
    assert not attempts.doubtful
    away = answer(503)
    assert [attempts.pause_after_later(away, answered=True) for _ in range(99)] == [0.0] * 99
    assert attempts.doubtful is away
    assert [attempts.pause_after_later(away, answered=False) for _ in range(2)] == [0.0, None]


def test_nothing_is_repeated_where_that_is_not_wanted() -> None:
    attempts = Attempts(repeat=True, most=0, seconds=90)
    assert pauses(attempts, LOST, answer(502)) == [None, None]
    assert [attempts.pause_after_later(answer(status), answered=True) for status in (429, 503)] == [None, None]


@pytest.mark.parametrize(
    ("outcome", "later"),
    [
        (answer(429), True),
        (answer(503), True),
        (answer(429, b'{"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded"}}'), False),
        (answer(502), False),
        (answer(200), False),
        (LOST, False),
    ],
)
def test_later_is_said_by_two_statuses(outcome: Outcome, later: bool) -> None:
    assert is_later(outcome) is later
