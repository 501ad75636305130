"""What a run knows so far: the records as they will be saved, and what became of each change. One thread owns it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from vkstate.errors import VkstateError
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Observer, Result
from vkstate.executor.ports import Journal
from vkstate.keys import Alias, KeyValue, Recorded, RecordedKey, Token
from vkstate.plan import Change

SAVE_EVERY: Final = 1.0
"""Seconds after which an outcome is on disk while a run goes on."""

SAVE_EVERY_AT_MOST: Final = 10.0
"""The same where a save takes so long that a run would spend more than :data:`SAVE_SHARE` of its time on saving: of
thousands of keys, or on a slow disk. What a crash leaves unsaved is pending in the state, and found by its token."""

SAVE_SHARE: Final = 0.02


class StateNotSaved(VkstateError):
    """The proxy was changed, and the state that says so could not be written where it belongs."""

    summary = "the state could not be saved"


class Ledger:
    """Records and results of one run; what is put here is soon on disk: see :data:`SAVE_EVERY`."""

    def __init__(
        self,
        recorded: Recorded,
        journal: Journal,
        observer: Observer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lineage = recorded.lineage
        self.results: dict[Alias, Result] = {}
        self.notices: list[str] = []
        self.trouble: VkstateError | None = None
        """Why nothing more is worth starting: the first error that is not about one key alone."""
        self._records = dict(recorded.keys)
        self._journal = journal
        self._observer = observer
        self._monotonic = monotonic
        self._dirty_since: float | None = None
        self._save_took = 0.0
        self._needless: set[Token] = set()
        self._answered: set[Alias] = set()

    @property
    def records(self) -> Mapping[Alias, RecordedKey]:
        return self._records

    def put(self, record: RecordedKey) -> None:
        """Record a key."""
        self._records[record.alias] = record
        self._touch()

    def drop(self, alias: Alias) -> None:
        """Forget a key."""
        if self._records.pop(alias, None):
            self._touch()

    def current(self, change: Change) -> RecordedKey:
        """The record of a change's key, be it still under its old alias or under the new one already."""
        return self._records[change.recorded_as if change.recorded_as in self._records else change.alias]

    def settle(self, change: Change, record: RecordedKey) -> None:
        """Record a key as a change leaves it, and under no other alias."""
        if change.recorded_as != record.alias:
            self.drop(change.recorded_as)
        self.put(record)

    def restore(self, alias: Alias, before: RecordedKey | None) -> None:
        """Put a record back as it was before the run: its change was never sent, or refused."""
        self.drop(alias)
        if before is not None:
            self.put(before)

    def answered(self, changes: Sequence[Change]) -> None:
        """The proxy has answered about these; the results follow when they are read back."""
        fresh = [change for change in changes if change.alias not in self._answered]
        self._answered.update(change.alias for change in fresh)
        if fresh:
            self._observer.answered(fresh)

    def phase(self, text: str, *, anew: bool = False) -> None:
        """What is being done from now on.

        :param anew: changes that were answered before are answered once more in it.
        """
        if anew:
            self._answered.clear()
        self._observer.phase(text)

    def applied(self, change: Change, note: str | None = None) -> None:
        self._end(Applied(change, note))

    def failed(self, change: Change, error: VkstateError) -> None:
        self._end(Failed(change, error.detail, error.hint))

    def not_attempted(self, change: Change, why: str) -> None:
        self._end(NotAttempted(change, why))

    def _end(self, result: Result) -> None:
        self.results[result.change.alias] = result
        self._observer.finished(result)

    def troubled(self, error: VkstateError) -> None:
        """Remember why nothing more is worth starting; the first reason stays."""
        self.trouble = self.trouble or error

    def seconds_to_save(self) -> float | None:
        """How long until a save is due; None where there is nothing to save."""
        if self._dirty_since is None:
            return None
        pause = min(max(SAVE_EVERY, self._save_took / SAVE_SHARE), SAVE_EVERY_AT_MOST)
        return max(0.0, self._dirty_since + pause - self._monotonic())

    def save_if_due(self) -> None:
        """Save what has waited for long enough."""
        if self.seconds_to_save() == 0.0:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Save now; a failure stops the run from starting more, and the save is tried again."""
        try:
            self.save()
        except VkstateError as error:
            self.troubled(error)
            self._touch(later=True)

    def save(self) -> None:
        """Make everything durable now, then remove the values that the saved state has no use for."""
        began = self._monotonic()
        self._journal.save(self._records)
        self._dirty_since = None
        needless, self._needless = frozenset(self._needless), set()
        if needless:
            try:
                self._journal.drop_values(needless)
            except VkstateError as error:
                self.notices.append(f"Values of keys that do not exist are still in the secret store: {error.detail}")
        self._save_took = self._monotonic() - began

    def save_at_last(self) -> None:
        """The save at the end of a run, whatever happened.

        :raises StateNotSaved: the state is now in the place that the message names.
        """
        if self._dirty_since is None:
            return
        try:
            self.save()
        except VkstateError as error:
            raise self._rescued(error) from error

    def _rescued(self, error: VkstateError) -> StateNotSaved:
        try:
            rescued = self._journal.rescue(self._records)
        except VkstateError as second:
            return StateNotSaved(
                f"{error.detail} Nor could it be written elsewhere: {second.detail}",
                hint="make room or mend the directory, then run the same command again: it settles what is pending",
            )
        return StateNotSaved(
            f"{error.detail} What the proxy holds now was written to {rescued.place} instead.", hint=rescued.hint
        )

    def keep_value(self, alias: Alias, value: KeyValue) -> None:
        """Keep a value that the proxy made; durable when this returns."""
        self._journal.keep_values({alias: value})

    def drop_values(self, tokens: Iterable[Token]) -> None:
        """With the next save, remove the values of keys that this run verified gone, or that never came to exist."""
        chosen = set(tokens)
        if chosen:
            self._needless |= chosen
            self._touch()

    def _touch(self, *, later: bool = False) -> None:
        if self._dirty_since is None or later:
            self._dirty_since = self._monotonic()
