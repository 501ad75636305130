"""The only place where LiteLLM's rows become our nouns (1.72 to 1.105). The way back is ``vkstate.litellm.convert``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from vkstate.attributes import ALL_MODELS, ALL_TEAM_MODELS, ATTRIBUTES, STAMP_KEY, Home, Json, Kind
from vkstate.canonical import canonical, flatten
from vkstate.keys import LiveKey, Member, Stamp, Token
from vkstate.litellm.wire import Row

FOLDED: Final = tuple(item for item in ATTRIBUTES.values() if item.home is Home.METADATA)
_IN_ROW: Final = tuple(item for item in ATTRIBUTES.values() if item.home is Home.ROW and item.kind is not Kind.OPEN)

# fmt: off
_SERVER_OWNED: Final = frozenset((
    "api_key", "budget_reset_at", "created_by_user", "is_session_token", "jwt_key_mappings", "key", "key_rotation_at",
    "last_refreshed_at", "last_rotation_at", "litellm_organization_table", "litellm_project_table", "model_spend",
    "parent_otel_span", "policies", "request_route", "rotation_count", "settings_updated_at", "soft_budget",
    "soft_budget_cooldown", "status", "token_id", "updated_at", "updated_by", "user",
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
        stamp=stamp_of(row),
        created_at=row.created_at,
        expires_at=row.expires,
        spend=row.spend or 0.0,
        created_by=row.created_by,
        key_name=row.key_name,
        last_active=row.last_active,
        lifetime_spend=row.total_spend,
    )


def permits(key: LiveKey | None) -> dict[str, Json]:
    """What a key's object permission holds, by path, as far as its row shows it."""
    shown = key.attributes if key else {}
    return {path: value for path, value in shown.items() if path.startswith("object_permission.")}


def _attributes(row: Row, metadata: Mapping[str, Json]) -> dict[str, Json]:
    there = row.model_fields_set
    shown: dict[str, Json] = {}
    for attribute in _IN_ROW:
        name = attribute.name
        if name in there:
            shown[name] = canonical(name, getattr(row, name))
    if "models" in shown:
        shown["models"] = shown["models"] or [ALL_TEAM_MODELS if row.team_id else ALL_MODELS]
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
    return flatten("object_permission", {key: inner[key] for key in inner.keys() - _RELATIONS})


# fmt: off
_RELATIONS: Final = frozenset((
    "agents_table", "end_users", "object_permission_id", "organizations", "projects", "teams", "users",
    "verification_tokens",
))
# fmt: on
"""Fields of ``object_permission`` that are its id and who uses it, not what it permits."""


def _extra(row: Row) -> dict[str, Json]:
    """Fields that no attribute stands for. What is empty in ``/key/list`` may be only a default there."""
    unknown = cast("dict[str, Json]", row.model_extra or {})
    return {
        f"extra.{key}": canonical(key, value)
        for key, value in unknown.items()
        if key not in _SERVER_OWNED and (value or not row.listed)
    }


def stamp_of(row: Row) -> Stamp | None:
    """Our mark; what does not look like one is somebody else's, and none."""
    mark = row.metadata.get(STAMP_KEY) if row.metadata else None
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
