"""vkstate beside other ways to make, keep and delete the keys of a workshop: wall time, requests, and what is right.

Every contender makes the same keys, is run again without a change, and deletes them. After each step the proxy is
asked which keys there are, and which of them have the models, user, budget and end that were asked for.

The contenders: ``vkstate``; a shell loop around curl; LiteLLM's own client (``--litellm-client PROGRAM``, once a key);
litellm-as-code (``--litellm-as-code PROGRAM``), which never deletes; the Ansible collection (``--collection DIR``, a
directory in which ``ansible_collections/litemaas/virtual_keys`` lies).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import BUDGET, AsCode, Client, Collection, Contender, Curl, Task, Vkstate
from bench.live import LiveProxy, Row, new_prefix
from bench.measure import Series, aligned, duration, order_of, seconds_of
from bench.relay import Relay, relayed
from vkstate.keys import Token


@dataclass(frozen=True)
class Step:
    """One step of one contender: ``right`` and ``there`` are counted after it."""

    seconds: float
    requests: int
    right: int
    there: int


class Contest:
    """The same work for every contender, on one proxy."""

    def __init__(self, proxy: LiveProxy, relay: Relay, count: int) -> None:
        self._proxy = proxy
        self._relay = relay
        self._count = count
        self._model = proxy.served_model()

    def trial(self, contender: type[Contender]) -> list[Step]:
        """Create, run again, delete; whatever is left is cleared away afterwards, uncounted."""
        task = Task(self._relay.url, new_prefix(), self._count, self._model)
        with tempfile.TemporaryDirectory(prefix="vkstate-bench-") as name:
            one = contender(task, Path(name))
            try:
                steps = [self._step(task, work) for work in (one.create, one.create)]
                if steps[-1].right != task.count:
                    print(f"{one.name}: not every key is right. It said last:\n{one.words}", file=sys.stderr)
                return [*steps, self._step(task, one.delete)]
            finally:
                self._clear(task)

    def _step(self, task: Task, work: Callable[[], None]) -> Step:
        before = self._relay.count
        seconds = seconds_of(work)
        sent = self._relay.count - before
        rows = self._proxy.keys(f"{task.prefix}-")
        wanted = dict(task.members)
        right = {row["key_alias"] for row in rows if _is_right(row, wanted, task.model)}
        return Step(seconds, sent, len(right), len(rows))

    def _clear(self, task: Task) -> None:
        self._proxy.clear([Token(str(row["token"])) for row in self._proxy.keys(f"{task.prefix}-")])


def _is_right(row: Row, wanted: dict[str, str], model: str) -> bool:
    return (
        row["user_id"] == wanted.get(str(row["key_alias"]))
        and row["models"] == [model]
        and row["max_budget"] == BUDGET
        and row["expires"] is not None
    )


def contenders(given: argparse.Namespace) -> list[type[Contender]]:
    """Those that can be run here."""
    found: list[type[Contender]] = [Vkstate]
    if shutil.which("curl"):
        found.append(Curl)
    if given.litellm_client:
        Client.program = given.litellm_client
        found.append(Client)
    if given.litellm_as_code:
        AsCode.program = given.litellm_as_code
        found.append(AsCode)
    if given.collection:
        Collection.place = given.collection
        found.append(Collection)
    return found


def report(steps: dict[str, list[list[Step]]], count: int) -> str:
    """For each step a table: medians, and the ratio to vkstate round by round."""
    tables: list[str] = []
    for number, title in enumerate((f"create {count}", "run again, nothing changed", f"delete {count}")):
        rows: list[Sequence[str]] = [(title, "time", "x vkstate", "requests", "right", "there")]
        own = Series(tuple(trial[number].seconds for trial in steps[Vkstate.name]))
        for name, trials in steps.items():
            series = Series(tuple(trial[number].seconds for trial in trials))
            last = trials[-1][number]
            ratio = f"{series.ratio_to(own):.1f}"
            rows.append((name, duration(series.median), ratio, str(last.requests), str(last.right), str(last.there)))
        tables.append(aligned(rows))
    return "\n\n".join(tables)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs VKSTATE_LIVE_URL (plain HTTP) and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--keys", type=int, default=100, help="keys of a trial; default 100")
    made.add_argument("--rounds", type=int, default=3, help="trials of each contender, taking turns; default 3")
    made.add_argument("--litellm-client", metavar="PROGRAM", help="LiteLLM's litellm-proxy (or lite)")
    made.add_argument("--litellm-as-code", metavar="PROGRAM", help="the program of the package litellm-as-code")
    made.add_argument("--collection", metavar="DIR", help="where ansible_collections/litemaas/virtual_keys lies")
    return made


@contextmanager
def _relay(proxy: LiveProxy) -> Iterator[Relay]:
    try:
        with relayed(proxy.url) as relay:
            yield relay
    except ValueError as error:
        sys.exit(f"error: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    running = {one.name: one for one in contenders(given)}
    steps: dict[str, list[list[Step]]] = {name: [] for name in running}
    with _relay(proxy) as relay:
        contest = Contest(proxy, relay, given.keys)
        print(f"{given.keys} keys, {given.rounds} rounds, {proxy.total_keys()} other keys there")
        for number in range(given.rounds):
            for name in order_of(list(running), number):
                print(f"round {number + 1} of {given.rounds}: {name}", file=sys.stderr)
                steps[name].append(contest.trial(running[name]))
    print(f"\n{report(steps, given.keys)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
