"""The key values that ``vkstate import --values`` brings along: from a CSV file, or from what vkstate itself wrote."""

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
from vkstate.state.strict_json import NotStrictJson, load_strictly

_COLUMN: Final = "key"
_DELIMITERS: Final = ",;\t"
_WELL_FORMED: Final = re.compile(r"sk-[!-~]+")
_MASKED: Final = re.compile(r"sk-\.\.\..{0,8}")
_MOST_NAMED: Final = 10
_TABLE: Final = "a header that names a column key, and one key value a line below it"
_DOCUMENT: Final = "the JSON that vkstate output --reveal or vkstate apply --secrets-out writes, whole"


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
    """The values in the column ``key`` of a CSV file with a header, or those of a JSON document in the shape of
    ``vkstate output``; other columns and fields, and keys without a value, do not count.

    :raises ValuesUnreadable: it cannot be read, is neither of both, or holds something else than key values.
    """
    try:
        data = path.read_bytes()  # be it a pipe, so that the values need not lie anywhere
    except OSError as error:
        raise ValuesUnreadable(f"{path}: {(error.strerror or 'it fails').lower()}.", hint="correct --values") from None
    faults: list[str] = []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, [f"line {line}: this is not UTF-8"], _TABLE) from None
    is_document = text.lstrip().startswith("{")
    found = list((_of_document if is_document else _of_table)(text, faults))
    if faults:
        raise _unreadable(path, faults, _DOCUMENT if is_document else _TABLE)
    return Values(path, {value.token: value for value in found})


def _unreadable(path: Path, faults: list[str], form: str) -> ValuesUnreadable:
    more = [f"And {len(faults) - _MOST_NAMED} more lines."] if len(faults) > _MOST_NAMED else []
    lines = [f"{path}, {fault}." for fault in faults[:_MOST_NAMED]]
    return ValuesUnreadable("\n".join([*lines, *more]), hint=f"correct {shlex.quote(str(path))}: {form}")


def _of_document(text: str, faults: list[str]) -> Iterator[KeyValue]:
    try:
        document = load_strictly(text)
    except NotStrictJson:
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        faults.append("line 1: this is no JSON that vkstate has written")
        return
    for number, entry in enumerate(keys, start=1):
        value = entry.get("key") if isinstance(entry, dict) else ""
        if value is not None:
            yield from _value(value if isinstance(value, str) else "", f"entry {number}: the text under key", faults)


def _of_table(text: str, faults: list[str]) -> Iterator[KeyValue]:
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
        elif cell:
            yield from _value(cell, f"line {number}: the cell under key", faults)


def _value(text: str, where: str, faults: list[str]) -> Iterator[KeyValue]:
    """The key value that stands there, if it is one."""
    if _MASKED.fullmatch(text):
        faults.append(f"{where} is masked; have it written in full")
    elif _WELL_FORMED.fullmatch(text):
        yield KeyValue(text)
    else:
        faults.append(f"{where} holds no key value, which begins with sk-")


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
