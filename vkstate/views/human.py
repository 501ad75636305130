"""A plan as text for people: what would be done, what must be said with it, and the one line that sums it up."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vkstate.attributes import Value
from vkstate.keys import Alias, Member
from vkstate.plan import Action, AttributeDiff, Change, Plan, Problem, Reason
from vkstate.views.exposure import exposure_lines, exposure_of
from vkstate.views.grouping import gather, listing, members_of, without_alias
from vkstate.views.tables import cells
from vkstate.views.values import PLAIN, SIGNS, TONES, Palette, Tone, assignment, change_text, in_order, value_text
from vkstate.views.words import and_others, counted, escaped, prose, spent

WIDTH: Final = 100
"""Terminal columns that a line of changes takes where nothing else is known."""

_OBVIOUS: Final = frozenset(
    {
        (Action.CREATE, Reason.NEW),
        (Action.UPDATE, Reason.DIFFERS),
        (Action.REPLACE, Reason.DIFFERS),
        (Action.DELETE, Reason.NOT_DESIRED),
    }
)
_ALWAYS_COUNTED: Final = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)
_STATE_ONLY: Final = "lifecycle."
"""How paths begin of which the proxy knows nothing."""
_INDENT: Final = "    "


@dataclass(frozen=True)
class _Item:
    """One piece of a line, and its tone."""

    text: str
    tone: Tone | None = None


def render_plan(
    plan: Plan,
    *,
    proxy: str,
    destroy: bool = False,
    verbose: bool = False,
    palette: Palette = PLAIN,
    width: int = WIDTH,
) -> str:
    """The whole plan, ending in a newline.

    :param proxy: the proxy's url, without credentials.
    :param destroy: the plan is one of a destroy, which desires nothing.
    :param verbose: a block for every key, with every attribute in full; else one line for members that change alike.
    :param width: terminal columns; a line of changes goes on below where it would be longer. Sentences are not broken.
    """
    members = members_of(plan)
    changes = _blocks(plan, palette) if verbose else _lines(plan, palette, width)
    sections = [
        [f"On {palette.paint(Tone.STRONG, escaped(proxy))}:"] if changes else [],
        changes,
        [f"{palette.paint(Tone.WARNING, 'warning:')} {prose(warning)}" for warning in plan.warnings],
        problem_lines(plan.problems, members, palette),
        [*_remarks(plan, members), *(exposure_lines(exposure_of(plan), members) if plan.effective else ())],
        _ending(plan, palette, destroy=destroy),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def summary_line(plan: Plan, *, destroy: bool = False) -> str:
    """``Plan: 25 to create, 1 to update, 0 to replace, 2 to delete.``, or that nothing is to be done."""
    if not plan.effective and destroy:
        return "Nothing to destroy." if plan.changes or plan.left_out else "Nothing to destroy: no key is recorded."
    if not plan.effective:
        return "No changes. The proxy matches the configuration."
    shown = [*_ALWAYS_COUNTED, *(action for action in (Action.ADOPT, Action.FORGET) if plan.counts[action])]
    return f"Plan: {', '.join(f'{plan.counts[action]:,} to {action}' for action in shown)}."


def problem_lines(problems: Sequence[Problem], members: Mapping[Alias, Member], palette: Palette = PLAIN) -> list[str]:
    """Each problem as an ``error:`` and a ``hint:`` line; what is the same for several keys is said once.

    :param members: who is a member of what, so that keys can be named in groups.
    """
    alike: dict[tuple[bool, str, str], list[Problem]] = {}
    for problem in problems:
        known = problem.alias is not None
        texts = [without_alias(text, problem.alias or "\0") for text in (problem.detail, problem.hint)]
        alike.setdefault((known, texts[0], texts[1]), []).append(problem)
    lines = []
    for (_, detail, hint), same in alike.items():
        first = same[0]
        aliases = {problem.alias for problem in same if problem.alias is not None}
        if first.alias is not None:
            name = listing(aliases, members)
            detail = detail.replace("\0", name) if "\0" in detail else f"{name}: {detail}"
        others = and_others(len(aliases)) if "\0" in hint else ""
        lines.append(f"{palette.paint(Tone.ERROR, 'error:')} {prose(detail)}")
        lines.append(f"{palette.paint(Tone.HINT, 'hint:')} {prose(first.hint)}{others}")
    return lines


def _remarks(plan: Plan, members: Mapping[Alias, Member]) -> list[str]:
    """What else is true of the proxy and of this plan."""
    lines = []
    unsettled = [change.alias for change in plan.of(Action.NO_OP) if change.reason is Reason.UNSETTLED]
    if unsettled:
        names = listing(unsettled, members)
        verb = "is" if len(unsettled) == 1 else "are"
        lines.append(f"{counted(len(unsettled), 'record')} {verb} kept for now: {names} ({Reason.UNSETTLED}).")
    if plan.left_out:
        verb = "is" if len(plan.left_out) == 1 else "are"
        names = listing(plan.left_out, members)
        lines.append(f"{counted(len(plan.left_out), 'key')} {verb} left out, as the targets ask: {names}.")
    if plan.unmanaged:
        verb = "is" if plan.unmanaged == 1 else "are"
        lines.append(f"{counted(plan.unmanaged, 'other key')} on the proxy {verb} not managed here.")
    return lines


def _ending(plan: Plan, palette: Palette, *, destroy: bool) -> list[str]:
    """The lines that a reader looks for first; the very last says whether and what an apply would do."""
    if not plan.problems:
        return [palette.paint(Tone.STRONG, summary_line(plan, destroy=destroy))]
    refusal = f"This plan cannot be applied: {counted(len(plan.problems), 'problem')} must be solved first."
    return [*([summary_line(plan)] if plan.effective else []), palette.paint(Tone.STRONG, refusal)]


def _lines(plan: Plan, palette: Palette, width: int) -> list[str]:
    """One line for all members that change alike."""
    lines = []
    for group in gather(plan.effective, _likeness):
        first = group.changes[0]
        lines.append(_flowed(_head(first, group.name), _items(first, group.person), palette, width))
    return lines


def _likeness(change: Change) -> Hashable:
    """All that a compact line shows of a change, the person apart."""
    return (change.action, _items(change, "\0"))


def _head(change: Change, name: str) -> _Item:
    return _Item(f"{SIGNS[change.action]} {name}", TONES[change.action])


def _items(change: Change, person: str | None) -> tuple[_Item, ...]:
    """What a compact line says of a change.

    :param person: what stands for the user where a user id holds it.
    """
    items = [_Item(f"({reason})", Tone.FAINT) for reason in _reasons(change)]
    if change.action is Action.CREATE and change.desired is not None:
        declared = change.desired.declared
        shown = [path for path in in_order(declared) if _says_something(change, path)]
        items += [_Item(assignment(path, declared[path])) for path in shown]
    items += _diff_items(change, person)
    return tuple(items)


def _says_something(change: Change, path: str) -> bool:
    """A user id that follows from the workshop or the alias is left out where space is short."""
    if path != "user_id" or change.desired is None:
        return True
    return change.desired.member is None and change.desired.declared[path] != change.alias


def _reasons(change: Change) -> list[str]:
    reasons = [] if (change.action, change.reason) in _OBVIOUS else [str(change.reason)]
    if change.action is Action.REPLACE:
        reasons.append("new key value")
    if change.action is Action.UPDATE and not change.diffs:
        reasons.append("only the record changes")
    return reasons


def _diff_items(change: Change, person: str | None) -> list[_Item]:
    """``max_budget: 999 → 10``, with why; where it is the same for all of them, it is said once."""
    diffs = change.diffs
    notes = [_note(diff) for diff in diffs]
    said_once = len(set(notes)) == 1
    items: list[_Item] = []
    for number, (diff, note) in enumerate(zip(diffs, notes, strict=True), start=1):
        sides = _personal(diff.path, change_text(diff.before, diff.after), change, person)
        noted = f" {note}" if number == len(diffs) or not said_once else ""
        comma = "," if number < len(diffs) else ""
        items.append(_Item(f"{_label(diff)}: {sides}{noted}{comma}"))
    return items


def _label(diff: AttributeDiff) -> str:
    """What stands for a path: ``lifecycle`` is left out, as of a new key."""
    return escaped(diff.path.removeprefix(_STATE_ONLY))


def _note(diff: AttributeDiff) -> str:
    there = diff.already_live and not diff.path.startswith(_STATE_ONLY)
    return f"({diff.cause}; already so on the proxy)" if there else f"({diff.cause})"


def _personal(path: str, text: str, change: Change, person: str | None) -> str:
    """A user id with the person in place of the one user that stands in it."""
    member = change.member
    if path != "user_id" or person is None or member is None:
        return text
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(member.user)}(?![A-Za-z0-9])", lambda _: person, text)


def _flowed(head: _Item, items: Sequence[_Item], palette: Palette, width: int) -> str:
    """A head and what follows it, going on in further lines where the width ends."""
    text, column = _painted(head, palette), cells(head.text)
    for number, item in enumerate(items):
        gap = "  " if number == 0 else " "
        if column + len(gap) + cells(item.text) > width:
            text, column, gap = f"{text}\n{_INDENT}", len(_INDENT), ""
        text += gap + _painted(item, palette)
        column += len(gap) + cells(item.text)
    return text


def _painted(item: _Item, palette: Palette) -> str:
    return item.text if item.tone is None else palette.paint(item.tone, item.text)


def _blocks(plan: Plan, palette: Palette) -> list[str]:
    """A block for every key."""
    lines: list[str] = []
    for change in plan.effective:
        reasons = " ".join(palette.paint(Tone.FAINT, f"({reason})") for reason in _reasons(change))
        head = _painted(_head(change, escaped(change.alias)), palette)
        lines.append(f"{head}  {reasons}" if reasons else head)
        rows = _rows(change)
        size = max((cells(label) for label in rows), default=0)
        lines += [f"{_INDENT}{label}{' ' * (size - cells(label))}  {text}" for label, text in rows.items()]
    return lines


def _rows(change: Change) -> dict[str, str]:
    """Everything that is known of a change, by its label."""
    rows: dict[str, str] = {}
    values: Mapping[str, Value] = {}
    if change.action in {Action.DELETE, Action.FORGET}:
        values = change.recorded.applied if change.recorded is not None else {}
    elif change.action is not Action.UPDATE and change.desired is not None:
        values = change.desired.declared
    rows.update({escaped(path): value_text(values[path], full=True) for path in in_order(values)})
    for diff in change.diffs:
        rows[_label(diff)] = f"{change_text(diff.before, diff.after, full=True)} {_note(diff)}"
    if change.action is Action.CREATE and change.desired is not None and change.desired.prevent_destroy:
        rows["prevent_destroy"] = "true"
    if change.action is not Action.CREATE and change.recorded is not None and change.recorded.token is not None:
        rows["token"] = change.recorded.token
    if change.action is Action.DELETE and change.live is not None:
        rows["spend"] = spent(change.live.spend)
    return rows
