"""The only place where our orders become bodies of ``/key/generate`` and ``/key/update`` (LiteLLM 1.72 to 1.105)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from vkstate.attributes import ATTRIBUTES, STAMP_KEY, Attribute, Home, Json
from vkstate.canonical import permission
from vkstate.executor.ports import CreateOrder, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until
from vkstate.keys import LiveKey
from vkstate.litellm.redaction import SHORTEST_SECRET, texts_in
from vkstate.litellm.rows import FOLDED

_LICENSED: Final = frozenset(
    {"tags", "guardrails", "prompts", "policies", "allowed_passthrough_routes", "disable_global_guardrails"}
)
"""Folded attributes that need LiteLLM's Enterprise licence: also sent under their own name, so that it decides."""

ENTERPRISE: Final = (*sorted(_LICENSED), "model_max_budget")
"""The attributes that LiteLLM keeps for its Enterprise licence, where they hold anything."""

_ROTATION: Final = frozenset({"auto_rotate", "rotation_interval"})
_ONLY_INSIDE: Final = "enforced_params"
"""Folded, but under its own name it fails a create with a 500 (1.72): sent inside ``metadata``, where LiteLLM looks."""


def generate_body(order: CreateOrder, now: datetime) -> dict[str, Json]:
    """The body of ``POST /key/generate``. What is empty is left out: LiteLLM reads both alike.

    :param now: the server's clock, from which an instant is turned into seconds.
    """
    body: dict[str, Json] = {"key_alias": order.alias}
    if order.value:
        body["key"] = order.value.reveal()
    metadata: dict[str, Json] = {}
    permissions: dict[str, Json] = {}
    for path, value in order.declared.items():
        name, _, key = path.partition(".")
        if value in (None, [], {}) and name != "metadata":
            continue
        match name:
            case "metadata":
                metadata |= {key: value} if key else _object(value)
            case "object_permission":
                permissions |= {key: value} if key else _object(value)
            case "extra":
                body |= {key: value} if key else _object(value)
            case _ if name == _ONLY_INSIDE:
                metadata[name] = value
            case _:
                body[name] = value
    body["metadata"] = {**metadata, STAMP_KEY: order.stamp.form()}
    if permissions:
        body["object_permission"] = permissions
    if not isinstance(order.expiry, Never):
        body["duration"] = duration(order.expiry, now)
    return body


def touches_metadata(order: UpdateOrder) -> bool:
    """Whether an update needs the key's metadata, which ``/key/update`` replaces whole (1.72 to 1.105)."""
    folded = {attribute.name for attribute in FOLDED}
    return any(path.partition(".")[0] in folded | {"metadata"} for path in (*order.assign, *order.clear))


def needs_current(order: UpdateOrder) -> bool:
    """Whether the body depends on the key as it is now: on its metadata, the type of what is cleared, or the other half
    of a rotation."""
    unpaired = len(_ROTATION & {*order.assign, *order.clear}) == 1
    return touches_metadata(order) or unpaired or any(path.partition(".")[0] == "extra" for path in order.clear)


def update_body(order: UpdateOrder, current: LiveKey | None, now: datetime) -> dict[str, Json]:
    """The body of ``POST /key/update``: only what is to change, never null for a list or an object.

    :param current: the key as it is now; needed where :func:`needs_current` says so.
    :param now: the server's clock.
    """
    body: dict[str, Json] = {"key": order.sought.token}
    permissions: dict[str, Json] = {}
    shown = current.attributes if current else {}
    for path in sorted(order.clear):
        name, _, key = path.partition(".")
        if name == "object_permission":
            permissions |= {key: permission(key)} if key else {}
        elif name == "extra":
            body |= {} if path in _inside(order, current) else {key: _empty_like(shown.get(path))}
        elif (attribute := ATTRIBUTES.get(name)) and attribute.home is not Home.METADATA and name != "metadata":
            body[name] = attribute.empty
    for path, value in order.assign.items():
        name, _, key = path.partition(".")
        attribute = ATTRIBUTES.get(name)
        if name == "object_permission":
            permissions |= {key: value} if key else _object(value)
        elif name == "extra":
            body |= {key: value} if key else _object(value)
        elif _under_own_name(attribute, value, name):
            body[name] = attribute.empty if attribute and value is None else value
    body |= _rotation(body, shown)
    if touches_metadata(order) or _inside(order, current):
        body["metadata"] = _merged(order, current)
    if permissions:
        body["object_permission"] = permissions
    if order.expiry is not None:
        body["duration"] = duration(order.expiry, now)
    return body


def _under_own_name(attribute: Attribute | None, value: Json, name: str) -> bool:
    if attribute is None or attribute.home is not Home.METADATA:
        return name != "metadata"
    return name in _LICENSED and value not in (None, [], {})


def _rotation(body: Mapping[str, Json], shown: Mapping[str, Json]) -> dict[str, Json]:
    """The half that stays as it is: LiteLLM sets the next rotation only where both are sent (1.80 to 1.105)."""
    sent, other = _ROTATION & body.keys(), _ROTATION - body.keys()
    return {name: shown[name] for name in other if any(body[half] for half in sent) and shown.get(name)}


def _inside(order: UpdateOrder, current: LiveKey | None) -> frozenset[str]:
    """Which ``extra`` paths are to be cleared that LiteLLM keeps inside ``metadata``, not as a field of the row."""
    if current is None:
        return frozenset()
    cleared = (path for path in order.clear if path.partition(".")[0] == "extra" and path not in current.attributes)
    return frozenset(path for path in cleared if path.partition(".")[2] in current.metadata)


def _merged(order: UpdateOrder, current: LiveKey | None) -> dict[str, Json]:
    """The whole metadata: what stands there, without what is cleared, with what is assigned and our stamp, if any."""
    merged = {key: value for key, value in current.metadata.items() if key != STAMP_KEY} if current else {}
    for path in order.clear:
        if key := _metadata_key(path):
            merged.pop(key, None)
    for path in _inside(order, current):
        merged.pop(path.partition(".")[2])
    for path, value in order.assign.items():
        if path == "metadata":
            merged |= _object(value)
        elif key := _metadata_key(path):
            merged[key] = value
            if value in (None, [], {}) and path == key:
                del merged[key]  # a folded attribute that is declared as "none"
    return {**merged, STAMP_KEY: order.stamp.form()} if order.stamp else merged


def _metadata_key(path: str) -> str | None:
    """The key of ``metadata`` that a path stands for."""
    name, _, key = path.partition(".")
    if name == "metadata":
        return key or None
    attribute = ATTRIBUTES.get(name)
    return name if attribute and attribute.home is Home.METADATA else None


def duration(expiry: Expiry, now: datetime) -> str:
    """The ``duration`` that makes a key end as wanted; ``-1`` (``/key/update`` from 1.80 on) for one without an end.

    At least a second: LiteLLM knows nothing shorter that it reads the same way everywhere.
    """
    match expiry:
        case Lasting(seconds):
            return f"{seconds}s"
        case Until(instant):
            return f"{max(1, round((instant - now).total_seconds()))}s"
        case Never():
            return "-1"


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _empty_like(value: Json) -> Json:
    match value:
        case list():
            return []
        case dict():
            return {}
        case bool():
            return False
        case _:
            return None


def hidden_texts(body: Mapping[str, Json], sensitive: Sequence[Json] = ()) -> list[str]:
    """The texts that no message may show besides the key value.

    Of the body those that may be secrets (the user's metadata, ``config``, ``extra``), short words excepted; of the
    sensitive values all, numbers included.
    """
    known = ATTRIBUTES.keys() - {"config"} | {"key", "key_alias", "duration"}
    own = {key: value for key, value in _object(body.get("metadata")).items() if key != STAMP_KEY}
    rest = {key: value for key, value in body.items() if key not in known}
    maybe = (text for text in (*texts_in(own), *texts_in(rest)) if len(text) >= SHORTEST_SECRET)
    return [*maybe, *(text for value in sensitive for text in texts_in(value, numbers=True))]
