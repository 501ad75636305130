"""How far a run has come, on stderr: a bar on a terminal, a line every few seconds elsewhere.

Of an apply or a destroy the changes are counted; while the proxy is only read, the requests that this takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from vkstate.executor.outcome import Failed, NotAttempted, Result
from vkstate.keys import Alias
from vkstate.plan import Change
from vkstate.views.words import counted, escaped

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVERY: Final = 5.0
"""Seconds between two lines."""
PATIENCE: Final = 1.0
"""Seconds that reading may take before a bar is drawn: most of it is over sooner."""

_SLOWER: Final = "slower, as the proxy asks"


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
        self._slowed_down = False

    def start(self, changes: int) -> None:
        with self._lock:
            self._changes = changes
            self._started_at = self._since = self._clock()

    def phase(self) -> None:
        with self._lock:
            self._answered.clear()
            self._requests = self._requests_answered = 0
            self._before, self._since = len(self._ended), self._clock()

    def answered(self, changes: Sequence[Change]) -> None:
        with self._lock:
            self._answered.update(change.alias for change in changes)

    def add(self, result: Result) -> None:
        with self._lock:
            if isinstance(result, NotAttempted):
                self._not_attempted += 1
            else:
                self._ended.add(result.change.alias)
            self._failed += isinstance(result, Failed)

    def expect(self, requests: int) -> None:
        with self._lock:
            self._requests += requests

    def request_answered(self) -> None:
        with self._lock:
            self._requests_answered += 1

    def slowed_down(self) -> bool:
        """Note it; returns whether that is new."""
        with self._lock:
            new, self._slowed_down = not self._slowed_down, True
            return new

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

        :param at_last: the rate is that of the whole run.
        """
        with self._lock:
            if not self.total:
                return ", ".join(("reading", *self.details(at_last=at_last)))
            count = f"{self.done:,} of {self.total:,}"
            first = count if self._changes else f"reading: {count} requests"
            return ", ".join((first, *self.details(at_last=at_last)))

    def details(self, *, at_last: bool = False) -> list[str]:
        """Failures, rate and time left, as far as there is anything to say."""
        with self._lock:
            parts = [f"{self._failed:,} failed"] if self._failed else []
            parts += [f"{self._not_attempted:,} not attempted"] if self._not_attempted else []
            parts += [_SLOWER] if self._slowed_down else []
            if self._changes and self._requests_answered < self._requests:
                parts.append(f"{self._requests_answered:,} of {self._requests:,} requests")
            done = self.done if at_last else self.done - self._before
            elapsed = self._clock() - (self._started_at if at_last else self._since)
            if done <= 0 or elapsed <= 0:
                return parts
            parts.append(f"{done / elapsed:.1f} a second")
            left = self.total - self.done - self._not_attempted
            return [*parts, f"{_clock_text(left * elapsed / done)} left"] if left > 0 else parts


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Lines:
    """Progress as plain lines, for logs: no more often than every few seconds, and at each new phase."""

    patience: Final = EVERY
    """Seconds after which :meth:`still_reading` is worth a call."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY) -> None:
        """:param clock: seconds that never go back."""
        self._stream = stream
        self._clock = clock
        self._every = every
        self._tally = Tally(clock)
        self._lock = threading.Lock()
        self._said_at = clock()
        self._said: str | None = None
        self._deaf = False

    def started(self, total: int) -> None:
        self._tally.start(total)
        self._say(f"{counted(total, 'change')} to make")

    def answered(self, changes: Sequence[Change]) -> None:
        self._tally.answered(changes)
        self._say_if_due()

    def finished(self, result: Result) -> None:
        self._tally.add(result)
        self._say_if_due()

    def expect(self, requests: int) -> None:
        self._tally.expect(requests)

    def request_answered(self) -> None:
        self._tally.request_answered()
        self._say_if_due()

    def slowed_down(self) -> None:
        """Say so, once."""
        if self._tally.slowed_down():
            self._say(self._tally.text())

    def still_reading(self) -> None:
        """Say so, where a single request takes its time: of that there is nothing to count."""
        self._say_if_due()

    def phase(self, text: str) -> None:
        self._tally.phase()
        self._say(escaped(text))

    def ended(self) -> None:
        """Say the last word, unless nothing was said and nothing was to be changed."""
        if self._said is not None and self._tally.total:
            self._say(self._tally.text(at_last=True))

    def _say_if_due(self) -> None:
        with self._lock:
            due = self._clock() - self._said_at >= self._every
            if due:
                self._said_at = self._clock()
        if due:
            self._say(self._tally.text())

    def _say(self, text: str) -> None:
        with self._lock:
            self._said_at = self._clock()
            if text != self._said and not self._deaf:
                try:
                    self._stream.write(f"{text}\n")
                    self._stream.flush()
                except OSError:  # progress decides nothing: a reader that went away must not end the run
                    self._deaf = True
            self._said = text


class Bar:
    """Progress as a bar that is drawn over and over, and is gone at the end."""

    patience: Final = PATIENCE

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        width: int | None = None,
        colour: bool = True,
    ) -> None:
        """
        :param stream: a terminal.
        :param clock: seconds that never go back.
        :param width: columns; None for the terminal's own.
        """
        self._make: Callable[[], tuple[Progress, TaskID]] = lambda: _bar(stream, clock, width, colour=colour)
        self._drawn: tuple[Progress, TaskID] | None = None
        self._lock = threading.Lock()
        self._tally = Tally(clock)

    def started(self, total: int) -> None:
        self._tally.start(total)
        self._draw("applying" if self._drawn is None else None)

    def answered(self, changes: Sequence[Change]) -> None:
        self._tally.answered(changes)
        self._draw()

    def finished(self, result: Result) -> None:
        self._tally.add(result)
        self._draw()

    def expect(self, requests: int) -> None:
        self._tally.expect(requests)
        self._draw_if_worth()

    def request_answered(self) -> None:
        self._tally.request_answered()
        self._draw_if_worth()

    def slowed_down(self) -> None:
        if self._tally.slowed_down():
            self._draw_if_worth()

    def still_reading(self) -> None:
        self._draw_if_worth()

    def phase(self, text: str) -> None:
        self._tally.phase()
        self._draw(escaped(text))

    def ended(self) -> None:
        with self._lock:
            if self._drawn is not None:
                self._drawn[0].stop()

    def _draw_if_worth(self) -> None:
        """Draw what is going on already; of reading only what takes its time."""
        if self._drawn is not None:
            self._draw()
        elif self._tally.elapsed >= PATIENCE:
            self._draw("reading")

    def _draw(self, description: str | None = None) -> None:
        with self._lock:
            if self._drawn is None:
                self._drawn = self._make()
                self._drawn[0].start()
            progress, task = self._drawn
            details = ", ".join(self._tally.details())
            total = self._tally.total or None  # what is not known is drawn as a pulse
            progress.update(task, description=description, total=total, completed=self._tally.done, details=details)


def _bar(stream: TextIO, clock: Callable[[], float], width: int | None, *, colour: bool) -> tuple[Progress, TaskID]:
    # Rich takes as long to import as everything else together: only who draws a bar pays for it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=stream, width=width, force_terminal=True, no_color=not colour)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[details]}", markup=False),
        console=console,
        transient=True,
        redirect_stdout=False,  # stdout carries data: it must not be drawn on stderr
        get_time=clock,
    )
    return progress, progress.add_task("", total=None, details="")
