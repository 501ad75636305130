"""What all models of the config share: strictness, and how a field's own check says what is wrong."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from vkstate.expiry import NEVER, format_instant, parse_duration, parse_instant

CUSTOM: Final = "vkstate"
"""The type of the errors that :func:`wrong` makes."""


class Strict(BaseModel):
    """A mapping of the config: no unknown fields, no conversion between types, no value in an error's text."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        defer_build=True,
    )


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names that they have in the config: some of those mean something in Python."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def wrong(sentence: str, *, discreet: str | None = None) -> PydanticCustomError:
    """A field's error. ``discreet`` is the sentence for a value that must not be repeated."""
    return PydanticCustomError(CUSTOM, "{sentence}", {"sentence": sentence, "discreet": discreet or sentence})


def _named(text: str) -> str:
    if not text.strip():
        raise wrong("must not be empty")
    return text


Name = Annotated[str, AfterValidator(_named)]
"""A text that is not blank."""

NameAsWritten = Annotated[
    str, AfterValidator(_named), WithJsonSchema({"title": "Name", "type": ["string", "number", "boolean"]})
]
"""A name that is not blank, and a text whatever it looks like: see :func:`vkstate.config.tree.as_written`."""


def _text_of(value: object) -> object:
    """A bare number as its text, so that ``duration: 30`` is told which unit it lacks."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        raise wrong(
            str(error),
            discreet="is not a duration: write one whole number and one unit of s, m, h, d or w, such as 30d",
        ) from None
    return text


def _duration_or_never(text: str) -> str:
    return text if text == NEVER else _duration(text)


def _instant(text: str) -> str:
    try:
        return format_instant(parse_instant(text))
    except ValueError as error:
        raise wrong(str(error), discreet="is not an instant: write it as 2026-12-01T18:00:00+01:00") from None


_BUDGET_UNITS: Final = "one whole number and one unit of s, m, h or d, such as 30d, or 1mo for a calendar month"


def _budget_duration(text: str) -> str:
    if text == "1mo":
        return text
    instead = {"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "1mo", "yearly": "365d"}.get(text.casefold())
    discreet = f"is not a period: write {_BUDGET_UNITS}"
    if instead:
        raise wrong(f"{text!r} is not understood by every LiteLLM: write {instead}", discreet=discreet)
    if text[-2:] == "mo":
        raise wrong(f"{text!r} is refused by LiteLLM, which takes 1mo only: write days instead", discreet=discreet)
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise wrong(f"{text!r} is not a period: write {_BUDGET_UNITS}", discreet=discreet) from None
    if text[-1] == "w":
        days = seconds // 86_400
        raise wrong(f"{text!r} is read as one day by some versions of LiteLLM: write {days}d", discreet=discreet)
    return text


def _moment(text: str) -> str:
    _instant(text)
    return text


def _texts(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


Duration = Annotated[str, BeforeValidator(_text_of), AfterValidator(_duration), _texts(r"^[0-9]+[smhdw]$")]
"""One whole number and one unit of ``s m h d w``."""

DurationOrNever = Annotated[
    str, BeforeValidator(_text_of), AfterValidator(_duration_or_never), _texts(r"^([0-9]+[smhdw]|never)$")
]
Instant = Annotated[str, AfterValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""An RFC 3339 timestamp with a time zone; in canonical form (UTC) once validated."""

Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""The same, left in the zone in which it is written."""

BudgetDuration = Annotated[
    str, BeforeValidator(_text_of), AfterValidator(_budget_duration), _texts(r"^([0-9]+[smhd]|1mo)$")
]
"""How often a budget starts anew: what LiteLLM 1.72 to 1.105 all read alike.

1.80 takes any other text, ``1w`` included, for one day; 1.105 refuses ``2mo`` (``/key/generate``).
"""
