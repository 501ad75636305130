"""Values in the one form in which they are compared, shown, recorded and sent. Pure.

Values are compared in canonical form only: see :func:`canonical`. What is sensitive is sealed before it is stored.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping

from vkstate.attributes import (
    ALL_MODELS,
    ALL_TEAM_MODELS,
    ATTRIBUTES,
    Json,
    Kind,
    Sealed,
    Sensitive,
    Unset,
    Value,
    attribute_of,
)


def canonical(name: str, value: Json) -> Json:
    """A value in the one form in which values are compared, shown and recorded.

    Sets are sorted and without repetitions, whole floats are integers, an absent list or object is empty, a false or
    absent flag is False, an empty string is null, ``budget_limits`` carries no server-made ``reset_at``,
    ``router_settings`` no null, which LiteLLM leaves out, and the ``key_type`` that every key has otherwise is null.

    :param name: the attribute's LiteLLM name; a name that is not in the table is compared as JSON.
    """
    attribute = ATTRIBUTES.get(name)
    if attribute is None:
        return _plain(value)
    if value is None or value == "" or (name == "key_type" and value == "default"):
        return attribute.empty
    match attribute.kind:
        case Kind.SET if isinstance(value, list):
            return list[Json](sorted({str(item) for item in value}))
        case Kind.LIST if name == "budget_limits" and isinstance(value, list):
            return [_plain(_without_reset(item)) for item in value]
        case Kind.OBJECT if name == "router_settings" and isinstance(value, dict):
            return _plain({key: item for key, item in value.items() if item is not None})
        case _:
            return _plain(value)


def is_clear(path: str, value: Json) -> bool:
    """Whether a canonical value at a path is what is there once the attribute is cleared.

    A key of ``metadata`` goes, so that no value is; other open objects keep an empty value there.
    """
    attribute = attribute_of(path)
    if attribute is None or attribute.name == "metadata":
        return False
    if attribute.kind is Kind.OPEN:
        return value is None or value is False or value in ("", [], {})
    return same(value, attribute.empty) or (attribute.name == "models" and value in ([ALL_MODELS], [ALL_TEAM_MODELS]))


def _without_reset(item: Json) -> Json:
    return {key: value for key, value in item.items() if key != "reset_at"} if isinstance(item, dict) else item


def _plain(value: Json) -> Json:
    """JSON with whole floats as integers and object keys in order, so that equal values are written alike.

    A number that JSON has no form for, or that no float can hold, is a text: it is shown and compared, and never
    reckoned with.
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if -sys.float_info.max <= value <= sys.float_info.max else str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return value


def same(one: Value | Unset, other: Value | Unset) -> bool:
    """Whether two canonical values are equal as JSON: unlike Python's ``==``, true is not 1 and false is not 0.

    Of a number that is not whole the first twelve digits count: LiteLLM's database gives back an amount with its last
    digit off by one (310137.5916428415 for 310137.59164284146, 1.72 to 1.105).
    """
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) or isinstance(other, float):
        return _is_close(one, other)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_close(one: Value | Unset, other: Value | Unset) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    try:
        return math.isclose(one, other, rel_tol=1e-12)
    except OverflowError:  # a whole number beyond every float
        return False


def flatten(name: str, value: Json) -> dict[str, Json]:
    """An attribute's value by flat path, canonical: one path, or for an open object one path a key."""
    attribute = ATTRIBUTES.get(name)
    if attribute is not None and attribute.kind is Kind.OPEN:
        form = permission if name == "object_permission" else _part
        return {f"{name}.{key}": form(key, item) for key, item in value.items()} if isinstance(value, dict) else {}
    return {name: canonical(name, value)}


def _part(_key: str, value: Json) -> Json:
    return _plain(value)


def permission(key: str, value: Json = None) -> Json:
    """A part of ``object_permission`` in canonical form; of null, what clears it.

    All parts but two are lists of names whose order means nothing. LiteLLM merges the object and ignores null in it
    (1.72 to 1.105), so that a part is cleared by what is empty.
    """
    match key, value:
        case "mcp_tool_search_enabled", None | "":
            return False
        case "mcp_tool_permissions", None | "":
            return {}
        case _, None | "":
            return []
        case _, list() if all(isinstance(item, str) for item in value):
            return list[Json](sorted({str(item) for item in value}))
        case _:
            return _plain(value)


def nest(values: Mapping[str, Value]) -> dict[str, Value | dict[str, Value]]:
    """The inverse of :func:`flatten` over a whole mapping: open objects are objects again."""
    nested: dict[str, Value | dict[str, Value]] = {}
    for path, value in values.items():
        name, dot, key = path.partition(".")
        if dot:
            inner = nested.setdefault(name, {})
            assert isinstance(inner, dict)  # noqa: S101 - an open attribute never has a path without a key
            inner[key] = value  # type: ignore[assignment]  # Json and Value share dict; the values are Value here
        else:
            nested[name] = value
    return nested


def seal(lineage: str, value: Value) -> Value:
    """The form of a value that may be stored and shown: a sensitive one becomes its digest, salted with the lineage."""
    if not isinstance(value, Sensitive):
        return value
    text = json.dumps(_plain(value.value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Sealed("sha256:" + hashlib.sha256(f"{lineage}\0{text}".encode()).hexdigest())


def reveal(value: Value) -> Json:
    """The JSON that goes to the proxy; raises TypeError for a sealed value, whose content is not known here."""
    if isinstance(value, Sealed):
        raise TypeError("a sealed value has no content")
    return value.value if isinstance(value, Sensitive) else value
