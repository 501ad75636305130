"""Parsers for the values of a body or a query, with the answers of FastAPI's 422 (pydantic 2, lax mode).

A parser takes a value and its place and returns the value as LiteLLM keeps it, or raises :class:`InvalidError` with
every complaint it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from vkstate.sandbox.jsons import Json, Object

Loc: TypeAlias = tuple[str | int, ...]
Parser: TypeAlias = Callable[[Json, Loc], Json]

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


class InvalidError(Exception):
    """A 422: FastAPI's list of complaints, each with type, place and sentence (LiteLLM 1.105 leaves the input out)."""

    def __init__(self, *complaints: Json) -> None:
        super().__init__()
        self.complaints: list[Json] = list(complaints)


def complaint(kind: str, loc: Loc, sentence: str) -> InvalidError:
    """One complaint."""
    return InvalidError({"type": kind, "loc": list(loc), "msg": sentence})


def text(value: Json, loc: Loc) -> Json:
    """A string; nothing is converted into one."""
    if not isinstance(value, str):
        raise complaint("string_type", loc, "Input should be a valid string")
    return value


def boolean(value: Json, loc: Loc) -> Json:
    """A boolean, or a number or word that stands for one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        word = value.lower() if isinstance(value, str) else f"{value:g}"
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise complaint("bool_parsing", loc, "Input should be a valid boolean, unable to interpret input")
    raise complaint("bool_type", loc, "Input should be a valid boolean")


def integer(value: Json, loc: Loc) -> Json:
    """A whole number, or a string or float that is one."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value // 1:
            raise complaint(
                "int_from_float", loc, "Input should be a valid integer, got a number with a fractional part"
            )
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise complaint(
                "int_parsing", loc, "Input should be a valid integer, unable to parse string as an integer"
            ) from None
    raise complaint("int_type", loc, "Input should be a valid integer")


def positive(value: Json, loc: Loc) -> Json:
    """A whole number above zero."""
    parsed = integer(value, loc)
    if isinstance(parsed, int) and parsed <= 0:
        raise complaint("greater_than", loc, "Input should be greater than 0")
    return parsed


def within(low: int, high: int | None = None) -> Parser:
    """A whole number from ``low`` to ``high``."""

    def parse(value: Json, loc: Loc) -> Json:
        parsed = integer(value, loc)
        if isinstance(parsed, int) and parsed < low:
            raise complaint("greater_than_equal", loc, f"Input should be greater than or equal to {low}")
        if isinstance(parsed, int) and high is not None and parsed > high:
            raise complaint("less_than_equal", loc, f"Input should be less than or equal to {high}")
        return parsed

    return parse


def number(value: Json, loc: Loc) -> Json:
    """A number as a float, or a string that is one."""
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise complaint(
                "float_parsing", loc, "Input should be a valid number, unable to parse string as a number"
            ) from None
    raise complaint("float_type", loc, "Input should be a valid number")


def instant(value: Json, loc: Loc) -> Json:
    """An ISO 8601 date and time, kept as Python writes it."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise complaint("datetime_from_date_parsing", loc, "Input should be a valid datetime or date, input is too short")


def mapping(value: Json, loc: Loc) -> Json:
    """An object with any content."""
    return _object(value, loc)


def sequence(value: Json, loc: Loc) -> Json:
    """A list with any content."""
    return _list(value, loc)


def mapping_of(parser: Parser) -> Parser:
    """An object whose values ``parser`` takes."""

    def parse(value: Json, loc: Loc) -> Json:
        found = _object(value, loc)
        return dict(zip(found, _each((((*loc, name), item, parser) for name, item in found.items())), strict=True))

    return parse


def sequence_of(parser: Parser) -> Parser:
    """A list whose items ``parser`` takes."""

    def parse(value: Json, loc: Loc) -> Json:
        return _each(((*loc, place), item, parser) for place, item in enumerate(_list(value, loc)))

    return parse


def one_of(kind: str, *choices: str) -> Parser:
    """One of the given words; ``kind`` is what pydantic calls the complaint (``enum`` or ``literal_error``)."""
    quoted = [f"'{choice}'" for choice in choices]
    sentence = f"Input should be {', '.join(quoted[:-1])} or {quoted[-1]}"

    def parse(value: Json, loc: Loc) -> Json:
        if value not in choices:
            raise complaint(kind, loc, sentence)
        return value

    return parse


def model(optional: Mapping[str, Parser], required: Mapping[str, Parser] | None = None) -> Parser:
    """An object with known fields: those that were sent, in the order of the fields; others are dropped."""

    def parse(value: Json, loc: Loc) -> Json:
        if not isinstance(value, dict):
            sentence = "Input should be a valid dictionary or object to extract fields from"
            raise complaint("model_attributes_type", loc, sentence)
        return fields(value, optional, required, loc)

    return parse


def fields(
    values: Mapping[str, Json], optional: Mapping[str, Parser], required: Mapping[str, Parser] | None, loc: Loc
) -> Object:
    """The known fields of ``values``; an optional one may be null. Raises InvalidError with all complaints at once."""
    needed = required or {}
    parsers = {name: _present(parser) for name, parser in needed.items()}
    parsers |= {name: _nullable(parser) for name, parser in optional.items() if name in values}
    items = _each((((*loc, name), values.get(name, _MISSING), parser) for name, parser in parsers.items()))
    return dict(zip(parsers, items, strict=True))


_MISSING: Object = {}
"""Stands for a value that was not sent; told from one that was by identity."""


def _present(parser: Parser) -> Parser:
    def parse(value: Json, loc: Loc) -> Json:
        if value is _MISSING:
            raise complaint("missing", loc, "Field required")
        return parser(value, loc)

    return parse


def _nullable(parser: Parser) -> Parser:
    return lambda value, loc: None if value is None else parser(value, loc)


def _each(items: Iterable[tuple[Loc, Json, Parser]]) -> list[Json]:
    parsed: list[Json] = []
    complaints: list[Json] = []
    for loc, value, parser in items:
        try:
            parsed.append(parser(value, loc))
        except InvalidError as error:
            complaints.extend(error.complaints)
    if complaints:
        raise InvalidError(*complaints)
    return parsed


def _object(value: Json, loc: Loc) -> Object:
    if not isinstance(value, dict):
        raise complaint("dict_type", loc, "Input should be a valid dictionary")
    return value


def _list(value: Json, loc: Loc) -> list[Json]:
    if not isinstance(value, list):
        raise complaint("list_type", loc, "Input should be a valid list")
    return value
