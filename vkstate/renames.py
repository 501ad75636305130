"""Renames that the config seems to have forgotten to say: a key goes, and another comes with all that it had. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vkstate.attributes import Value
from vkstate.canonical import same
from vkstate.differences import sealed
from vkstate.keys import Alias
from vkstate.plan import Action, Change, Plan, Reason

_OTHERWISE: Final = frozenset({"user_id", "blocked"})
"""What follows from the name, or from the time."""


@dataclass(frozen=True)
class Rename:
    """A key that would be deleted, and the one that would be created in its place."""

    old: Alias
    new: Alias


def likely_renames(plan: Plan) -> tuple[Rename, ...]:
    """Where one key of a workshop goes and one comes, and but for the person they are alike; so too of single keys."""
    going = _by_workshop(plan, Action.DELETE, Reason.NOT_DESIRED)
    coming = _by_workshop(plan, Action.CREATE, Reason.NEW)
    found = []
    for workshop in sorted(going.keys() & coming.keys()):
        (one, *others), (other, *rest) = going[workshop], coming[workshop]
        if not (others or rest) and _are_alike(one, other, plan.lineage):
            found.append(Rename(one.alias, other.alias))
    return tuple(found)


def _by_workshop(plan: Plan, action: Action, reason: Reason) -> dict[str, list[Change]]:
    """Changes of one kind, those of single keys under no name."""
    found: dict[str, list[Change]] = {}
    for change in plan.of(action):
        if change.reason is reason:
            found.setdefault(change.member.workshop if change.member else "", []).append(change)
    return found


def _are_alike(gone: Change, new: Change, lineage: str) -> bool:
    assert gone.recorded is not None  # noqa: S101 - only a recorded key is deleted
    assert new.desired is not None  # noqa: S101 - only a desired key is created
    before, after = _compared(gone.recorded.applied), _compared(sealed(new.desired.declared, lineage))
    return before.keys() == after.keys() and all(same(before[path], after[path]) for path in before)


def _compared(values: Mapping[str, Value]) -> dict[str, Value]:
    return {path: value for path, value in values.items() if path not in _OTHERWISE}
