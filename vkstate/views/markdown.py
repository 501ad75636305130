"""A plan as Markdown, for a comment on a pull request: what a reviewer has to know, in the order of its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vkstate.plan import Plan
from vkstate.views.changes import Item, Span, likeness, line_items
from vkstate.views.exposure import exposure_lines, exposure_of
from vkstate.views.grouping import Group, gather, members_of
from vkstate.views.markup import code, literal, sentence
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
from vkstate.views.tables import clipped
from vkstate.views.values import SIGNS
from vkstate.views.words import counted, verb

LONGEST: Final = 60_000
"""Characters at most: GitHub refuses a comment of more than 65,536, and who posts it may add a few."""
FOLDED: Final = 20
"""A table with more rows than this is folded."""
_OBJECTIONS: Final = 15_000
"""Characters that problems take at most, and that warnings do, so that the changes have room."""
_REMARKS: Final = 5_000
_CELL: Final = 3_000
_NAME: Final = 300
"""Characters of one name or value; an alias has at most 255."""
_COMMAND: Final = 2_000
_FOLD_ROOM: Final = 300
"""What a table takes besides its rows."""


def render_markdown(
    plan: Plan, *, proxy: str, fingerprint: str | None, mode: Mode = "apply", arguments: Sequence[str] = ()
) -> str:
    """The plan as a comment, ending in a newline and never longer than :data:`LONGEST` characters.

    :param proxy: the proxy's url, without credentials.
    :param fingerprint: shown, with the command that applies this very plan, where it can be applied.
    :param mode: what the plan is for.
    :param arguments: what else ``vkstate apply`` must be told to make the same plan, such as ``--target``.
    """
    members = members_of(plan)
    summary, refusal = summary_line(plan, mode=mode), refusal_line(plan)
    costs = exposure_lines(exposure_of(plan), members) if plan.effective and mode != "refresh" else ()
    first = [f"### {sentence(refusal or summary)}"]
    first += [sentence(summary)] if refusal and plan.effective else []
    first += [f"On {code(clipped(proxy, _NAME))}"]
    first += _fitting(
        [_objection(problem) for problem in told_problems(plan.problems, members)], _OBJECTIONS, "problem"
    )
    first += _fitting([f"**warning:** {sentence(warning)}" for warning in cautions(plan)], _OBJECTIONS, "warning")
    hints = [f"**hint:** {sentence(hint)} {code(clipped(line, 3 * _NAME))}" for hint, line in rename_hints(plan)]
    last = _fitting([sentence(line) for line in (*remarks(plan), *costs)], _REMARKS, "remark")
    last += hints
    last += _ending(shown_fingerprint(plan, fingerprint, mode), mode, arguments)
    room = LONGEST - sum(len(block) + 2 for block in (*first, *last)) - _FOLD_ROOM
    return "\n\n".join([*first, *_table(gather(plan.effective, likeness), room), *last]) + "\n"


def _objection(problem: ToldProblem) -> str:
    return f"**error:** {sentence(problem.detail)}<br>**hint:** {sentence(problem.hint)}"


def _fitting(blocks: Sequence[str], room: int, noun: str) -> list[str]:
    """As many blocks as there is room for, in their order, and how many are left out."""
    kept = _fit(blocks, room, 2)
    rest = len(blocks) - kept
    said = f"{counted(rest, f'more {noun}')} {verb(rest, 'is', 'are')} left out here: `vkstate plan` shows "
    return [*blocks[:kept], *([said + verb(rest, "it.", "them.")] if rest else [])]


def _fit(texts: Sequence[str], room: int, gap: int) -> int:
    """How many of the first texts have room together, with a gap of so many characters after each."""
    for number, text in enumerate(texts):
        room -= len(text) + gap
        if room < 0:
            return number
    return len(texts)


def _table(groups: Sequence[Group], room: int) -> list[str]:
    """The changes, folded where they are many, and how many of them are left out for want of room."""
    if not groups:
        return []
    rows = [_row(group) for group in groups]
    kept = _fit(rows, room, 1)
    table = "\n".join(["| | key | change |", "|---|---|---|", *rows[:kept]])
    total = sum(len(group.changes) for group in groups)
    blocks = [table]
    if kept > FOLDED:
        blocks = [f"<details><summary>{counted(total, 'change')}</summary>", table, "</details>"]
    if rest := sum(len(group.changes) for group in groups[kept:]):
        blocks.append(f"{rest:,} of {counted(total, 'change')} are left out here: `vkstate plan` shows them.")
    return blocks


def _row(group: Group) -> str:
    first = group.changes[0]
    said = _cell(line_items(first, group.person))
    return f"| {code(SIGNS[first.action])} | {code(clipped(group.name, _NAME))} | {said} |"


def _cell(items: Sequence[Item]) -> str:
    texts = ["".join(map(_marked, item.spans)) for item in items]
    kept = _fit(texts, _CELL, 1)
    more = [f"and {len(texts) - kept:,} more"] if kept < len(texts) else []
    return " ".join([*texts[:kept], *more])


def _marked(span: Span) -> str:
    return code(clipped(span.text, _NAME)) if span.data else literal(span.text)


def _ending(fingerprint: str | None, mode: Mode, arguments: Sequence[str]) -> list[str]:
    """What holds a later job to this very plan."""
    if fingerprint is None:
        return []
    said = "This very plan, and no other, is applied by:"
    command = expecting_command(fingerprint, mode, arguments)
    if len(command) > _COMMAND or not command.isprintable() or "`" in command:
        said = "This very plan, and no other, is applied by this command, with the options of the plan added:"
        command = expecting_command(fingerprint, mode, ())
    return [f"Fingerprint: {code(fingerprint)}", said, f"```sh\n{command}\n```"]
