"""Apply, plan and destroy of new keys against a bare ``requests`` loop that makes the same calls with the same threads.

The floor of an apply creates the keys and lists them, 100 a page. That of a plan without changes is the cheapest read
there is: by token, 500 a request; it is over so soon that each trial takes the median of several. That of a destroy
reads the keys, deletes them 100 a request, as many at a time as vkstate, and reads that they are gone. LiteLLM takes
one second or three to delete the same 500 keys: so each run is held against the time of its own requests as well.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final
from unittest.mock import patch

from bench.live import (
    Body,
    LiveProxy,
    Stage,
    delete_bodies,
    list_queries,
    new_prefix,
    read_bodies,
    seconds_under_way,
    watched_requests,
)
from bench.measure import Phases, Stopwatch, Verdicts, alternate, seconds_of, table
from bench.projects import Project, project, workshop_config
from vkstate.executor.orders import create_order
from vkstate.executor.pool import BULK_AT_A_TIME
from vkstate.keys import Alias, DesiredKey, KeyValue, RecordedKey, Token, mint_id, mint_value
from vkstate.litellm.convert import generate_body
from vkstate.state.journal import FileJournal
from vkstate.state.model import mint_lineage

BARE: Final = "bare loop, in process"
BARE_PROCESS: Final = "bare loop, whole process"
HERE: Final = "vkstate, in process"
PROCESS: Final = "vkstate, whole process"
APPLY: Final = "apply"
DESTROY: Final = "destroy"
PLAN: Final = "plan without changes"
LIMITS: Final = {APPLY: 1.05, PLAN: 1.10, DESTROY: 1.10}
"""How much longer than the bare loop each may take."""
DESTROY_REQUESTS: Final = 10
"""How many requests a destroy of 500 keys may send."""
SAVING: Final = 0.02
"""The share of an apply's time that may go into saving the state and the key values."""
_PLANS: Final = 7
"""Plans of one trial."""


def create_bodies(keys: Sequence[DesiredKey]) -> tuple[list[Body], list[Token]]:
    """The bodies that vkstate would send to create these keys, and the tokens of the keys that they make."""
    lineage, now = mint_lineage(), datetime.now(UTC)
    bodies: list[Body] = []
    tokens: list[Token] = []
    for key in keys:
        value = mint_value()
        bodies.append(generate_body(create_order(lineage, key, mint_id(), value), now))
        tokens.append(value.token)
    return bodies, tokens


@contextmanager
def timed_saves() -> Iterator[Stopwatch]:
    """The time in which this process makes states and key values durable, as long as this is open."""
    watch = Stopwatch()
    keep_values, save, drop_values = FileJournal.keep_values, FileJournal.save, FileJournal.drop_values

    def timed_keep_values(journal: FileJournal, values: Mapping[Alias, KeyValue]) -> None:
        with watch.running():
            keep_values(journal, values)

    def timed_save(journal: FileJournal, keys: Mapping[Alias, RecordedKey]) -> None:
        with watch.running():
            save(journal, keys)

    def timed_drop_values(journal: FileJournal, tokens: Collection[Token]) -> None:
        with watch.running():
            drop_values(journal, tokens)

    with patch.multiple(FileJournal, keep_values=timed_keep_values, save=timed_save, drop_values=timed_drop_values):
        yield watch


def _median(work: Callable[[], object]) -> float:
    return statistics.median(seconds_of(work) for _ in range(_PLANS))


class Contest:
    """Who runs against whom: the same number of keys, made and deleted once a trial."""

    def __init__(self, proxy: LiveProxy, keys: int, threads: int) -> None:
        self.proxy = proxy
        self.keys = keys
        self.threads = threads
        self.model = proxy.served_model()
        self.requests: defaultdict[str, int] = defaultdict(int)
        """The most requests that a run has sent, by phase."""
        self.saving: list[float] = []
        """The share of each apply that went into saving."""
        self.beside_requests: defaultdict[str, list[float]] = defaultdict(list)
        """How much longer each run took than its own requests, by phase."""

    def _config(self) -> str:
        return workshop_config(self.proxy.url, new_prefix(), self.keys, self.model, self.threads)

    def bare(self) -> Phases:
        return self._bare(self.proxy.send)

    def bare_process(self) -> Phases:
        return self._bare(self.proxy.send_in_process)

    def _bare(self, send: Callable[..., None]) -> Phases:
        with project(self._config()) as made:
            bodies, tokens = create_bodies(made.config().keys)
        creates = Stage("/key/generate", bodies, self.threads)
        lists = Stage("/key/list", list_queries(self.keys), self.threads, "GET")
        reads = Stage("/v2/key/info", read_bodies(tokens), self.threads)
        deletes = Stage("/key/delete", delete_bodies(tokens), BULK_AT_A_TIME)
        try:
            apply = seconds_of(lambda: send(creates, lists))
            plan = _median(lambda: send(reads))
            destroy = seconds_of(lambda: send(reads, deletes, reads))
        except BaseException:
            self.proxy.clear(tokens)
            raise
        return {APPLY: apply, PLAN: plan, DESTROY: destroy}

    def in_process(self) -> Phases:
        return self._vkstate(lambda made: made.run_here)

    def whole_process(self) -> Phases:
        return self._vkstate(lambda made: made.run_process)

    def _vkstate(self, way: Callable[[Project], Callable[..., str]]) -> Phases:
        with project(self._config()) as made:
            run = way(made)

            def timed(phase: str, *command: str) -> float:
                with watched_requests() as sent:
                    seconds = seconds_of(lambda: run(*command))
                if sent:  # a process of its own is not watched
                    self.beside_requests[phase].append(seconds / seconds_under_way(sent))
                self.requests[phase] = max(self.requests[phase], len(sent))
                return seconds

            try:
                with timed_saves() as saves:
                    apply = timed(APPLY, "apply", "--auto-approve", "--accept-lost-values")
                if saves.seconds:
                    self.saving.append(saves.seconds / apply)
                _expect(made, self.keys)
                plan = statistics.median(timed(PLAN, "plan", "--detailed-exitcode") for _ in range(_PLANS))
                destroy = timed(DESTROY, "destroy", "--auto-approve")
                _expect(made, 0)
            except BaseException:
                with suppress(Exception):  # what went wrong first is what is worth telling
                    self.proxy.clear(made.tokens())
                raise
        return {APPLY: apply, PLAN: plan, DESTROY: destroy}


def _expect(made: Project, count: int) -> None:
    recorded = len(made.state().keys)
    if recorded != count:
        raise AssertionError(f"the state records {recorded} keys, and should record {count}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.apply_floor",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY. Exits with 1 where a target is missed.",
    )
    made.add_argument("--keys", type=int, default=500, help="keys to make and delete in each trial; default 500")
    made.add_argument("--threads", type=int, default=8, help="requests at a time, on both sides; default 8")
    made.add_argument("--rounds", type=int, default=5, help="trials of each contender, taking turns; default 5")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    contest = Contest(proxy, given.keys, given.threads)
    print(f"{given.keys} keys, {given.threads} threads, {given.rounds} rounds, {proxy.total_keys()} other keys there")
    contest.bare()  # the proxy's first requests of a kind are slower than the rest
    contest.in_process()
    contest.beside_requests.clear()
    measured = alternate(
        {
            BARE: contest.bare,
            HERE: contest.in_process,
            BARE_PROCESS: contest.bare_process,
            PROCESS: contest.whole_process,
        },
        given.rounds,
        lambda number: print(f"round {number} of {given.rounds}", file=sys.stderr),
    )
    for phase in measured.phases():
        print(f"\n{phase}\n{table(measured, {HERE: BARE, PROCESS: BARE_PROCESS}, phase)}")
    verdicts = Verdicts()
    for phase, limit in LIMITS.items():
        verdicts.add(f"{phase}, {HERE}", measured.ratio(HERE, BARE, phase), limit, " x")
        verdicts.add(f"{phase}, {PROCESS}", measured.ratio(PROCESS, BARE_PROCESS, phase), limit, " x")
        verdicts.add(f"{phase}, to its own requests", statistics.median(contest.beside_requests[phase]), limit, " x")
    verdicts.add(f"requests of a destroy of {given.keys}", contest.requests[DESTROY], DESTROY_REQUESTS)
    verdicts.add("share of an apply that saves", statistics.median(contest.saving), SAVING)
    print(f"\n{verdicts.text()}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main())
