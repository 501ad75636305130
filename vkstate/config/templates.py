"""``alias_template`` and its like: texts with ``{placeholders}``; a literal brace is written twice.

A number may be given a width, to which zeros fill it: ``{n:03}``, or as Python writes it ``{n:03d}``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, NamedTuple

from vkstate.config.places import did_you_mean, listed

NUMBER: Final = "n"
"""The placeholder for a member's number."""

_WIDTH: Final = re.compile(r"0([1-9])d?")


class Piece(NamedTuple):
    """A literal text, and the placeholder that follows it, if any; ``width`` are the digits that its value has."""

    text: str
    name: str | None = None
    width: int = 0


@dataclass(frozen=True)
class Template:
    """Literal pieces, each with the placeholder that follows it, if any."""

    pieces: tuple[Piece, ...]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders."""
        return frozenset(piece.name for piece in self.pieces if piece.name is not None)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each placeholder replaced; every name has a value."""
        return "".join(
            text + (values[name].zfill(width) if name is not None else "") for text, name, width in self.pieces
        )


def parse_template(text: str, known: Set[str]) -> Template:
    """The template that a text means.

    :param known: the placeholders that it may hold.
    :raises ValueError: it holds another one, or an unmatched brace; with a sentence.
    """
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError("has an unmatched brace: a placeholder is {name}, a literal brace is written twice") from None
    pieces: list[Piece] = []
    for literal, name, spec, conversion in parsed:
        if name is None:
            pieces.append(Piece(literal))
            continue
        width = _WIDTH.fullmatch(spec or "")
        if name == NUMBER and (conversion or (spec and not width)):
            raise ValueError("has a format in {n} that is none: a number of three digits is {n:03}")
        if name != NUMBER and (spec or conversion):
            raise ValueError(f"has a format in {{{name}}}: only a number has one, as {{n:03}}")
        if name not in known:
            places = listed(f"{{{one}}}" for one in sorted(known))
            raise ValueError(f"has the unknown placeholder {{{name}}}{did_you_mean(name, known)}; there are {places}")
        pieces.append(Piece(literal, name, int(width[1]) if width else 0))
    return Template(tuple(pieces))
