"""What is to be said where keys have got new values: their people hold the old ones still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from glob import escape
from shlex import quote

from vkstate.executor.outcome import Applied, Outcome, Result
from vkstate.expiry import format_instant
from vkstate.keys import Alias, RecordedKey, Status
from vkstate.options import WORKSHOP
from vkstate.plan import Action, Change, Reason
from vkstate.views.words import counted, verb

_MOST_NAMED = 5


def reissue_note(
    outcome: Outcome,
    before: Mapping[Alias, RecordedKey],
    after: Mapping[Alias, RecordedKey],
    *,
    file: str | None = None,
) -> str | None:
    """That the new values are to be handed out, until when the old ones work, and the command that does it; None where
    no key that people may hold has got a new value.

    :param before: the records that the run began with; a workshop of which all are replaced is named as such.
    :param after: those that it ended with.
    :param file: where the values that this run made were written, too.
    """
    renewed = [result.change for result in outcome.results if _has_new_value(result, before, after)]
    if not renewed:
        return None
    number = len(renewed)
    unsettled = {result.change.alias for result in outcome.results if not isinstance(result, Applied)}
    old = _of_the_old(renewed, before, after, unsettled)
    told = f"note: {counted(number, 'key')} {verb(number, 'has', 'have')} a new value. {old}"
    new = f"Hand the new {verb(number, 'one', 'ones')} out"
    if file is not None and all(change.action is not Action.ADOPT for change in renewed):
        return f"{told} {new} from {file}"
    return " ".join([told, f"{new}: vkstate output", *_targets(renewed, before.values()), "--out FILE"])


def _has_new_value(result: Result, before: Mapping[Alias, RecordedKey], after: Mapping[Alias, RecordedKey]) -> bool:
    """Whether a key that was made before has another value now, though not all may have succeeded. What is adopted is
    the new key of a replacement that was killed, where an old one has made way for it.
    """
    change = result.change
    if change.action is Action.ADOPT:
        return isinstance(result, Applied) and bool(_asides(change, before))
    if change.action is not Action.REPLACE and (change.action, change.reason) != (Action.CREATE, Reason.MISSING):
        return False
    if isinstance(result, Applied):
        return True
    old = change.live or change.recorded
    record = after.get(change.alias)
    return record is not None and record.status is Status.READY and (old is None or record.token != old.token)


def _asides(change: Change, before: Mapping[Alias, RecordedKey]) -> list[RecordedKey]:
    """The records of the old keys that make way for the key of a change."""
    if change.retires is not None:
        return [change.retires]
    if change.action is not Action.ADOPT:
        return []
    records = before.values()
    return [record for record in records if record.retired and record.retired.successor == change.recorded_as]


def _of_the_old(
    renewed: Sequence[Change],
    before: Mapping[Alias, RecordedKey],
    after: Mapping[Alias, RecordedKey],
    unsettled: set[Alias],
) -> str:
    """Until when the values work that had been handed out last, and those of earlier replacements."""
    for change in renewed:
        for aside in _asides(change, before):
            if aside.alias in after and not unsettled.isdisjoint((change.alias, aside.alias)):
                return (
                    f"{verb(len(renewed), 'The old one works', 'Some old ones work')} on: the next apply sees to that."
                )
    new = {change.alias for change in renewed}
    last = {aside.alias for change in renewed for aside in _asides(change, before)}
    ends: list[datetime] = []
    earlier: list[datetime] = []
    for record in after.values():
        if record.retired and record.retired.successor in new and record.retired.delete_after is not None:
            (ends if record.alias in last else earlier).append(record.retired.delete_after)
    old = verb(len(renewed), "The old one works", "The old ones work")
    told = f"{old} {_until(ends, len(renewed)) or 'no longer'}."
    if not earlier:
        return told
    still = verb(len(earlier), "A value that was replaced before works", "Values that were replaced before work")
    return f"{told} {still} {_until(earlier, len(earlier))}."


def _until(ends: Sequence[datetime], number: int) -> str | None:
    """``until 2026-12-01T17:00:00Z``; with ``at the latest`` where not all of so many end then."""
    if not ends:
        return None
    latest = " at the latest" if len(ends) < number or len(set(ends)) > 1 else ""
    return f"until {format_instant(max(ends))}{latest}"


def _targets(renewed: Sequence[Change], recorded: Iterable[RecordedKey]) -> list[str]:
    """What names these keys on a command line, and as few others as can be said in short."""
    whole: defaultdict[str, set[Alias]] = defaultdict(set)
    for record in recorded:
        if record.member is not None and record.retired is None:
            whole[record.member.workshop].add(record.alias)
    new = {change.alias for change in renewed}
    known_as = {change.recorded_as for change in renewed} | new
    exact = [_target(change, whole=_is_whole(change, whole, known_as)) for change in renewed]
    if len(set(exact)) > _MOST_NAMED:
        exact = [_target(change, whole=True) for change in renewed]
    named = list(dict.fromkeys(exact))
    return named if len(named) <= _MOST_NAMED else []


def _is_whole(change: Change, whole: dict[str, set[Alias]], known_as: set[Alias]) -> bool:
    members = whole[change.member.workshop] if change.member is not None else set()
    return len(members) > 1 and members <= known_as


def _target(change: Change, *, whole: bool) -> str:
    if whole and change.member is not None:
        return quote(f"{WORKSHOP}{escape(change.member.workshop)}")
    return quote(escape(change.alias))
