"""The shape of a state file, and the records that it stands for: fields, their types, and what goes together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainValidator

from vkstate.attributes import EXPIRY_PATHS, Value
from vkstate.expiry import expiry_of, parse_instant
from vkstate.keys import Alias, Member, Origin, RecordedKey, Retired, Status, Token
from vkstate.state.applied import UnknownAttribute, flat_form


class Impossible(ValueError):
    """A shape of a key that the types alone do not exclude; the text goes on where ``keys.ALIAS`` ends."""


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("an instant is a text such as 2026-12-01T17:00:00Z")  # noqa: TRY004 - pydantic asks for it
    return parse_instant(value)


_Instant = Annotated[datetime, PlainValidator(_instant)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _RetiredForm(_Form):
    """Whose place a key has left, as it is written."""

    successor: Annotated[str, Field(min_length=1)]
    delete_after: _Instant | None = None


class KeyForm(_Form):
    """One key, as it is written."""

    status: Annotated[Status, Field(strict=False)]
    id: Annotated[str, Field(min_length=1)]
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    origin: Annotated[Origin, Field(strict=False)]
    applied: dict[str, JsonValue]
    workshop: str | None = None
    user: str | None = None
    user_number: int | None = None
    created_at: _Instant | None = None
    expires_at: _Instant | None = None
    prevent_destroy: bool = False
    pending_since: _Instant | None = None
    awaits_start: bool = False
    server_defaults: dict[str, JsonValue] = Field(default_factory=dict)
    retired: _RetiredForm | None = None


class StateForm(_Form):
    """The whole file."""

    format: int
    lineage: Annotated[str, Field(min_length=1)]
    serial: Annotated[int, Field(ge=0)]
    proxy: Annotated[str, Field(min_length=1)] | None = None
    keys: dict[str, object]


def recorded(alias: Alias, form: KeyForm) -> RecordedKey:
    """The record that is written so.

    :raises Impossible: its fields do not go together.
    """
    if form.status is not Status.PENDING and form.token is None:
        raise Impossible(f".token: the field is missing, although the key is {form.status}")
    try:
        applied = flat_form(form.applied)
    except UnknownAttribute as error:
        raise Impossible(f".applied.{error}: this vkstate does not know the attribute") from None
    _check_expiry(applied)
    return RecordedKey(
        alias=alias,
        status=form.status,
        id=form.id,
        token=None if form.token is None else Token(form.token),
        origin=form.origin,
        applied=applied,
        member=_member(form),
        created_at=form.created_at,
        expires_at=form.expires_at,
        prevent_destroy=form.prevent_destroy,
        pending_since=form.pending_since,
        awaits_start=form.awaits_start,
        server_defaults=form.server_defaults,
        retired=_retired(alias, form.retired),
    )


def _check_expiry(applied: Mapping[str, Value]) -> None:
    for path in EXPIRY_PATHS & applied.keys():
        try:
            expiry_of({path: applied[path]})
        except ValueError:
            raise Impossible(f".applied.{path}: this says no time") from None


def _member(form: KeyForm) -> Member | None:
    if form.workshop is not None and form.user is not None:
        return Member(form.workshop, form.user, form.user_number)
    if form.workshop is not None or form.user is not None or form.user_number is not None:
        raise Impossible(": workshop and user belong together")
    return None


def _retired(alias: Alias, form: _RetiredForm | None) -> Retired | None:
    if form is None:
        return None
    if form.successor == alias:
        raise Impossible(".retired.successor: no key takes its own place")
    return Retired(Alias(form.successor), form.delete_after)
