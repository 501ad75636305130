"""Creates: recorded as pending before they are sent, and believed when they are read back.

LiteLLM answers 200 to a create that it did not carry out, and its own check of the alias can be raced (1.72 to 1.105).
One listing of the newest keys shows our rows and any rival under the same alias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from vkstate.differences import came_later, shortfall
from vkstate.errors import VkstateError
from vkstate.executor.creation import Answered, create_once
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import create_order, pending_record, ready_record, update_order
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import AnswerLost, ClientValuesRefused, CreateOrder, Journal, Proxy, Refused, Sought
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, DesiredKey, KeyValue, LiveKey, RecordedKey, Status
from vkstate.plan import Action, AttributeDiff, Change

_CLOCK_SLACK: Final = timedelta(seconds=5)
_ROUNDS: Final = 2
"""How often a create that was answered and is not there is sent."""


class Creates:
    """The creates of one run, and the second halves of its replacements."""

    def __init__(
        self,
        ledger: Ledger,
        proxy: Proxy,
        journal: Journal,
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
        self._answered: dict[Alias, Answered] = {}
        self._started_at = datetime.min.replace(tzinfo=UTC)
        self._server_makes_values = False

    def prepare(self, changes: Sequence[Change]) -> None:
        """Make and keep the values, then record all keys as pending: two durable writes, before the first request."""
        if not changes:
            return
        self._started_at = self._proxy.now()
        values: dict[Alias, KeyValue] = {}
        for change in changes:
            record = self._ledger.records.get(change.alias)
            value, key_id = self._kept(record)
            values[change.alias] = value
            self._changes[change.alias] = change
            self._before[change.alias] = record
            self._orders[change.alias] = create_order(self._ledger.lineage, _desired(change), key_id, value)
        self._journal.keep_values(values)
        for alias, order in self._orders.items():
            self._ledger.put(pending_record(order, _desired(self._changes[alias]), self._started_at))
        self._ledger.save()

    def _kept(self, record: RecordedKey | None) -> tuple[KeyValue, str]:
        """The value and id of an interrupted create, where they are known: sent again, it is the same key."""
        if record and record.status is Status.PENDING:
            value = self._journal.value_of(record.token) if record.token else None
            return value or self._mint_value(), record.id
        return self._mint_value(), self._mint_id()

    def tasks(self, replaced: Callable[[Change], None]) -> Iterator[Task]:
        """The requests. ``replaced`` deletes, in the worker, the key whose place a replacement takes."""
        for change in self._changes.values():
            yield self._task(change, replaced if change.action is Action.REPLACE else None)

    def _task(self, change: Change, first: Callable[[Change], None] | None = None) -> Task:
        alias = change.alias

        def work() -> Effect:
            if first:
                first(change)
            answered = create_once(self._proxy, self._orders[alias], self._stop)
            return lambda: self._note(answered)

        def skipped(why: str) -> None:
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
        if order.value is None:
            self._ledger.keep_value(alias, answered.value)
            self._ledger.put(replace(self._ledger.records[alias], token=answered.value.token))
            self._ledger.save()
        self._answered[alias] = answered
        self._ledger.answered(self._changes[alias])

    def _failed(self, change: Change, error: VkstateError) -> Iterable[Task] | None:
        if isinstance(error, ClientValuesRefused) and self._orders[change.alias].value is not None:
            return self._let_the_server_make(change)
        if isinstance(error, Refused):
            self._withdraw(change.alias)
        elif not isinstance(error, AnswerLost):
            self._ledger.troubled(error)
        self._ledger.failed(change, error)
        return None

    def _withdraw(self, alias: Alias) -> None:
        """Take back a pending record whose create was never sent, or refused: the key does not exist."""
        value = self._orders[alias].value
        before = self._before[alias]
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
        self._orders[change.alias] = replace(order, value=None)
        self._ledger.put(replace(self._ledger.records[change.alias], token=None))
        self._ledger.save()
        if order.value:
            self._ledger.drop_values([order.value.token])
        return [self._task(change)]

    def confirm(self, pool: Pool) -> None:
        """Read back what was answered, withdraw where a race was lost, and make good what the proxy left out."""
        for _ in range(_ROUNDS):
            waiting, self._answered = self._answered, {}
            if not waiting:
                return
            try:
                absent = self._confirm(waiting, pool)
            except VkstateError as error:
                self._ledger.troubled(error)
                absent = [alias for alias in waiting if alias not in self._ledger.results]
            pool.run(self._resend(self._changes[alias]) for alias in absent)
        for alias in self._answered:
            self._ledger.failed(self._changes[alias], _unseen(alias))

    def _confirm(self, waiting: dict[Alias, Answered], pool: Pool) -> list[Alias]:
        """Settle every answered create that can be read back, and return the aliases of those that cannot."""
        newest = self._proxy.newest(self._started_at - _CLOCK_SLACK, most=2 * len(waiting) + 200)
        by_token = {row.token: row for row in newest.keys}
        unlisted = [answered for answered in waiting.values() if answered.value.token not in by_token]
        if unlisted:
            by_token |= self._proxy.find([_sought(answered) for answered in unlisted])
        rivals = {alias: [row for row in newest.keys if row.alias == alias] for alias in waiting}
        if not newest.complete:
            pool.run(self._look_up(alias, rivals) for alias in waiting)
        follow_up: list[Task] = []
        absent: list[Alias] = []
        for alias, answered in waiting.items():
            row = by_token.get(answered.value.token)
            if row is None:
                absent.append(alias)
                continue
            others = [other for other in rivals[alias] if other.token != row.token]
            task = self._withdraw_loser(row, alias) if came_later(row, others) else self._created(row, others, alias)
            follow_up += [task] if task else []
        self._ledger.save()
        pool.run(follow_up, to_the_end=True)
        return absent

    def _look_up(self, alias: Alias, rivals: dict[Alias, list[LiveKey]]) -> Task:
        def work() -> Effect:
            rows = list(self._proxy.find_alias(alias))
            return lambda: rivals.update({alias: rows})

        return Task((self._changes[alias],), work, self._ledger.troubled, lambda _: None)

    def _withdraw_loser(self, row: LiveKey, alias: Alias) -> Task:
        """Two keys were made under one alias at the same moment; the earlier one stays, and ours is the later."""
        change = self._changes[alias]
        taken = AnswerLost(
            f"Another key was made under the alias {alias} at the same moment, a little earlier; ours was withdrawn.",
            hint="plan again: vkstate plan",
        )

        def work() -> Effect:
            self._proxy.delete([row.token])
            if self._proxy.find([Sought(row.token, self._orders[alias].stamp.id, alias)]):
                raise AnswerLost(f"{alias} exists twice, and the later key, which is ours, could not be withdrawn.")
            return gone

        def gone() -> None:
            self._ledger.drop(alias)
            self._ledger.save()
            self._ledger.drop_values([row.token])
            self._ledger.failed(change, taken)

        def failed(error: VkstateError) -> None:
            self._ledger.failed(change, error)

        return Task((change,), work, failed, lambda why: self._ledger.not_attempted(change, why))

    def _created(self, row: LiveKey, others: Sequence[LiveKey], alias: Alias) -> Task | None:
        change, order = self._changes[alias], self._orders[alias]
        if others:
            self._ledger.notices.append(
                f"Another key was made under the alias {alias} at the same moment, a little later. Whoever made it "
                "should delete it; ours stays."
            )
        record = ready_record(_desired(change), self._ledger.records[alias], row, self._ledger.lineage, {})
        self._ledger.put(record)
        unmet = shortfall(_desired(change), row, expiry=order.expiry, written_at=row.created_at or self._started_at)
        if not unmet:
            self._ledger.applied(change)
            return None
        return self._repair(change, replace(record), row, unmet)

    def _repair(self, change: Change, record: RecordedKey, row: LiveKey, unmet: tuple[AttributeDiff, ...]) -> Task:
        """Try once to set what the proxy's own defaults put in place of what was asked; then record it as theirs."""
        order = update_order(replace(change, live=row), record, self._ledger.lineage, unmet)

        def work() -> Effect:
            sent_at = self._proxy.now()
            now = self._proxy.update(order)
            left = shortfall(_desired(change), now, expiry=order.expiry, written_at=sent_at)
            return lambda: self._repaired(change, now, left)

        def failed(error: VkstateError) -> None:
            self._ledger.failed(change, error)

        return Task((change,), work, failed, lambda why: self._ledger.not_attempted(change, why))

    def _repaired(self, change: Change, row: LiveKey, left: tuple[AttributeDiff, ...]) -> None:
        forced = {diff.path: row.attributes[diff.path] for diff in left if diff.path in row.attributes}
        record = self._ledger.records[change.alias]
        self._ledger.put(ready_record(_desired(change), record, row, self._ledger.lineage, forced))
        kept = ", ".join(diff.path for diff in left)
        self._ledger.applied(change, f"The proxy keeps its own value of {kept} (server default)." if left else None)


def _sought(answered: Answered) -> Sought:
    return Sought(answered.value.token, answered.order.stamp.id, answered.order.alias)


def _desired(change: Change) -> DesiredKey:
    assert change.desired is not None  # noqa: S101 - only a desired key is created
    return change.desired


def _unseen(alias: Alias) -> VkstateError:
    return AnswerLost(
        f"The proxy answered that {alias} was created, but the key cannot be read back. It is recorded as pending.",
        hint="run vkstate apply again: it settles what is pending",
    )
