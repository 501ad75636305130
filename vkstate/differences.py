"""How one key differs: desired against recorded against live, attribute by attribute. Pure.

Only what the config declares counts. What was declared and no longer is gets cleared; what was never declared is left
alone. Both sides are in canonical form before they are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from vkstate.attributes import (
    EXPIRY_PATHS,
    STAMP_KEY,
    UNSET,
    Sealed,
    Sensitive,
    Unset,
    Value,
    attribute_of,
    other_name,
)
from vkstate.canonical import is_clear, same, seal
from vkstate.expiry import Expiry, Lasting, Never, Until, end_of, expiry_of, format_instant, same_instant
from vkstate.identity import adopted_id, carries, follows_the_move, member_text
from vkstate.keys import Capabilities, DesiredKey, LiveKey, RecordedKey, Stamp, Status
from vkstate.plan import AttributeDiff, Cause, Problem
from vkstate.shown import Readable, is_gone, live_value

STAMP_PATH = f"metadata.{STAMP_KEY}"
WORKSHOP_PATH = "workshop"
ALIAS_PATH = "key_alias"
PROTECTION_PATH = "lifecycle.prevent_destroy"
WRITE_SLACK: Final = timedelta(seconds=60)
"""How far apart the asked and the given expiry may lie: sending takes time, and a `Date` header has whole seconds."""


@dataclass(frozen=True)
class Comparison:
    """What one comparison sees: three sides, and what the server can do. ``recorded`` is None for a new adoption.

    ``renewed`` asks for the declared expiry anew, counted from now.
    """

    lineage: str
    desired: DesiredKey
    recorded: RecordedKey | None
    live: LiveKey
    capabilities: Capabilities
    now: datetime
    renewed: bool = False

    @property
    def stamp(self) -> Stamp:
        """The stamp that the key should carry."""
        known = self.recorded.id if self.recorded else adopted_id(self.live, self.lineage)
        return Stamp(self.lineage, known, self.desired.member)


def compare(comparison: Comparison) -> tuple[tuple[AttributeDiff, ...], tuple[Problem, ...]]:
    """All differences of one key, sorted by path, and why some of them cannot be made good on this server."""
    diffs = sorted(_all(comparison), key=lambda diff: diff.path)
    return tuple(diffs), tuple(_impossible(comparison, diffs))


def sealed(declared: Mapping[str, Value], lineage: str) -> dict[str, Value]:
    """Declared attributes as they may be recorded: sensitive values as digests."""
    return {path: seal(lineage, value) for path, value in declared.items()}


def applied_form(desired: DesiredKey, recorded: RecordedKey | None, lineage: str) -> dict[str, Value]:
    """What a record holds as applied once a key is as desired: ignored attributes stay as they were recorded."""
    before: Mapping[str, Value] = recorded.applied if recorded else {}
    declared = sealed(desired.declared, lineage)
    if recorded is None:
        return declared
    kept = {path: value for path, value in before.items() if _ignored(desired, path)}
    return {path: value for path, value in declared.items() if not _ignored(desired, path)} | kept


def is_protected(desired: DesiredKey, recorded: RecordedKey | None) -> bool:
    """Whether a key may not be deleted: as the config says, and where it says nothing as it was recorded."""
    if desired.prevent_destroy is not None:
        return desired.prevent_destroy
    return recorded is not None and recorded.prevent_destroy


def declared_expiry(desired: DesiredKey) -> Expiry:
    """The expiry that a desired key asks for."""
    return expiry_of(desired.declared) or Never()


def _all(comparison: Comparison) -> Iterator[AttributeDiff]:
    yield from _attributes(comparison)
    yield from _expiry(comparison)
    yield from _alias(comparison)
    yield from _membership(comparison)
    yield from _protection(comparison)


def _attributes(comparison: Comparison) -> Iterator[AttributeDiff]:
    applied: Mapping[str, Value] = comparison.recorded.applied if comparison.recorded else {}
    wanted = sealed(comparison.desired.declared, comparison.lineage)
    for path in (applied.keys() | wanted.keys()) - EXPIRY_PATHS:
        if _ignored(comparison.desired, path):
            continue
        before, after = applied.get(path, UNSET), wanted.get(path, UNSET)
        if after is UNSET:
            diff: AttributeDiff | None = _cleared(comparison, path, before, stays=other_name(path) in wanted)
        else:
            diff = _declared(comparison, path, before, after)
        if diff:
            yield diff


def _declared(comparison: Comparison, path: str, before: Value | Unset, after: Value) -> AttributeDiff | None:
    changed = not same(before, after)
    follows = path == "user_id" and follows_the_move(comparison.recorded, comparison.desired, before, after)
    cause = Cause.MOVED if follows else Cause.CONFIG
    current = live_value(comparison.live, path)
    if isinstance(after, Sealed) or current is None:
        given = comparison.recorded is None and current is None and _only_at_creation(path)
        return AttributeDiff(path, before, after, cause, already_live=given) if changed else None
    if current.holds(after):
        return AttributeDiff(path, before, after, cause, already_live=True) if changed else None
    if not changed and _forced_by_server(comparison.recorded, path, current):
        return None
    # What was sensitive when it was applied is still so on the proxy, although the config no longer says it.
    shown = before if isinstance(before, Sealed) else current.value
    return AttributeDiff(path, shown, after, cause if changed else Cause.OUTSIDE)


def _cleared(comparison: Comparison, path: str, before: Value | Unset, *, stays: bool) -> AttributeDiff:
    """:param stays: whether the same place is declared under its other name: then nothing is sent for this one."""
    current = live_value(comparison.live, path)
    gone = stays or (current is not None and is_gone(path, current.value))
    return AttributeDiff(path, before, UNSET, Cause.CONFIG, already_live=gone)


def _forced_by_server(recorded: RecordedKey | None, path: str, current: Readable) -> bool:
    forced = recorded.server_defaults if recorded else {}
    return path in forced and same(forced[path], current.plain)


def _only_at_creation(path: str) -> bool:
    attribute = attribute_of(path)
    return attribute is not None and not attribute.updatable


def declared_of(desired: DesiredKey, names: Collection[str]) -> list[str]:
    """Those of these attributes that a key declares as anything but "none"."""
    declared = {path.partition(".")[0] for path, value in desired.declared.items() if not _says_none(path, value)}
    return sorted(declared & set(names))


def _says_none(path: str, value: Value) -> bool:
    return not isinstance(value, Sensitive | Sealed) and is_clear(path, value)


def _ignored(desired: DesiredKey, path: str) -> bool:
    return path in desired.ignore_changes or path.partition(".")[0] in desired.ignore_changes


def _expiry(comparison: Comparison) -> Iterator[AttributeDiff]:
    desired, recorded, live = comparison.desired, comparison.recorded, comparison.live
    wanted = expiry_of(desired.declared)
    if wanted is None or (not comparison.renewed and any(_ignored(desired, path) for path in EXPIRY_PATHS)):
        return
    applied = expiry_of(recorded.applied) if recorded else None
    path, text = _shown(desired.declared)
    if comparison.renewed and recorded:
        there = not isinstance(wanted, Lasting) and _lives_until(live, wanted, applied)
        if not (there and wanted == applied and same_instant(recorded.expires_at, live.expires_at)):
            now = recorded.expires_at if there else live.expires_at
            yield AttributeDiff(path, _instant(now), text, Cause.RENEWED, already_live=there)
    elif wanted != applied:
        before = _shown(recorded.applied)[1] if recorded and applied is not None else UNSET
        yield AttributeDiff(path, before, text, Cause.CONFIG, already_live=_lives_until(live, wanted, applied))
    elif recorded and recorded.status is Status.PENDING:
        if live.created_at and not ends_as_ordered(live.expires_at, wanted, live.created_at):
            yield AttributeDiff(path, _instant(live.expires_at), text, Cause.CONFIG)
    elif recorded and not same_instant(recorded.expires_at, live.expires_at):
        yield AttributeDiff("expires_at", _instant(live.expires_at), _instant(recorded.expires_at), Cause.OUTSIDE)


def _lives_until(live: LiveKey, wanted: Expiry, applied: Expiry | None) -> bool:
    """Whether the live key ends as wanted already. A changed duration restarts the clock, so it never does."""
    match wanted:
        case Never():
            return live.expires_at is None
        case Until(instant):
            return same_instant(live.expires_at, instant)
        case Lasting():
            given = live.created_at is not None and ends_as_ordered(live.expires_at, wanted, live.created_at)
            return applied is None and given


def _shown(declared: Mapping[str, Value]) -> tuple[str, Value]:
    path = "expires_at" if declared.get("expires_at") is not None else "duration"
    return path, declared[path]


def _instant(instant: datetime | None) -> str:
    return format_instant(instant) if instant else "never"


def _alias(comparison: Comparison) -> Iterator[AttributeDiff]:
    recorded, wanted, current = comparison.recorded, comparison.desired.alias, comparison.live.alias
    if recorded and recorded.alias != wanted:
        there = current == wanted
        before = recorded.alias if there else current
        yield AttributeDiff(ALIAS_PATH, before, wanted, Cause.MOVED, already_live=there)
    elif current != wanted:
        yield AttributeDiff(ALIAS_PATH, current, wanted, Cause.OUTSIDE)


def _membership(comparison: Comparison) -> Iterator[AttributeDiff]:
    recorded, desired, live = comparison.recorded, comparison.desired, comparison.live
    right = carries(live, comparison.stamp)
    before, after = member_text(recorded.member) if recorded else UNSET, member_text(desired.member)
    if recorded and before != after:
        cause = Cause.CONFIG if recorded.alias == desired.alias else Cause.MOVED
        yield AttributeDiff(WORKSHOP_PATH, before, after, cause, already_live=right)
    elif not right:
        cause = Cause.OUTSIDE if recorded else Cause.CONFIG
        before_form = live.stamp.form() if live.stamp else UNSET
        yield AttributeDiff(STAMP_PATH, before_form, comparison.stamp.form(), cause)


def _protection(comparison: Comparison) -> Iterator[AttributeDiff]:
    recorded, desired = comparison.recorded, comparison.desired
    if recorded and recorded.prevent_destroy != is_protected(desired, recorded):
        before, after = recorded.prevent_destroy, not recorded.prevent_destroy
        yield AttributeDiff(PROTECTION_PATH, before, after, Cause.CONFIG, already_live=True)


def _impossible(comparison: Comparison, diffs: list[AttributeDiff]) -> Iterator[Problem]:
    for diff in diffs:
        if not diff.already_live and (why := _why_impossible(comparison, diff)):
            alias = comparison.desired.alias
            yield Problem(
                f"{alias}: {why}",
                f"keep {diff.path} as it was, or give {alias} a new key value: --replace {alias}",
                alias,
                comparison.desired.member,
            )


def _why_impossible(comparison: Comparison, diff: AttributeDiff) -> str | None:
    able = comparison.capabilities
    name, unwanted = diff.path.partition(".")[0], diff.after is UNSET or diff.after is None
    if name in able.unknown:
        return None
    if _only_at_creation(diff.path):
        return f"LiteLLM sets {diff.path} only when a key is created, so that an existing key cannot be given another."
    if diff.path == "budget_duration" and unwanted and not able.clear_budget_duration:
        return "this LiteLLM cannot clear budget_duration on an existing key (1.90 and later can)."
    if diff.path == "soft_budget" and not able.update_soft_budget:
        return "this LiteLLM cannot change soft_budget on an existing key (1.105 can)."
    if name in able.fixed:
        return f"this LiteLLM cannot change {diff.path} on an existing key, but only give it to a new one."
    if diff.path in EXPIRY_PATHS and diff.after == "never" and not able.clear_expiry:
        return "this LiteLLM cannot take the expiry from an existing key (1.80 and later can)."
    return None


def shortfall(
    desired: DesiredKey, live: LiveKey, *, cleared: Iterable[str] = (), expiry: Expiry | None, written_at: datetime
) -> tuple[AttributeDiff, ...]:
    """What a key that was just written still lacks: LiteLLM answers 200 to things it did not do.

    What this server cannot show, and what is sensitive, is taken as done.

    :param cleared: the paths that were to be cleared.
    :param expiry: the expiry that was sent, or None where it was not to move.
    :param written_at: the server's time of the write, from which a relative expiry counts.
    """
    unmet: list[AttributeDiff] = []
    for path in desired.declared.keys() - EXPIRY_PATHS | set(cleared):
        wanted: Value | Unset = desired.declared.get(path, UNSET)
        current = live_value(live, path)
        if _ignored(desired, path) or isinstance(wanted, Sensitive | Sealed) or current is None:
            continue
        if not (is_gone(path, current.value) if wanted is UNSET else current.holds(wanted)):
            unmet.append(AttributeDiff(path, current.value, wanted, Cause.OUTSIDE))
    declared = expiry_of(desired.declared) is not None
    if declared and expiry is not None and not ends_as_ordered(live.expires_at, expiry, written_at):
        path, text = _shown(desired.declared)
        unmet.append(AttributeDiff(path, _instant(live.expires_at), text, Cause.CONFIG))
    return tuple(sorted(unmet, key=lambda diff: diff.path))


def ends_as_ordered(end: datetime | None, ordered: Expiry, written_at: datetime) -> bool:
    """Whether a key that was given an expiry at an instant ends accordingly, give or take the time of sending."""
    return same_instant(end, end_of(ordered, written_at), WRITE_SLACK)


def came_later(row: LiveKey, others: Iterable[LiveKey]) -> bool:
    """Whether another key under the same alias came first: the earliest stays, and between equals the lower token."""
    return any(_rank(other) < _rank(row) for other in others)


def _rank(row: LiveKey) -> tuple[datetime, str]:
    return row.created_at or datetime.min.replace(tzinfo=UTC), row.token
