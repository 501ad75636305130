"""What became of a plan, as text for people: what was done, what failed and why, and one line that sums it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome, Result
from vkstate.keys import Alias
from vkstate.plan import Action, Change
from vkstate.views.grouping import gather, without_alias
from vkstate.views.values import PLAIN, SIGNS, TONES, Palette, Tone
from vkstate.views.words import and_others, prose

Command: TypeAlias = Literal["apply", "destroy"]

DONE: Final[Mapping[Action, str]] = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.ADOPT: "adopted",
    Action.FORGET: "forgotten",
}
"""The word for an applied action."""

_ALWAYS: Final[Mapping[Command, tuple[Action, ...]]] = {
    "apply": (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE),
    "destroy": (Action.DELETE,),
}
_STOPPED: Final = {
    "SIGINT": "Interrupted by Ctrl-C: what was running was awaited and saved; nothing more was started.",
    "SIGTERM": "Stopped by SIGTERM: what was running was awaited and saved; nothing more was started.",
}


def render_outcome(outcome: Outcome, *, command: Command = "apply", palette: Palette = PLAIN) -> str:
    """The end of an apply or a destroy, ending in a newline.

    What was applied is listed only where something was not, or where there is a note to it; members of a workshop that
    fared alike are one line.
    """
    noted = [result for result in outcome.applied if result.note is not None]
    sections = [
        _section("Applied:", noted if outcome.complete else outcome.applied, palette),
        _section("Failed:", outcome.failed, palette),
        _section("Not attempted:", outcome.not_attempted, palette),
        [f"{palette.paint(Tone.HINT, 'note:')} {prose(notice)}" for notice in outcome.notices],
        [_STOPPED[outcome.interrupted]] if outcome.interrupted is not None else [],
        [palette.paint(Tone.STRONG, outcome_line(outcome, command))],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def outcome_line(outcome: Outcome, command: Command = "apply") -> str:
    """``Apply complete! 25 created, 1 updated, 0 replaced, 2 deleted.``, or ``Apply incomplete: …``."""
    actions = [action for action in DONE if action in _ALWAYS[command] or outcome.count(action)]
    done = ", ".join(f"{outcome.count(action):,} {DONE[action]}" for action in actions)
    verdict = "complete!" if outcome.complete else "incomplete:"
    lost = "" if outcome.complete else f"; {len(outcome.failed):,} failed, {len(outcome.not_attempted):,} not attempted"
    remain = _remain(outcome) if command == "destroy" else ""
    return f"{command.capitalize()} {verdict} {done}{lost}.{remain}"


def _remain(outcome: Outcome) -> str:
    if outcome.remaining is None:
        return ""
    targeted = sum(result.change.action is Action.DELETE for result in outcome.results)
    return f" {outcome.remaining:,} of {targeted:,} {'remains' if outcome.remaining == 1 else 'remain'}."


def _section(title: str, results: Sequence[Result], palette: Palette) -> list[str]:
    if not results:
        return []
    by_alias = {result.change.alias: result for result in results}
    lines = [title]
    for group in gather([result.change for result in results], lambda change: _told(by_alias, change)):
        result = by_alias[group.changes[0].alias]
        text, hint = _told(by_alias, group.changes[0])[1:]
        action = result.change.action
        lines.append("  " + palette.paint(TONES[action], f"{SIGNS[action]} {group.name}"))
        if text is None:
            lines[-1] += f"  {DONE[action]}"
        else:
            lines[-1] += f"  {prose(text.replace(_ALIAS, group.name), ' ' * 6)}"
        if hint is not None:
            others = and_others(len(group.changes)) if _ALIAS in hint else ""
            hint = hint.replace(_ALIAS, group.changes[0].alias)
            lines.append(f"      {palette.paint(Tone.HINT, 'hint:')} {prose(hint, ' ' * 6)}{others}")
    return lines


_ALIAS: Final = "\0"


def _told(by_alias: Mapping[Alias, Result], change: Change) -> tuple[Action, str | None, str | None]:
    """What is said of a change, its own alias apart: the sentences and the hint."""
    texts: tuple[str | None, str | None]
    match by_alias[change.alias]:
        case Applied(note=note):
            texts = (note, None)
        case Failed(detail=detail, hint=hint):
            texts = (detail, hint)
        case NotAttempted(why=why):
            texts = (why, None)
    text, hint = (None if text is None else without_alias(text, change.alias, _ALIAS) for text in texts)
    return (change.action, text, hint)
