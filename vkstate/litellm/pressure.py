"""The gate of a connection: where the proxy says "later", all its threads wait as told, and fewer of them come back.

How many requests may be under way follows what the proxy bears. Each time that it turns some away, half as many as were
under way may be; as it answers, one more again each time that all of them were answered. As long as it turns none away,
nobody waits.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, TypeAlias

from vkstate.executor.ports import NotSent
from vkstate.executor.stop import LOOKS_UP
from vkstate.litellm.errors import TooBusy
from vkstate.litellm.retry import backoff

_FIRST: Final = 0.25
"""Seconds for which nothing is sent at most, where the proxy does not say for how long; twice as many each time that
this was in vain."""

_SHARE_OF_PATIENCE: Final = 1 / 4
"""How much of its patience the gate spends on one such pause at most, so that it does not give up for one."""

_LATER_THAN_TOLD: Final = 0.1
_LATER_AT_MOST: Final = 1.0
"""By which part of itself, and by how many seconds, a pause that was asked for is drawn out at most: others may have
been told the same at that time."""

Wait: TypeAlias = Callable[[threading.Condition, float], object]
"""Waits on a condition, whose lock is held, for so many seconds at most."""


@dataclass
class Pressure:
    """What is known of how much the proxy bears. Pure: instants are seconds of any clock that never goes back."""

    window: float = inf
    """How many requests may be under way."""
    under_way: int = 0
    longest: float = inf
    """Seconds that a pause which nobody asked for takes at most."""
    opens_at: float = -inf
    """Until when nothing may be sent."""
    since: float | None = None
    """Since when the proxy has let nothing through, where the last that is known is that it turned a request away."""
    falls: int = 0
    """How often the window fell: what was sent before the last time is no reason to let it fall again."""
    in_vain: int = 0
    """How often it fell since a request that was sent after that was let through."""

    def pause(self, now: float) -> float:
        """Seconds until a request may be sent; endless where another one must end first."""
        if now < self.opens_at:
            return self.opens_at - now
        return 0.0 if self.under_way + 1 <= self.window else inf

    def begin(self) -> int:
        """A request is sent; returns its turn: how often the window fell before."""
        self.under_way += 1
        return self.falls

    def end(self) -> None:
        """A request is over, whatever became of it."""
        self.under_way -= 1

    def let_through(self, turn: int) -> None:
        """A request of a turn, still under way, was answered by whom it was meant for."""
        self.since = None
        if turn == self.falls:
            self.in_vain = 0
            if self.under_way + 1 > self.window:  # what is not used is not known to be borne
                self.window += 1 / self.window

    def turned_away(self, turn: int, now: float, asked: float | None) -> None:
        """A request of a turn, still under way, was answered "later".

        :param asked: the seconds that the proxy asks to wait, where it does.
        """
        if self.since is None:
            self.since = now
        if turn == self.falls:
            self.falls += 1
            self.window = max(1.0, min(self.window, self.under_way) / 2)
            pause = min(backoff(self.in_vain, _FIRST), self.longest)
            self.in_vain += 1
        else:
            pause = 0.0
        if asked:
            spread = min(asked * _LATER_THAN_TOLD, _LATER_AT_MOST)
            pause = asked + random.uniform(0.0, spread)  # noqa: S311 - jitter, not a secret
        self.opens_at = max(self.opens_at, now + pause)


class Gate:
    """Lets the requests of a connection through. Several threads may call it at once.

    :param patience: seconds after which a proxy that lets nothing through is given up, as is one that asks for a longer
        pause.
    :param clock: seconds that never go back.
    """

    def __init__(
        self,
        patience: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = lambda changed, seconds: changed.wait(min(seconds, LOOKS_UP)),
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._wait = wait
        self._pressure = Pressure(longest=patience * _SHARE_OF_PATIENCE)
        self._told = ""
        self._when = ""
        self._changed = threading.Condition()
        self._too_long: Callable[[float], bool] = lambda _: False

    @contextmanager
    def place(self, what: str) -> Iterator[int]:
        """Wait until a request may be sent; it is under way as long as this is open. Gives the turn it belongs to.

        :param what: the request, in words.
        :raises TooBusy: the proxy has let nothing through for too long, or asks for too long a pause.
        :raises NotSent: nobody wants to wait any longer.
        """
        with self._changed:
            while pause := self._pressure.pause(now := self._clock()):
                self._endure(now, what)
                self._rest(pause)
            turn = self._pressure.begin()
        try:
            yield turn
        finally:
            with self._changed:
                self._pressure.end()
                self._changed.notify_all()

    def let_through(self, turn: int) -> None:
        """The request in this place was answered by whom it was meant for."""
        with self._changed:
            self._pressure.let_through(turn)

    def turned_away(self, turn: int, status: int, asked: float | None) -> None:
        """The request in this place was answered "later", with this status.

        :param asked: the seconds that the proxy asks to wait, where it does.
        """
        with self._changed:
            left_alone = f", and asked to be left alone for {asked:.0f} s" if asked else ""
            self._told = f"answered {status}{left_alone}"
            self._when = f"in {asked:.0f} s" if asked else "in a while"
            self._pressure.turned_away(turn, self._clock(), asked)

    def rest(self, seconds: float) -> None:
        """Wait, in no place.

        :raises NotSent: nobody wants to wait any longer.
        """
        ends_at = self._clock() + seconds
        with self._changed:
            while (left := ends_at - self._clock()) > 0:
                self._rest(left)

    @contextmanager
    def left_when(self, too_long: Callable[[float], bool]) -> Iterator[None]:
        """While this is open, whoever waits goes away with :class:`NotSent` once so many more seconds are too long.

        :param too_long: whether they are; asked with 0 where another request has to end first.
        """
        before, self._too_long = self._too_long, too_long
        try:
            yield
        finally:
            self._too_long = before

    def close(self) -> None:
        """Send everybody away who waits."""
        with self._changed:
            self._too_long = lambda _: True
            self._changed.notify_all()

    def _endure(self, now: float, what: str) -> None:
        """:raises TooBusy: patience does not last until the gate opens."""
        opens_at, since = self._pressure.opens_at, self._pressure.since
        when = "in a while"
        if opens_at - now > self._patience:
            words, when = self._told, self._when
        elif since is not None and opens_at - since > self._patience:
            words = f"has let nothing through for {now - since:.0f} s; it {self._told}"
        else:
            return
        raise TooBusy(f"{what}: the proxy {words}.", hint=f"try again {when}")

    def _rest(self, seconds: float) -> None:
        if self._too_long(0.0 if seconds == inf else seconds):
            raise NotSent("A request was not sent: the proxy asked to wait, and the run ended.")
        self._wait(self._changed, seconds)
