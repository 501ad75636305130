"""Refresh: the state accepts what is live, and the proxy is not touched. Pure: the result is a plan without requests.

    recorded  live         change
    any       its token    update where it differs: the record becomes what the proxy shows; else no-op
    ready     nothing      forget; left missing where the config says on_missing: forget
    ready     its alias    forget, with a warning: ours is gone, theirs is untouched
    retired   nothing      forget
    pending   nothing      no-op: its create may still arrive, and the next apply settles it
    gone      nothing      no-op

What the config asks of a key is not looked at: where it asks something else than what was accepted, the next plan says
so, as a change of the config's. Another alias is accepted only where the config follows it: else the next plan would
delete the key and make a new one, where now it gives the key its alias back. Our mark is never given up. What is not
accepted of these two, the plan says. Values that the proxy cannot show, and sensitive ones, stay as they were recorded.
A duration stays as well where the key still ends: the new end is recorded, and is no drift any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from vkstate.attributes import EXPIRY_PATHS, Sealed, Unset, Value
from vkstate.canonical import same
from vkstate.differences import ALIAS_PATH
from vkstate.expiry import NEVER, Lasting, expiry_of, format_instant, same_instant
from vkstate.identity import carries
from vkstate.keys import (
    Alias,
    DesiredKey,
    Live,
    LiveKey,
    OnMissing,
    Recorded,
    RecordedKey,
    Stamp,
    Status,
    natural_order,
)
from vkstate.objections import taken_over
from vkstate.plan import Action, AttributeDiff, Cause, Caution, Change, Plan, Reason
from vkstate.shown import live_value


def refresh(recorded: Recorded, live: Live, desired: Mapping[Alias, DesiredKey]) -> Plan:
    """What the state would accept. The result holds one change for every recorded alias.

    :param live: must hold every recorded token that exists, and every row under a recorded alias whose token is not
        there.
    :param desired: tells only what is to become of keys that are missing, and which alias a renamed key is to have.
    """
    by_token = {row.token: row for row in live.keys}
    by_alias: defaultdict[str | None, list[LiveKey]] = defaultdict(list)
    for row in live.keys:
        by_alias[row.alias].append(row)
    found = {alias: by_token[have.token] for alias, have in recorded.keys.items() if have.token in by_token}
    changes = {
        alias: _missing(recorded.keys[alias], by_alias[alias], desired.get(alias))
        for alias in sorted(recorded.keys.keys() - found.keys(), key=natural_order)
    }
    going = {alias for alias, change in changes.items() if change.action is Action.FORGET and not change.becomes}
    kept = recorded.keys.keys() - going
    for alias, row in found.items():
        free = row.alias not in kept and len(by_alias[row.alias]) == 1
        follows = free and row.alias in desired and alias not in desired
        changes[alias] = _accepted(recorded.keys[alias], row, renamed=follows)
    told = tuple(changes[alias] for alias in sorted(changes, key=natural_order))
    said = (*taken_over(told), *_not_accepted(told, recorded.lineage, desired))
    return Plan(recorded.lineage, told, warnings=said, unmanaged=max(0, live.total - len(found)))


def _not_accepted(changes: Iterable[Change], lineage: str, desired: Collection[Alias]) -> Iterator[Caution]:
    """What was changed on the proxy and stays a difference, since it says which key is whose."""
    renamed: list[Alias] = []
    unmarked: list[Alias] = []
    for change in changes:
        have, row = change.becomes or change.recorded, change.live
        if have is None or row is None or have.alias not in desired:
            continue
        if row.alias != have.alias:
            renamed.append(change.alias)
        if not carries(row, Stamp(lineage, have.id, have.member)):
            unmarked.append(change.alias)
    if renamed:
        yield Caution(
            "what was renamed on the proxy is not accepted: ",
            tuple(renamed),
            ". The next apply gives back the recorded alias; where the new one is to stay, declare the key under it in "
            "the config, and refresh again.",
        )
    if unmarked:
        yield Caution(
            "our mark was changed or taken off on the proxy, and that is not accepted: ",
            tuple(unmarked),
            ". The next apply puts it back; to let go of a key instead: vkstate state rm ALIAS",
        )


def _missing(have: RecordedKey, others: Iterable[LiveKey], want: DesiredKey | None) -> Change:
    alias = have.alias
    if have.status is Status.PENDING:
        return Change(alias, Action.NO_OP, Reason.UNSETTLED, recorded=have)
    if have.status is Status.GONE:
        return Change(alias, Action.NO_OP, Reason.LEFT_MISSING, recorded=have)
    if list(others):
        return Change(alias, Action.FORGET, Reason.TAKEN_OVER, recorded=have)
    if want and want.on_missing is OnMissing.FORGET:
        after = replace(have, status=Status.GONE)
        return Change(alias, Action.FORGET, Reason.LEFT_MISSING, recorded=have, becomes=after)
    return Change(alias, Action.FORGET, Reason.GONE, recorded=have)


def _accepted(have: RecordedKey, row: LiveKey, *, renamed: bool) -> Change:
    diffs = sorted(_differences(have, row, renamed=renamed), key=lambda diff: diff.path)
    if not diffs and have.status is Status.READY:
        return Change(have.alias, Action.NO_OP, Reason.MATCHES, recorded=have, live=row)
    seen = {diff.path: diff.after for diff in diffs}
    applied = {
        path: value for path in have.applied if not isinstance(value := seen.get(path, have.applied[path]), Unset)
    }
    becomes = replace(
        have,
        alias=Alias(str(seen.get(ALIAS_PATH, have.alias))),
        status=Status.READY,
        applied=_with_expiry(applied, have, row),
        created_at=row.created_at,
        expires_at=row.expires_at,
        pending_since=None,
        server_defaults={path: value for path, value in have.server_defaults.items() if path not in seen},
    )
    return Change(have.alias, Action.UPDATE, Reason.SEEN, None, have, row, tuple(diffs), becomes=becomes)


def _differences(have: RecordedKey, row: LiveKey, *, renamed: bool) -> Iterator[AttributeDiff]:
    for path, before in have.applied.items():
        current = live_value(row, path)
        if path in EXPIRY_PATHS or isinstance(before, Sealed) or current is None or current.holds(before):
            continue
        if path in have.server_defaults and same(have.server_defaults[path], current.plain):
            continue
        yield _seen(path, before, current.value)
    if not same_instant(have.expires_at, row.expires_at) and have.status is Status.READY:
        yield _seen("expires_at", _instant(have), format_instant(row.expires_at) if row.expires_at else NEVER)
    if renamed and row.alias is not None and have.retired is None:
        yield _seen(ALIAS_PATH, have.alias, row.alias)


def _seen(path: str, before: Value, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.OUTSIDE, already_live=True)


def _instant(have: RecordedKey) -> str:
    return format_instant(have.expires_at) if have.expires_at else NEVER


def _with_expiry(applied: Mapping[str, Value], have: RecordedKey, row: LiveKey) -> dict[str, Value]:
    """What is recorded as the declared expiry, once the key's own end was accepted."""
    declared = expiry_of(have.applied)
    moved = have.status is Status.READY and not same_instant(have.expires_at, row.expires_at)
    if declared is None or not moved or (isinstance(declared, Lasting) and row.expires_at):
        return dict(applied)
    rest = {path: value for path, value in applied.items() if path not in EXPIRY_PATHS}
    return rest | ({"expires_at": format_instant(row.expires_at)} if row.expires_at else {"duration": NEVER})
