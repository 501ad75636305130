"""The fingerprint of a plan: the same for the same plan, whoever makes it and whenever. Pure.

What was reviewed is what runs: ``apply --expect`` and ``apply PLANFILE`` plan again and compare. A fingerprint is made
of what would be done to which key, and of nothing that changes by itself: no serial, time, spend, reason or minted
value. So it survives a commit of the state, and a run that was stopped before it sent anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vkstate.abridged import abridged
from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Unset, Value
from vkstate.canonical import seal
from vkstate.differences import ALIAS_PATH, PROTECTION_PATH, STAMP_PATH, WORKSHOP_PATH, is_protected
from vkstate.keys import Alias, DesiredKey, RecordedKey, Status, Token, natural_order
from vkstate.plan import Action, Change, Plan
from vkstate.urls import canonical_url

HIDDEN: Final[Mapping[str, Json]] = {"$sensitive": True}
"""What stands in an entry for a value that is not shown."""
_GRACE: Final = "grace"
"""Whether the old value of a replaced key works on for a time. Until when depends on the moment of planning."""
_STATUS: Final = "status"
_SUCCESSOR: Final = "successor"


@dataclass(frozen=True)
class Entry:
    """What a plan does about one key, as far as plans are told apart by it, without a secret.

    ``values`` holds by path what changes, of a new key all that it gets: the value ``before`` and ``after``, a side
    that there is none of left out. ``{"$sensitive": true}`` stands for what is not shown. ``token`` is the key that is
    changed; None where there is none yet. ``digest`` covers the sensitive values as well.
    """

    action: Action
    token: Token | None
    values: Mapping[str, Mapping[str, Json]]
    digest: str


def fingerprint(plan: Plan, proxy: str) -> str:
    """64 hexadecimal digits that stand for what a plan does to which proxy; the order of its changes does not count.

    :param proxy: the proxy's url, in whatever form.
    """
    changes = sorted((change.alias, _material(change, plan.lineage)) for change in plan.effective)
    replaces = any(change.retires is not None for change in plan.effective)
    grace = [int(plan.grace.total_seconds())] if plan.grace is not None and replaces else []
    return _digest([canonical_url(proxy), plan.lineage, [[alias, *material] for alias, material in changes], *grace])


def entries(plan: Plan) -> Mapping[Alias, Entry]:
    """What a plan does about each key that it changes."""
    return {
        change.alias: Entry(
            change.action,
            _token(change),
            _as_json(_values(change), lambda _: dict(HIDDEN)),
            _digest(_material(change, plan.lineage)),
        )
        for change in plan.effective
    }


def _material(change: Change, lineage: str) -> list[Json]:
    """Action, token and values of a change, sensitive ones by their digest."""

    def by_digest(value: Sensitive | Sealed) -> Json:
        sealed = seal(lineage, value)
        assert isinstance(sealed, Sealed)  # noqa: S101 - what is sensitive is sealed, and sealed already or not
        return {"$sealed": sealed.digest}

    values = _as_json(_values(change), by_digest)
    return [str(change.action), _token(change), {path: dict(sides) for path, sides in values.items()}]


def _digest(value: Json) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _token(change: Change) -> Token | None:
    """The key that is changed. A pending record's token says nothing: it was minted for a create that is to come."""
    if change.live is not None:
        return change.live.token
    if change.recorded is None or (change.action is Action.CREATE and change.recorded.status is Status.PENDING):
        return None
    return change.recorded.token


_Sides = dict[str, Value]
"""A value before and after, as :class:`Entry` has it, with sensitive ones as the plan has them."""


def _values(change: Change) -> dict[str, _Sides]:
    """What changes, by path: the differences, of a new key all that it gets; and what else is done."""
    desired = change.desired
    values: dict[str, _Sides] = {}
    if desired is not None and change.action in (Action.CREATE, Action.REPLACE, Action.ADOPT):
        values |= _belonging(desired, change.recorded)
    if desired is not None and change.action in (Action.CREATE, Action.REPLACE):
        values |= {path: {"after": value} for path, value in desired.declared.items()}
        for diff in change.diffs:  # of a key that is replaced: what the old one has otherwise
            values[diff.path] = {**_sides(diff.before, UNSET), **values.get(diff.path, {})}
    else:
        values |= {diff.path: _sides(diff.before, diff.after) for diff in change.diffs}
    if change.recorded_as != change.alias:
        values.setdefault(ALIAS_PATH, {"before": change.recorded_as, "after": change.alias})
    return values | _besides(change)


def _belonging(desired: DesiredKey, recorded: RecordedKey | None) -> dict[str, _Sides]:
    """What is declared of a key besides its attributes: whose it is, and whether it may be deleted."""
    values: dict[str, _Sides] = {}
    if desired.member is not None:
        values[WORKSHOP_PATH] = {"after": f"{desired.member.workshop}/{desired.member.user}"}
    if is_protected(desired, recorded):
        values[PROTECTION_PATH] = {"after": True}
    return values


def _besides(change: Change) -> dict[str, _Sides]:
    """What an action does that no attribute tells."""
    match change.action, change.becomes:
        case Action.REPLACE, _ if change.retires is not None and change.retires.retired is not None:
            return {_GRACE: {"after": change.retires.retired.delete_after is not None}}
        case Action.FORGET, None if change.live is not None:
            return {STAMP_PATH: {"before": "our mark"}}
        case Action.FORGET, RecordedKey(status=status):
            return {_STATUS: {"after": str(status)}}
        case Action.UPDATE, RecordedKey(retired=after) if after is not None:
            return {_SUCCESSOR: {"after": after.successor}}
        case _:
            return {}


def _sides(before: Value | Unset, after: Value | Unset) -> _Sides:
    return {name: side for name, side in (("before", before), ("after", after)) if not isinstance(side, Unset)}


def _as_json(values: Mapping[str, _Sides], hidden: Callable[[Sensitive | Sealed], Json]) -> dict[str, dict[str, Json]]:
    """Values as JSON, with something else in place of the sensitive ones."""
    return {
        path: {name: hidden(side) if isinstance(side, Sensitive | Sealed) else side for name, side in sides.items()}
        for path, sides in values.items()
    }


_MOST_ALIASES: Final = 3
_MOST_PATHS: Final = 4
_LONGEST: Final = 60
"""Characters of one value that a sentence quotes."""


def differences_between(saved: Mapping[Alias, Entry], now: Mapping[Alias, Entry]) -> tuple[str, ...]:
    """Where a saved plan and the one that would now be made differ, in full sentences fit to be printed.

    Keys that differ alike share a sentence. Empty where the plans differ in the proxy or the lineage only.
    """
    alike: dict[str, list[Alias]] = {}
    for alias in sorted(saved.keys() | now.keys(), key=natural_order):
        then, would = saved.get(alias), now.get(alias)
        if then != would:
            alike.setdefault(_difference(then, would, several=False), []).append(alias)
    return tuple(
        f"{_named(aliases)} {_difference(saved.get(aliases[0]), now.get(aliases[0]), several=len(aliases) > 1)}"
        for aliases in alike.values()
    )


def _difference(then: Entry | None, would: Entry | None, *, several: bool) -> str:
    it = "them" if several else "it"
    meant = f"leaves {it} alone" if then is None else f"{then.action}s {it}"
    if would is None:
        return f"would now be left alone; the saved plan {meant}."
    if then is None or then.action is not would.action:
        return f"would now be {_done(would)}; the saved plan {meant}."
    return f"would still be {would.action.done}, but not as in the saved plan: {_otherwise(then, would, several)}."


def _done(entry: Entry) -> str:
    """``updated: max_budget 50 → 60``; of a new key its values are not told."""
    if entry.action not in (Action.UPDATE, Action.ADOPT) or not entry.values:
        return entry.action.done
    paths = sorted(entry.values)
    return f"{entry.action.done}: {_listed([f'{_fit(path)} {_sides_text(entry.values[path])}' for path in paths])}"


def _otherwise(then: Entry, would: Entry, several: bool) -> str:
    """How one action on a key differs from the same action on it."""
    absent = "unchanged" if would.action in (Action.UPDATE, Action.ADOPT) else "-"
    parts = []
    for path in sorted(then.values.keys() | would.values.keys()):
        old, new = (entry.values.get(path) for entry in (then, would))
        if old != new:
            texts = [absent if sides is None else _sides_text(sides) for sides in (new, old)]
            parts.append(f"{_fit(path)} {texts[0]} instead of {texts[1]}")
    if then.token != would.token:
        parts.append("they are other keys by now" if several else "it is another key by now")
    return _listed(parts) if parts else "a value that is not shown is another"


def _sides_text(sides: Mapping[str, Json]) -> str:
    """``50 → 60``, or what a new key gets."""
    before, after = (_value_text(sides[name]) if name in sides else "-" for name in ("before", "after"))
    return f"{before} → {after}" if "before" in sides or "after" not in sides else after


def _value_text(value: Json) -> str:
    if value == HIDDEN:
        return "(sensitive)"
    text = "(none)" if value is None else _fit(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _fit(text: str) -> str:
    """A text that prints on one line: whatever does not is written as in JSON."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _listed(parts: list[str]) -> str:
    return abridged(parts, _MOST_PATHS)


def _named(aliases: list[Alias]) -> str:
    return abridged([_fit(alias) for alias in aliases], _MOST_ALIASES)
