"""Durations at a known instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.conftest import NOON
from vkstate.sandbox.durations import budget_duration_error, lifetime, next_reset


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        *(("30s", 30), ("10m", 600), ("5h", 18000), ("3d", 259200), ("2w", 1209600), ("1d12h", 86400), ("0s", 0)),
        *(("hourly", 3600), ("daily", 86400), ("WEEKLY", 604800), (" monthly ", 2592000)),
    ],
)
def test_lifetimes(duration: str, seconds: int) -> None:
    assert lifetime(duration, NOON) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("now", "months", "day"),
    [((2026, 1, 31), 1, (2026, 2, 28)), ((2027, 12, 30), 2, (2028, 2, 29)), ((2026, 11, 15), 14, (2028, 1, 15))],
)
def test_months_end_on_the_same_day_or_the_last(
    now: tuple[int, int, int], months: int, day: tuple[int, int, int]
) -> None:
    start = datetime(*now, 8, 15, tzinfo=UTC)
    assert start + lifetime(f"{months}mo", start) == datetime(*day, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "reset"),
    [
        ("1d", (2026, 3, 19)),
        ("24h", (2026, 3, 19)),
        ("2d", (2026, 3, 20)),
        ("7d", (2026, 3, 23)),
        ("1w", (2026, 3, 23)),
        ("2w", (2026, 4, 1)),
        ("30d", (2026, 4, 1)),
        ("1mo", (2026, 4, 1)),
        ("90d", (2026, 6, 16)),
        ("1h", (2026, 3, 18, 13)),
        ("5h", (2026, 3, 18, 15)),
        ("36h", (2026, 3, 19, 12)),
        ("5m", (2026, 3, 18, 12, 35)),
        ("50m", (2026, 3, 18, 12, 50)),
        ("10s", (2026, 3, 18, 12, 30, 20)),
        ("zz", (2026, 3, 19)),
        ("1dx", (2026, 3, 19)),
    ],
)
def test_resets(duration: str, reset: tuple[int, int, int]) -> None:
    assert next_reset(duration, NOON) == datetime(*reset, tzinfo=UTC)


def test_a_reset_on_the_boundary_is_the_next_one() -> None:
    monday = datetime(2026, 3, 23, tzinfo=UTC)
    assert next_reset("7d", monday) == monday + timedelta(days=7)
    assert next_reset("1d", monday) == monday + timedelta(days=1)
    assert next_reset("0d", NOON) == NOON


@pytest.mark.parametrize("duration", ["abc", "", "30", "0d", "2mo", "9999999999d"])
def test_budget_durations_that_are_refused(duration: str) -> None:
    wording = f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'."
    assert budget_duration_error(duration, NOON) == wording


@pytest.mark.parametrize("duration", ["1h", "30d", "1mo", "daily"])
def test_budget_durations_that_are_taken(duration: str) -> None:
    assert budget_duration_error(duration, NOON) is None
