"""The planner: desired, recorded and live become a plan. Pure: no I/O, no clock, no environment, no logging.

Live rows are matched by token first; the alias is an attribute that somebody else may have changed. "Its alias" below
means: the token is not there, but another key bears the alias.

    desired  recorded  live                 change
    no       ready     its token            delete; a problem where prevent_destroy is recorded
    no       ready     nothing              forget (gone)
    no       ready     its alias            forget, with a warning: ours is gone, theirs is untouched
    no       pending   its token or stamp   delete
    no       pending   nothing              kept for ten minutes (a hanging request may still land), then forget
    yes      no        nothing              create
    yes      no        its alias, foreign   problem: the alias exists and is not ours
    yes      no        its alias, ours      adopt where the value is in the store; else problem: the state is behind
    yes      pending   its token            adopt (its create was interrupted)
    yes      pending   both, theirs first   delete ours: two creates raced for one alias, and the later one withdraws
    yes      pending   its stamp            adopt where the value is in the store; else replace: the proxy made the
                                            value, and its answer was lost
    yes      pending   both, its stamp      delete ours, as above
    yes      pending   nothing              create, with the same value where the store has it
    yes      pending   its alias            problem: ours was never created, and the alias exists
    yes      pending   its alias, ours      problem: the state is behind, another clone made the key
    yes      ready     its token            no-op or update, attribute by attribute
    yes      ready     nothing              create with a new value (missing on the proxy)
    yes      ready     its alias            problem: replaced outside vkstate

"Its stamp" means: the record has no token, and a key under the alias carries our lineage and the record's id. A key
that is recorded under one alias and was renamed to another is a problem for a key that is desired under the latter.
A live key that is neither desired nor recorded is unmanaged: it is counted and never touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vkstate.attributes import EXPIRY_PATHS
from vkstate.differences import Comparison, came_later, compare, declared_expiry, unshown
from vkstate.expiry import Until
from vkstate.keys import (
    Alias,
    Capabilities,
    DesiredKey,
    Live,
    LiveKey,
    Recorded,
    RecordedKey,
    Status,
    Token,
    natural_order,
)
from vkstate.options import NO_OPTIONS, Options
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Problem, Reason

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
    return _Planner(desired, recorded, live, capabilities, now).plan()


@dataclass
class _Planner:
    desired: Mapping[Alias, DesiredKey]
    recorded: Recorded
    live: Live
    capabilities: Capabilities
    now: datetime
    by_token: dict[Token, LiveKey] = field(init=False)
    by_alias: dict[str, list[LiveKey]] = field(init=False)
    owners: dict[Token, Alias] = field(init=False)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_token = {row.token: row for row in self.live.keys}
        self.by_alias = defaultdict(list)
        for row in sorted(self.live.keys, key=lambda row: row.token):
            if row.alias is not None:
                self.by_alias[row.alias].append(row)
        self.owners = {have.token: alias for alias, have in self.recorded.keys.items() if have.token}

    def plan(self) -> Plan:
        aliases = sorted({*self.desired, *self.recorded.keys}, key=natural_order)
        changes = [change for alias in aliases if (change := self._decide(alias, self.desired.get(alias)))]
        self._say_expired(changes)
        self._say_unshown(changes)
        ours = {have.token for have in self.recorded.keys.values() if have.token in self.by_token}
        ours |= {change.live.token for change in changes if change.live}
        return Plan(
            lineage=self.recorded.lineage,
            changes=tuple(changes),
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
            unmanaged=max(0, self.live.total - len(ours)),
        )

    def _decide(self, alias: Alias, want: DesiredKey | None) -> Change | None:
        have = self.recorded.keys.get(alias)
        mine = self.by_token.get(have.token) if have and have.token else None
        others = [row for row in self.by_alias.get(alias, []) if row is not mine]
        if want is None:
            return self._not_desired(have, mine, others) if have else None
        if mine is None and (owners := [self.owners[row.token] for row in others if row.token in self.owners]):
            self._renamed_here(want, owners[0])
            return None
        if have is None:
            return self._new(want, others)
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
            if have.prevent_destroy:
                self._problem(
                    alias,
                    f"{alias} is protected by lifecycle.prevent_destroy, and this plan would delete it. The protection "
                    "is kept in the state, so that it outlives the key's entry in the config.",
                    f"put {alias} back with prevent_destroy: false and apply, or leave it out: --exclude {alias}",
                )
                return None
            return Change(alias, Action.DELETE, Reason.NOT_DESIRED, recorded=have, live=mine)
        if have.status is Status.PENDING:
            settled = have.pending_since is None or self.now - have.pending_since >= UNSETTLED_FOR
            action, reason = (Action.FORGET, Reason.NEVER_SENT) if settled else (Action.NO_OP, Reason.UNSETTLED)
            return Change(alias, action, reason, recorded=have)
        if others:
            self.warnings.append(
                f"{alias}: the key that vkstate made is gone, and another key bears its alias. The record is dropped; "
                "the other key is left alone."
            )
            return Change(alias, Action.FORGET, Reason.TAKEN_OVER, recorded=have)
        return Change(alias, Action.FORGET, Reason.GONE, recorded=have)

    def _new(self, want: DesiredKey, others: Sequence[LiveKey]) -> Change | None:
        if not others:
            return self._create(want, None, Reason.NEW)
        row = others[0]
        if len(others) > 1 or not self._made_here(row):
            self._not_ours(want, others)
            return None
        if row.token not in self.recorded.known_values:
            self._state_behind(want)
            return None
        return self._adopt(want, None, row, Reason.STATE_BEHIND)

    def _existing(self, want: DesiredKey, have: RecordedKey, mine: LiveKey, others: Sequence[LiveKey]) -> Change | None:
        if others and mine.alias != want.alias:
            self._problem(
                want.alias,
                f"{want.alias} was renamed to {mine.alias} outside vkstate, and another key bears its alias now.",
                f"rename or delete the other key in LiteLLM, or leave this one out: --exclude {want.alias}",
            )
            return None
        if have.status is Status.PENDING:
            if came_later(mine, others):
                return Change(want.alias, Action.DELETE, Reason.LOST_RACE, want, have, mine)
            return self._adopt(want, have, mine, Reason.INTERRUPTED)
        diffs = self._differences(want, have, mine)
        action, reason = (Action.UPDATE, Reason.DIFFERS) if diffs else (Action.NO_OP, Reason.MATCHES)
        return Change(want.alias, action, reason, want, have, mine, diffs)

    def _adopt(self, want: DesiredKey, have: RecordedKey | None, row: LiveKey, reason: Reason) -> Change:
        return Change(want.alias, Action.ADOPT, reason, want, have, row, self._differences(want, have, row))

    def _differences(self, want: DesiredKey, have: RecordedKey | None, row: LiveKey) -> tuple[AttributeDiff, ...]:
        comparison = Comparison(self.recorded.lineage, want, have, row, self.capabilities, self.now)
        diffs, problems = compare(comparison)
        self.problems.extend(problems)
        given = (diff for diff in diffs if diff.path in EXPIRY_PATHS and diff.cause is Cause.CONFIG)
        if any(not diff.already_live for diff in given):
            self._refuse_past(want)
        return diffs

    def _never_seen(self, want: DesiredKey, have: RecordedKey, others: Sequence[LiveKey]) -> Change | None:
        if not others:
            return self._create(want, have, Reason.NEVER_SENT)
        if row := self._by_stamp(have, others):
            if not all(self._made_here(other) for other in others):
                return Change(want.alias, Action.DELETE, Reason.LOST_RACE, want, have, row)
            if row.token in self.recorded.known_values:
                return self._adopt(want, have, row, Reason.INTERRUPTED)
            return Change(want.alias, Action.REPLACE, Reason.INTERRUPTED, want, have, row)
        if any(self._made_here(other) for other in others):
            self._state_behind(want)
        else:
            self._not_ours(want, others)
        return None

    def _lost(self, want: DesiredKey, have: RecordedKey, others: Sequence[LiveKey]) -> Change | None:
        if not others:
            return self._create(want, have, Reason.MISSING)
        if len(others) == 1 and self._made_here(others[0]):
            self._state_behind(want)
            return None
        self._problem(
            want.alias,
            f"{want.alias} was replaced outside vkstate: the recorded key is gone, and {self._described(others)} bears "
            "its alias. vkstate neither changes nor deletes a key that it did not make.",
            f"delete or rename the other key in LiteLLM, or leave it out: --exclude {want.alias}",
        )
        return None

    def _by_stamp(self, have: RecordedKey, rows: Sequence[LiveKey]) -> LiveKey | None:
        """The live key that a pending record without a token stands for: the one that carries its id.

        Such is what the proxy made where it insists on making values itself, and the answer was lost. A record that has
        a token stands for that key alone: another clone may have made, and handed out, one with the same id.
        """
        if have.token is not None:
            return None
        free = [row for row in rows if self._made_here(row) and row.token not in self.owners]
        return next((row for row in free if row.stamp and row.stamp.id == have.id), None)

    def _made_here(self, row: LiveKey) -> bool:
        return row.stamp is not None and row.stamp.lineage == self.recorded.lineage

    def _create(self, want: DesiredKey, have: RecordedKey | None, reason: Reason) -> Change:
        self._refuse_past(want)
        return Change(want.alias, Action.CREATE, reason, want, have)

    def _refuse_past(self, want: DesiredKey) -> None:
        expiry = declared_expiry(want)
        if isinstance(expiry, Until) and expiry.instant <= self.now:
            self._problem(
                want.alias,
                f"{want.place}: {want.alias} would end at {want.declared['expires_at']}, which has passed.",
                "give it an expires_at in the future",
            )

    def _renamed_here(self, want: DesiredKey, owner: Alias) -> None:
        self._problem(
            want.alias,
            f"{want.place}: the alias {want.alias} is borne by the key that the state records as {owner}: it was "
            "renamed outside vkstate.",
            f"settle {owner} first, with --exclude {want.alias}; then apply again",
        )

    def _state_behind(self, want: DesiredKey) -> None:
        self._problem(
            want.alias,
            f"{want.alias} exists on the proxy and was made by this project, but this state does not know it: the "
            "state is behind.",
            "get the newest state (git pull), then plan again",
        )

    def _not_ours(self, want: DesiredKey, others: Sequence[LiveKey]) -> None:
        self._problem(
            want.alias,
            f"{want.place}: the alias {want.alias} exists on the proxy and is not ours: {self._described(others)}.",
            f"choose another alias, or delete that key in LiteLLM, or leave it out: --exclude {want.alias}",
        )

    def _problem(self, alias: Alias, detail: str, hint: str) -> None:
        key = self.desired.get(alias) or self.recorded.keys[alias]
        self.problems.append(Problem(detail, hint, alias, key.member))

    def _say_expired(self, changes: Sequence[Change]) -> None:
        expired = [
            change.alias
            for change in changes
            if change.action is Action.NO_OP
            and change.live
            and change.live.expires_at
            and change.live.expires_at <= self.now
        ]
        if expired:
            named = _named(expired)
            what = "1 key has expired and stays" if len(expired) == 1 else f"{len(expired)} keys have expired and stay"
            self.warnings.append(f"{what} so: {named}. A changed duration or expires_at gives time again.")

    def _say_unshown(self, changes: Sequence[Change]) -> None:
        """Name what the config declares in vain: LiteLLM ignores fields that it does not know, without a word."""
        vain: defaultdict[str, list[Alias]] = defaultdict(list)
        for change in changes:
            if change.desired and change.live and change.recorded:
                for path in unshown(change.desired, change.live):
                    vain[path].append(change.alias)
        for path, aliases in sorted(vain.items()):
            self.warnings.append(
                f"this LiteLLM shows no {path}, which {_named(aliases)} would have: it most likely does not know the "
                "attribute, and ignores it."
            )

    def _described(self, rows: Sequence[LiveKey]) -> str:
        """Whose the keys under an alias are, as far as the proxy tells; of several, that of a foreign one."""
        row = next((row for row in rows if not self._made_here(row)), rows[0])
        known = [f"created by {row.created_by}"] if row.created_by else []
        if user_id := row.attributes.get("user_id"):
            known.append(f"user_id {user_id}")
        if row.stamp and not self._made_here(row):
            known.append(f"managed by another vkstate project, lineage {row.stamp.lineage}")
        count = "a key" if len(rows) == 1 else f"{len(rows)} keys"
        return f"{count} ({', '.join(known)})" if known else count


def _named(aliases: Sequence[Alias]) -> str:
    return ", ".join(aliases[:5]) + (f" and {len(aliases) - 5} more" if len(aliases) > 5 else "")
