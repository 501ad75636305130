"""What holds for every plan, whatever was desired, recorded and live, and whatever was asked for besides."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import (
    CREATED,
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    aside,
    desired,
    gone,
    id_of,
    live,
    participant,
    pending,
    planned,
    recorded,
    retired,
    token_of,
)
from vkstate.keys import Alias, DesiredKey, Live, LiveKey, OnMissing, Recorded, RecordedKey, Status, natural_order
from vkstate.moves import resolve
from vkstate.options import NO_OPTIONS, Move, Options, Removed
from vkstate.plan import Action, Cause, Change, Plan, Reason
from vkstate.refresh import refresh
from vkstate.targets import Selection, restrict

ALIASES = ["a", "b", "user2", "user10"]
MEMBERS = {"user2": participant(2), "user10": participant(10)}
OTHERS = {"a": participant(10, "v"), "b": participant(2, "v")}
"""Whose keys they may be instead, once their workshop has moved."""
OLD = {alias: f"old {alias}" for alias in ALIASES}
"""What seeds the value that a key had before it was replaced."""
TARGETS = ["a", "b", "user*", "*", "workshop:w", "workshop:w/user2", "*.retired-*"]
ENDS = [None, NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1)]


@dataclass(frozen=True)
class Scene:
    wanted: tuple[DesiredKey, ...]
    records: tuple[RecordedKey, ...]
    rows: tuple[LiveKey, ...]
    values: tuple[str, ...]
    options: Options = field(default=NO_OPTIONS)

    def plan(self) -> Plan:
        return planned(self.wanted, self.records, self.rows, values=self.values, now=NOW, options=self.options)

    @property
    def desired(self) -> Mapping[Alias, DesiredKey]:
        return {key.alias: key for key in self.wanted}

    @property
    def recorded(self) -> Mapping[Alias, RecordedKey]:
        return {key.alias: key for key in self.records}

    def refreshed(self) -> Plan:
        return refresh(Recorded(LINEAGE, self.recorded), Live(self.rows, len(self.rows)), self.desired)


PAIRS = [("a", "b"), ("b", "user2"), ("a", "user10"), ("user2", "user10"), ("x", "a"), ("workshop:w", "workshop:v")]
WISHES = list(
    itertools.product(
        [5, 50],
        ["none", "own", "other"],
        [None, True, False],
        [OnMissing.RECREATE, OnMissing.RECREATE, OnMissing.FORGET, OnMissing.ERROR],
        [(), ("duration",)],
    )
)
"""Budget, membership, protection, what becomes of a missing key, and what is ignored."""
KINDS = ["ready", "ready", "gone", "pending", "no token"]
RECORDS = list(
    itertools.product(
        ["ready", "ready", "gone", "pending", "no token"], [False, True], [NOW, CREATED, None], [False, True]
    )
)
"""Kind, protection, since when it is pending, and whether it is a member."""
ROWS = list(
    itertools.product(
        [*ALIASES, None],
        [LINEAGE, LINEAGE, FOREIGN_LINEAGE, None],
        [*map(id_of, ALIASES), "0" * 16],
        [CREATED, NOW, None],
        [CREATED + timedelta(days=30), None, NOW - timedelta(days=1)],
        [50, 5],
    )
)
"""Alias, whose it is, the id that it carries, when it was made, when it ends, and its budget."""
PLACES = [None, None, *ALIASES[:2], "x"]
"""Which alias a retired key bears, None for its own."""
TWO = st.lists(st.sampled_from(TARGETS), max_size=2).map(tuple)
REMOVED = st.lists(st.sampled_from(list(itertools.product(TARGETS, [False, True]))), max_size=2)


@st.composite
def choices(draw: st.DrawFn) -> Options:
    """Whatever may be asked for; no alias is moved from twice, and none in a circle."""
    moved = dict(draw(st.lists(st.sampled_from(PAIRS), max_size=2)))
    return Options(
        replace=draw(TWO),
        grace=draw(st.sampled_from([None, timedelta(hours=2)])),
        renew=draw(TWO),
        imports=draw(TWO),
        moves=tuple(Move(source, target, "vkstate.yaml:30:3") for source, target in moved.items()),
        removed=tuple(Removed(target, destroy, "vkstate.yaml:40:3") for target, destroy in draw(REMOVED)),
        adopt_replaced=draw(st.booleans()),
    )


@st.composite
def scenes(draw: st.DrawFn, options: st.SearchStrategy[Options] = st.just(NO_OPTIONS)) -> Scene:  # noqa: B008
    """Keys that are wanted, recorded and live in every combination, under their own aliases and those of others."""
    wanted: list[DesiredKey] = []
    records: list[RecordedKey] = []
    rows: list[LiveKey] = []
    for alias in ALIASES:
        if wish := draw(st.none() | st.sampled_from(WISHES)):
            wanted.append(_wish(alias, *wish))
        if record := draw(st.none() | st.sampled_from(RECORDS)):
            records.append(_record(alias, *record))
        if old := draw(st.none() | st.sampled_from(list(itertools.product(ENDS, [False, True])))):
            member = MEMBERS.get(alias) if old[1] else None
            records.append(retired(alias, OLD[alias], until=old[0], member=member))
        if place := draw(st.none() | st.sampled_from(list(itertools.product(PLACES, ENDS)))):
            rows.append(aside(alias, OLD[alias], under=place[0], expires_at=place[1]))
    names = [*ALIASES, *(f"other {alias}" for alias in ALIASES[:3])]
    drawn = {name: draw(st.none() | st.sampled_from(ROWS)) for name in names}
    rows += [_row(name, *row) for name, row in drawn.items() if row]
    values = tuple(draw(st.sets(st.sampled_from(names))))
    return Scene(tuple(wanted), tuple(records), tuple(rows), values, draw(options))


def _wish(
    alias: str, budget: int, place: str, protected: bool | None, on_missing: OnMissing, ignored: tuple[str, ...]
) -> DesiredKey:
    members = {"none": None, "own": MEMBERS.get(alias), "other": OTHERS.get(alias)}
    return desired(
        alias,
        max_budget=budget,
        member=members[place],
        prevent_destroy=protected,
        on_missing=on_missing,
        ignore_changes=ignored,
    )


def _record(alias: str, kind: str, protected: bool, since: datetime | None, is_member: bool) -> RecordedKey:
    member = MEMBERS.get(alias) if is_member else None
    match kind:
        case "ready":
            return recorded(alias, prevent_destroy=protected, member=member)
        case "gone":
            return gone(alias, prevent_destroy=protected, member=member)
        case _:
            return pending(alias, no_token=kind == "no token", since=since, member=member, prevent_destroy=protected)


def _row(
    name: str,
    alias: str | None,
    lineage: str | None,
    key_id: str,
    created_at: datetime | None,
    expires_at: datetime | None,
    budget: int,
) -> LiveKey:
    return live(
        alias,
        name=name,
        lineage=lineage,
        key_id=key_id,
        created_at=created_at,
        expires_at=expires_at,
        created_by=name,
        max_budget=budget,
    )


ANY = scenes(choices())


@given(ANY, st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_means_nothing(scene: Scene, dice: random.Random) -> None:
    wanted, records, rows, moves = (
        list(scene.wanted),
        list(scene.records),
        list(scene.rows),
        list(scene.options.moves),
    )
    for items in (wanted, records, rows, moves):
        dice.shuffle(items)
    options = replace(scene.options, moves=tuple(moves))
    shuffled = Scene(tuple(wanted), tuple(records), tuple(rows), scene.values, options)
    assert shuffled.plan() == scene.plan()
    assert shuffled.refreshed() == scene.refreshed()


@given(ANY)
def test_every_alias_that_is_wanted_or_recorded_has_one_change_or_a_problem(scene: Scene) -> None:
    """A key that moves is one with what it becomes."""
    plan = scene.plan()
    changed = [change.alias for change in plan.changes]
    assert changed == sorted(set(changed), key=natural_order)
    blamed = {problem.alias for problem in plan.problems if problem.alias is not None}
    sources = resolve(scene.options.moves, scene.desired, scene.recorded).sources
    told = {*changed, *(change.recorded_as for change in plan.changes), *blamed}
    assert told | {sources[alias] for alias in blamed & sources.keys()} == {*scene.desired, *scene.recorded}


@given(ANY)
def test_no_record_is_in_two_changes(scene: Scene) -> None:
    sources = [change.recorded.alias for change in scene.plan().changes if change.recorded]
    assert len(sources) == len(set(sources))


@given(ANY)
def test_only_what_is_ours_is_touched(scene: Scene) -> None:
    """By its recorded token; or taken in, as of our lineage or because it was asked for; or by the stamp of a create
    that was never confirmed; or as a retired key that makes way.
    """
    known = set(map(token_of, scene.values))
    for change in scene.plan().changes:
        if change.live is None:
            continue
        have, row = change.recorded, change.live
        if (have and have.token == row.token) or (change.retires and change.retires.token == row.token):
            continue
        if change.reason in (Reason.IMPORTED, Reason.TAKEN):
            assert change.action is Action.ADOPT
            assert scene.options.imports or scene.options.adopt_replaced
            assert row.stamp is None
            continue
        assert row.stamp is not None
        assert row.stamp.lineage == LINEAGE
        if change.action is Action.ADOPT:
            assert row.token in known or scene.options.imports
        else:
            assert change.action in (Action.REPLACE, Action.DELETE, Action.FORGET)
            assert have is not None
            assert (have.status, have.id) == (Status.PENDING, row.stamp.id)


@given(ANY)
def test_nothing_of_somebody_elses_is_deleted_replaced_or_changed(scene: Scene) -> None:
    ours = {record.token for record in scene.records}
    for change in scene.plan().changes:
        if change.live is None or change.live.token in ours or change.action is Action.ADOPT:
            continue
        assert change.live.stamp is not None
        assert change.live.stamp.lineage == LINEAGE


@given(ANY)
def test_no_live_key_is_in_two_changes_that_touch_it(scene: Scene) -> None:
    """A retired key that makes way is in its own change too, which does nothing to it."""
    plan = scene.plan()
    tokens = [change.live.token for change in plan.changes if change.live and change.needs_request]
    assert len(tokens) == len(set(tokens))


@given(ANY)
def test_what_was_protected_is_never_deleted(scene: Scene) -> None:
    """Nor replaced, unless the config lifts the protection; a create that nobody knows the value of is withdrawn."""
    for change in scene.plan().of(Action.DELETE, Action.REPLACE):
        if change.reason in (Reason.LOST_RACE, Reason.INTERRUPTED, Reason.MISSING, Reason.NEW):
            continue
        assert change.recorded is not None
        lifted = change.desired is not None and change.desired.prevent_destroy is False
        assert not change.recorded.prevent_destroy or lifted


@given(ANY)
def test_a_value_is_replaced_only_where_that_was_asked_for_or_begun(scene: Scene) -> None:
    for change in scene.plan().of(Action.REPLACE):
        assert change.recorded is not None or change.retires is not None
        if change.reason is Reason.REPLACED:
            assert scene.options.replace
        elif change.retires is None:
            assert change.recorded is not None
            assert change.recorded.status is Status.PENDING
        else:
            assert change.recorded is None or change.recorded.token != change.retires.token


@given(ANY)
def test_unmanaged_keys_are_those_that_no_change_and_no_record_is_about(scene: Scene) -> None:
    plan = scene.plan()
    ours = {record.token for record in scene.records} | {change.live.token for change in plan.changes if change.live}
    assert plan.unmanaged == sum(row.token not in ours for row in scene.rows)


@given(ANY)
def test_an_action_has_what_it_needs(scene: Scene) -> None:
    for change in scene.plan().changes:
        _has_what_it_needs(change)


def _has_what_it_needs(change: Change) -> None:
    match change.action:
        case Action.CREATE:
            assert change.desired
            assert change.live is None
        case Action.UPDATE:
            assert change.recorded
            assert change.live
            if change.becomes is None:
                assert change.desired
                assert change.diffs or change.recorded.status is Status.GONE
            else:
                assert change.diffs == ()
        case Action.ADOPT:
            assert change.desired
            assert change.live
        case Action.REPLACE:
            assert change.desired
            assert change.live
            assert change.retires is None or change.retires.retired is not None
            assert change.retires is None or change.retires.token == change.live.token
        case Action.DELETE:
            assert change.recorded
            assert change.live
        case Action.FORGET:
            assert change.recorded
            assert (change.desired is None) is (change.becomes is None)
            assert change.live is None or change.reason is Reason.RELEASED
        case Action.NO_OP:
            assert change.diffs == ()
            assert not change.needs_request
    assert (change.retires is None) or change.action is Action.REPLACE
    if change.becomes is not None:
        assert not change.needs_request


@given(ANY)
def test_a_retired_key_is_deleted_only_when_nobody_needs_it(scene: Scene) -> None:
    """Another has its place, or will not have it; or both go."""
    plan = scene.plan()
    live_tokens = {row.token for row in scene.rows}
    for change in plan.of(Action.DELETE):
        assert change.recorded is not None
        if (old := change.recorded.retired) is None or change.reason is not Reason.RETIRED:
            continue
        assert old.delete_after is None or old.delete_after <= NOW
        successor = scene.recorded.get(old.successor)
        taken_in = {other.recorded_as for other in plan.of(Action.ADOPT) if other.reason is not Reason.INTERRUPTED}
        if old.successor in taken_in:
            continue
        if successor is None:
            assert old.successor not in scene.desired
        else:
            assert successor.token in live_tokens or successor.status is Status.GONE
            assert not any(other.recorded == successor for other in plan.of(Action.DELETE))


@given(ANY, st.lists(st.sampled_from(TARGETS), max_size=2), st.lists(st.sampled_from(TARGETS), max_size=2))
def test_targets_and_excludes_part_a_plan_in_two(scene: Scene, targets: list[str], excludes: list[str]) -> None:
    plan = scene.plan()
    part = restrict(plan, Selection(tuple(targets), tuple(excludes)))
    kept, left = [change.alias for change in part.changes], set(part.left_out)
    assert kept == [change.alias for change in plan.changes if change.alias in kept]
    assert left.isdisjoint(kept)
    assert {change.alias for change in plan.effective} <= left | set(kept)
    assert part.problems == tuple(problem for problem in plan.problems if problem in part.problems)
    if targets:
        without = restrict(plan, Selection((), tuple(targets)))
        only = restrict(plan, Selection(tuple(targets), ()))
        assert {change.alias for change in (*without.changes, *only.changes)} == {c.alias for c in plan.changes}
        assert not {change.alias for change in without.changes} & {change.alias for change in only.changes}


@given(ANY, st.sampled_from(TARGETS))
def test_a_retired_key_goes_where_its_successor_goes(scene: Scene, target: str) -> None:
    """By the successor's alias; by its new one as well, where both move."""
    plan = scene.plan()
    for selection in (Selection(targets=(target,)), Selection(excludes=(target,))):
        chosen = {change.alias for change in restrict(plan, selection).changes}
        for change in plan.changes:
            retired = change.recorded.retired if change.recorded else None
            if retired is None or target.startswith("workshop:") or target == "*.retired-*":
                continue
            successors = [other for other in plan.changes if retired.successor == other.recorded_as]
            for other in successors:
                if other.alias != other.recorded_as and change.becomes is None:
                    continue
                assert (change.alias in chosen) is (other.alias in chosen)


# -- refresh -----------------------------------------------------------------------------------------------------------


def after_refresh(scene: Scene) -> Scene:
    """What a refresh leaves behind."""
    records = dict(scene.recorded)
    for change in sorted(scene.refreshed().effective, key=lambda change: change.action is not Action.FORGET):
        del records[change.recorded_as]
        if change.becomes is not None:
            assert change.becomes.alias not in records
            records[change.becomes.alias] = change.becomes
    return replace(scene, records=tuple(records.values()))


@given(ANY)
def test_a_refresh_asks_nothing_of_the_proxy_and_loses_no_key(scene: Scene) -> None:
    plan = scene.refreshed()
    assert plan.problems == ()
    assert [change.alias for change in plan.changes] == sorted(scene.recorded, key=natural_order)
    assert not any(change.needs_request for change in plan.changes)
    tokens = {row.token for row in scene.rows}
    kept = {record.token for record in after_refresh(scene).records}
    assert {record.token for record in scene.records if record.token in tokens} <= kept


@given(ANY)
def test_a_second_refresh_finds_nothing(scene: Scene) -> None:
    assert after_refresh(scene).refreshed().effective == ()


@given(ANY)
def test_after_a_refresh_nothing_was_changed_outside_but_alias_and_mark(scene: Scene) -> None:
    """Those it cannot accept: an alias is where the state has a key, and the mark says that it is ours."""
    for change in after_refresh(scene).plan().changes:
        for diff in change.diffs:
            assert diff.cause is not Cause.OUTSIDE or diff.path in ("key_alias", "metadata.vkstate")


@given(scenes())
def test_a_refresh_leads_to_no_loss_that_was_not_due_anyway(scene: Scene) -> None:
    """No key is deleted because of what a refresh accepted, but a retired one whose place is taken by that."""
    before = {change.live.token for change in scene.plan().of(Action.DELETE) if change.live}
    after = after_refresh(scene).plan().of(Action.DELETE)
    assert {change.live.token for change in after if change.live and change.reason is not Reason.RETIRED} <= before
