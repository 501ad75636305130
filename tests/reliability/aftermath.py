"""What must be true after a run: of each key that it was about, and of all others, which may not have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.reliability.model import (
    EXPIRY,
    MOVING,
    UNSAID,
    Json,
    Record,
    Row,
    Want,
    World,
    applied_of,
    end_of,
    ends,
    fields_for,
    mark_of,
    member_of,
    value_at,
)
from tests.reliability.oracle import Expected, Fate, protected, recorded_end

NEAR: Final = timedelta(seconds=8)
"""How exactly ends are kept: vkstate knows the server's clock to a second or two, and a run takes a moment."""


@dataclass(frozen=True)
class Aftermath:
    """A run, by what was to be done and what was there before and after it; ``now`` is the server's clock."""

    expected: Expected
    before: World
    after: World
    now: datetime

    def complaints(self, done: Collection[str]) -> Iterator[str]:
        """What is wrong, sentence by sentence.

        :param done: the aliases whose change was made, as was said; the others may be anywhere between before and
            after.
        """
        for alias, fate in self.expected.fates.items():
            yield from self._whole(fate) if alias in done else self._partly(fate)
        yield from self._untouched()
        yield from self._unasked(done)
        yield from self._values(done)
        if self.expected.fates.keys() <= set(done):  # what was begun and taken back was written down on the way
            yield from self._serial()

    def _whole(self, fate: Fate) -> Iterator[str]:
        """A change that was made, in full."""
        match fate.action:
            case "create":
                yield from self._fresh(fate)
            case "replace":
                yield from self._fresh(fate)
                yield from self._set_aside(fate)
            case "delete":
                yield from self._gone(fate, _row(fate))
                if fate.had in self.after.records:
                    yield f"{fate.had} was deleted, and is recorded still"
            case "forget":
                yield from self._forgotten(fate)
            case _ if fate.becomes is not None:
                yield from self._restated(fate, fate.becomes)
            case _ if fate.expiry == "cut short":
                yield from self._cut_short(fate)
            case _:
                yield from self._settled(fate)

    def _fresh(self, fate: Fate) -> Iterator[str]:
        """A new key, with a value of its own that is known here."""
        want, record = _want(fate), self.after.records.get(fate.alias)
        token = (record or {}).get("token", "")
        row = self.after.rows.get(token)
        if record is None or row is None:
            yield f"{fate.alias} was made, and is not {'recorded' if record is None else 'on the proxy'}"
            return
        if token in self.before.rows:
            yield f"{fate.alias} was made, and has the value of a key that was there before"
        begun = self.before.records.get(fate.had or "", {})
        if begun.get("status") == "pending" and begun.get("token") in self.before.values and begun["token"] != token:
            yield f"the create of {fate.alias} was begun, and went on with another value"
        mark = self._mark(want, record)
        metadata = {path.partition(".")[2]: value for path, value in want.declared.items() if "." in path}
        right = {
            "key_alias": fate.alias,
            "max_budget": want.declared.get("max_budget"),
            "metadata": {**metadata, "vkstate": mark},
            "user_id": want.declared["user_id"],
            "models": want.declared["models"],
            "blocked": None,
            "spend": 0,
        }
        yield from _compared(fate.alias, row, right)
        yield from self._ends(fate.alias, row, end_of(want.declared, self.now))
        yield from self._recorded(fate, record, row, dict(want.declared))

    def _settled(self, fate: Fate) -> Iterator[str]:
        """A key that is as desired now: it has changed in nothing else, and is recorded so."""
        row = _row(fate)
        record, now = self.after.records.get(fate.alias), self.after.rows.get(row["token"])
        if record is None or now is None:
            yield f"{fate.alias} was settled, and is not {'recorded' if record is None else 'on the proxy'}"
            return
        if record.get("token") != row["token"]:
            yield f"{fate.alias} was settled, and another key is recorded under it"
        right = {**row, **self._target(fate), "metadata": self._metadata(fate, record)}
        yield from _compared(fate.alias, now, {name: value for name, value in right.items() if name != "expires"})
        yield from self._ends(fate.alias, now, self._end(fate))
        yield from self._recorded(fate, record, now, self._applied(fate))

    def _target(self, fate: Fate) -> dict[str, Json]:
        """The columns of a key that is desired and there, as they are to be; without its end."""
        want, row = _want(fate), _row(fate)
        known = self._known(fate)
        declared = {path: value for path, value in want.declared.items() if path not in EXPIRY and want.says(path)}
        cleared = [path for path in known if path not in EXPIRY and path not in want.declared and want.says(path)]
        return {**fields_for(row, declared, cleared), "key_alias": want.alias}

    def _metadata(self, fate: Fate, record: Record) -> dict[str, Json]:
        return {**self._target(fate)["metadata"], "vkstate": self._mark(_want(fate), record)}

    def _known(self, fate: Fate) -> dict[str, Json]:
        """What was applied before, as far as the record is one of this very key."""
        record = self.before.records.get(fate.had or "", {})
        return applied_of(record) if record.get("token") == _row(fate)["token"] else {}

    def _applied(self, fate: Fate) -> dict[str, Json]:
        want = _want(fate)
        ours = {path: value for path, value in want.declared.items() if want.says(path)}
        if self._is_recorded(fate):
            return ours | {path: value for path, value in self._known(fate).items() if not want.says(path)}
        seen = {path: value_at(_row(fate), path) for path in want.declared if not want.says(path)}
        return ours | {path: value for path, value in seen.items() if value != UNSAID}

    def _is_recorded(self, fate: Fate) -> bool:
        return bool(self.before.records.get(fate.had or "", {}).get("token") == _row(fate)["token"])

    def _mark(self, want: Want, record: Record) -> dict[str, Json]:
        mark = {"lineage": self.before.lineage, "id": record["id"]}
        return mark | ({"workshop": want.member[0], "user": want.member[1]} if want.member else {})

    def _end(self, fate: Fate) -> datetime | None:
        """When a key that is settled ends."""
        match fate.expiry:
            case "declared":
                return end_of(_want(fate).declared, self.now)
            case "back":
                recorded = recorded_end(self.before.records[fate.had or ""])
                return max(recorded, self.now + timedelta(seconds=1)) if recorded else None
            case _:
                return ends(_row(fate))

    def _recorded(self, fate: Fate, record: Record, row: Row, applied: dict[str, Json]) -> Iterator[str]:
        want = _want(fate)
        before = self.before.records.get(fate.had or "")
        stays = fate.action == "update" and fate.expiry is None  # an end that others moved is for the next plan to show
        right = {
            "status": "ready",
            "member": want.member,
            "prevent_destroy": protected(want, before),
            "applied": applied,
            "expires_at": recorded_end(before) if stays and before else ends(row),
            "retired": None,
            "pending_since": None,
        }
        found = {
            **{name: record.get(name) for name in ("status", "retired", "pending_since")},
            "member": member_of(record),
            "prevent_destroy": record.get("prevent_destroy", False),
            "applied": applied_of(record),
            "expires_at": recorded_end(record),
        }
        yield from _compared(f"the record of {fate.alias}", found, right)
        if fate.had != fate.alias and fate.had in self.after.records:
            yield f"{fate.had} moved to {fate.alias}, and is recorded still"

    def _set_aside(self, fate: Fate) -> Iterator[str]:
        """The old key of a replacement: gone, or under another alias until its time is over."""
        assert fate.aside is not None
        alias, limit = fate.aside
        if limit is None or limit <= self.now:
            yield from self._gone(fate, _row(fate))
            if alias in self.after.records:
                yield f"{alias} is gone, and is recorded still"
            return
        row, record = self.after.rows.get(_row(fate)["token"]), self.after.records.get(alias)
        if row is None or record is None:
            yield f"the old key of {fate.alias} has time still, and is not {'on the proxy' if record else 'recorded'}"
            return
        yield from _compared(alias, row, {**_row(fate), "key_alias": alias}, {"expires"})
        end, before = ends(row), ends(_row(fate))
        if end is None or end > max(limit, min(before or limit, limit)) + timedelta(seconds=60):
            yield f"{alias} ends at {end}, and should by {limit}"
        if record.get("retired", {}).get("successor") != fate.alias or record.get("token") != row["token"]:
            yield f"{alias} is not recorded as the retired key of {fate.alias}: {record}"

    def _gone(self, fate: Fate, row: Row) -> Iterator[str]:
        token = row["token"]
        if token in self.after.rows:
            yield f"{fate.alias} ({token[:8]}) was deleted, and is on the proxy still"
        if token in self.after.values:
            yield f"{fate.alias} ({token[:8]}) was deleted, and its value is kept still"

    def _forgotten(self, fate: Fate) -> Iterator[str]:
        if fate.becomes is not None:
            yield from self._restated(fate, fate.becomes)
        elif fate.had in self.after.records:
            yield f"{fate.had} was forgotten, and is recorded still"
        if fate.row is not None:
            metadata = {name: value for name, value in fate.row["metadata"].items() if name != "vkstate"}
            row = self.after.rows.get(fate.row["token"])
            if row is None:
                yield f"{fate.alias} was to live on, and is gone"
            else:
                yield from _compared(fate.alias, row, {**fate.row, "metadata": metadata})

    def _restated(self, fate: Fate, becomes: Record) -> Iterator[str]:
        """A record that took the place of another, with nothing else changed."""
        alias = becomes.get("alias", fate.alias)
        found = self.after.records.get(alias)
        if found is None:
            yield f"{alias} should be recorded: {becomes}"
            return
        right = {name: value for name, value in becomes.items() if name not in ("alias", "applied", "expires_at")}
        right.pop("pending_since", None)
        yield from _compared(f"the record of {alias}", found, right)
        wanted, applied = applied_of(becomes), applied_of(found)
        if wanted.get("expires_at") == "?":
            wanted["expires_at"] = applied.get("expires_at")
        if applied != wanted:
            yield f"the record of {alias} says {applied}, and should {wanted}"

    def _cut_short(self, fate: Fate) -> Iterator[str]:
        assert fate.aside is not None
        row = self.after.rows.get(_row(fate)["token"])
        if row is None:
            yield f"{fate.alias} was to end sooner, and is gone"
            return
        yield from _compared(fate.alias, row, dict(_row(fate)), {"expires"})
        yield from self._ends(fate.alias, row, fate.aside[1])

    def _partly(self, fate: Fate) -> Iterator[str]:
        """A change that may have been made in part: nothing but that change was made."""
        if fate.row is None:
            return
        now = self.after.rows.get(fate.row["token"])
        if now is None:
            if fate.action not in ("delete", "replace"):
                yield f"{fate.alias} was not to be deleted, and is gone"
            return
        allowed: dict[str, list[Json]] = {}
        match fate.action:
            case "replace" if fate.aside:
                allowed = {"key_alias": [fate.aside[0], fate.alias], "expires": [now["expires"]]}
            case "forget":
                metadata = {name: value for name, value in fate.row["metadata"].items() if name != "vkstate"}
                allowed = {"metadata": [metadata]}
            case "update" | "adopt" if fate.want and fate.becomes is None:
                target = self._target(fate)
                marked = {**target["metadata"], "vkstate": mark_of(now)}
                allowed = {name: [value] for name, value in target.items()}
                allowed |= {"metadata": [marked, {**fate.row["metadata"], "vkstate": mark_of(now)}]}
                allowed |= {"expires": [now["expires"]]} if fate.expiry else {}
            case "update" if fate.expiry:
                allowed = {"expires": [now["expires"]]}
        for name, value in now.items():
            if name not in MOVING and value != fate.row[name] and value not in allowed.get(name, []):
                yield f"{fate.alias}: {name} was {fate.row[name]}, and is {value}, which nobody asked for"

    def _untouched(self) -> Iterator[str]:
        """What the run was not about is as it was, byte by byte."""
        about = {fate.row["token"] for fate in self.expected.fates.values() if fate.row is not None}
        for token, text in self.before.raw.items():
            if token not in about and self.after.raw.get(token) != text:
                alias = self.before.rows[token]["key_alias"]
                yield f"{alias} ({token[:8]}) was {text}, and is {self.after.raw.get(token)}"
        names = {name for fate in self.expected.fates.values() for name in fate.names}
        names |= {fate.becomes.get("alias", "") for fate in self.expected.fates.values() if fate.becomes}
        for alias in self.before.records.keys() | self.after.records.keys():
            was, is_now = self.before.records.get(alias), self.after.records.get(alias)
            if alias not in names and was != is_now:
                yield f"the record of {alias} was {was}, and is {is_now}"

    def _unasked(self, done: Collection[str]) -> Iterator[str]:
        """Keys that came to be, and keys that went."""
        makers = {alias for alias, fate in self.expected.fates.items() if fate.action in ("create", "replace")}
        recorded = {record.get("token"): alias for alias, record in self.after.records.items()}
        for token in self.after.rows.keys() - self.before.rows.keys():
            if recorded.get(token) not in makers:
                yield f"{self.after.rows[token]['key_alias']} ({token[:8]}) was made, and nobody asked for it"
        for token in self.before.rows.keys() - self.after.rows.keys():
            if token not in self.after.reported:
                yield f"{self.before.rows[token]['key_alias']} ({token[:8]}) is gone, and no report tells of it"

    def _values(self, done: Collection[str]) -> Iterator[str]:
        """No value is dropped but of keys that this run deleted, or that never came to be."""
        for token in self.before.values - self.after.values:
            if token in self.after.rows:
                yield f"the value of {self.after.rows[token]['key_alias']} ({token[:8]}) is lost"
            elif token not in self.before.rows and set(self.expected.fates) <= set(done):
                yield f"the value of {token[:8]} was dropped, and this run did not delete its key"

    def _serial(self) -> Iterator[str]:
        if self.before.records == self.after.records and self.before.state != self.after.state:
            yield "nothing was changed, and the state was written"

    def _ends(self, alias: str, row: Row, right: datetime | None) -> Iterator[str]:
        end = ends(row)
        if (end is None) != (right is None) or (end and right and abs(end - right) > NEAR):
            yield f"{alias} ends at {end}, and should at {right}"


def _compared(what: str, found: Row, right: Row, but: Collection[str] = ()) -> Iterator[str]:
    for name, value in right.items():
        if name not in MOVING and name not in but and found.get(name) != value:
            yield f"{what}: {name} is {found.get(name)}, and should be {value}"


def _want(fate: Fate) -> Want:
    assert fate.want is not None
    return fate.want


def _row(fate: Fate) -> Row:
    assert fate.row is not None
    return fate.row
