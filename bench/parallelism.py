"""How many requests at a time are worth it: the same apply with 1, 2, 4, 8 and 16, held against the default of 8."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from bench.live import LiveProxy, new_prefix
from bench.measure import Phases, Trial, alternate, seconds_of, table
from bench.projects import project, workshop_config

NUMBERS: Final = (1, 2, 4, 8, 16)
USUAL: Final = 8
_APPLY: Final = "apply"
_DESTROY: Final = "destroy"


def name_of(number: int) -> str:
    return f"{number} at a time"


def _with(proxy: LiveProxy, keys: int, number: int, model: str) -> Trial:
    def trial() -> Phases:
        with project(workshop_config(proxy.url, new_prefix(), keys, model, number)) as made:
            apply = seconds_of(lambda: made.run_here("apply", "--auto-approve", "--accept-lost-values"))
            destroy = seconds_of(lambda: made.run_here("destroy", "--auto-approve", "--no-report"))
        return {_APPLY: apply, _DESTROY: destroy}

    return trial


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.parallelism",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--keys", type=int, default=150, help="keys of each apply; default 150")
    made.add_argument("--rounds", type=int, default=5, help="trials of each, taking turns; default 5")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    model = proxy.served_model()
    contenders = {name_of(number): _with(proxy, given.keys, number, model) for number in NUMBERS}
    contenders[name_of(USUAL)]()  # the proxy's first requests of a kind are slower than the rest
    measured = alternate(contenders, given.rounds, lambda done: print(f"round {done}", file=sys.stderr))
    bases = {name: name_of(USUAL) for name in contenders if name != name_of(USUAL)}
    for phase in measured.phases():
        print(f"\n{phase} of {given.keys} keys\n{table(measured, bases, phase)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
