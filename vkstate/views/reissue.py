"""What is to be said where keys have got new values: their people hold the old ones still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from glob import escape
from shlex import quote

from vkstate.executor.outcome import Outcome
from vkstate.expiry import format_instant
from vkstate.keys import Alias, RecordedKey
from vkstate.options import WORKSHOP
from vkstate.plan import Action, Change, Reason
from vkstate.views.words import counted, verb

_MOST_NAMED = 5


def reissue_note(outcome: Outcome, recorded: Iterable[RecordedKey], *, file: str | None = None) -> str | None:
    """That the new values are to be handed out, until when the old ones work, and the command that does it; None where
    no key that people may hold has got a new value.

    :param recorded: the keys that the state had before the run; a workshop of which all are replaced is named as such.
    :param file: where the new values were written, too.
    """
    renewed = [result.change for result in outcome.applied if _has_new_value(result.change)]
    if not renewed:
        return None
    number = len(renewed)
    told = f"note: {counted(number, 'key')} {verb(number, 'has', 'have')} a new value. {_of_the_old(renewed)}"
    new = f"Hand the new {verb(number, 'one', 'ones')} out"
    if file is not None:
        return f"{told} {new} from {file}"
    return " ".join([told, f"{new}: vkstate output", *_targets(renewed, recorded), "--out FILE"])


def _has_new_value(change: Change) -> bool:
    """Whether a key that was made before has another value now."""
    return change.action is Action.REPLACE or (change.action is Action.CREATE and change.reason is Reason.MISSING)


def _of_the_old(renewed: Sequence[Change]) -> str:
    """Until when the old values work."""
    asides = [change.retires.retired for change in renewed if change.retires is not None]
    ends = [aside.delete_after for aside in asides if aside is not None and aside.delete_after is not None]
    old = verb(len(renewed), "The old one", "The old ones")
    if not ends:
        return f"{old} {verb(len(renewed), 'works', 'work')} no longer."
    latest = " at the latest" if len(ends) < len(renewed) or len(set(ends)) > 1 else ""
    return f"{old} {verb(len(renewed), 'works', 'work')} until {format_instant(max(ends))}{latest}."


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
