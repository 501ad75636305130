"""How far a run has come, on stderr: a bar on a terminal, a line every few seconds elsewhere.

Of an apply or a destroy the changes are counted; while the proxy is only read, the requests that this takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from vkstate.executor.outcome import Result
from vkstate.plan import Change
from vkstate.views.tally import Tally
from vkstate.views.words import counted, escaped

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVERY: Final = 5.0
"""Seconds between two lines."""
PATIENCE: Final = 1.0
"""Seconds that reading may take before a bar is drawn: most of it is over sooner."""
QUIET: Final = 15.0
"""Seconds between two lines while the proxy is busy and nothing comes on."""


class Lines:
    """Progress as plain lines, for logs: no more often than every few seconds, and at each new phase.

    While the proxy is busy they go on to come, so that nobody takes the run for dead.
    """

    patience: Final = EVERY
    """Seconds after which :meth:`still_reading` is worth a call."""

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        every: float = EVERY,
        quiet: float = QUIET,
    ) -> None:
        """
        :param clock: seconds that never go back.
        :param every: seconds between two lines.
        :param quiet: seconds between two lines while the proxy is busy and nothing comes on.
        """
        self._stream = stream
        self._clock = clock
        self._every = every
        self._tally = Tally(clock)
        self._lock = threading.Lock()
        self._said_at = clock()
        self._said: str | None = None
        self._deaf = False
        self._quiet = quiet
        self._ended = threading.Event()
        self._keeping_on: threading.Thread | None = None

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
        """Say so, once, and go on to say how it stands."""
        if self._tally.slowed_down():
            self._say(self._tally.text())
        with self._lock:
            if self._keeping_on is None and not self._ended.is_set():
                self._keeping_on = threading.Thread(target=self._keep_on, name="progress", daemon=True)
                self._keeping_on.start()

    def still_reading(self) -> None:
        """Say so, where a single request takes its time: of that there is nothing to count."""
        self._say_if_due()

    def phase(self, text: str) -> None:
        self._tally.phase()
        self._say(escaped(text))

    def ended(self) -> None:
        """Say the last word, unless nothing was said and nothing was to be changed."""
        with self._lock:
            self._ended.set()
        if self._keeping_on is not None:
            self._keeping_on.join()
        if self._said is not None and self._tally.total:
            self._say(self._tally.text(at_last=True))

    def _keep_on(self) -> None:
        while not self._ended.wait(self._quiet):
            self.still_waiting()

    def still_waiting(self) -> None:
        """Say so, where the proxy is busy and nothing was said for a while."""
        if self._tally.busy:
            self._say_if_due(self._quiet)

    def _say_if_due(self, every: float | None = None) -> None:
        every = self._every if every is None else every
        with self._lock:
            due = self._clock() - self._said_at >= every
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
