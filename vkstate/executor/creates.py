"""Creates: recorded as pending before they are sent, and believed when they are read back.

LiteLLM answers 200 to a create that it did not carry out, and its own check of the alias can be raced (1.72 to 1.105).
One listing of the newest keys shows our rows and any rival under the same alias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from vkstate.errors import VkstateError
from vkstate.executor.creation import Answered, create_once
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import create_order, parked_record, pending_record
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import (
    AnswerLost,
    ClientValuesRefused,
    CreateOrder,
    Journal,
    NotSent,
    Proxy,
    Refused,
    Sought,
)
from vkstate.executor.readback import Readback
from vkstate.executor.replacements import Replacements
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, DesiredKey, KeyValue, LiveKey, RecordedKey, Status
from vkstate.plan import Action, Change

_AGAIN: Final = "run vkstate apply again: it settles what is pending"
_CLOCK_SLACK: Final = timedelta(seconds=5)
_SENDS: Final = 2
"""How often a create is sent that is answered and is not there."""


class Creates:
    """The creates of one run, and the second halves of its replacements."""

    def __init__(
        self,
        ledger: Ledger,
        proxy: Proxy,
        journal: Journal,
        readback: Readback,
        replacements: Replacements,
        stop: Stop,
        mint_value: Callable[[], KeyValue],
        mint_id: Callable[[], str],
    ) -> None:
        self._ledger = ledger
        self._proxy = proxy
        self._journal = journal
        self._stop = stop
        self._mint_value = mint_value
        self._mint_id = mint_id
        self._changes: dict[Alias, Change] = {}
        self._before: dict[Alias, RecordedKey | None] = {}
        self._orders: dict[Alias, CreateOrder] = {}
        self._parked: dict[Alias, Alias] = {}
        """Under which alias the state has the key of an earlier create that this one cannot repeat, by the alias."""
        self._answered: dict[Alias, Answered] = {}
        self._started_at = datetime.min.replace(tzinfo=UTC)
        self._server_makes_values = False
        self._readback = readback
        self._replacements = replacements

    def prepare(self, changes: Sequence[Change]) -> None:
        """Make and keep the values, then record all keys as pending: two durable writes, before the first request."""
        if not changes:
            return
        self._started_at = self._proxy.now()
        values: dict[Alias, KeyValue] = {}
        for change in changes:
            record = self._ledger.records.get(change.recorded_as)
            value, key_id = self._kept(record, change)
            if value:
                values[change.alias] = value
            self._changes[change.alias] = change
            self._before[change.alias] = record
            self._orders[change.alias] = create_order(self._ledger.lineage, _desired(change), key_id, value)
        self._journal.keep_values(values)
        for alias, order in self._orders.items():
            change, before = self._changes[alias], self._before[alias]
            if change.retires:
                self._ledger.put(change.retires)
            if before and (parked := parked_record(before, order, self._started_at)):
                self._parked[alias] = parked.alias
                self._ledger.put(parked)
            self._ledger.settle(change, pending_record(order, _desired(change), before, self._started_at))
        self._ledger.save()

    def _kept(self, record: RecordedKey | None, change: Change) -> tuple[KeyValue | None, str]:
        """The value and id of an interrupted create, where they are known: sent again, it is the same key.

        In place of a key whose value the proxy made and nobody has, the proxy makes another one: until the old one is
        deleted the record has no token, so that a crash leaves it recognisable by its id.
        """
        if record and record.status is Status.PENDING:
            if change.action is Action.REPLACE and change.retires is None:
                return None, record.id
            if record.token is None:
                return self._mint_value(), record.id
            if value := self._journal.value_of(record.token):
                return value, record.id
        return self._mint_value(), self._mint_id()

    def tasks(self, replaced: Callable[[Change], None]) -> Iterator[Task]:
        """The requests. ``replaced`` deletes, in the worker, a key that nobody has the value of."""
        for change in self._changes.values():
            if change.retires:
                yield self._replacements.make_way(change, self._task(change))
            else:
                yield self._task(change, replaced if change.action is Action.REPLACE else None)

    def _task(self, change: Change, first: Callable[[Change], None] | None = None) -> Task:
        alias = change.alias

        def work() -> Effect:
            if first:
                first(change)
            try:
                answered = create_once(self._proxy, self._orders[alias], self._stop)
            except NotSent as error:
                if first is None:
                    raise
                raise AnswerLost(f"The key whose value nobody has is deleted. {error.detail}", hint=_AGAIN) from error
            return lambda: self._note(answered)

        def skipped(why: str) -> None:
            if self._replacements.has_begun(change):
                self._ledger.failed(change, self._replacements.half_done(change, why))
                return
            self._withdraw(alias)
            self._ledger.not_attempted(change, why)

        return Task((change,), work, lambda error: self._failed(change, error), skipped)

    def _resend(self, change: Change) -> Task:
        """Send once more what was answered and cannot be read back. It stays pending whatever comes: it may exist."""

        def work() -> Effect:
            answered = create_once(self._proxy, self._orders[change.alias], self._stop)
            return lambda: self._note(answered)

        def failed(error: VkstateError) -> None:
            if not isinstance(error, Refused | AnswerLost):
                self._ledger.troubled(error)
            self._ledger.failed(change, error)

        return Task((change,), work, failed, lambda _: self._ledger.failed(change, _unseen(change.alias)))

    def _note(self, answered: Answered) -> None:
        alias, order = answered.order.alias, answered.order
        if answered.value != order.value:  # once the value is durable, its key is found by our mark, whatever is saved
            self._ledger.keep_value(alias, answered.value)
            self._ledger.put(replace(self._ledger.records[alias], token=answered.value.token))
            self._ledger.drop_values([order.value.token] if order.value else [])
        self._answered[alias] = answered
        self._ledger.answered([self._changes[alias]])

    def _failed(self, change: Change, error: VkstateError) -> Iterable[Task] | None:
        if isinstance(error, ClientValuesRefused) and self._orders[change.alias].value is not None:
            return self._let_the_server_make(change)
        if isinstance(error, Refused):
            self._withdraw(change.alias)
            if change.retires:
                return self._replacements.undo(change, error)
        elif not isinstance(error, AnswerLost):
            self._ledger.troubled(error)
        self._ledger.failed(change, error)
        return None

    def _withdraw(self, alias: Alias) -> None:
        """Take back a pending record whose create was never sent, or refused: the key does not exist.

        What it was to replace is recorded as before, unless that had to go first.
        """
        value = self._orders[alias].value
        before, retires = self._before[alias], self._changes[alias].retires
        if retires and before and before.token == retires.token:
            before = before if retires.alias in self._ledger.records else None
            self._ledger.drop(retires.alias)
        if alias in self._parked:
            self._ledger.drop(self._parked[alias])
        self._ledger.restore(alias, before)
        if value and not (before and before.token == value.token):
            self._ledger.drop_values([value.token])

    def _let_the_server_make(self, change: Change) -> list[Task]:
        """Go on without values of our own. The record is durable, without a token, before anything is sent again."""
        if not self._server_makes_values:
            self._server_makes_values = True
            self._ledger.notices.append(
                "This proxy makes every key value itself (disable_custom_api_keys). vkstate works with that; a create "
                "whose answer is lost is then deleted and made anew."
            )
        order = self._orders[change.alias]
        self._ledger.put(replace(self._ledger.records[change.alias], token=None))
        self._ledger.drop_values([order.value.token] if order.value else [])
        try:
            self._ledger.save()
        except VkstateError as error:
            self._ledger.troubled(error)
            self._withdraw(change.alias)
            self._ledger.failed(change, error)
            return []
        self._orders[change.alias] = replace(order, value=None)
        return [self._task(change)]

    def confirm(self, pool: Pool) -> None:
        """Read back what was answered, settle what is there, and send once more what is not."""
        for sent in range(1, _SENDS + 1):
            waiting, self._answered = self._answered, {}
            if not waiting:
                return
            try:
                absent = self._confirm(waiting, pool)
            except VkstateError as error:
                self._ledger.troubled(error)
                for alias in waiting:
                    self._ledger.failed(self._changes[alias], _unread(alias, error))
                return
            if sent < _SENDS:
                pool.run(self._resend(self._changes[alias]) for alias in absent)
            else:
                for alias in absent:
                    self._ledger.failed(self._changes[alias], _unseen(alias))

    def _confirm(self, waiting: dict[Alias, Answered], pool: Pool) -> list[Alias]:
        """Settle every answered create that can be read back, and return the aliases of those that are not there.

        :raises VkstateError: nothing could be read, and nothing is settled.
        """
        newest = self._proxy.newest(self._started_at - _CLOCK_SLACK, most=2 * len(waiting) + 200, expected=len(waiting))
        by_token = {row.token: row for row in newest.keys}
        unlisted = [_sought(answered) for answered in waiting.values() if answered.value.token not in by_token]
        if unlisted:
            by_token |= self._proxy.find(unlisted)
        found = {alias: by_token.get(answered.value.token) for alias, answered in waiting.items()}
        namesakes: dict[str | None, list[LiveKey]] = {}
        if newest.complete:
            namesakes = {alias: [] for alias in waiting}
            for row in newest.keys:
                namesakes.get(row.alias, []).append(row)
        else:
            pool.run((self._look_up(alias, namesakes) for alias, row in found.items() if row), to_the_end=True)
        follow_up: list[Task] = []
        for alias, there in found.items():
            if there and alias in namesakes:
                follow_up += self._readback.settle(self._changes[alias], self._orders[alias], there, namesakes[alias])
        self._ledger.checkpoint()
        pool.run(follow_up, to_the_end=True)
        return [alias for alias, there in found.items() if there is None]

    def _look_up(self, alias: Alias, namesakes: dict[str | None, list[LiveKey]]) -> Task:
        """Which keys bear an alias, where a listing cannot tell; without an answer the create stays pending."""
        change = self._changes[alias]

        def work() -> Effect:
            rows = list(self._proxy.find_alias(alias))
            return lambda: namesakes.update({alias: rows})

        def failed(error: VkstateError) -> None:
            self._ledger.troubled(error)
            self._ledger.failed(change, _unread(alias, error))

        return Task((change,), work, failed, lambda why: self._ledger.not_attempted(change, why))


def _sought(answered: Answered) -> Sought:
    return Sought(answered.value.token, answered.order.stamp.id, answered.order.alias)


def _desired(change: Change) -> DesiredKey:
    assert change.desired is not None  # noqa: S101 - only a desired key is created
    return change.desired


def _unseen(alias: Alias) -> VkstateError:
    return AnswerLost(
        f"The proxy answered that it created {alias}, but the key cannot be read back. It is recorded as pending.",
        hint=_AGAIN,
    )


def _unread(alias: Alias, error: VkstateError) -> VkstateError:
    return AnswerLost(
        f"The proxy answered that it created {alias}, but the key could not be read back: {error.detail} It is "
        "recorded as pending.",
        hint=_AGAIN,
    )
