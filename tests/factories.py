"""Keys as the config desires, the state records and the proxy shows them: small, and alike unless a test says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vkstate.attributes import ATTRIBUTES, Home, Json, Kind, Value
from vkstate.keys import (
    Alias,
    Capabilities,
    DesiredKey,
    KeyValue,
    Live,
    LiveKey,
    Member,
    OnMissing,
    Origin,
    Recorded,
    RecordedKey,
    Retired,
    Stamp,
    Status,
    Token,
    retired_alias,
)
from vkstate.options import NO_OPTIONS, Options
from vkstate.plan import Plan
from vkstate.planner import plan

CANARY = "sk-canary-8d1f0c55e7b94a52"
"""A secret that may turn up nowhere; see the ``canary`` fixture."""
LINEAGE = "2f6f2f0e-6c0b-4b7e-9a53-0c1f4f4f9d11"
FOREIGN_LINEAGE = "9b0e7d4a-1111-4f55-8f7b-aaaaaaaaaaaa"
NOW = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
CREATED = NOW - timedelta(days=1)
ENDS = CREATED + timedelta(days=30)
DECLARED: Mapping[str, Value] = {"duration": "30d", "max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"}
SHOWN: Mapping[str, Json] = {"max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"}


def value_of(name: str) -> KeyValue:
    return KeyValue("sk-" + hashlib.sha256(name.encode()).hexdigest()[:32])


def token_of(name: str) -> Token:
    return value_of(name).token


def id_of(alias: str) -> str:
    return hashlib.sha256(f"id of {alias}".encode()).hexdigest()[:16]


def participant(number: int, workshop: str = "w") -> Member:
    return Member(workshop, f"user{number}", number)


def desired(
    alias: str,
    declared: Mapping[str, Value] | None = None,
    *,
    member: Member | None = None,
    prevent_destroy: bool | None = False,
    ignore_changes: Iterable[str] = (),
    on_missing: OnMissing = OnMissing.RECREATE,
    also: Mapping[str, Value] | None = None,
    **other: Value,
) -> DesiredKey:
    """A key that the config asks for; ``also`` and ``other`` are declared besides the usual attributes."""
    whole = {**(DECLARED if declared is None else declared), **(also or {}), **other}
    return DesiredKey(
        Alias(alias),
        whole,
        "vkstate.yaml:12:3",
        member,
        prevent_destroy,
        frozenset(ignore_changes),
        on_missing=on_missing,
    )


def recorded(
    alias: str,
    applied: Mapping[str, Value] | None = None,
    *,
    name: str | None = None,
    member: Member | None = None,
    prevent_destroy: bool = False,
    expires_at: datetime | None = ENDS,
    server_defaults: Mapping[str, Json] | None = None,
    also: Mapping[str, Value] | None = None,
    **other: Value,
) -> RecordedKey:
    """A key that the state records as ready; ``name`` seeds its value where it is not that of the alias."""
    return RecordedKey(
        Alias(alias),
        Status.READY,
        id_of(alias),
        token_of(name or alias),
        Origin.CREATED,
        {**(DECLARED if applied is None else applied), **(also or {}), **other},
        member,
        CREATED,
        expires_at,
        prevent_destroy,
        server_defaults=server_defaults or {},
    )


def pending(
    alias: str,
    applied: Mapping[str, Value] | None = None,
    *,
    token: Token | None = None,
    no_token: bool = False,
    since: datetime | None = NOW - timedelta(minutes=1),
    prevent_destroy: bool = False,
    member: Member | None = None,
) -> RecordedKey:
    """A key whose create was recorded and whose end is not known."""
    return RecordedKey(
        Alias(alias),
        Status.PENDING,
        id_of(alias),
        None if no_token else token or token_of(alias),
        Origin.CREATED,
        dict(DECLARED if applied is None else applied),
        member,
        prevent_destroy=prevent_destroy,
        pending_since=since,
    )


def gone(alias: str, *, member: Member | None = None, prevent_destroy: bool = False) -> RecordedKey:
    """A key that somebody else deleted, and that is left so."""
    return replace(recorded(alias, member=member, prevent_destroy=prevent_destroy), status=Status.GONE)


def retired(
    alias: str,
    name: str,
    *,
    until: datetime | None = None,
    member: Member | None = None,
    expires_at: datetime | None = ENDS,
    also: Mapping[str, Value] | None = None,
) -> RecordedKey:
    """The record of a key whose place under an alias another has taken; ``name`` seeds its value."""
    old = recorded(alias, name=name, member=member, expires_at=expires_at, also=also)
    aside = retired_alias(old.alias, token_of(name))
    return replace(old, alias=aside, id=id_of(name), retired=Retired(Alias(alias), until))


def aside(
    alias: str,
    name: str,
    *,
    under: str | None = None,
    member: Member | None = None,
    expires_at: datetime | None = ENDS,
    attributes: Mapping[str, Json] | None = None,
) -> LiveKey:
    """The live key of :func:`retired`, under the alias that it has then, or another."""
    bears = retired_alias(Alias(alias), token_of(name)) if under is None else under
    return live(bears, attributes, name=name, key_id=id_of(name), member=member, expires_at=expires_at)


def live(
    alias: str | None,
    attributes: Mapping[str, Json] | None = None,
    *,
    name: str | None = None,
    lineage: str | None = LINEAGE,
    key_id: str | None = None,
    member: Member | None = None,
    created_at: datetime | None = CREATED,
    expires_at: datetime | None = ENDS,
    created_by: str | None = "default_user_id",
    spend: float = 0.0,
    also: Mapping[str, Json] | None = None,
    **other: Json,
) -> LiveKey:
    """A key on the proxy, made by us unless ``lineage`` says otherwise; ``name`` seeds its value, as in a record."""
    own = name or alias or "nameless"
    stamp = Stamp(lineage, key_id or id_of(alias or own), member) if lineage else None
    return LiveKey(
        token_of(own),
        alias,
        {**(SHOWN if attributes is None else attributes), **(also or {}), **other},
        {},
        stamp,
        created_at,
        expires_at,
        spend,
        created_by,
    )


def foreign(alias: str, *, name: str | None = None, created_at: datetime | None = CREATED) -> LiveKey:
    """A key on the proxy that somebody else made."""
    return live(alias, name=name or f"theirs {alias}", lineage=None, created_at=created_at, created_by="alice")


def planned(
    wanted: Iterable[DesiredKey] = (),
    have: Iterable[RecordedKey] = (),
    rows: Iterable[LiveKey] = (),
    *,
    values: Iterable[str] = (),
    capabilities: Capabilities | None = None,
    now: datetime = NOW,
    total: int | None = None,
    options: Options = NO_OPTIONS,
) -> Plan:
    """The plan; ``values`` name the keys whose value is in the secret store."""
    keys = tuple(rows)
    return plan(
        {key.alias: key for key in wanted},
        Recorded(LINEAGE, {key.alias: key for key in have}, frozenset(token_of(name) for name in values)),
        Live(keys, len(keys) if total is None else total),
        capabilities or Capabilities(),
        now,
        options,
    )


def warned(plan: Plan) -> tuple[str, ...]:
    """The warnings of a plan as sentences, with every key named."""
    return tuple(f"{warning.before}{', '.join(warning.aliases)}{warning.after}" for warning in plan.warnings)


EMPTY_ROW: Mapping[str, Json] = {
    name: attribute.empty
    for name, attribute in ATTRIBUTES.items()
    if attribute.home is not Home.METADATA and attribute.kind is not Kind.OPEN
}
"""What a proxy that can show everything shows of a key of which nothing was said."""
