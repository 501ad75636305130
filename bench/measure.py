"""Alternating runs, medians and ratios: what a busy machine does to one contender it does to the others as well."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Phases: TypeAlias = Mapping[str, float]
"""What one trial took: seconds by phase."""

Trial: TypeAlias = Callable[[], Phases]
"""Does the work once, and says how long each phase of it took. What it prepares and clears away is not counted."""


class Stopwatch:
    """Seconds between the beginning and the end of a ``with`` block."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens inside, also where it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


def seconds_of(work: Callable[[], object]) -> float:
    """How long one call takes."""
    watch = Stopwatch()
    with watch.running():
        work()
    return watch.seconds


@dataclass(frozen=True)
class Series:
    """The seconds of one contender in one phase, in the order of the rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def ratio_to(self, other: Series) -> float:
        """The median of the ratios round by round: both sides of each saw the same machine."""
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True) if theirs > 0
        )


@dataclass(frozen=True)
class Measured:
    """The series of a whole run, by contender and phase."""

    series: Mapping[str, Mapping[str, Series]]

    def phases(self) -> list[str]:
        """The phases that any contender has, in the order of their first appearance."""
        return list(dict.fromkeys(phase for phases in self.series.values() for phase in phases))

    def ratio(self, contender: str, to: str, phase: str) -> float:
        return self.series[contender][phase].ratio_to(self.series[to][phase])


def order_of(names: Sequence[str], number: int) -> list[str]:
    """Who runs when in a round: each round begins with another one, so that nobody always runs after the same."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def alternate(contenders: Mapping[str, Trial], rounds: int, progress: Callable[[int], None] | None = None) -> Measured:
    """Run every contender once a round, taking turns.

    :param progress: told the number of each round that has ended, from 1.
    """
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    for number in range(rounds):
        for name in order_of(list(contenders), number):
            for phase, seconds in contenders[name]().items():
                taken[name].setdefault(phase, []).append(seconds)
        if progress:
            progress(number + 1)
    return Measured(
        {name: {phase: Series(tuple(all_)) for phase, all_ in phases.items()} for name, phases in taken.items()}
    )


@dataclass(frozen=True)
class Verdict:
    """One figure beside what it must not exceed."""

    what: str
    figure: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.figure <= self.limit

    def text(self) -> str:
        """``met     apply, whole process: 1.08 (at most 1.15)``."""
        word = "met" if self.met else "MISSED"
        return f"{word:<7} {self.what}: {self.figure:.4g}{self.unit} (at most {self.limit:g}{self.unit})"


@dataclass
class Verdicts:
    """The verdicts of a run."""

    all: list[Verdict] = field(default_factory=list)

    def add(self, what: str, figure: float, limit: float, unit: str = "") -> None:
        self.all.append(Verdict(what, figure, limit, unit))

    @property
    def exit_code(self) -> int:
        """0 where every target was met, else 1."""
        return 0 if all(verdict.met for verdict in self.all) else 1

    def text(self) -> str:
        return "\n".join(verdict.text() for verdict in self.all)


def table(measured: Measured, bases: Mapping[str, str], phase: str) -> str:
    """One phase: every contender's median, least and most, and its ratio to the one that it is held against."""
    rows: list[Sequence[str]] = [("", "median", "least", "most", "ratio")]
    for name, phases in measured.series.items():
        series = phases[phase]
        base = bases.get(name)
        ratio = f"{measured.ratio(name, base, phase):.3f} x {base}" if base else ""
        rows.append((name, *map(duration, (series.median, min(series.seconds), max(series.seconds))), ratio))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def duration(seconds: float) -> str:
    """Seconds as people read them: ``5.21 s``, ``48.3 ms``, ``12.5 µs``."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.001:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e6:.1f} µs"
