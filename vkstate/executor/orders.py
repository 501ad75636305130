"""A planned change as the order that is sent, and the record that is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from vkstate.attributes import EXPIRY_PATHS, UNSET, Json, Sealed, Sensitive, Value
from vkstate.canonical import reveal, same
from vkstate.differences import (
    ALIAS_PATH,
    PROTECTION_PATH,
    STAMP_PATH,
    WORKSHOP_PATH,
    applied_form,
    declared_expiry,
    is_protected,
)
from vkstate.executor.ports import ClosingLine, CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Expiry, Never, Until, end_of, expiry_of
from vkstate.identity import adopted_id, is_record_of
from vkstate.keys import (
    Alias,
    DesiredKey,
    KeyValue,
    LiveKey,
    Origin,
    RecordedKey,
    Retired,
    Stamp,
    Status,
    retired_alias,
)
from vkstate.plan import AttributeDiff, Cause, Change
from vkstate.planner import UNSETTLED_FOR
from vkstate.schedule import blocked_until
from vkstate.shown import live_value


def create_order(lineage: str, desired: DesiredKey, key_id: str, value: KeyValue | None) -> CreateOrder:
    """The order for a key that does not exist."""
    return CreateOrder(
        alias=desired.alias,
        stamp=Stamp(lineage, key_id, desired.member),
        declared={path: reveal(item) for path, item in desired.declared.items() if path not in EXPIRY_PATHS},
        expiry=declared_expiry(desired),
        value=value,
        sensitive=_sensitive(desired),
    )


def _sensitive(desired: DesiredKey) -> tuple[Json, ...]:
    return tuple(item.value for item in desired.declared.values() if isinstance(item, Sensitive))


def pending_record(order: CreateOrder, desired: DesiredKey, before: RecordedKey | None, since: datetime) -> RecordedKey:
    """What is recorded before the order is sent, in place of what was recorded before."""
    return RecordedKey(
        alias=order.alias,
        status=Status.PENDING,
        id=order.stamp.id,
        token=order.value.token if order.value else None,
        origin=Origin.CREATED,
        applied=applied_form(desired, None, order.stamp.lineage),
        member=desired.member,
        prevent_destroy=is_protected(desired, before),
        pending_since=since.replace(microsecond=0),
        awaits_start=blocked_until(desired) is not None,
    )


def parked_record(before: RecordedKey, order: CreateOrder, now: datetime) -> RecordedKey | None:
    """What stays recorded of a create that was begun with a value which the order does not repeat: nobody here can open
    it, and its request may land still. The key then goes as a replaced one does.
    """
    sent = order.value.token if order.value else None
    if before.status is not Status.PENDING or before.token is None or before.token == sent:
        return None
    if before.pending_since is None or now - before.pending_since >= UNSETTLED_FOR:
        return None
    aside = retired_alias(order.alias, before.token)
    return replace(before, alias=aside, retired=Retired(order.alias, None), prevent_destroy=False)


def is_parked(record: RecordedKey) -> bool:
    """Whether a record is one of :func:`parked_record`."""
    return record.status is Status.PENDING and record.retired is not None


def ready_record(
    desired: DesiredKey, before: RecordedKey, live: LiveKey, lineage: str, forced: Iterable[AttributeDiff] = ()
) -> RecordedKey:
    """What is recorded of a key that was read back as desired.

    :param forced: where the proxy keeps a value of its own, having been asked for another.
    """
    applied = applied_form(desired, before, lineage)
    defaults = {**before.server_defaults, **_server_values(live, forced)}
    kept = {path: value for path, value in defaults.items() if path in applied and _shows(live, path, value)}
    return replace(
        before,
        alias=desired.alias,
        status=Status.READY,
        token=live.token,
        applied=applied,
        member=desired.member,
        created_at=live.created_at,
        expires_at=live.expires_at,
        prevent_destroy=is_protected(desired, before),
        pending_since=None,
        server_defaults=kept,
        awaits_start=blocked_until(desired) is not None,
    )


def _shows(live: LiveKey, path: str, value: Json) -> bool:
    """Whether a row holds a value; what this row does not show stays as it was last seen."""
    current = live_value(live, path)
    return current is None or same(current.plain, value)


def _server_values(live: LiveKey, diffs: Iterable[AttributeDiff]) -> dict[str, Json]:
    """By path, what the proxy holds where something else was asked for."""
    return {diff.path: current.plain for diff in diffs if (current := live_value(live, diff.path)) is not None}


def until_made_good(record: RecordedKey, expiry: Expiry | None, live: LiveKey) -> RecordedKey:
    """The record of a key that does not end as it should: with the end that it should have, so that it is missed."""
    return replace(record, expires_at=end_of(expiry, live.created_at)) if expiry and live.created_at else record


def promised_record(record: RecordedKey, desired: DesiredKey, now: datetime) -> RecordedKey:
    """The record of a key that is about to be renewed: with the end that it is to have, so that it is missed.

    Were the run killed, nobody would ask for that end again, and what had been renewed would be taken for drift.
    """
    return replace(record, expires_at=end_of(declared_expiry(desired), now))


def adopted_record(change: Change, lineage: str) -> RecordedKey:
    """The record of a live key that is taken into the state as it is; what it still lacks is an update of its own."""
    desired, live = change.desired, change.live
    assert desired is not None  # noqa: S101 - the planner adopts what is desired and live only
    assert live is not None  # noqa: S101
    before = change.recorded
    if before is None or not is_record_of(before, live):
        before = RecordedKey(
            alias=change.alias,
            status=Status.READY,
            id=adopted_id(live, lineage),
            token=live.token,
            origin=Origin.ADOPTED if live.stamp else Origin.IMPORTED,
            applied=_as_live(desired, live),
            prevent_destroy=before is not None and before.prevent_destroy,
        )
    adopted = ready_record(desired, before, live, lineage)
    if not change.needs_request:
        return adopted
    adopted = replace(adopted, applied=before.applied, member=before.member)
    moves = any(diff.path in EXPIRY_PATHS and not diff.already_live for diff in change.diffs)
    return until_made_good(adopted, expiry_of(before.applied), live) if moves else adopted


def _as_live(desired: DesiredKey, live: LiveKey) -> dict[str, Value]:
    """The declared attributes with the values that the proxy holds; without what it cannot show, and what is secret."""
    shown: dict[str, Value] = {}
    for path, declared in desired.declared.items():
        current = live_value(live, path)
        if current is None or isinstance(declared, Sensitive):
            continue
        if (value := current.beside(declared)) is not UNSET:
            shown[path] = value
    return shown


def update_order(change: Change, record: RecordedKey, lineage: str, diffs: tuple[AttributeDiff, ...]) -> UpdateOrder:
    """The order that makes these differences good, as far as the proxy does not hold them already."""
    desired, live = change.desired, change.live
    assert desired is not None  # noqa: S101 - only a desired key is updated
    token = live.token if live else record.token
    assert token is not None  # noqa: S101 - a live key has a token
    stamp = Stamp(lineage, record.id, desired.member)
    assign: dict[str, Json] = {}
    clear: set[str] = set()
    expiry: Expiry | None = None
    for diff in diffs:
        if diff.already_live or diff.path == PROTECTION_PATH:
            continue
        if diff.path in EXPIRY_PATHS:
            expiry = _recorded_expiry(record) if diff.cause is Cause.OUTSIDE else declared_expiry(desired)
        elif diff.path in (WORKSHOP_PATH, STAMP_PATH):
            assign[STAMP_PATH] = stamp.form()
        elif diff.path == ALIAS_PATH:
            assign[ALIAS_PATH] = desired.alias
        elif diff.after is UNSET:
            clear.add(diff.path)
        else:
            assign[diff.path] = reveal(desired.declared[diff.path])
    asked = Sought(token, record.id, change.alias)
    return UpdateOrder(asked, stamp, assign, frozenset(clear), expiry, _sensitive(desired))


def release_order(change: Change) -> UpdateOrder:
    """The order that takes our mark off a key, and leaves everything else as it is."""
    assert change.recorded is not None  # noqa: S101 - only a recorded key is forgotten
    assert change.live is not None  # noqa: S101 - only a live key carries a mark
    sought = Sought(change.live.token, change.recorded.id, change.alias)
    return UpdateOrder(sought, None, {}, frozenset({STAMP_PATH}), sensitive=())


def rename_order(change: Change, alias: Alias) -> UpdateOrder:
    """The order that gives the live key of a change another alias."""
    assert change.live is not None  # noqa: S101 - only a live key can be renamed
    known = change.recorded.id if change.recorded else ""
    secrets = _sensitive(change.desired) if change.desired else ()
    sought = Sought(change.live.token, known, change.alias)
    return UpdateOrder(sought, change.live.stamp, {ALIAS_PATH: alias}, sensitive=secrets)


def ending_order(change: Change, aside: RecordedKey, ends: datetime) -> UpdateOrder:
    """The order that ends the key which a change retires."""
    assert change.live is not None  # noqa: S101 - what is retired is live
    secrets = _sensitive(change.desired) if change.desired else ()
    return UpdateOrder(
        Sought(change.live.token, aside.id, aside.alias), change.live.stamp, {}, expiry=Until(ends), sensitive=secrets
    )


def _recorded_expiry(record: RecordedKey) -> Expiry:
    return Until(record.expires_at) if record.expires_at else Never()


def sought(record: RecordedKey) -> Sought | None:
    """How a recorded key is asked for; None where its token is not known yet."""
    return Sought(record.token, record.id, record.alias) if record.token else None


def closing_line(alias: Alias, live: LiveKey, record: RecordedKey | None) -> ClosingLine:
    """What is kept of a key that is about to be deleted; without what is recorded as sensitive.

    :param alias: the one that it bears; a key that was replaced is known by its successor's.
    """
    sealed = {path for path, value in record.applied.items() if isinstance(value, Sealed)} if record else set()
    shown = {path: value for path, value in live.attributes.items() if path not in sealed}
    user_id, budget = shown.get("user_id"), shown.get("max_budget")
    retired = record.retired if record else None
    return ClosingLine(
        alias=retired.successor if retired else alias,
        token=live.token,
        user_id=user_id if isinstance(user_id, str) else None,
        workshop=record.member.workshop if record and record.member else None,
        spend=live.spend,
        max_budget=float(budget) if isinstance(budget, int | float) else None,
        created_at=live.created_at,
        expires_at=live.expires_at,
        replaced=retired is not None,
        lifetime_spend=live.lifetime_spend,
    )
