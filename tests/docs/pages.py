"""The pages that people read, and the blocks that they are made of.

Marks in a page, each an HTML comment on a line of its own, in the line above a fenced block or by itself:

``generated: NAME``     the block is written by :mod:`tests.docs.reference`, up to ``end generated``
``file: NAME``          the block is written to the scenario's directory as this file
``new directory``       what follows runs in an empty directory
``run: COMMAND``        runs, and is not shown
``clock: INSTANT``      from here on it is this time, and time goes on from there
``not run: WHY``        the block is only shown
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_MARK: Final = re.compile(r"<!-- (.+?) -->\s*")
_FENCE: Final = re.compile(r"(`{3,})([a-z]*)\s*")


def pages() -> list[Path]:
    """Every page, from the first that is read."""
    return [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    ]


@dataclass(frozen=True)
class Block:
    """A mark, or a fenced block with the mark right above it. ``start`` and ``end`` are line indices of the content."""

    mark: str
    language: str
    lines: tuple[str, ...]
    start: int
    end: int

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def blocks(text: str) -> Iterator[Block]:
    """The marks and fenced blocks of a page, in order; a mark in the line above a fence belongs to it."""
    lines = text.splitlines()
    mark = ""
    number = 0
    while number < len(lines):
        line = lines[number]
        if found := _FENCE.fullmatch(line):
            start = number + 1
            end = next(n for n in range(start, len(lines)) if lines[n].rstrip() == found[1])
            yield Block(mark, found[2], tuple(lines[start:end]), start, end)
            mark, number = "", end + 1
            continue
        if mark:
            yield Block(mark, "", (), number, number)
            mark = ""
        if found := _MARK.fullmatch(line):
            mark = found[1]
        number += 1
    if mark:
        yield Block(mark, "", (), number, number)


def block_under(page: Path, mark: str) -> Block:
    """The one fenced block of a page that stands under a mark."""
    (block,) = [block for block in blocks(page.read_text(encoding="utf-8")) if block.mark == mark]
    return block
