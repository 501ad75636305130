"""The attributes of a LiteLLM key, under LiteLLM's own names, as a config may declare them.

Every field may be left out (then it is none of our business) and, where it says nothing else, be null (then it is
declared as "none"). Source of the meanings: ``/key/generate`` of LiteLLM 1.72 to 1.105.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS, STAMP_KEY, Kind
from vkstate.config.places import did_you_mean
from vkstate.config.schema.base import (
    BudgetDuration,
    Duration,
    DurationOrNever,
    Instant,
    Name,
    Strict,
    wrong,
)

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""US dollars."""
Limit = Annotated[int, Field(ge=0, le=2**63 - 1)]
Tokens = Annotated[int, Field(ge=1, le=2**63 - 1)]
Throughput = Literal["guaranteed_throughput", "best_effort_throughput", "dynamic"]
Objects = dict[str, JsonValue]

_OWN_NAMES: Final = frozenset({"key", "key_alias", "token", "key_name", "expires", "lifecycle"})
_SERVER_NAMES: Final = frozenset(
    {
        "created_at", "created_by", "updated_at", "updated_by", "last_active", "spend", "total_spend",
        "settings_updated_at", "budget_reset_at", "key_rotation_at",
    }
)  # fmt: skip


_MODELS: Final[Objects] = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def _some_models(models: list[str] | None) -> list[str] | None:
    if not models:
        raise wrong(_EMPTY_MODELS)
    return models


_EMPTY_MODELS: Final = (
    "must not be empty, which LiteLLM reads as all models: name the models, or write [all-proxy-models] where that is "
    "meant"
)


def _metadata_name(name: str) -> str:
    if name == STAMP_KEY:
        raise wrong("this name is taken: vkstate keeps its own mark under it")
    return name


def _extra_name(name: str) -> str:
    if name in ATTRIBUTES or name in EXPIRY_PATHS:
        raise wrong("this field is known: write it beside extra, not in it")
    if name in _OWN_NAMES:
        raise wrong("this field cannot be passed on: vkstate decides it")
    if name in _SERVER_NAMES:
        raise wrong("this field cannot be declared: LiteLLM decides it")
    return name


def _known_path(path: str) -> str:
    name, dot, key = path.partition(".")
    attribute = ATTRIBUTES.get(name)
    if attribute is None and name not in EXPIRY_PATHS:
        if name == "all":
            raise wrong("there is no 'all': name the attributes that are left alone")
        guess = did_you_mean(name, [*ATTRIBUTES, *EXPIRY_PATHS])
        raise wrong(f"there is no attribute {path!r}{guess}", discreet="there is no such attribute")
    if dot and not (attribute and attribute.kind is Kind.OPEN and key):
        raise wrong(
            f"{path!r} is not an attribute: only metadata, object_permission and extra have parts of their own",
            discreet="is not an attribute: only metadata, object_permission and extra have parts of their own",
        )
    return path


class BudgetLimit(Strict):
    """One of several budgets of a key, each with its own period (LiteLLM 1.90 and later)."""

    budget_duration: BudgetDuration
    """How often this budget starts anew: one whole number and one unit of s, m, h or d, or 1mo."""
    max_budget: Amount
    """The most that may be spent in one period, in US dollars."""


class VectorStoreIndex(Strict):
    """What a key may do with one vector store index."""

    index_name: Name
    """The name of the index."""
    index_permissions: list[Literal["read", "write"]]
    """What is allowed: read, write or both."""


class Lifecycle(Strict):
    """How vkstate treats a key, whatever its attributes."""

    # Unsaid is not false: the JSON Schema shows no default that a factory makes.
    prevent_destroy: Annotated[bool, Field(default_factory=bool)]
    """Refuse every plan that would delete the key. It is kept in the state, and so outlives the key's entry here: only
    an explicit false lifts it. Default: what is recorded, which for a new key is false."""
    ignore_changes: list[Annotated[str, AfterValidator(_known_path)]] | None = None
    """Attributes that are set when the key is created and left alone later, such as max_budget or metadata.team."""
    on_missing: Literal["recreate", "forget", "error"] = "recreate"
    """What to do about a key that somebody else has deleted: make it anew with a new value, leave it away although the
    config has it, or refuse to plan."""


class KeyAttributes(Strict):
    """What may be said of a key anywhere: in defaults, of a key, a workshop, or one member of it."""

    user_id: str | None = None
    """Whose key it is. Not a LiteLLM user unless one exists under this id. Default: the alias."""
    team_id: str | None = None
    """The LiteLLM team that the key belongs to, by its id; its limits and budget apply too."""
    organization_id: str | None = None
    """The LiteLLM organization that the key belongs to; it must exist (1.80 and later)."""
    project_id: str | None = None
    """The LiteLLM project that the key belongs to; it must exist (1.90 and later)."""
    agent_id: str | None = None
    """The LiteLLM agent that the key is for (1.90 and later)."""
    budget_id: str | None = None
    """A LiteLLM budget that applies to the key; it must exist. Its own max_budget is not shown on the key."""
    models: Annotated[list[Name] | None, AfterValidator(_some_models), WithJsonSchema(_MODELS)] = None
    """The models and access groups that the key may use; all-proxy-models, all-team-models and no-default-models are
    special names. Required, here or in defaults, and never empty, since LiteLLM reads an empty list as all models."""
    access_group_ids: list[Name] | None = None
    """Ids of LiteLLM access groups whose models the key may use (1.90 and later)."""
    allowed_routes: list[Name] | None = None
    """The proxy's routes that the key may call, such as /chat/completions or llm_api_routes; empty: every route."""
    allowed_cache_controls: list[Name] | None = None
    """The cache controls that a caller may send, such as no-cache."""
    key_type: Literal["default", "llm_api", "management", "read_only"] | None = None
    """Which kind of routes the key opens; it sets allowed_routes. Only when a key is created (1.80 and later)."""
    max_budget: Amount | None = None
    """The most that may be spent, in US dollars; with budget_duration, in one period. 0 blocks the key at once."""
    soft_budget: Amount | None = None
    """The spend, in US dollars, at which LiteLLM warns. Cannot be changed on a key before 1.105. Not beside
    budget_id."""
    budget_duration: BudgetDuration | None = None
    """How often the budget starts anew: one whole number and one unit of s, m, h or d, or 1mo. LiteLLM rounds up to its
    calendar: 30d to the first of a month, 7d to a Monday, 1h to a full hour."""
    budget_limits: list[BudgetLimit] | None = None
    """Several budgets at once, each with its own period (1.90 and later)."""
    budget_fallbacks: dict[str, list[Name]] | None = None
    """By model, the models to use once the budget is spent (1.105 and later)."""
    model_max_budget: Objects | None = None
    """Budgets by model, as LiteLLM writes them. Needs an Enterprise licence."""
    max_parallel_requests: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """How many requests may run at the same time."""
    tpm_limit: Limit | None = None
    """Tokens a minute."""
    rpm_limit: Limit | None = None
    """Requests a minute."""
    tpd_limit: Limit | None = None
    """Tokens a day (1.105 and later)."""
    model_tpm_limit: dict[str, Limit] | None = None
    """Tokens a minute, by model."""
    model_rpm_limit: dict[str, Limit] | None = None
    """Requests a minute, by model."""
    tpm_limit_type: Throughput | None = None
    """How strictly tpm_limit is kept (1.80 and later)."""
    rpm_limit_type: Throughput | None = None
    """How strictly rpm_limit is kept (1.80 and later)."""
    mcp_rpm_limit: dict[str, Limit] | None = None
    """Requests a minute, by MCP server (1.90 and later)."""
    tag_rpm_limit: dict[str, Limit] | None = None
    """Requests a minute, by tag of the request (1.105 and later)."""
    default_estimated_output_tokens: Tokens | None = None
    """How many output tokens count against tpm_limit where a request names no max_tokens (1.105 and later)."""
    default_estimated_output_tokens_per_model: dict[str, Tokens] | None = None
    """The same, by model (1.105 and later)."""
    throttle_on_budget_exceeded: bool | None = None
    """Whether the key, once its budget is spent, is slowed down and not refused (1.105 and later)."""
    end_user_budget_id: str | None = None
    """A LiteLLM budget for end users that are first seen through this key; it must exist (1.105 and later)."""
    blocked: bool | None = None
    """Whether the key is refused for the time being."""
    auto_rotate: bool | None = None
    """Whether LiteLLM gives the key a new value by itself, every rotation_interval (1.80 and later)."""
    rotation_interval: Duration | None = None
    """How often auto_rotate acts: one whole number and one unit of s, m, h, d or w."""
    permissions: Objects | None = None
    """Permissions of the key beyond its routes, by name."""
    aliases: dict[str, Name] | None = None
    """Names under which this key may ask for models: the name, and the model that is meant."""
    config: Objects | None = None
    """Settings of the proxy for this key alone. Never shown, and kept in the state as a digest only."""
    router_settings: Objects | None = None
    """Settings of the router for this key alone (1.80 and later)."""
    enable_prompt_caching: bool | None = None
    """Whether LiteLLM marks what of a request may be cached, for models that need it (1.105 and later)."""
    object_permission: Objects | None = None
    """Which MCP servers, vector stores, agents and the like the key may use. Only the parts named here are managed."""
    enforced_params: list[Name] | None = None
    """Parameters that every request of the key must carry (1.80 and later). Needs an Enterprise licence: without one
    LiteLLM makes the key all the same, and refuses all of its requests."""
    allowed_vector_store_indexes: list[VectorStoreIndex] | None = None
    """What the key may do with which vector store index (1.80 and later)."""
    allowed_passthrough_routes: list[Name] | None = None
    """Pass-through routes that the key may call (1.80 and later). Needs an Enterprise licence."""
    tags: list[Name] | None = None
    """Tags for spend tracking and routing. Needs an Enterprise licence; as mere labels they may go under metadata."""
    guardrails: list[Name] | None = None
    """Guardrails that apply to the key's requests. Needs an Enterprise licence."""
    prompts: list[Name] | None = None
    """Prompts that the key may use (1.80 and later). Needs an Enterprise licence."""
    policies: list[Name] | None = None
    """Policies that apply to the key (1.90 and later). Needs an Enterprise licence."""
    disable_global_guardrails: bool | None = None
    """Whether the proxy's global guardrails are left out (1.90 and later). Needs an Enterprise licence."""
    metadata: dict[Annotated[str, AfterValidator(_metadata_name)], JsonValue] | None = None
    """Anything worth noting, by name. Only the names given here are managed; those of defaults are added. What stands
    under logging and callback_settings is never shown, and kept in the state as a digest only."""
    extra: dict[Annotated[str, AfterValidator(_extra_name)], JsonValue] | None = None
    """Fields of a newer LiteLLM that have no field here: each is sent, and read back, under its own name."""

    duration: DurationOrNever = ""
    """How long the key lives from the moment that this is applied: one whole number and one unit of s, m, h, d or w, or
    never. Changing it restarts the clock. Default: 30d. Not beside expires_at."""
    expires_at: Instant = ""
    """When the key ends, as 2026-12-01T18:00:00+01:00. Not beside duration."""
    lifecycle: Lifecycle | None = None
    """How vkstate treats the key: prevent_destroy, ignore_changes, on_missing."""
