"""How a run is told to stop: once, and what runs is awaited; the signal handlers belong to the command line."""

from __future__ import annotations

import threading
import time
from typing import Final, Literal, TypeAlias

Signal: TypeAlias = Literal["SIGINT", "SIGTERM"]

LOOKS_UP: Final = 0.25
"""Seconds after which a waiting thread looks up: Python notes a signal that comes just before a wait, and acts on it
after that, so that a Ctrl-C would have no effect as long as a request hangs; and nobody wakes threads for a stop."""

PATIENCE: Final = 5.0
"""Seconds after a stop until which a pause that the proxy asks for is waited out still, to read back what was done."""


class Stop:
    """A request to start nothing new. Safe to set from a signal handler and to read from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: Signal | None = None
        self._since = 0.0

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self, signal: Signal) -> None:
        """Ask for the stop; the first signal counts."""
        if self.signal is None:
            self.signal = signal
            self._since = time.monotonic()
        self._event.set()

    def cannot_wait(self, seconds: float) -> bool:
        """Whether a stop was requested, and a pause of so many more seconds ends too long after it; 0 is no pause."""
        return self.requested and seconds > 0 and time.monotonic() + seconds - self._since > PATIENCE

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until a stop is requested; returns whether it is."""
        return self._event.wait(seconds)
