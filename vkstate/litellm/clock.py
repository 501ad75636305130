"""The server's clock, as far as its ``Date`` headers tell.

LiteLLM counts a key's duration on its own clock. A ``Date`` header has whole seconds, and uvicorn (LiteLLM 1.72 to
1.90) refreshes it only once a second; so that each answer gives a range for the difference between the two clocks, and
several answers narrow it.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_STALE: Final = timedelta(seconds=2.2)
"""How far behind the server's clock a ``Date`` header may be: whole seconds, refreshed once a second."""

_YEARS: Final = range(1970, 9000)
"""From the first year that computers count to one from which every duration still ends within the calendar."""


class ServerClock:
    """The difference between the server's clock and ours. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._range: tuple[timedelta, timedelta] | None = None

    def note(self, date: str | None, sent: datetime, received: datetime) -> None:
        """Learn from the ``Date`` header of an answer to what was sent and received at these instants of our clock."""
        stamp = parse_http_date(date) if date else None
        if stamp is None:
            return
        low, high = stamp - received, stamp + _STALE - sent
        with self._lock:
            if self._range:
                narrowed = max(low, self._range[0]), min(high, self._range[1])
                low, high = narrowed if narrowed[0] <= narrowed[1] else (low, high)
            self._range = low, high

    @property
    def offset(self) -> timedelta | None:
        """Server's clock minus ours; zero where the headers allow it; None before the first ``Date`` header."""
        with self._lock:
            if self._range is None:
                return None
            low, high = self._range
        return timedelta(0) if low <= timedelta(0) <= high else low + (high - low) / 2

    def now(self) -> datetime:
        """The server's time (aware, UTC); ours, where no answer has come yet."""
        return datetime.now(UTC) + (self.offset or timedelta(0))


def parse_http_date(text: str) -> datetime | None:
    """The instant of an HTTP date, or None where it is none, or where no clock in use can show it."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if instant.year not in _YEARS:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
