"""Workers do HTTP, and nothing else: what they found out is carried out by the one thread that owns the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, TypeAlias

from vkstate.errors import VkstateError
from vkstate.executor.ledger import Ledger
from vkstate.executor.ports import NotSent
from vkstate.executor.stop import LOOKS_UP, Stop
from vkstate.plan import Change

BULK_AT_A_TIME: Final = 2
"""Requests about many keys at a time. Two keep a LiteLLM process busy (1,000 keys, 100 a request: 4.9 s by one, 3.5 s
by two, 4.0 s by eight; 1.105), and more only wait for each other there: it fails a lookup that has waited for 10 s."""

_AHEAD: Final = 2
"""Tasks that are submitted, by the number that run: workers go on while the owning thread saves. One worker gets the
next task once the last is settled."""

Effect: TypeAlias = Callable[[], "Iterable[Task] | None"]
"""What a worker's answer means for the ledger: run by the owning thread; may ask for more tasks."""


@dataclass(frozen=True)
class Task:
    """One piece of HTTP work about one or more changes.

    ``work`` runs in a worker and returns an effect. ``failed`` runs in the owning thread with what ``work`` raised;
    ``skipped`` where it sent nothing, with the reason: it was never started, or given up while the proxy let it wait.
    ``bulk`` says that it is about many keys, which costs the proxy as much time as many requests do: at most
    :data:`BULK_AT_A_TIME` of those run at a time.
    """

    changes: tuple[Change, ...]
    work: Callable[[], Effect]
    failed: Callable[[VkstateError], Iterable[Task] | None]
    skipped: Callable[[str], None]
    bulk: bool = False


class Pool:
    """Runs tasks, at most ``parallelism`` at a time, and their effects in the calling thread."""

    def __init__(self, ledger: Ledger, stop: Stop, parallelism: int) -> None:
        self._ledger = ledger
        self._stop = stop
        self._submitted = parallelism * _AHEAD if parallelism > 1 else 1
        self._unsettled: list[VkstateError] = []
        """What workers failed with, and the owning thread has not judged yet. It may be a reason to start nothing."""
        self._threads = ThreadPoolExecutor(parallelism, thread_name_prefix="vkstate")

    def close(self, *, wait_for_workers: bool) -> None:
        """End the workers; after a second interrupt nobody waits for what still hangs in the network."""
        self._threads.shutdown(wait=wait_for_workers, cancel_futures=True)

    def run(self, tasks: Iterable[Task], *, to_the_end: bool = False) -> None:
        """Carry out all tasks and those that their effects ask for; once a stop is due, nothing new is started.

        :param to_the_end: these tasks finish what was begun, and run although a stop was requested.
        """
        queue = deque(tasks)
        running: dict[Future[Effect | None], Task] = {}
        while running or (queue and (to_the_end or not self._why_stop())):
            while len(running) < self._submitted and (to_the_end or not self._why_stop()):
                task = _startable(queue, running.values())
                if task is None:
                    break
                running[self._threads.submit(self._work, task, to_the_end=to_the_end)] = task
            seconds = self._ledger.seconds_to_save()
            patience = LOOKS_UP if seconds is None else min(seconds, LOOKS_UP)
            done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
            for future in done:
                queue.extend(self._settle(running.pop(future), future, to_the_end=to_the_end))
            self._ledger.save_if_due()
        for task in queue:
            task.skipped(self._why_stop() or "")

    def _work(self, task: Task, *, to_the_end: bool) -> Effect | None:
        """A task's work, in a worker; None where it was submitted and is not to start any more, or not before somebody
        else's failure is settled: then it goes to the end of the queue."""
        if self._unsettled or not (to_the_end or not self._why_stop()):
            return None
        try:
            return task.work()
        except VkstateError as error:
            self._unsettled.append(error)
            raise

    def _settle(self, task: Task, future: Future[Effect | None], *, to_the_end: bool) -> Iterable[Task]:
        try:
            effect = future.result()
            more = effect() if effect else [task]
        except VkstateError as error:
            if isinstance(error, NotSent) and not to_the_end:
                task.skipped(self._why_stop() or error.detail)
                more = None
            else:
                more = task.failed(error)
            if error in self._unsettled:  # else the effect failed, not the work
                self._unsettled.remove(error)
        return more or ()

    def _why_stop(self) -> str | None:
        if self._stop.requested:
            return "The run was interrupted before it."
        if self._ledger.trouble:
            return f"The run had stopped: {self._ledger.trouble}"
        return None


def _startable(queue: deque[Task], running: Collection[Task]) -> Task | None:
    """The first task that may start now, taken out of the queue."""
    full = sum(task.bulk for task in running) >= BULK_AT_A_TIME
    for place, task in enumerate(queue):
        if not (full and task.bulk):
            del queue[place]
            return task
    return None
