"""The JSON Schema of a config, by which editors complete and check."""

from __future__ import annotations

from typing import Final, TypeAlias

from vkstate.attributes import Json
from vkstate.config.schema.document import Document

SCHEMA_ID: Final = "urn:vkstate:config"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INTERPOLATED: Final[dict[str, Json]] = {"type": "string", "pattern": r"\$\{"}
_NOT_TEXT: Final = frozenset({"number", "integer", "boolean"})
_LIMITING: Final = frozenset({"enum", "const", "pattern", "format"})

Schema: TypeAlias = dict[str, Json]


def json_schema() -> Schema:
    """The schema (draft 2020-12) that ``vkstate schema`` prints.

    It tells what an editor can check; what needs the whole config, such as an alias that is given twice, only
    ``vkstate validate`` finds. Wherever a number, a flag or a limited text may stand, ``${env.…}`` and ``${var.…}`` may
    stand too.
    """
    schema: Schema = {"$schema": _DIALECT, "$id": SCHEMA_ID}
    schema.update(Document.model_json_schema(by_alias=True))
    schema["title"] = "vkstate config"
    return _schema(schema)


def _schema(schema: Schema) -> Schema:
    """One schema and all within it, in which interpolation is allowed, and without defaults that only mean "unset"."""
    done: Schema = {}
    for word, value in schema.items():
        if word in ("properties", "$defs", "patternProperties") and isinstance(value, dict):
            done[word] = {name: _inner(inner) for name, inner in value.items()}
        elif word == "default" and value in (None, ""):
            continue
        elif word == "description" and isinstance(value, str):
            done[word] = " ".join(value.split())
        else:
            done[word] = _inner(value)
    if _is_limited(done):
        return _or_interpolated(done)
    return done


def _inner(value: Json) -> Json:
    if isinstance(value, dict):
        return _schema(value)
    return [_inner(item) for item in value] if isinstance(value, list) else value


def _is_limited(schema: Schema) -> bool:
    kind = schema.get("type")
    return isinstance(kind, str) and (kind in _NOT_TEXT or (kind == "string" and not _LIMITING.isdisjoint(schema)))


def _or_interpolated(schema: Schema) -> Schema:
    """The schema, or a text with a reference in it; what describes the field stays outside of the alternative."""
    about = {word: schema[word] for word in ("title", "description", "default") if word in schema}
    rest: Json = {word: value for word, value in schema.items() if word not in about}
    return about | {"anyOf": [rest, dict(_INTERPOLATED)]}
