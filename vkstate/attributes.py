"""The settable attributes of a LiteLLM key: one table, from which canonical forms, flat paths and clearing follow.

Source of the facts: LiteLLM 1.72 to 1.105, ``/key/generate``, ``/key/update`` and ``/v2/key/info``.

Three things are kept apart everywhere: *unset* (:data:`UNSET`, not declared: none of our business), *null* (declared as
"none") and *empty* (``[]``, ``{}``). In which form values are compared is told in ``vkstate.canonical``.

An attribute is addressed by its *path*: its name, or ``name.key`` where we own single keys of an object that others may
own keys of too (``metadata.cost_center``).
"""

from __future__ import annotations

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


def other_name(path: str) -> str | None:
    """The other path by which a config can declare the same place: LiteLLM keeps ``tags`` as ``metadata.tags``."""
    name, _, key = path.partition(".")
    inside = ATTRIBUTES.get(key if name == "metadata" else path)
    if inside is None or inside.home is not Home.METADATA:
        return None
    return key if name == "metadata" else f"metadata.{path}"
