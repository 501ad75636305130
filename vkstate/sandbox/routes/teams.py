"""Teams, as far as keys have to do with them: ``/team/new``, ``/v2/team/list``, ``/team/delete`` (LiteLLM 1.105.0)."""

from __future__ import annotations

from uuid import uuid4

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.bodies import block_team_body, team_body, teams_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object, mapping, number, strings, text, whole
from vkstate.sandbox.refusals import HttpError, fastapi_refusal, model_denied, worded
from vkstate.sandbox.rows import ADMIN, ZULU, column_times, milliseconds
from vkstate.sandbox.store import Tables
from vkstate.sandbox.values import Parser, fields, within
from vkstate.sandbox.values import text as a_text

_LIST_QUERY: dict[str, Parser] = {
    **dict.fromkeys(("user_id", "organization_id", "team_id", "team_alias"), a_text),
    "page": within(1),
    "page_size": within(1, 100),
    **dict.fromkeys(("sort_by", "sort_order", "status"), a_text),
}

QUERIES = {"/v2/team/list": tuple(_LIST_QUERY)}
"""The query parameters of each path, as ``/openapi.json`` shows them."""

_ALL = frozenset({"all-proxy-models", "*"})


def new_team(context: Context, request: Request, _caller: Caller) -> Response:
    """Create a team; the caller is its admin. A second one under the same id is refused, not under the same alias."""
    body = team_body(request)
    team_id = text(body, "team_id") or str(uuid4())
    row = _new_row(team_id, body, milliseconds(context.settings.clock()))
    with context.store.writing() as tables, worded("internal_server_error", None):
        if tables.team(team_id) is not None:
            taken = f"Team id = {team_id} already exists. Please use a different team id."
            raise HttpError(400, {"error": taken})
        tables.save_team(row)
    return json_response(_shown(row))


def list_teams(context: Context, request: Request, caller: Caller) -> Response:
    """One page of the teams, the newest first; to the admin only."""
    if not caller.is_admin:
        words = "Only admin users can query all teams/other teams. Your user role=internal_user"
        raise fastapi_refusal(401, {"error": words})
    query = fields(request.query, _LIST_QUERY, None, ("query",))
    page, size = whole(query, "page") or 1, whole(query, "page_size") or 10
    with context.store.reading() as tables:
        found = [row for row in tables.teams() if _is_asked(row, query)]
        shown = found[(page - 1) * size : page * size]
        counts = {str(row["team_id"]): len(tables.tokens_of_team(str(row["team_id"]))) for row in shown}
    teams: list[Json] = [_shown(row) | _counted(row, counts[str(row["team_id"])]) for row in shown]
    paging: Object = {"total": len(found), "page": page, "page_size": size, "total_pages": -(-len(found) // size)}
    return json_response({"teams": teams, **paging})


def delete_teams(context: Context, request: Request, _caller: Caller) -> Response:
    """Delete teams with all their keys; nothing where one does not exist."""
    ids = strings(teams_body(request), "team_ids")
    deletion: Object = {"deleted_at": milliseconds(context.settings.clock()), "deleted_by": ADMIN}
    with context.store.writing() as tables:
        for team_id in ids:
            if tables.team(team_id) is None:
                raise fastapi_refusal(404, {"error": f"Team not found, passed team_id={team_id}"})
        for team_id in ids:
            for row in tables.keys(tables.tokens_of_team(team_id)):
                tables.archive({**row, **deletion, "id": str(uuid4())})
            tables.drop_team(team_id)
    return json_response({"deleted_teams": [*ids]})


def block_team(context: Context, request: Request, _caller: Caller) -> Response:
    """Block a team, and with it every key of it; the answer is its row."""
    return _set_blocked(context, request, blocked=True)


def unblock_team(context: Context, request: Request, _caller: Caller) -> Response:
    """Unblock a team; the answer is its row."""
    return _set_blocked(context, request, blocked=False)


def _set_blocked(context: Context, request: Request, *, blocked: bool) -> Response:
    team_id = str(block_team_body(request)["team_id"])
    with context.store.writing() as tables:
        row = tables.team(team_id)
        if row is None:
            raise fastapi_refusal(404, {"error": f"Team not found, passed team_id={team_id}"})
        row |= {"blocked": blocked, "updated_at": milliseconds(context.settings.clock())}
        tables.save_team(row)
    return json_response(_shown(row) | dict.fromkeys(("litellm_organization_table", "projects")))


def existing_team(tables: Tables, team_id: Json) -> Object | None:
    """The team that a key names, or None where it names none.

    :raises HttpError: 404, it names one that does not exist.
    """
    if not team_id:
        return None
    row = tables.team(str(team_id))
    if row is None:
        words = f"Team doesn't exist in db. Team={team_id}. Create team via `/team/new` call."
        raise HttpError(404, {"error": words})
    return row


def has_model(team: Object | None, model: Json) -> bool:
    """Whether a team has a model; without a team, or without models of the team's, every one."""
    models = strings(team, "models") if team is not None else []
    names = {str(model), f"openai/{model}"}
    return (
        not models
        or not _ALL.isdisjoint(models)
        or any(
            name == entry or (entry.endswith("*") and name.startswith(entry[:-1])) for entry in models for name in names
        )
    )


def check_move(row: Object, team: Object) -> None:
    """Refuse to move a key, as it is, into a team whose models or limits it exceeds, or of which its user is no member.

    :raises HttpError: 403.
    :raises RefusalError: 403, for the models.
    """
    for model in strings(row, "models"):
        if model != "all-team-models" and not has_model(team, model):
            raise model_denied("team", model)
    tpm, rpm = number(row, "tpm_limit"), number(row, "rpm_limit")
    if tpm is not None:
        for name, limit in (("tpm_limit", tpm), ("rpm_limit", rpm)):
            most = number(team, name)
            if limit is not None and most and limit > most:
                said = (
                    f"Key={row['token']} has a {name}={row[name]} which is greater than the team's {name}={team[name]}."
                )
                raise HttpError(403, said)
    members = team["members_with_roles"]
    users = (
        [member.get("user_id") for member in members if isinstance(member, dict)] if isinstance(members, list) else []
    )
    if row["user_id"] is not None and row["user_id"] not in users:
        user, team_id = row["user_id"], team["team_id"]
        raise HttpError(403, f"User={user} is not a member of the team={team_id}. Check team members via `/team/info`.")


def _new_row(team_id: str, body: Object, now: int) -> Object:
    sent = body.get("members_with_roles")
    members: list[Json] = (
        [_member(member) for member in sent if isinstance(member, dict)] if isinstance(sent, list) else []
    )
    if not any(isinstance(member, dict) and member["user_id"] == ADMIN for member in members):
        members.append({"user_id": ADMIN, "user_email": None, "role": "admin"})
    # fmt: off
    return {
        "team_alias": body.get("team_alias"), "team_id": team_id, "organization_id": None, "admins": [], "members": [],
        "members_with_roles": members, "team_member_permissions": [], "metadata": mapping(body, "metadata"),
        "tpm_limit": body.get("tpm_limit"), "rpm_limit": body.get("rpm_limit"), "tpd_limit": None,
        "max_budget": body.get("max_budget"), "soft_budget": None, "budget_duration": None, "budget_limits": None,
        "models": [*strings(body, "models")], "blocked": body.get("blocked") is True, "router_settings": {},
        "access_group_ids": [], "default_team_member_models": [], "spend": 0.0, "max_parallel_requests": None,
        "budget_reset_at": None, "model_id": None, "model_spend": {}, "model_max_budget": {}, "policies": [],
        "allow_team_guardrail_config": False, "litellm_model_table": None, "object_permission": None,
        "object_permission_id": None, "updated_at": now, "created_at": now,
    }
    # fmt: on


def _member(member: Object) -> Object:
    return {"user_id": member.get("user_id"), "user_email": member.get("user_email"), "role": member["role"]}


def _is_asked(row: Object, query: Object) -> bool:
    team_id, alias = text(query, "team_id"), text(query, "team_alias")
    if team_id and row["team_id"] != team_id:
        return False
    return not alias or alias.lower() in str(row["team_alias"] or "").lower()


def _shown(row: Object) -> Object:
    return column_times(row, ZULU)


def _counted(row: Object, keys: int) -> Object:
    members = row["members_with_roles"]
    return {
        "members_count": len(members) if isinstance(members, list) else 0,
        "keys_count": keys,
        **dict.fromkeys(("access_group_models", "access_group_mcp_server_ids", "access_group_agent_ids")),
    }
