"""Retired keys, whose place another key has taken: how long they stay, and when they make way. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vkstate.expiry import NEVER, format_instant
from vkstate.keys import Alias, DesiredKey, LiveKey, RecordedKey, Retired, Status, Token
from vkstate.moves import Moved
from vkstate.plan import Action, AttributeDiff, Cause, Change, Reason
from vkstate.schedule import BLOCKED, blocked_by_hand
from vkstate.unchanged import as_recorded, ends_by


@dataclass
class Retirement:
    """The retired keys of one plan.

    :param live: by token.
    """

    desired: Mapping[Alias, DesiredKey]
    recorded: Mapping[Alias, RecordedKey]
    live: Mapping[Token, LiveKey]
    moved: Moved
    now: datetime
    bearers: Counter[str | None] = field(init=False)
    """How many keys bear an alias."""
    _aside: defaultdict[Alias, list[tuple[LiveKey, RecordedKey]]] = field(init=False)
    """The retired keys that are live, by the alias of the key that took their place."""

    def __post_init__(self) -> None:
        self.bearers = Counter(row.alias for row in self.live.values())
        self._aside = defaultdict(list)
        for have in self.recorded.values():
            row = self.live.get(have.token) if have.token else None
            if have.retired and row:
                self._aside[self.moved.new_alias(have.retired.successor)].append((row, have))

    def decided(self, have: RecordedKey, retired: Retired, mine: LiveKey, taking: Change | None) -> Change:
        """What becomes of a retired key that stays while it has time: kept, cut short, or when that is over deleted.

        Its time is over, too, where the key in its place is blocked: nobody is to go on by the old value.

        :param taking: what this plan does under the alias of the key in its place; where that goes on with the retired
            key, as :meth:`goes_on` has it, nothing else does.
        """
        successor = self.moved.new_alias(retired.successor)
        taken = self._is_taken(retired, successor) or self._is_outlived(mine, successor) or _settles_its_place(taking)
        taken = taken and not _goes_with(have, taking)
        if taken and _is_over(retired, self.now):
            return Change(have.alias, Action.DELETE, Reason.RETIRED, recorded=have, live=mine)
        if taken and self.is_shut(successor, mine):
            return Change(have.alias, Action.DELETE, Reason.SHUT, recorded=have, live=mine)
        if successor != retired.successor:
            after = self._following(have, retired)
            return Change(have.alias, Action.UPDATE, Reason.MOVED, recorded=have, live=mine, becomes=after)
        ends = retired.delete_after
        if taken and ends is not None and not ends_by(mine.expires_at, ends):
            now = format_instant(mine.expires_at) if mine.expires_at else NEVER
            diff = AttributeDiff("expires_at", now, format_instant(ends), Cause.CONFIG)
            wanted = as_recorded(have, ends=ends)
            return Change(have.alias, Action.UPDATE, Reason.RETIRING, wanted, have, mine, (diff,))
        return Change(have.alias, Action.NO_OP, Reason.RETIRING, recorded=have, live=mine)

    def is_shut(self, successor: Alias, mine: LiveKey) -> bool:
        """Whether an old key is open, and the key that takes its place is to be blocked."""
        wanted = self.desired.get(successor)
        return wanted is not None and blocked_by_hand(wanted) and mine.attributes.get(BLOCKED) is not True

    def _following(self, have: RecordedKey, retired: Retired) -> RecordedKey:
        """The record of a retired key after the moves: it goes with the key that took its place."""
        successor = self.moved.new_alias(retired.successor)
        if successor == retired.successor:
            return have
        return replace(have, member=self.desired[successor].member, retired=replace(retired, successor=successor))

    def _is_taken(self, retired: Retired, successor: Alias) -> bool:
        """Whether the key that takes its place is there to stay, or will not come."""
        record = self.recorded.get(retired.successor)
        if record is None:
            return successor not in self.desired
        row = self.live.get(record.token) if record.token else None
        if row is None:
            return record.status is Status.GONE
        aside = sum(other.alias == row.alias for other, _ in self._aside.get(successor, ()))
        # else it may have lost a race
        return record.status is not Status.PENDING or self.bearers[row.alias] - aside == 1

    def _is_outlived(self, mine: LiveKey, successor: Alias) -> bool:
        """Whether a later key has been retired under the same alias since: that one took this one's place, and works.

        So it is where one replacement was interrupted before its old key went, and another was begun.
        """
        born = mine.created_at
        # What is pending took nobody's place: it is the late arrival of a create that was given up.
        asides = self._aside.get(successor, ())
        later = (row.created_at for row, record in asides if record.status is not Status.PENDING)
        return born is not None and any(instant is not None and instant > born for instant in later)

    def makes_way(self, row: LiveKey, alias: Alias) -> bool:
        """Whether a key under an alias is one that the alias' own key is to take the place of."""
        return any(row.token == aside.token for aside, _ in self._aside.get(alias, ()))

    def goes_on(self, alias: Alias, have: RecordedKey | None) -> tuple[LiveKey, RecordedKey] | None:
        """The retired key of a replacement that a create under an alias goes on with, if any, and its record.

        That is one which bears the alias still; or where the create itself was begun, the one that it was begun for; or
        one that was to go, or to end earlier, and waited for nothing but the key that is created.
        """
        asides = sorted(self._aside.get(alias, ()), key=lambda aside: self._rank(alias, *aside))
        begun = have is not None and have.status is Status.PENDING
        for row, aside in asides[:1]:
            if aside.retired is None:
                continue
            goes = _is_over(aside.retired, self.now) or self.is_shut(alias, row)
            ends = aside.retired.delete_after
            late = ends is not None and not ends_by(row.expires_at, ends)
            if begun or row.alias == alias or goes or late:
                after = self._following(aside, aside.retired)
                return row, replace(after, retired=Retired(alias)) if goes else after
        return None

    def _rank(self, alias: Alias, row: LiveKey, aside: RecordedKey) -> tuple[bool, bool, float, str]:
        """What is yet to make way comes first, then what was begun last: nothing outlives it, and it goes last."""
        ends = aside.retired.delete_after if aside.retired else None
        latest = datetime.max.replace(tzinfo=UTC) if ends is None else ends
        return row.alias != alias, self._is_outlived(row, alias), -latest.timestamp(), row.token


def _is_over(retired: Retired, now: datetime) -> bool:
    return retired.delete_after is None or retired.delete_after <= now


def _settles_its_place(taking: Change | None) -> bool:
    """Whether a plan says of a key that is missing that another, which is there, takes its place, or that none does.

    Of a create that was interrupted the record tells: its key may have lost a race.
    """
    if taking is None:
        return False
    adopts = taking.action is Action.ADOPT and taking.reason is not Reason.INTERRUPTED
    return adopts or taking.reason is Reason.LEFT_MISSING


def _goes_with(have: RecordedKey, taking: Change | None) -> bool:
    """Whether a retired key is the old one of a replacement that goes on."""
    return taking is not None and taking.retires is not None and taking.retires.token == have.token
