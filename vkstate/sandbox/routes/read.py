"""``/key/info``, ``/v2/key/info``, ``/key/list``, ``/key/aliases`` and ``/budget/info`` (LiteLLM 1.105.0)."""

from __future__ import annotations

from datetime import datetime

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.bodies import budgets_body, keys_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object, strings, whole
from vkstate.sandbox.refusals import HttpError, refusal, worded
from vkstate.sandbox.routes.searches import aliases_search, list_search, sort_order
from vkstate.sandbox.rows import (
    UTC_OFFSET,
    ZULU,
    budget_view,
    column_view,
    deleted_view,
    has_passed,
    list_view,
    permission_view,
    token_of,
    window_usage,
)
from vkstate.sandbox.store import Tables
from vkstate.sandbox.values import Parser, boolean, fields, text, within

_LIST_QUERY: dict[str, Parser] = {
    "page": within(1),
    "size": within(1, 100),
    **dict.fromkeys(("user_id", "team_id", "organization_id", "key_hash", "key_alias", "search"), text),
    "return_full_object": boolean,
    "sort_by": text,
    "sort_order": text,
    **dict.fromkeys(("status", "project_id", "access_group_id", "agent_id"), text),
    "substring_matching": boolean,
    "expires": text,
}
_ALIASES_QUERY: dict[str, Parser] = {"page": within(1), "size": within(1, 100), "search": text, "team_id": text}

QUERIES = {"/key/list": tuple(_LIST_QUERY), "/key/aliases": tuple(_ALIASES_QUERY), "/key/info": ("key",)}
"""The query parameters of each path, as ``/openapi.json`` shows them."""

_STATUSES = ("active", "expired", "revoked", "deleted")
_EXPIRIES = ("active", "expired")


def key_info(context: Context, request: Request, caller: Caller) -> Response:
    """One key, or the caller's own. A deleted one is 200 with status ``deleted``, as its archive kept it."""
    key = request.query.get("key") or caller.token
    token = token_of(key)
    with context.store.reading() as tables, worded("internal_server_error", None):
        live = tables.key(token)
        row = live or tables.archived(token)
        if row is None:
            raise refusal(404, "Key not found in database", "not_found_error", "key")
        if not caller.may_read(row):
            raise HttpError(403, "You are not allowed to access this key's info. Your role=internal_user")
        if live is None:
            info = deleted_view(row, UTC_OFFSET) | {"status": "deleted"}
        else:
            info = _info(tables, row) | {"status": _status(row, context.settings.clock())}
        info["object_permission"] = permission_view(tables.permission(row["object_permission_id"]))
    del info["token"]
    return json_response({"key": key, "info": info})


def many_keys_info(context: Context, request: Request, caller: Caller) -> Response:
    """The live ones among many keys: without their tokens, unknown ones left out, the most expensive first."""
    if not request.body:
        raise refusal(422, "{'message': 'Malformed request. No keys passed in.'}", "internal_server_error", None)
    body = keys_body(request)
    with context.store.reading() as tables:
        wanted = [token_of(key) for key in strings(body, "keys")] + tables.tokens_of(strings(body, "key_aliases"))
        infos = [_info(tables, row) for row in tables.keys(wanted) if caller.may_read(row)]
    for info in infos:
        del info["token"]
    return json_response({"key": body.get("keys"), "info": [*infos]})


def budgets_info(context: Context, request: Request, _caller: Caller) -> Response:
    """The budgets that exist among many; unknown ones are left out."""
    wanted = budgets_body(request)
    with context.store.reading() as tables:
        found = [budget_view(tables.budget(budget_id), ZULU) for budget_id in dict.fromkeys(wanted)]
    return json_response([budget for budget in found if budget is not None])


def list_keys(context: Context, request: Request, caller: Caller) -> Response:
    """One page of all keys: tokens, or rows on request. Only for the admin: no virtual key has a user row here."""
    query = fields(request.query, _LIST_QUERY, None, ("query",))
    with worded("internal_server_error", "None"):
        if "status" in query and query["status"] not in _STATUSES:
            supported = ", ".join(f"'{status}'" for status in _STATUSES)
            raise HttpError(400, {"error": f"Invalid status value. Supported: {supported}."})
        if "expires" in query and query["expires"] not in _EXPIRIES:
            raise HttpError(400, {"error": "Invalid expires value. Supported: 'active', 'expired'."})
        if not caller.is_admin:
            message = "You are not authorized to access this endpoint. No 'user_id' is associated with your API key."
            raise refusal(403, message, "bad_request_error", "user_id")
        order = sort_order(query)
    page, size = whole(query, "page") or 1, whole(query, "size") or 10
    wanted = list_search(query, order, context.settings.clock(), page, size)
    with context.store.reading() as tables:
        total, rows = tables.search(wanted)
        keys: list[Json] = (
            [_listed(tables, row, deleted=wanted.deleted) for row in rows]
            if query.get("return_full_object")
            else [row["token"] for row in rows]
        )
    return json_response({"keys": keys, **_paging(total, page, size)})


def list_aliases(context: Context, request: Request, _caller: Caller) -> Response:
    """One page of the aliases in use, in alphabetical order."""
    query = fields(request.query, _ALIASES_QUERY, None, ("query",))
    page, size = whole(query, "page") or 1, whole(query, "size") or 50
    with context.store.reading() as tables:
        total, rows = tables.search(aliases_search(query, page, size))
    aliases: list[Json] = [row["key_alias"] for row in rows]
    return json_response({"aliases": aliases, **_paging(total, page, size), "size": size})


def _info(tables: Tables, row: Object) -> Object:
    budget = budget_view(tables.budget(row["budget_id"]), UTC_OFFSET)
    return column_view(row, UTC_OFFSET) | {"litellm_budget_table": budget} | window_usage(row)


def _listed(tables: Tables, row: Object, *, deleted: bool) -> Object:
    if deleted:
        return deleted_view(row, ZULU)
    return list_view(row, tables.budget(row["budget_id"]), tables.permission(row["object_permission_id"]))


def _status(row: Object, now: datetime) -> str:
    if row["blocked"] is True:
        return "revoked"
    return "expired" if has_passed(whole(row, "expires"), now) else "active"


def _paging(total: int, page: int, size: int) -> Object:
    return {"total_count": total, "current_page": page, "total_pages": -(-total // size)}
