"""``POST /key/update``, ``/key/block``, ``/key/unblock``, and regeneration, which needs a licence (LiteLLM 1.105.0)."""

from __future__ import annotations

import math
import re
from datetime import datetime
from uuid import uuid4

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.bodies import key_body, update_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.durations import next_reset
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object, number, text
from vkstate.sandbox.refusals import ENTERPRISE, HttpError, RefusalError, refusal, worded
from vkstate.sandbox.routes import settled
from vkstate.sandbox.routes.teams import check_move, existing_team
from vkstate.sandbox.rows import (
    ADMIN,
    UTC_OFFSET,
    ZULU,
    column_view,
    milliseconds,
    new_budget,
    permission_view,
    token_of,
    token_view,
)
from vkstate.sandbox.store import Tables

_NULLABLE = (
    "key_alias",
    "max_budget",
    "user_id",
    "team_id",
    "agent_id",
    "max_parallel_requests",
    "tpm_limit",
    "rpm_limit",
    "tpd_limit",
    "budget_id",
    "blocked",
)
_NEVER_NULL = (*settled.LISTS, "spend")
_NEVER_NULL_JSON = (
    "metadata",
    "permissions",
    "aliases",
    "config",
    "model_max_budget",
    "router_settings",
    "budget_fallbacks",
)
_VALID_KEY = re.compile(r"sk-[A-Za-z0-9_-]+|[a-fA-F0-9]{64}")
_LONGEST_KEY = 100


def update_key(context: Context, request: Request, _caller: Caller) -> Response:
    """Merge the sent fields into the row (``metadata`` is replaced whole) and answer with the row."""
    body = update_body(request)
    with worded("auth_error", "None"):
        settled.check_amounts(body)
        token = _addressed(context, body)
        with context.store.reading() as tables:
            row = _existing(tables, token)
            _check(context, tables, body, row)
        try:
            return _updated(context, body, token)
        except (ValueError, OverflowError) as error:
            raise HttpError(400, f"Authentication Error, {error}") from error


def block_key(context: Context, request: Request, _caller: Caller) -> Response:
    """Block the key; the answer is its "verification token"."""
    return json_response(token_view(_set_blocked(context, request, blocked=True)))


def unblock_key(context: Context, request: Request, _caller: Caller) -> Response:
    """Unblock the key; the answer has the shape of the table, unlike that of blocking."""
    return json_response(column_view(_set_blocked(context, request, blocked=False), ZULU))


def regenerate_key(_context: Context, _request: Request, _caller: Caller) -> Response:
    """Refuse: a new value for a key needs a licence."""
    message = f"Regenerating Virtual Keys is an Enterprise feature, {ENTERPRISE}"
    raise refusal(500, message, "internal_server_error", None)


def _addressed(context: Context, body: Object) -> str:
    """The token that an update is for: by value or token, or by an alias that only one key has."""
    key, alias = text(body, "key"), text(body, "key_alias")
    if key is not None or alias is None:
        return token_of(key or "")
    with context.store.reading() as tables:
        tokens = tables.tokens_of([alias])
    if not tokens:
        message = f"Key not found. No key with key_alias='{alias}'."
        raise refusal(404, message, "not_found_error", "key_alias")
    if len(tokens) > 1:
        message = f"Multiple keys share key_alias='{alias}', so it cannot be used as an identifier."
        raise refusal(400, message, "bad_request_error", "key_alias")
    body["key"] = tokens[0]
    return tokens[0]


def _existing(tables: Tables, token: str) -> Object:
    row = tables.key(token)
    if row is None:
        raise _not_found()
    return row


def _not_found() -> RefusalError:
    return refusal(404, "Key not found.", "not_found_error", "key")


def _check(context: Context, tables: Tables, body: Object, row: Object) -> None:
    """What LiteLLM looks at before it changes anything. A key of a team that it does not know cannot be changed."""
    spend = number(body, "spend")
    if spend is not None and not math.isfinite(spend):
        raise HttpError(400, {"error": f"spend must be a finite number. Received: {spend}"})
    settled.check_budget_duration(body, context.settings.clock)
    settled.check_references(tables, body, row)
    project = body.get("project_id")
    if project is not None and project != row["project_id"]:
        raise HttpError(400, "Project reassignment is not supported. Use null to detach the key.")
    team = existing_team(tables, body.get("team_id") or row["team_id"])
    if team is not None and body.get("team_id") not in (None, row["team_id"]):
        check_move(row, team)
    if body.get("organization_id") is not None:
        raise HttpError(
            400,
            f"Authentication Error, Organization doesn't exist in db. Organization={body['organization_id']}. "
            "Create organization via `/organization/new` call.",
        )


def _updated(context: Context, body: Object, token: str) -> Response:
    now = context.settings.clock()
    additions = settled.folded(body)
    changes = _scalar_changes(body, now)
    settled.check_model_max_budget(body)
    alias = text(body, "key_alias")
    with context.store.reading() as tables:
        if alias != _existing(tables, token)["key_alias"]:
            settled.check_alias_is_safe(alias)
        if alias is not None and any(other != token for other in tables.tokens_of([alias])):
            raise settled.duplicate_alias(alias)
    with context.store.writing() as tables:
        row = _existing(tables, token)
        metadata = body["metadata"] if "metadata" in body else row["metadata"]
        _check_database_takes(tables, body)
        row |= changes
        row["metadata"] = metadata | additions if isinstance(metadata, dict) else metadata
        row["object_permission_id"] = settled.permission_id(tables, body, row["object_permission_id"])
        if "soft_budget" in body:
            row["budget_id"] = _soft_budget_id(tables, row["budget_id"], number(body, "soft_budget"), now)
        row = settled.as_stored(row | _touched(now))
        tables.save(row)
        shown = permission_view(tables.permission(row["object_permission_id"]))
    return json_response({"key": body["key"], **column_view(row, UTC_OFFSET), "object_permission": shown})


def _scalar_changes(body: Object, now: datetime) -> Object:
    changes = {name: body[name] for name in settled.COLUMNS if body.get(name) is not None}
    changes |= {name: None for name in _NULLABLE if name in body and body[name] is None}
    changes |= {name: body[name] for name in ("auto_rotate", "rotation_interval") if name in body}
    changes |= settled.rotation(body, now)
    if "duration" in body:
        duration = text(body, "duration")
        if duration is None or duration == "-1":
            changes["expires"] = None
        elif duration:
            changes["expires"] = milliseconds(settled.expiry(duration, now))
    if "budget_duration" in body:
        budget_duration = text(body, "budget_duration")
        changes["budget_duration"] = budget_duration
        changes["budget_reset_at"] = None if budget_duration is None else milliseconds(next_reset(budget_duration, now))
    if "budget_limits" in body:
        changes["budget_limits"] = settled.windows(body, now) or None
    return changes


def _check_database_takes(tables: Tables, body: Object) -> None:
    """Refuse what Prisma or PostgreSQL refuse, in their words (400)."""
    for name in _NEVER_NULL:
        if name in body and body[name] is None:
            missing = f"`data.{name}`: A value is required but not set"
            raise HttpError(400, _unmatched(missing, missing))
    for name in _NEVER_NULL_JSON:
        if name in body and body[name] is None:
            sentence = f"Unable to match input value to any allowed input type for the field {name}."
            raise HttpError(400, f"Authentication Error, Failed to validate the query: {sentence}")
    wrong = settled.wrong_list(body)
    if wrong is not None:
        sentence = f"Invalid argument type. `{wrong}` should be of any of the following types:"
        strings = f"{sentence} `String`"
        raise HttpError(400, _unmatched(f"{sentence} `LiteLLM_VerificationTokenUpdate{wrong}Input`", strings))
    too_large = settled.beyond_int32(body)
    if too_large is not None:
        raise HttpError(
            400,
            "Authentication Error, Error occurred during query execution:\nConnectorError(ConnectorError { "
            'user_facing_error: None, kind: QueryError(PostgresError { code: "22003", message: "value \\"'
            f'{too_large}\\" is out of range for type integer", severity: "ERROR", detail: None, column: None, '
            "hint: None }), transient: false })",
        )
    if body.get("budget_id") is not None and tables.budget(body["budget_id"]) is None:
        constraint = "`LiteLLM_VerificationToken_budget_id_fkey (index)`"
        raise HttpError(400, f"Authentication Error, Foreign key constraint failed on the field: {constraint}")


def _unmatched(*parse_errors: str) -> str:
    unable = "Unable to match input value to any allowed input type for the field. Parse errors:"
    twice = f"{unable} [{', '.join(parse_errors)}]"
    return f"Authentication Error, {unable} [{twice}, {twice}]"


def _soft_budget_id(tables: Tables, budget_id: Json, soft_budget: float | None, now: datetime) -> Json:
    """Set the soft budget of the key's budget row, making one where there is none; clearing keeps the row."""
    budget = tables.budget(budget_id)
    if budget is None and soft_budget is None:
        return None
    changed = milliseconds(now)
    if budget is None:
        budget = new_budget(str(uuid4()), soft_budget, changed, model_max_budget=None)
    tables.save_budget(budget | {"soft_budget": soft_budget, "updated_at": changed})
    return budget["budget_id"]


def _set_blocked(context: Context, request: Request, *, blocked: bool) -> Object:
    key = str(key_body(request)["key"])
    if len(key) > _LONGEST_KEY or _VALID_KEY.fullmatch(key) is None:
        raise refusal(400, "Invalid key format.", "bad_request_error", "key")
    with context.store.writing() as tables:
        row = _existing(tables, token_of(key)) | {"blocked": blocked} | _touched(context.settings.clock())
        tables.save(row)
    return row


def _touched(now: datetime) -> Object:
    changed = milliseconds(now)
    return {"updated_at": changed, "updated_by": ADMIN, "settings_updated_at": changed}
