"""Many workshops: all in one project directory, and each in a directory of its own. Time, requests and bytes.

Every way makes the same keys, plans without a change, changes one workshop, and deletes everything, every command a
process of its own, one after the other. ``own CPU`` is what these processes took of the processor; the rest of the time
they waited for the proxy.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.live import KEY_VARIABLE, LiveProxy, new_prefix
from bench.measure import Stopwatch, aligned, duration
from bench.projects import CONFIG, STATE, CommandFailed
from bench.relay import Relay, relayed
from vkstate.state.file import StateFile
from vkstate.state.model import State, mint_lineage

STEPS: Final = ("apply, all new", "plan, no change", "apply, one workshop changed", "destroy")
_BUDGET: Final = 50
_OTHER_BUDGET: Final = 60


@dataclass(frozen=True)
class Layout:
    """So many workshops of so many members in each of some directories."""

    name: str
    directories: int
    workshops: int
    members: int
    prefix: str = field(default_factory=new_prefix)

    @property
    def keys(self) -> int:
        return self.directories * self.workshops * self.members

    def config(self, number: int, url: str, model: str, changed: int | None = None) -> str:
        """The config of one directory; ``changed`` is the number of the workshop with another budget."""
        lines = ["proxy:", f"  url: {url}", f"  master_key: ${{env.{KEY_VARIABLE}}}", "workshops:"]
        for workshop in range(self.workshops):
            budget = _OTHER_BUDGET if workshop == changed else _BUDGET
            lines += [
                f"  {self.prefix}-{number}x{workshop}:",
                f"    count: {self.members}",
                f"    models: [{model}]",
                "    duration: 3d",
                f"    max_budget: {budget}",
            ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Taken:
    """What one step took, in all directories together; ``cpu`` is vkstate's share of the seconds."""

    seconds: float
    cpu: float
    requests: int


@dataclass(frozen=True)
class Sizes:
    """Bytes in all directories when every key exists, and the state's lines that the change of one workshop changed.

    ``packed`` is the state as git keeps it: compressed.
    """

    state: int
    packed: int
    store: int
    changed_lines: int = 0


@dataclass(frozen=True)
class Trial:
    """A layout's steps, in the order of :data:`STEPS`, and the sizes of its files."""

    layout: Layout
    steps: tuple[Taken, ...]
    sizes: Sizes


def trial(layout: Layout, relay: Relay, model: str) -> Trial:
    """Go through all steps with one layout."""
    with tempfile.TemporaryDirectory(prefix="vkstate-bench-") as name:
        homes = [Path(name) / str(number) for number in range(layout.directories)]
        for number, home in enumerate(homes):
            home.mkdir()
            (home / CONFIG).write_text(layout.config(number, relay.url, model))
            StateFile(home / STATE).write(State.empty(mint_lineage()))
        steps: list[Taken] = []
        try:
            steps.append(_taken(relay, homes, "apply", "--auto-approve", "--accept-lost-values"))
            steps.append(_taken(relay, homes, "plan"))
            (homes[0] / CONFIG).write_text(layout.config(0, relay.url, model, changed=0))
            before = Path(shutil.copy(homes[0] / STATE, homes[0] / f"{STATE}.before"))
            steps.append(_taken(relay, homes[:1], "apply", "--auto-approve"))
            sizes = _sizes(homes, changed_lines(before, homes[0] / STATE))
        finally:
            steps.append(_taken(relay, homes, "destroy", "--auto-approve", "--no-report"))
        return Trial(layout, tuple(steps), sizes)


def _taken(relay: Relay, homes: Sequence[Path], *command: str) -> Taken:
    before, cpu = relay.count, _children_cpu()
    watch = Stopwatch()
    with watch.running():
        for home in homes:
            _run(home, *command)
    print(f"{len(homes)} x {command[0]}: {duration(watch.seconds)}", file=sys.stderr)
    return Taken(watch.seconds, _children_cpu() - cpu, relay.count - before)


def _children_cpu() -> float:
    """Seconds of processor time that all processes have taken which this one started and which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(home: Path, *command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "vkstate", "-C", str(home), *command],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CommandFailed(f"vkstate {' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-500:]}")


def changed_lines(before: Path, after: Path) -> int:
    """How many lines of one file are not the same in the other, which has as many."""
    old, new = before.read_text().splitlines(), after.read_text().splitlines()
    return sum(one != other for one, other in zip(old, new, strict=True))


def _sizes(homes: Sequence[Path], lines: int) -> Sizes:
    states = [(home / STATE).read_bytes() for home in homes]
    store = sum((home / ".vkstate" / "keys.json").stat().st_size for home in homes)
    return Sizes(sum(map(len, states)), sum(len(zlib.compress(one)) for one in states), store, lines)


def report(one: Trial) -> str:
    """The table of a layout."""
    layout, sizes = one.layout, one.sizes
    rows: list[Sequence[str]] = [(f"{layout.name}: {layout.keys:,} keys", "time", "a key", "own CPU", "requests")]
    for title, taken in zip(STEPS, one.steps, strict=True):
        a_key = duration(taken.seconds / layout.keys)
        rows.append((title, duration(taken.seconds), a_key, duration(taken.cpu), f"{taken.requests:,}"))
    return (
        f"{aligned(rows)}\n"
        f"state: {sizes.state:,} bytes, {sizes.packed:,} compressed; secret store: {sizes.store:,} bytes\n"
        f"lines of the state that the changed workshop changed: {sizes.changed_lines:,}"
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs VKSTATE_LIVE_URL (plain HTTP) and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--workshops", type=int, default=200, help="workshops; default 200")
    made.add_argument("--members", type=int, default=50, help="members of each; default 50")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    layouts = (
        Layout("one directory", 1, given.workshops, given.members),
        Layout(f"{given.workshops} directories", given.workshops, 1, given.members),
    )
    with relayed(proxy.url) as relay:
        for layout in layouts:
            print(f"{report(trial(layout, relay, proxy.served_model()))}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
