"""Random specs of a key: any of its attributes, with any value that a config may give them."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.contract.proxies import EVERY_MODEL, MODEL, OTHER_MODEL
from vkstate.attributes import ATTRIBUTES

Json = Any
"""A value as it is configured."""

_CHARACTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from(
    "${}'\"\\:#&*!\n"
)
"""Everything but lone surrogates, which no JSON has, and NUL, which PostgreSQL does not take."""
_TEXTS: Final = st.text(_CHARACTERS, max_size=8)
_NAMES: Final = _TEXTS.filter(str.strip)
_FREE: Final = _NAMES.filter(lambda name: name != "vkstate" and name not in ATTRIBUTES)
_NUMBERS: Final = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
_SCALARS: Final = st.none() | st.booleans() | _NUMBERS | _TEXTS
_JSONS: Final = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)
_OBJECTS: Final = st.dictionaries(_FREE, _JSONS, max_size=3)
_AMOUNTS: Final = st.floats(0, 1e15) | st.integers(0, 10**15)
_LIMITS: Final = st.integers(0, 2**63 - 1)
_SETS: Final = st.lists(_NAMES, max_size=4)
_PERIODS: Final = st.sampled_from(["1h", "24h", "1d", "7d", "30d", "1mo"])
_THROUGHPUTS: Final = st.sampled_from(["guaranteed_throughput", "best_effort_throughput", "dynamic"])
_MODELS: Final = st.sampled_from([*EVERY_MODEL, "all-proxy-models", "all-team-models", "no-default-models"])
_WINDOW: Final = st.fixed_dictionaries({"budget_duration": _PERIODS, "max_budget": _AMOUNTS})
_INDEX: Final = st.fixed_dictionaries(
    {"index_name": _NAMES, "index_permissions": st.lists(st.sampled_from(["read", "write"]), max_size=2)}
)
_ROUTER: Final = st.fixed_dictionaries(
    {},
    optional={
        "num_retries": st.none() | st.integers(0, 9),
        "timeout": st.none() | st.floats(0, 100),
        "retry_after": st.integers(0, 9),
        "cooldown_time": st.integers(0, 9) | st.floats(0, 9),
        "fallbacks": st.lists(st.just({MODEL: [OTHER_MODEL]}), max_size=2),
    },
)
_PERMISSION: Final = st.fixed_dictionaries(
    {}, optional={part: st.none() | _SETS for part in ("vector_stores", "agents", "mcp_access_groups", "models")}
)

_VALUES: Final[dict[str, st.SearchStrategy[Json]]] = {
    "user_id": _TEXTS,
    "agent_id": _TEXTS,
    "access_group_ids": _SETS,
    "allowed_routes": _SETS,
    "allowed_cache_controls": _SETS,
    "max_budget": _AMOUNTS,
    "soft_budget": _AMOUNTS,
    "budget_duration": _PERIODS,
    "budget_limits": st.lists(_WINDOW, max_size=2, unique_by=lambda window: window["budget_duration"]),
    "budget_fallbacks": st.dictionaries(_NAMES, _SETS, max_size=2),
    "max_parallel_requests": st.integers(0, 2**31 - 1),
    "tpm_limit": _LIMITS,
    "rpm_limit": _LIMITS,
    "tpd_limit": _LIMITS,
    "model_tpm_limit": st.dictionaries(_NAMES, _LIMITS, max_size=2),
    "model_rpm_limit": st.dictionaries(_NAMES, _LIMITS, max_size=2),
    "tpm_limit_type": _THROUGHPUTS,
    "rpm_limit_type": _THROUGHPUTS,
    "mcp_rpm_limit": st.dictionaries(_NAMES, _LIMITS, max_size=2),
    "tag_rpm_limit": st.dictionaries(_NAMES, _LIMITS, max_size=2),
    "default_estimated_output_tokens": st.integers(1, 2**63 - 1),
    "default_estimated_output_tokens_per_model": st.dictionaries(_NAMES, st.integers(1, 2**63 - 1), max_size=2),
    "throttle_on_budget_exceeded": st.booleans(),
    "blocked": st.booleans(),
    "permissions": _OBJECTS,
    "aliases": st.dictionaries(_NAMES, _NAMES, max_size=3),
    "config": _OBJECTS,
    "router_settings": _ROUTER,
    "enable_prompt_caching": st.booleans(),
    "object_permission": _PERMISSION,
    "enforced_params": _SETS,
    "allowed_vector_store_indexes": st.lists(_INDEX, max_size=2),
    "metadata": _OBJECTS,
}

ELSEWHERE: Final = {
    "models": "always declared",
    "auto_rotate": "drawn with rotation_interval",
    "rotation_interval": "drawn with auto_rotate",
    "key_type": "cannot be changed",
    "extra": "the sandbox has no fields that are not here",
    **dict.fromkeys(("team_id", "organization_id", "project_id", "budget_id", "end_user_budget_id"), "must exist"),
    **dict.fromkeys(("tags", "guardrails", "prompts", "policies"), "needs a licence"),
    **dict.fromkeys(("allowed_passthrough_routes", "disable_global_guardrails", "model_max_budget"), "needs a licence"),
}
"""The attributes that are not drawn by themselves, and why."""

_EXPIRIES: Final[st.SearchStrategy[dict[str, Json]]] = st.sampled_from(
    [{"duration": "never"}, {"duration": "30d"}, {"duration": "36h"}, {"expires_at": "2099-12-01T18:00:00+01:00"}]
)
_ROTATIONS: Final[st.SearchStrategy[dict[str, Json]]] = st.sampled_from(
    [{}, {"auto_rotate": False}, *({"auto_rotate": True, "rotation_interval": each} for each in ("30d", "12h"))]
)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Json]:
    """What a config says of one key; any attribute may be null, which is "none"."""
    chosen = draw(st.sets(st.sampled_from(sorted(_VALUES)), max_size=12))
    declared = {name: draw(st.none() | _VALUES[name]) for name in sorted(chosen)}
    models = draw(st.lists(_MODELS, min_size=1, max_size=3))
    return {"models": models, **declared, **draw(_EXPIRIES), **draw(_ROTATIONS)}


def drawn() -> frozenset[str]:
    """The attributes that are drawn by themselves."""
    return frozenset(_VALUES)
