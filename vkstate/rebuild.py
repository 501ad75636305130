"""Rebuild: the state as it follows from the keys that carry our lineage on the proxy. Pure.

A key on the proxy carries the lineage, its id, and whose it is. What was declared of it is written nowhere but in the
state; so what the config declares now, with the values that the proxy holds now, stands for what was last applied.
Where the old state can still be read, it is believed in all that the proxy cannot tell.

    live                        old state      becomes
    our stamp, or recorded      its record     that record, as a refresh would leave it, under the live alias
    our stamp                   no record      ready: the declared attributes as the proxy holds them
    our stamp, retired alias    no record      retired: deleted once its successor is live and its own end has come
    our stamp, same alias       any            a problem, save for the key that was made first
    our stamp, no alias         any            a problem
    nothing                     ready          dropped
    nothing                     pending, gone  kept, where no live key bears the alias: the next plan settles it
    our stamp with its id       pending, and   kept as it is: the proxy made the value, and only a plan can tell whether
                                no token       anybody has it
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from vkstate.abridged import abridged
from vkstate.attributes import ALWAYS_SENSITIVE, EXPIRY_PATHS, UNSET, Kind, Sensitive, Value, attribute_of
from vkstate.canonical import same, seal
from vkstate.differences import came_later, is_protected
from vkstate.expiry import format_instant
from vkstate.identity import adopted_id
from vkstate.keys import (
    Alias,
    DesiredKey,
    Live,
    LiveKey,
    Origin,
    Recorded,
    RecordedKey,
    Retired,
    Status,
    Token,
    natural_order,
    retired_alias,
)
from vkstate.plan import Problem
from vkstate.refresh import refresh
from vkstate.shown import live_value
from vkstate.unchanged import live_expiry

_NAMED: Final = 3
_MOST_NAMED: Final = 5
_MAY_HOLD_SECRETS: Final = ALWAYS_SENSITIVE | {"router_settings"}
"""Of a key that the config does not declare, nobody can say what of these was sensitive."""


@dataclass(frozen=True)
class Rebuilt:
    """The records of a rebuilt state, and what must be said with them.

    ``problems`` are the keys of our lineage that could not be recorded: they live on, and no plan speaks of them.
    ``remarks`` are full sentences.
    """

    records: Mapping[Alias, RecordedKey]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A lineage that keys on the proxy carry: of how many, the first aliases among them, and when one was last made."""

    lineage: str
    keys: int
    aliases: tuple[str, ...]
    newest: datetime | None


def candidates(rows: Iterable[LiveKey]) -> tuple[Candidate, ...]:
    """Every lineage on the proxy, that of most keys first."""
    by_lineage: defaultdict[str, list[LiveKey]] = defaultdict(list)
    for row in rows:
        if row.stamp is not None:
            by_lineage[row.stamp.lineage].append(row)
    found = [_candidate(lineage, keys) for lineage, keys in by_lineage.items()]
    return tuple(sorted(found, key=lambda one: (-one.keys, one.lineage)))


def _candidate(lineage: str, rows: Sequence[LiveKey]) -> Candidate:
    aliases = sorted((row.alias for row in rows if row.alias), key=natural_order)
    newest = max((row.created_at for row in rows if row.created_at), default=None)
    return Candidate(lineage, len(rows), tuple(aliases[:_NAMED]), newest)


def rebuilt(
    lineage: str,
    rows: Iterable[LiveKey],
    desired: Mapping[Alias, DesiredKey],
    before: Mapping[Alias, RecordedKey] | None,
) -> Rebuilt:
    """The records of a lineage, from the keys of the proxy.

    :param rows: must hold every key that is :func:`ours`, as it is read by its token; others do not count.
    :param before: the records of the old state, where that can be read and is of the same lineage; else None.
    """
    return _Rebuilding(lineage, desired, before).rebuilt(ours(rows, lineage, before))


def ours(rows: Iterable[LiveKey], lineage: str, before: Mapping[Alias, RecordedKey] | None) -> tuple[LiveKey, ...]:
    """The keys of a lineage: those that carry it, and those that are recorded and carry no other."""
    recorded = {record.token for record in (before or {}).values()}
    return tuple(row for row in rows if (row.stamp.lineage == lineage if row.stamp else row.token in recorded))


@dataclass
class _Rebuilding:
    lineage: str
    desired: Mapping[Alias, DesiredKey]
    before: Mapping[Alias, RecordedKey] | None
    problems: list[Problem] = field(default_factory=list)
    unread: defaultdict[str, list[Alias]] = field(default_factory=lambda: defaultdict(list))
    """By path, the keys of which nobody can tell what the proxy holds there."""

    def rebuilt(self, rows: Sequence[LiveKey]) -> Rebuilt:
        known = self._known(rows)
        records = {alias: self._record(alias, row, known.get(row.token)) for alias, row in self._chosen(rows).items()}
        live = {record.token for record in records.values()}
        unsettled = [record for record in self._old.values() if record.status is not Status.READY]
        waiting = [record for record in unsettled if record.token is None or record.token not in live]
        for record in waiting:
            records.setdefault(record.alias, record)
        return Rebuilt(
            {alias: records[alias] for alias in sorted(records, key=natural_order)},
            tuple(self.problems),
            (*self._say_unread(), *self._say_forgotten(), *_say_waiting(waiting, records)),
        )

    @property
    def _old(self) -> Mapping[Alias, RecordedKey]:
        return self.before or {}

    def _known(self, rows: Sequence[LiveKey]) -> dict[Token, RecordedKey]:
        """The old records of keys that are live, by token, as a refresh would leave them."""
        plan = refresh(Recorded(self.lineage, self._old), Live(tuple(rows), len(rows)), {})
        return {
            change.live.token: change.becomes or change.recorded
            for change in plan.changes
            if change.live is not None and change.recorded is not None
        }

    def _chosen(self, rows: Sequence[LiveKey]) -> dict[Alias, LiveKey]:
        """The one key that is recorded under each alias; what is left over is a problem."""
        groups: defaultdict[Alias, list[LiveKey]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.token):
            if row.alias:
                groups[Alias(row.alias)].append(row)
            else:
                self._refuse(
                    row,
                    f"{_told(row)} carries this lineage and has no alias.",
                    "delete it in LiteLLM, or give it an alias there; then rebuild again",
                )
        chosen: dict[Alias, LiveKey] = {}
        for alias in sorted(groups, key=natural_order):
            group = groups[alias]
            first = chosen[alias] = next(row for row in group if not came_later(row, group))
            for row in group:
                if row is not first:
                    self._refuse(
                        row,
                        f"More than one key of this lineage bears the alias {alias}. {_told(first)} came first and is "
                        f"recorded. {_told(row)} is not.",
                        "delete the one that came later in LiteLLM, or give it another alias there; then rebuild again",
                    )
        return chosen

    def _refuse(self, row: LiveKey, detail: str, hint: str) -> None:
        alias = Alias(row.alias) if row.alias else None
        self.problems.append(Problem(detail, hint, alias, row.stamp.member if row.stamp else None))

    def _record(self, alias: Alias, row: LiveKey, known: RecordedKey | None) -> RecordedKey:
        want, namesake = self.desired.get(alias), self._old.get(alias)
        if known is None and namesake and _made_by_the_proxy(namesake, row):
            return namesake
        old = known or namesake
        protected = is_protected(want, old) if want else old is not None and old.prevent_destroy
        retired = known.retired if known and known.alias == alias else None
        if retired is None and want is None:
            retired = _retired(alias, row)
        if known is not None:
            return replace(known, alias=alias, prevent_destroy=protected, retired=retired)
        return RecordedKey(
            alias=alias,
            status=Status.READY,
            id=adopted_id(row, self.lineage) or row.token[:16],
            token=row.token,
            origin=Origin.CREATED,
            applied=self._declared_as_live(want, row) if want else _shown(row, self.lineage),
            member=row.stamp.member if row.stamp else None,
            created_at=row.created_at,
            expires_at=row.expires_at,
            prevent_destroy=protected,
            retired=retired,
        )

    def _declared_as_live(self, want: DesiredKey, row: LiveKey) -> dict[str, Value]:
        """The declared attributes as the proxy holds them; what cannot be read back is taken as applied."""
        applied = live_expiry(row, want.declared)
        for path in want.declared.keys() - EXPIRY_PATHS:
            declared, current = want.declared[path], live_value(row, path)
            if isinstance(declared, Sensitive) or current is None:
                applied[path] = seal(self.lineage, declared)
                self.unread[path].append(want.alias)
            elif (value := current.beside(declared)) is not UNSET:
                applied[path] = value
        return applied

    def _say_unread(self) -> Iterator[str]:
        for path, aliases in sorted(self.unread.items()):
            yield (
                f"What the config says of {path} is recorded as applied: it cannot be compared with what the proxy "
                f"holds. This concerns {_named(aliases)}."
            )

    def _say_forgotten(self) -> Iterator[str]:
        if self.before is None:
            yield (
                "Only the old state knew which keys are protected where the config does not say so "
                "(lifecycle.prevent_destroy), and which were left missing (on_missing): none is now."
            )


def _made_by_the_proxy(record: RecordedKey, row: LiveKey) -> bool:
    """Whether a key is what an old record without a token waits for."""
    waits = record.status is Status.PENDING and record.token is None
    return waits and row.stamp is not None and row.stamp.id == record.id


def _retired(alias: Alias, row: LiveKey) -> Retired | None:
    """Whose place a key has left, as its alias says."""
    successor = Alias(alias.removesuffix(retired_alias(Alias(""), row.token)))
    return Retired(successor, row.expires_at) if successor not in ("", alias) else None


def _shown(row: LiveKey, lineage: str) -> dict[str, Value]:
    """What stands for the declared attributes of a key that the config does not know: all that the proxy shows, as far
    as it can have been declared, and cleared again.

    Open objects, such as metadata, are left out: which of their keys were ours, nobody can say. So is a budget with a
    soft limit: LiteLLM makes one of its own for that (1.72 to 1.105).
    """
    applied = live_expiry(row, {})
    budget = {"budget_id", "soft_budget"}
    left_out = budget if all(row.attributes.get(path) is not None for path in budget) else set()
    for path, value in row.attributes.items():
        attribute = attribute_of(path)
        if attribute is None or attribute.kind is Kind.OPEN or not attribute.updatable or path in left_out:
            continue
        if not same(value, attribute.empty):
            applied[path] = seal(lineage, Sensitive(value)) if path in _MAY_HOLD_SECRETS else value
    return applied


def _told(row: LiveKey) -> str:
    made = f" (created {format_instant(row.created_at)})" if row.created_at else ""
    return f"The key with the token {row.token[:8]}…{made}"


def _say_waiting(waiting: Iterable[RecordedKey], records: Mapping[Alias, RecordedKey]) -> Iterator[str]:
    kept = [record.alias for record in waiting if records[record.alias] is record]
    dropped = [record.alias for record in waiting if records[record.alias] is not record]
    if kept:
        yield f"What is pending or gone stays so, for the next plan to settle: {_named(kept)}."
    if dropped:
        yield f"What was pending or gone gives way to the live key that bears its alias: {_named(dropped)}."


def _named(aliases: Collection[Alias]) -> str:
    return abridged(sorted(aliases, key=natural_order), _MOST_NAMED)
