"""When a key ends: what a config may say of it, and what that means as an instant.

A config says ``duration`` (one number and one unit, counted from the moment it is applied), ``expires_at`` (an instant)
or ``duration: never``. LiteLLM knows only "so many seconds from now" on its own clock, so an instant is turned into
seconds at the moment of sending (``/key/generate`` and ``/key/update``, LiteLLM 1.72 to 1.105: an absolute ``expires``
is ignored).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

NEVER: Final = "never"
TOLERANCE: Final = timedelta(seconds=2)
"""Two expiries closer than this are the same: LiteLLM truncates to milliseconds, and sending takes time."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"([0-9]{1,12})([smhdw])")
LONGEST: Final = 100 * 365 * 86_400
"""The most seconds that a duration may mean."""
_LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The end of the calendar, beyond which nothing lasts."""


@dataclass(frozen=True)
class Lasting:
    """The key ends this long after it is applied."""

    seconds: int


@dataclass(frozen=True)
class Until:
    """The key ends at this instant (aware, UTC)."""

    instant: datetime


@dataclass(frozen=True)
class Never:
    """The key does not end."""


Expiry: TypeAlias = Lasting | Until | Never


def parse_duration(text: str) -> int:
    """The seconds that a duration such as ``30d`` means.

    :raises ValueError: with a sentence that says what a duration looks like.
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text!r} is not a duration: write one whole number and one unit of s, m, h, d or w, such as "
            f"{_suggestion(text)}"
        )
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds == 0:
        raise ValueError(f"{text!r} would end the key at once: the shortest is 1s, and a key without an end is 'never'")
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is more than 100 years: a key without an end is 'never'")
    return seconds


def _suggestion(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,12}", text):
        return f"{text}d or {text}h"
    if found := re.fullmatch(r"([0-9]{1,12})mo", text):
        return f"{int(found[1]) * 30}d (months have no fixed length)"
    if found := re.fullmatch(r"([0-9]{1,12})d([0-9]{1,12})h", text):
        return f"{int(found[1]) * 24 + int(found[2])}h"
    return "30d or 12h"


def parse_instant(text: str) -> datetime:
    """The instant that an RFC 3339 timestamp with a time zone means, in UTC.

    :raises ValueError: with a sentence that says what an instant looks like.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an instant: write it as 2026-12-01T18:00:00+01:00") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write it as 2026-12-01T18:00:00+01:00, or with Z for UTC")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from None


def format_instant(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC; milliseconds, LiteLLM's own precision, only where there are any."""
    utc = instant.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond // 1000 else "seconds"
    return utc.isoformat(timespec=spec).replace("+00:00", "Z")


def format_zoned(instant: datetime) -> str:
    """An instant as RFC 3339 in its own zone, as a config says it; ``Z`` for UTC."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def expiry_of(declared: Mapping[str, object]) -> Expiry | None:
    """The expiry that declared attributes ask for, or None where they declare neither ``duration`` nor ``expires_at``.

    The texts have been validated before: they parse.
    """
    if (instant := declared.get("expires_at")) is not None:
        return Until(parse_instant(str(instant)))
    if (duration := declared.get("duration")) is None:
        return None
    return Never() if duration == NEVER else Lasting(parse_duration(str(duration)))


def end_of(expiry: Expiry, since: datetime) -> datetime | None:
    """When a key ends that was given this expiry at an instant; None is "never", and what has passed is "at once"."""
    match expiry:
        case Never():
            return None
        case Until(instant):
            return max(instant, since)
        case Lasting(seconds):
            return since + min(timedelta(seconds=seconds), _LAST - since)


def same_instant(one: datetime | None, other: datetime | None, tolerance: timedelta = TOLERANCE) -> bool:
    """Whether two expiries are the same, give or take ``tolerance``; None is "never"."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance
