"""The bodies that the key endpoints of LiteLLM 1.105.0 take: which fields they know, and of which type."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vkstate.sandbox.exchange import Request
from vkstate.sandbox.jsons import Json, Object, strings
from vkstate.sandbox.refusals import fastapi_refusal, unforeseen
from vkstate.sandbox.values import (
    InvalidError,
    Loc,
    Parser,
    boolean,
    complaint,
    fields,
    instant,
    integer,
    mapping,
    mapping_of,
    model,
    number,
    one_of,
    positive,
    sequence,
    sequence_of,
    text,
)

FOLDED = (
    "model_rpm_limit",
    "model_tpm_limit",
    "default_estimated_output_tokens",
    "default_estimated_output_tokens_per_model",
    "mcp_rpm_limit",
    "tag_rpm_limit",
    "rpm_limit_type",
    "tpm_limit_type",
    "enforced_params",
    "temp_budget_increase",
    "temp_budget_expiry",
    "allowed_vector_store_indexes",
    "throttle_on_budget_exceeded",
    "enable_prompt_caching",
    "end_user_budget_id",
)
"""Fields that LiteLLM keeps inside ``metadata``."""

ENTERPRISE_FIELDS = (
    "disable_global_guardrails",
    "guardrails",
    "policies",
    "tags",
    "prompts",
    "allowed_passthrough_routes",
)
"""Fields that go into ``metadata`` too, but need a licence to hold anything."""

_STRINGS = sequence_of(text)
_LIMIT_TYPE = one_of("literal_error", "guaranteed_throughput", "best_effort_throughput", "dynamic")

OBJECT_PERMISSION: Mapping[str, Parser] = {
    "mcp_servers": _STRINGS,
    "mcp_access_groups": _STRINGS,
    "mcp_tool_permissions": mapping_of(_STRINGS),
    "mcp_toolsets": _STRINGS,
    "blocked_tools": _STRINGS,
    "vector_stores": _STRINGS,
    "agents": _STRINGS,
    "agent_access_groups": _STRINGS,
    "models": _STRINGS,
    "search_tools": _STRINGS,
    "mcp_tool_search_enabled": boolean,
    "skills": _STRINGS,
}

ROUTER_SETTINGS: Mapping[str, Parser] = {
    "routing_strategy_args": mapping,
    "routing_strategy": text,
    "routing_groups": sequence_of(mapping),
    "retry_policy": mapping,
    "model_group_retry_policy": mapping_of(mapping),
    "model_group_affinity_config": mapping_of(_STRINGS),
    "allowed_fails": integer,
    "cooldown_time": number,
    "num_retries": integer,
    "timeout": number,
    "max_retries": integer,
    "retry_after": number,
    "fallbacks": sequence_of(mapping),
    "context_window_fallbacks": sequence_of(mapping),
    "model_group_alias": mapping,
    "enable_tag_filtering": boolean,
    "weights": mapping,
    "tag_routing_prefix": text,
    "optional_pre_call_checks": sequence,
}


def _max_budget(value: Json, loc: Loc) -> Json:
    return None if value == "" else number(value, loc)


def _id(value: Json, loc: Loc) -> Json:
    return None if value == "" else text(value, loc)


_COMMON: dict[str, Parser] = {
    "key_alias": text,
    "duration": text,
    "models": sequence,
    "spend": number,
    "max_budget": _max_budget,
    "user_id": text,
    "team_id": _id,
    "agent_id": text,
    "max_parallel_requests": integer,
    "metadata": mapping,
    "tpm_limit": integer,
    "rpm_limit": integer,
    "budget_duration": text,
    "budget_limits": sequence_of(
        model({"reset_at": instant}, required={"budget_duration": text, "max_budget": number})
    ),
    "allowed_cache_controls": sequence,
    "config": mapping,
    "permissions": mapping,
    "model_max_budget": mapping,
    "budget_fallbacks": mapping_of(_STRINGS),
    "model_rpm_limit": mapping,
    "model_tpm_limit": mapping,
    "mcp_rpm_limit": mapping_of(integer),
    "tag_rpm_limit": mapping_of(integer),
    "guardrails": _STRINGS,
    "policies": _STRINGS,
    "prompts": _STRINGS,
    "blocked": boolean,
    "aliases": mapping,
    "object_permission": model(OBJECT_PERMISSION),
    "key": text,
    "tpd_limit": integer,
    "default_estimated_output_tokens": positive,
    "default_estimated_output_tokens_per_model": mapping_of(positive),
    "budget_id": text,
    "end_user_budget_id": text,
    "tags": _STRINGS,
    "disable_global_guardrails": boolean,
    "enable_prompt_caching": boolean,
    "throttle_on_budget_exceeded": boolean,
    "enforced_params": _STRINGS,
    "allowed_routes": sequence,
    "allowed_passthrough_routes": sequence,
    "allowed_vector_store_indexes": sequence_of(
        model(
            {},
            required={
                "index_name": text,
                "index_permissions": sequence_of(one_of("literal_error", "read", "write")),
            },
        )
    ),
    "rpm_limit_type": _LIMIT_TYPE,
    "tpm_limit_type": _LIMIT_TYPE,
    "router_settings": model(ROUTER_SETTINGS),
    "access_group_ids": _STRINGS,
    "soft_budget": number,
}

_GENERATE: Mapping[str, Parser] = _COMMON | {
    "key_type": one_of("enum", "llm_api", "management", "read_only", "default"),
    "auto_rotate": boolean,
    "rotation_interval": text,
    "organization_id": _id,
    "project_id": _id,
}

_UPDATE: Mapping[str, Parser] = _COMMON | {
    "temp_budget_increase": number,
    "temp_budget_expiry": instant,
    "auto_rotate": boolean,
    "rotation_interval": text,
    "organization_id": _id,
    "project_id": text,
}

_TEAM: Mapping[str, Parser] = {
    "team_alias": text,
    "team_id": text,
    "members_with_roles": sequence_of(
        model({"user_id": text, "user_email": text}, required={"role": one_of("literal_error", "admin", "user")})
    ),
    "metadata": mapping,
    "tpm_limit": integer,
    "rpm_limit": integer,
    "max_budget": number,
}

_KEYS: Mapping[str, Parser] = {"keys": _STRINGS, "key_aliases": _STRINGS}


def generate_body(request: Request) -> Object:
    """What ``/key/generate`` was sent: known fields only, converted; null for those sent as null."""
    return fields(_json_object(request), _GENERATE, None, ("body",))


def update_body(request: Request) -> Object:
    """What ``/key/update`` was sent. An empty ``team_id`` counts as not sent."""
    sent = _json_object(request)
    if sent.get("team_id") == "":
        del sent["team_id"]
    body = fields(sent, _UPDATE, None, ("body",))
    temporary = [body.get("temp_budget_increase"), body.get("temp_budget_expiry")]
    if temporary.count(None) == 1:
        raise _wrong_whole("temp_budget_increase and temp_budget_expiry must be set together")
    if body.get("key") is None and body.get("key_alias") is None:
        raise _wrong_whole("either key or key_alias must be provided")
    return body


def keys_body(request: Request) -> Object:
    """What ``/key/delete`` and ``/v2/key/info`` were sent: ``keys`` or ``key_aliases``, one of them not empty."""
    if request.body and not _is_json(request):
        raise unforeseen()
    sent = _json_object(request)
    if not sent.get("keys") and not sent.get("key_aliases"):
        raise _wrong_whole("At least one of 'keys' or 'key_aliases' must be provided.")
    return fields(sent, _KEYS, None, ("body",))


def budgets_body(request: Request) -> list[str]:
    """The ids that ``/budget/info`` was asked for."""
    body = fields(_json_object(request), {}, {"budgets": _STRINGS}, ("body",))
    ids = strings(body, "budgets")
    if not ids:
        raise fastapi_refusal(400, {"error": "Specify list of budget id's to query. Passed in=[]"})
    return ids


def team_body(request: Request) -> Object:
    """What ``/team/new`` was sent. Of what may not be null, what was sent."""
    sent = _json_object(request)
    needed = {name: parser for name, parser in (("models", sequence), ("blocked", boolean)) if name in sent}
    return fields(sent, _TEAM, needed, ("body",))


def teams_body(request: Request) -> Object:
    """What ``/team/delete`` was sent: ``team_ids``."""
    return fields(_json_object(request), {}, {"team_ids": _STRINGS}, ("body",))


def block_team_body(request: Request) -> Object:
    """What ``/team/block`` and ``/team/unblock`` were sent: ``team_id``."""
    return fields(_json_object(request), {}, {"team_id": text}, ("body",))


def key_body(request: Request) -> Object:
    """What ``/key/block`` and ``/key/unblock`` were sent: ``key``."""
    return fields(_json_object(request), {}, {"key": text}, ("body",))


def json_body(request: Request) -> Json:
    """The body as JSON. A body without a content type counts as JSON, another type does not."""
    if not _is_json(request):
        raise complaint(
            "model_attributes_type", ("body",), "Input should be a valid dictionary or object to extract fields from"
        )
    try:
        parsed: Json = json.loads(request.body)
    except UnicodeDecodeError:
        raise fastapi_refusal(400, "There was an error parsing the body") from None
    except json.JSONDecodeError as error:
        raise complaint("json_invalid", ("body", error.pos), "JSON decode error") from None
    return parsed


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0]
    return kind.strip().lower().endswith("json")


def _json_object(request: Request) -> Object:
    if not request.body:
        raise complaint("missing", ("body",), "Field required")
    parsed = json_body(request)
    if not isinstance(parsed, dict):
        raise unforeseen()
    return parsed


def _wrong_whole(sentence: str) -> InvalidError:
    return complaint("value_error", ("body",), f"Value error, {sentence}")
