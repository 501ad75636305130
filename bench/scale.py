"""Many workshops: all in one project directory, and each in a directory of its own. Time, requests and bytes.

Every way makes the same keys, plans without a change, changes one workshop, and deletes everything.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
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
    """What one step took, in all directories together."""

    seconds: float
    requests: int


@dataclass(frozen=True)
class Trial:
    """A layout's steps, in the order of :data:`STEPS`, and the bytes of its states and stores when all keys existed."""

    layout: Layout
    steps: tuple[Taken, ...]
    bytes: int


def trial(layout: Layout, relay: Relay, model: str) -> Trial:
    """Go through all steps with one layout, every command a process of its own, one after the other."""
    with tempfile.TemporaryDirectory(prefix="vkstate-bench-") as name:
        homes = [Path(name) / str(number) for number in range(layout.directories)]
        for number, home in enumerate(homes):
            home.mkdir()
            (home / CONFIG).write_text(layout.config(number, relay.url, model))
            StateFile(home / STATE).write(State.empty(mint_lineage()))
        steps: list[Taken] = []
        size = 0
        try:
            steps.append(_taken(relay, homes, "apply", "--auto-approve", "--accept-lost-values"))
            size = sum(_bytes(home) for home in homes)
            steps.append(_taken(relay, homes, "plan"))
            (homes[0] / CONFIG).write_text(layout.config(0, relay.url, model, changed=0))
            steps.append(_taken(relay, homes[:1], "apply", "--auto-approve"))
        finally:
            steps.append(_taken(relay, homes, "destroy", "--auto-approve", "--no-report"))
        return Trial(layout, tuple(steps), size)


def _taken(relay: Relay, homes: Sequence[Path], *command: str) -> Taken:
    before = relay.count
    watch = Stopwatch()
    with watch.running():
        for home in homes:
            _run(home, *command)
    return Taken(watch.seconds, relay.count - before)


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


def _bytes(home: Path) -> int:
    return (home / STATE).stat().st_size + (home / ".vkstate" / "keys.json").stat().st_size


def report(trials: Sequence[Trial]) -> Iterator[str]:
    """A table for each layout."""
    for one in trials:
        layout = one.layout
        keys = layout.directories * layout.workshops * layout.members
        rows: list[Sequence[str]] = [(f"{layout.name}: {keys:,} keys", "time", "a key", "requests")]
        for title, taken in zip(STEPS, one.steps, strict=True):
            rows.append((title, duration(taken.seconds), duration(taken.seconds / keys), f"{taken.requests:,}"))
        yield f"{aligned(rows)}\nstate and secret store: {one.bytes:,} bytes, {one.bytes // keys} a key"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description=__doc__,
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
        trials = [trial(layout, relay, proxy.served_model()) for layout in layouts]
    print("\n\n".join(report(trials)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
