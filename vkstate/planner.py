"""The planner: desired, recorded and live become a plan. Pure: no I/O, no clock, no environment, no logging.

Live rows are matched by token first; the alias is an attribute that somebody else may have changed. "Its alias" below
means: the token is not there, but another key bears the alias.

    desired  recorded  live                 change
    no       ready     its token            delete; forget where `removed` lets it live on; a problem where
                                            prevent_destroy is recorded
    no       ready     nothing              forget (gone)
    no       ready     its alias            forget, with a warning: ours is gone, theirs is untouched
    no       pending   its token or stamp   as ready with its token
    no       pending   nothing              kept for ten minutes (a hanging request may still land), then forget
    no       retired   its token            kept until its successor is live, or does not come any more, and its time
                                            is over, or its successor is blocked; then delete
    no       retired,  its token            as retired: the create of an earlier value, which nobody could open, arrived
             pending
    no       retired,  nothing              as pending
             pending
    no       gone      nothing              forget
    yes      no        nothing              create; a problem where import names it
    yes      no        its alias, foreign   adopt where import names it; else problem: it exists and is not ours
    yes      no        its alias, ours      adopt where the value is in the store; else problem: the state is behind
    yes      pending   its token            adopt (its create was interrupted)
    yes      pending   both, theirs first   delete ours: two creates raced for one alias, and the later one withdraws
    yes      pending   its stamp            adopt where the value is in the store; else replace: the proxy made the
                                            value, and its answer was lost
    yes      pending   both, its stamp      delete ours, as above
    yes      pending   nothing              create, with the same value where the store has it
    yes      pending   nothing, but retired replace goes on, where it is a replacement that was begun
    yes      no, ready nothing, but retired create; replace goes on, where the retired key's time is over, or it ends
                                            too late, or its successor is to be blocked
    yes      pending   its alias            as not recorded: ours was never created
    yes      pending   its alias, ours      problem: the state is behind, another clone made the key
    yes      ready     its token            no-op or update, attribute by attribute; replace where --replace asks
    yes      ready     both, the other ours problem: the state is behind, another clone replaced the key
    yes      ready     nothing              by on_missing: create with a new value, left missing (gone), or problem
    yes      ready     its alias            problem: replaced outside vkstate; adopt with --adopt-replaced
    yes      retired   anything             problem: the alias is that of a replaced key
    yes      gone      its token            update: it is back
    yes      gone      nothing              by on_missing, as ready

"Its stamp" means: the record has no token, and a key under the alias carries our lineage and the record's id. A key
that is recorded under one alias and was renamed to another is a problem for a key that is desired under the latter; a
retired one, which bears the alias that its successor is to have, makes way. A recorded key that moves is compared under
its new alias. A live key that is neither desired nor recorded is unmanaged: it is counted and never touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vkstate.attributes import EXPIRY_PATHS
from vkstate.differences import Comparison, came_later, compare, is_protected
from vkstate.identity import is_record_of
from vkstate.keys import (
    Alias,
    Capabilities,
    DesiredKey,
    Live,
    LiveKey,
    OnMissing,
    Recorded,
    RecordedKey,
    Retired,
    Status,
    Token,
    natural_order,
    retired_alias,
)
from vkstate.moves import Moved, resolve
from vkstate.objections import Objections, taken_over
from vkstate.options import NO_OPTIONS, Options
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Reason
from vkstate.retirement import Retirement
from vkstate.schedule import desired_at, has_passed, told_of_the_start
from vkstate.targets import matches

UNSETTLED_FOR: Final = timedelta(minutes=10)
"""How long after its ``pending_since`` a create that was never seen may still arrive."""


def plan(
    desired: Mapping[Alias, DesiredKey],
    recorded: Recorded,
    live: Live,
    capabilities: Capabilities,
    now: datetime,
    options: Options = NO_OPTIONS,
) -> Plan:
    """What would have to change. The result holds one change for every alias that is desired or recorded.

    :param live: must hold every recorded token that exists, and every row under a desired alias that is not recorded
        as ready with its token live.
    :param now: the server's clock (aware).
    """
    return _Planner(desired_at(now, desired), recorded, live, capabilities, now, options).plan()


@dataclass
class _Planner:
    desired: Mapping[Alias, DesiredKey]
    recorded: Recorded
    live: Live
    capabilities: Capabilities
    now: datetime
    options: Options
    by_token: dict[Token, LiveKey] = field(init=False)
    by_alias: dict[str, list[LiveKey]] = field(init=False)
    owners: dict[Token, RecordedKey] = field(init=False)
    moved: Moved = field(init=False)
    retirement: Retirement = field(init=False)
    objections: Objections = field(init=False)
    decided: dict[Alias, Change | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_token = {row.token: row for row in self.live.keys}
        self.by_alias = defaultdict(list)
        for row in sorted(self.live.keys, key=lambda row: row.token):
            if row.alias is not None:
                self.by_alias[row.alias].append(row)
        self.owners = {have.token: have for have in self.recorded.keys.values() if have.token}
        self.moved = resolve(self.options.moves, self.desired, self.recorded.keys)
        self.retirement = Retirement(self.desired, self.recorded.keys, self.by_token, self.moved, self.now)
        self.objections = Objections(self.desired, self.recorded, list(self.moved.problems))

    def plan(self) -> Plan:
        stuck = {problem.alias for problem in self.moved.problems}
        aliases = {*self.desired, *self.recorded.keys} - {*self.moved.sources.values(), *stuck}
        ordered = sorted(aliases, key=natural_order)
        for alias in sorted(ordered, key=self._is_retired):  # what becomes of these hangs on their successors
            self.decided[alias] = self._decide(alias)
        changes = [change for alias in ordered if (change := self.decided[alias])]
        self.objections.expired(changes, self.now)
        self.objections.untimely(changes, self.now)
        self.objections.unknown(changes, self.capabilities.unknown)
        self.objections.unshown(changes, self.capabilities.unknown)
        ours = {have.token for have in self.recorded.keys.values() if have.token in self.by_token}
        ours |= {change.live.token for change in changes if change.live}
        return Plan(
            lineage=self.recorded.lineage,
            changes=tuple(changes),
            problems=tuple(self.objections.problems),
            warnings=(*taken_over(changes), *self.objections.warnings),
            unmanaged=max(0, self.live.total - len(ours)),
            grace=self.options.grace,
        )

    def _is_retired(self, alias: Alias) -> bool:
        have = self.recorded.keys.get(alias)
        return alias not in self.desired and have is not None and have.retired is not None

    def _decide(self, alias: Alias) -> Change | None:
        want = self.desired.get(alias)
        have = self.recorded.keys.get(self.moved.sources.get(alias, alias))
        mine = self.by_token.get(have.token) if have and have.token else None
        if want and have and have.retired:
            self.objections.taken_alias(want, have.retired.successor)
            return None
        others = [row for row in self.by_alias.get(alias, []) if row is not mine]
        if want is None:
            return self._not_desired(have, mine, others) if have else None
        others = [row for row in others if not self.retirement.makes_way(row, alias)]
        if mine is None and (owners := [self.owners[row.token] for row in others if row.token in self.owners]):
            owner = owners[0].alias
            stays = self.moved.new_alias(owner) in self.desired  # under whatever alias the config has it
            self.objections.renamed_here(want, owner, can_move=have is None and not stays)
            return None
        if have is None:
            return self._new(want, None, others)
        if mine:
            return self._existing(want, have, mine, others)
        if have.status is Status.PENDING:
            return self._never_seen(want, have, others)
        return self._lost(want, have, others)

    def _not_desired(self, have: RecordedKey, mine: LiveKey | None, others: Sequence[LiveKey]) -> Change | None:
        alias = have.alias
        if mine is None and have.status is Status.PENDING:
            mine = self._by_stamp(have, others)
        if mine:
            if have.retired and not self._leaves_with_its_successor(have.retired):
                taking = self.decided.get(self.moved.new_alias(have.retired.successor))
                return self.retirement.decided(have, have.retired, mine, taking)
            if self._lives_on(have):
                marked = mine if self.objections.made_here(mine) else None
                return Change(alias, Action.FORGET, Reason.RELEASED, recorded=have, live=marked)
            if have.prevent_destroy:
                self.objections.protected(alias)
                return None
            return Change(alias, Action.DELETE, Reason.NOT_DESIRED, recorded=have, live=mine)
        if have.status is Status.PENDING:
            settled = have.pending_since is None or self.now - have.pending_since >= UNSETTLED_FOR
            action, reason = (Action.FORGET, Reason.NEVER_SENT) if settled else (Action.NO_OP, Reason.UNSETTLED)
            return Change(alias, action, reason, recorded=have)
        if others:
            return Change(alias, Action.FORGET, Reason.TAKEN_OVER, recorded=have)
        return Change(alias, Action.FORGET, Reason.GONE, recorded=have)

    def _lives_on(self, have: RecordedKey) -> bool:
        """Whether the first entry of ``removed`` that names the key lets it live on."""
        named = (one for one in self.options.removed if matches(one.target, have.alias, have.member))
        return any(not one.destroy for one in [next(named, None)] if one)

    def _leaves_with_its_successor(self, retired: Retired) -> bool:
        """Whether a retired key goes because the key that took its place does, or because everything goes."""
        successor = self.recorded.keys.get(retired.successor)
        wanted = self.moved.new_alias(retired.successor) in self.desired
        return not self.desired or (successor is not None and not wanted and not self._lives_on(successor))

    def _new(self, want: DesiredKey, have: RecordedKey | None, others: Sequence[LiveKey]) -> Change | None:
        """A key that does not exist yet, as far as we know; ``have`` is recorded of one that was never created."""
        asked = self.options.imports
        named = want.alias in asked or any(matches(target, want.alias, want.member) for target in asked)
        if not others:
            if want.alias in self.options.imports:
                self.objections.nothing_to_import(want)
                return None
            return self._create(want, have, Reason.NEW)
        row = others[0]
        if len(others) == 1 and self.objections.made_here(row):
            if named or row.token in self.recorded.known_values:
                return self._adopt(want, have, row, Reason.STATE_BEHIND)
            self.objections.state_behind(want)
        elif named:
            return self._import(want, have, others, Reason.IMPORTED)
        else:
            self.objections.not_ours(want, others)
        return None

    def _import(
        self, want: DesiredKey, have: RecordedKey | None, others: Sequence[LiveKey], reason: Reason
    ) -> Change | None:
        row = others[0]
        if len(others) > 1 or row.stamp:
            self.objections.not_importable(want, others)
            return None
        return self._adopt(want, have, row, reason)

    def _existing(self, want: DesiredKey, have: RecordedKey, mine: LiveKey, others: Sequence[LiveKey]) -> Change | None:
        if others and mine.alias != want.alias:
            if all(self.objections.made_here(row) and row.token not in self.owners for row in others):
                self.objections.state_behind(want)
            elif have.alias != want.alias:
                self.objections.target_taken(want, have, others)
            else:
                self.objections.renamed_away(want, mine)
            return None
        if have.status is Status.PENDING:
            if came_later(mine, others):
                return Change(want.alias, Action.DELETE, Reason.LOST_RACE, want, have, mine)
            return self._adopt(want, have, mine, Reason.INTERRUPTED)
        if named := [target for target in self.options.replace if matches(target, want.alias, want.member)]:
            return self._replace(want, have, mine, single=named == [want.alias])
        diffs = self._differences(want, have, mine)
        if not diffs and have.status is Status.READY:
            return Change(want.alias, Action.NO_OP, Reason.MATCHES, want, have, mine)
        reason = Reason.DIFFERS if have.alias == want.alias else Reason.MOVED
        return Change(want.alias, Action.UPDATE, reason, want, have, mine, diffs)

    def _replace(self, want: DesiredKey, have: RecordedKey, mine: LiveKey, *, single: bool) -> Change | None:
        """A new value under the same alias. What this server cannot change on a key, it can give a new one."""
        if is_protected(want, have):
            self.objections.protected_value(want, single=single)
            return None
        self._refuse_past(want)
        ends = None if self.retirement.is_shut(want.alias, mine) else self._end_of_grace(mine)
        aside = retired_alias(want.alias, mine.token)
        retires = replace(
            have, alias=aside, status=Status.READY, retired=Retired(want.alias, ends), prevent_destroy=False
        )
        diffs, _ = compare(self._comparison(want, have, mine))
        return Change(want.alias, Action.REPLACE, Reason.REPLACED, want, have, mine, diffs, retires=retires)

    def _end_of_grace(self, mine: LiveKey) -> datetime | None:
        """Until when an old value works on: for the time of grace, and never longer than it would have."""
        if not self.options.grace:
            return None
        end, own = self.now.replace(microsecond=0) + self.options.grace, mine.expires_at
        if own is None or own > end:
            return end
        return own if own > self.now else None

    def _adopt(self, want: DesiredKey, have: RecordedKey | None, row: LiveKey, reason: Reason) -> Change:
        """Take a live key into the state. Where another one is recorded, nothing of that is compared."""
        known = have if have and is_record_of(have, row) else None
        return Change(want.alias, Action.ADOPT, reason, want, have, row, self._differences(want, known, row))

    def _comparison(self, want: DesiredKey, have: RecordedKey | None, row: LiveKey) -> Comparison:
        renewed = any(matches(target, want.alias, want.member) for target in self.options.renew)
        return Comparison(self.recorded.lineage, want, have, row, self.capabilities, self.now, renewed)

    def _differences(self, want: DesiredKey, have: RecordedKey | None, row: LiveKey) -> tuple[AttributeDiff, ...]:
        comparison = self._comparison(want, have, row)
        diffs, problems = compare(comparison)
        diffs = told_of_the_start(want, have, diffs)
        self.objections.problems.extend(problems)
        given = (diff for diff in diffs if diff.path in EXPIRY_PATHS and diff.cause is not Cause.OUTSIDE)
        if comparison.renewed or any(not diff.already_live for diff in given):
            self._refuse_past(want)
        return diffs

    def _never_seen(self, want: DesiredKey, have: RecordedKey, others: Sequence[LiveKey]) -> Change | None:
        row = self._by_stamp(have, others)
        if not others and row is None:
            return self._create(want, have, Reason.NEVER_SENT)
        if row:
            if others and row.alias != want.alias:
                self.objections.target_taken(want, have, others)
                return None
            if not all(self.objections.made_here(other) for other in others):
                return Change(want.alias, Action.DELETE, Reason.LOST_RACE, want, have, row)
            if row.token in self.recorded.known_values:
                return self._adopt(want, have, row, Reason.INTERRUPTED)
            return Change(want.alias, Action.REPLACE, Reason.INTERRUPTED, want, have, row)
        if len(others) > 1 and any(self.objections.made_here(other) for other in others):
            self.objections.state_behind(want)
            return None
        # A single key of ours with another token may be of an earlier run, whose value only an encrypted store holds.
        return self._new(want, have, others)

    def _lost(self, want: DesiredKey, have: RecordedKey, others: Sequence[LiveKey]) -> Change | None:
        if not others:
            return self._missing(want, have)
        if len(others) == 1 and self.objections.made_here(others[0]):
            self.objections.state_behind(want)
        elif self.options.adopt_replaced:
            return self._import(want, have, others, Reason.TAKEN)
        else:
            self.objections.replaced_outside(want, others)
        return None

    def _missing(self, want: DesiredKey, have: RecordedKey) -> Change | None:
        match want.on_missing:
            case OnMissing.RECREATE:
                return self._create(want, have, Reason.MISSING)
            case OnMissing.ERROR:
                self.objections.missing(want)
                return None
            case OnMissing.FORGET:
                after = replace(have, alias=want.alias, status=Status.GONE)
                if after == have:
                    return Change(want.alias, Action.NO_OP, Reason.LEFT_MISSING, want, have)
                return Change(want.alias, Action.FORGET, Reason.LEFT_MISSING, want, have, becomes=after)

    def _by_stamp(self, have: RecordedKey, rows: Sequence[LiveKey]) -> LiveKey | None:
        """The live key that a pending record without a token stands for: the one that carries its id, be it under the
        alias that it moves to or the one that it was recorded under.

        Such is what the proxy made where it insists on making values itself, and the answer was lost. A record that has
        a token stands for that key alone: another clone may have made, and handed out, one with the same id.
        """
        if have.token is not None:
            return None
        seen = (*rows, *self.by_alias.get(have.alias, ()))
        free = [row for row in seen if self.objections.made_here(row) and row.token not in self.owners]
        return next((row for row in free if row.stamp and row.stamp.id == have.id), None)

    def _create(self, want: DesiredKey, have: RecordedKey | None, reason: Reason) -> Change:
        self._refuse_past(want)
        if begun := self.retirement.goes_on(want.alias, have):
            row, aside = begun
            why = Reason.INTERRUPTED if have and have.status is Status.PENDING else reason
            return Change(want.alias, Action.REPLACE, why, want, have, row, retires=aside)
        return Change(want.alias, Action.CREATE, reason, want, have)

    def _refuse_past(self, want: DesiredKey) -> None:
        if has_passed(want, self.now):
            self.objections.past(want)
