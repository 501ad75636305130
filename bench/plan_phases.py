"""Where the time of a plan without changes goes: what comes before the requests, the requests, and what comes after.

Beside it stands the bare read of the same keys by token, 500 a request. In process; plan and bare read take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final
from unittest.mock import patch

from bench.live import LiveProxy, Stage, read_bodies
from bench.measure import aligned, duration, seconds_of
from bench.plan_requests import applied
from bench.projects import Project
from vkstate.cli import planning, showing
from vkstate.config import loader
from vkstate.litellm.transport import Transport
from vkstate.state import git
from vkstate.state.file import StateFile
from vkstate.state.plain_store import PlainStore

_REQUESTS: Final = "the requests"
_ROWS: Final = "answers into keys"
_BETWEEN: Final = "all between"
_STEPS: Final[Sequence[tuple[str, object, str]]] = (
    ("the config", loader, "load"),
    ("the state", StateFile, "read"),
    ("the key values", PlainStore, "tokens"),
    ("git", git, "inspect"),
    ("the plan", planning, "make_plan"),
    ("a look for secrets", planning, "refuse_secrets"),
    ("to show it", showing, "show_plan"),
)
"""The steps that are counted, by their names in this table, and the functions that take them."""


@dataclass
class Timeline:
    """When each step of one run began and ended, by ``time.perf_counter``; requests may overlap."""

    spans: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the steps of every vkstate that runs in this process meanwhile."""
        with ExitStack() as patches:
            for name, owner, function in (*_STEPS, (_REQUESTS, Transport, "send"), (_ROWS, planning, "read_live")):
                patches.enter_context(patch.object(owner, function, self._noted(name, getattr(owner, function))))
            yield

    def _noted(self, name: str, work: Callable[..., object]) -> Callable[..., object]:
        def noting(*arguments: object, **named: object) -> object:
            began = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self.spans[name].append((began, time.perf_counter()))

        return noting

    def seconds(self, whole: float) -> dict[str, float]:
        """What each step took, of a run that took so long."""
        taken = {name: sum(end - start for start, end in self.spans[name]) for name, *_ in _STEPS}
        reading = sum(end - start for start, end in self.spans[_ROWS])
        sent = self.spans[_REQUESTS]
        taken[_REQUESTS] = max(end for _, end in sent) - min(start for start, _ in sent)
        taken[_ROWS] = reading - taken[_REQUESTS]
        return {**taken, _BETWEEN: whole - sum(taken.values())}


def timed_plan(made: Project) -> tuple[float, dict[str, float]]:
    """How long one plan takes, and each of its steps."""
    timeline = Timeline()
    with timeline.watching():
        whole = seconds_of(lambda: made.run_here("plan", "--detailed-exitcode"))
    return whole, timeline.seconds(whole)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.plan_phases",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--keys", type=int, default=500, help="keys of the plan; default 500")
    made.add_argument("--threads", type=int, default=8, help="requests at a time, on both sides; default 8")
    made.add_argument("--rounds", type=int, default=15, help="plans, and bare reads, taking turns; default 15")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    bare: list[float] = []
    wholes: list[float] = []
    steps: defaultdict[str, list[float]] = defaultdict(list)
    with applied(proxy, given.keys, given.threads) as made:
        reads = Stage("/v2/key/info", read_bodies(made.tokens()), given.threads)
        for _ in range(given.rounds):
            whole, taken = timed_plan(made)
            wholes.append(whole)
            for name, seconds in taken.items():
                steps[name].append(seconds)
            bare.append(seconds_of(lambda: proxy.send(reads)))
    floor = statistics.median(bare)
    rows = [("", "median", "of the bare read")]
    for name, taken_by in (*steps.items(), ("the whole plan", wholes), ("the bare read", bare)):
        median = statistics.median(taken_by)
        rows.append((name, duration(median), f"{median / floor:.2f}"))
    print(f"{given.keys} keys, {given.threads} threads, {given.rounds} rounds\n\n{aligned(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
