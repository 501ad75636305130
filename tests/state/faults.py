"""Faults at the system calls of the durable writer: every call has a number, and any of them can be made to fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

CALLS = ("open", "write", "fchmod", "fsync", "close", "replace", "mkdir")
_T = TypeVar("_T")


class Faults:
    """Counts the calls by name, and runs ``strike`` in place of (for ``close``: after) the one with number ``at``."""

    def __init__(self, at: int | None, strike: Callable[[], None]) -> None:
        self.seen: list[str] = []
        self._at = at
        self._strike = strike

    def around(self, name: str, call: Callable[..., _T]) -> Callable[..., _T]:
        def counted(*arguments: object, **named: object) -> _T:
            self.seen.append(name)
            if len(self.seen) - 1 != self._at:
                return call(*arguments, **named)
            if name == "close":  # the kernel lets a descriptor go even where it reports an error
                call(*arguments, **named)
            self._strike()
            raise AssertionError("the strike must not return")

        return counted


def disk_full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def faults(at: int | None = None, strike: Callable[[], None] = disk_full) -> Iterator[Faults]:
    """Number the system calls within the block; the one with number ``at`` fails."""
    counting = Faults(at, strike)
    patches = [patch.object(os, name, counting.around(name, getattr(os, name))) for name in CALLS]
    for each in patches:
        each.start()
    try:
        yield counting
    finally:
        for each in patches:
            each.stop()
