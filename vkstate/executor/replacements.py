"""Replacements: a new value under the same alias, without a moment in which neither value works.

The old key makes way by bearing another alias, under which the state has it since before anything was sent; then the
new one is created and read back; then the old one goes, or with a time of grace ends when that is over. Each step is
seen from the records alone, so that a later run goes on where one was killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from vkstate.attributes import UNSET
from vkstate.errors import VkstateError
from vkstate.executor.deletes import Deletes
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import rename_order, update_order
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import AnswerLost, Journal, Proxy, Refused
from vkstate.expiry import format_instant
from vkstate.keys import Alias, RecordedKey
from vkstate.plan import Action, AttributeDiff, Cause, Change, Reason
from vkstate.unchanged import as_recorded, ends_by

_AGAIN = "run vkstate apply again: it goes on from there"


class Replacements:
    """The old keys of one run's replacements. What becomes of the new ones: ``vkstate.executor.creates``."""

    def __init__(self, ledger: Ledger, proxy: Proxy, journal: Journal) -> None:
        self._ledger = ledger
        self._proxy = proxy
        self._deletes = Deletes(ledger, proxy, journal, endings=self)
        self._renamed: set[Alias] = set()
        self._made: dict[Alias, Change] = {}
        """The replacements whose new key is recorded, by the alias of the old one."""

    def make_way(self, change: Change, create: Task) -> Task:
        """Give the old key its other alias, then go on with the create. Where that is refused, and no time of grace was
        promised, the old key is deleted first.
        """
        aside = _aside(change)

        def work() -> Effect:
            if change.live is not None and change.live.alias != aside.alias:
                row = self._proxy.update(rename_order(change, aside.alias))
                if row.alias != aside.alias:
                    raise Refused(f"LiteLLM answered that {change.alias} was renamed, and it bears its alias still.")
            return renamed

        def renamed() -> Iterable[Task]:
            self._renamed.add(change.alias)
            return [create]

        def failed(error: VkstateError) -> Iterable[Task] | None:
            if not isinstance(error, Refused):  # the rename may have been carried out: the next run sees
                if not isinstance(error, AnswerLost):
                    self._ledger.troubled(error)
                self._ledger.failed(change, error)
                return None
            if _ends(change) is None:
                return [self._delete_first(change, create)]
            words = f"The old key cannot be kept for the time of grace, as it cannot be renamed: {error.detail}"
            return create.failed(Refused(words, hint=error.hint))

        return Task((change,), work, failed, create.skipped)

    def _delete_first(self, change: Change, create: Task) -> Task:
        """The way where the old key cannot be renamed: for a moment neither value works."""
        self._deletes.report([change])

        def work() -> Effect:
            self._deletes.delete_now(change)
            return gone

        def gone() -> Iterable[Task]:
            self._drop(change)
            self._ledger.notices.append(
                f"{change.alias} could not be renamed: its old key was deleted before the new one was made."
            )
            return [create]

        return Task((change,), work, create.failed, create.skipped)

    def undo(self, change: Change, error: VkstateError) -> list[Task]:
        """Give the old key its alias back, since the new one was refused; then end the change with that refusal.

        The records stand as before the run already: were this not to come about, the next plan would see to it.
        """
        if change.alias not in self._renamed:
            self._ledger.failed(change, error)
            return []

        def work() -> Effect:
            self._proxy.update(rename_order(change, change.alias))
            return lambda: self._ledger.failed(change, error)

        def failed(second: VkstateError) -> None:
            kept = f"Its old key works on, and bears the alias {_aside(change).alias} until the next apply"
            self._ledger.failed(change, Refused(f"{error.detail} {kept}: {second.detail}", hint=error.hint))

        return [Task((change,), work, failed, lambda _: self._ledger.failed(change, error))]

    def made(self, change: Change) -> None:
        """The new key is recorded: what remains is the old one, unless it went first."""
        aside = _aside(change)
        if aside.alias in self._ledger.records:
            self._made[aside.alias] = change
        else:
            self._ledger.applied(change)

    def finish(self, pool: Pool) -> None:
        """Let the old keys go, or see to it that they end in time, and end the changes."""
        at_once = [change for change in self._made.values() if _ends(change) is None]
        if at_once:
            self._deletes.report(at_once)
            pool.run(self._deletes.tasks([_delete_of(change) for change in at_once]), to_the_end=True)
            self._deletes.verify(pool)
        ending = [(change, ends) for change in self._made.values() if (ends := _ends(change))]
        pool.run([self._shorten(change, ends) for change, ends in ending], to_the_end=True)

    def _shorten(self, change: Change, ends: datetime) -> Task:
        """The old key ends when its time of grace does, even if no later run comes to delete it."""
        aside, live = self._ledger.records[_aside(change).alias], change.live
        assert live is not None  # noqa: S101 - what is replaced is live
        wanted = as_recorded(aside, ends=ends)
        diff = AttributeDiff("expires_at", UNSET, format_instant(ends), Cause.CONFIG)
        shortening = Change(
            aside.alias, Action.UPDATE, Reason.RETIRING, wanted, aside, replace(live, alias=aside.alias)
        )
        order = update_order(shortening, aside, self._ledger.lineage, (diff,))

        def work() -> Effect:
            if ends_by(live.expires_at, ends):
                return lambda: self._ledger.applied(change)
            row = self._proxy.update(order)
            if not ends_by(row.expires_at, ends):
                raise Refused("LiteLLM answered that it was updated, and it ends later still.")
            return lambda: ended(row.expires_at)

        def ended(instant: datetime | None) -> None:
            self._ledger.put(replace(aside, expires_at=instant))
            self._ledger.applied(change)

        return Task((change,), work, lambda error: self.left(shortening, error), lambda _: None)

    def answered(self, changes: Sequence[Change]) -> None:
        """Nothing is told: the replacement was answered when its new key was."""

    def gone(self, change: Change) -> None:
        """The old key of a replacement is verified gone."""
        self._ledger.drop(change.alias)
        self._ledger.applied(self._made[change.alias])

    def left(self, change: Change, error: VkstateError) -> None:
        """The new key is there, and the old one is not yet as it should be."""
        owner = self._made[change.alias]
        detail = f"{owner.alias} has its new value; its old key, {change.alias}, still works: {error.detail}"
        self._ledger.failed(owner, Refused(detail, hint=_AGAIN))

    def skipped(self, change: Change, why: str) -> None:
        """An old key that nothing was sent for."""
        self.left(change, Refused(why))

    def _drop(self, change: Change) -> None:
        aside = _aside(change)
        self._ledger.drop(aside.alias)
        self._ledger.drop_values([aside.token] if aside.token else [])
        self._ledger.checkpoint()


def _aside(change: Change) -> RecordedKey:
    assert change.retires is not None  # noqa: S101 - only such changes come here
    return change.retires


def _ends(change: Change) -> datetime | None:
    retired = _aside(change).retired
    return retired.delete_after if retired else None


def _delete_of(change: Change) -> Change:
    """The deletion of a replacement's old key, as a change of its own."""
    aside = _aside(change)
    live = replace(change.live, alias=aside.alias) if change.live else None
    return Change(aside.alias, Action.DELETE, Reason.RETIRED, recorded=aside, live=live)
