"""The sandbox without a transport: a request goes in, a response comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import format_datetime
from enum import Enum, auto
from pathlib import Path
from urllib.parse import urlencode

from vkstate.sandbox.auth import Caller, authenticated, only_admin
from vkstate.sandbox.context import Context, Route
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object
from vkstate.sandbox.refusals import RefusalError, fastapi_refusal
from vkstate.sandbox.routes import models, read, server, teams
from vkstate.sandbox.routes.delete import delete_keys
from vkstate.sandbox.routes.generate import generate_key
from vkstate.sandbox.routes.update import block_key, regenerate_key, unblock_key, update_key
from vkstate.sandbox.settings import LITELLM_VERSION, Settings
from vkstate.sandbox.store import Store
from vkstate.sandbox.values import InvalidError


class _For(Enum):
    ANYONE = auto()
    ANY_KEY = auto()
    ADMIN = auto()


@dataclass(frozen=True)
class _Endpoint:
    method: str
    open_to: _For
    route: Route


_REGENERATE = re.compile(r"/key/.+/regenerate")
_NOBODY = Caller(token="", row=None)
_QUERIES = read.QUERIES | models.QUERIES | teams.QUERIES


def _openapi(_context: Context, _request: Request, _caller: Caller) -> Response:
    paths: Object = {path: _described(path, endpoint) for path, endpoint in _ENDPOINTS.items() if path not in _HIDDEN}
    info: Json = {"title": "LiteLLM API", "version": LITELLM_VERSION}
    return json_response({"openapi": "3.1.0", "info": info, "paths": paths})


def _described(path: str, endpoint: _Endpoint) -> Json:
    parameters: list[Json] = [{"name": name, "in": "query"} for name in _QUERIES.get(path, ())]
    return {endpoint.method.lower(): {"parameters": parameters}}


_HIDDEN = frozenset({"/v2/key/info", "/openapi.json", "/routes"})
_ENDPOINTS = {
    "/health/liveliness": _Endpoint("GET", _For.ANYONE, server.alive),
    "/health/liveness": _Endpoint("GET", _For.ANYONE, server.alive),
    "/health/readiness": _Endpoint("GET", _For.ANYONE, server.ready),
    "/health/readiness/details": _Endpoint("GET", _For.ADMIN, server.ready_details),
    "/openapi.json": _Endpoint("GET", _For.ANYONE, _openapi),
    "/routes": _Endpoint("GET", _For.ANYONE, server.list_routes),
    "/user/list": _Endpoint("GET", _For.ANY_KEY, server.list_users),
    "/key/generate": _Endpoint("POST", _For.ADMIN, generate_key),
    "/key/update": _Endpoint("POST", _For.ADMIN, update_key),
    "/key/delete": _Endpoint("POST", _For.ADMIN, delete_keys),
    "/key/block": _Endpoint("POST", _For.ADMIN, block_key),
    "/key/unblock": _Endpoint("POST", _For.ADMIN, unblock_key),
    "/key/regenerate": _Endpoint("POST", _For.ADMIN, regenerate_key),
    "/key/list": _Endpoint("GET", _For.ANY_KEY, read.list_keys),
    "/key/aliases": _Endpoint("GET", _For.ADMIN, read.list_aliases),
    "/key/info": _Endpoint("GET", _For.ANY_KEY, read.key_info),
    "/v2/key/info": _Endpoint("POST", _For.ANY_KEY, read.many_keys_info),
    "/budget/info": _Endpoint("POST", _For.ADMIN, read.budgets_info),
    "/team/new": _Endpoint("POST", _For.ADMIN, teams.new_team),
    "/team/delete": _Endpoint("POST", _For.ADMIN, teams.delete_teams),
    "/team/block": _Endpoint("POST", _For.ADMIN, teams.block_team),
    "/team/unblock": _Endpoint("POST", _For.ADMIN, teams.unblock_team),
    "/v2/team/list": _Endpoint("GET", _For.ANY_KEY, teams.list_teams),
    "/models": _Endpoint("GET", _For.ANY_KEY, models.list_models),
    "/v1/models": _Endpoint("GET", _For.ANY_KEY, models.list_models),
    "/model/info": _Endpoint("GET", _For.ANY_KEY, models.models_info),
    "/v1/model/info": _Endpoint("GET", _For.ANY_KEY, models.models_info),
    "/v2/model/info": _Endpoint("GET", _For.ANY_KEY, models.all_models_info),
    "/chat/completions": _Endpoint("POST", _For.ANY_KEY, models.chat),
    "/v1/chat/completions": _Endpoint("POST", _For.ANY_KEY, models.chat),
}


class SandboxApp:
    """A LiteLLM-compatible key server on the SQLite file at ``path``, which is made when it is not there.

    Any number of apps, threads and processes may use one file. Raises SandboxStorageError when the file cannot be used.
    """

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        self._context = Context(Store(path), settings or Settings())

    def respond(self, request: Request) -> Response:
        """Answer ``request`` as LiteLLM 1.105.0 would. Only a fault of the file is raised (SandboxStorageError)."""
        try:
            response = self._routed(request)
        except InvalidError as invalid:
            response = json_response({"detail": invalid.complaints}, status=422)
        except RefusalError as refused:
            answer = json_response(refused.body, status=refused.status)
            response = Response(answer.status, answer.body, answer.headers, close=refused.close)
        date = format_datetime(self._context.settings.clock(), usegmt=True)
        return Response(response.status, response.body, {"date": date, **response.headers}, response.close)

    def _routed(self, request: Request) -> Response:
        path = request.path
        if path.rstrip("/") in _ENDPOINTS and path not in _ENDPOINTS:
            query = f"?{urlencode(request.query)}" if request.query else ""
            return Response(307, b"", {"location": f"{request.origin}{path.rstrip('/')}{query}"})
        endpoint = _ENDPOINTS.get("/key/regenerate" if _REGENERATE.fullmatch(path) else path)
        if endpoint is None:
            raise fastapi_refusal(404, "Not Found")
        if endpoint.method != request.method:
            raise fastapi_refusal(405, "Method Not Allowed")
        return endpoint.route(self._context, request, self._caller(request, endpoint))

    def _caller(self, request: Request, endpoint: _Endpoint) -> Caller:
        if endpoint.open_to is _For.ANYONE:
            return _NOBODY
        caller = authenticated(request, self._context.store, self._context.settings)
        if endpoint.open_to is _For.ADMIN and not caller.is_admin:
            raise only_admin(request.path)
        return caller
