"""The types of plain scalars by the core schema of YAML 1.2: ``no``, ``on`` and ``1:20`` are texts."""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER: Final = 300
_NUMERIC_START: Final = frozenset("-+.0123456789")


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    :raises ValueError: it is a number that JSON cannot hold, or that is absurdly long; with a sentence.
    """
    if text in NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    return _number(text) if text[0] in _NUMERIC_START else text


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        _check_length(text)
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        _check_length(text)
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
        raise ValueError("the number is too large")
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("infinity and not-a-number are not numbers that LiteLLM takes")
    return text


def _check_length(text: str) -> None:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("the number is too large")
