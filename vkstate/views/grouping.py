"""Members of one workshop that are spoken of alike become one line: ``ai-workshop-2024-participant{1..25}``.

A compact alias is what a shell's braces expand to: ``{1..5,7,9..25}`` over the numbers that users end in, zero padding
kept (``{01..10}``), or the users' names, ``{alice,bob}``. One that is too long counts its rest: ``{alice,bob,… 12
more}``. Only a member's user varies in it; an alias that would read as something else stays alone. Of retired keys the
token's digits vary too, ``ws-participant{1..3}.retired-*``: a glob, as targets take it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from vkstate.keys import Alias, Member, natural_order
from vkstate.plan import Change, Plan
from vkstate.views.values import shortened
from vkstate.views.words import escaped

ROOM: Final = 48
"""Characters that stand between the braces at most, and that a list of aliases in a sentence takes about."""

_NUMBERED: Final = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)
_AMBIGUOUS: Final = re.compile(r"[{},…]")
_RANGE: Final = re.compile(r"[0-9]+\.\.[0-9]+")
_RETIRED: Final = re.compile(r"\.retired-[0-9a-f]{8}$")
_ANY_RETIRED: Final = ".retired-*"


@dataclass(frozen=True)
class Group:
    """Changes that are spoken of as one. ``name`` is fit to be shown: one's alias, or the compact alias of several.

    ``person`` is the members' user in the same form, ``participant{1..25}``; None where there is no member.
    """

    name: str
    changes: tuple[Change, ...]
    person: str | None = None


@dataclass(frozen=True)
class _Slot:
    """An alias taken apart at what varies within its group: ``before + part + after`` is the alias, or of a retired key
    the glob that leaves its token open.
    """

    before: str
    part: str
    after: str


def gather(changes: Sequence[Change], alike: Callable[[Change], Hashable]) -> tuple[Group, ...]:
    """The changes in groups, ordered by each group's first change.

    :param alike: two members of one workshop may share a line only where this says the same of both.
    """
    families: dict[Hashable, list[int]] = {}
    for index, change in enumerate(changes):
        member = change.member
        key = ("alone", index) if member is None else ("workshop", member.workshop, alike(change))
        families.setdefault(key, []).append(index)
    groups: list[tuple[int, Group]] = []
    for family in families.values():
        places = {changes[index].alias: index for index in family}
        members = {alias: changes[index].member for alias, index in places.items()}
        for name, aliases in _bundles(tuple(places), members):
            indices = sorted(places[alias] for alias in aliases)
            person = _person(name, aliases, members[aliases[0]])
            groups.append((indices[0], Group(name, tuple(changes[index] for index in indices), person)))
    return tuple(group for _, group in sorted(groups, key=lambda pair: pair[0]))


def listing(aliases: Iterable[Alias], members: Mapping[Alias, Member], room: int = 2 * ROOM) -> str:
    """Aliases for a sentence, in natural order: ``my-dev-project, ws-participant{1..25} and 12 more``.

    :param members: who is a member of what; an alias that is not there is known by its trailing number only.
    """
    families: dict[str | None, list[Alias]] = {}
    for alias in sorted(aliases, key=natural_order):
        member = members.get(alias)
        families.setdefault(member.workshop if member else None, []).append(alias)
    bundles = [bundle for family in families.values() for bundle in _bundles(family, members)]
    bundles.sort(key=lambda bundle: natural_order(bundle[1][0]))
    kept, length = 0, 0
    while kept < len(bundles) and (kept == 0 or length + len(bundles[kept][0]) <= room):
        length += len(bundles[kept][0]) + 2
        kept += 1
    names = ", ".join(name for name, _ in bundles[:kept])
    more = sum(len(rest) for _, rest in bundles[kept:])
    return f"{names} and {more:,} more" if more else names


def members_of(plan: Plan) -> Mapping[Alias, Member]:
    """Which aliases of a plan are members of a workshop: those that keys have, had, or bear once they are retired."""
    found: dict[Alias, Member] = {}
    for change in plan.changes:
        if (member := change.member) is not None:
            aside = (change.retires.alias,) if change.retires is not None else ()
            found |= dict.fromkeys((change.alias, change.recorded_as, *aside), member)
    return found


def personal(text: str, member: Member | None, person: str | None) -> str:
    """A text about one member with the person in place of the user that stands in it.

    :param person: what stands for the user; None, or the user itself, leaves the text as it is.
    """
    if person is None or member is None or person == member.user:
        return text
    return _RETIRED.sub(_ANY_RETIRED, _with_person(text, member.user, person))


def _with_person(text: str, user: str, person: str) -> str:
    """A text with the user replaced where it stands as a word of its own. No pattern: each user would need another."""
    told, done = "", 0
    place = text.find(user) if user else -1
    while place >= 0:
        end = place + len(user)
        if not (_in_word(text[place - 1 : place]) or _in_word(text[end : end + 1])):
            told, done = f"{told}{text[done:place]}{person}", end
        place = text.find(user, end)
    return told + text[done:]


def _in_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _person(name: str, aliases: Sequence[Alias], member: Member | None) -> str | None:
    """What stands in a compact alias where the user stands in each of its aliases."""
    slot = _slot(aliases[0], member)
    if member is None or slot is None:
        return None
    return slot.part if len(aliases) == 1 else name[len(slot.before) : len(name) - len(slot.after)]


_Bundle: TypeAlias = tuple[str, tuple[Alias, ...]]
_Inside: TypeAlias = Callable[[list[str]], str]


def _bundles(aliases: Sequence[Alias], members: Mapping[Alias, Member | None]) -> list[_Bundle]:
    """One family's aliases under as few names as can be; every alias once."""
    slots = {alias: _slot(alias, members.get(alias)) for alias in aliases}
    numbers = {alias: number for alias, slot in slots.items() if slot and (number := _number(slot))}
    stems = Counter((number.before, number.after) for number in numbers.values())
    families: dict[tuple[_Inside, str, str], list[tuple[Alias, str]]] = {}
    bundles: list[_Bundle] = []
    for alias, slot in slots.items():
        number = numbers.get(alias)
        if number is not None and stems[number.before, number.after] > 1:
            families.setdefault((_ranges, number.before, number.after), []).append((alias, number.part))
        elif slot is None or members.get(alias) is None or _RANGE.fullmatch(slot.part):
            bundles.append((escaped(alias), (alias,)))
        else:
            families.setdefault((_names, slot.before, slot.after), []).append((alias, slot.part))
    for (inside, before, after), family in families.items():
        within = tuple(alias for alias, _ in family)
        parts = list(dict.fromkeys(part for _, part in family))
        varying = f"{{{inside(parts)}}}" if len(parts) > 1 else parts[0]
        bundles.append((f"{before}{varying}{after}" if len(within) > 1 else within[0], within))
    return bundles


def _number(slot: _Slot) -> _Slot | None:
    """The slot narrowed to the number that it ends in."""
    found = _NUMBERED.fullmatch(slot.part)
    return _Slot(slot.before + found[1], found[2], slot.after) if found else None


def _slot(alias: Alias, member: Member | None) -> _Slot | None:
    """Where a member's user stands in the alias; of no member, the whole alias where it ends in a number."""
    if _AMBIGUOUS.search(alias) or not alias.isprintable():
        return None
    if member is None:
        return _Slot("", alias, "") if _NUMBERED.fullmatch(alias) and not _RETIRED.search(alias) else None
    before, user, after = alias.rpartition(member.user)
    return _Slot(before, user, _RETIRED.sub(_ANY_RETIRED, after)) if user else None


def _names(parts: list[str]) -> str:
    return shortened(sorted(parts, key=natural_order), ROOM)


def _ranges(parts: list[str]) -> str:
    """``1..5,7,9..25``; numbers that are padded with zeros make a range only with others of their width."""
    runs: list[list[str]] = []
    for part in sorted(parts, key=lambda part: (int(part), part)):
        if runs and _follows(part, runs[-1]):
            runs[-1].append(part)
        else:
            runs.append([part])
    items: list[tuple[str, int]] = []
    for run in runs:
        items += [(f"{run[0]}..{run[-1]}", len(run))] if len(run) > 2 else [(part, 1) for part in run]
    return shortened([text for text, _ in items], ROOM, [weight for _, weight in items])


def _follows(part: str, run: list[str]) -> bool:
    """Whether a number extends a run, so that a shell would count from its first to this one."""
    padded = run[0].startswith("0") and len(run[0]) > 1
    width = len(run[0]) if padded else 0
    return part == str(int(run[-1]) + 1).zfill(width) and (not padded or len(part) == width)


def without_alias(text: str, alias: str, name: str = "\0") -> str:
    """A sentence with an alias replaced by another name, so that sentences about different keys compare alike."""
    whole = rf"(?<![\w@/.-]){re.escape(alias)}(?![\w@/-]|\.\w)"
    return re.sub(whole, lambda _: name, text)
