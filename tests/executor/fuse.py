"""Every call of the proxy and of the journal in one row: to look at afterwards, or to fail or die at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Killed(BaseException):
    """Stands for ``kill -9``: from here on, nothing that the run does has any effect."""


Hook = Callable[[str, object], None]
"""Called with the name of a call, as ``proxy.create`` or ``journal.save``, and what it is about; may raise."""


@dataclass
class Fuse:
    """Notes the calls, and blows at one of them.

    ``blow_at`` counts points: there are two to every call, before it and after it.
    """

    blow_at: int | None = None
    points: list[str] = field(default_factory=list)
    """``proxy.create before``, ``proxy.create after``, …: one for every point that was passed."""
    calls: list[str] = field(default_factory=list)
    """The names of the calls, in the order in which they began."""
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    blown: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def call(self, name: str, about: object = None) -> Iterator[None]:
        """Around the body of a call."""
        self._pass(f"{name} before")
        with self._lock:
            self.calls.append(name)
        for hook in [*self.before]:
            hook(name, about)
        yield
        self._pass(f"{name} after")
        for hook in [*self.after]:
            hook(name, about)

    def _pass(self, point: str) -> None:
        with self._lock:
            if self.blown:
                raise Killed(point)
            self.points.append(point)
            if self.blow_at == len(self.points) - 1:
                self.blown = True
                raise Killed(point)


def fails(error: Exception, on: str, *, times: int = 1, skip: int = 0, about: object = None) -> Hook:
    """A hook that raises at the first so many calls of a name, after letting some pass.

    :param about: only at calls that are about this alias.
    """
    left = [skip, times]

    def hook(name: str, alias: object) -> None:
        if name != on or (about is not None and alias != about):
            return
        if left[0] > 0:
            left[0] -= 1
        elif left[1] > 0:
            left[1] -= 1
            raise error

    return hook
