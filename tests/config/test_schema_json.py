"""``vkstate schema``: a JSON Schema that an editor can use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS, Json
from vkstate.config.schema_json import json_schema
from vkstate.config.sentences import SECTIONS

SCHEMA = json_schema()


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _properties(name: str) -> dict[str, dict[str, Json]]:
    definitions = cast("dict[str, dict[str, dict[str, dict[str, Json]]]]", SCHEMA["$defs"])
    return definitions[name]["properties"]


def test_the_document() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:vkstate:config"
    assert SCHEMA["title"] == "vkstate config"
    assert SCHEMA["required"] == ["proxy"]
    assert cast("dict[str, Json]", SCHEMA["properties"]).keys() == SECTIONS


def test_every_mapping_with_fields_is_closed_and_every_field_is_described() -> None:
    with_fields = [one for one in _objects(SCHEMA) if one.get("type") == "object" and "properties" in one]

    assert len(with_fields) == 16
    assert [one["title"] for one in with_fields if one.get("additionalProperties") is not False] == []
    undescribed = [
        name
        for one in with_fields
        for name, field in cast("dict[str, dict[str, Json]]", one["properties"]).items()
        if "description" not in field and "$ref" not in field
    ]
    assert undescribed == []


def test_the_fields_of_a_key_are_the_attributes() -> None:
    assert _properties("Key").keys() == {*ATTRIBUTES, *EXPIRY_PATHS, "lifecycle"}


def test_a_number_a_flag_or_a_limited_text_may_be_interpolated() -> None:
    reference: Json = {"type": "string", "pattern": r"\$\{"}

    assert _properties("Proxy")["retries"] == {
        "title": "Retries",
        "description": "How often to repeat a request that is safe to repeat.",
        "default": 3,
        "anyOf": [{"maximum": 20, "minimum": 0, "type": "integer"}, reference],
    }
    assert _properties("Key")["blocked"] == {
        "title": "Blocked",
        "description": "Whether the key is refused for the time being.",
        "anyOf": [{"anyOf": [{"type": "boolean"}, reference]}, {"type": "null"}],
    }
    assert _properties("Key")["duration"]["anyOf"] == [
        {"pattern": "^([0-9]+[smhdw]|never)$", "type": "string"},
        reference,
    ]


def test_names_may_be_numbers_and_flags_as_they_are_written() -> None:
    name: Json = {"title": "Name", "type": ["string", "number", "boolean"]}

    assert _properties("Workshop")["members"]["anyOf"] == [{"items": name, "type": "array"}, {"type": "null"}]
    assert cast("dict[str, dict[str, Json]]", SCHEMA["properties"])["import"]["anyOf"] == [
        {"items": name, "type": "array"},
        {"type": "null"},
    ]
    assert _properties("Moved").keys() == {"from", "to"}


def test_nothing_is_the_default_of_a_protection() -> None:
    assert "default" not in _properties("Lifecycle")["prevent_destroy"]
    assert _properties("Lifecycle")["on_missing"]["default"] == "recreate"
    assert {name: field["default"] for name, field in _properties("Safety").items()} == {
        "max_delete_percent": 30,
        "min_keys": 10,
    }


def test_every_number_and_flag_stands_beside_a_reference() -> None:
    alone = [
        one
        for one in _objects(SCHEMA)
        if "anyOf" not in one
        and any(
            isinstance(inner, dict) and inner.get("type") in ("number", "integer", "boolean") for inner in one.values()
        )
    ]

    assert alone == []
