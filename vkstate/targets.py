"""Targets: which aliases a run is about. A target is an alias glob, ``workshop:NAME`` or ``workshop:NAME/MEMBER``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from vkstate.keys import Alias, Member, natural_order
from vkstate.options import WORKSHOP
from vkstate.plan import Caution, Plan


@dataclass(frozen=True)
class Selection:
    """What ``--target`` and ``--exclude`` select; without any target, everything that is not excluded."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.excludes)

    def selects(self, alias: Alias, member: Member | None, *others: Alias) -> bool:
        """Whether this alias is part of the run.

        :param others: further aliases that the key goes by.
        """
        names = (alias, *others)
        wanted = not self.targets or _any_match(self.targets, names, member)
        return wanted and not _any_match(self.excludes, names, member)


def _any_match(targets: Sequence[str], names: Sequence[Alias], member: Member | None) -> bool:
    return any(matches(target, alias, member) for target in targets for alias in names)


def matches(target: str, alias: Alias, member: Member | None) -> bool:
    """Whether a target names this key. Globs are case-sensitive, as aliases are."""
    if not target.startswith(WORKSHOP):
        return fnmatchcase(alias, target)
    return member is not None and any(
        fnmatchcase(member.workshop, workshop) and fnmatchcase(member.user, user)
        for workshop, user in _readings(target.removeprefix(WORKSHOP))
    )


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """The globs of workshop and member that a text may mean: the name of a workshop may hold a slash itself."""
    yield text, "*"
    for place, character in enumerate(text):
        if character == "/":
            yield text[:place], text[place + 1 :] or "*"


def restrict(plan: Plan, selection: Selection) -> Plan:
    """The part of a plan that a selection leaves, with the aliases of the changes and problems that it left out.

    A warning goes on about those of its keys that are left.
    """
    if not selection:
        return plan
    kept = tuple(change for change in plan.changes if selection.selects(change.alias, change.member, *change.names))
    names = {change.alias: change.names for change in plan.changes}
    problems = tuple(
        problem
        for problem in plan.problems
        if problem.alias is None or selection.selects(problem.alias, problem.member, *names.get(problem.alias, ()))
    )
    left_out = {change.alias for change in plan.effective} | {p.alias for p in plan.problems if p.alias is not None}
    left_out -= {change.alias for change in kept} | {p.alias for p in problems if p.alias is not None}
    here = {change.alias for change in kept}
    return replace(
        plan,
        changes=kept,
        problems=problems,
        warnings=tuple(told for warning in plan.warnings if (told := _about(warning, here))),
        left_out=tuple(sorted(left_out, key=natural_order)),
        passed_over=len({change.alias for change in plan.changes if change.desired} - left_out - here),
    )


def _about(warning: Caution, here: Collection[Alias]) -> Caution | None:
    """A warning without the keys that are not here; None where it is about none that is."""
    aliases = tuple(alias for alias in warning.aliases if alias in here)
    return replace(warning, aliases=aliases) if aliases or not warning.aliases else None


def unmatched(selection: Selection, keys: Sequence[tuple[Alias, Member | None]]) -> tuple[str, ...]:
    """The targets and excludes that name no key at all: most likely a slip of the pen."""
    asked = (*selection.targets, *selection.excludes)
    return tuple(target for target in asked if not any(matches(target, alias, member) for alias, member in keys))
