"""Gateways that turn requests away, and a time that runs faster for them and for vkstate alike."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from tests.reliability.gateway import Doing, Pass, Say, Seen
from vkstate.litellm.pressure import Gate

TIMES: Final = 20.0
"""How many seconds of a test's time pass in one second."""


def fast_clock() -> float:
    """Seconds of a test's time."""
    return time.monotonic() * TIMES


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vkstate wait for proxies, and lose patience with them, in a test's time."""

    def gate(patience: float) -> Gate:
        def wait(changed: threading.Condition, seconds: float) -> None:
            changed.wait(min(seconds / TIMES, 0.25))

        return Gate(patience, clock=fast_clock, wait=wait)

    monkeypatch.setattr("vkstate.litellm.client.Gate", gate)


class Throttle:
    """A rule that turns requests away; what came of them is counted by path.

    :param admits: whether a request that comes at this instant of the test's time may pass. Asked by one thread.
    :param done: whether the server does all the same what is turned away.
    """

    def __init__(
        self, admits: Callable[[float], bool], status: int, retry_after: str | None = None, *, done: bool = False
    ) -> None:
        self.passed: Counter[str] = Counter()
        self.turned_away: Counter[str] = Counter()
        self._admits = admits
        headers = {"content-type": "text/plain"} | ({"retry-after": retry_after} if retry_after else {})
        self._later = Say(status, b"come later", headers, done=done)
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Doing:
        with self._lock:
            admitted = self._admits(fast_clock())
            (self.passed if admitted else self.turned_away)[seen.path] += 1
        return Pass() if admitted else self._later


def portions(size: int, pause: float) -> Callable[[float], bool]:
    """So many requests, then none for a while from the first one on that is too many, then as many again."""
    left, opens_at = size, 0.0

    def admits(now: float) -> bool:
        nonlocal left, opens_at
        if left > 0:
            left -= 1
            opens_at = 0.0
            return True
        opens_at = opens_at or now + pause
        if now >= opens_at:
            left = size
            return admits(now)
        return False

    return admits


def outage(after: int, seconds: float) -> Callable[[float], bool]:
    """Nothing passes for so long, once so many requests have."""
    passed, ends_at = 0, float("inf")

    def admits(now: float) -> bool:
        nonlocal passed, ends_at
        if passed == after and ends_at == float("inf"):
            ends_at = now + seconds
        if passed >= after and now < ends_at:
            return False
        passed += 1
        return True

    return admits
