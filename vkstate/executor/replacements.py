"""Replacements: a new value under the same alias, without a moment in which neither value works.

The old key makes way by bearing another alias, under which the state has it since before anything was sent; then the
new one is created and read back; then the old one goes, or with a time of grace ends when that is over. Each step is
seen from the records alone, so that a later run goes on where one was killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vkstate.errors import VkstateError
from vkstate.executor.deletes import Deletes
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import ending_order, rename_order
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import AnswerLost, ClosingLine, Journal, Proxy, Refused
from vkstate.keys import Alias, LiveKey, RecordedKey, Token
from vkstate.plan import Action, Change, Reason
from vkstate.unchanged import as_recorded, ends_by

_AGAIN = "run vkstate apply again: it goes on from there"


class Replacements:
    """The old keys of one run's replacements. What becomes of the new ones: ``vkstate.executor.creates``."""

    def __init__(self, ledger: Ledger, proxy: Proxy, journal: Journal) -> None:
        self._ledger = ledger
        self._proxy = proxy
        self._deletes = Deletes(ledger, proxy, journal, endings=self)
        self._renamed: set[Alias] = set()
        self._deleted: set[Alias] = set()
        self._made: dict[Alias, tuple[Change, str | None]] = {}
        """The replacements whose new key is recorded, by the alias of the old one, and what is to be said of it."""

    def make_way(self, change: Change, create: Task) -> Task:
        """Give the old key its other alias, then go on with the create. Where that is refused, and no time of grace was
        promised, the old key is deleted first.
        """
        aside = _aside(change)

        def work() -> Effect:
            if _live(change).alias == aside.alias:
                return lambda: [create]
            row = self._proxy.update(rename_order(change, aside.alias))
            if row.alias != aside.alias:
                raise Refused(f"LiteLLM answered that it renamed {change.alias}, and the key bears its alias still.")
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
                return self._delete_first(change, create)
            words = f"The old key cannot be kept for the time of grace, as it cannot be renamed: {error.detail}"
            return create.failed(Refused(words, hint=error.hint))

        return Task((change,), work, failed, create.skipped)

    def _delete_first(self, change: Change, create: Task) -> Iterable[Task]:
        """The way where the old key cannot be renamed: for a moment neither value works."""

        def read() -> Effect:
            lines = self._deletes.final_spend([_delete_of(change)])
            return lambda: report(lines)

        def report(lines: Mapping[Token, ClosingLine]) -> Iterable[Task] | None:
            try:
                self._deletes.report(lines)
            except VkstateError as error:
                self._ledger.troubled(error)
                return create.failed(Refused(f"The old key was not deleted: {error.detail}", hint=error.hint))
            return [Task((change,), delete, create.failed, create.skipped)]

        def delete() -> Effect:
            self._deletes.delete_now(change)
            return gone

        def gone() -> Iterable[Task]:
            self._deleted.add(change.alias)
            self._drop(change)
            self._deletes.say_lag()
            self._ledger.notices.append(
                f"{change.alias} could not be renamed: its old key was deleted before the new one was made."
            )
            return [create]

        return [Task((change,), read, create.failed, create.skipped)]

    @property
    def closed(self) -> tuple[ClosingLine, ...]:
        """The old keys that are verified gone, as they were reported."""
        return self._deletes.closed

    def has_begun(self, change: Change) -> bool:
        """Whether this run has made the old key give way: then the create stays pending, for the next run to go on."""
        return change.alias in self._renamed | self._deleted

    def half_done(self, change: Change, why: str) -> VkstateError:
        """What is said of a replacement that ends after its first half."""
        old = "is deleted" if change.alias in self._deleted else f"works on as {_aside(change).alias}"
        return VkstateError(f"The new key was not made: {why} The old one {old}.", hint=_AGAIN)

    def undo(self, change: Change, error: VkstateError) -> list[Task]:
        """Give the old key its alias back, since the new one was refused; then end the change with that refusal.

        The records stand as before the run already: were this not to come about, the next plan would see to it.
        """
        if change.alias not in self._renamed:
            self._ledger.failed(change, error)
            return []
        before = Alias(_live(change).alias or change.alias)

        def work() -> Effect:
            self._proxy.update(rename_order(change, before))
            return lambda: self._ledger.failed(change, error)

        def failed(second: VkstateError) -> None:
            if not isinstance(second, Refused | AnswerLost):
                self._ledger.troubled(second)
            stays(second.detail)

        def stays(why: str) -> None:
            kept = f"Its old key works on, and bears the alias {_aside(change).alias} until the next apply"
            self._ledger.failed(change, Refused(f"{error.detail} {kept}: {why}", hint=error.hint))

        return [Task((change,), work, failed, stays)]

    def made(self, change: Change, note: str | None) -> None:
        """The new key is recorded: what remains is the old one, unless it went first."""
        aside = _aside(change)
        if aside.alias in self._ledger.records:
            self._made[aside.alias] = change, note
        else:
            self._ledger.applied(change, note)

    def finish(self, pool: Pool) -> None:
        """Let the old keys go, or see to it that they end in time, and end the changes."""
        if self._made:
            self._ledger.phase("retiring old keys", anew=True)
        now = self._proxy.now()
        over = [change for change, _ in self._made.values() if (_ends(change) or now) <= now]
        ending = [(change, ends) for change, _ in self._made.values() if (ends := _ends(change)) and ends > now]
        self._delete(over, pool)
        pool.run([self._shorten(change, ends) for change, ends in ending], to_the_end=True)

    def _delete(self, changes: Sequence[Change], pool: Pool) -> None:
        deletes = [_delete_of(change) for change in changes]
        try:
            self._deletes.report(self._deletes.final_spend(deletes))
        except VkstateError as error:
            for change in deletes:
                self.left(change, error)
            return
        pool.run(self._deletes.tasks(deletes), to_the_end=True)
        self._deletes.verify(pool)

    def _shorten(self, change: Change, ends: datetime) -> Task:
        """The old key ends when its time of grace does, even if no later run comes to delete it."""
        aside = self._ledger.records[_aside(change).alias]
        order = ending_order(change, aside, ends)

        def work() -> Effect:
            if ends_by(_live(change).expires_at, ends):
                return lambda: self._end(aside.alias)
            row = self._proxy.update(order)
            if not ends_by(row.expires_at, ends):
                raise Refused("LiteLLM answered that it was updated, and it ends later still.")
            return lambda: ended(row.expires_at)

        def ended(instant: datetime | None) -> None:
            self._ledger.put(replace(aside, applied=as_recorded(aside, ends=ends).declared, expires_at=instant))
            self._end(aside.alias)

        def failed(error: VkstateError) -> None:
            self.left(_delete_of(change), error)

        return Task((change,), work, failed, lambda _: None)

    def _end(self, aside: Alias) -> None:
        self._ledger.applied(*self._made[aside])

    def answered(self, changes: Sequence[Change]) -> None:
        """The replacement is answered once more, with its old key."""
        self._ledger.answered([owner for owner, _ in (self._made[change.alias] for change in changes)])

    def gone(self, change: Change) -> None:
        """The old key of a replacement is verified gone."""
        self._ledger.drop(change.alias)
        self._end(change.alias)

    def left(self, change: Change, error: VkstateError) -> None:
        """The new key is there, and the old one is not yet as it should be."""
        owner, _ = self._made[change.alias]
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


def _live(change: Change) -> LiveKey:
    assert change.live is not None  # noqa: S101 - what is replaced is live
    return change.live


def _ends(change: Change) -> datetime | None:
    retired = _aside(change).retired
    return retired.delete_after if retired else None


def _delete_of(change: Change) -> Change:
    """The deletion of a replacement's old key, as a change of its own."""
    aside = _aside(change)
    live = replace(_live(change), alias=aside.alias)
    return Change(aside.alias, Action.DELETE, Reason.RETIRED, recorded=aside, live=live)
