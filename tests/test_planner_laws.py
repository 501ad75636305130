"""What holds for every plan, whatever was desired, recorded and live."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import (
    CREATED,
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    desired,
    id_of,
    live,
    pending,
    planned,
    recorded,
    token_of,
)
from vkstate.keys import DesiredKey, LiveKey, RecordedKey, Status, natural_order
from vkstate.plan import Action, Plan

ALIASES = ["a", "b", "user2", "user10"]


@dataclass(frozen=True)
class Scene:
    wanted: tuple[DesiredKey, ...]
    records: tuple[RecordedKey, ...]
    rows: tuple[LiveKey, ...]
    values: tuple[str, ...]

    def plan(self) -> Plan:
        return planned(self.wanted, self.records, self.rows, values=self.values, now=NOW)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Keys that are wanted, recorded and live in every combination, under their own aliases and those of others."""
    wanted = [
        desired(alias, max_budget=draw(st.sampled_from([5, 50])), prevent_destroy=draw(st.booleans()))
        for alias in ALIASES
        if draw(st.booleans())
    ]
    records: list[RecordedKey] = []
    for alias in ALIASES:
        kind = draw(st.sampled_from(["none", "ready", "pending", "no token"]))
        if kind == "ready":
            records.append(recorded(alias, prevent_destroy=draw(st.booleans())))
        elif kind != "none":
            since = draw(st.sampled_from([NOW, CREATED, None]))
            records.append(pending(alias, no_token=kind == "no token", since=since))
    names = [*ALIASES, *(f"other {alias}" for alias in ALIASES), "extra"]
    rows = [
        live(
            draw(st.sampled_from([*ALIASES, None])),
            name=name,
            lineage=draw(st.sampled_from([LINEAGE, LINEAGE, FOREIGN_LINEAGE, None])),
            key_id=draw(st.sampled_from([*map(id_of, ALIASES), "0" * 16])),
            created_at=draw(st.sampled_from([CREATED, NOW, None])),
            created_by=name,
        )
        for name in names
        if draw(st.booleans())
    ]
    return Scene(tuple(wanted), tuple(records), tuple(rows), tuple(draw(st.sets(st.sampled_from(names)))))


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_means_nothing(scene: Scene, dice: random.Random) -> None:
    wanted, records, rows = list(scene.wanted), list(scene.records), list(scene.rows)
    dice.shuffle(wanted)
    dice.shuffle(records)
    dice.shuffle(rows)
    assert Scene(tuple(wanted), tuple(records), tuple(rows), scene.values).plan() == scene.plan()


@given(scenes())
def test_every_alias_that_is_wanted_or_recorded_has_one_change_or_a_problem(scene: Scene) -> None:
    plan = scene.plan()
    changed = [change.alias for change in plan.changes]
    assert changed == sorted(set(changed), key=natural_order)
    blamed = {problem.alias for problem in plan.problems}
    assert {*changed} | blamed == {key.alias for key in scene.wanted} | {key.alias for key in scene.records}


@given(scenes())
def test_only_what_is_ours_is_touched(scene: Scene) -> None:
    """By its recorded token; or adopted, as of our lineage; or by the stamp of a create that was never confirmed."""
    known = set(map(token_of, scene.values))
    for change in scene.plan().changes:
        if change.live is None:
            continue
        have, row = change.recorded, change.live
        if have and have.token == row.token:
            continue
        assert row.stamp is not None
        assert row.stamp.lineage == LINEAGE
        if change.action is Action.ADOPT:
            assert row.token in known
        else:
            assert change.action in (Action.REPLACE, Action.DELETE)
            assert have is not None
            assert (have.status, have.id) == (Status.PENDING, row.stamp.id)


@given(scenes())
def test_no_live_key_is_in_two_changes(scene: Scene) -> None:
    tokens = [change.live.token for change in scene.plan().changes if change.live]
    assert len(tokens) == len(set(tokens))


@given(scenes())
def test_what_was_protected_is_never_deleted(scene: Scene) -> None:
    wanted = {key.alias for key in scene.wanted}
    for change in scene.plan().of(Action.DELETE, Action.REPLACE):
        assert change.recorded is not None
        assert not change.recorded.prevent_destroy or change.alias in wanted


@given(scenes())
def test_unmanaged_keys_are_those_that_no_change_and_no_record_is_about(scene: Scene) -> None:
    plan = scene.plan()
    ours = {record.token for record in scene.records} | {change.live.token for change in plan.changes if change.live}
    assert plan.unmanaged == sum(row.token not in ours for row in scene.rows)


@given(scenes())
def test_an_action_has_what_it_needs(scene: Scene) -> None:
    for change in scene.plan().changes:
        match change.action:
            case Action.CREATE:
                assert change.desired
                assert change.live is None
            case Action.UPDATE:
                assert change.desired
                assert change.recorded
                assert change.live
                assert change.diffs
            case Action.ADOPT:
                assert change.desired
                assert change.live
            case Action.REPLACE:
                assert change.desired
                assert change.recorded
                assert change.live
            case Action.DELETE:
                assert change.recorded
                assert change.live
            case Action.FORGET:
                assert change.desired is None
                assert change.live is None
            case Action.NO_OP:
                assert change.diffs == ()
                assert not change.needs_request
