"""A LiteLLM proxy in memory, with the traps of the real one (1.72 to 1.105) where a test sets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.executor.fuse import Fuse
from tests.factories import EMPTY_ROW, NOW
from vkstate.attributes import Home, Json, attribute_of
from vkstate.differences import ALIAS_PATH, STAMP_PATH
from vkstate.executor.ports import AliasTaken, ClientValuesRefused, CreateOrder, Newest, Refused, Sought, UpdateOrder
from vkstate.expiry import end_of
from vkstate.keys import Alias, KeyValue, Live, LiveKey, RecordedKey, Token

BATCH = 100


@dataclass
class FakeProxy:
    """Every method may be called from several threads at once, as the protocol asks."""

    rows: dict[Token, LiveKey] = field(default_factory=dict)
    fuse: Fuse = field(default_factory=Fuse)
    time: datetime = NOW
    makes_values: bool = False
    """``disable_custom_api_keys``: values of the client are refused."""
    forced: Mapping[str, Json] = field(default_factory=dict)
    """By path, what a key gets in place of what was asked."""
    forces_always: bool = False
    """Whether an update cannot change what is forced either."""
    forced_end: timedelta | None = None
    """When a key ends that was created without an end."""
    vanish: dict[str, int] = field(default_factory=dict)
    """By alias, how many creates are answered and not carried out."""
    echoes: int = 0
    """How many deletes are answered and not carried out."""
    deaf: bool = False
    """Whether updates are answered and not carried out."""
    rivals: dict[str, LiveKey] = field(default_factory=dict)
    """By alias, a key that somebody else creates in the instant between LiteLLM's check and its insert."""
    lists_at_most: int | None = None
    """How many of the newest keys one listing shows."""
    deleted: list[tuple[Token, ...]] = field(default_factory=list)
    """The tokens of every delete request."""
    created: list[CreateOrder] = field(default_factory=list)
    updated: list[UpdateOrder] = field(default_factory=list)
    too_long: Callable[[float], bool] = lambda _: False
    """Whether it is said now that to wait so long is too long."""
    threads: set[int] = field(default_factory=set)
    """The threads that sent writes."""
    _coming: list[tuple[int, CreateOrder]] = field(default_factory=list)
    _made: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, rows: Iterable[LiveKey]) -> None:
        self.rows |= {row.token: row for row in rows}

    def under(self, alias: str) -> list[LiveKey]:
        return [row for row in self.rows.values() if row.alias == alias]

    def read(self, wanted: Collection[Alias], records: Mapping[Alias, RecordedKey]) -> Live:
        """What the planner asks for: the recorded tokens, and all rows under the aliases that it plans."""
        tokens = {record.token for record in records.values()}
        aliases = {*wanted, *records}
        seen = [row for row in self.rows.values() if row.token in tokens or row.alias in aliases]
        return Live(tuple(seen), len(self.rows))

    # -- the protocol ----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.time

    @contextmanager
    def left_when(self, too_long: Callable[[float], bool]) -> Iterator[None]:
        before, self.too_long = self.too_long, too_long
        yield
        self.too_long = before

    def create(self, order: CreateOrder) -> KeyValue | None:
        with self._lock:
            self.threads.add(threading.get_ident())
            self.created.append(order)
            self._land()
        with self.fuse.call("proxy.create", order.alias), self._lock:
            if self.makes_values and order.value is not None:
                raise ClientValuesRefused("Custom API key values are disabled by your administrator.")
            if self.under(order.alias):
                raise AliasTaken(f"Key with alias {order.alias!r} already exists.")
            if self.vanish.get(order.alias, 0) > 0:
                self.vanish[order.alias] -= 1
                return None if order.value else self._make()
            return self._insert(order)

    def hang(self, order: CreateOrder, calls: int) -> None:
        """Let a create land after so many more calls, although it was never answered."""
        self._coming.append((calls, order))

    def update(self, order: UpdateOrder) -> LiveKey:
        with self._lock:
            self.threads.add(threading.get_ident())
            self.updated.append(order)
        with self.fuse.call("proxy.update", order.sought.alias), self._lock:
            row = self.rows.get(order.sought.token)
            if row is None:
                raise Refused(f"The key {order.sought.alias} is gone from the proxy.")
            wanted = order.assign.get(ALIAS_PATH)
            if wanted is not None and any(other.token != row.token for other in self.under(str(wanted))):
                raise AliasTaken(f"Key with alias {wanted!r} already exists.")
            self.time += timedelta(milliseconds=10)
            self.rows[row.token] = row if self.deaf else self._changed(row, order)
            return self.rows[row.token]

    def delete(self, tokens: Sequence[Token]) -> None:
        assert 0 < len(tokens) <= BATCH
        with self._lock:
            self.threads.add(threading.get_ident())
            self.deleted.append(tuple(tokens))
        with self.fuse.call("proxy.delete"), self._lock:
            if self.echoes > 0:
                self.echoes -= 1
                return
            for token in tokens:
                self.rows.pop(token, None)

    def find(self, sought: Collection[Sought]) -> Mapping[Token, LiveKey]:
        with self.fuse.call("proxy.find"), self._lock:
            self._land()
            return {one.token: self.rows[one.token] for one in sought if one.token in self.rows}

    def find_alias(self, alias: Alias) -> tuple[LiveKey, ...]:
        with self.fuse.call("proxy.find_alias", alias), self._lock:
            self._land()
            return tuple(self.under(alias))

    def newest(self, since: datetime, most: int, expected: int = 0) -> Newest:
        with self.fuse.call("proxy.newest"), self._lock:
            self._land()
            order = sorted(self.rows.values(), key=lambda row: (row.created_at or since, row.token), reverse=True)
            recent = [row for row in order if row.created_at is None or row.created_at >= since]
            most = most if self.lists_at_most is None else self.lists_at_most
            return Newest(tuple(recent[:most]), complete=len(recent) <= most)

    # -- what it does ----------------------------------------------------------------------------------------------

    def _land(self) -> None:
        self._coming = [(calls - 1, order) for calls, order in self._coming]
        for _, order in [landing for landing in self._coming if landing[0] < 0]:
            self._insert(order)
        self._coming = [landing for landing in self._coming if landing[0] >= 0]

    def _insert(self, order: CreateOrder) -> KeyValue | None:
        made = None if order.value else self._make()
        value = order.value or made
        assert value is not None
        if value.token in self.rows:
            return made  # an upsert with nothing to update
        if rival := self.rivals.pop(order.alias, None):
            self.rows[rival.token] = rival
        self.time += timedelta(milliseconds=10)
        shown = {**EMPTY_ROW, **order.declared, **self.forced}
        end = end_of(order.expiry, self.time)
        if end is None and self.forced_end is not None:
            end = self.time + self.forced_end
        self.rows[value.token] = LiveKey(
            token=value.token,
            alias=order.alias,
            attributes=shown,
            metadata={},
            stamp=order.stamp,
            created_at=self.time,
            expires_at=end,
            spend=0.0,
            created_by="default_user_id",
        )
        return made

    def _make(self) -> KeyValue:
        self._made += 1
        return KeyValue(f"sk-made-by-the-proxy-{self._made:06}")

    def _changed(self, row: LiveKey, order: UpdateOrder) -> LiveKey:
        shown = dict(row.attributes)
        for path in order.clear:
            attribute = attribute_of(path)
            if attribute is None or attribute.name == "metadata" or attribute.home is Home.METADATA:
                shown.pop(path, None)
            else:
                shown[path] = [] if "." in path else attribute.empty
        shown |= {path: value for path, value in order.assign.items() if path not in (ALIAS_PATH, STAMP_PATH)}
        if self.forces_always:
            shown |= self.forced
        end = row.expires_at if order.expiry is None else end_of(order.expiry, self.time)
        if order.expiry is not None and end is None and self.forces_always and self.forced_end is not None:
            end = self.time + self.forced_end
        touched = any(path.startswith("metadata") for path in (*order.assign, *order.clear))
        return replace(
            row,
            alias=str(order.assign.get(ALIAS_PATH, row.alias)),
            attributes=shown,
            stamp=order.stamp if touched else row.stamp,
            expires_at=end,
        )
