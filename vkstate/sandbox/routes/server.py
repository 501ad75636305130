"""What a LiteLLM proxy says about itself: health, version, routes, and the list of users that only an admin gets."""

from __future__ import annotations

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.context import Context
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json
from vkstate.sandbox.refusals import fastapi_refusal
from vkstate.sandbox.settings import LITELLM_VERSION

_HEALTH: dict[str, Json] = {"status": "healthy", "db": "connected"}


def alive(_context: Context, _request: Request, _caller: Caller) -> Response:
    """That the process answers."""
    return json_response("I'm alive!")


def ready(_context: Context, _request: Request, _caller: Caller) -> Response:
    """That the database answers; 1.105.0 does not tell its version here."""
    return json_response(_HEALTH)


def ready_details(_context: Context, _request: Request, _caller: Caller) -> Response:
    """The same with the version, for an admin."""
    return json_response({**_HEALTH, "cache": None, "litellm_version": LITELLM_VERSION, "success_callbacks": []})


def list_routes(_context: Context, _request: Request, _caller: Caller) -> Response:
    """The routes of FastAPI itself. Recent releases of it do not list those of included routers, all ``/key`` ones
    among them, so that the absence of a path proves nothing; ``/openapi.json`` has them.
    """
    route: Json = {"path": "/openapi.json", "methods": ["GET", "HEAD"], "name": "openapi", "endpoint": "openapi"}
    return json_response({"routes": [route]})


def list_users(_context: Context, _request: Request, caller: Caller) -> Response:
    """No users, to the admin; to others 403. That is how a client tells the two apart."""
    if not caller.is_admin:
        raise fastapi_refusal(403, {"error": "Only proxy admins and organization admins can list users."})
    return json_response({"users": [], "total": 0, "page": 1, "page_size": 25, "total_pages": 0})
