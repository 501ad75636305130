"""A project in memory: what its config asks for, its proxy and its journal; and runs against them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.executor.fake_journal import FakeJournal
from tests.executor.fake_proxy import FakeProxy
from tests.executor.fuse import Fuse, Hook
from tests.factories import LINEAGE, value_of
from vkstate.executor.outcome import Failed, NotAttempted, Observer, Outcome, Result
from vkstate.executor.run import Minting, execute
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, Capabilities, DesiredKey, KeyValue, LiveKey, Origin, RecordedKey
from vkstate.options import NO_OPTIONS, Options
from vkstate.plan import Change, Plan
from vkstate.planner import plan
from vkstate.refresh import refresh


class NoPause(Stop):
    """A stop whose pauses take no time; it remembers how long they would have been."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.requested


@dataclass
class Watcher:
    """An observer that keeps what it is told."""

    events: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def started(self, total: int) -> None:
        self.events.append(f"started {total}")

    def answered(self, changes: Sequence[Change]) -> None:
        self.events += [f"answered {change.alias}" for change in changes]

    def finished(self, result: Result) -> None:
        self.events.append(f"finished {result.change.alias}")
        self.results.append(result)

    def phase(self, text: str) -> None:
        self.events.append(text)

    def ended(self) -> None:
        self.events.append("ended")


@dataclass
class World:
    """Proxy and journal share one fuse, so that their calls stand in one row."""

    wanted: dict[Alias, DesiredKey] = field(default_factory=dict)
    fuse: Fuse = field(default_factory=Fuse)
    proxy: FakeProxy = field(default_factory=FakeProxy)
    journal: FakeJournal = field(default_factory=FakeJournal)
    stop: NoPause = field(default_factory=NoPause)
    foreign: dict[str, LiveKey] = field(default_factory=dict)
    options: Options = NO_OPTIONS
    _minted: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.proxy.fuse = self.journal.fuse = self.fuse

    def want(self, keys: Iterable[DesiredKey]) -> World:
        self.wanted = {key.alias: key for key in keys}
        return self

    def asks(self, options: Options) -> World:
        """What is asked for besides what the config declares."""
        self.options = options
        return self

    def has(self, records: Iterable[RecordedKey], rows: Iterable[LiveKey] = (), values: Iterable[str] = ()) -> World:
        """What the state records, with the values of the recorded tokens, and what is on the proxy.

        :param values: names that seed further values, where they are not those of the aliases.
        """
        rows = list(rows)
        self.journal.add([], map(value_of, values))
        self.proxy.add(rows)
        for record in records:
            value = value_of(record.alias)
            self.journal.add([record], [value] if record.token == value.token else [])
        known = {record.token for record in self.journal.keys.values()}
        self.foreign = {
            row.token: row
            for row in rows
            if row.token not in known and (row.stamp is None or row.stamp.lineage != LINEAGE)
        }
        return self

    def plan(self) -> Plan:
        recorded = self.journal.recorded
        live = self.proxy.read(self.wanted.keys(), recorded.keys)
        return plan(self.wanted, recorded, live, Capabilities(), self.proxy.now(), self.options)

    def refresh(self) -> Plan:
        """The plan that accepts what is live."""
        recorded = self.journal.recorded
        return refresh(recorded, self.proxy.read(self.wanted.keys(), recorded.keys), self.wanted)

    def apply(
        self,
        *,
        parallelism: int = 1,
        observer: Observer | None = None,
        current: Plan | None = None,
        just_planned: bool = False,
    ) -> Outcome:
        """Plan and execute; the plan must be without problems."""
        chosen = current or self.plan()
        assert chosen.problems == ()
        return execute(
            chosen,
            self.journal.recorded,
            proxy=self.proxy,
            journal=self.journal,
            parallelism=parallelism,
            just_planned=just_planned,
            observer=observer,
            stop=self.stop,
            minting=Minting(self._value, self._id),
        )

    def _value(self) -> KeyValue:
        return value_of(f"minted {next(self._minted)}")

    def _id(self) -> str:
        return f"{next(self._minted):016x}"

    def reopen(self) -> None:
        """A new process, without what the command line asked for: only what is durable is left, and the config."""
        self.options = replace(self.options, replace=(), grace=None, renew=(), adopt_replaced=False)
        self.fuse = Fuse()
        self.stop = NoPause()
        self.proxy.fuse = self.journal.fuse = self.fuse

    def check(self) -> None:
        """What must hold at the end of every run that was not killed, and one run after every one that was."""
        ours = self.ours
        recorded = {record.token: record for record in self.journal.keys.values()}
        imported = {token for token, record in recorded.items() if record.origin is Origin.IMPORTED}
        known = self.journal.values.keys() | imported
        assert [row.alias for row in ours if row.token not in recorded] == [], "keys of ours that no record knows"
        assert [row.alias for row in ours if row.token not in known] == [], "keys without their value"
        aliases = [row.alias for row in ours]
        assert sorted(set(map(str, aliases))) == sorted(map(str, aliases)), "two keys of ours under one alias"
        for token, row in self.foreign.items():
            assert self.proxy.rows.get(row.token) == row, f"somebody else's key {token} was touched"

    @property
    def ours(self) -> list[LiveKey]:
        """The keys on the proxy that carry our mark."""
        return [row for row in self.proxy.rows.values() if row.stamp and row.stamp.lineage == LINEAGE]

    def check_instant(self) -> None:
        """What must hold at any instant: every key of ours is in what is durable, by its token or by its id."""
        records = self.journal.keys.values()
        tokens, ids = {record.token for record in records}, {record.id for record in records if record.token is None}
        lost = [row.alias for row in self.ours if row.token not in tokens and row.stamp and row.stamp.id not in ids]
        assert lost == [], "keys of ours that no record knows"

    def converged(self) -> None:
        """Nothing is left to do, and everything is in order."""
        left = self.plan()
        assert (left.problems, left.effective) == ((), ())
        self.check()


@contextmanager
def failing(world: World, *hooks: Hook, after: bool = False) -> Iterator[None]:
    """Hooks in force for a while, before the effect of a call or after it."""
    chain = world.fuse.after if after else world.fuse.before
    chain.extend(hooks)
    try:
        yield
    finally:
        for hook in hooks:
            chain.remove(hook)


def said(outcome: Outcome) -> dict[str, str]:
    """By alias: ``applied``, or why not."""
    words: dict[str, str] = {}
    for result in outcome.results:
        match result:
            case Failed(change, detail):
                words[change.alias] = f"failed: {detail}"
            case NotAttempted(change, why):
                words[change.alias] = f"not attempted: {why}"
            case _:
                words[result.change.alias] = f"applied{': ' + result.note if result.note else ''}"
    return words
