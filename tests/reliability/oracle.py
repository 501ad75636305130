"""What a plan must say: the truth table of the planner's docstring, told once more from the files and rows themselves.

Written apart from ``vkstate.planner``, over plain JSON, and only for what the machine's configs can say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.reliability.model import (
    EXPIRY,
    UNSAID,
    Config,
    Declared,
    Json,
    Record,
    Row,
    Want,
    World,
    applied_of,
    born,
    end_of,
    ends,
    instant,
    mark_of,
    matches,
    member_of,
    value_at,
)

SLACK: Final = timedelta(seconds=60)
SAME: Final = timedelta(seconds=2)
UNSETTLED: Final = timedelta(minutes=10)

PROBLEMS: Final = {
    "protected": r"this plan would delete \S+, which lifecycle.prevent_destroy protects",
    "protected value": r"--replace would end the value of \S+, which lifecycle.prevent_destroy protects",
    "past": r"would end at .*, which has passed",
    "renamed here": r"is borne by the key that the state records as (?P<other>\S+): it was renamed",
    "renamed away": r"somebody renamed \S+ to \S+ outside vkstate, and another key bears its alias",
    "target taken": r"cannot move to \S+: .* bears that alias on the proxy",
    "state behind": r"this project has made \S+ on the proxy, and this state does not know that",
    "not ours": r"exists on the proxy and is not ours",
    "other project's": r"cannot be imported: the key carries the mark of another vkstate project",
    "several": r"cannot be imported: \d+ keys bear that alias",
    "nothing to import": r"cannot be imported: no key bears that alias",
    "replaced outside": r"somebody replaced \S+ outside vkstate",
    "in vain": r"--(replace|renew) can do nothing about \S+: ",
    "missing": r"somebody else deleted \S+ on the proxy",
    "undeclared": r"cannot move to \S+, which no key of the config declares",
    "crowded": (
        r"(cannot move to \S+: (\d+ keys are to move there|the state records a key there already)|, and one key can)"
    ),
    "empty": r"the config yields no keys at all",
}
"""Every problem of a plan, by what is said of it."""


def kind_of(sentence: str) -> str:
    """Which problem a sentence tells of."""
    return next((kind for kind, words in PROBLEMS.items() if re.search(words, sentence)), f"unknown: {sentence}")


@dataclass(frozen=True)
class Wish:
    """What a plan is asked for: ``apply``, ``destroy`` or ``refresh``, and its options."""

    mode: str = "apply"
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    grace: str | None = None
    renews: tuple[str, ...] = ()
    adopts: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """On the command line."""
        pairs = (
            ("--target", self.targets),
            ("--exclude", self.excludes),
            ("--replace", self.replaces),
            ("--renew", self.renews),
        )
        words = [word for option, names in pairs for name in names for word in (option, name)]
        words += ["--grace", self.grace] if self.grace else []
        return (*words, *(["--adopt-replaced"] if self.adopts else []))

    def selects(self, names: Collection[str], member: tuple[str, str] | None) -> bool:
        """Whether a key that goes by these names is part of the run."""

        def named(targets: Collection[str]) -> bool:
            return any(matches(target, name, member) for target in targets for name in names)

        return (not self.targets or named(self.targets)) and not named(self.excludes)


@dataclass(frozen=True)
class Fate:
    """What becomes of one alias.

    ``had`` is its record and ``row`` its live key, as they are; ``becomes`` the record that takes the place of ``had``
    where nothing else changes; ``aside`` the alias and the end that the old key of a replacement gets. ``expiry`` is
    how the key's end moves: not at all, as ``declared`` says, or ``back`` to the recorded instant.
    """

    alias: str
    action: str
    want: Want | None = None
    had: str | None = None
    row: Row | None = None
    becomes: Record | None = None
    aside: tuple[str, datetime | None] | None = None
    expiry: str | None = None
    hindered: bool = False
    """Whether the proxy will refuse it: another key bears an alias that this one is to have."""
    released: bool = False
    """Whether the key lives on as nobody's."""

    @property
    def names(self) -> set[str]:
        """The aliases that it is about."""
        aside = {self.aside[0]} if self.aside else set()
        return {self.alias, *aside, *({self.had} if self.had else ())}


@dataclass(frozen=True)
class Expected:
    """What a plan must be: fates by alias, no-ops left out, and problems as kind and alias."""

    fates: Mapping[str, Fate] = field(default_factory=dict)
    problems: frozenset[tuple[str, str | None]] = frozenset()

    @property
    def told(self) -> dict[str, str]:
        """Alias and action, as a plan tells them."""
        return {alias: fate.action for alias, fate in self.fates.items()}


def expected(config: Config, world: World, wish: Wish, now: datetime) -> Expected:
    """What the plan for a wish must be."""
    if wish.mode == "refresh":
        return _selected(_refreshed(config, world), frozenset(), wish, world, config)
    wants = {} if wish.mode == "destroy" else config.wants
    plan = Oracle(wants, config, world, wish, now)
    fates = {fate.alias: fate for alias in plan.aliases for fate in [plan.decide(alias)] if fate}
    problems = plan.problems | (plan.vain(fates) if wish.mode == "apply" else set())
    if not wants and wish.mode == "apply":
        lets_go = any(not destroy for _, destroy in config.removed)
        if not lets_go or any(fate.action == "delete" for fate in fates.values()):
            fates = {alias: fate for alias, fate in fates.items() if fate.action not in ("delete", "forget")}
            problems.add(("empty", None))
    return _selected(fates, problems, wish, world, config)


def _selected(
    fates: Mapping[str, Fate], problems: Collection[tuple[str, str | None]], wish: Wish, world: World, config: Config
) -> Expected:
    wants = config.wants if wish.mode == "apply" else {}

    def member(alias: str) -> tuple[str, str] | None:
        if alias in wants:
            return wants[alias].member
        return member_of(world.records[alias]) if alias in world.records else None

    def names(fate: Fate) -> set[str]:
        records = [record for record in (world.records.get(fate.had or ""), fate.becomes) if record]
        aside = {record["retired"]["successor"] for record in records if "retired" in record}
        return {fate.alias, *({fate.had} if fate.had else ()), *aside}

    def whose(fate: Fate) -> tuple[str, str] | None:
        if fate.want:
            return fate.want.member
        record = fate.becomes or world.records.get(fate.had or "")
        return member_of(record) if record else None

    kept = {alias: fate for alias, fate in fates.items() if wish.selects(names(fate), whose(fate))}
    left = frozenset((kind, alias) for kind, alias in problems if alias is None or wish.selects({alias}, member(alias)))
    return Expected(kept, left)


class Oracle:
    """One plan. ``problems`` fill while it decides; ``whole`` is the world, where the plan is about a part of it."""

    def __init__(
        self,
        wants: Mapping[str, Want],
        config: Config,
        world: World,
        wish: Wish,
        now: datetime,
        whole: World | None = None,
    ) -> None:
        self.wants, self.config, self.world, self.wish, self.now = wants, config, world, wish, now
        self.problems: set[tuple[str, str | None]] = set()
        self.sources: dict[str, str] = {}
        if wants:
            self._resolve_moves()
        stuck = {alias for _, alias in self.problems}
        self.aliases = sorted({*wants, *world.records} - {*self.sources.values(), *stuck})
        recorded = (whole or world).records
        self.owners = {record["token"]: alias for alias, record in recorded.items() if "token" in record}

    def _resolve_moves(self) -> None:
        following = dict(self.config.moved)
        by_user = {want.member: alias for alias, want in self.wants.items() if want.member}
        leads: dict[str, str] = {}
        for alias, record in self.world.records.items():
            if alias in self.wants or "retired" in record:
                continue
            member = member_of(record)
            if alias in following:
                target = _end(alias, following)
                if target in self.wants:
                    leads[alias] = target
                else:
                    self.problems.add(("undeclared", alias))
            elif member and f"workshop:{member[0]}" in following:
                workshop = _end(f"workshop:{member[0]}", following).removeprefix("workshop:")
                if workshop not in {known[0] for known in by_user}:
                    self.problems.add(("undeclared", alias))
                elif (workshop, member[1]) in by_user:
                    leads[alias] = by_user[workshop, member[1]]
        counts = Counter(leads.values())
        crowded = {target for target in counts if counts[target] > 1 or target in self.world.records}
        self.problems |= {("crowded", source) for source, target in leads.items() if target in crowded}
        self.problems |= {("crowded", target) for target in crowded if target not in self.world.records}
        self.sources = {target: source for source, target in leads.items() if target not in crowded}

    def moved(self, alias: str) -> str:
        """What a recorded key is called after the moves."""
        return next((target for target, source in self.sources.items() if source == alias), alias)

    def decide(self, alias: str) -> Fate | None:
        """What becomes of an alias; None where nothing does, or where there is a problem."""
        want = self.wants.get(alias)
        had = self.sources.get(alias, alias)
        record = self.world.records.get(had)
        mine = self.world.live(record) if record else None
        others = [row for row in self.world.bearing(alias) if row is not mine]
        if want is None:
            return self._undesired(alias, record, mine, others) if record else None
        others = [row for row in others if not self._makes_way(row, alias)]
        if mine is None and any(row["token"] in self.owners for row in others):
            return self._problem("renamed here", alias)
        if record is None:
            return self._new(want, None, None, others)
        if mine:
            return self._existing(want, had, record, mine, others)
        if record["status"] == "pending":
            if any(self.world.is_ours(row) for row in others):
                return self._problem("state behind", alias)
            return self._new(want, had, record, others, named=bool(others))
        return self._lost(want, had, record, others)

    def vain(self, fates: Mapping[str, Fate]) -> set[tuple[str, str | None]]:
        """What is asked of keys that are not there, or not wanted, by targets that name no others."""
        stuck = {alias for _, alias in self.problems} - fates.keys()
        found: set[tuple[str, str | None]] = set()
        for target in (*self.wish.replaces, *self.wish.renews):
            named = [alias for alias in self.aliases if alias not in stuck and self._is_named(alias, target)]
            if not any(self._is_meant(alias, target, fates.get(alias)) for alias in named):
                found |= {("in vain", alias) for alias in named}
        return found

    def _is_named(self, alias: str, target: str) -> bool:
        had, want = self.sources.get(alias, alias), self.wants.get(alias)
        member = want.member if want else member_of(self.world.records[had])
        return matches(target, alias, member) or matches(target, had, member)

    def _is_meant(self, alias: str, target: str, fate: Fate | None) -> bool:
        want, record = self.wants.get(alias), self.world.records.get(self.sources.get(alias, alias))
        row = fate.row if fate else self.world.live(record) if record else None
        stays = row is not None or (fate is not None and fate.action == "create")
        return want is not None and stays and matches(target, alias, want.member)

    def _problem(self, kind: str, alias: str) -> Fate | None:
        """Note a problem: nothing becomes of that key."""
        self.problems.add((kind, alias))
        return None

    def _undesired(self, alias: str, record: Record, mine: Row | None, others: list[Row]) -> Fate | None:
        if mine is None:
            young = record["status"] == "pending" and self.now - instant(record["pending_since"]) < UNSETTLED
            return None if young else Fate(alias, "forget", had=alias)
        if "retired" in record and not self._leaves_with(record["retired"]["successor"]):
            return self._retired(alias, record, mine)
        if self._lives_on(alias, record):
            return Fate(alias, "forget", had=alias, row=mine if self.world.is_ours(mine) else None, released=True)
        if record.get("prevent_destroy"):
            return self._problem("protected", alias)
        return Fate(alias, "delete", had=alias, row=mine)

    def _lives_on(self, alias: str, record: Record) -> bool:
        named = (destroy for target, destroy in self.config.removed if matches(target, alias, member_of(record)))
        return next(named, True) is False

    def _leaves_with(self, successor: str) -> bool:
        record = self.world.records.get(successor)
        if not self.wants:
            return True
        return record is not None and self.moved(successor) not in self.wants and not self._lives_on(successor, record)

    def _retired(self, alias: str, record: Record, mine: Row) -> Fate | None:
        successor = record["retired"]["successor"]
        after = self.moved(successor)
        owner = self.world.records.get(successor)
        if owner is None:
            taken = after not in self.wants
        else:
            row = self.world.live(owner)
            alone = row is not None and len(self.world.bearing(row["key_alias"])) == 1
            taken = owner["status"] == "gone" if row is None else owner["status"] == "ready" or alone
        fate = self.decide(after) if after in self.wants and after in self.aliases else None
        found = owner is not None and self.world.live(owner) is not None
        stays_away = fate is not None and fate.action == "forget" and fate.becomes is not None
        adopted = fate is not None and fate.action == "adopt" and not found
        taken = taken or self._is_outlived(mine, after) or adopted or stays_away
        taken = taken and not (fate and fate.action == "replace" and fate.row and fate.row["token"] == mine["token"])
        limit = _limit(record)
        if taken and (limit is None or limit <= self.now):
            return Fate(alias, "delete", had=alias, row=mine)
        if after != successor:
            return Fate(alias, "update", had=alias, becomes=_following(record, after, self.wants[after]))
        if taken and limit and not ends_by(mine, limit):
            return Fate(alias, "update", had=alias, row=mine, aside=(alias, limit), expiry="cut short")
        return None

    def _is_outlived(self, row: Row, successor: str) -> bool:
        """Whether a key that was made later has been retired in favour of the same key."""
        asides = [
            record for record in self.world.records.values() if "retired" in record and "pending_since" not in record
        ]
        later = [self.world.live(one) for one in asides if self.moved(one["retired"]["successor"]) == successor]
        return any(one["created_at"] > row["created_at"] for one in later if one)

    def _makes_way(self, row: Row, alias: str) -> bool:
        record = self.world.records.get(self.owners.get(row["token"], ""))
        return record is not None and "retired" in record and self.moved(record["retired"]["successor"]) == alias

    def _new(
        self, want: Want, had: str | None, record: Record | None, others: list[Row], *, named: bool = True
    ) -> Fate | None:
        asked = any(matches(target, want.alias, want.member) for target in self.config.imports)
        if not others:
            if asked and named:
                return self._problem("nothing to import", want.alias)
            return self._create(want, had, record)
        if len(others) == 1 and self.world.is_ours(others[0]):
            if asked or others[0]["token"] in self.world.values:
                return self._adopt(want, had, None, others[0])
            return self._problem("state behind", want.alias)
        return self._import(want, had, others) if asked else self._problem("not ours", want.alias)

    def _import(self, want: Want, had: str | None, others: list[Row]) -> Fate | None:
        if len(others) > 1 or is_marked(others[0]):
            foreign = any(is_marked(row) and not self.world.is_ours(row) for row in others)
            return self._problem("other project's" if foreign else "several", want.alias)
        return self._adopt(want, had, None, others[0])

    def _existing(self, want: Want, had: str, record: Record, mine: Row, others: list[Row]) -> Fate | None:
        if others and mine["key_alias"] != want.alias:
            if all(self.world.is_ours(row) and row["token"] not in self.owners for row in others):
                return self._problem("state behind", want.alias)
            return self._problem("renamed away" if had == want.alias else "target taken", want.alias)
        if record["status"] == "pending":
            if any(_rank(other) < _rank(mine) for other in others):
                return Fate(want.alias, "delete", want, had, mine)
            return self._adopt(want, had, record, mine)
        if any(matches(target, want.alias, want.member) for target in self.wish.replaces):
            return self._replace(want, had, record, mine, others)
        expiry = self._moves_end(want, record, mine)
        changed = expiry is not None or differs(self.world, want, had, record, mine)
        return Fate(want.alias, "update", want, had, mine, expiry=expiry) if changed else None

    def _replace(self, want: Want, had: str, record: Record, mine: Row, others: list[Row]) -> Fate | None:
        if protected(want, record):
            return self._problem("protected value", want.alias)
        self._refuse_past(want)
        end = self.now + timedelta(hours=int(self.wish.grace[:-1])) if self.wish.grace else None
        if end and (own := ends(mine)) and own <= end:  # grace lengthens no life
            end = own if own > self.now else None
        aside = f"{want.alias}.retired-{mine['token'][:8]}"
        hindered = bool(others)
        return Fate(want.alias, "replace", want, had, mine, aside=(aside, end), hindered=hindered)

    def _lost(self, want: Want, had: str, record: Record, others: list[Row]) -> Fate | None:
        if others:
            if len(others) == 1 and self.world.is_ours(others[0]):
                return self._problem("state behind", want.alias)
            return (
                self._import(want, had, others) if self.wish.adopts else self._problem("replaced outside", want.alias)
            )
        match want.missing:
            case "recreate":
                return self._create(want, had, record)
            case "error":
                return self._problem("missing", want.alias)
            case _:
                stays = record["status"] == "gone" and had == want.alias
                return None if stays else Fate(want.alias, "forget", had=had, becomes={**record, "status": "gone"})

    def _create(self, want: Want, had: str | None, record: Record | None) -> Fate:
        self._refuse_past(want)
        found = [
            (
                row["key_alias"] != want.alias,
                self._is_outlived(row, want.alias),
                -(limit or datetime.max.replace(tzinfo=UTC)).timestamp(),
                row["token"],
                alias,
            )
            for alias, aside in self.world.records.items()
            if "retired" in aside and self.moved(aside["retired"]["successor"]) == want.alias
            for row in [self.world.live(aside)]
            if row
            for limit in [_limit(aside)]
        ]
        begun = record is not None and record["status"] == "pending"
        if found:
            bears_another, *_, alias = min(found)
            limit, row = _limit(self.world.records[alias]), self.world.live(self.world.records[alias])
            over = limit is None or limit <= self.now
            if begun or not bears_another or over or (row and limit and not ends_by(row, limit)):
                return Fate(want.alias, "replace", want, had, row, aside=(alias, None if over else limit))
        return Fate(want.alias, "create", want, had)

    def _adopt(self, want: Want, had: str | None, record: Record | None, row: Row) -> Fate:
        return Fate(want.alias, "adopt", want, had, row, expiry=self._moves_end(want, record, row))

    def _moves_end(self, want: Want, record: Record | None, row: Row) -> str | None:
        """Whether the key's end moves, on the proxy or only in the record (``recorded``)."""
        renewed = any(matches(target, want.alias, want.member) for target in self.wish.renews)
        applied = applied_of(record) if record else {}
        wanted, known = _expiry(want.declared), _expiry(applied)
        there = _ends_so(row, want.declared, fresh=known is not None)
        how = None
        if renewed and record:
            stays = (there and "duration" not in want.declared) or (want.declared.get("duration") == "never" and there)
            if not (stays and wanted == known and _same(recorded_end(record), ends(row))):
                how = "recorded" if stays else "declared"
        elif wanted != known:
            how = "recorded" if there else "declared"
        elif record and record["status"] == "pending":
            how = None if _near(ends(row), end_of(want.declared, born(row)), SLACK) else "declared"
        elif record and not _same(recorded_end(record), ends(row)):
            how = "back"
        if renewed or how == "declared":
            self._refuse_past(want)
        return how

    def _refuse_past(self, want: Want) -> None:
        if "expires_at" in want.declared and instant(want.declared["expires_at"]) <= self.now:
            self.problems.add(("past", want.alias))


def _refreshed(config: Config, world: World) -> dict[str, Fate]:
    """What ``refresh`` accepts."""
    fates: dict[str, Fate] = {}
    wants = config.wants
    for alias, record in world.records.items():
        if not world.live(record) and record["status"] == "ready":
            left = alias in wants and wants[alias].missing == "forget" and not world.bearing(alias)
            fates[alias] = Fate(alias, "forget", had=alias, becomes={**record, "status": "gone"} if left else None)
    kept = world.records.keys() - {alias for alias, fate in fates.items() if fate.becomes is None}
    for alias, record in world.records.items():
        row = world.live(record)
        if row and (becomes := _accepted(config, world, alias, record, row, kept)):
            fates[alias] = Fate(alias, "update", had=alias, becomes=becomes)
    return fates


def _accepted(
    config: Config, world: World, alias: str, record: Record, row: Row, kept: Collection[str]
) -> Record | None:
    """The record that accepts its key as it is; None where it says so already. ``alias`` in it is the new one."""
    applied = applied_of(record)
    seen = {path: value_at(row, path) for path in applied if path not in EXPIRY}
    values = {path: value for path, value in seen.items() if value != UNSAID}
    moved = record["status"] == "ready" and not _same(recorded_end(record), ends(row))
    name = row["key_alias"]
    follows = name in config.wants and alias not in config.wants and "retired" not in record
    follows = follows and len(world.bearing(name)) == 1 and name not in kept
    told = {path: value for path, value in applied.items() if path not in EXPIRY} != values
    if not (told or moved or follows) and record["status"] == "ready":
        return None
    expiry = {path: value for path, value in applied.items() if path in EXPIRY}
    if moved and expiry and not (expiry.get("duration", "never") != "never" and ends(row)):
        expiry = {"expires_at": "?"} if ends(row) else {"duration": "never"}
    return {**record, "status": "ready", "alias": name if follows else alias, "applied": {**values, **expiry}}


def differs(world: World, want: Want, had: str, record: Record, row: Row) -> bool:
    """Whether a key or its record is other than desired, its end apart."""
    applied, desired = applied_of(record), dict(want.declared)
    paths = (applied.keys() | desired.keys()) - EXPIRY
    changed = any(
        want.says(path)
        and (applied.get(path, UNSAID) != desired.get(path, UNSAID) or not _holds(row, path, desired.get(path, UNSAID)))
        for path in paths
    )
    mark = {"lineage": world.lineage, "id": record["id"]}
    mark |= {"workshop": want.member[0], "user": want.member[1]} if want.member else {}
    return bool(
        changed
        or had != want.alias
        or row["key_alias"] != want.alias
        or mark_of(row) != mark
        or member_of(record) != want.member
        or bool(record.get("prevent_destroy")) != protected(want, record)
        or record["status"] != "ready"
    )


def _holds(row: Row, path: str, value: Json) -> bool:
    return bool(value == UNSAID or value_at(row, path) == value)


def protected(want: Want, record: Record | None) -> bool:
    """Whether a key may not be deleted."""
    return want.protect if want.protect is not None else bool(record and record.get("prevent_destroy"))


def is_marked(row: Row) -> bool:
    """Whether a key carries the mark of any project."""
    mark = mark_of(row)
    return isinstance(mark.get("lineage"), str) and isinstance(mark.get("id"), str)


def ends_by(row: Row, limit: datetime) -> bool:
    """Whether a key ends at an instant or before."""
    end = ends(row)
    return end is not None and end - limit <= SLACK


def _following(record: Record, successor: str, want: Want) -> Record:
    rest = {name: value for name, value in record.items() if name not in ("workshop", "user")}
    member = {"workshop": want.member[0], "user": want.member[1]} if want.member else {}
    return {**rest, **member, "retired": {**record["retired"], "successor": successor}}


def _end(source: str, following: Mapping[str, str]) -> str:
    while source in following:
        source = following[source]
    return source


def _limit(record: Record) -> datetime | None:
    return instant(record["retired"]["delete_after"]) if "delete_after" in record["retired"] else None


def _rank(row: Row) -> tuple[int, str]:
    return row["created_at"], row["token"]


def _expiry(declared: Declared) -> tuple[str, Json] | None:
    return next(((path, declared[path]) for path in ("expires_at", "duration") if path in declared), None)


def recorded_end(record: Record) -> datetime | None:
    """When a key ends, as it is recorded."""
    return instant(record["expires_at"]) if "expires_at" in record else None


def _ends_so(row: Row, declared: Declared, *, fresh: bool) -> bool:
    """Whether a key ends as declared already. A duration that was another one before never does."""
    if declared.get("duration", "never") != "never":
        return not fresh and _near(ends(row), end_of(declared, born(row)), SLACK)
    return _same(ends(row), end_of(declared, born(row)))


def _same(one: datetime | None, other: datetime | None) -> bool:
    return _near(one, other, SAME)


def _near(one: datetime | None, other: datetime | None, slack: timedelta) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= slack


def _narrowed(world: World, aliases: Collection[str]) -> World:
    """The same, with only some records."""
    return replace(world, records={alias: record for alias, record in world.records.items() if alias in aliases})


def expected_move(config: Config, world: World, source: str, target: str, now: datetime) -> Expected | None:
    """What ``state mv`` must do; None where it must refuse without a plan."""
    wants, records = config.wants, world.records
    if source == target:
        return None
    if source.startswith("workshop:"):
        sources = Oracle(wants, Config(moved=((source, target),)), world, Wish(), now).sources if wants else {}
    else:
        named = source in records and target not in records and "retired" not in records[source]
        sources = {target: source} if named else {}
    if not sources or source.startswith("workshop:") != target.startswith("workshop:"):
        return None
    moving = {new: _as_recorded(new, records[old], wants.get(new)) for new, old in sources.items()}
    retired = {
        alias for alias, record in records.items() if record.get("retired", {}).get("successor") in sources.values()
    }
    some = _narrowed(world, {*sources.values(), *retired})
    plan = Oracle(moving, Config(moved=((source, target),)), some, Wish(), now, world)
    fates: dict[str, Fate] = {}
    for alias in plan.aliases:
        fate = plan.decide(alias)
        if fate and (alias in moving or fate.becomes):
            fates[alias] = _only_moved(fate, records)
    return Expected(fates, frozenset(plan.problems))


def _as_recorded(alias: str, record: Record, want: Want | None) -> Want:
    """A key desired as it is recorded, of which nothing is compared but its alias and its mark."""
    applied = applied_of(record)
    return Want(alias, applied, want.member if want else member_of(record), ignored=frozenset(applied))


def _only_moved(fate: Fate, records: Mapping[str, Record]) -> Fate:
    """A fate without what a move does not do: of a key that is not there only the record gets another name."""
    if fate.action in ("update", "adopt"):
        return replace(fate, expiry=None)
    becomes = {**records[fate.had or ""], "alias": fate.alias}
    return Fate(fate.alias, "update", had=fate.had, becomes=becomes)


def expected_release(world: World, target: str, now: datetime) -> Expected | None:
    """What ``state rm`` must do; None where it must refuse without a plan."""
    chosen = [alias for alias, record in world.records.items() if matches(target, alias, member_of(record))]
    if not chosen:
        return None
    plan = Oracle({}, Config(removed=tuple((alias, False) for alias in chosen)), _narrowed(world, chosen), Wish(), now)
    fates = {fate.alias: fate for alias in plan.aliases for fate in [plan.decide(alias)] if fate}
    return Expected(fates, frozenset(plan.problems))


def rebuilt(world: World, *, lost: bool) -> tuple[dict[str, str | None] | None, list[Row]]:
    """What ``state rebuild`` must record: tokens by alias, None where there is nothing; and the keys left over.

    :param lost: whether the old state is gone.
    """
    records = {} if lost else world.records
    known = {record.get("token") for record in records.values()}
    mine = [row for row in world.rows.values() if (world.is_ours(row) if is_marked(row) else row["token"] in known)]
    chosen: dict[str, str | None] = {}
    left: list[Row] = []
    for row in sorted(mine, key=_rank):
        if row["key_alias"] in chosen:
            left.append(row)
        else:
            chosen[row["key_alias"]] = row["token"]
    for alias, record in records.items():
        if record["status"] != "ready" and record.get("token") not in chosen.values():
            chosen.setdefault(alias, record.get("token"))
    return (chosen if mine else None), left
