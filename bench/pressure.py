"""An apply through a gateway that admits so many requests a second: held against the least that it can take, and
against a bare loop whose threads wait and try again each on its own.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

import requests

from bench.apply_floor import create_bodies
from bench.bare import TIMEOUT, with_sessions
from bench.live import LiveProxy, new_prefix
from bench.measure import Measured, Phases, Trial, aligned, alternate, duration, seconds_of
from bench.projects import project, workshop_config
from bench.throttle import Bucket, Throttle, throttled
from vkstate.executor.ports import PARALLELISM

LATER: Final = frozenset({429, 503})
_APPLY: Final = "apply"
_ADMITTED: Final = "admitted"
_TURNED_AWAY: Final = "turned away"
_FAILED: Final = "keys not made"
_OURS: Final = "vkstate"
_BARE: Final = "each on its own"


@dataclass(frozen=True)
class Way:
    """How a gateway asks for patience. ``burst`` is in seconds of its rate."""

    name: str
    burst: float
    status: int
    retry_after: str | None = None

    def bucket(self, rate: float) -> Bucket:
        return Bucket(rate, max(1.0, rate * self.burst))


WAYS: Final = (
    Way("429, Retry-After: 1", 1.0, 429, "1"),
    Way("429", 1.0, 429),
    Way("503, none at once", 0.0, 503),
)


@dataclass
class Loop:
    """A bare loop as a careful script would have it: each thread waits as told, or longer each time, and tries again.

    :param tries: after so many it gives up a request.
    """

    url: str
    master_key: str = field(repr=False)
    threads: int
    tries: int = 8

    def post_all(self, path: str, bodies: Sequence[Mapping[str, object]]) -> int:
        """Post each body until it is let through; returns how many never were."""

        def post(session: requests.Session, body: Mapping[str, object]) -> bool:
            for number in range(self.tries):
                answer = session.post(f"{self.url}{path}", json=body, timeout=TIMEOUT)
                if answer.status_code not in LATER:
                    answer.raise_for_status()
                    return True
                told = float(answer.headers.get("Retry-After", "0"))
                time.sleep(told or random.uniform(0.0, min(8.0, 0.5 * 2**number)))
            return False

        return with_sessions(post, bodies, self.master_key, self.threads).count(False)


@dataclass(frozen=True)
class Contest:
    """One way of asking, and who copes with it how: so many keys, made through the gateway, deleted past it."""

    proxy: LiveProxy
    way: Way
    keys: int
    rate: float
    threads: int
    model: str

    def bare(self) -> Phases:
        with project(self._config(self.proxy.url)) as made:
            bodies, tokens = create_bodies(made.config().keys)
        failed = 0
        try:
            with self._gateway() as gateway:
                loop = Loop(gateway.url, self.proxy.master_key, self.threads)
                began = time.perf_counter()
                failed = loop.post_all("/key/generate", bodies)
                seconds = time.perf_counter() - began
        finally:
            self.proxy.clear(tokens)
        return self._phases(seconds, gateway, failed)

    def ours(self) -> Phases:
        with self._gateway() as gateway, project(self._config(gateway.url)) as made:
            try:
                seconds = seconds_of(lambda: made.run_here("apply", "--auto-approve", "--accept-lost-values"))
                ready = sum(record.token is not None for record in made.state().keys.values())
            finally:
                self.proxy.clear(made.tokens())
        return self._phases(seconds, gateway, self.keys - ready)

    def _phases(self, seconds: float, gateway: Throttle, failed: int) -> Phases:
        return {_APPLY: seconds, _ADMITTED: gateway.admitted, _TURNED_AWAY: gateway.turned_away, _FAILED: failed}

    def contenders(self) -> Mapping[str, Trial]:
        return {_OURS: self.ours, _BARE: self.bare}

    def ideal(self, requests: float) -> float:
        """Seconds that so many requests take at least, the burst that the gateway allows at first included."""
        return max(1.0, requests - max(1.0, self.rate * self.way.burst)) / self.rate

    def _gateway(self) -> AbstractContextManager[Throttle]:
        return throttled(self.proxy.url, self.way.bucket(self.rate), self.way.status, self.way.retry_after)

    def _config(self, url: str) -> str:
        return workshop_config(url, new_prefix(), self.keys, self.model, self.threads)


def report(measured: Measured, ideal: Callable[[float], float]) -> str:
    """Per contender: seconds, how that compares with the least that its requests can take, reads included, and how many
    were admitted and turned away; medians, but for the keys not made.

    :param ideal: the least that so many requests can take.
    """
    rows: list[Sequence[str]] = [("", "median", "to the ideal", "admitted", "turned away", "not made, at most")]
    for name, phases in measured.series.items():
        took, admitted, away = (phases[phase].median for phase in (_APPLY, _ADMITTED, _TURNED_AWAY))
        failed = max(phases[_FAILED].seconds)
        ratio = f"{took / ideal(admitted):.2f} x"
        rows.append((name, duration(took), ratio, f"{admitted:.0f}", f"{away:.0f}", f"{failed:.0f}"))
    return f"{aligned(rows)}\n{_OURS} to {_BARE}: {measured.ratio(_OURS, _BARE, _APPLY):.2f} x"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.pressure",
        description=__doc__,
        epilog="Needs VKSTATE_LIVE_URL, over plain HTTP, and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--keys", type=int, default=100, help="keys of each apply; default 100")
    made.add_argument("--rate", type=float, default=5.0, help="requests a second that the gateway admits; default 5")
    made.add_argument("--threads", type=int, default=PARALLELISM, help="requests at a time; default %(default)s")
    made.add_argument("--rounds", type=int, default=3, help="trials of each, taking turns; default 3")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    model = proxy.served_model()
    print(f"{given.keys} keys, {given.rate:g} requests a second, {given.threads} threads, {given.rounds} rounds")
    for way in WAYS:
        contest = Contest(proxy, way, given.keys, given.rate, given.threads, model)
        measured = alternate(contest.contenders(), given.rounds, lambda done: print(f"round {done}", file=sys.stderr))
        print(f"\n{way.name}\n{report(measured, contest.ideal)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
