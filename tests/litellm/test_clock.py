"""The server's clock, as its ``Date`` headers tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.litellm.clock import ServerClock, parse_http_date
from vkstate.litellm.retry import asked_pause, backoff

NOW = datetime(2030, 1, 1, 12, 0, 0, 700_000, tzinfo=UTC)


def _date(instant: datetime) -> str:
    return format_datetime(instant.replace(microsecond=0), usegmt=True)


def test_nothing_is_known_before_the_first_header() -> None:
    clock = ServerClock()
    clock.note(None, NOW, NOW)
    clock.note("yesterday", NOW, NOW)
    assert clock.offset is None
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_clocks_that_agree_differ_by_nothing() -> None:
    clock = ServerClock()
    clock.note(_date(NOW), NOW, NOW + timedelta(milliseconds=40))
    assert clock.offset == timedelta(0)


@given(
    skew=st.integers(-100_000, 100_000),
    steps=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 500), st.integers(0, 1)), min_size=1, max_size=20),
)
def test_the_offset_is_never_far_from_the_truth(skew: int, steps: list[tuple[int, int, int]]) -> None:
    clock, ours = ServerClock(), NOW
    offset = timedelta(milliseconds=skew)
    for pause, latency, stale in steps:
        sent = ours + timedelta(milliseconds=pause)
        received = sent + timedelta(milliseconds=latency)
        clock.note(
            _date(sent + timedelta(milliseconds=latency / 2) + offset - timedelta(seconds=stale)), sent, received
        )
        ours = received
    assert clock.offset is not None
    assert abs(clock.offset - offset) <= timedelta(seconds=2.7)


def test_a_clock_that_is_set_is_followed() -> None:
    clock = ServerClock()
    clock.note(_date(NOW), NOW, NOW)
    later = NOW + timedelta(seconds=10)
    clock.note(_date(later + timedelta(hours=1)), later, later)
    assert clock.offset is not None
    assert abs(clock.offset - timedelta(hours=1)) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Tue, 01 Jan 2030 12:00:00 GMT", datetime(2030, 1, 1, 12, tzinfo=UTC)),
        ("Tue, 01 Jan 2030 12:00:00 -0000", datetime(2030, 1, 1, 12, tzinfo=UTC)),
        ("Tue, 01 Jan 2030 13:00:00 +0100", datetime(2030, 1, 1, 12, tzinfo=UTC)),
        ("soon", None),
        ("Tue, 99 Jan 2030 12:00:00 GMT", None),
    ],
)
def test_http_dates(text: str, instant: datetime | None) -> None:
    assert parse_http_date(text) == instant


@pytest.mark.parametrize(
    ("text", "pause"),
    [("7", 7.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-3", None), (_date(NOW + timedelta(seconds=30)), 29.3)],
)
def test_retry_after(text: str, pause: float | None) -> None:
    assert asked_pause({"Retry-After": text}, NOW) == pause
    assert asked_pause({}, NOW) is None
    assert asked_pause({"Retry-After": _date(NOW - timedelta(hours=1))}, NOW) == 0.0


def test_the_backoff_grows_to_a_limit() -> None:
    for attempt, limit in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        pauses = [backoff(attempt, 0.5) for _ in range(200)]
        assert 0 <= min(pauses) <= max(pauses) <= limit
        assert max(pauses) > limit / 2
