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
from vkstate.config.templates import Piece, Template, parse_template
from vkstate.config.tree import Node
from vkstate.keys import natural_order

DEFAULT_PREFIX: Final = "user"
SPARE: Final = "spare"
"""What the names of spares begin with."""

_WAYS: Final = ("count", "members", "roster")


@dataclass(frozen=True)
class Person:
    """One member: the name, for a counted one its number, and what the roster says.

    ``own_place`` says that ``where`` is this person's alone. ``cells`` fill placeholders. A ``spare`` is nobody yet.
    """

    user: str
    where: Where
    number: int | None = None
    cells: Mapping[str, str] = field(default_factory=dict)
    declared: Layer = NOTHING
    details: Mapping[str, str] = field(default_factory=dict)
    own_place: bool = True
    spare: bool = False


@dataclass(frozen=True)
class People:
    """The members of a workshop, each name once, and the placeholders that they can fill."""

    members: tuple[Person, ...]
    placeholders: frozenset[str]


def people_of(model: Workshop, node: Node, directory: Path, problems: Problems, warnings: list[str]) -> People | None:
    """The members of a workshop, or None where it does not say who they are: then the problems say why.

    :param directory: the config's directory, at which the roster's path starts.
    """
    people = _members_of(model, node, directory, problems, warnings)
    if people is None or model.spares is None:
        return people
    where = node.children["spares"].where
    spares = tuple(Person(f"{SPARE}{n}", where, spare=True, own_place=False) for n in range(1, model.spares + 1))
    if taken := {person.user for person in people.members} & {spare.user for spare in spares}:
        problems.add(where, f"makes a spare {min(taken, key=natural_order)}, and a member is called so already")
        return people
    return People((*people.members, *spares), people.placeholders)


def _members_of(model: Workshop, node: Node, directory: Path, problems: Problems, warnings: list[str]) -> People | None:
    given = [way for way in _WAYS if getattr(model, way) is not None]
    if len(given) != 1:
        has = f"it has {' and '.join(given)}" if given else "it has none"
        problems.add(node.where, f"must have exactly one of count, members and roster, which say who is in it: {has}")
        return None
    naming = [field for field in ("user_prefix", "user_format") if getattr(model, field) is not None]
    if naming and model.count is None:
        for field in naming:
            problems.add(node.children[field].where, "has no meaning here: only counted members are named by it")
    elif len(naming) == 2:
        problems.add(node.children["user_format"].where, "has no effect beside user_prefix: keep one of them")
    if model.count is not None:
        user = _user_template(model, node, problems)
        if user is None:
            return None
        numbers = range(1, model.count + 1)
        counted = (Person(user.fill({"n": str(n)}), node.where, n, own_place=False) for n in numbers)
        return People(tuple(counted), frozenset({"n"}))
    if model.members is not None:
        return People(tuple(_named(model.members, node.children["members"], problems)), frozenset())
    return _listed(directory / (model.roster or ""), node.children["roster"], problems, warnings)


def _user_template(model: Workshop, node: Node, problems: Problems) -> Template | None:
    """How counted members are named, or None where that is not valid: then the problems say why."""
    if model.user_format is None:
        return Template((Piece(model.user_prefix or DEFAULT_PREFIX, "n"),))
    at = node.children["user_format"]
    try:
        template = parse_template(model.user_format, {"n"})
    except ValueError as error:
        problems.add(at.where, "is not a valid template" if at.tainted else str(error))
        return None
    if not template.names:
        problems.add(at.where, "must hold {n}, or else all members have the same name")
        return None
    return template


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
