"""``removed``: keys that have left the config, and what becomes of them."""

from __future__ import annotations

from vkstate.config.entries import entries_of, is_glob
from vkstate.config.expand import Claim, Expansion
from vkstate.config.places import Where
from vkstate.config.schema import transitions as schema
from vkstate.config.sentences import validated
from vkstate.config.tree import Node, with_names
from vkstate.keys import Alias, natural_order
from vkstate.options import WORKSHOP, Removed
from vkstate.targets import matches


def removed_of(node: Node | None, expansion: Expansion) -> tuple[Removed, ...]:
    """What ``removed`` says, in order; an entry that names a declared key, or is there twice, is a problem."""
    problems = expansion.problems
    found: list[Removed] = []
    places: dict[str, Where] = {}
    for item in entries_of(node, problems, each="target"):
        entry = with_names(item, "alias")
        model = validated(schema.Removed, entry, problems)
        if model is None:
            continue
        at = entry.children["alias"]
        if first := places.get(model.alias):
            problems.add(at.where, f"is here a second time; the first is in line {first.line}")
        places.setdefault(model.alias, at.where)
        if model.alias == WORKSHOP:
            problems.add(at.where, "names no workshop: write workshop:NAME")
        if declared := _declared(model.alias, expansion):
            problems.add(at.where, _still_declared(declared, discreet=at.tainted))
        found.append(Removed(model.alias, model.destroy, str(item.where)))
    return tuple(found)


def _declared(target: str, expansion: Expansion) -> dict[str, Claim]:
    """The declared keys that a target names, in natural order."""
    if target in expansion.claims:
        return {target: expansion.claims[target]}
    if not is_glob(target) and not target.startswith(WORKSHOP):
        return {}
    named = [alias for alias, claim in expansion.claims.items() if matches(target, Alias(alias), claim.member)]
    return {alias: expansion.claims[alias] for alias in sorted(named, key=natural_order)}


def _still_declared(declared: dict[str, Claim], *, discreet: bool) -> str:
    alias, claim = next(iter(declared.items()))
    name = "a key" if discreet else alias
    if len(declared) == 1:
        return f"names {name}, which is still declared, at {claim.where}: take it out there, or out of removed"
    return (
        f"names {name} and {len(declared) - 1} more, which are still declared, the first at {claim.where}: "
        "take them out there, or out of removed"
    )
