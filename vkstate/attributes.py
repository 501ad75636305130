"""The settable attributes of a LiteLLM key: one table, from which canonical forms, flat paths and clearing follow.

Source of the facts: LiteLLM 1.72 to 1.105, ``/key/generate``, ``/key/update`` and ``/v2/key/info``.

Three things are kept apart everywhere: *unset* (:data:`UNSET`, not declared: none of our business), *null* (declared as
"none") and *empty* (``[]``, ``{}``). Values are compared in canonical form only: see :func:`canonical`.

An attribute is addressed by its *path*: its name, or ``name.key`` where we own single keys of an object that others may
own keys of too (``metadata.cost_center``).
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Not declared. Different from null, which is declared as "none"."""


@dataclass(frozen=True)
class Sensitive:
    """A declared value that is neither shown nor stored: it came from the environment, or stands where secrets do."""

    value: Json = field(repr=False)


@dataclass(frozen=True)
class Sealed:
    """What the state and a plan hold of a sensitive value: a digest, salted with the lineage."""

    digest: str


Value: TypeAlias = "Json | Sensitive | Sealed"


class Kind(StrEnum):
    """The shape of an attribute's value, which decides its canonical form."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    SET = "set"
    """A list of strings whose order and repetitions mean nothing."""
    LIST = "list"
    OBJECT = "object"
    OPEN = "open"
    """An object of which we own only the keys that we declare."""


class Home(StrEnum):
    """Where LiteLLM keeps an attribute, which is where it is read back from."""

    ROW = "row"
    METADATA = "metadata"
    """Folded into ``metadata`` under its own name; cleared by sending ``metadata`` without it."""
    BUDGET = "budget"
    """Only in ``litellm_budget_table``."""


@dataclass(frozen=True)
class Attribute:
    """One settable attribute: its LiteLLM name, shape and home."""

    name: str
    kind: Kind
    home: Home = Home.ROW
    updatable: bool = True
    """False where ``/key/update`` ignores the field: a change needs a new key."""

    @property
    def empty(self) -> Json:
        """The value that an update sends to clear the attribute; never null for a list or an object."""
        made = _EMPTY.get(self.kind)
        return made() if made else None


_EMPTY: Final[Mapping[Kind, Callable[[], Json]]] = {
    Kind.SET: list,
    Kind.LIST: list,
    Kind.OBJECT: dict,
    Kind.OPEN: dict,
    Kind.BOOLEAN: bool,
}
"""What makes the empty value of a shape; of the others it is null."""


def _table(*attributes: Attribute) -> Mapping[str, Attribute]:
    return {attribute.name: attribute for attribute in attributes}


ATTRIBUTES: Final = _table(
    Attribute("user_id", Kind.STRING),
    Attribute("team_id", Kind.STRING),
    Attribute("organization_id", Kind.STRING),
    Attribute("project_id", Kind.STRING),
    Attribute("agent_id", Kind.STRING),
    Attribute("budget_id", Kind.STRING),
    Attribute("models", Kind.SET),
    Attribute("access_group_ids", Kind.SET),
    Attribute("allowed_routes", Kind.SET),
    Attribute("allowed_cache_controls", Kind.SET),
    Attribute("key_type", Kind.STRING, updatable=False),
    Attribute("max_budget", Kind.NUMBER),
    Attribute("soft_budget", Kind.NUMBER, Home.BUDGET),
    Attribute("budget_duration", Kind.STRING),
    Attribute("budget_limits", Kind.LIST),
    Attribute("budget_fallbacks", Kind.OBJECT),
    Attribute("model_max_budget", Kind.OBJECT),
    Attribute("max_parallel_requests", Kind.INTEGER),
    Attribute("tpm_limit", Kind.INTEGER),
    Attribute("rpm_limit", Kind.INTEGER),
    Attribute("tpd_limit", Kind.INTEGER),
    Attribute("model_tpm_limit", Kind.OBJECT, Home.METADATA),
    Attribute("model_rpm_limit", Kind.OBJECT, Home.METADATA),
    Attribute("tpm_limit_type", Kind.STRING, Home.METADATA),
    Attribute("rpm_limit_type", Kind.STRING, Home.METADATA),
    Attribute("mcp_rpm_limit", Kind.OBJECT, Home.METADATA),
    Attribute("tag_rpm_limit", Kind.OBJECT, Home.METADATA),
    Attribute("default_estimated_output_tokens", Kind.INTEGER, Home.METADATA),
    Attribute("default_estimated_output_tokens_per_model", Kind.OBJECT, Home.METADATA),
    Attribute("throttle_on_budget_exceeded", Kind.BOOLEAN, Home.METADATA),
    Attribute("end_user_budget_id", Kind.STRING, Home.METADATA),
    Attribute("blocked", Kind.BOOLEAN),
    Attribute("auto_rotate", Kind.BOOLEAN),
    Attribute("rotation_interval", Kind.STRING),
    Attribute("permissions", Kind.OBJECT),
    Attribute("aliases", Kind.OBJECT),
    Attribute("config", Kind.OBJECT),
    Attribute("router_settings", Kind.OBJECT),
    Attribute("enable_prompt_caching", Kind.BOOLEAN, Home.METADATA),
    Attribute("object_permission", Kind.OPEN),
    Attribute("enforced_params", Kind.LIST, Home.METADATA),
    Attribute("allowed_vector_store_indexes", Kind.LIST, Home.METADATA),
    Attribute("allowed_passthrough_routes", Kind.LIST, Home.METADATA),
    Attribute("tags", Kind.SET, Home.METADATA),
    Attribute("guardrails", Kind.SET, Home.METADATA),
    Attribute("prompts", Kind.SET, Home.METADATA),
    Attribute("policies", Kind.SET, Home.METADATA),
    Attribute("disable_global_guardrails", Kind.BOOLEAN, Home.METADATA),
    Attribute("metadata", Kind.OPEN),
    Attribute("extra", Kind.OPEN),
)
"""Every attribute that a config can declare except the expiry (``duration``, ``expires_at``: see ``vkstate.expiry``).

``extra`` carries fields that a newer LiteLLM has and this table has not: each of its keys is sent as a field of the
request, and read back as a field of the row, or where LiteLLM folds it in, of ``metadata``.
"""

EXPIRY_PATHS: Final = frozenset({"duration", "expires_at"})
"""Declared like attributes, but moved and compared by rules of their own."""

# fmt: off
LATER: Final = frozenset((
    "access_group_ids", "agent_id", "allowed_passthrough_routes", "allowed_vector_store_indexes", "auto_rotate",
    "budget_fallbacks", "budget_limits", "default_estimated_output_tokens", "default_estimated_output_tokens_per_model",
    "disable_global_guardrails", "enable_prompt_caching", "end_user_budget_id", "key_type", "mcp_rpm_limit",
    "organization_id", "policies", "project_id", "prompts", "rotation_interval", "router_settings", "rpm_limit_type",
    "tag_rpm_limit", "throttle_on_budget_exceeded", "tpd_limit", "tpm_limit_type",
))
# fmt: on
"""The attributes that LiteLLM 1.72 did not know yet: a server may ignore them without a word."""

ALWAYS_SENSITIVE: Final = frozenset({"config", "metadata.logging", "metadata.callback_settings"})
"""Where LiteLLM keeps credentials of others, such as those of a logging service: always sensitive."""

ALL_MODELS: Final = "all-proxy-models"
ALL_TEAM_MODELS: Final = "all-team-models"
"""LiteLLM's own names for what an empty ``models`` means too: every model, of a team's key every model of the team."""

STAMP_KEY: Final = "vkstate"
"""The key under a LiteLLM key's ``metadata`` that holds our own mark."""


def attribute_of(path: str) -> Attribute | None:
    """The attribute that a flat path belongs to, or None for the expiry."""
    return ATTRIBUTES.get(path.partition(".")[0])


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
