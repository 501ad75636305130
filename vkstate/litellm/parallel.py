"""Work on several things at a time, each of about a request, and somebody who is told how it comes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch(Protocol):
    """Told how reading comes on. Several threads may call it at once."""

    def expect(self, requests: int) -> None:
        """So many pieces of work have been begun together, of about a request each."""

    def request_answered(self) -> None:
        """One of them is done."""

    def slowed_down(self) -> None:
        """The proxy has asked to come later; it may do so often."""


def each(
    work: Callable[[Item], Result], items: Iterable[Item], parallelism: int, watch: Watch | None = None
) -> list[Result]:
    """The results of ``work`` on every item, in order, so many at a time; the first error stops the rest.

    :param watch: told of it where there is more than one item.
    """
    waiting = list(items)
    if len(waiting) < 2:
        return [work(item) for item in waiting]
    if watch:
        watch.expect(len(waiting))

    def watched(item: Item) -> Result:
        result = work(item)
        if watch:
            watch.request_answered()
        return result

    if parallelism < 2:
        return [watched(item) for item in waiting]
    pool = ThreadPoolExecutor(min(parallelism, len(waiting)), thread_name_prefix="litellm")
    try:
        return list(pool.map(watched, waiting))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
