"""A plan as text for people: what would be done, what must be said with it, and the one line that sums it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from vkstate.plan import Change, Plan
from vkstate.views.changes import Item, Span, block_rows, likeness, line_items, reason_texts
from vkstate.views.exposure import exposure_lines, exposure_of
from vkstate.views.grouping import gather, members_of
from vkstate.views.summary import (
    Mode,
    ToldProblem,
    cautions,
    expecting_command,
    refusal_line,
    remarks,
    rename_hints,
    shown_fingerprint,
    summary_line,
    told_problems,
)
from vkstate.views.tables import cells
from vkstate.views.values import PLAIN, SIGNS, TONES, Palette, Tone
from vkstate.views.words import escaped, prose

WIDTH: Final = 100
"""Terminal columns that a line of changes takes where nothing else is known."""

_INDENT: Final = "    "


def render_plan(
    plan: Plan,
    *,
    proxy: str,
    mode: Mode = "apply",
    fingerprint: str | None = None,
    arguments: Sequence[str] | None = None,
    verbose: bool = False,
    palette: Palette = PLAIN,
    width: int = WIDTH,
) -> str:
    """The whole plan, ending in a newline.

    :param proxy: the proxy's url, without credentials.
    :param mode: what the plan is for.
    :param fingerprint: shown under a plan that can be applied and changes anything.
    :param arguments: what ``vkstate apply`` must be told to make the same plan; with the fingerprint, the command is
        shown where there is more to tell. None shows none.
    :param verbose: a block for every key, with every attribute in full; else one line for members that change alike.
    :param width: terminal columns; a line of changes goes on below where it would be longer. Sentences are not broken.
    """
    members = members_of(plan)
    changes = _blocks(plan, palette) if verbose else _lines(plan, palette, width)
    costs = exposure_lines(exposure_of(plan), members) if plan.effective and mode != "refresh" else ()
    sections: list[Sequence[str]] = [
        [f"On {palette.paint(Tone.STRONG, escaped(proxy))}:"] if changes else [],
        changes,
        [f"{palette.paint(Tone.WARNING, 'warning:')} {prose(warning)}" for warning in cautions(plan)],
        problem_lines(told_problems(plan.problems, members), palette),
        [*remarks(plan), *costs],
        [f"{palette.paint(Tone.HINT, 'hint:')} {prose(f'{hint} {line}')}" for hint, line in rename_hints(plan)],
        _ending(plan, mode, shown_fingerprint(plan, fingerprint, mode), arguments, palette),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def problem_lines(problems: Iterable[ToldProblem], palette: Palette = PLAIN) -> list[str]:
    """Each problem as an ``error:`` and a ``hint:`` line."""
    lines = []
    for problem in problems:
        lines.append(f"{palette.paint(Tone.ERROR, 'error:')} {prose(problem.detail)}")
        lines.append(f"{palette.paint(Tone.HINT, 'hint:')} {prose(problem.hint)}")
    return lines


def _ending(
    plan: Plan, mode: Mode, fingerprint: str | None, arguments: Sequence[str] | None, palette: Palette
) -> list[str]:
    """The lines that a reader looks for first: whether and what an apply would do, and how it can be held to that."""
    summary, refusal = summary_line(plan, mode=mode), refusal_line(plan)
    if refusal is not None:
        return [*([summary] if plan.effective else []), palette.paint(Tone.STRONG, refusal)]
    shown = [palette.paint(Tone.STRONG, summary)]
    if fingerprint is not None:
        shown.append(f"Fingerprint: {fingerprint}")
        if arguments or (arguments is not None and mode != "apply"):
            shown.append(f"To apply this very plan: {prose(expecting_command(fingerprint, mode, arguments))}")
    return shown


def _lines(plan: Plan, palette: Palette, width: int) -> list[str]:
    """One line for all members that change alike."""
    lines = []
    for group in gather(plan.effective, likeness):
        first = group.changes[0]
        lines.append(_flowed(_head(first, group.name), line_items(first, group.person), palette, width))
    return lines


def _head(change: Change, name: str) -> Item:
    return Item((Span(f"{SIGNS[change.action]} "), Span(name, data=True)), TONES[change.action])


def _flowed(head: Item, items: Sequence[Item], palette: Palette, width: int) -> str:
    """A head and what follows it, going on in further lines where the width ends."""
    text, column = _painted(head, palette), cells(head.text)
    for number, item in enumerate(items):
        gap = "  " if number == 0 else " "
        if column + len(gap) + cells(item.text) > width:
            text, column, gap = f"{text}\n{_INDENT}", len(_INDENT), ""
        text += gap + _painted(item, palette)
        column += len(gap) + cells(item.text)
    return text


def _painted(item: Item, palette: Palette) -> str:
    return item.text if item.tone is None else palette.paint(item.tone, item.text)


def _blocks(plan: Plan, palette: Palette) -> list[str]:
    """A block for every key."""
    lines: list[str] = []
    for change in plan.effective:
        reasons = " ".join(palette.paint(Tone.FAINT, f"({reason})") for reason in reason_texts(change))
        head = _painted(_head(change, escaped(change.alias)), palette)
        lines.append(f"{head}  {reasons}" if reasons else head)
        rows = block_rows(change)
        size = max((cells(label) for label in rows), default=0)
        lines += [f"{_INDENT}{label}{' ' * (size - cells(label))}  {text}" for label, text in rows.items()]
    return lines
