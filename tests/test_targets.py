"""What ``--target`` and ``--exclude`` leave of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import NOW, desired, foreign, live, participant, planned, recorded
from vkstate.keys import Alias, Member
from vkstate.plan import Caution
from vkstate.targets import Selection, matches, restrict, unmatched

SLASHED = Member("org/event", "alice")


@pytest.mark.parametrize(
    ("target", "alias", "member", "expected"),
    [
        ("a", "a", None, True),
        ("a", "ab", None, False),
        ("a*", "ab", None, True),
        ("A*", "ab", None, False),
        ("w-user?", "w-user1", None, True),
        ("w-user[12]", "w-user3", None, False),
        ("*", "", None, True),
        ("workshop:w", "w-user1", participant(1), True),
        ("workshop:w", "w", None, False),
        ("workshop:*", "w-user1", participant(1), True),
        ("workshop:w", "w-user1", participant(1, "ww"), False),
        ("workshop:w/user1", "w-user1", participant(1), True),
        ("workshop:w/user1", "w-user10", participant(10), False),
        ("workshop:w/user1*", "w-user10", participant(10), True),
        ("workshop:w/", "w-user10", participant(10), True),
        ("workshop:*/user1", "w-user1", participant(1), True),
        ("workshop:org/event", "x", SLASHED, True),
        ("workshop:org/event/alice", "x", SLASHED, True),
        ("workshop:org/event/bob", "x", SLASHED, False),
        ("workshop:org/alice", "x", SLASHED, False),
        ("workshop:org", "x", SLASHED, False),
    ],
)
def test_what_a_target_names(target: str, alias: str, member: Member | None, expected: bool) -> None:
    assert matches(target, Alias(alias), member) is expected


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), ["a", "w-user1", "w-user2"]),
        (Selection(targets=("a", "w-user1")), ["a", "w-user1"]),
        (Selection(targets=("workshop:w",)), ["w-user1", "w-user2"]),
        (Selection(excludes=("workshop:w/user2",)), ["a", "w-user1"]),
        (Selection(targets=("workshop:w",), excludes=("*1",)), ["w-user2"]),
        (Selection(targets=("zzz",)), []),
    ],
)
def test_what_is_selected(selection: Selection, expected: list[str]) -> None:
    keys = [("a", None), ("w-user1", participant(1)), ("w-user2", participant(2))]
    assert [alias for alias, member in keys if selection.selects(Alias(alias), member)] == expected
    assert bool(selection) is (selection != Selection())


def test_a_plan_without_a_selection_stays_whole() -> None:
    plan = planned([desired("a")])
    assert restrict(plan, Selection()) is plan


def test_a_restricted_plan_names_what_it_leaves_out() -> None:
    members = {number: participant(number) for number in (1, 2, 10)}
    new = [desired(f"w-user{number}", member=members[number]) for number in (2, 10)]
    plan = planned(
        [desired("same"), desired("taken"), *new],
        [recorded("same"), recorded("w-user1", member=members[1])],
        [live("same"), foreign("taken"), live("w-user1", member=members[1])],
    )
    assert [problem.alias for problem in plan.problems] == ["taken"]
    assert plan.unmanaged == 1

    only = restrict(plan, Selection(targets=("workshop:w/user1",)))
    assert [change.alias for change in only.changes] == ["w-user1"]
    assert (only.problems, only.left_out) == ((), ("taken", "w-user2", "w-user10"))
    assert dict(only.counts) == {only.changes[0].action: 1}
    assert only.unmanaged == 1

    without = restrict(plan, Selection(excludes=("workshop:w",)))
    assert [change.alias for change in without.changes] == ["same"]
    assert (without.problems, without.left_out) == (plan.problems, ("w-user1", "w-user2", "w-user10"))

    assert restrict(plan, Selection(excludes=("taken",))).left_out == ("taken",)
    assert restrict(plan, Selection(excludes=("same",))).left_out == ()


def test_a_deleted_key_is_selected_by_the_workshop_that_it_was_in() -> None:
    plan = planned([], [recorded("x", member=participant(1))], [live("x")])
    assert len(restrict(plan, Selection(targets=("workshop:w",))).changes) == 1


def test_a_moved_key_is_selected_by_the_workshop_that_it_comes_to() -> None:
    plan = planned([desired("x", member=participant(1, "new"))], [recorded("x", member=participant(1))], [live("x")])
    assert len(restrict(plan, Selection(targets=("workshop:new",))).changes) == 1
    assert restrict(plan, Selection(targets=("workshop:w",))).changes == ()


def test_targets_that_name_nothing() -> None:
    keys = [(Alias("a"), None), (Alias("w-user1"), participant(1))]
    selection = Selection(targets=("a", "b", "workshop:w"), excludes=("workshop:v", "*"))
    assert unmatched(selection, keys) == ("b", "workshop:v")
    assert unmatched(Selection(), keys) == ()


def test_a_warning_is_about_the_keys_that_are_left() -> None:
    aliases = tuple(map(Alias, ("a", "b", "c")))
    plan = planned(map(desired, aliases))
    said, whole = Caution("here: ", aliases, "."), Caution("all is lost.")
    left = restrict(replace(plan, warnings=(said, whole)), Selection(excludes=("b",)))
    assert left.warnings == (replace(said, aliases=(aliases[0], aliases[2])), whole)
    assert restrict(replace(plan, warnings=(Caution("x ", aliases[:1]),)), Selection(excludes=("a",))).warnings == ()


def test_a_key_that_is_left_out_is_not_warned_of() -> None:
    have, rows = (
        [recorded("a", expires_at=NOW), recorded("b", expires_at=NOW)],
        [
            live("a", expires_at=NOW),
            live("b", expires_at=NOW),
        ],
    )
    plan = restrict(planned(map(desired, "ab"), have, rows), Selection(targets=("b",)))
    assert [warning.aliases for warning in plan.warnings] == [("b",)]
