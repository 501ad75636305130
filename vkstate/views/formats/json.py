"""Keys as one JSON document, in the shape of the Ansible collection's result."""

from __future__ import annotations

import json

from vkstate.attributes import Json
from vkstate.expiry import format_instant
from vkstate.views.handouts import Handout, HandoutKey, plain_amount


def as_json(handout: Handout, *, reveal: bool = False) -> str:
    """The keys as one document, ending in a newline. ``key`` is null unless it is revealed and known."""
    document: dict[str, Json] = {
        "proxy": handout.proxy,
        "api_endpoint": handout.api_endpoint,
        "api_base_url": handout.api_base_url,
        "user_count": len(handout.keys),
        "state": handout.state,
        "changed": handout.changed,
        "keys": [key_document(key, reveal=reveal) for key in handout.keys],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def key_document(key: HandoutKey, *, reveal: bool) -> dict[str, Json]:
    """One key of the document."""
    return {
        "alias": key.alias,
        "user": key.user,
        "user_id": key.user_id,
        "key": key.value(reveal=reveal),
        "key_masked": key.key_masked,
        "key_id": key.key_id,
        "models": [*key.models],
        "duration": key.duration,
        "expires_at": None if key.expires_at is None else format_instant(key.expires_at),
        "max_budget": None if key.max_budget is None else plain_amount(key.max_budget),
        "workshop": key.workshop,
        "status": key.status,
    }
