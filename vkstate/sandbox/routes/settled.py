"""What a create and an update settle in the same way before they write a row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from vkstate.sandbox.bodies import ENTERPRISE_FIELDS, FOLDED
from vkstate.sandbox.durations import budget_duration_error, lifetime, next_reset
from vkstate.sandbox.jsons import Json, Object, mapping, number, stored, text
from vkstate.sandbox.refusals import ENTERPRISE, HttpError, RefusalError, refusal
from vkstate.sandbox.rows import UTC_OFFSET, milliseconds, new_permission, spelled
from vkstate.sandbox.store import Tables

COLUMNS = (
    "key_alias",
    "models",
    "spend",
    "max_budget",
    "user_id",
    "team_id",
    "agent_id",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "tpd_limit",
    "budget_id",
    "allowed_cache_controls",
    "allowed_routes",
    "config",
    "permissions",
    "budget_fallbacks",
    "aliases",
    "router_settings",
    "access_group_ids",
    "blocked",
)
"""Fields of a body that are columns of a row, under the same name and with the same value."""

LISTS = ("models", "allowed_routes", "allowed_cache_controls", "access_group_ids")

_UNSAFE_ALIAS = re.compile(r"(^|/)\.\.(/|$)|[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INT32_LIMIT = 2**31


def check_amounts(body: Object) -> None:
    """Refuse budgets below zero and amounts that are no finite numbers (400)."""
    for name in ("max_budget", "soft_budget"):
        amount = number(body, name)
        if amount is not None and not (math.isfinite(amount) and amount >= 0):
            raise HttpError(400, {"error": f"{name} must be a non-negative finite number. Received: {amount}"})


def check_budget_duration(body: Object, clock: Callable[[], datetime]) -> None:
    """Refuse a ``budget_duration`` that LiteLLM 1.105 does not understand (400)."""
    duration = text(body, "budget_duration")
    error = None if duration is None else budget_duration_error(duration, clock())
    if error is not None:
        raise HttpError(400, {"error": error})


def check_references(tables: Tables, body: Object, existing: Object | None = None) -> None:
    """Refuse a service account without a team, and an end-user budget that does not exist (400).

    The budget may be named inside ``metadata`` as well. What the ``existing`` key names already is not looked up.
    """
    if text(mapping(body, "metadata"), "service_account_id") is not None and body.get("team_id") is None:
        sentence = "team_id is required for service account keys. Please specify `team_id` in the request body."
        raise HttpError(400, sentence)
    named = body.get("end_user_budget_id")
    budget_id = mapping(body, "metadata").get("end_user_budget_id") if named is None else named
    known = mapping(existing or {}, "metadata").get("end_user_budget_id")
    if isinstance(budget_id, str) and budget_id not in ("", known) and tables.budget(budget_id) is None:
        raise HttpError(400, {"error": f"end_user_budget_id={budget_id} does not match any budget."})


def check_alias_is_safe(alias: str | None) -> None:
    """Refuse control characters, line breaks and ``..`` as a path segment (400)."""
    if alias is not None and _UNSAFE_ALIAS.search(alias):
        raise refusal(400, "Invalid key_alias", "bad_request_error", "key_alias")


def duplicate_alias(alias: str) -> RefusalError:
    """The answer to an alias that another key has."""
    message = f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required."
    return refusal(400, message, "bad_request_error", "key_alias")


def folded(body: Object) -> Object:
    """The fields of ``body`` that go into ``metadata``; one that needs a licence may only be empty (403 otherwise)."""
    for name in ENTERPRISE_FIELDS:
        if body.get(name):
            sentence = f"This feature is only available for LiteLLM Enterprise users: {name}. {ENTERPRISE}"
            raise HttpError(403, {"error": sentence})
    sent = (*ENTERPRISE_FIELDS, *FOLDED)
    return {name: body[name] for name in sent if body.get(name) is not None}


def expiry(duration: str, now: datetime) -> datetime:
    """When a key made ``now`` ends. Raises ValueError or OverflowError with LiteLLM's sentence."""
    return now + lifetime(duration, now)


def windows(body: Object, now: datetime) -> list[Json]:
    """The budget windows of ``body``, each with the instant at which it starts anew."""
    sent = body.get("budget_limits")
    return [
        {**window, "reset_at": spelled(next_reset(str(window["budget_duration"]), now), UTC_OFFSET)}
        for window in (sent if isinstance(sent, list) else [])
        if isinstance(window, dict)
    ]


def check_model_max_budget(body: Object) -> None:
    """Refuse budgets per model, which need a licence. Raises ValueError with LiteLLM's sentence."""
    if body.get("model_max_budget"):
        raise ValueError(
            f"Invalid model_max_budget: You must have an enterprise license to set model_max_budget. {ENTERPRISE}. "
            "Example of valid model_max_budget: https://docs.litellm.ai/docs/proxy/users"
        )


def wrong_list(body: Object) -> str | None:
    """The first list column that holds something else than strings; the database refuses it."""
    for name in LISTS:
        value = body.get(name)
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            return name
    return None


def beyond_int32(body: Object) -> int | None:
    """A ``max_parallel_requests`` that its column cannot hold."""
    value = body.get("max_parallel_requests")
    return value if isinstance(value, int) and not -_INT32_LIMIT <= value < _INT32_LIMIT else None


def rotation(body: Object, now: datetime) -> Object:
    """The rotation columns; LiteLLM sets them only when both fields are given."""
    interval = text(body, "rotation_interval")
    if not body.get("auto_rotate") or not interval:
        return {}
    return {
        "auto_rotate": True,
        "rotation_interval": interval,
        "key_rotation_at": milliseconds(expiry(interval, now)),
    }


def permission_id(tables: Tables, body: Object, existing: Json) -> Json:
    """Create or extend the object permission that ``body`` asks for; its id, or ``existing`` when it asks for none.

    Server names that the proxy does not know are dropped, and the sandbox knows none.
    """
    if body.get("object_permission") is None:
        return existing
    row = tables.permission(existing) or new_permission(str(uuid4()))
    asked = mapping(body, "object_permission")
    granted: Object = {name: value for name, value in asked.items() if value is not None and name != "mcp_servers"}
    tables.save_permission(row | granted)
    return row["object_permission_id"]


def as_stored(row: Object) -> Object:
    """``row`` with its JSON columns as the database gives them back."""
    names = ("metadata", "aliases", "config", "permissions", "router_settings", "budget_fallbacks", "budget_limits")
    return row | {name: stored(row[name]) for name in names}
