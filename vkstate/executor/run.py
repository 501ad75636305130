"""Carries out a plan, exactly once. The order of steps is what makes a crash at any instant recoverable:

1. what only the state knows is recorded: forget, adopt, record; durably where nobody would ask for it again, as for a
   key that is imported or renewed;
2. the values of all new keys are made and kept, then the state with those keys as pending: two durable writes before
   the first request (and, before the first delete, the closing report);
3. deletes, updates and creates are sent by workers; one thread owns state and store, and saves as it goes on;
4. what was created and deleted is read back, and only then believed; then the keys that were replaced go;
5. the state is saved at the end, on every error, and on Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vkstate.attributes import EXPIRY_PATHS
from vkstate.differences import ALIAS_PATH, STAMP_PATH, shortfall
from vkstate.errors import VkstateError
from vkstate.executor.creates import Creates
from vkstate.executor.deletes import Deletes
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import adopted_record, is_parked, promised_record, release_order, update_order
from vkstate.executor.outcome import Observer, Outcome, Silent
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import PARALLELISM, AnswerLost, Journal, Proxy, Refused, UpdateOrder
from vkstate.executor.readback import Readback
from vkstate.executor.replacements import Replacements
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, KeyValue, LiveKey, Recorded, RecordedKey, mint_id, mint_value
from vkstate.plan import Action, Cause, Change, Plan


@dataclass(frozen=True)
class Minting:
    """Where new key values and ids come from."""

    value: Callable[[], KeyValue] = mint_value
    id: Callable[[], str] = mint_id


def execute(
    plan: Plan,
    recorded: Recorded,
    *,
    proxy: Proxy,
    journal: Journal,
    parallelism: int = PARALLELISM,
    just_planned: bool = False,
    observer: Observer | None = None,
    stop: Stop | None = None,
    minting: Minting | None = None,
) -> Outcome:
    """Carry out a plan, which must be without problems, against the state it was made from.

    Returns what became of every change. One failing change does not stop the others; an error that is not about one key
    (unreachable, master key refused) stops the run from starting more.

    :param just_planned: whether the plan was made a moment ago, and has not waited for anybody's consent: then what it
        saw of the keys' spend is not read again.
    :raises VkstateError: nothing was sent, because the pending state or the report could not be written; or
        ``StateNotSaved`` at the end.
    :raises KeyboardInterrupt: a second interrupt; the state is saved.
    """
    return _Run(
        plan=plan,
        recorded=recorded,
        proxy=proxy,
        journal=journal,
        parallelism=parallelism,
        just_planned=just_planned,
        observer=observer or Silent(),
        stop=stop or Stop(),
        minting=minting or Minting(),
    ).execute()


@dataclass
class _Run:
    plan: Plan
    recorded: Recorded
    proxy: Proxy
    journal: Journal
    parallelism: int
    just_planned: bool
    observer: Observer
    stop: Stop
    minting: Minting
    ledger: Ledger = field(init=False)
    replacements: Replacements = field(init=False)
    readback: Readback = field(init=False)
    creates: Creates = field(init=False)
    deletes: Deletes = field(init=False)
    not_renewed: dict[Alias, RecordedKey] = field(init=False, default_factory=dict)
    """The records of keys that are being renewed, as they were before."""

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.recorded, self.journal, self.observer)
        self.replacements = Replacements(self.ledger, self.proxy, self.journal)
        self.readback = Readback(self.ledger, self.proxy, self.replacements)
        self.creates = Creates(
            self.ledger,
            self.proxy,
            self.journal,
            self.readback,
            self.replacements,
            self.stop,
            self.minting.value,
            self.minting.id,
        )
        self.deletes = Deletes(self.ledger, self.proxy, self.journal)

    def execute(self) -> Outcome:
        changes = self.plan.effective
        self.observer.started(len(changes))
        try:
            with self.proxy.left_when(lambda _: self.stop.requested or self.ledger.trouble is not None):
                self._record_only(changes)
                gone = [change for change in self.plan.of(Action.DELETE, Action.REPLACE) if not change.retires]
                self.deletes.report(self.deletes.final_spend(gone, just_planned=self.just_planned))
                self.creates.prepare(self.plan.of(Action.CREATE, Action.REPLACE))
                self._send()
        finally:
            self.observer.ended()
        return Outcome(
            results=tuple(self.ledger.results[change.alias] for change in changes),
            interrupted=self.stop.signal,
            notices=tuple(self.ledger.notices),
            remaining=self.deletes.remaining,
            closed=(*self.deletes.closed, *self.replacements.closed),
        )

    def _send(self) -> None:
        pool = Pool(self.ledger, self.stop, self.parallelism)
        orderly = False
        try:
            self.ledger.phase("sending")
            pool.run(self._tasks())
            self.ledger.phase("reading back")
            with self.proxy.left_when(self.stop.cannot_wait):
                self.deletes.verify(pool)
                self.creates.confirm(pool)
                self.replacements.finish(pool)
            orderly = True
        finally:
            pool.close(wait_for_workers=orderly)
            self.ledger.save_at_last()

    def _tasks(self) -> Iterator[Task]:
        yield from self.deletes.tasks(self.plan.of(Action.DELETE))
        for change in self.plan.of(Action.UPDATE, Action.ADOPT, Action.FORGET):
            if change.needs_request:
                yield self._release(change) if change.action is Action.FORGET else self._update(change)
        yield from self.creates.tasks(replaced=self.deletes.delete_now)

    def _record_only(self, changes: Sequence[Change]) -> None:
        """What is forgotten goes first: its alias may be what another key is recorded under from now on."""
        for change in sorted(changes, key=lambda change: change.action is not Action.FORGET):
            match change.action:
                case _ if change.becomes is not None:
                    self.ledger.settle(change, change.becomes)
                    self.ledger.applied(change)
                case Action.FORGET if not change.needs_request:
                    self._forget(change)
                case Action.ADOPT:
                    self.ledger.settle(change, adopted_record(change, self.plan.lineage))
                    if not change.needs_request:
                        self.ledger.applied(change)
                case Action.UPDATE if not change.needs_request and change.live:
                    self.readback.record(change, change.live)
                case Action.UPDATE if _renews(change) and change.desired:
                    before = self.not_renewed[change.alias] = self.ledger.current(change)
                    self.ledger.put(promised_record(before, change.desired, self.proxy.now()))
                case _:
                    pass
        if any(_leaves_a_mark(change) or _renews(change) for change in changes):
            self.ledger.save()
        else:
            self.ledger.save_if_due()

    def _forget(self, change: Change) -> None:
        """Drop a record; with the value, where that is one which nobody could open and whose key never came to be."""
        self.ledger.drop(change.alias)
        if change.recorded and change.recorded.token and is_parked(change.recorded):
            self.ledger.drop_values([change.recorded.token])
        self.ledger.applied(change)

    def _take_back(self, change: Change) -> None:
        """Record the end that a key had, where it was to be renewed and was not."""
        if before := self.not_renewed.pop(change.alias, None):
            self.ledger.put(before)

    def _update(self, change: Change) -> Task:
        order = update_order(change, self.ledger.current(change), self.plan.lineage, change.diffs)

        def work() -> Effect:
            row = self.proxy.update(order)
            answered_at = self.proxy.now()
            return lambda: self._verify_update(change, order, row, answered_at)

        return self._task(change, work)

    def _release(self, change: Change) -> Task:
        """Take our mark off a key, and only then forget it: killed in between, the next run does it again."""
        order = release_order(change)

        def work() -> Effect:
            row = self.proxy.update(order)
            if row.stamp is not None and row.stamp.lineage == self.plan.lineage:
                raise Refused(f"LiteLLM answered that it updated {change.alias}, and the key carries our mark still.")
            return released

        def released() -> None:
            self.ledger.drop(change.alias)
            self.ledger.applied(change)

        return self._task(change, work)

    def _task(self, change: Change, work: Callable[[], Effect]) -> Task:
        """A piece of work about one change, whose failure is that change's."""

        def failed(error: VkstateError) -> None:
            if isinstance(error, Refused):
                self._take_back(change)
            elif not isinstance(error, AnswerLost):
                self.ledger.troubled(error)
            self.ledger.failed(change, error)

        def skipped(why: str) -> None:
            self._take_back(change)
            self.ledger.not_attempted(change, why)

        return Task((change,), work, failed, skipped)

    def _verify_update(self, change: Change, order: UpdateOrder, row: LiveKey, answered_at: datetime) -> None:
        desired = change.desired
        assert desired is not None  # noqa: S101 - only a desired key is updated
        # What was assigned was tried by this; what stands there all the same is the proxy's own, as after a create.
        unmet = shortfall(desired, row, cleared=order.clear, expiry=order.expiry, written_at=answered_at)
        asked = {*order.assign, *order.clear, *EXPIRY_PATHS}
        unmet = tuple(diff for diff in unmet if diff.path in asked)
        refused = [
            diff.path for diff in unmet if diff.path not in order.assign and not _is_second_try(change, diff.path)
        ]
        refused += [ALIAS_PATH] if ALIAS_PATH in order.assign and row.alias != desired.alias else []
        refused += [STAMP_PATH] if STAMP_PATH in order.assign and row.stamp != order.stamp else []
        if refused:
            if EXPIRY_PATHS & set(refused):
                self._take_back(change)
            words = f"LiteLLM answered that it updated {change.alias}, and still holds the old {', '.join(refused)}."
            self.ledger.failed(change, Refused(words))
        else:
            self.readback.record(change, row, unmet)


def _leaves_a_mark(change: Change) -> bool:
    """Whether a key is about to carry our mark that did not before: what carries it is recorded first."""
    return change.action is Action.ADOPT and any(
        diff.path == STAMP_PATH and not diff.already_live for diff in change.diffs
    )


def _renews(change: Change) -> bool:
    """Whether a key is about to be given time again."""
    return change.action is Action.UPDATE and any(
        diff.cause is Cause.RENEWED and not diff.already_live for diff in change.diffs
    )


def _is_second_try(change: Change, path: str) -> bool:
    """Whether the proxy was asked for this before: what it keeps of its own then is a default that it forces."""
    paths = EXPIRY_PATHS if path in EXPIRY_PATHS else {path}
    causes = {diff.cause for diff in change.diffs if diff.path in paths}
    return change.action is Action.ADOPT or causes == {Cause.OUTSIDE}
