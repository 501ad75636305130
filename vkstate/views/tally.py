"""What a run has done so far, in figures: how many of how many, how fast, and whether the proxy holds it up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from vkstate.executor.outcome import Failed, NotAttempted, Result
from vkstate.keys import Alias
from vkstate.plan import Change

_SLOWER: Final = "slower: the proxy is busy"
_LASTS: Final = 10.0
"""Seconds after which a proxy that has turned nothing away since, and answers, is busy no more."""
_STILL: Final = 5.0
"""Seconds without progress that are worth a word."""


class Tally:
    """How many of how many, how fast, and how long it will still take. Several threads may call it.

    A phase counts anew: a change that was answered while it was sent counts again once it is read back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """:param clock: seconds that never go back."""
        self._lock = threading.RLock()
        self._clock = clock
        self._started_at = self._since = clock()
        self._before = 0
        self._changes = 0
        self._requests = 0
        self._requests_answered = 0
        self._answered: set[Alias] = set()
        self._ended: set[Alias] = set()
        self._failed = 0
        self._not_attempted = 0
        self._moved_at = self._since
        self._turned_away_at: float | None = None

    def start(self, changes: int) -> None:
        with self._lock:
            self._changes = changes
            self._started_at = self._since = self._moved_at = self._clock()

    def phase(self) -> None:
        with self._lock:
            self._answered.clear()
            self._requests = self._requests_answered = 0
            self._before, self._since = len(self._ended), self._clock()
            self._moved_at = self._since

    def answered(self, changes: Sequence[Change]) -> None:
        with self._lock:
            self._answered.update(change.alias for change in changes)
            self._move()

    def add(self, result: Result) -> None:
        with self._lock:
            if isinstance(result, NotAttempted):
                self._not_attempted += 1
            else:
                self._ended.add(result.change.alias)
            self._failed += isinstance(result, Failed)
            self._move()

    def expect(self, requests: int) -> None:
        with self._lock:
            self._requests += requests

    def request_answered(self) -> None:
        with self._lock:
            self._requests_answered += 1
            self._move()

    def slowed_down(self) -> bool:
        """Note that the proxy is busy; returns whether that is new."""
        with self._lock:
            new, self._turned_away_at = self._turned_away_at is None, self._clock()
            return new

    def _move(self) -> None:
        """Note that there is progress; how fast it is counts anew once the proxy is busy no more."""
        self._moved_at = self._clock()
        if self._turned_away_at is not None and self._moved_at - self._turned_away_at >= _LASTS:
            self._turned_away_at = None
            self._before, self._since = self.done, self._moved_at

    @property
    def busy(self) -> bool:
        """Whether the proxy turns requests away."""
        return self._turned_away_at is not None

    @property
    def elapsed(self) -> float:
        """Seconds since it all began."""
        return self._clock() - self._started_at

    @property
    def done(self) -> int:
        """The changes that have ended, or in this phase were answered; where there are none, the requests."""
        return len(self._answered | self._ended) if self._changes else self._requests_answered

    @property
    def total(self) -> int:
        return self._changes or self._requests

    def text(self, *, at_last: bool = False) -> str:
        """``12 of 27, 3.1 a second, 5 s left``, or ``reading: 3 of 200 requests, 8.0 a second, 25 s left``.

        :param at_last: the run is over; the rate is that of the whole run.
        """
        with self._lock:
            count = f"{self.done:,} of {self.total:,}"
            first = count if self._changes else f"reading: {count} requests" if self.total else "reading"
            parts = [first, *self.details(at_last=at_last)]
            still = self._clock() - self._moved_at
            if self.busy and not at_last and still >= _STILL:
                parts.append(f"no progress for {_clock_text(still)}")
            return ", ".join(parts)

    def details(self, *, at_last: bool = False) -> list[str]:
        """Failures, rate and time left, as far as there is anything to say; what a busy proxy will do nobody knows."""
        with self._lock:
            parts = [f"{self._failed:,} failed"] if self._failed else []
            parts += [f"{self._not_attempted:,} not attempted"] if self._not_attempted else []
            parts += [_SLOWER] if self.busy and not at_last else []
            if self._changes and self._requests_answered < self._requests:
                parts.append(f"{self._requests_answered:,} of {self._requests:,} requests")
            done = self.done if at_last else self.done - self._before
            elapsed = self._clock() - (self._started_at if at_last else self._since)
            if done <= 0 or elapsed <= 0 or (self.busy and not at_last):
                return parts
            parts.append(f"{done / elapsed:.1f} a second")
            left = 0 if at_last else self.total - self.done - self._not_attempted
            return [*parts, f"{_clock_text(left * elapsed / done)} left"] if left > 0 else parts


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
