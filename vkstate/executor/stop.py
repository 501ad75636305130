"""How a run is told to stop: once, and what runs is awaited; the signal handlers belong to the command line."""

from __future__ import annotations

import threading
from typing import Literal, TypeAlias

Signal: TypeAlias = Literal["SIGINT", "SIGTERM"]


class Stop:
    """A request to start nothing new. Safe to set from a signal handler and to read from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: Signal | None = None

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self, signal: Signal) -> None:
        """Ask for the stop; the first signal counts."""
        if self.signal is None:
            self.signal = signal
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until a stop is requested; returns whether it is."""
        return self._event.wait(seconds)
