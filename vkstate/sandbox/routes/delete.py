"""``POST /key/delete``: the answer echoes the request (LiteLLM 1.105.0)."""

from __future__ import annotations

from uuid import uuid4

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.bodies import keys_body
from vkstate.sandbox.context import Context
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.jsons import Object, strings
from vkstate.sandbox.refusals import HttpError, worded
from vkstate.sandbox.rows import ADMIN, milliseconds, token_of


def delete_keys(context: Context, request: Request, _caller: Caller) -> Response:
    """Delete by value, token or alias, and archive what was deleted.

    Keys that do not exist are answered as deleted too; only when none exists the answer is 404. With both lists given
    the aliases are ignored.
    """
    body = keys_body(request)
    keys, aliases = strings(body, "keys"), strings(body, "key_aliases")
    deletion: Object = {
        "deleted_at": milliseconds(context.settings.clock()),
        "deleted_by": ADMIN,
        "deleted_by_api_key": "litellm_proxy_master_key",
        "litellm_changed_by": None,
    }
    with context.store.writing() as tables, worded("internal_server_error", None):
        rows = tables.keys([token_of(key) for key in keys] if keys else tables.tokens_of(aliases))
        if not rows:
            raise HttpError(404, {"error": "No keys found"})
        for row in rows:
            tables.archive({**row, **deletion, "id": str(uuid4())})
    return json_response({"deleted_keys": [*(keys or aliases)]})
