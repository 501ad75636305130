"""When, and how soon, a request that is safe to repeat is sent again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from vkstate.litellm.clock import parse_http_date

PASSING: Final = frozenset({429, 502, 503, 504})
"""Statuses that say "later": too many requests, and a gateway whose backend is away."""

_FIRST: Final = 0.5
_LONGEST: Final = 8.0


def backoff(attempt: int) -> float:
    """Seconds to wait before repeating after this many repetitions (from 0): exponential, with full jitter, so that
    workers that failed together do not come back together."""
    return random.uniform(0.0, min(_LONGEST, _FIRST * 2**attempt))  # noqa: S311 - jitter, not a secret


def asked_pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that ``Retry-After`` asks to wait (a number, or an HTTP date on the server's clock), or None."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(text)
    instant = parse_http_date(text)
    return max(0.0, (instant - now).total_seconds()) if instant else None
