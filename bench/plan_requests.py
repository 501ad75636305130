"""A plan of many owned keys without changes: how many requests it costs, alone and beside keys of others."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from bench.live import LiveProxy, counted_requests, new_prefix, read_bodies
from bench.measure import Verdicts, alternate, seconds_of, table
from bench.projects import Project, project, workshop_config

BARE: Final = "bare reads, in process"
BARE_PROCESS: Final = "bare reads, whole process"
HERE: Final = "vkstate plan, in process"
PROCESS: Final = "vkstate plan, whole process"
PLAN: Final = "plan"
READ: Final = "/v2/key/info"
MOST_REQUESTS: Final = 6
"""What a plan of 1,000 owned keys may cost."""

_THREADS: Final = 8


def requests_of_plan(made: Project) -> Counter[str]:
    """The requests that a plan without changes makes, by method and path."""
    with counted_requests() as seen:
        made.run_here("plan", "--detailed-exitcode")
    return Counter(seen)


def summary(counts: Counter[str]) -> str:
    """``3 requests: GET /key/list 1, POST /v2/key/info 2``."""
    named = ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
    return f"{counts.total()} request{'' if counts.total() == 1 else 's'}: {named}"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.plan_requests",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY. With VKSTATE_LIVE_DATABASE_URL the keys of others "
        "are written into the database by psql, which is much faster than the API. Exits with 1 where a target is "
        "missed.",
    )
    made.add_argument("--keys", type=int, default=1000, help="owned keys; default 1000")
    made.add_argument("--foreign", type=int, default=500, help="keys of others in the second half; default 500")
    made.add_argument("--rounds", type=int, default=7, help="trials of each contender, taking turns; default 7")
    return made


def measure(proxy: LiveProxy, made: Project, rounds: int, foreign: int, verdicts: Verdicts) -> None:
    """Count and time plans on the proxy as it is now, and print the figures."""
    bodies = read_bodies(made.tokens())
    owned = len(made.state().keys)
    counts = requests_of_plan(made)
    print(f"\n{owned} owned keys beside {proxy.total_keys() - owned} others\n{summary(counts)}")
    where = f"beside {foreign} more keys of others" if foreign else "without keys added by others"
    verdicts.add(f"requests of a plan, {where}", counts.total(), MOST_REQUESTS)
    measured = alternate(
        {
            BARE: lambda: {PLAN: seconds_of(lambda: proxy.post_all(READ, bodies, _THREADS))},
            BARE_PROCESS: lambda: {PLAN: seconds_of(lambda: proxy.post_all_in_process(READ, bodies, _THREADS))},
            HERE: lambda: {PLAN: seconds_of(lambda: made.run_here("plan", "--detailed-exitcode"))},
            PROCESS: lambda: {PLAN: seconds_of(lambda: made.run_process("plan", "--detailed-exitcode"))},
        },
        rounds,
    )
    print(table(measured, {HERE: BARE, PROCESS: BARE_PROCESS}, PLAN))


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    prefix = new_prefix()
    verdicts = Verdicts()
    with project(workshop_config(proxy.url, prefix, given.keys, proxy.served_model())) as made:
        try:
            print(f"making {given.keys} keys", file=sys.stderr)
            made.run_here("apply", "--auto-approve", "--accept-lost-values")
            for foreign in dict.fromkeys((0, given.foreign)):
                with proxy.foreign_keys(prefix, foreign, _THREADS) if foreign else nullcontext():
                    measure(proxy, made, given.rounds, foreign, verdicts)
        finally:
            proxy.clear(made.tokens())
    print(f"\n{verdicts.text()}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main())
