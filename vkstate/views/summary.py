"""What is said of a plan as a whole: the line that sums it up, its problems, and what else is true of the keys."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from vkstate.expiry import format_instant, format_zoned
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Cause, Change, Plan, Problem, Reason
from vkstate.renames import likely_renames
from vkstate.schedule import blocked_until
from vkstate.views.grouping import listing, members_of, personal, without_alias
from vkstate.views.words import and_others, counted, verb

Mode: TypeAlias = Literal["apply", "destroy", "refresh", "import", "move", "release"]
"""What a plan is for, and whose outcome is told. ``destroy`` desires nothing; ``refresh`` changes only the state;
``move`` and ``release`` are of ``state mv`` and ``state rm``."""


class Kind(StrEnum):
    """What a change counts as where changes are counted: its action, or a word that says more."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    ADOPT = "adopt"
    FORGET = "forget"
    RELEASE = "release"
    """Forgotten, to live on as nobody's."""


_KINDS: Final[Mapping[Action, Kind]] = {
    Action.CREATE: Kind.CREATE,
    Action.UPDATE: Kind.UPDATE,
    Action.REPLACE: Kind.REPLACE,
    Action.DELETE: Kind.DELETE,
    Action.ADOPT: Kind.ADOPT,
    Action.FORGET: Kind.FORGET,
}
_SPECIAL: Final[Mapping[tuple[Action, Reason], Kind]] = {
    (Action.ADOPT, Reason.IMPORTED): Kind.IMPORT,
    (Action.FORGET, Reason.RELEASED): Kind.RELEASE,
}
_ALWAYS_COUNTED: Final[Mapping[Mode, tuple[Kind, ...]]] = {
    "apply": (Kind.CREATE, Kind.UPDATE, Kind.REPLACE, Kind.DELETE),
    "destroy": (Kind.DELETE,),
    "refresh": (Kind.UPDATE, Kind.FORGET),
    "import": (Kind.IMPORT,),
    "move": (Kind.UPDATE,),
    "release": (Kind.RELEASE,),
}


def kind_of(change: Change) -> Kind:
    """What an effective change counts as."""
    return _SPECIAL.get((change.action, change.reason), _KINDS[change.action])


def has_moved(change: Change) -> bool:
    """Whether the key goes on under another alias."""
    return change.recorded_as != change.alias


def is_renewed(change: Change) -> bool:
    """Whether the key is given time again."""
    return any(diff.cause is Cause.RENEWED for diff in change.diffs)


def summary_line(plan: Plan, *, mode: Mode = "apply") -> str:
    """``Plan: 25 to create, 1 to update, 0 to replace, 2 to delete.``, or that nothing is to be done."""
    if not plan.effective:
        return _nothing(plan, mode)
    if mode == "refresh":
        return f"Plan: the state would {_accepted(plan)}."
    counts = Counter(kind_of(change) for change in plan.effective)
    shown = counted_kinds(counts, "apply" if mode == "destroy" else mode)
    return f"Plan: {', '.join(f'{counts[kind]:,} to {_verb(kind, mode)}' for kind in shown)}."


def _verb(kind: Kind, mode: Mode) -> str:
    return "move" if mode == "move" and kind is Kind.UPDATE else kind


def counted_kinds(counts: Mapping[Kind, int], mode: Mode) -> list[Kind]:
    """The kinds to be counted in a line: those that a reader looks for there, and those that there are any of."""
    return [kind for kind in Kind if kind in _ALWAYS_COUNTED[mode] or counts.get(kind)]


def _nothing(plan: Plan, mode: Mode) -> str:
    match mode:
        case "apply" if plan.left_out:
            return "No changes to what the targets name."
        case "apply":
            return "No changes. The proxy matches the configuration."
        case "refresh" if plan.left_out:
            return "No changes to what the targets name."
        case "refresh" if plan.warnings:
            return "No changes that the state could accept."
        case "refresh":
            return "No changes. The state matches the proxy."
        case "import" | "move" | "release":
            return f"Nothing to {mode}."
        case "destroy":
            known = plan.changes or plan.left_out
            return "Nothing to destroy." if known else "Nothing to destroy: no key is recorded."


def _accepted(plan: Plan) -> str:
    """``accept 3 changes and forget 1 key``."""
    done = [(action, plan.counts[action]) for action in _KINDS if plan.counts[action]]
    parts = [
        f"accept {counted(number, 'change')}" if action is Action.UPDATE else f"{action} {counted(number, 'key')}"
        for action, number in done
    ]
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def refusal_line(plan: Plan) -> str | None:
    """That a plan cannot be applied; None where it can."""
    if not plan.problems:
        return None
    return f"This plan cannot be applied: {counted_problems(plan)} must be solved first."


def counted_problems(plan: Plan) -> str:
    """How many problems a plan has, as they are told: what is the same for several keys is one."""
    return counted(len(told_problems(plan.problems, members_of(plan))), "problem")


def cautions(plan: Plan) -> tuple[str, ...]:
    """The warnings of a plan as sentences, with the keys named in groups."""
    members = members_of(plan)
    return tuple(
        f"{warning.before}{listing(warning.aliases, members)}{warning.after}" if warning.aliases else warning.before
        for warning in plan.warnings
    )


_MODE_OPTIONS: Final[Mapping[Mode, tuple[str, ...]]] = {"apply": (), "refresh": ("--refresh-only",)}
"""What ``vkstate apply`` is told to make such a plan; the others are made by commands that expect none."""


def shown_fingerprint(plan: Plan, fingerprint: str | None, mode: Mode) -> str | None:
    """The fingerprint where an apply can be held to it: there are changes, no problem, and a command that takes it."""
    return fingerprint if plan.effective and not plan.problems and mode in _MODE_OPTIONS else None


def expecting_command(fingerprint: str, mode: Mode, arguments: Sequence[str]) -> str:
    """The command that applies the plan with this fingerprint, and no other.

    :param mode: one of which :func:`shown_fingerprint` tells a fingerprint.
    :param arguments: what else ``vkstate apply`` must be told to make the same plan, such as ``--target``.
    """
    return shlex.join(["vkstate", "apply", *_MODE_OPTIONS[mode], *arguments, "--expect", fingerprint])


@dataclass(frozen=True)
class ToldProblem:
    """What is the same for several keys, said once."""

    detail: str
    hint: str


def told_problems(problems: Sequence[Problem], members: Mapping[Alias, Member]) -> tuple[ToldProblem, ...]:
    """The problems in their order; what is the same for several keys names them together.

    :param members: who is a member of what, so that keys can be named in groups.
    """
    alike: dict[tuple[bool, str, str], list[Problem]] = {}
    for problem in problems:
        texts = [_impersonal(text, problem) for text in (problem.detail, problem.hint)]
        alike.setdefault((problem.alias is not None, texts[0], texts[1]), []).append(problem)
    told = []
    for (_, detail, hint), same in alike.items():
        others = and_others(len({problem.alias for problem in same})) if _NAME in hint else ""
        told.append(ToldProblem(_together(detail, same, members), same[0].hint + others))
    return tuple(told)


def _together(detail: str, same: Sequence[Problem], members: Mapping[Alias, Member]) -> str:
    """A sentence about several keys at once, from what theirs have in common; the place is that of the first."""
    aliases = {problem.alias for problem in same if problem.alias is not None}
    if not aliases:
        return detail
    name, first = listing(aliases, members), same[0]
    if len(same) == 1:
        return first.detail if _NAME in detail else f"{name}: {first.detail}"
    place = _PLACE.match(first.detail)
    detail = detail.replace(_HERE, place[0] if place else "").replace(_PERSON, "…")
    return detail.replace(_NAME, name) if _NAME in detail else f"{name}: {detail}"


_NAME: Final = "\0"
_PERSON: Final = "\1"
_HERE: Final = "\2"
_PLACE: Final = re.compile(r"[^\s:]+:[0-9]+:[0-9]+: ")


def _impersonal(text: str, problem: Problem) -> str:
    """A sentence without what tells one key from another: its alias, and of a member the user and the place."""
    if problem.alias is None:
        return text
    told = personal(without_alias(text, problem.alias, _NAME), problem.member, _PERSON)
    return _PLACE.sub(_HERE, told, count=1) if problem.member is not None and _PLACE.match(told) else told


def remarks(plan: Plan) -> tuple[str, ...]:
    """What else is true of the keys and of this plan, in full sentences."""
    members = members_of(plan)
    lines = []
    if unsettled := _unchanged(plan, Reason.UNSETTLED):
        number, names = len(unsettled), listing(unsettled, members)
        lines.append(
            f"{counted(number, 'record')} {verb(number, 'is', 'are')} kept for now: {names} ({Reason.UNSETTLED})."
        )
    if missing := _unchanged(plan, Reason.LEFT_MISSING):
        number, names = len(missing), listing(missing, members)
        lines.append(f"{counted(number, 'key')} {verb(number, 'is', 'are')} missing on the proxy and left so: {names}.")
    lines += _waiting(plan, members)
    lines += _retiring(plan, members)
    if plan.left_out:
        number, names = len(plan.left_out), listing(plan.left_out, members)
        lines.append(f"{counted(number, 'key')} {verb(number, 'is', 'are')} left out, as the targets ask: {names}.")
    if plan.unmanaged:
        lines.append(
            f"{counted(plan.unmanaged, 'other key')} on the proxy {verb(plan.unmanaged, 'is', 'are')} not managed here."
        )
    return tuple(lines)


def _unchanged(plan: Plan, reason: Reason) -> list[Alias]:
    return [change.alias for change in plan.of(Action.NO_OP) if change.reason is reason]


def rename_hints(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Where a key that goes and one that comes seem to be the same: a sentence, and the line that ends it."""
    return tuple(
        (
            f"if {one.old} was renamed to {one.new}, say so in the config, under moved, and it keeps its key value:",
            f"- {{from: {one.old}, to: {one.new}}}",
        )
        for one in likely_renames(plan)
    )


def _waiting(plan: Plan, members: Mapping[Alias, Member]) -> list[str]:
    """The keys of workshops that have not started, apart from those that this plan tells of."""
    waiting: dict[str, list[Alias]] = {}
    for change in plan.of(Action.NO_OP):
        if change.desired is not None and (starts_at := blocked_until(change.desired)) is not None:
            waiting.setdefault(format_zoned(starts_at), []).append(change.alias)
    return [
        f"{counted(len(aliases), 'key')} {verb(len(aliases), 'is', 'are')} blocked until {start}: "
        f"{listing(aliases, members)}."
        for start, aliases in waiting.items()
    ]


def _retiring(plan: Plan, members: Mapping[Alias, Member]) -> list[str]:
    """The retired keys that stay, apart from those whose replacement this plan tells of."""
    told = {change.retires.alias for change in plan.changes if change.retires is not None}
    timed: list[tuple[Alias, datetime]] = []
    waiting: list[Alias] = []
    for change in plan.of(Action.NO_OP):
        retired = change.recorded.retired if change.recorded is not None else None
        if retired is None or change.reason is not Reason.RETIRING or change.alias in told:
            continue
        if retired.delete_after is None:
            waiting.append(change.alias)
        else:
            timed.append((change.alias, retired.delete_after))
    lines = []
    if timed:
        number, names = len(timed), listing((alias for alias, _ in timed), members)
        first, last = (format_instant(end) for end in (min(end for _, end in timed), max(end for _, end in timed)))
        until = f" until {last}" if first == last else f", the first until {first}, the last until {last}"
        lines.append(f"{counted(number, 'retired key')} still {verb(number, 'has', 'have')} time: {names}{until}.")
    if waiting:
        number, names = len(waiting), listing(waiting, members)
        works = verb(number, "the key that takes its place works", "the keys that take their places work")
        lines.append(f"{counted(number, 'retired key')} {verb(number, 'stays', 'stay')} until {works}: {names}.")
    return lines
