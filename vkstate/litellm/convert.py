"""Theirs and ours: the only place where LiteLLM's rows become our nouns, and our orders become bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from vkstate.attributes import ATTRIBUTES, STAMP_KEY, Attribute, Home, Json, Kind, canonical, flatten
from vkstate.executor.ports import CreateOrder, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until
from vkstate.keys import LiveKey, Member, Stamp, Token
from vkstate.litellm.redaction import SHORTEST_SECRET, texts_in
from vkstate.litellm.wire import Row

FOLDED: Final = tuple(item for item in ATTRIBUTES.values() if item.home is Home.METADATA)
_IN_ROW: Final = tuple(item for item in ATTRIBUTES.values() if item.home is Home.ROW and item.kind is not Kind.OPEN)

_ENTERPRISE: Final = frozenset(
    {"tags", "guardrails", "prompts", "policies", "allowed_passthrough_routes", "disable_global_guardrails"}
)
"""Folded attributes that need LiteLLM's Enterprise licence: also sent under their own name, so that it decides."""

# fmt: off
_SERVER_OWNED: Final = frozenset((
    "api_key", "budget_reset_at", "created_by_user", "is_session_token", "jwt_key_mappings", "key", "key_rotation_at",
    "last_refreshed_at", "last_rotation_at", "litellm_organization_table", "litellm_project_table", "model_spend",
    "parent_otel_span", "policies", "request_route", "rotation_count", "settings_updated_at", "soft_budget",
    "soft_budget_cooldown", "status", "token_id", "total_spend", "updated_at", "updated_by", "user",
))
# fmt: on
"""Fields of a row that are LiteLLM's own, or another view of what stands elsewhere: no ``extra`` path."""


def live_key(row: Row, token: Token) -> LiveKey:
    """A row in our words.

    An attribute that the row does not show is missing in the result: the endpoint or the version lacks it, or, as with
    ``soft_budget`` in ``/key/list`` before 1.105, its null says nothing. Folded attributes stand under their own names,
    and under ``metadata`` as well, where a config may have put them.
    """
    metadata = cast("dict[str, Json]", row.metadata or {})  # pydantic's JsonValue is our Json under another name
    return LiveKey(
        token=token,
        alias=row.key_alias,
        attributes=_attributes(row, metadata),
        metadata=metadata,
        stamp=_stamp(metadata),
        created_at=row.created_at,
        expires_at=row.expires,
        spend=row.spend or 0.0,
        created_by=row.created_by,
        key_name=row.key_name,
        last_active=row.last_active,
    )


def _attributes(row: Row, metadata: Mapping[str, Json]) -> dict[str, Json]:
    there = row.model_fields_set
    shown: dict[str, Json] = {}
    for attribute in _IN_ROW:
        name = attribute.name
        if name in there:
            shown[name] = canonical(name, getattr(row, name))
    if row.listed and "organization_id" not in there:
        shown["organization_id"] = canonical("organization_id", row.org_id)
    if row.litellm_budget_table is not None:
        shown["soft_budget"] = canonical("soft_budget", row.litellm_budget_table.soft_budget)
    elif "budget_id" in there and row.budget_id is None:
        shown["soft_budget"] = None
    for attribute in FOLDED:
        if attribute.name in metadata:
            shown[attribute.name] = canonical(attribute.name, metadata[attribute.name])
    shown |= flatten("metadata", {key: value for key, value in metadata.items() if key != STAMP_KEY})
    shown |= _permissions(row)
    shown |= _extra(row)
    return shown


def _permissions(row: Row) -> dict[str, Json]:
    """``object_permission`` by its keys; ``/v2/key/info`` shows only its id."""
    inner = cast("dict[str, Json]", row.object_permission or {})
    own: Json = {key: value for key, value in inner.items() if key != "object_permission_id" and value is not None}
    return flatten("object_permission", own)


def _extra(row: Row) -> dict[str, Json]:
    """Fields that no attribute stands for. What is empty in ``/key/list`` may be only a default there."""
    unknown = cast("dict[str, Json]", row.model_extra or {})
    return {
        f"extra.{key}": canonical(key, value)
        for key, value in unknown.items()
        if key not in _SERVER_OWNED and (value or not row.listed)
    }


def _stamp(metadata: Mapping[str, Json]) -> Stamp | None:
    """Our mark; what does not look like one is somebody else's, and none."""
    mark = metadata.get(STAMP_KEY)
    if not isinstance(mark, dict):
        return None
    lineage, key_id, workshop, user = (mark.get(key) for key in ("lineage", "id", "workshop", "user"))
    if not isinstance(lineage, str) or not isinstance(key_id, str):
        return None
    if not isinstance(workshop, str) or not isinstance(user, str):
        return Stamp(lineage, key_id)
    number = mark.get("user_number")
    whole = isinstance(number, int) and not isinstance(number, bool)
    return Stamp(lineage, key_id, Member(workshop, user, cast("int", number) if whole else None))


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
    """Whether the body depends on the key as it is now: on its metadata, or on the type of what is cleared."""
    return touches_metadata(order) or any(path.partition(".")[0] == "extra" for path in order.clear)


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
            permissions |= {key: _empty_permission(key)} if key else {}
        elif name == "extra":
            body[key] = _empty_like(shown.get(path))
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
    if touches_metadata(order):
        body["metadata"] = _merged(order, current.metadata if current else {})
    if permissions:
        body["object_permission"] = permissions
    if order.expiry is not None:
        body["duration"] = duration(order.expiry, now)
    return body


def _under_own_name(attribute: Attribute | None, value: Json, name: str) -> bool:
    if attribute is None or attribute.home is not Home.METADATA:
        return name != "metadata"
    return name in _ENTERPRISE and value not in (None, [], {})


def _merged(order: UpdateOrder, current: Mapping[str, Json]) -> dict[str, Json]:
    """The whole metadata: what stands there, without what is cleared, with what is assigned and our stamp, if any."""
    merged = {key: value for key, value in current.items() if key != STAMP_KEY}
    for path in order.clear:
        if key := _metadata_key(path):
            merged.pop(key, None)
    for path, value in order.assign.items():
        if path == "metadata":
            merged |= _object(value)
        elif key := _metadata_key(path):
            merged[key] = value
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


def _empty_permission(key: str) -> Json:
    """What clears a key of ``object_permission``, which LiteLLM merges and never empties (1.72 to 1.105)."""
    match key:
        case "mcp_tool_permissions":
            return {}
        case "mcp_tool_search_enabled":
            return False
        case _:
            return []


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
