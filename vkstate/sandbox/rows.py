"""The shapes in which LiteLLM 1.105.0 shows one key, and the spellings of its timestamps.

A row is kept as its columns: JSON values, with every timestamp as whole milliseconds since the epoch (LiteLLM's
database truncates to them). Which view shows what:

* ``/key/info``, ``/v2/key/info``, ``/key/update``: all columns but the token, then relations; ``...+00:00``
* ``/key/unblock``: the same with the token; ``...Z``
* ``/key/list``, ``/key/block``, deleted keys: the "verification token", a narrower shape; ``...Z``
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from vkstate.sandbox.jsons import Json, Object, number

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ADMIN = "default_user_id"
"""Who a row was created or changed by, when the master key did it."""

SHORTEST_KEY = 16
"""The fewest characters that a key value of the caller's may have."""

UTC_OFFSET = "+00:00"
ZULU = "Z"

_TIMES = frozenset(
    {
        "expires",
        "budget_reset_at",
        "created_at",
        "updated_at",
        "settings_updated_at",
        "last_active",
        "last_rotation_at",
        "key_rotation_at",
        "deleted_at",
    }
)

# fmt: off
_NOT_IN_TOKEN_VIEW = ("policies", "organization_id")
_CALLER_COLUMNS: Object = {
    "team_spend": None, "team_alias": None, "team_tpm_limit": None, "team_rpm_limit": None, "team_tpd_limit": None,
    "team_max_budget": None, "team_soft_budget": None, "team_model_max_budget": None, "team_models": [],
    "team_blocked": False, "soft_budget": None, "team_model_aliases": None, "team_member": None, "team_metadata": None,
    "team_object_permission_id": None, "team_member_spend": None, "team_member_tpm_limit": None,
    "team_member_rpm_limit": None, "end_user_id": None, "end_user_tpm_limit": None, "end_user_rpm_limit": None,
    "end_user_tpd_limit": None, "end_user_max_budget": None, "end_user_model_max_budget": None,
    "organization_alias": None, "organization_max_budget": None, "organization_tpm_limit": None,
    "organization_rpm_limit": None, "organization_metadata": None, "project_alias": None, "project_metadata": None,
    "last_refreshed_at": None, "api_key": None, "user_role": None, "allowed_model_region": None,
    "parent_otel_span": None, "rpm_limit_per_model": None, "tpm_limit_per_model": None, "user_tpm_limit": None,
    "user_rpm_limit": None, "user_email": None, "user_spend": None, "user_max_budget": None,
    "user_model_max_budget": None, "request_route": None, "is_session_token": False, "user": None,
    "created_by_user": None, "end_user_object_permission": None, "team_object_permission": None, "jwt_claims": None,
}
_BUDGET_RELATIONS = (
    "organization", "projects", "keys", "end_users", "tags", "model_access_groups", "team_membership",
    "organization_membership",
)
_PERMISSION_COLUMNS: Object = {
    "mcp_servers": [], "mcp_access_groups": [], "mcp_tool_permissions": None, "vector_stores": [], "agents": [],
    "agent_access_groups": [], "models": [], "blocked_tools": [], "mcp_toolsets": [], "search_tools": [],
    "mcp_tool_search_enabled": None, "skills": [],
}
_PERMISSION_RELATIONS = (
    "teams", "projects", "verification_tokens", "organizations", "users", "end_users", "agents_table",
)
# fmt: on


def token_of(key: str) -> str:
    """The token of a key value (its sha256 in hex); anything that is no key value is taken for a token."""
    return hashlib.sha256(key.encode()).hexdigest() if key.startswith("sk-") else key


def name_of(key: str) -> str:
    """``key_name``: all that LiteLLM keeps of a key value, and nothing of a short one."""
    return f"sk-...{key[-4:]}" if len(key) >= SHORTEST_KEY else "sk-..."


def milliseconds(when: datetime) -> int:
    """``when`` as the database keeps it: truncated to milliseconds, counted from the epoch."""
    return (when - EPOCH) // timedelta(milliseconds=1)


def has_passed(expires: int | None, now: datetime) -> bool:
    """Whether a key that ends at ``expires`` (milliseconds; None is never) has ended."""
    return expires is not None and EPOCH + timedelta(milliseconds=expires) < now


def spelled(when: datetime, suffix: str) -> str:
    """``when`` in one of LiteLLM's spellings: ISO 8601 in UTC; whole seconds have no fraction."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat() + suffix


def new_row(token: str, now: int) -> Object:
    """A row with the database's defaults, in the order of its columns."""
    return {
        "token": token,
        "key_name": None,
        "key_alias": None,
        "soft_budget_cooldown": False,
        "spend": 0.0,
        "total_spend": 0.0,
        "expires": None,
        "models": [],
        "aliases": {},
        "config": {},
        "router_settings": {},
        "user_id": None,
        "team_id": None,
        "agent_id": None,
        "project_id": None,
        "permissions": {},
        "max_parallel_requests": None,
        "metadata": {},
        "blocked": None,
        "tpm_limit": None,
        "rpm_limit": None,
        "tpd_limit": None,
        "max_budget": None,
        "budget_duration": None,
        "budget_reset_at": None,
        "allowed_cache_controls": [],
        "allowed_routes": [],
        "key_type": "default",
        "policies": [],
        "access_group_ids": [],
        "model_spend": {},
        "model_max_budget": {},
        "budget_fallbacks": {},
        "budget_id": None,
        "organization_id": None,
        "object_permission_id": None,
        "created_at": now,
        "created_by": ADMIN,
        "updated_at": now,
        "updated_by": ADMIN,
        "settings_updated_at": None,
        "last_active": None,
        "rotation_count": 0,
        "auto_rotate": False,
        "rotation_interval": None,
        "last_rotation_at": None,
        "key_rotation_at": None,
        "budget_limits": None,
    }


def new_budget(budget_id: str, soft_budget: float | None, now: int, *, model_max_budget: Json) -> Object:
    """A budget row as ``soft_budget`` makes one."""
    return {
        "budget_id": budget_id,
        "max_budget": None,
        "soft_budget": soft_budget,
        "max_parallel_requests": None,
        "tpm_limit": None,
        "rpm_limit": None,
        "tpd_limit": None,
        "model_max_budget": model_max_budget,
        "budget_duration": None,
        "budget_reset_at": None,
        "allowed_models": [],
        "temp_budget_increase": None,
        "temp_budget_expiry": None,
        "created_at": now,
        "created_by": ADMIN,
        "updated_at": now,
        "updated_by": ADMIN,
    }


def new_permission(permission_id: str) -> Object:
    """An object-permission row that grants nothing."""
    return {"object_permission_id": permission_id, **_PERMISSION_COLUMNS}


def column_view(row: Object, suffix: str) -> Object:
    """All columns with their timestamps spelled, the token among them, then the relations as null."""
    return column_times(row, suffix) | {
        "litellm_budget_table": None,
        "litellm_organization_table": None,
        "litellm_project_table": None,
        "object_permission": None,
        "jwt_key_mappings": None,
    }


def token_view(row: Object) -> Object:
    """The "verification token": what ``/key/block`` answers, and what a listing and the archive build on."""
    return _token_view(row, ZULU)


def list_view(row: Object, budget: Object | None, permission: Object | None) -> Object:
    """One live row of ``/key/list?return_full_object=true``; it shows the permission without its relations."""
    relations: Object = {"litellm_budget_table": budget_view(budget, ZULU), "object_permission": permission}
    return token_view(row) | relations | _CALLER_COLUMNS


def deleted_view(row: Object, suffix: str) -> Object:
    """An archived row; LiteLLM loses its ``budget_limits`` on the way."""
    return _token_view(row, suffix) | {"organization_id": row["organization_id"], "budget_limits": None}


def budget_view(budget: Object | None, suffix: str) -> Json:
    """``litellm_budget_table``."""
    return column_times(budget, suffix) | dict.fromkeys(_BUDGET_RELATIONS) if budget is not None else None


def permission_view(permission: Object | None) -> Json:
    """``object_permission`` as ``/key/info`` and ``/key/update`` show it."""
    return permission | dict.fromkeys(_PERMISSION_RELATIONS) if permission is not None else None


def window_usage(row: Object) -> Object:
    """``budget_limits_usage``: the spend in each budget window, if there are any. Here a window holds all spend."""
    windows = row["budget_limits"]
    if not isinstance(windows, list) or not windows:
        return {}
    spend = number(row, "spend")
    durations = [str(window["budget_duration"]) for window in windows if isinstance(window, dict)]
    return {"budget_limits_usage": {duration: {"current_spend": spend} for duration in durations}}


def tokens(rows: Iterable[Object]) -> list[Json]:
    """The tokens of ``rows``, in their order."""
    return [row["token"] for row in rows]


def _token_view(row: Object, suffix: str) -> Object:
    shown = {name: value for name, value in column_times(row, suffix).items() if name not in _NOT_IN_TOKEN_VIEW}
    relations: Object = {"litellm_budget_table": None, "object_permission": None, "org_id": row["organization_id"]}
    return shown | relations


def column_times(row: Object, suffix: str) -> Object:
    """A row with its timestamps spelled."""
    return {
        name: spelled(EPOCH + timedelta(milliseconds=value), suffix)
        if name in _TIMES and isinstance(value, int)
        else value
        for name, value in row.items()
    }
