"""Who is in a workshop: counted, named, or listed in a roster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vkstate.config.layers import NOTHING, Layer, layer_of
from vkstate.config.places import Problems, Where
from vkstate.config.roster import Row, read_roster
from vkstate.config.schema.workshops import Override, Workshop
from vkstate.config.sentences import validated
from vkstate.config.tree import Node

DEFAULT_PREFIX: Final = "user"
_WAYS: Final = ("count", "members", "roster")


@dataclass(frozen=True)
class Person:
    """One member: the name, for a counted one its number, and what the roster says.

    ``own_place`` says that ``where`` is this person's alone. ``cells`` fill placeholders.
    """

    user: str
    where: Where
    number: int | None = None
    cells: Mapping[str, str] = field(default_factory=dict)
    declared: Layer = NOTHING
    details: Mapping[str, str] = field(default_factory=dict)
    own_place: bool = True


@dataclass(frozen=True)
class People:
    """The members of a workshop, each name once, and the placeholders that they can fill."""

    members: tuple[Person, ...]
    placeholders: frozenset[str]


def people_of(model: Workshop, node: Node, directory: Path, problems: Problems, warnings: list[str]) -> People | None:
    """The members of a workshop, or None where it does not say who they are: then the problems say why.

    :param directory: the config's directory, at which the roster's path starts.
    """
    given = [way for way in _WAYS if getattr(model, way) is not None]
    if len(given) != 1:
        has = f"it has {' and '.join(given)}" if given else "it has none"
        problems.add(node.where, f"must have exactly one of count, members and roster, which say who is in it: {has}")
        return None
    if model.user_prefix is not None and model.count is None:
        where = node.children["user_prefix"].where
        problems.add(where, "has no meaning here: only counted members are named by it")
    if model.count is not None:
        prefix = model.user_prefix or DEFAULT_PREFIX
        counted = (Person(f"{prefix}{n}", node.where, n, own_place=False) for n in range(1, model.count + 1))
        return People(tuple(counted), frozenset({"n"}))
    if model.members is not None:
        return People(tuple(_named(model.members, node.children["members"], problems)), frozenset())
    return _listed(directory / (model.roster or ""), node.children["roster"], problems, warnings)


def _named(members: list[str], node: Node, problems: Problems) -> Iterator[Person]:
    first: dict[str, Where] = {}
    for number, user in enumerate(members):
        item = node.children[number]
        if user in first:
            problems.add(item.where, f"is here a second time; the first is in line {first[user].line}")
        else:
            first[user] = item.where
            yield Person(user, item.where)


def _listed(path: Path, asked: Node, problems: Problems, warnings: list[str]) -> People | None:
    roster = read_roster(path, asked, problems)
    if roster is None:
        return None
    warnings += roster.warnings
    persons = (_from_row(row, problems) for row in roster.rows)
    return People(tuple(persons), frozenset(roster.columns))


def _from_row(row: Row, problems: Problems) -> Person:
    declared = NOTHING
    if row.declared.children:
        model = validated(Override, row.declared, problems)
        declared = layer_of(model, row.declared, problems) if model else NOTHING
    return Person(row.user, row.where, None, row.cells, declared, row.details)
