"""Ctrl-C and SIGTERM during a run: once, and nothing new starts; twice, and it stops at once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vkstate.executor.stop import Signal, Stop


@contextmanager
def stoppable(stop: Stop) -> Iterator[Stop]:
    """While this is open, the first signal requests a stop and the second raises KeyboardInterrupt."""

    def received(number: int, _: FrameType | None) -> None:
        name: Signal = "SIGTERM" if number == signal.SIGTERM else "SIGINT"
        if stop.requested:
            raise KeyboardInterrupt
        stop.request(name)
        print(  # noqa: T201 - said at once, from the handler
            "\nStopping: nothing new is started; what is under way is awaited and saved. Once more stops at once.",
            file=sys.stderr,
        )

    before = {number: signal.signal(number, received) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
