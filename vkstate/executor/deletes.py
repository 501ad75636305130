"""Deletes: by token, a hundred a request, and believed only when they are read back as gone.

LiteLLM's ``/key/delete`` answers with what it was asked for, not with what it deleted (1.72 to 1.105).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from vkstate.errors import VkstateError
from vkstate.executor.ledger import Ledger
from vkstate.executor.orders import closing_line
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.ports import AnswerLost, ClosingLine, Journal, NotSent, Proxy, Refused, Sought
from vkstate.keys import Alias, LiveKey, Token
from vkstate.plan import Change

BATCH: Final = 100
"""Keys a request: LiteLLM 1.105 takes 6 ms a key and gives up on 5,000 after ten seconds, having deleted none."""

_AGAIN: Final = "run the same command again: what is gone is then dropped from the state"

_LAG: Final = "Where the proxy runs several workers without Redis, the others may accept a deleted key for up to 60 s."
"""LiteLLM's per-process cache of keys, ``user_api_key_cache_ttl`` (59 s seen on 1.72 and 1.105 with two workers)."""


class Endings(Protocol):
    """What is to follow where a key that was to be deleted is gone, or is not. One thread calls it."""

    def answered(self, changes: Sequence[Change]) -> None:
        """The proxy has answered about these; what is true of them is read later."""

    def gone(self, change: Change) -> None:
        """The key is verified gone."""

    def left(self, change: Change, error: VkstateError) -> None:
        """The key is still there, or nobody knows."""

    def skipped(self, change: Change, why: str) -> None:
        """Nothing was sent."""


class _Planned:
    """The endings of what the plan itself deletes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answered(self, changes: Sequence[Change]) -> None:
        self._ledger.answered(changes)

    def gone(self, change: Change) -> None:
        self._ledger.drop(change.recorded_as)
        self._ledger.applied(change)

    def left(self, change: Change, error: VkstateError) -> None:
        self._ledger.failed(change, error)

    def skipped(self, change: Change, why: str) -> None:
        self._ledger.not_attempted(change, why)


class Deletes:
    """The deletes of one run.

    :param endings: what follows; by default the results of the plan's own changes.
    """

    def __init__(self, ledger: Ledger, proxy: Proxy, journal: Journal, endings: Endings | None = None) -> None:
        self.remaining: int | None = None
        """How many of the keys that were to be deleted are still there; None before anybody looked."""
        self._ledger = ledger
        self._proxy = proxy
        self._journal = journal
        self._endings = endings or _Planned(ledger)
        self._ended: set[Alias] = set()
        self._sent: dict[Token, Change] = {}
        self._skipped = 0
        self._errors: dict[Token, VkstateError] = {}
        self._lines: dict[Token, ClosingLine] = {}
        self._gone: list[Token] = []

    @property
    def closed(self) -> tuple[ClosingLine, ...]:
        """The keys that are verified gone, as they were reported."""
        return tuple(self._lines[token] for token in self._gone if token in self._lines)

    def final_spend(self, changes: Sequence[Change], *, just_planned: bool = False) -> Mapping[Token, ClosingLine]:
        """The final spend of every key that is about to go, where the journal keeps it. Keeps nothing itself, so that a
        worker may call it.

        It is read now, since the plan may have waited long for its consent; where it cannot be, the plan's counts.

        :param just_planned: whether the plan was made a moment ago: then its counts will do.
        """
        planned = {change.live.token: (change, change.live) for change in changes if change.live}
        if not planned or not self._journal.keeps_reports:
            return {}
        now: Mapping[Token, LiveKey] = {}
        if not just_planned:
            with suppress(VkstateError):
                now = self._proxy.find([_sought(change) for change, _ in planned.values()])
        return {
            token: closing_line(change.alias, _with_spend_of(now.get(token, live), live), change.recorded)
            for token, (change, live) in planned.items()
        }

    def report(self, lines: Mapping[Token, ClosingLine]) -> None:
        """Keep what was read of keys that are about to go; none of them is deleted before this is durable."""
        if lines:
            self._journal.report(tuple(lines.values()))
            self._lines |= lines

    def tasks(self, changes: Sequence[Change]) -> Iterator[Task]:
        """The requests, in batches."""
        for start in range(0, len(changes), BATCH):
            yield self._batch(tuple(changes[start : start + BATCH]))

    def verify(self, pool: Pool) -> None:
        """Read back what was sent, send once more what is still there, and record what is gone."""
        if not self._sent:
            self.remaining = self._skipped or None
            return
        try:
            left = self._settle(list(self._sent.values()))
            again = [change for change in left if not isinstance(self._errors.get(_sought(change).token), Refused)]
            if again:
                pool.run(self.tasks(again))
                left = self._settle(left)
        except VkstateError as error:
            self._ledger.troubled(error)
            for change in self._sent.values():
                if change.alias not in self._ended:
                    self._endings.left(change, _unverified(change, error))
            return
        for change in left:
            self._endings.left(change, self._why_left(change))
        self.remaining = len(left) + self._skipped

    def delete_now(self, change: Change) -> None:
        """Delete one key and see that it is gone: the first half of a replacement. Runs in a worker.

        :raises VkstateError: it is still there, or nobody knows.
        """
        sought = _sought(change)
        with suppress(AnswerLost):
            self._proxy.delete([sought.token])
        if self._is_there(sought):
            raise Refused(f"LiteLLM answered that it deleted {change.alias}, and the key is still there.")
        self._gone.append(sought.token)

    def _is_there(self, sought: Sought) -> bool:
        try:
            return bool(self._proxy.find([sought]))
        except NotSent as error:
            raise AnswerLost(f"The delete of {sought.alias} was sent, and not verified.", hint=_AGAIN) from error

    def _batch(self, changes: tuple[Change, ...]) -> Task:
        tokens = [_sought(change).token for change in changes]

        def work() -> Effect:
            self._proxy.delete(tokens)
            return lambda: self._note(changes, None)

        return Task(
            changes, work, lambda error: self._note(changes, error), lambda why: self._skip(changes, why), bulk=True
        )

    def _note(self, changes: Sequence[Change], error: VkstateError | None) -> None:
        """Remember what was sent. Even after an error some keys may be gone: only reading tells."""
        for change in changes:
            token = _sought(change).token
            self._sent[token] = change
            if error:
                self._errors[token] = error
            else:
                self._errors.pop(token, None)
        if not error:
            self._endings.answered(changes)
        if error and not isinstance(error, AnswerLost | Refused):
            self._ledger.troubled(error)

    def _skip(self, changes: Sequence[Change], why: str) -> None:
        for change in changes:
            if _sought(change).token not in self._sent:
                self._skipped += 1
                self._endings.skipped(change, why)

    def _settle(self, changes: Sequence[Change]) -> list[Change]:
        """Record those that are gone, drop their values, and return those that are still there."""
        live: Mapping[Token, LiveKey] = self._proxy.find([_sought(change) for change in changes])
        gone = [change for change in changes if _sought(change).token not in live]
        for change in gone:
            self._ended.add(change.alias)
            self._gone.append(_sought(change).token)
            self._endings.gone(change)
        if gone:
            self.say_lag()
            self._ledger.drop_values(_sought(change).token for change in gone)
            self._ledger.checkpoint()
        return [change for change in changes if _sought(change).token in live]

    def say_lag(self) -> None:
        """Say, once, that a deleted key may be accepted for a while."""
        if _LAG not in self._ledger.notices:
            self._ledger.notices.append(_LAG)

    def _why_left(self, change: Change) -> VkstateError:
        error = self._errors.get(_sought(change).token)
        return error or Refused(f"LiteLLM answered that it deleted {change.alias}, and the key is still there.")


def _with_spend_of(now: LiveKey, planned: LiveKey) -> LiveKey:
    return replace(planned, spend=now.spend, lifetime_spend=now.lifetime_spend)


def _sought(change: Change) -> Sought:
    assert change.live is not None  # noqa: S101 - the planner deletes only what is live
    known = change.recorded.id if change.recorded else change.live.stamp.id if change.live.stamp else ""
    return Sought(change.live.token, known, change.alias)


def _unverified(change: Change, error: VkstateError) -> VkstateError:
    return AnswerLost(
        f"The delete of {change.alias} was asked for, and could not be verified: {error.detail}",
        hint=_AGAIN,
    )
