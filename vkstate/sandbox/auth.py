"""Who is calling, and what they may call: the answers of LiteLLM 1.105.0 to callers without a user row.

It is stricter in one thing: LiteLLM lets a key through to management paths that its ``allowed_routes`` name themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vkstate.sandbox.exchange import Request
from vkstate.sandbox.jsons import Object, number, strings, text, whole
from vkstate.sandbox.refusals import RefusalError, fastapi_refusal, refusal
from vkstate.sandbox.rows import EPOCH, has_passed, name_of, token_of
from vkstate.sandbox.settings import Settings
from vkstate.sandbox.store import Store

LLM_PATHS = frozenset({"/models", "/v1/models", "/chat/completions", "/v1/chat/completions"})
"""Where a spent budget refuses a key."""

_MODEL_INFO_PATHS = frozenset({"/model/info", "/v1/model/info"})
_ROUTE_GROUPS: Mapping[str, frozenset[str]] = {
    "llm_api_routes": LLM_PATHS | _MODEL_INFO_PATHS,
    "info_routes": _MODEL_INFO_PATHS
    | {"/models", "/v1/models", "/v2/model/info", "/key/info", "/v2/key/info", "/key/list"},
    "management_routes": _MODEL_INFO_PATHS
    | {"/key/generate", "/key/update", "/key/delete", "/key/info", "/key/list", "/key/aliases", "/key/block"}
    | {"/key/unblock", "/key/regenerate", "/user/list"},
}


@dataclass(frozen=True)
class Caller:
    """Who is calling: the master key (``row`` is None), or a virtual key with its row."""

    token: str
    row: Object | None

    @property
    def is_admin(self) -> bool:
        """Whether it is the master key: without user rows no other caller is an admin."""
        return self.row is None

    def may_read(self, row: Object) -> bool:
        """Whether ``row`` may be shown: all of them to the admin, else those of the same user (or all without one)."""
        return self.row is None or row["token"] == self.token or row["user_id"] == self.row["user_id"]


def authenticated(request: Request, store: Store, settings: Settings) -> Caller:
    """The caller. Raises RefusalError (401, 403 or 422) for one who may not call this route at all."""
    key = _presented_key(request)
    if key == settings.master_key:
        return Caller(token_of(key), None)
    if not key.startswith("sk-"):
        raise _unauthorized(f"LiteLLM Virtual Key expected. Received={masked(key)}, expected to start with 'sk-'.")
    token = token_of(key)
    with store.reading() as tables:
        row = tables.key(token)
        team = tables.team(str(row["team_id"])) if row is not None else None
    if row is None:
        raise refusal(
            401,
            f"Authentication Error, Invalid proxy server token passed. Received API Key = {name_of(key)}, Key Hash "
            f"(Token) ={token}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`",
            "token_not_found_in_db",
            "key",
        )
    _check_alive(row, settings.clock())
    if team is not None and team["blocked"] is True:
        who = f"Team={team['team_id']} is blocked."
        raise _unauthorized(f"Authentication Error, {who} Update via `/team/unblock` if you're an admin.")
    _check_route(row, request.path)
    _check_budget(row, request.path)
    return Caller(token, row)


def only_admin(path: str) -> RefusalError:
    """The answer to a caller who is not an admin on a route that is only for one."""
    return _unauthorized(
        "Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys/users/teams. "
        f"Route={path}. Your role=unknown. Your user_id=*******"
    )


def masked(value: str) -> str:
    """A refused value as LiteLLM shows it: its ends, or nothing of a short one."""
    return f"{value[:4]}****{value[-4:]}" if len(value) > 8 else "****"


def _presented_key(request: Request) -> str:
    own_header = request.headers.get("x-litellm-api-key")
    if own_header:
        return own_header.removeprefix("Bearer ")
    header = request.headers.get("authorization")
    if header:
        scheme, _, key = header.partition(" ")
        if not key or scheme.lower() not in ("bearer", "basic"):
            raise _unauthorized("Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix.")
        return key
    plain = request.headers.get("x-api-key")
    if not plain:
        raise _unauthorized("Authentication Error, No api key passed in.")
    return plain


def _check_alive(row: Object, now: datetime) -> None:
    if row["blocked"] is True:
        raise _unauthorized("Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.")
    expires = whole(row, "expires")
    if expires is not None and has_passed(expires, now):
        expiry = EPOCH + timedelta(milliseconds=expires)
        raise refusal(
            401,
            f"Authentication Error - Expired Key. Key Expiry time {expiry} and current time {now}",
            "expired_key",
            text(row, "key_name"),
        )


def _check_route(row: Object, path: str) -> None:
    allowed = strings(row, "allowed_routes")
    if allowed and not any(_covers(route, path) for route in allowed):
        raise fastapi_refusal(
            403,
            f"Virtual key is not allowed to call this route. Only allowed to call routes: {allowed}. "
            f"Tried to call route: {path}",
        )


def _covers(route: str, path: str) -> bool:
    if route.endswith("*"):
        return path.startswith(route[:-1])
    return path in _ROUTE_GROUPS.get(route, {route})


def _check_budget(row: Object, path: str) -> None:
    spend, limit = number(row, "spend"), number(row, "max_budget")
    if path in LLM_PATHS and spend is not None and limit is not None and spend >= limit:
        who = f"{row['key_alias'] or 'key'} ({row['key_name']})"
        sentence = f"Budget has been exceeded! Key={who} Current cost: {spend}, Max budget: {limit}"
        raise refusal(422, sentence, "budget_exceeded", None)


def _unauthorized(message: str) -> RefusalError:
    return refusal(401, message, "auth_error", "None")
