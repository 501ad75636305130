"""Ctrl-C and SIGTERM during a run: once, and nothing new starts; twice, and it stops at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from vkstate.executor.stop import Signal, Stop

_STDERR: Final = 2
_STOPPING: Final = (
    b"\nStopping: nothing new is started; what is under way is awaited and saved. Once more stops at once.\n"
)


@contextmanager
def stoppable(stop: Stop) -> Iterator[Stop]:
    """While this is open, the first signal requests a stop and the second raises KeyboardInterrupt."""

    def received(number: int, _: FrameType | None) -> None:
        name: Signal = "SIGTERM" if number == signal.SIGTERM else "SIGINT"
        if stop.requested:
            raise KeyboardInterrupt
        stop.request(name)
        # Past Python's buffer, which the signal may have found in the middle of a write.
        with suppress(OSError):
            os.write(_STDERR, _STOPPING)

    before = {number: signal.signal(number, received) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
