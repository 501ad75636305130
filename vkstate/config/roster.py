"""A workshop's roster: a CSV file with a header, one person a line.

``user`` is required. ``email`` becomes the person's user_id, and is carried to the handout too; a column named as an
attribute overrides it for this person, an empty cell leaves it as it is, and the items of a list are separated by
``;``. Every other column is carried to the handout.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS, Json, Kind
from vkstate.config.places import ConfigError, Problems, Where, listed, looks_like_key, similar
from vkstate.config.scalars import resolve
from vkstate.config.source import read_text
from vkstate.config.tree import LOOKS_LIKE_KEY, Node, unfit

USER: Final = "user"
EMAIL: Final = "email"
_DELIMITERS: Final = ",;\t"
_ITEMS: Final = ";"
_OF_OBJECTS: Final = frozenset({"budget_limits", "allowed_vector_store_indexes"})
_NEAR: Final = 0.85
_ASK: Final = "name it {} if that is what is meant"
_ATTRIBUTES: Final = frozenset({*ATTRIBUTES, *EXPIRY_PATHS})
_KNOWN: Final = frozenset({USER, EMAIL, *_ATTRIBUTES})


@dataclass(frozen=True)
class Row:
    """One person of a roster: all cells by column, what they declare, and what is carried to the handout."""

    user: str
    where: Where
    cells: Mapping[str, str]
    declared: Node
    details: Mapping[str, str]


@dataclass(frozen=True)
class Roster:
    """A roster's columns and people; ``warnings`` are about columns that may not be what was meant."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()


def read_roster(path: Path, asked: Node, problems: Problems) -> Roster | None:
    """The people of a CSV file, or None where it cannot be used: then the problems say why.

    :param asked: the field of the config that names the file.
    """
    try:
        text = read_text(path, hint="")
    except ConfigError as error:
        shown = "the roster" if asked.tainted else str(path)
        for problem in error.problems:
            if problem.where.line:
                problems.add(problem.where, problem.sentence)
            else:
                problems.add(asked.where, f"{shown}: {problem.sentence}")
        return None
    return _Reader(str(path), problems).read(text)


@dataclass(frozen=True)
class _Reader:
    file: str
    problems: Problems

    def _at(self, line: int, column: str = "") -> Where:
        return Where(self.file, line, None, column)

    def read(self, text: str) -> Roster | None:
        records = self._records(text)
        line, header = next(records, (1, []))
        if not header:
            self.problems.add(self._at(1), "the roster is empty: its first line names the columns, one of them user")
            return None
        columns = tuple(name.strip() for name in header)
        if not self._check_columns(columns, line):
            return None
        rows: dict[str, Row] = {}
        seen = False
        for number, record in records:
            seen = True
            if row := self._row(columns, number, record):
                self._add(row, rows)
        if not seen:
            self.problems.add(self._at(line), "the roster names nobody: below its header there is no line")
        return Roster(columns, tuple(rows.values()), tuple(self._warnings(columns, line)))

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """The lines that hold anything, each with its number; a quoted cell may run over several."""
        first = next((line for line in text.splitlines() if line.strip()), "")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
        line = 1
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.problems.add(self._at(line), f"this is not CSV: {error}; mind the quotes")
                return
            if any(cell.strip() for cell in record):
                yield line, record
            line = reader.line_num + 1

    def _check_columns(self, columns: tuple[str, ...], line: int) -> bool:
        before = len(self.problems)
        for number, name in enumerate(columns, 1):
            if problem := self._column_problem(name, number, columns):
                self.problems.add(self._at(line), problem)
        if len(self.problems) == before and USER not in columns:
            found = listed((repr(name) for name in columns), "and")
            near = similar(USER, columns)
            guess = f"; should {near!r} be it?" if near else ""
            self.problems.add(self._at(line), f"there is no column named user, only {found}{guess}")
        return len(self.problems) == before

    def _column_problem(self, name: str, number: int, columns: tuple[str, ...]) -> str | None:
        if not name:
            return f"column {number} has no name"
        if looks_like_key(name):
            return f"column {number}: {LOOKS_LIKE_KEY}"
        if columns.index(name) != number - 1:
            return f"the column {name!r} is here twice"
        if name not in _KNOWN and name.casefold() in _KNOWN:
            return f"the column {name!r} is written {name.casefold()}"
        if name == EMAIL and "user_id" in columns:
            return "email and user_id both say what the user_id is: keep one of the columns"
        if (parent := name.partition(".")[0]) in ATTRIBUTES and not _fits_a_cell(name):
            return f"the column {name!r} cannot stand in a roster: give {parent} under overrides"
        return None

    def _warnings(self, columns: tuple[str, ...], line: int) -> Iterator[str]:
        for name in columns:
            near = max(sorted(_KNOWN), key=lambda known: _likeness(name, known))
            if name not in _KNOWN and _likeness(name, near) >= _NEAR:
                what = f"the column {name!r} is only carried to the handout"
                meant = f"did you mean {near}, which is here too?" if near in columns else _ASK.format(near)
                yield f"{self._at(line)}: {what}: {meant}"

    def _row(self, columns: tuple[str, ...], line: int, record: list[str]) -> Row | None:
        if len(record) != len(columns):
            self.problems.add(
                self._at(line), f"the number of cells here is {len(record)}, and that of columns {len(columns)}"
            )
            return None
        cells = {name: cell.strip() for name, cell in zip(columns, record, strict=True)}
        bad = {name: reason for name, cell in cells.items() if (reason := _cell_problem(cell))}
        for name, reason in bad.items():
            self.problems.add(self._at(line, name), reason)
        if not cells[USER]:
            self.problems.add(self._at(line, USER), "must not be empty")
        if bad or not cells[USER]:
            return None
        details = {name: cell for name, cell in cells.items() if cell and name not in _KNOWN - {EMAIL}}
        return Row(cells[USER], self._at(line), cells, self._declared(cells, line), details)

    def _declared(self, cells: Mapping[str, str], line: int) -> Node:
        children: dict[str | int, Node] = {}
        for column, cell in cells.items():
            name = "user_id" if column == EMAIL else column
            if cell and name in _ATTRIBUTES:
                children[name] = self._value(name, cell, self._at(line, column))
        return Node({str(name): child.value for name, child in children.items()}, self._at(line), children)

    def _value(self, name: str, cell: str, where: Where) -> Node:
        try:
            return Node(_typed(name, cell), where, text=cell)
        except ValueError as error:
            self.problems.add(where, str(error))
            return Node(None, where, broken=True)

    def _add(self, row: Row, rows: dict[str, Row]) -> None:
        if row.user in rows:
            first = rows[row.user].where.line
            self.problems.add(self._at(row.where.line or 1, USER), f"{row.user!r} is already in line {first}")
        else:
            rows[row.user] = row


def _likeness(name: str, known: str) -> float:
    """How much a column's name resembles one that means something, up to 1, which letters in another order are."""
    return 1.0 if sorted(name) == sorted(known) else SequenceMatcher(None, name, known).ratio()


def _delimiter(header: str) -> str:
    """The delimiter by which the header has a column ``user``, or else the most columns."""
    columns = {mark: [name.strip(' "').casefold() for name in header.split(mark)] for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: (USER in columns[mark], len(columns[mark])))


def _fits_a_cell(name: str) -> bool:
    attribute = ATTRIBUTES.get(name)
    return attribute is not None and attribute.kind not in (Kind.OBJECT, Kind.OPEN) and name not in _OF_OBJECTS


def _cell_problem(cell: str) -> str | None:
    return LOOKS_LIKE_KEY if looks_like_key(cell) else unfit(cell)


def _typed(name: str, cell: str) -> Json:
    kind = ATTRIBUTES[name].kind if name in ATTRIBUTES else Kind.STRING
    match kind:
        case Kind.SET | Kind.LIST:
            return [item.strip() for item in cell.split(_ITEMS) if item.strip()]
        case Kind.STRING:
            return cell
        case _:
            return resolve(cell)
