"""Models: ``/v1/models``, ``/model/info`` and a chat that answers with a fixed text (LiteLLM 1.105.0)."""

from __future__ import annotations

import hashlib
from uuid import uuid4

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.bodies import json_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Json, Object, number, strings
from vkstate.sandbox.refusals import RefusalError, model_denied, refusal, unforeseen, worded
from vkstate.sandbox.routes.teams import existing_team, has_model
from vkstate.sandbox.rows import milliseconds
from vkstate.sandbox.settings import LITELLM_VERSION
from vkstate.sandbox.values import boolean, fields

COST_OF_A_CALL = 0.0015
"""What a chat adds to the spend of its key, in dollars; at once, where LiteLLM takes up to some seconds."""

_EVERY_MODEL = "all-proxy-models"
_TEAM_MODELS = "all-team-models"
_ADMITS_ALL = frozenset({_EVERY_MODEL, _TEAM_MODELS, "*"})
_NO_MODEL = "no-default-models"
_QUERY = dict.fromkeys(("return_wildcard_routes", "include_model_access_groups", "only_model_access_groups"), boolean)

QUERIES = {"/v1/models": tuple(_QUERY), "/models": tuple(_QUERY)}
"""The query parameters of each path, as ``/openapi.json`` shows them."""


def list_models(context: Context, request: Request, caller: Caller) -> Response:
    """The names that the caller may use, also those that are not served. There are no access groups here.

    ``openai/*`` stands for the served models that it matches; LiteLLM lists some 200 that it knows.
    """
    query = fields(request.query, _QUERY, None, ("query",))
    wildcards = query.get("return_wildcard_routes") is True
    names = [] if query.get("only_model_access_groups") else _names_of(context, caller, wildcards=wildcards)
    models: list[Json] = [
        {"id": name, "object": "model", "created": 1677610602, "owned_by": "openai"} for name in names
    ]
    return json_response({"data": models, "object": "list"})


def models_info(context: Context, _request: Request, caller: Caller) -> Response:
    """The served models that the caller may use."""
    return json_response({"data": _configured(context, _names_of(context, caller))})


def all_models_info(context: Context, _request: Request, _caller: Caller) -> Response:
    """All served models, whoever calls."""
    models = _configured(context, context.settings.models)
    paging: Object = {"total_count": len(models), "current_page": 1, "total_pages": 1, "size": 50}
    return json_response({"data": models, **paging})


def chat(context: Context, request: Request, caller: Caller) -> Response:
    """A fixed answer from a served model that the key may use; its cost is added to the key."""
    body = json_body(request)
    if not isinstance(body, dict):
        raise unforeseen()
    model = body.get("model")
    if caller.row is not None and model is not None:
        if not _may_use(caller.row, model):
            raise model_denied("key", str(model))
        if not has_model(_team_of(context, caller.row), model):
            raise model_denied("team", str(model))
    if "messages" not in body:
        message = "/chat/completions: Missing required parameter: 'messages'."
        raise refusal(400, message, "invalid_request_error", "messages")
    if not isinstance(model, str) or model not in context.settings.models:
        message = (
            f"/chat/completions: Invalid model name passed in model={model}. "
            "Call `/v1/models` to view available models for your key."
        )
        error: Json = {
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": "400",
            "provider_specific_fields": {"error": message},
        }
        raise RefusalError(400, {"error": error})
    now = milliseconds(context.settings.clock())
    _charge(context, caller.token, now)
    answer: Object = {
        "id": f"chatcmpl-{uuid4()}",
        "created": now // 1000,
        "model": model,
        "object": "chat.completion",
        "choices": [
            {
                "finish_reason": "stop",
                "index": 0,
                "message": {"content": f"hello from {model}", "role": "assistant"},
            }
        ],
        "usage": {"completion_tokens": 20, "prompt_tokens": 10, "total_tokens": 30},
    }
    return json_response(answer, headers={"x-litellm-version": LITELLM_VERSION})


def _names_of(context: Context, caller: Caller, *, wildcards: bool = False) -> list[str]:
    served = list(context.settings.models)
    if caller.row is None:
        return served
    team, allowed = _team_of(context, caller.row), strings(caller.row, "models")
    if _EVERY_MODEL in allowed:
        return served
    if not allowed or _TEAM_MODELS in allowed:
        of_team = strings(team, "models") if team is not None else []
        if not of_team or _EVERY_MODEL in of_team:
            return served
        allowed = of_team
    names: list[str] = []
    for name in allowed:
        if "*" not in name:
            names += [name] if name != _NO_MODEL else []
            continue
        names += [name] if wildcards else []
        names += [model for model in served if name.endswith("/*") and model.startswith(name[:-1])]
    return list(dict.fromkeys(names))


def _team_of(context: Context, row: Object) -> Object | None:
    """The team of a key. A key whose team does not exist may do nothing with models (404)."""
    with context.store.reading() as tables, worded("auth_error", "None"):
        return existing_team(tables, row["team_id"])


def _may_use(row: Object, model: Json) -> bool:
    """Whether the key's list admits the model: by name or by a pattern with a final ``*``; an empty list admits all."""
    allowed = strings(row, "models")
    if not allowed or _ADMITS_ALL.intersection(allowed):
        return True
    names = {str(model), f"openai/{model}"} if str(model).startswith("gpt-") else {str(model)}
    return any(
        used == name or (name.endswith("*") and used.startswith(name[:-1])) for name in allowed for used in names
    )


def _configured(context: Context, names: tuple[str, ...] | list[str]) -> list[Json]:
    return [
        {
            "model_name": name,
            "litellm_params": {"model": name if "/" in name else f"openai/{name}"},
            "model_info": {"id": hashlib.sha256(name.encode()).hexdigest(), "db_model": False},
        }
        for name in names
        if name in context.settings.models
    ]


def _charge(context: Context, token: str, now: int) -> None:
    with context.store.writing() as tables:
        row = tables.key(token)
        if row is not None:  # the master key has no row, and a key may be deleted meanwhile
            spent = {name: (number(row, name) or 0.0) + COST_OF_A_CALL for name in ("spend", "total_spend")}
            tables.save(row | spent | {"last_active": now, "updated_at": now})
