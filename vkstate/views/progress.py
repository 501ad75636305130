"""How far an apply or a destroy has come, on stderr: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from vkstate.executor.outcome import Failed, Result
from vkstate.keys import Alias
from vkstate.plan import Change
from vkstate.views.words import counted, escaped

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVERY: Final = 5.0
"""Seconds between two lines."""


class Lines:
    """Progress as plain lines, for logs: no more often than every few seconds, and at each new phase."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY) -> None:
        """:param clock: seconds that never go back."""
        self._stream = stream
        self._clock = clock
        self._every = every
        self._tally = Tally(clock)
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

    def _say_if_due(self) -> None:
        if self._clock() - self._said_at >= self._every:
            self._say(self._tally.text())

    def phase(self, text: str) -> None:
        self._say(escaped(text))

    def ended(self) -> None:
        if self._tally.total:
            self._say(self._tally.text())

    def _say(self, text: str) -> None:
        self._said_at = self._clock()
        if text != self._said and not self._deaf:
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except OSError:  # progress decides nothing: a reader that went away must not end the run
                self._deaf = True
        self._said = text


class Tally:
    """How many of how many, how fast, and how long it will still take."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.total = 0
        self.failed = 0
        self._seen: set[Alias] = set()
        self._clock = clock
        self._since = clock()

    def start(self, total: int) -> None:
        self.total = total
        self._since = self._clock()

    @property
    def done(self) -> int:
        """The changes that were answered or have ended."""
        return len(self._seen)

    def answered(self, changes: Sequence[Change]) -> None:
        self._seen.update(change.alias for change in changes)

    def add(self, result: Result) -> None:
        self._seen.add(result.change.alias)
        self.failed += isinstance(result, Failed)

    def text(self) -> str:
        """``12 of 27, 3.1 a second, 5 s left``."""
        return ", ".join((f"{self.done:,} of {self.total:,}", *self.details()))

    def details(self) -> list[str]:
        """Failures, rate and time left, as far as there is anything to say."""
        parts = [f"{self.failed:,} failed"] if self.failed else []
        elapsed = self._clock() - self._since
        if not self.done or elapsed <= 0:
            return parts
        rate = self.done / elapsed
        parts.append(f"{rate:.1f} a second")
        if self.done < self.total:
            parts.append(f"{_clock_text((self.total - self.done) / rate)} left")
        return parts


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Bar:
    """Progress as a bar that is drawn over and over, and is gone at the end."""

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
        self._progress, self._task = _bar(stream, clock, width, colour=colour)
        self._tally = Tally(clock)

    def started(self, total: int) -> None:
        self._tally.start(total)
        self._progress.update(self._task, total=total, visible=True)
        self._progress.start()

    def answered(self, changes: Sequence[Change]) -> None:
        self._tally.answered(changes)
        self._draw()

    def finished(self, result: Result) -> None:
        self._tally.add(result)
        self._draw()

    def _draw(self) -> None:
        self._progress.update(self._task, completed=self._tally.done, details=", ".join(self._tally.details()))

    def phase(self, text: str) -> None:
        self._progress.update(self._task, description=escaped(text), visible=True)
        self._progress.start()

    def ended(self) -> None:
        self._progress.stop()


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
    return progress, progress.add_task("applying", total=None, visible=False, details="")
