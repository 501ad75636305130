"""What is said of one change: in a line, where members of a workshop are told together, or in full."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from vkstate.attributes import Value
from vkstate.differences import ALIAS_PATH, STAMP_PATH, WORKSHOP_PATH, is_protected
from vkstate.expiry import NEVER, format_instant, format_zoned
from vkstate.keys import Alias, RecordedKey, Status
from vkstate.plan import Action, AttributeDiff, Cause, Change, Reason
from vkstate.schedule import BLOCKED, blocked_until
from vkstate.views.grouping import personal
from vkstate.views.summary import has_moved
from vkstate.views.values import Tone, assignment, change_text, in_order, value_text
from vkstate.views.words import escaped, spent

_OBVIOUS: Final = frozenset(
    {
        (Action.CREATE, Reason.NEW),
        (Action.UPDATE, Reason.DIFFERS),
        (Action.UPDATE, Reason.MOVED),
        (Action.UPDATE, Reason.SEEN),
        (Action.REPLACE, Reason.DIFFERS),
        (Action.REPLACE, Reason.REPLACED),
        (Action.DELETE, Reason.NOT_DESIRED),
    }
)
_SAID: Final[Mapping[Reason, str]] = {Reason.RELEASED: "lives on as nobody's"}
"""Where a reason is said in other words, since an action alone may have several occasions."""
_PERSONAL: Final = frozenset({"user_id", ALIAS_PATH, WORKSHOP_PATH})
"""The paths under which a member's own user stands."""
_WHOLE: Final = frozenset({ALIAS_PATH, WORKSHOP_PATH, STAMP_PATH})
"""The paths whose values are not shortened: they name keys, or say whose they are."""
_SECONDS: Final = re.compile(r"(T[0-9]{2}:[0-9]{2}):[0-9]{2}(?:\.[0-9]+)?Z →")
_STATE_ONLY: Final = "lifecycle."
"""How paths begin of which the proxy knows nothing."""


@dataclass(frozen=True)
class Span:
    """A stretch of text: our own words, or what names or values of keys say. Either is fit to be printed."""

    text: str
    data: bool = False


@dataclass(frozen=True)
class Item:
    """One piece of a line, which is not broken, and its tone."""

    spans: tuple[Span, ...]
    tone: Tone | None = None

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    def followed_by(self, text: str) -> Item:
        return Item((*self.spans, Span(text)), self.tone)


def likeness(change: Change) -> Hashable:
    """All that a line shows of a change, the person apart."""
    return (change.action, line_items(change, "\0"))


def line_items(change: Change, person: str | None) -> tuple[Item, ...]:
    """What a line says of a change.

    :param person: what stands for the user where a user id or an alias holds it.
    """
    items = [Item((Span("("), *reason, Span(")")), Tone.FAINT) for reason in _reasons(change, person)]
    if change.action is Action.CREATE and change.desired is not None:
        declared = change.desired.declared
        shown = [path for path in in_order(declared) if _says_something(change, path)]
        items += [Item((Span(_assigned(change, path, declared[path]), data=True),)) for path in shown]
    differences = _diff_items(change, person)
    fate = _fate(change, person)
    if differences and fate:
        differences[-1] = differences[-1].followed_by(",")
    return (*items, *differences, *fate)


def _assigned(change: Change, path: str, value: Value) -> str:
    """``max_budget=50``, or ``blocked until`` its workshop starts."""
    until = _until(change, path)
    return assignment(path, value) if until is None else f"{path} {until}"


def _until(change: Change, path: str) -> str | None:
    """``until 2026-12-01T09:00:00+01:00``, where the start of the workshop decides until when a key is blocked."""
    starts_at = blocked_until(change.desired) if path == BLOCKED and change.desired is not None else None
    return None if starts_at is None else f"until {format_zoned(starts_at)}"


def _says_something(change: Change, path: str) -> bool:
    """What follows from the workshop or the alias is left out where space is short: a user id, and that it started."""
    if path == BLOCKED and change.desired is not None and change.desired.starts_at is not None:
        return blocked_until(change.desired) is not None
    if path != "user_id" or change.desired is None:
        return True
    return change.desired.member is None and change.desired.declared[path] != change.alias


def reason_texts(change: Change) -> list[str]:
    """Why a change is made, as far as it is not obvious, a few words each."""
    return ["".join(span.text for span in reason) for reason in _reasons(change, None)]


def _reasons(change: Change, person: str | None) -> Iterator[tuple[Span, ...]]:
    if has_moved(change):
        old = personal(escaped(change.recorded_as), change.member, person)
        yield Span("moved from "), Span(old, data=True)
    elif (successor := _new_successor(change)) is not None:
        yield Span("its successor is now "), Span(personal(escaped(successor), change.member, person), data=True)
    if (change.action, change.reason) not in _OBVIOUS:
        yield (Span(_SAID.get(change.reason, str(change.reason))),)
    if change.action is Action.REPLACE:
        yield (Span("new key value"),)
    if change.action is Action.UPDATE:
        yield from ((Span(text),) for text in _record_texts(change))


def _record_texts(change: Change) -> Iterator[str]:
    """What an update does to the record besides the attributes; of a key that is not there, none but its alias."""
    status = change.recorded.status if change.recorded is not None else None
    if status is Status.GONE and change.live is not None:
        yield "back on the proxy"
    elif status is Status.PENDING and change.live is not None:
        yield "its create has arrived"
    if not change.diffs and change.reason is not Reason.SEEN:
        yield "only the record changes"


def _new_successor(change: Change) -> Alias | None:
    """Of a retired key whose successor moves: the successor's new alias."""
    before, after = (
        record.retired.successor if record is not None and record.retired is not None else None
        for record in (change.recorded, change.becomes)
    )
    return after if after != before else None


def _diff_items(change: Change, person: str | None) -> list[Item]:
    """``max_budget: 999 → 10``, with why; where it is the same for all of them, it is said once."""
    told = [diff for diff in change.diffs if not _goes_without_saying(change, diff)]
    notes = [_note(change, diff) for diff in told]
    said_once = len(set(notes)) == 1
    items: list[Item] = []
    for number, (diff, note) in enumerate(zip(told, notes, strict=True), start=1):
        sides = _short_sides(change, diff)
        if diff.path in _PERSONAL:
            sides = personal(sides, change.member, person)
        last = number == len(notes)
        item = Item((Span(f"{_label(diff)}: {sides}", data=True),))
        item = item.followed_by(f" {note}") if last or not said_once else item
        items.append(item if last else item.followed_by(","))
    return items


def _goes_without_saying(change: Change, diff: AttributeDiff) -> bool:
    """Whether a difference is what its action consists in: a key that is imported gets our mark."""
    return change.action is Action.ADOPT and change.recorded is None and diff.path == STAMP_PATH


def _short_sides(change: Change, diff: AttributeDiff) -> str:
    sides = (diff.before, diff.after)
    if (timed := _timed_sides(change, diff)) is not None:
        # Of the keys of a workshop, the moments in which each was made would tell them apart: no line for all of them.
        return _SECONDS.sub(r"\1Z →", timed) if _is_given_time(diff) else timed
    if diff.path == STAMP_PATH and not all(isinstance(side, dict) for side in sides):
        return " → ".join("our mark" if isinstance(side, dict) else value_text(side) for side in sides)
    return change_text(*sides, full=diff.path in _WHOLE)


def _timed_sides(change: Change, diff: AttributeDiff) -> str | None:
    """A difference that says for how long something will be so; None where it does not."""
    if _is_given_time(diff):
        return f"{value_text(diff.before)} → {value_text(diff.after)} from now"
    until = _until(change, diff.path)
    return None if until is None else f"{value_text(diff.before)} → {until}"


def _label(diff: AttributeDiff) -> str:
    """What stands for a path: ``lifecycle`` is left out, as of a new key."""
    return "expires_at" if _is_given_time(diff) else escaped(diff.path.removeprefix(_STATE_ONLY))


def _is_given_time(diff: AttributeDiff) -> bool:
    """Whether a duration begins anew: an instant is to be followed by a length of time."""
    return diff.path == "duration" and diff.cause is Cause.RENEWED and diff.after != NEVER


def _note(change: Change, diff: AttributeDiff) -> str:
    """Whose doing a difference is. What is accepted as it is on the proxy is there, of course."""
    there = diff.already_live and not diff.path.startswith(_STATE_ONLY) and change.reason is not Reason.SEEN
    return f"({diff.cause}; already so on the proxy)" if there else f"({diff.cause})"


def _fate(change: Change, person: str | None) -> list[Item]:
    """What becomes of the key that is replaced."""
    if change.action is not Action.REPLACE or change.live is None:
        return []
    aside = change.retires
    if aside is None:
        return [Item((Span("old key is deleted first"),))]
    if (until := _works_until(aside)) is None:
        return [Item((Span("old key is deleted once the new one works"),))]
    name = personal(escaped(aside.alias), change.member, person)
    return [Item((Span(f"old value works on until {until}"),)), Item((Span("as "), Span(name, data=True)))]


def _works_until(aside: RecordedKey) -> str | None:
    ends = aside.retired.delete_after if aside.retired is not None else None
    return None if ends is None else format_instant(ends)


def block_rows(change: Change) -> dict[str, str]:
    """Everything that is known of a change, by its label."""
    rows: dict[str, str] = {}
    values: Mapping[str, Value] = {}
    if change.action in {Action.DELETE, Action.FORGET}:
        values = change.recorded.applied if change.recorded is not None else {}
    elif change.action is not Action.UPDATE and change.desired is not None:
        values = change.desired.declared
    rows.update(
        {escaped(path): _until(change, path) or value_text(values[path], full=True) for path in in_order(values)}
    )
    for diff in change.diffs:
        sides = _timed_sides(change, diff) or change_text(diff.before, diff.after, full=True)
        rows[_label(diff)] = f"{sides} {_note(change, diff)}"
    if change.action is Action.CREATE and change.desired is not None and is_protected(change.desired, change.recorded):
        rows["prevent_destroy"] = "true"
    return rows | (_old_key_rows(change) if change.action is Action.REPLACE else _key_rows(change))


def _key_rows(change: Change) -> dict[str, str]:
    rows: dict[str, str] = {}
    recorded, live = change.recorded, change.live
    if change.action is Action.FORGET and live is not None:
        rows[STAMP_PATH] = "our mark is taken off"
    if change.action is not Action.CREATE and recorded is not None and recorded.token is not None:
        rows["token"] = recorded.token
    elif change.action is Action.ADOPT and live is not None:
        rows["token"] = live.token
    if change.action is Action.DELETE and live is not None:
        rows["spend"] = spent(live.spend)
    return rows


def _old_key_rows(change: Change) -> dict[str, str]:
    """What a replacement's old key is, and what becomes of it."""
    rows: dict[str, str] = {}
    if fate := _fate(change, None):
        words = " ".join(item.text for item in fate)
        label = "old value" if words.startswith("old value") else "old key"
        rows[label] = words.removeprefix(f"{label} ")
    recorded, live = change.recorded, change.live
    token = live.token if live is not None else recorded.token if recorded is not None else None
    if token is not None:
        rows["old token"] = token
    if live is not None:
        rows["spend so far"] = spent(live.spend)
    return rows
