"""How many requests a plan costs: of keys that exist and of a new workshop, beside ever more keys of others, and of
many keys alone. The cost follows what is planned, never what others have.

Each plan of existing keys takes turns with bare reads of the same keys by token, 500 a request: the cheapest there is.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from bench.bare import TIMEOUT
from bench.live import DATABASE_VARIABLE, LiveProxy, Stage, new_prefix, read_bodies, watched_requests
from bench.measure import Verdicts, aligned, alternate, duration, seconds_of
from bench.projects import Project, project, workshop_config

PLAN_LIMIT: Final = 12
"""Requests that a plan of 100 keys may cost, whatever others have."""
NEW_LIMIT: Final = 10
"""Requests that the first plan of 100 keys may cost where the server can search by a part of the alias (from 1.90)."""
MANY_LIMIT: Final = 15
"""Requests that a plan of 5,000 keys may cost."""

_READ: Final = "/v2/key/info"
_THREADS: Final = 8
_BARE: Final = "bare reads"
_VKSTATE: Final = "vkstate plan"
_PLAN: Final = "plan"


@dataclass(frozen=True)
class Figure:
    """One plan: what was planned, how many keys of others there were, what it sent, and how long it took.

    ``seconds`` is a median; ``ratio`` is held against bare reads of the same keys, round by round, where there are any.
    """

    what: str
    others: int
    sent: Counter[str]
    seconds: float
    ratio: float | None = None


def requests_of_plan(made: Project) -> Counter[str]:
    """The requests that a plan makes, by method and path."""
    with watched_requests() as seen:
        made.run_here("plan")
    return Counter(one.what for one in seen)


def summary(counts: Counter[str]) -> str:
    """``GET /key/list 1, POST /v2/key/info 2``."""
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))


def report(figures: Sequence[Figure]) -> str:
    """A table of all plans, and below it what each of them sent."""
    rows: list[Sequence[str]] = [("plan of", "keys of others", "requests", "time", "x bare reads")]
    for one in figures:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        rows.append((one.what, f"{one.others:,}", str(one.sent.total()), duration(one.seconds), ratio))
    sent = (f"{one.what} beside {one.others:,}: {summary(one.sent)}" for one in figures)
    return "\n".join((aligned(rows), "", *sent))


def searches_by_prefix(proxy: LiveProxy) -> bool:
    """Whether the proxy knows ``substring_matching``: then it refuses a value that is no boolean."""
    with proxy.session() as session:
        asked = {"page": "1", "size": "1", "substring_matching": "?"}
        return session.get(f"{proxy.url}/key/list", params=asked, timeout=TIMEOUT).status_code == 422


def planned(proxy: LiveProxy, made: Project, what: str, rounds: int) -> Figure:
    """A plan without changes of the project's keys, counted once and timed in turns with bare reads of them."""
    tokens = made.tokens()
    bodies = read_bodies(tokens)
    others = proxy.total_keys() - len(tokens)
    sent = requests_of_plan(made)
    measured = alternate(
        {
            _BARE: lambda: {_PLAN: seconds_of(lambda: proxy.send(Stage(_READ, bodies, _THREADS)))},
            _VKSTATE: lambda: {_PLAN: seconds_of(lambda: made.run_here("plan"))},
        },
        rounds,
    )
    return Figure(
        f"{what}, no change",
        others,
        sent,
        measured.series[_VKSTATE][_PLAN].median,
        measured.ratio(_VKSTATE, _BARE, _PLAN),
    )


def first_planned(proxy: LiveProxy, fresh: Project, what: str, rounds: int) -> Figure:
    """The first plan of a project that has no keys yet; the keys that it would make do not come to exist."""
    others = proxy.total_keys()
    sent = requests_of_plan(fresh)
    measured = alternate({_VKSTATE: lambda: {_PLAN: seconds_of(lambda: fresh.run_here("plan"))}}, rounds)
    return Figure(f"{what}, all new", others, sent, measured.series[_VKSTATE][_PLAN].median)


@contextmanager
def applied(proxy: LiveProxy, keys: int, parallelism: int = _THREADS) -> Iterator[Project]:
    """A project whose keys exist as long as this is open."""
    with project(workshop_config(proxy.url, new_prefix(), keys, proxy.served_model(), parallelism)) as made:
        try:
            print(f"making {keys:,} keys", file=sys.stderr)
            made.run_here("apply", "--auto-approve", "--accept-lost-values")
            yield made
        finally:
            proxy.clear(made.tokens())


def beside_others(proxy: LiveProxy, keys: int, foreign: Sequence[int], rounds: int, verdicts: Verdicts) -> list[Figure]:
    """Plans of so many keys, existing and new, beside so many more keys of others each time."""
    figures: list[Figure] = []
    what = f"{keys:,} keys"
    by_prefix = searches_by_prefix(proxy)
    fresh_config = workshop_config(proxy.url, new_prefix(), keys, proxy.served_model())
    with applied(proxy, keys) as made, project(fresh_config) as fresh:
        for count in dict.fromkeys(foreign):
            print(f"adding {count:,} keys of others", file=sys.stderr)
            with proxy.foreign_keys(new_prefix(), count, _THREADS) if count else nullcontext():
                existing = planned(proxy, made, what, rounds)
                new = first_planned(proxy, fresh, what, rounds)
            verdicts.add(f"requests, {what} beside {existing.others:,}", existing.sent.total(), PLAN_LIMIT)
            if by_prefix:
                verdicts.add(f"requests, {what}, all new, beside {new.others:,}", new.sent.total(), NEW_LIMIT)
            figures += (existing, new)
    if not by_prefix:
        print("this proxy cannot search by a part of the alias: no target holds for first plans")
    return figures


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.plan_requests",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY. With {DATABASE_VARIABLE} the keys of others\n"
        "are written into the database by psql in seconds; over the API, 100,000 take an hour. Exits with 1 where a\n"
        "target is missed.",
    )
    made.add_argument("--keys", type=int, default=100, help="owned keys, and new ones; default 100")
    made.add_argument(
        "--foreign",
        type=int,
        nargs="+",
        default=[0, 20_000, 100_000],
        metavar="N",
        help="keys of others to add, one scene after the other; default 0 20000 100000",
    )
    made.add_argument("--many", type=int, default=5000, help="owned keys of the last scene, 0 for none; default 5000")
    made.add_argument("--rounds", type=int, default=5, help="timed plans of each scene; default 5")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    verdicts = Verdicts()
    figures = beside_others(proxy, given.keys, given.foreign, given.rounds, verdicts)
    if given.many:
        with applied(proxy, given.many) as made:
            many = planned(proxy, made, f"{given.many:,} keys", given.rounds)
        verdicts.add(f"requests, {given.many:,} keys beside {many.others:,}", many.sent.total(), MANY_LIMIT)
        figures.append(many)
    print(f"{report(figures)}\n\n{verdicts.text()}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main())
