"""``POST /key/generate``: an upsert by key value with an empty update, answered with the request (LiteLLM 1.105.0)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from vkstate.sandbox.auth import Caller, masked
from vkstate.sandbox.bodies import ROUTER_SETTINGS, generate_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.durations import next_reset
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object, mapping, number, text
from vkstate.sandbox.refusals import HttpError, worded
from vkstate.sandbox.routes import settled
from vkstate.sandbox.rows import (
    ADMIN,
    SHORTEST_KEY,
    UTC_OFFSET,
    ZULU,
    budget_view,
    column_view,
    milliseconds,
    name_of,
    new_budget,
    new_row,
    spelled,
    token_of,
)

_DEFAULTABLE = (
    "max_budget",
    "user_id",
    "team_id",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "budget_duration",
    "duration",
)
_ROUTES_OF_TYPE = {"llm_api": "llm_api_routes", "management": "management_routes", "read_only": "info_routes"}

# fmt: off
_ANSWERED_AS_NULL = (
    "duration", "model_rpm_limit", "model_tpm_limit", "mcp_rpm_limit", "tag_rpm_limit", "guardrails", "policies",
    "prompts", "object_permission", "default_estimated_output_tokens", "default_estimated_output_tokens_per_model",
    "end_user_budget_id", "tags", "disable_global_guardrails", "enable_prompt_caching", "throttle_on_budget_exceeded",
    "enforced_params", "allowed_passthrough_routes", "allowed_vector_store_indexes", "rpm_limit_type",
    "tpm_limit_type", "organization_id", "project_id",
)
_ANSWERED_COLUMNS = (
    "key_alias", "models", "spend", "max_budget", "user_id", "team_id", "agent_id", "max_parallel_requests",
    "metadata", "tpm_limit", "rpm_limit", "tpd_limit", "budget_duration", "allowed_cache_controls", "config",
    "permissions", "model_max_budget", "budget_fallbacks", "blocked", "aliases", "budget_id", "allowed_routes",
    "access_group_ids", "key_name", "key_type",
)
# fmt: on
_ROUTER_DEFAULTS: Object = dict.fromkeys(ROUTER_SETTINGS) | {"model_group_alias": {}}


def generate_key(context: Context, request: Request, _caller: Caller) -> Response:
    """Create the key unless its value exists. A 200 proves nothing: it shows the request, whatever the row holds.

    The alias is looked up in one transaction and the row inserted in another, as in LiteLLM: requests at the same time
    can both succeed with one alias.
    """
    body = generate_body(request)
    with worded("internal_server_error", None):
        try:
            return _generated(context, body)
        except (ValueError, OverflowError) as error:
            raise HttpError(500, str(error)) from error


def _generated(context: Context, body: Object) -> Response:
    settled.check_amounts(body)
    if body.get("project_id") is not None:
        raise HttpError(404, {"error": f"Project not found, project_id={body['project_id']}"})
    settled.check_budget_duration(body, context.settings.clock)
    with context.store.reading() as tables:
        settled.check_references(tables, body)
    body = _with_defaults(body, context.settings.default_key_generate_params)
    body |= _linked_rows(context, body)
    _check_alias(context, text(body, "key_alias"))
    _check_key_value(context, text(body, "key"))
    if body.get("organization_id") is not None:
        raise HttpError(
            500,
            f"Organization doesn't exist in db. Organization={body['organization_id']}. "
            "Create organization via `/organization/new` call.",
        )
    key = text(body, "key") or f"sk-{secrets.token_urlsafe(16)}"
    now = context.settings.clock()
    expires = settled.expiry(str(body["duration"]), now) if body.get("duration") is not None else None
    settled.check_model_max_budget(body)
    asked = _row(key, body, now, expires)
    found, budget = _inserted(context, body, asked)
    return json_response(_answer(key, asked, found, budget, expires))


def _with_defaults(body: Object, defaults: Mapping[str, Json]) -> Object:
    filled = {
        name: defaults[name]
        for name in _DEFAULTABLE
        if body.get(name) is None
        and defaults.get(name) is not None
        and not (name == "budget_duration" and name in body)
    }
    for name, empty in (("models", list[Json]()), ("metadata", dict[str, Json]())):
        if name in defaults and body.get(name, empty) == empty:
            filled[name] = defaults[name]
    return body | filled


def _linked_rows(context: Context, body: Object) -> Object:
    """Make the budget and the permission that the key points to; they stay when the create fails later on."""
    linked: Object = {"object_permission_id": None}
    soft_budget = number(body, "soft_budget")
    if soft_budget is not None:
        budget = new_budget(str(uuid4()), soft_budget, milliseconds(context.settings.clock()), model_max_budget={})
        with context.store.writing() as tables:
            tables.save_budget(budget)
        linked["budget_id"] = budget["budget_id"]
    linked["metadata"] = mapping(body, "metadata") | settled.folded(body)
    if body.get("object_permission") is not None:
        with context.store.writing() as tables:
            linked["object_permission_id"] = settled.permission_id(tables, body, None)
    return linked


def _check_alias(context: Context, alias: str | None) -> None:
    settled.check_alias_is_safe(alias)
    if alias is None:
        return
    with context.store.reading() as tables:
        taken = tables.tokens_of([alias])
    if taken:
        raise settled.duplicate_alias(alias)


def _check_key_value(context: Context, key: str | None) -> None:
    if key is None:
        return
    if context.settings.disable_custom_api_keys:
        raise HttpError(
            403,
            {"error": "Custom API key values are disabled by your administrator. Keys must be auto-generated."},
        )
    if not key.startswith("sk-"):
        sentence = f"Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: {masked(key)}"
        raise HttpError(400, {"error": sentence})
    if len(key) < SHORTEST_KEY:
        sentence = f"Invalid key format. LiteLLM Virtual Key must be at least {SHORTEST_KEY} characters long."
        raise HttpError(400, {"error": sentence})


def _row(key: str, body: Object, now: datetime, expires: datetime | None) -> Object:
    row = new_row(token_of(key), milliseconds(now))
    row |= {name: body[name] for name in settled.COLUMNS if body.get(name) is not None}
    try:
        row |= settled.rotation(body, now)
    except (ValueError, OverflowError) as error:
        raise _refused_by_database() from error
    settings = mapping(body, "router_settings")  # of which an update keeps those that are null
    row["router_settings"] = {name: value for name, value in settings.items() if value is not None}
    row["key_name"] = name_of(key)
    row["metadata"] = body["metadata"]
    row["object_permission_id"] = body["object_permission_id"]
    row["expires"] = None if expires is None else milliseconds(expires)
    row["budget_limits"] = settled.windows(body, now) or None
    budget_duration = text(body, "budget_duration")
    if budget_duration is not None:
        row["budget_duration"] = budget_duration
        row["budget_reset_at"] = milliseconds(next_reset(budget_duration, now))
    row["key_type"] = body.get("key_type", "default")
    group = _ROUTES_OF_TYPE.get(str(row["key_type"]))
    if group is not None:
        row["allowed_routes"] = [group]
    return row


def _inserted(context: Context, body: Object, asked: Object) -> tuple[Object, Object | None]:
    """The row that is there afterwards, and its budget. What the database refuses is a bare 500."""
    with context.store.writing() as tables:
        refused = (
            settled.wrong_list(body) is not None
            or settled.beyond_int32(body) is not None
            or "get_spend_routes" in mapping(body, "permissions")
            or (asked["budget_id"] is not None and tables.budget(asked["budget_id"]) is None)
        )
        if refused:
            raise _refused_by_database()
        row = tables.insert(settled.as_stored(asked))
        return row, tables.budget(row["budget_id"])


def _refused_by_database() -> HttpError:
    return HttpError(500, {"error": "Internal Server Error."})


def _answer(key: str, asked: Object, found: Object, budget: Object | None, expires: datetime | None) -> Object:
    """The answer: what was asked for; only the times of creation and change and the budget are the row's."""
    resets = [window | {"reset_at": str(window["reset_at"]).replace(UTC_OFFSET, ZULU)} for window in _windows(asked)]
    row = column_view(found, ZULU)
    answer: Object = dict.fromkeys(_ANSWERED_AS_NULL)
    answer |= {name: asked[name] for name in _ANSWERED_COLUMNS}
    answer |= {
        "key": key,
        "token": asked["token"],
        "token_id": asked["token"],
        "expires": None if expires is None else spelled(expires, ZULU),
        "budget_limits": [*resets] or None,
        "router_settings": _ROUTER_DEFAULTS | mapping(asked, "router_settings"),
        "litellm_budget_table": budget_view(budget, ZULU),
        "created_at": row["created_at"],
        "created_by": ADMIN,
        "updated_at": row["updated_at"],
        "updated_by": ADMIN,
    }
    return answer


def _windows(row: Object) -> list[Object]:
    windows = row["budget_limits"]
    return [window for window in windows if isinstance(window, dict)] if isinstance(windows, list) else []
