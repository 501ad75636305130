"""The values of a YAML text as they are written: scalars, lists and mappings with their places; nothing resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

LARGEST: Final = 200_000
"""How many values a config may hold, aliases counted each time that they are used."""


@dataclass(slots=True)
class RawScalar:
    """A scalar's text. ``plain`` says that it is unquoted, so that its type follows from its text."""

    text: str = field(repr=False)
    plain: bool
    tag: str | None
    line: int
    column: int


@dataclass(slots=True)
class RawList:
    """A list of values."""

    items: list[Raw]
    tag: str | None
    line: int
    column: int


@dataclass(slots=True)
class RawMapping:
    """A mapping's own entries, in order, and those that its merge keys bring in, the strongest first."""

    entries: list[tuple[Raw, Raw]]
    merged: list[tuple[Raw, Raw]]
    tag: str | None
    line: int
    column: int


Raw: TypeAlias = RawScalar | RawList | RawMapping
