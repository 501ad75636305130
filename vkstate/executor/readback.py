"""What a create that was read back still needs: a lost race is withdrawn, and what the proxy left out is made good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vkstate.attributes import EXPIRY_PATHS
from vkstate.differences import came_later, shortfall
from vkstate.errors import VkstateError
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import is_parked, ready_record, until_made_good, update_order
from vkstate.executor.pool import Effect, Task
from vkstate.executor.ports import AnswerLost, CreateOrder, NotSent, Proxy, Sought
from vkstate.executor.replacements import Replacements
from vkstate.keys import Alias, DesiredKey, LiveKey, RecordedKey, Stamp, Token
from vkstate.plan import Action, AttributeDiff, Change


class Readback:
    """Settles what was read back, in the owning thread; what needs a request is a task of its own."""

    def __init__(self, ledger: Ledger, proxy: Proxy, replacements: Replacements) -> None:
        self._ledger = ledger
        self._proxy = proxy
        self._replacements = replacements

    def settle(self, change: Change, order: CreateOrder, row: LiveKey, namesakes: Sequence[LiveKey]) -> Iterator[Task]:
        """Record the key, or see to it that it goes, and ask for what is still to be done.

        :param row: the key as it was read back.
        :param namesakes: the keys that bear its alias, itself included or not.
        """
        others = [other for other in namesakes if other.token != row.token]
        parked = self._parked(change.alias) if others else {}
        twins = [
            other for other in others if other.token in parked or (order.value is None and _marked(other, order.stamp))
        ]
        rivals = [other for other in others if other not in twins]
        if twins:
            yield self._remove(twins, change, order, parked)
        if came_later(row, rivals):
            yield self._withdraw(row, change, order)
            return
        if rivals:
            self._ledger.notices.append(
                f"Another key was made under the alias {change.alias} at the same moment, a little later. Whoever made "
                "it should delete it; ours stays."
            )
        desired = _desired(change)
        if unmet := shortfall(desired, row, expiry=order.expiry, written_at=row.created_at or self._proxy.now()):
            record = ready_record(desired, self._ledger.records[change.alias], row, self._ledger.lineage)
            moves = any(diff.path in EXPIRY_PATHS for diff in unmet)
            self._ledger.put(until_made_good(record, order.expiry, row) if moves else record)
            yield self._repair(change, record, row, unmet)
        else:
            self.record(change, row)

    def _parked(self, alias: Alias) -> Mapping[Token, RecordedKey]:
        """What earlier creates under an alias may have made, whose values nobody here can open."""
        records = (record for record in self._ledger.records.values() if is_parked(record))
        return {one.token: one for one in records if one.token and one.retired and one.retired.successor == alias}

    def _remove(
        self, twins: Sequence[LiveKey], change: Change, order: CreateOrder, parked: Mapping[Token, RecordedKey]
    ) -> Task:
        """Delete what an earlier request for this key made: nobody here has the value of that one."""
        ended = [parked[row.token] for row in twins if row.token in parked]
        ids = {record.token: record.id for record in ended}
        sought = [Sought(row.token, ids.get(row.token, order.stamp.id), change.alias) for row in twins]

        def work() -> Effect:
            self._proxy.delete([one.token for one in sought])
            if self._proxy.find(sought):
                raise AnswerLost("LiteLLM answered that it deleted it, and the key is still there.")
            return gone

        def gone() -> None:
            for record in ended:
                self._ledger.drop(record.alias)
            self._ledger.drop_values(parked.keys() & {row.token for row in twins})
            self._ledger.checkpoint()

        def failed(error: VkstateError) -> None:
            self._ledger.notices.append(
                f"{change.alias} exists twice, and the key whose value nobody has could not be deleted: {error.detail}"
            )

        return Task((change,), work, failed, lambda _: None)

    def _withdraw(self, row: LiveKey, change: Change, order: CreateOrder) -> Task:
        """Two keys were made under one alias at the same moment; the earlier one stays, and ours is the later."""
        alias = change.alias
        taken = AnswerLost(
            f"Another key was made under the alias {alias} at the same moment, a little earlier; ours was withdrawn.",
            hint="plan again: vkstate plan",
        )

        def work() -> Effect:
            self._proxy.delete([row.token])
            try:
                there = self._proxy.find([Sought(row.token, order.stamp.id, alias)])
            except NotSent as error:
                detail = f"{alias} existed twice; the delete of the later key, ours, was sent, and not verified."
                raise AnswerLost(detail, hint=taken.hint) from error
            if there:
                raise AnswerLost(f"{alias} exists twice, and the later key, which is ours, could not be withdrawn.")
            return gone

        def gone() -> None:
            self._ledger.drop(alias)
            self._ledger.drop_values([row.token])
            self._ledger.checkpoint()
            self._ledger.failed(change, taken)

        return Task(
            (change,),
            work,
            lambda error: self._ledger.failed(change, error),
            lambda why: self._ledger.not_attempted(change, why),
        )

    def _repair(self, change: Change, record: RecordedKey, row: LiveKey, unmet: tuple[AttributeDiff, ...]) -> Task:
        """Try once to set what the proxy's own defaults put in place of what was asked; then record it as theirs."""
        order = update_order(replace(change, live=row), record, self._ledger.lineage, unmet)

        def work() -> Effect:
            now = self._proxy.update(order)
            left = shortfall(_desired(change), now, expiry=order.expiry, written_at=self._proxy.now())
            return lambda: self.record(change, now, left)

        def failed(error: VkstateError) -> None:
            paths = ", ".join(diff.path for diff in unmet)
            detail = f"{change.alias} was created, and {paths} could not be set: {error.detail}"
            self._ledger.failed(change, VkstateError(detail, hint=error.hint))

        return Task(
            (change,),
            work,
            failed,
            lambda why: self._ledger.not_attempted(change, why),
        )

    def record(self, change: Change, row: LiveKey, forced: Sequence[AttributeDiff] = ()) -> None:
        """Record a key as applied.

        :param forced: where the proxy keeps a value of its own, having been asked for another.
        """
        before = self._ledger.current(change)
        record = ready_record(_desired(change), before, row, self._ledger.lineage, forced)
        if not _sets_the_end(change):  # an end that somebody else has moved is for the next plan to show
            record = replace(record, expires_at=before.expires_at)
        self._ledger.settle(change, record)
        kept = ", ".join(diff.path for diff in forced)
        note = f"The proxy keeps its own value of {kept} (server default)." if forced else None
        if change.retires:
            self._replacements.made(change, note)
        else:
            self._ledger.applied(change, note)


def _marked(row: LiveKey, stamp: Stamp) -> bool:
    return row.stamp is not None and (row.stamp.lineage, row.stamp.id) == (stamp.lineage, stamp.id)


def _sets_the_end(change: Change) -> bool:
    """Whether a change gives its key an end, so that the one which is read back is that."""
    made = change.action in (Action.CREATE, Action.REPLACE)
    return made or any(diff.path in EXPIRY_PATHS for diff in change.diffs)


def _desired(change: Change) -> DesiredKey:
    assert change.desired is not None  # noqa: S101 - only a desired key is created or updated
    return change.desired
