"""What became of a plan, as text for people: what was done, what failed and why, and one line that sums it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome, Result
from vkstate.expiry import format_instant
from vkstate.plan import Action, Change
from vkstate.views.grouping import Group, gather, personal, without_alias
from vkstate.views.summary import Kind, Mode, counted_kinds, has_moved, is_renewed, kind_of
from vkstate.views.values import PLAIN, SIGNS, TONES, Palette, Tone
from vkstate.views.words import and_others, escaped, prose, spent, verb

Command: TypeAlias = Mode

_DONE_KINDS: Final[Mapping[Kind, str]] = {
    **{Kind(action): action.done for action in Action if action is not Action.NO_OP},
    Kind.IMPORT: "imported",
    Kind.RELEASE: "released",
}
_STOPPED: Final = {
    "SIGINT": "Interrupted by Ctrl-C: what was running was awaited and saved; nothing more was started.",
    "SIGTERM": "Stopped by SIGTERM: what was running was awaited and saved; nothing more was started.",
}


def render_outcome(outcome: Outcome, *, command: Command = "apply", palette: Palette = PLAIN) -> str:
    """The end of a run, ending in a newline.

    What was applied is listed only where something was not, or where there is more to say of it: a note, or what became
    of an old key value. Members of a workshop that fared alike are one line.
    """
    telling = [result for result in outcome.applied if result.note is not None or _has_old_value(result.change)]
    sections = [
        _section("Applied:", telling if outcome.complete else outcome.applied, palette),
        _section("Failed:", outcome.failed, palette),
        _section("Not attempted:", outcome.not_attempted, palette),
        [f"{palette.paint(Tone.HINT, 'note:')} {prose(notice)}" for notice in outcome.notices],
        [_STOPPED[outcome.interrupted]] if outcome.interrupted is not None else [],
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
    if command == "refresh":
        return "accepted"
    updates = [result.change for result in outcome.applied if result.change.action is Action.UPDATE]
    sorts = ((sum(map(has_moved, updates)), "moved"), (sum(map(is_renewed, updates)), "renewed"))
    told = ", ".join(f"{number:,} {word}" for number, word in sorts if number)
    return f"{_DONE_KINDS[kind]} ({told})" if told else _DONE_KINDS[kind]


def _remain(outcome: Outcome) -> str:
    if outcome.remaining is None:
        return ""
    targeted = sum(result.change.action is Action.DELETE for result in outcome.results)
    return f" {outcome.remaining:,} of {targeted:,} {verb(outcome.remaining, 'remains', 'remain')}."


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
