"""From what is written to values: interpolation, types, duplicate names, and the place of everything.

A :class:`Node` is a plain JSON value together with its place and what was learnt on the way: whether it came from the
environment, and whether it could be read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from vkstate.age import is_secret_key
from vkstate.attributes import Json
from vkstate.config.interpolation import EnvironmentRef, Filled, Part, Scope, VariableRef, fill, is_literal, parts_of
from vkstate.config.places import ConfigError, Located, Problems, Where, child_path, looks_like_key
from vkstate.config.raw import LARGEST, Raw, RawList, RawMapping, RawScalar
from vkstate.config.scalars import Scalar, resolve

LOOKS_LIKE_KEY: Final = (
    "this looks like a key value, and none may stand in a config: revoke it if anybody else has seen it, and write "
    "${env.NAME} where a secret is needed"
)

PRIVATE_KEY: Final = (
    "a secret key stands here, of age or of ssh, and none may stand in a config: whoever has seen it can read what is "
    "encrypted to it. Make a new pair; under secrets.recipients belongs its public half, which age-keygen prints"
)

_YAML_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({"!", _YAML_TAG + "str"})
_RESOLVED_TAGS: Final = frozenset({_YAML_TAG + name for name in ("int", "float", "bool", "null")})
_ALIAS_SECTIONS: Final = frozenset({"keys", "workshops"})
_ALIAS_PLACE: Final = re.compile(r"import\[\d+\]|moved\[\d+\]\.(?:from|to)|removed\[\d+\]\.alias")


@dataclass(slots=True)
class Node:
    """One value of the config. ``where`` is the place of its name, or of an item itself.

    ``text`` is a scalar's text as interpolated. ``parts`` are set where interpolation is put off. ``tainted`` says that
    it, or anything in it, holds an ``${env.…}``; ``broken`` that it could not be read, which has been reported.
    """

    value: Json = field(repr=False)
    where: Where
    children: Mapping[str | int, Node] = field(default_factory=dict)
    text: str | None = field(default=None, repr=False)
    parts: tuple[Part, ...] | None = field(default=None, repr=False)
    tainted: bool = False
    broken: bool = False
    secret_name: bool = False
    """Its name holds an ``${env.…}``; paths show such a name as it is written."""

    def named(self) -> Iterator[tuple[str, Node]]:
        """A mapping's names and values, in order."""
        return ((name, child) for name, child in self.children.items() if isinstance(name, str))

    @property
    def sound(self) -> bool:
        """Whether it, and everything in it, could be read."""
        return not self.broken and all(child.sound for child in self.children.values())


def as_written(node: Node) -> Node:
    """A name, or a list of names, in which numbers and flags are the texts that they are written as: 007 is not 7."""
    if isinstance(node.value, list):
        children = {number: as_written(child) for number, child in node.children.items()}
        return replace(node, value=[child.value for child in children.values()], children=children)
    return node if node.value is None or node.text is None else replace(node, value=node.text)


def with_names(node: Node, *fields: str) -> Node:
    """A mapping in which these fields, where they are there, hold names: see :func:`as_written`."""
    named: dict[str | int, Node] = {name: as_written(node.children[name]) for name in fields if name in node.children}
    if not named or not isinstance(node.value, dict):
        return node
    value = node.value | {str(name): child.value for name, child in named.items()}
    return replace(node, value=value, children={**node.children, **named})


def without(node: Node, *fields: str) -> Node:
    """A mapping without some of its fields."""
    if not isinstance(node.value, dict) or node.children.keys().isdisjoint(fields):
        return node
    value = {name: inner for name, inner in node.value.items() if name not in fields}
    children = {name: child for name, child in node.children.items() if name not in fields}
    return replace(node, value=value, children=children)


@dataclass
class TreeBuilder:
    """Turns raw values into nodes and collects every problem on the way.

    :param scope: what references may refer to; None leaves every text as it is written.
    :param put_off: paths of texts whose environment references are kept for later.
    """

    problems: Problems
    scope: Scope | None
    put_off: frozenset[str] = frozenset()
    _count: int = 0

    def build(self, raw: Raw, where: Where) -> Node:
        """The node of a raw value.

        :raises ConfigError: aliases of aliases make the config absurdly large.
        """
        self._count += 1
        if self._count > LARGEST:
            problem = Located(Where(self.problems.file), f"the config holds more than {LARGEST} values")
            raise ConfigError([problem], hint="use fewer aliases (*name) of anchors that hold aliases themselves")
        match raw:
            case RawScalar():
                return self._scalar(raw, where)
            case RawList():
                return self._list(raw, where)
            case RawMapping():
                return self._mapping(raw, where)

    def _scalar(self, raw: RawScalar, where: Where) -> Node:
        if where.path in self.put_off:
            return self._later(raw, where)
        written_alias = _ALIAS_PLACE.fullmatch(where.path) is not None and is_literal(raw.text)
        if looks_like_key(raw.text) and not written_alias:
            return self._broken(where, LOOKS_LIKE_KEY)
        if is_secret_key(raw.text):
            return self._broken(where, PRIVATE_KEY)
        filled = self._fill(raw.text, where)
        if filled.broken:
            return Node(None, where, broken=True, tainted=filled.tainted)
        if not (filled.tainted or written_alias) and looks_like_key(filled.text):
            return self._broken(where, f"the value of a variable stands here, and {LOOKS_LIKE_KEY}")
        try:
            value = _typed(filled.text, raw)
        except ValueError as error:
            return self._broken(where, str(error))
        return Node(value, where, text=filled.text, tainted=filled.tainted)

    def _broken(self, where: Where, sentence: str) -> Node:
        self.problems.add(where, sentence)
        return Node(None, where, broken=True)

    def _fill(self, text: str, where: Where) -> Filled:
        filled = Filled(text) if self.scope is None else fill(text, self.scope)
        for problem in filled.problems:
            self.problems.add(where, problem)
        return filled

    def _later(self, raw: RawScalar, where: Where) -> Node:
        """A text whose ``${env.…}`` are replaced when it is needed; its ``${var.…}`` are replaced now."""
        try:
            parts = parts_of(raw.text)
        except ValueError as error:
            return self._broken(where, str(error))
        known: list[Part] = []
        for part in parts:
            if not isinstance(part, VariableRef):
                known.append(part)
                continue
            filled = self._fill(f"${{var.{part.name}}}", where)
            if filled.broken:
                return Node(None, where, broken=True, tainted=True)
            known.append(filled.text)
        literal = not any(isinstance(part, EnvironmentRef) for part in parts)
        nothing = literal and raw.plain and resolve(raw.text[:5]) is None
        return Node(None if nothing else raw.text, where, parts=tuple(known), tainted=True)

    def _list(self, raw: RawList, where: Where) -> Node:
        self._check_tag(raw, "seq", where)
        children: dict[str | int, Node] = {
            number: self.build(item, Where(where.file, item.line, item.column, child_path(where.path, number)))
            for number, item in enumerate(raw.items)
        }
        values = [child.value for child in children.values()]
        tainted = any(child.tainted for child in children.values())
        return Node(values, where, children, tainted=tainted)

    def _mapping(self, raw: RawMapping, where: Where) -> Node:
        self._check_tag(raw, "map", where)
        children: dict[str | int, Node] = {}
        for name, value in raw.entries:
            self._entry(name, value, where, children, merged=False)
        for name, value in raw.merged:
            self._entry(name, value, where, children, merged=True)
        tainted = any(child.tainted for child in children.values())
        return Node({str(name): child.value for name, child in children.items()}, where, children, tainted=tainted)

    def _entry(self, name: Raw, value: Raw, where: Where, children: dict[str | int, Node], *, merged: bool) -> None:
        at = Where(where.file, name.line, name.column, where.path)
        if not isinstance(name, RawScalar):
            self.problems.add(at, "a name is a text, not a list or mapping; a text that begins with { or [ is quoted")
            return
        filled = self._name(name, at)
        label = name.text if filled.tainted else filled.text
        there = Where(where.file, name.line, name.column, child_path(where.path, label))
        if (first := children.get(filled.text)) is not None:
            if not merged:
                self.problems.add(there, f"the name is here a second time; it is already in line {first.where.line}")
            return
        node = self.build(value, there)
        node.broken = node.broken or filled.broken
        node.secret_name = filled.tainted
        children[filled.text] = node

    def _name(self, name: RawScalar, at: Where) -> Filled:
        filled = self._fill(name.text, at)
        text = name.text if filled.broken else filled.text
        problem = None
        if text == "":
            problem = "a name is missing before the ':'"
        elif looks_like_key(text) and not (at.path in _ALIAS_SECTIONS and is_literal(name.text)):
            problem = LOOKS_LIKE_KEY
        elif reason := unfit(text):
            problem, text = reason, repr(text)
        if problem:
            self.problems.add(at, problem)
        return Filled(text, filled.tainted, broken=filled.broken or problem is not None)

    def _check_tag(self, raw: RawList | RawMapping, own: str, where: Where) -> None:
        if raw.tag is not None and raw.tag not in ("!", _YAML_TAG + own):
            self.problems.add(where, _meaningless(raw.tag))


def _typed(text: str, raw: RawScalar) -> Scalar:
    """A scalar's value: a plain one by its text, a quoted or tagged one as it says."""
    if reason := unfit(text):
        raise ValueError(reason)
    if raw.tag in _RESOLVED_TAGS or (raw.plain and raw.tag is None):
        return resolve(text)
    if raw.tag is None or raw.tag in _TEXT_TAGS:
        return text
    raise ValueError(_meaningless(raw.tag))


def _meaningless(tag: str) -> str:
    return f"the tag {tag.replace(_YAML_TAG, '!!')} has no meaning in a config"


def unfit(text: str) -> str | None:
    """Why a text cannot be sent to LiteLLM and kept in its database, if it cannot."""
    if "\0" in text:
        return "the text holds a NUL character, which LiteLLM's database cannot store"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "the text holds half a character (a lone surrogate)"
    return None
