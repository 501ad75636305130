"""``moved``: keys and workshops that go on under another name, with the same key values.

An entry stays harmless once its move is made, so that old ones may stay as long as somebody may still have to apply
them. What the entries lead to is found by :mod:`vkstate.moves`; here they are only checked against the config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vkstate.config.entries import entries_of, is_discreet, is_glob
from vkstate.config.expand import Expansion
from vkstate.config.places import Located, Where, did_you_mean
from vkstate.config.schema.transitions import Moved
from vkstate.config.sentences import validated
from vkstate.config.tree import Node, with_names
from vkstate.options import WORKSHOP, Move


@dataclass(frozen=True)
class _Entry:
    node: Node
    source: str
    target: str

    def at(self, field: str) -> Where:
        return self.node.children[field].where


def moves_of(node: Node | None, workshops: Node | None, expansion: Expansion) -> tuple[Move, ...]:
    """The moves that ``moved`` asks for, in order; what cannot be meant is a problem.

    :param workshops: the section, for the names that it declares.
    """
    problems = expansion.problems
    entries: dict[str, _Entry] = {}
    moves: list[Move] = []
    for item in entries_of(node, problems, each="move"):
        named = with_names(item, "from", "to")
        model = validated(Moved, named, problems)
        if model is None:
            continue
        entry = _Entry(named, model.source, model.target)
        moves.append(Move(model.source, model.target, str(item.where)))
        if not _sides_agree(entry, expansion):
            continue
        if first := entries.get(entry.source):
            problems.add(entry.at("from"), f"moves a second time; the first is in line {first.at('from').line}")
            continue
        _check_gone(entry, workshops, expansion)
        if _leads_on(entry, entries, expansion):
            entries[entry.source] = entry
    if expansion.complete:
        for entry in entries.values():
            if entry.target not in entries:
                _check_there(entry, workshops, expansion)
    return tuple(moves)


def sources_of(node: Node | None) -> frozenset[str]:
    """What ``moved`` leads away from, as far as it can be told before the keys are known."""
    sources = (item.children.get("from") for item in node.children.values()) if node else ()
    return frozenset(source.text for source in sources if source and not source.broken and source.text)


def _sides_agree(entry: _Entry, expansion: Expansion) -> bool:
    """Whether both sides are keys, or both workshops, and not the same; a glob is worth a warning."""
    source, target = entry.source, entry.target
    problems = expansion.problems
    before = len(problems)
    for field, name in (("from", source), ("to", target)):
        if name == WORKSHOP:
            problems.add(entry.at(field), "names no workshop: write workshop:NAME")
        elif is_glob(name) and name not in expansion.claims:
            sentence = "names one key and no more: *, ? and [ are characters like others here"
            expansion.warnings.append(str(Located(entry.at(field), sentence)))
    if source.startswith(WORKSHOP) != target.startswith(WORKSHOP):
        problems.add(entry.at("to"), "must be a workshop where from is one, and a key where that is one")
    elif source == target:
        problems.add(entry.at("to"), "is the same as from")
    return len(problems) == before


def _check_gone(entry: _Entry, workshops: Node | None, expansion: Expansion) -> None:
    """See that nothing is declared any more under the old name."""
    source = entry.source
    if source.startswith(WORKSHOP):
        child = workshops.children.get(source.removeprefix(WORKSHOP)) if workshops else None
        declared = child.where if child else None
    else:
        claim = expansion.claims.get(source)
        declared = claim.where if claim else None
    if declared is not None:
        sentence = f"is still declared, at {declared}: take it out there, or take the move out"
        expansion.problems.add(entry.at("from"), sentence)


def _check_there(entry: _Entry, workshops: Node | None, expansion: Expansion) -> None:
    """Say where nothing is declared under the new name: a slip, or an old entry whose key has gone since."""
    at, target = entry.node.children["to"], entry.target
    names = {f"{WORKSHOP}{name}" for name in workshops.children} if workshops else set[str]()
    declared = names if target.startswith(WORKSHOP) else expansion.claims
    if target in declared:
        return
    guess = "" if is_discreet(at) else did_you_mean(target, declared)
    sentence = f"is declared nowhere{guess or ': an old entry may stay, but nothing moves there any more'}"
    expansion.warnings.append(str(Located(at.where, sentence)))


def _leads_on(entry: _Entry, entries: Mapping[str, _Entry], expansion: Expansion) -> bool:
    """Whether an entry, with those before it, leads anywhere but back to itself."""
    chain = [entry]
    while following := entries.get(chain[-1].target):
        chain.append(following)
    if chain[-1].target != entry.source:
        return True
    discreet = any(is_discreet(one.node.children["from"]) for one in chain)
    names = " -> ".join([*(one.source for one in chain), entry.source])
    expansion.problems.add(entry.at("to"), f"closes a circle of moves{'' if discreet else f': {names}'}")
    return False
