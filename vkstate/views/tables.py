"""Columns of text that fit a terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Final

GAP: Final = 2
"""Blank columns between two cells."""
NARROWEST: Final = 8
"""How far a column gives way at most."""
UNCUT: Final = sys.maxsize
"""The width of a table that goes into a file or a pipe, where nothing need be cut."""


def cells(text: str) -> int:
    """The terminal columns that a text takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clipped(text: str, room: int) -> str:
    """A text cut to so many terminal columns, with an ellipsis where something is missing."""
    if cells(text) <= room:
        return text
    kept = 0
    for column in accumulate(map(_cells_of, text)):
        if column > room - 1:
            break
        kept += 1
    return text[:kept] + "…"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    yielding: Sequence[int] = (),
    indent: int = 2,
    right: Collection[int] = (),
    optional: Collection[int] = (),
) -> tuple[str, ...]:
    """Lines of aligned columns under their header.

    :param width: terminal columns that a line may take. Columns that do not yield are never cut, so it may take more.
    :param yielding: the columns that may be cut where the width does not suffice, the first of them first.
    :param right: the columns of figures, which end under each other.
    :param optional: the columns that are left out where no row has anything in them.
    """
    kept = [column for column in range(len(header)) if column not in optional or any(row[column] for row in rows)]
    sizes = {column: max(cells(row[column]) for row in (header, *rows)) for column in kept}
    excess = indent + sum(sizes.values()) + GAP * (len(sizes) - 1) - width
    for column in yielding:
        given = max(0, min(excess, sizes[column] - max(NARROWEST, cells(header[column]))))
        sizes[column] -= given
        excess -= given
    return tuple(_line(row, sizes, indent, right) for row in (header, *rows))


def _line(row: Sequence[str], sizes: Mapping[int, int], indent: int, right: Collection[int]) -> str:
    padded: list[str] = []
    for column, size in sizes.items():
        shown = clipped(row[column], size)
        blank = " " * (size - cells(shown))
        padded.append(blank + shown if column in right else shown + blank)
    return (" " * indent + (" " * GAP).join(padded)).rstrip()
