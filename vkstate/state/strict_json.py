"""JSON read without mercy: what Python's own parser lets pass (a name twice, NaN, infinity) is a fault here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import Enum, auto
from math import isfinite
from typing import Final

from vkstate.attributes import Json

_CONFLICT: Final = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?:[ \r]|$)", re.MULTILINE)


class Flaw(Enum):
    """What is wrong with a text that is not strict JSON."""

    CUT_SHORT = auto()
    """It ends in the middle."""
    SYNTAX = auto()
    TWICE = auto()
    """A name stands twice in one object."""
    NUMBER = auto()
    """A number that JSON has no form for, or that no computer can hold."""
    DEPTH = auto()
    """Nested deeper than anything that vkstate writes."""


class NotStrictJson(ValueError):
    """The text is not strict JSON. Never quotes the text, except for ``name``: the name that stands twice.

    ``line`` and ``column`` count from 1; None where the flaw has no single place.
    """

    def __init__(self, flaw: Flaw, *, line: int | None = None, column: int | None = None, name: str = "") -> None:
        super().__init__(flaw.name)
        self.flaw = flaw
        self.line = line
        self.column = column
        self.name = name


class _Twice(ValueError):
    """Raised inside the parser, to leave it."""


class _BadNumber(ValueError):
    """Raised inside the parser, to leave it."""


def load_strictly(text: str) -> Json:
    """The value that a strict JSON text stands for.

    :raises NotStrictJson: raised apart from the parser's own error, which carries the whole text.
    """
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        fault = NotStrictJson(Flaw.CUT_SHORT if cut else Flaw.SYNTAX, line=error.lineno, column=error.colno)
    except _Twice as error:
        fault = NotStrictJson(Flaw.TWICE, name=str(error))
    except _BadNumber:
        fault = NotStrictJson(Flaw.NUMBER)
    except RecursionError:
        fault = NotStrictJson(Flaw.DEPTH)
    else:
        return value
    raise fault


def conflict_line(text: str) -> int | None:
    """The line of the first of git's conflict markers in a text, from 1; None where there is none."""
    marker = _CONFLICT.search(text)
    return text.count("\n", 0, marker.start()) + 1 if marker else None


def _object(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Twice(name)
            seen.add(name)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _BadNumber
    return number


def _whole(text: str) -> int:
    _finite(text)  # what no float can hold is no limit or amount, and more digits than Python is willing to convert
    return int(text)


def _no_constant(_name: str) -> float:
    raise _BadNumber
