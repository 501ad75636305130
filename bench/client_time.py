"""What the client itself takes, without a proxy, by number of keys; and whether the time per key stays the same.

``load`` reads a config with so many members; ``read`` turns the proxy's rows into live keys, in answers of 500;
``plan`` compares desired, recorded and live without a difference; ``plan new`` plans as many creates; ``render`` and
``json`` show those; ``write`` and ``parse`` make the state's text and read it.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import requests
from requests.adapters import BaseAdapter

from bench.live import READ_BATCH, in_batches
from bench.measure import Measured, Phases, Series, Verdicts, aligned, alternate, duration, seconds_of
from vkstate.attributes import Json
from vkstate.canonical import reveal
from vkstate.config.config import Config
from vkstate.config.loader import load
from vkstate.differences import applied_form
from vkstate.executor.orders import sought
from vkstate.executor.ports import Sought
from vkstate.expiry import format_instant
from vkstate.keys import (
    Alias,
    Capabilities,
    DesiredKey,
    KeyValue,
    Live,
    LiveKey,
    Origin,
    Recorded,
    RecordedKey,
    Stamp,
    Status,
    Token,
)
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.plan import Plan
from vkstate.planner import plan
from vkstate.state.model import State
from vkstate.state.parsing import parse
from vkstate.state.serialising import serialise
from vkstate.views.documents import dumped
from vkstate.views.human import render_plan
from vkstate.views.json import plan_document

PROXY: Final = "memory://proxy"
LINEAGE: Final = "5f2b7c0a-9d3e-4a61-8f10-2c4d6e8a0b1c"
CREATED: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
LASTS: Final = timedelta(days=3)
NOW: Final = CREATED + timedelta(hours=1)
SIZE: Final = 10_000
LIMITS: Final = {"plan": 0.5, "parse": 0.2, "write": 0.3}
"""Seconds that these may take of :data:`SIZE` keys."""
MEMORY: Final = 150.0
"""Megabytes that a process may have had at its peak which read and planned :data:`SIZE` keys."""
GROWTH: Final = 2.0
"""How many times the least number's time per key the greatest number's may be; quadratic is ten times for ten."""


def config_text(members: int) -> str:
    """A config with so many named members, every tenth of whom has something of its own."""
    names = [f"person{number}" for number in range(1, members + 1)]
    overrides = "\n".join(f"      {name}: {{max_budget: 100}}" for name in names[::10])
    return f"""\
proxy:
  url: https://litellm.example.com
workshops:
  ai-workshop:
    members:
{chr(10).join(f"      - {name}" for name in names)}
    models: [gpt-4, gpt-3.5-turbo]
    duration: 3d
    max_budget: 50
    metadata: {{cost_center: "4711"}}
    overrides:
{overrides}
"""


def load_text(text: str) -> Config:
    """The config that a text stands for, by way of a file."""
    with TemporaryDirectory(prefix="vkstate-bench-") as directory:
        path = Path(directory) / "vkstate.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, variables={}, environ={})


def value_of(alias: Alias) -> KeyValue:
    """A key value of the usual length, the same for the same alias."""
    return KeyValue(f"sk-{alias:->32}")


def id_of(alias: Alias) -> str:
    return value_of(alias).token[:16]


def recorded_of(key: DesiredKey) -> RecordedKey:
    """The record of a key that is as desired."""
    return RecordedKey(
        alias=key.alias,
        status=Status.READY,
        id=id_of(key.alias),
        token=value_of(key.alias).token,
        origin=Origin.CREATED,
        applied=applied_form(key, None, LINEAGE),
        member=key.member,
        created_at=CREATED,
        expires_at=CREATED + LASTS,
    )


def row_of(key: DesiredKey) -> dict[str, Json]:
    """The row of a key that is as desired, as ``/v2/key/info`` answers it."""
    declared = {path: value for path, value in key.declared.items() if path in ("user_id", "models", "max_budget")}
    stamp = Stamp(LINEAGE, id_of(key.alias), key.member)
    row: dict[str, Json] = {
        "key_name": value_of(key.alias).masked,
        "key_alias": key.alias,
        "spend": 0.0,
        "expires": format_instant(CREATED + LASTS),
        "metadata": {"cost_center": "4711", "vkstate": stamp.form()},
        "budget_id": None,
        "blocked": None,
        "tpm_limit": None,
        "rpm_limit": None,
        "max_parallel_requests": None,
        "budget_duration": None,
        "budget_reset_at": None,
        "allowed_routes": [],
        "permissions": {},
        "aliases": {},
        "config": {},
        "created_at": format_instant(CREATED),
        "updated_at": format_instant(CREATED),
        "created_by": "default_user_id",
    }
    return row | {path: reveal(value) for path, value in declared.items()}


class MemoryAdapter(BaseAdapter):
    """Answers each request with the next of these bodies, over and over."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        super().__init__()
        self._bodies = bodies
        self._next = 0

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.request = request
        response.url = request.url or PROXY
        response.headers["Content-Type"] = "application/json"
        response._content = self._bodies[self._next % len(self._bodies)]  # noqa: SLF001 - how adapters fill one
        self._next += 1
        return response

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Scene:
    """So many keys, seen from every side."""

    members: int

    @cached_property
    def text(self) -> str:
        return config_text(self.members)

    @cached_property
    def desired(self) -> dict[Alias, DesiredKey]:
        return {key.alias: key for key in load_text(self.text).keys}

    @cached_property
    def recorded(self) -> Recorded:
        keys = {alias: recorded_of(key) for alias, key in self.desired.items()}
        return Recorded(LINEAGE, keys, frozenset(record.token for record in keys.values() if record.token))

    @cached_property
    def sought(self) -> list[Sought]:
        return [one for record in self.recorded.keys.values() if (one := sought(record))]

    @cached_property
    def answers(self) -> list[bytes]:
        rows = [row_of(key) for key in self.desired.values()]
        return [json.dumps({"info": list(batch)}).encode() for batch in in_batches(rows, READ_BATCH)]

    @cached_property
    def live(self) -> Live:
        return Live(tuple(self.read().values()), self.members)

    @cached_property
    def new(self) -> Plan:
        return self.plan_new()

    @cached_property
    def state(self) -> State:
        return State(LINEAGE, 1, "https://litellm.example.com", self.recorded.keys)

    @cached_property
    def state_text(self) -> str:
        return serialise(self.state)

    def load(self) -> Config:
        return load_text(self.text)

    def read(self) -> dict[Token, LiveKey]:
        adapter = MemoryAdapter(self.answers)
        with Connection(PROXY, "sk-bench", mount=lambda session: session.mount("memory://", adapter)) as connection:
            return dict(LiteLLMProxy(connection, parallelism=1).find(self.sought))

    def plan(self) -> Plan:
        return plan(self.desired, self.recorded, self.live, Capabilities(), NOW)

    def plan_new(self) -> Plan:
        return plan(self.desired, Recorded(LINEAGE, {}), Live((), 0), Capabilities(), NOW)

    def trial(self) -> Phases:
        return {what: seconds_of(work) for what, work in self.works().items()}

    def works(self) -> dict[str, Callable[[], object]]:
        """What is measured, by name."""
        return {
            "load": self.load,
            "read": self.read,
            "plan": self.plan,
            "plan new": self.plan_new,
            "render": lambda: render_plan(self.new, proxy=PROXY),
            "json": lambda: dumped(plan_document(self.new, proxy=PROXY)),
            "write": lambda: serialise(self.state),
            "parse": lambda: parse(self.state_text, place="vkstate.state.json"),
        }


def measured_at(sizes: Sequence[int], rounds: int) -> Measured:
    """The seconds of every piece of work at every size."""
    scenes = {str(size): Scene(size) for size in sizes}
    for scene in scenes.values():
        for work in scene.works().values():
            work()  # what is made once is made before anything counts
    gc.collect()
    gc.freeze()  # else each size would pay for looking through the keys of the others
    try:
        return alternate({name: scene.trial for name, scene in scenes.items()}, rounds)
    finally:
        gc.unfreeze()


def per_key(series: Series, size: int) -> float:
    """Seconds a key."""
    return series.median / size


def growth(measured: Measured, sizes: Sequence[int], phase: str) -> float:
    """The greatest number's time per key, as a multiple of the least number's."""
    least, greatest = min(sizes), max(sizes)
    series = measured.series
    return per_key(series[str(greatest)][phase], greatest) / per_key(series[str(least)][phase], least)


_PEAK: Final = """
import re, resource, sys
from pathlib import Path
from bench.client_time import Scene
assert not Scene(int(sys.argv[1])).plan().effective
status = Path("/proc/self/status")  # on Linux, what getrusage tells is no less than what the parent process had
if status.exists():
    print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]) * 1024 / 1e6)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def peak_memory(size: int) -> float:
    """The most megabytes that a process of its own ever held which loaded a config, read its keys and planned them."""
    asked = [sys.executable, "-c", _PEAK, str(size)]
    return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.client_time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exits with 1 where a target is missed, or the time per key grows with the number of keys.",
    )
    made.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10000], help="default 1000 3000 10000")
    made.add_argument("--rounds", type=int, default=5, help="default 5")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    measured = measured_at(given.sizes, given.rounds)
    verdicts = Verdicts()
    rows: list[Sequence[str]] = [("", *(f"{size:,} keys" for size in given.sizes), *("a key",) * len(given.sizes))]
    for phase in measured.phases():
        series = [(measured.series[str(size)][phase], size) for size in given.sizes]
        times = [duration(one.median) for one, _ in series]
        rows.append((phase, *times, *(duration(per_key(one, size)) for one, size in series)))
        verdicts.add(f"growth of {phase}", growth(measured, given.sizes, phase), GROWTH, " x")
    if SIZE in given.sizes:
        for phase, limit in LIMITS.items():
            verdicts.add(f"{phase} of {SIZE:,} keys", measured.series[str(SIZE)][phase].median, limit, " s")
        verdicts.add(f"peak memory of a plan of {SIZE:,} keys", peak_memory(SIZE), MEMORY, " MB")
    print(f"{aligned(rows)}\n\n{verdicts.text()}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main())
