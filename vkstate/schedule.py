"""The clock of a workshop: what is desired of its keys at an instant, and which of them end too early. Pure.

Until a workshop starts its keys are declared blocked, and from then on declared unblocked, so that the first apply
after the start opens them. A plan says this of the moment at which it is made; between two instants on the same side of
the start nothing differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from vkstate.attributes import EXPIRY_PATHS
from vkstate.differences import WRITE_SLACK, declared_expiry
from vkstate.expiry import TOLERANCE, Until, end_of, expiry_of, format_instant, same_instant
from vkstate.keys import Alias, DesiredKey, RecordedKey
from vkstate.plan import Action, AttributeDiff, Cause, Change

BLOCKED: Final = "blocked"


def desired_at(now: datetime, desired: Mapping[Alias, DesiredKey]) -> dict[Alias, DesiredKey]:
    """What is desired at an instant (aware): the start of a workshop decides whether its keys are blocked."""
    return {alias: _at(now, key) for alias, key in desired.items()}


def _at(now: datetime, key: DesiredKey) -> DesiredKey:
    if key.starts_at is None:
        return key
    return replace(key, declared={**key.declared, BLOCKED: now < key.starts_at})


def blocked_until(key: DesiredKey) -> datetime | None:
    """When a key that is desired at an instant is opened by its workshop's start; None where that has passed, or where
    something else decides.
    """
    return key.starts_at if key.declared.get(BLOCKED) is True else None


def ended_by(key: DesiredKey) -> str | None:
    """The workshop whose ``ends_at`` is when a key ends; None where the key has another end, or none."""
    if key.member is None or key.ends_at is None or key.declared.get("expires_at") != format_instant(key.ends_at):
        return None
    return key.member.workshop


def has_passed(key: DesiredKey, now: datetime) -> bool:
    """Whether the config ends a key at an instant that is over: then no renewal gives it time again."""
    expiry = declared_expiry(key)
    return isinstance(expiry, Until) and expiry.instant <= now


class TimeAgain(Enum):
    """What gives an expired key time again, where its workshop has not ended."""

    EDIT = auto()
    """It ended at an instant of its own."""
    APPLY = auto()
    """The config gives it another end already."""
    RENEW = auto()


@dataclass(frozen=True)
class Extend:
    """A key ended with its workshop: a later end of that gives it time again."""

    workshop: str


def time_again(key: DesiredKey, record: RecordedKey, now: datetime) -> TimeAgain | Extend:
    """What gives a key time again that has expired at an instant."""
    if has_passed(key, now):
        workshop = ended_by(key)
        return TimeAgain.EDIT if workshop is None else Extend(workshop)
    follows = key.ignore_changes.isdisjoint(EXPIRY_PATHS)
    changed = follows and declared_expiry(key) != expiry_of(record.applied)
    return TimeAgain.APPLY if changed else TimeAgain.RENEW


def blocked_by_hand(key: DesiredKey) -> bool:
    """Whether the config says of a key that it is blocked, and not only its workshop's start."""
    return key.declared.get(BLOCKED) is True and key.starts_at is None and BLOCKED not in key.ignore_changes


def told_of_the_start(
    key: DesiredKey, record: RecordedKey | None, diffs: Iterable[AttributeDiff]
) -> tuple[AttributeDiff, ...]:
    """The differences of a key; where it is opened because time has passed, and no config changed, this is said.

    A key that somebody had blocked by hand is opened by whoever lifts that.
    """
    waited = record is not None and record.awaits_start
    started = waited and key.starts_at is not None and key.declared.get(BLOCKED) is False
    return tuple(
        replace(diff, cause=Cause.STARTED)
        if started and diff.path == BLOCKED and diff.before is True and diff.cause is Cause.CONFIG
        else diff
        for diff in diffs
    )


def end_after(change: Change, now: datetime) -> datetime | None:
    """When the key of a change ends once the change is made at an instant; None where it does not end."""
    assert change.desired is not None  # noqa: S101 - what is not desired has no end to speak of
    moved = next((diff for diff in change.diffs if diff.path in EXPIRY_PATHS and not diff.already_live), None)
    if change.live is None or change.action is Action.REPLACE or (moved and moved.cause is not Cause.OUTSIDE):
        return end_of(declared_expiry(change.desired), now)
    return change.recorded.expires_at if moved and change.recorded else change.live.expires_at


def too_early(change: Change, now: datetime) -> tuple[str, datetime] | None:
    """Whether the key of a change ends before its workshop ``starts``, or before that ``ends``; and when that is."""
    key = change.desired
    if key is None or change.action is Action.DELETE or (end := end_after(change, now)) is None:
        return None
    if key.starts_at is not None and end <= key.starts_at:
        return "starts", key.starts_at
    if key.ends_at is not None and end + WRITE_SLACK < key.ends_at:
        return "ends", key.ends_at
    return None


class CannotExtend(ValueError):
    """A workshop cannot be given more time; with a sentence."""


def extended_end(
    ends: Iterable[datetime | None], declared: datetime | None, now: datetime, by: timedelta
) -> tuple[datetime, bool]:
    """The new end of a workshop that is to go on for so long, and whether it is one that the config has already.

    It counts from the end as last applied, so that a run which is repeated after a failure extends nothing twice: where
    the config has a later end that not every key has yet, that one is taken, as far as it is late enough. A workshop
    that is over goes on from now.

    :param ends: when the recorded keys end; None never.
    :param declared: the end that the config has.
    :raises CannotExtend: no key is recorded, or none of them ends.
    """
    known = list(ends)
    if not known:
        raise CannotExtend("no key of it is recorded, so that it has no end to count from.")
    dated = [end for end in known if end is not None]
    if len(dated) < len(known):
        raise CannotExtend("it has keys that do not end.")
    behind = [end for end in dated if not same_instant(end, declared)]
    last = max(behind or dated)
    if declared is not None and behind and declared > now and last + by <= declared + TOLERANCE:
        return declared, True
    return _whole_second(max(last, now)) + by, False


def _whole_second(instant: datetime) -> datetime:
    """An instant, or the next one without a fraction of a second."""
    whole = instant.replace(microsecond=0)
    return whole if whole == instant else whole + timedelta(seconds=1)


def recorded_end(record: RecordedKey) -> datetime | None:
    """When a key ends as last applied: the instant that was declared, or else what was read back; None never."""
    match expiry_of(record.applied):
        case Until(instant):
            return instant
        case _:
            return record.expires_at
