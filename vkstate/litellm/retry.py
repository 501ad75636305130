"""When, and how soon, a request is sent again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from vkstate.litellm.clock import parse_http_date
from vkstate.litellm.errors import NoAnswer, Unreachable
from vkstate.litellm.faults import fault_of
from vkstate.litellm.transport import Answer, Refusal, Reset

LATER: Final = frozenset({429, 503})
"""Statuses that ask to come later: too many requests, and a service that is away or has too much to do."""

PASSING: Final = LATER | {502, 504}
"""Statuses that may well be others a moment later: those, and a gateway whose backend did not answer."""

_FIRST: Final = 0.5
_LONGEST: Final = 8.0

Outcome: TypeAlias = Answer | NoAnswer | Unreachable
"""What came of one attempt, as far as another one may be worth it."""


def backoff(attempt: int, first: float) -> float:
    """Seconds to wait before repeating after this many repetitions (from 0): exponential, with full jitter, so that
    workers that failed together do not come back together.

    :param first: at most so many at first.
    """
    return random.uniform(0.0, min(_LONGEST, first * 2**attempt))  # noqa: S311 - jitter, not a secret


def asked_pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that ``Retry-After`` asks to wait (a number, or an HTTP date on the server's clock), or None."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(text)
    instant = parse_http_date(text)
    return max(0.0, (instant - now).total_seconds()) if instant else None


def is_later(outcome: Outcome) -> bool:
    """Whether a request was turned away for now. A budget that is spent says 429, too, and stays spent."""
    return isinstance(outcome, Answer) and outcome.status in LATER and not fault_of(outcome).spent


@dataclass
class Attempts:
    """The attempts at one request, and whether there is to be another.

    :param repeat: whether it may be carried out more than once.
    :param most: how often it is repeated, where the proxy does not just ask to come later.
    :param seconds: for all attempts together and the pauses between them; those at the gate do not count.
    """

    repeat: bool
    most: int
    seconds: float
    doubtful: Outcome | None = None
    """The last outcome after which the request may have been carried out; a 429 says that it was not."""
    _repeated: int = 0
    _reconnected: bool = False

    def pause_after_later(self, outcome: Outcome, *, answered: bool) -> float | None:
        """As :meth:`pause_after`, of a request that was turned away for now. How long to wait is for the gate to say.

        One that asks to come later is waited for as long as the gate's patience lasts, unless nothing is ever repeated;
        but one that is away, and never did what it was asked to, no more often than otherwise: its url may be wrong.
        """
        if isinstance(outcome, Answer) and outcome.status == 429:
            return 0.0 if self.most else None
        self.doubtful = outcome
        if not self.repeat or self._repeated >= self.most:
            return None
        if not answered:
            self._repeated += 1
        return 0.0

    def pause_after(self, outcome: Outcome, took: float, now: datetime, *, answered: bool) -> float | None:
        """Seconds to wait before the request is sent again, or None where this outcome stands.

        :param took: the seconds that this attempt took.
        :param now: the server's time.
        :param answered: whether the proxy ever did what it was asked to.
        """
        self.seconds -= took
        if not self.repeat or not _is_passing(outcome, answered=answered):
            return None
        self.doubtful = outcome
        if isinstance(outcome, Reset) and not self._reconnected and self.seconds > 0:
            self._reconnected = True
            return 0.0
        asked = asked_pause(outcome.headers, now) if isinstance(outcome, Answer) else None
        pause = backoff(self._repeated, _FIRST) if asked is None else asked
        if self._repeated >= self.most or pause >= self.seconds:
            return None
        self._repeated += 1
        self.seconds -= pause
        return pause


def _is_passing(outcome: Outcome, *, answered: bool) -> bool:
    """A proxy that never answered is not waited for: its url is likely wrong."""
    match outcome:
        case Answer():
            return outcome.status in PASSING and not fault_of(outcome).spent
        case NoAnswer():
            return True
        case _:
            return isinstance(outcome, Refusal) and answered
