"""The key values that ``vkstate import --values`` brings along, from a CSV file."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from vkstate.errors import VkstateError
from vkstate.keys import Alias, KeyValue, Token

_COLUMN: Final = "key"
_DELIMITERS: Final = ",;\t"
_WELL_FORMED: Final = re.compile(r"sk-[!-~]+")
_MASKED: Final = re.compile(r"sk-\.\.\..{0,8}")
_MOST_NAMED: Final = 10


class ValuesUnreadable(VkstateError):
    """``--values`` names no file of key values. Never quotes what stands in it."""

    summary: ClassVar[str] = "the key values cannot be read"


@dataclass(frozen=True)
class Values:
    """The key values of a file, by token: they tell by themselves whose they are."""

    file: Path
    by_token: Mapping[Token, KeyValue]

    def of(self, tokens: Mapping[Token, Alias]) -> dict[Alias, KeyValue]:
        """The values of these keys, as far as the file has them."""
        return {alias: self.by_token[token] for token, alias in tokens.items() if token in self.by_token}

    def strangers(self, tokens: Collection[Token]) -> int:
        """How many values belong to none of these keys."""
        return len(self.by_token.keys() - set(tokens))


def read_values(path: Path) -> Values:
    """The values in the column ``key`` of a CSV file with a header; other columns, and rows without a value, do not
    count.

    :raises ValuesUnreadable: it cannot be read, is no such CSV, or holds something else than key values.
    """
    try:
        data = path.read_bytes()  # be it a pipe, so that the values need not lie anywhere
    except OSError as error:
        raise ValuesUnreadable(f"{path}: {(error.strerror or 'it fails').lower()}.", hint="correct --values") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, [f"line {line}: this is not UTF-8"]) from None
    faults: list[str] = []
    found = list(_values(text, faults))
    if faults:
        raise _unreadable(path, faults)
    return Values(path, {value.token: value for value in found})


def _unreadable(path: Path, faults: list[str]) -> ValuesUnreadable:
    more = [f"And {len(faults) - _MOST_NAMED} more lines."] if len(faults) > _MOST_NAMED else []
    lines = [f"{path}, {fault}." for fault in faults[:_MOST_NAMED]]
    return ValuesUnreadable(
        "\n".join([*lines, *more]),
        hint=f"correct {shlex.quote(str(path))}: a header that names a column key, and one key value a line below it",
    )


def _values(text: str, faults: list[str]) -> Iterator[KeyValue]:
    records = _records(text, faults)
    line, header = next(records, (1, []))
    columns = [name.strip().casefold() for name in header]
    if columns.count(_COLUMN) != 1:
        if not faults:
            faults.append(f"line {line}: the header names no column key, or names it twice")
        return
    place = columns.index(_COLUMN)
    for number, record in records:
        cell = record[place].strip() if place < len(record) else ""
        if len(record) != len(columns):
            faults.append(f"line {number}: there are {len(record)} cells, and {len(columns)} columns")
        elif _MASKED.fullmatch(cell):
            faults.append(f"line {number}: the key value is masked; have it written in full")
        elif cell and not _WELL_FORMED.fullmatch(cell):
            faults.append(f"line {number}: the cell under key holds no key value, which begins with sk-")
        elif cell:
            yield KeyValue(cell)


def _records(text: str, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold anything, each with its number; a quoted cell may run over several."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
    line = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            faults.append(f"line {line}: this is not CSV; mind the quotes")
            return
        if any(cell.strip() for cell in record):
            yield line, record
        line = reader.line_num + 1


def _delimiter(header: str) -> str:
    """The delimiter by which the header has a column ``key``."""
    columns = {mark: [name.strip(' "').casefold() for name in header.split(mark)] for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: _COLUMN in columns[mark])
