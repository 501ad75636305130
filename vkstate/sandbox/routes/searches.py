"""The filters and orders of ``/key/list`` and ``/key/aliases`` as SQL (LiteLLM 1.105.0 on PostgreSQL)."""

from __future__ import annotations

from datetime import datetime, timedelta

from vkstate.sandbox.jsons import Json, Object, text
from vkstate.sandbox.refusals import HttpError
from vkstate.sandbox.rows import EPOCH
from vkstate.sandbox.store import Search

_SORTABLE = ("spend", "max_budget", "created_at", "updated_at", "token", "key_alias")
_EXACT = ("team_id", "organization_id", "project_id", "agent_id")
_NEWEST_FIRST = "created_at DESC, token DESC"
_LIVES = "(expires IS NULL OR expires >= ?)"
_LIVED = "(expires IS NOT NULL AND expires < ?)"
_NOT_BLOCKED = "coalesce(blocked, 0) = 0"


def sort_order(query: Object) -> str:
    """The order of a listing. Raises HttpError (400) for another column or direction.

    The default order is total. An order by column has no tie-break, so pages with equal values may lose and repeat
    rows: PostgreSQL then gives them in any order, and so does this.
    """
    column, direction = text(query, "sort_by"), (text(query, "sort_order") or "desc").lower()
    if column is None:
        return _NEWEST_FIRST
    if column not in _SORTABLE:
        raise HttpError(400, {"error": f"Invalid sort column. Must be one of: {', '.join(_SORTABLE)}"})
    if direction not in ("asc", "desc"):
        raise HttpError(400, {"error": "Invalid sort order. Must be 'asc' or 'desc'"})
    nulls = "LAST" if direction == "asc" else "FIRST"
    return f"{column} {direction} NULLS {nulls}, random()"


def list_search(query: Object, order: str, now: datetime, page: int, size: int) -> Search:
    """The search of ``/key/list``. All filters must hold; an empty one is none."""
    sent = {name: value for name, value in query.items() if value not in (None, "")}
    moment = (now - EPOCH) / timedelta(milliseconds=1)
    substring = sent.get("substring_matching") is True
    conditions: list[tuple[str, list[Json]]] = [
        _contains(name, sent[name]) if substring else (f"{name} = ?", [sent[name]])
        for name in ("key_alias", "user_id")
        if name in sent
    ]
    if "key_hash" in sent:
        conditions.append(("token = ?", [sent["key_hash"]]))
    if "search" in sent:
        contains, values = _contains("key_alias", sent["search"])
        conditions.append((f"(token = ? OR {contains})", [sent["search"], *values]))
    conditions += [(f"{name} = ?", [sent[name]]) for name in _EXACT if name in sent]
    if "access_group_id" in sent:
        group = "EXISTS (SELECT 1 FROM json_each(row, '$.access_group_ids') WHERE value = ?)"
        conditions.append((group, [sent["access_group_id"]]))
    if "expires" in sent:
        conditions.append((_LIVES if sent["expires"] == "active" else _LIVED, [moment]))
    conditions += _of_status(text(sent, "status"), moment)
    return Search(
        conditions=[condition for condition, _ in conditions],
        values=[value for _, values in conditions for value in values],
        order=order,
        limit=size,
        offset=(page - 1) * size,
        deleted=sent.get("status") == "deleted",
    )


def aliases_search(query: Object, page: int, size: int) -> Search:
    """The search of ``/key/aliases``: keys that have an alias, in its order."""
    conditions: list[str] = ["key_alias IS NOT NULL", "key_alias != ''"]
    values: list[Json] = []
    if query.get("search"):
        contains, found = _contains("key_alias", query["search"])
        conditions.append(contains)
        values += found
    if query.get("team_id"):
        conditions.append("team_id = ?")
        values.append(query["team_id"])
    return Search(conditions, values, "key_alias, token", size, (page - 1) * size)


def _contains(column: str, value: Json) -> tuple[str, list[Json]]:
    """Contains, whatever the case; ``%`` and ``_`` in the value are wildcards, as LiteLLM lets them through."""
    return f"{column} LIKE ? ESCAPE '\\'", [f"%{value}%"]


def _of_status(status: str | None, moment: float) -> list[tuple[str, list[Json]]]:
    if status == "revoked":
        return [("blocked = 1", [])]
    if status in ("active", "expired"):
        return [(_NOT_BLOCKED, []), (_LIVES if status == "active" else _LIVED, [moment])]
    return []
