"""How many requests at a time are worth it: the same apply with few and with many, and how others fare beside it.

Somebody else asks for a page of one key all the while, again and again; how long that takes is what the apply costs
others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import requests

from bench.live import LiveProxy, new_prefix
from bench.measure import Phases, Trial, aligned, alternate, duration, seconds_of, table
from bench.projects import Project, project, workshop_config
from vkstate.executor.ports import PARALLELISM

NUMBERS: Final = (1, 2, 4, 8, 16)
_APPLY: Final = "apply"
_OTHERS: Final = "a small request of others beside the apply"
_DESTROY: Final = "destroy"
_BETWEEN: Final = 0.02
"""Seconds between two requests of others."""


def name_of(number: int) -> str:
    return f"{number} at a time"


class Others:
    """Somebody else's small requests, one after the other, and how long each took."""

    def __init__(self, ask: Callable[[], object], between: float = _BETWEEN) -> None:
        self.seconds: list[float] = []
        self._ask = ask
        self._between = between
        self._ended = threading.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """They are sent as long as this is open; at least one is."""
        thread = threading.Thread(target=self._go_on)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _go_on(self) -> None:
        while not self.seconds or not self._ended.wait(self._between):
            self.seconds.append(seconds_of(self._ask))


def _one_key(proxy: LiveProxy, session: requests.Session) -> None:
    session.get(f"{proxy.url}/key/list", params={"page": "1", "size": "1"}, timeout=120).raise_for_status()


def _with(proxy: LiveProxy, keys: int, number: int, model: str) -> Trial:
    def trial() -> Phases:
        with _new(proxy, keys, number, model) as made, proxy.session() as session:
            others = Others(lambda: _one_key(proxy, session))
            _one_key(proxy, session)
            with others.asking():
                apply = seconds_of(lambda: made.run_here("apply", "--auto-approve", "--accept-lost-values"))
            destroy = seconds_of(lambda: made.run_here("destroy", "--auto-approve", "--no-report"))
        return {_APPLY: apply, _OTHERS: statistics.median(others.seconds), _DESTROY: destroy}

    return trial


@contextmanager
def _new(proxy: LiveProxy, keys: int, number: int, model: str) -> Iterator[Project]:
    """A project without keys; those that it has made and a failure has left are deleted."""
    with project(workshop_config(proxy.url, new_prefix(), keys, model, number)) as made:
        try:
            yield made
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is worth telling
                proxy.clear(made.tokens())
            raise


def idle(proxy: LiveProxy, seconds: float = 2.0) -> float:
    """How long a small request takes beside nobody, by the median of those that go into so many seconds."""
    with proxy.session() as session:
        others = Others(lambda: _one_key(proxy, session))
        with others.asking():
            time.sleep(seconds)
    return statistics.median(others.seconds)


def memory(proxy: LiveProxy, keys: int, number: int, model: str) -> float:
    """The most memory that the process of an apply took, in MiB (Linux counts it in KiB).

    :raises subprocess.CalledProcessError: it failed.
    """
    with _new(proxy, keys, number, model) as made:
        command = made.arguments(["apply", "--auto-approve", "--accept-lost-values"])
        process = subprocess.Popen([sys.executable, "-m", "vkstate", *command], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        made.run_here("destroy", "--auto-approve", "--no-report")
    return usage.ru_maxrss / 1024


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.parallelism",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY.",
    )
    numbers = ", ".join(map(str, NUMBERS))
    made.add_argument("--numbers", type=int, nargs="+", default=NUMBERS, help=f"requests at a time; default {numbers}")
    made.add_argument("--keys", type=int, default=150, help="keys of each apply; default 150")
    made.add_argument("--rounds", type=int, default=5, help="trials of each, taking turns; default 5")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    model = proxy.served_model()
    contenders = {name_of(number): _with(proxy, given.keys, number, model) for number in given.numbers}
    base = name_of(PARALLELISM) if PARALLELISM in given.numbers else name_of(given.numbers[0])
    contenders[base]()  # the proxy's first requests of a kind are slower than the rest
    alone = idle(proxy)
    measured = alternate(contenders, given.rounds, lambda done: print(f"round {done}", file=sys.stderr))
    bases = {name: base for name in contenders if name != base}
    for phase in measured.phases():
        what = phase if phase == _OTHERS else f"{phase} of {given.keys} keys"
        print(f"\n{what}\n{table(measured, bases, phase)}")
    print(f"\nbeside nobody it takes {duration(alone)} before, {duration(idle(proxy))} after")
    peaks = [(name_of(number), f"{memory(proxy, given.keys, number, model):.0f} MiB") for number in given.numbers]
    print(f"\nmemory of the process of an apply, at most\n{aligned(peaks)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
