"""LiteLLM's durations: how long a key lives, and when a budget starts anew (``duration_parser``, 1.105.0)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_WORDS = {"hourly": "1h", "daily": "24h", "weekly": "7d", "monthly": "30d"}
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LEADING = re.compile(r"(\d+)(mo|[smhdw]?)")
_LEADING_LETTERS = re.compile(r"(\d+)([a-z]+)")


def lifetime(duration: str, now: datetime) -> timedelta:
    """How long ``duration`` is from ``now`` on.

    Only the leading number and unit are read: ``1d12h`` is a day. A month is the same day of a later month.
    Raises ValueError (or OverflowError) with LiteLLM's sentence.
    """
    found = _LEADING.match(_in_units(duration))
    if found is None:
        raise ValueError("Invalid duration format")
    value, unit = int(found[1]), found[2]
    if unit == "mo":
        return _months_later(now, value) - now
    if unit not in _UNIT_SECONDS:
        raise ValueError(f"Unsupported duration unit, passed duration: {duration}")
    return timedelta(seconds=value * _UNIT_SECONDS[unit])


def next_reset(duration: str, now: datetime) -> datetime:
    """When a budget with ``duration`` that is set ``now`` starts anew: the next calendar boundary, in UTC.

    A day ends at midnight, ``7d`` and ``1w`` on Monday, ``30d`` and ``1mo`` on the first; other numbers of days count
    from today's midnight. Hours, minutes and seconds end at multiples of themselves. What is not understood ends at
    midnight.
    Raises ValueError for more than one month.
    """
    now = now.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = _LEADING_LETTERS.match(_in_units(duration))
    value, unit = (int(found[1]), found[2]) if found else (1, "d")
    if unit == "mo" and value != 1:
        raise ValueError("Monthly resets currently only support 1 month intervals")
    if value == 0:
        return now
    if unit in ("d", "w", "mo"):
        return _next_day(midnight, value * 7 if unit == "w" else value, by_month=unit == "mo")
    if unit not in _UNIT_SECONDS:
        return midnight + timedelta(days=1)
    return _next_multiple(now, midnight, value, unit)


def budget_duration_error(duration: str, now: datetime) -> str | None:
    """Why LiteLLM 1.105 refuses ``duration`` as a ``budget_duration``; None when it takes it."""
    try:
        usable = lifetime(duration, now) > timedelta(0)
        next_reset(duration, now)
    except (ValueError, OverflowError):
        usable = False
    return None if usable else f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'."


def _in_units(duration: str) -> str:
    return _WORDS.get(duration.strip().lower(), duration)


def _months_later(now: datetime, months: int) -> datetime:
    index = now.month - 1 + months
    first = now.replace(year=now.year + index // 12, month=index % 12 + 1, day=1)
    last_day = ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day
    return first.replace(day=min(now.day, last_day))


def _next_day(midnight: datetime, days: int, *, by_month: bool) -> datetime:
    if by_month or days == 30:
        return (midnight.replace(day=1) + timedelta(days=31)).replace(day=1)
    if days == 7:
        return midnight + timedelta(days=7 - midnight.weekday())
    return midnight + timedelta(days=days)


def _next_multiple(now: datetime, midnight: datetime, value: int, unit: str) -> datetime:
    """The next multiple of ``value`` within the day, hour or minute; LiteLLM lets no such period pass tomorrow."""
    if unit == "h":
        base, position = midnight, now.hour
    elif unit == "m":
        base, position = now.replace(minute=0, second=0, microsecond=0), now.minute
    else:
        base, position = now.replace(second=0, microsecond=0), now.second
    reset = base + timedelta(seconds=(position // value + 1) * value * _UNIT_SECONDS[unit])
    tomorrow = midnight + timedelta(days=1)
    return reset if reset < tomorrow else tomorrow + (reset - tomorrow) % timedelta(days=1)
