"""What a config's text means, with its references as they are written, and edits that leave every other byte alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vkstate.attributes import Json
from vkstate.canonical import same
from vkstate.config.notation import literal
from vkstate.config.places import ConfigError, Problems, Where
from vkstate.config.source import parse
from vkstate.config.tree import Node, TreeBuilder

_MARK: Final = "\ufeff"
_CONFIG: Final = "the config"


@dataclass(frozen=True)
class Content:
    """What a text means, and what is wrong with it."""

    root: Node
    problems: Problems

    def node(self, section: str) -> Node:
        """A section of the top level; an empty one where there is none."""
        return self.root.children.get(section) or Node(None, self.root.where)

    @property
    def value(self) -> dict[str, Json]:
        """The sections by name."""
        return dict(self.root.value) if isinstance(self.root.value, dict) else {}


def read_content(text: str) -> Content:
    """The content of a text without a byte order mark.

    :raises ConfigError: it is not YAML.
    """
    problems = Problems(_CONFIG)
    where = Where(_CONFIG)
    raw = parse(text, _CONFIG)
    return Content(TreeBuilder(problems, None).build(raw, where) if raw else Node(None, where), problems)


def means(text: str, wanted: Json) -> bool:
    """Whether a text can be read, and means what it should."""
    try:
        return same(read_content(text).root.value, wanted)
    except ConfigError:
        return False


def as_literal(value: Json) -> Json:
    """A value with its texts as they are written, dollar signs doubled."""
    match value:
        case str():
            return literal(value)
        case list():
            return [as_literal(inner) for inner in value]
        case dict():
            return {literal(name): as_literal(inner) for name, inner in value.items()}
        case _:
            return value


def split_mark(text: str) -> tuple[str, str]:
    """The byte order mark of a file's text, if it has one, and the rest."""
    return (_MARK, text[1:]) if text.startswith(_MARK) else ("", text)


@dataclass(frozen=True)
class Cut:
    """A part of a text, and what takes its place."""

    start: int
    end: int
    text: str = ""


def with_cuts(text: str, cuts: Iterable[Cut]) -> str:
    """A text with parts of it, which do not overlap, replaced."""
    pieces: list[str] = []
    end = 0
    for cut in sorted(cuts, key=lambda one: one.start):
        pieces += [text[end : cut.start], cut.text]
        end = cut.end
    return "".join([*pieces, text[end:]])
