"""Moves: which recorded key goes on under which other alias. Pure.

A move is asked for by the config (``moved``) or by ``vkstate state mv``. What has moved already is no longer recorded
under its old alias, so that an old entry means nothing more; several entries in a row are followed to the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from vkstate.keys import Alias, DesiredKey, RecordedKey, natural_order
from vkstate.options import WORKSHOP, Move
from vkstate.plan import Problem


@dataclass(frozen=True)
class Moved:
    """The old alias by the new one, and why some moves cannot be made.

    An alias that a problem is about, be it of a key that is to move or of one that several would become, is not to be
    planned otherwise.
    """

    sources: Mapping[Alias, Alias] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def new_alias(self, old: Alias) -> Alias:
        """What a recorded key is called after the moves."""
        return next((target for target, source in self.sources.items() if source == old), old)


def resolve(
    moves: Collection[Move], desired: Mapping[Alias, DesiredKey], recorded: Mapping[Alias, RecordedKey]
) -> Moved:
    """Which recorded keys move, of those that are not desired under the alias that they have.

    Where nothing is desired, everything goes, and nothing moves. Retired keys stay what they are: they follow the key
    that took their place.
    """
    if not (moves and desired):
        return Moved()
    ends = {move.source: (_end(move, moves), move.place) for move in moves}
    by_member = {(key.member.workshop, key.member.user): alias for alias, key in desired.items() if key.member}
    workshops = {workshop for workshop, _ in by_member}
    wanted: dict[Alias, tuple[Alias, str]] = {}
    problems: list[Problem] = []
    for alias in sorted(recorded, key=natural_order):
        record = recorded[alias]
        if alias in desired or record.retired is not None:
            continue
        if alias in ends:
            target, place = ends[alias]
            if target in desired:
                wanted[alias] = (Alias(target), place)
            else:
                problems.append(_undeclared(alias, target, place, record))
        elif record.member and (workshop := f"{WORKSHOP}{record.member.workshop}") in ends:
            target, place = ends[workshop]
            name = target.removeprefix(WORKSHOP)
            if name not in workshops:
                problems.append(_undeclared(alias, target, place, record))
            elif (new := by_member.get((name, record.member.user))) is not None:
                wanted[alias] = (new, place)
    crowded = _crowded(wanted.values(), recorded)
    problems += [
        Problem(
            f"{place}: {source} cannot move to {target}: {crowded[target]}.",
            f"take the move out of the config, or settle {target} first",
            source,
            recorded[source].member,
        )
        for source, (target, place) in wanted.items()
        if target in crowded
    ]
    problems += [
        Problem(
            f"{target}: {reason}, and one key can.",
            "take all moves but one out of the config",
            target,
            desired[target].member,
        )
        for target, reason in crowded.items()
        if target not in recorded
    ]
    sources = {target: source for source, (target, _) in wanted.items() if target not in crowded}
    return Moved(sources, tuple(problems))


def _end(move: Move, moves: Collection[Move]) -> str:
    """Where a move leads in the end; the config has no circles."""
    following = {one.source: one.target for one in moves}
    target = move.target
    for _ in following:
        target = following.get(target, target)
    return target


def _crowded(wanted: Iterable[tuple[Alias, str]], recorded: Collection[Alias]) -> Mapping[Alias, str]:
    """The targets that cannot be moved to, with the reason."""
    counts = Counter(target for target, _ in wanted)
    reasons = {target: f"{count} keys are to move there" for target, count in counts.items() if count > 1}
    return reasons | {target: "the state records a key there already" for target in counts if target in recorded}


def _undeclared(alias: Alias, target: str, place: str, record: RecordedKey) -> Problem:
    return Problem(
        f"{place}: {alias} cannot move to {target}, which no key of the config declares.",
        f"declare {target}, or take the move out of the config",
        alias,
        record.member,
    )
