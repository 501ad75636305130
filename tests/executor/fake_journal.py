"""State, secret store and reports in memory: what is here is what a crash would leave on disk."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.executor.fuse import Fuse
from tests.factories import LINEAGE
from vkstate.executor.ports import ClosingLine, Rescued
from vkstate.keys import Alias, KeyValue, Recorded, RecordedKey, Token


@dataclass
class FakeJournal:
    """Every durable write is one entry of ``fuse.calls``, in one row with the requests."""

    fuse: Fuse = field(default_factory=Fuse)
    keys: dict[Alias, RecordedKey] = field(default_factory=dict)
    values: dict[Token, KeyValue] = field(default_factory=dict)
    reports: list[tuple[ClosingLine, ...]] = field(default_factory=list)
    saves: list[dict[Alias, RecordedKey]] = field(default_factory=list)
    """The state as it was written, every time that it was."""
    rescued: dict[Alias, RecordedKey] | None = None
    keeps_reports: bool = True
    threads: set[int] = field(default_factory=set)

    def add(self, records: Iterable[RecordedKey], values: Iterable[KeyValue] = ()) -> None:
        self.keys |= {record.alias: record for record in records}
        self.values |= {value.token: value for value in values}

    @property
    def recorded(self) -> Recorded:
        """What the next run reads."""
        return Recorded(LINEAGE, dict(self.keys), frozenset(self.values))

    # -- the protocol ----------------------------------------------------------------------------------------------

    def keep_values(self, values: Mapping[Alias, KeyValue]) -> None:
        self.threads.add(threading.get_ident())
        with self.fuse.call("journal.keep_values"):
            self.values |= {value.token: value for value in values.values()}

    def value_of(self, token: Token) -> KeyValue | None:
        self.threads.add(threading.get_ident())
        return self.values.get(token)

    def drop_values(self, tokens: Collection[Token]) -> None:
        self.threads.add(threading.get_ident())
        with self.fuse.call("journal.drop_values"):
            for token in tokens:
                self.values.pop(token, None)

    def save(self, keys: Mapping[Alias, RecordedKey]) -> None:
        self.threads.add(threading.get_ident())
        if dict(keys) == self.keys:
            return
        with self.fuse.call("journal.save"):
            self.keys = dict(keys)
            self.saves.append(dict(keys))

    def rescue(self, keys: Mapping[Alias, RecordedKey]) -> Rescued:
        self.threads.add(threading.get_ident())
        with self.fuse.call("journal.rescue"):
            self.rescued = dict(keys)
            return Rescued("/elsewhere/rescued.json", "mv /elsewhere/rescued.json state.json")

    def report(self, lines: Sequence[ClosingLine]) -> None:
        self.threads.add(threading.get_ident())
        with self.fuse.call("journal.report"):
            self.reports.append(tuple(lines))
