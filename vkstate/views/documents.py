"""What all JSON of vkstate has in common: its text, its version, and how values are written.

Attribute values are given by flat path (``metadata.cost_center``). A field that is missing was not declared; null was
declared as nothing; ``{"$sensitive": true}`` stands for every value that is not shown. Instants are RFC 3339 in UTC,
amounts US dollars. The text is ASCII, so that no terminal is moved by what a proxy answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from vkstate.attributes import Json, Sealed, Sensitive, Value
from vkstate.errors import VkstateError
from vkstate.expiry import format_instant
from vkstate.keys import RecordedKey

FORMAT_VERSION: Final = 1
"""Of every document; raised only when a field changes its meaning or goes."""


def dumped(document: Mapping[str, Json]) -> str:
    """One document as indented JSON, ending in a newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def line(event: Mapping[str, Json]) -> str:
    """One event as one line of JSON, ending in a newline."""
    return json.dumps(event, separators=(",", ":"), allow_nan=False) + "\n"


def value_document(value: Value) -> Json:
    """A value as it may be shown: a sensitive one is not even told by its digest."""
    return {"$sensitive": True} if isinstance(value, Sensitive | Sealed) else value


def values_document(values: Mapping[str, Value]) -> dict[str, Json]:
    """Values by flat path, in the order of their paths."""
    return {path: value_document(values[path]) for path in sorted(values)}


def retired_document(record: RecordedKey) -> dict[str, Json]:
    """Which key took the place of a retired one, and until when the retired one works; null where it is not known."""
    retired = record.retired
    ends = retired.delete_after if retired is not None else None
    return {
        "successor": retired.successor if retired is not None else None,
        "delete_after": None if ends is None else format_instant(ends),
    }


def error_document(error: VkstateError) -> dict[str, Json]:
    """An error that ended a command: the same three parts as in the text, and the exit code."""
    return {
        "type": "error",
        "format_version": FORMAT_VERSION,
        "summary": error.summary,
        "detail": error.detail,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
