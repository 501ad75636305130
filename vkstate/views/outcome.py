"""What became of a plan, as text for people: what was done, what failed and why, and one line that sums it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome, Result
from vkstate.expiry import format_instant
from vkstate.plan import Action, Change, Reason
from vkstate.spending import totals
from vkstate.views.grouping import Group, gather, listing, personal, without_alias
from vkstate.views.summary import Kind, Mode, counted_kinds, has_moved, is_renewed, kind_of
from vkstate.views.totals import totals_lines
from vkstate.views.values import PLAIN, SIGNS, TONES, Palette, Tone
from vkstate.views.words import and_others, escaped, prose, spent, verb

Command: TypeAlias = Mode

_DONE_KINDS: Final[Mapping[Kind, str]] = {
    **{Kind(action): action.done for action in Action if action is not Action.NO_OP},
    Kind.IMPORT: "imported",
    Kind.RELEASE: "released",
}
WIDTH: Final = 100
_ROOM: Final = 400
"""Characters that the names of keys that are still there take about."""
_UPDATED: Final[Mapping[Command, str]] = {"refresh": "accepted", "move": "moved"}
"""What an update is called where it is the command's own."""
_STOPPED: Final = {
    "SIGINT": "Interrupted by Ctrl-C: what was running was awaited and saved; nothing more was started.",
    "SIGTERM": "Stopped by SIGTERM: what was running was awaited and saved; nothing more was started.",
}


def render_outcome(
    outcome: Outcome,
    *,
    command: Command = "apply",
    report: str | None = None,
    palette: Palette = PLAIN,
    width: int = WIDTH,
) -> str:
    """The end of a run, ending in a newline.

    What was applied is listed only where something was not, or where there is more to say of it: a note, or what became
    of an old key value. Members of a workshop that fared alike are one line.

    :param report: where the closing report is; None where none was kept: then nothing is said of what was spent.
    """
    telling = [result for result in outcome.applied if result.note is not None or _has_old_value(result.change)]
    sections = [
        _section("Applied:", telling if outcome.complete else outcome.applied, palette),
        _section("Failed:", outcome.failed, palette),
        _section("Not attempted:", outcome.not_attempted, palette),
        [f"{palette.paint(Tone.HINT, 'note:')} {prose(notice)}" for notice in outcome.notices],
        [_STOPPED[outcome.interrupted]] if outcome.interrupted is not None and not outcome.complete else [],
        _closing(outcome, report, width),
        _left(outcome, palette) if command == "destroy" else [],
        [palette.paint(Tone.STRONG, outcome_line(outcome, command))],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def outcome_line(outcome: Outcome, command: Command = "apply") -> str:
    """``Apply complete! 25 created, 1 updated, 0 replaced, 2 deleted.``, or ``Apply incomplete: …``."""
    counts = Counter(kind_of(result.change) for result in outcome.applied)
    done = ", ".join(f"{counts[kind]:,} {_word(kind, outcome, command)}" for kind in counted_kinds(counts, command))
    verdict = "complete!" if outcome.complete else "incomplete:"
    lost = "" if outcome.complete else f"; {len(outcome.failed):,} failed, {len(outcome.not_attempted):,} not attempted"
    besides = {"destroy": _remain(outcome), "refresh": " The proxy was not touched."}.get(command, "")
    return f"{command.capitalize()} {verdict} {done}{lost}.{besides}"


def _word(kind: Kind, outcome: Outcome, command: Command) -> str:
    """``updated (2 moved, 1 renewed)``: those that are of a special sort are updates like the others."""
    if kind is not Kind.UPDATE:
        return _DONE_KINDS[kind]
    if command in _UPDATED:
        return _UPDATED[command]
    updates = [result.change for result in outcome.applied if result.change.action is Action.UPDATE]
    sorts = ((sum(map(has_moved, updates)), "moved"), (sum(map(is_renewed, updates)), "renewed"))
    told = ", ".join(f"{number:,} {word}" for number, word in sorts if number)
    return f"{_DONE_KINDS[kind]} ({told})" if told else _DONE_KINDS[kind]


def _remain(outcome: Outcome) -> str:
    """How many of the keys that were to be deleted are still there, as they were read afterwards; those that the plan
    found gone are among them."""
    deletes = [result for result in outcome.results if result.change.action is Action.DELETE]
    gone = sum(result.change.reason is Reason.GONE for result in outcome.results)
    asked, left = len(deletes) + gone, outcome.remaining or 0
    if outcome.remaining is None and not all(isinstance(result, Applied) for result in deletes):
        return f" How many of {asked:,} remain could not be read."
    return f" {left:,} of {asked:,} {verb(left, 'remains', 'remain')}." if asked else ""


def _left(outcome: Outcome, palette: Palette) -> list[str]:
    """Which keys a destroy left, or may have left, and what to type next."""
    left = [
        result.change
        for result in outcome.results
        if result.change.action is Action.DELETE and not isinstance(result, Applied)
    ]
    if not left:
        return []
    members = {change.alias: change.member for change in left if change.member is not None}
    names = listing((change.alias for change in left), members, _ROOM)
    may = "Not verified as gone" if outcome.remaining is None else "Still on the proxy"
    hint = palette.paint(Tone.HINT, "hint:")
    return [f"{may}: {names}.", f"{hint} run the same command again: it deletes what is left"]


def _closing(outcome: Outcome, report: str | None, width: int) -> list[str]:
    """What the keys that are gone had spent, and where that is kept."""
    if report is None:
        return []
    where = f"Closing report: {escaped(report)} (no secret is in it: commit it)"
    return [where, *totals_lines(totals(outcome.closed), width=width)] if outcome.closed else [where]


_ALIAS: Final = "\0"
_ANYBODY: Final = "\0"
"""What stands for a member's user where changes are compared."""


def _section(title: str, results: Sequence[Result], palette: Palette) -> list[str]:
    if not results:
        return []
    by_alias = {result.change.alias: result for result in results}
    lines = [title]
    for group in gather([result.change for result in results], lambda change: _likeness(by_alias[change.alias])):
        result = by_alias[group.changes[0].alias]
        action = result.change.action
        said, hint = _told(result)
        told = said.replace(_ALIAS, group.name) if said is not None else None
        sentences = [text for text in (_old_values(group) if isinstance(result, Applied) else None, told) if text]
        text = prose(" ".join(sentences), " " * 6) if sentences else action.done
        lines.append(f"  {palette.paint(TONES[action], f'{SIGNS[action]} {group.name}')}  {text}")
        if hint is not None:
            others = and_others(len(group.changes)) if _ALIAS in hint else ""
            hint = hint.replace(_ALIAS, result.change.alias)
            lines.append(f"      {palette.paint(Tone.HINT, 'hint:')} {prose(hint, ' ' * 6)}{others}")
    return lines


def _likeness(result: Result) -> Hashable:
    """All that is said of a change, its own alias, its person and its spend apart."""
    change = result.change
    return (change.action, _told(result), _has_old_value(change), _works_on(change, _ANYBODY))


def _told(result: Result) -> tuple[str | None, str | None]:
    """What became of a change, its own alias apart: the sentences and the hint."""
    texts: tuple[str | None, str | None]
    match result:
        case Applied(note=note):
            texts = (note, None)
        case Failed(detail=detail, hint=hint):
            texts = (detail, hint)
        case NotAttempted(why=why):
            texts = (why, None)
    said, then = (None if text is None else without_alias(text, result.change.alias, _ALIAS) for text in texts)
    return (said, then)


def _has_old_value(change: Change) -> bool:
    return change.action is Action.REPLACE and change.live is not None


def _old_values(group: Group) -> str | None:
    """What the values that were replaced had spent, together, and until when they work on; None where none was."""
    if not _has_old_value(group.changes[0]):
        return None
    several = len(group.changes) > 1
    total = spent(sum(change.live.spend for change in group.changes if change.live is not None))
    had = f"The old values had spent {total} in all" if several else f"The old value had spent {total}"
    until = _works_on(group.changes[0], group.person)
    if until is None:
        return f"{had}."
    ends, name = until
    return f"{had}, and {verb(len(group.changes), 'works', 'work')} on until {format_instant(ends)} as {name}."


def _works_on(change: Change, person: str | None) -> tuple[datetime, str] | None:
    """Until when, and under which alias, an old value works on."""
    aside = change.retires
    ends = aside.retired.delete_after if aside is not None and aside.retired is not None else None
    if aside is None or ends is None:
        return None
    return (ends, personal(escaped(aside.alias), change.member, person))
