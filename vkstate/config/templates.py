"""``alias_template`` and ``user_id_template``: texts with ``{placeholders}``; a literal brace is written twice."""

from __future__ import annotations

import string
from collections.abc import Mapping, Set
from dataclasses import dataclass

from vkstate.config.places import did_you_mean, listed


@dataclass(frozen=True)
class Template:
    """Literal pieces, each with the placeholder that follows it, if any."""

    pieces: tuple[tuple[str, str | None], ...]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders."""
        return frozenset(name for _, name in self.pieces if name is not None)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each placeholder replaced; every name has a value."""
        return "".join(text + (values[name] if name is not None else "") for text, name in self.pieces)


def parse_template(text: str, known: Set[str]) -> Template:
    """The template that a text means.

    :param known: the placeholders that it may hold.
    :raises ValueError: it holds another one, or an unmatched brace; with a sentence.
    """
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError("has an unmatched brace: a placeholder is {name}, a literal brace is written twice") from None
    pieces: list[tuple[str, str | None]] = []
    for literal, name, spec, conversion in parsed:
        if name is None:
            pieces.append((literal, None))
            continue
        if spec or conversion:
            raise ValueError(f"has a format in {{{name}}}: a placeholder is only a name in braces")
        if name not in known:
            places = listed(f"{{{one}}}" for one in sorted(known))
            raise ValueError(f"has the unknown placeholder {{{name}}}{did_you_mean(name, known)}; there are {places}")
        pieces.append((literal, name))
    return Template(tuple(pieces))
