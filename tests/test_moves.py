"""Keys that go on under another alias, with the same value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from tests.factories import (
    CREATED,
    LINEAGE,
    NOW,
    aside,
    desired,
    foreign,
    gone,
    id_of,
    live,
    participant,
    pending,
    planned,
    recorded,
    retired,
)
from vkstate.attributes import UNSET
from vkstate.keys import Alias, DesiredKey, LiveKey, Member, OnMissing, RecordedKey, Stamp, Status, retired_alias
from vkstate.moves import Moved, resolve
from vkstate.options import Move, Options
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Problem, Reason
from vkstate.safety import refuse_vain
from vkstate.targets import Selection, restrict

PLACE = "vkstate.yaml:30:3"


def moves(*pairs: str) -> tuple[Move, ...]:
    """``a>b``: from a to b."""
    sides = (pair.split(">") for pair in pairs)
    return tuple(Move(source, target, PLACE) for source, target in sides)


def asking(*pairs: str, replace: Sequence[str] = ()) -> Options:
    return Options(moves=moves(*pairs), replace=tuple(replace))


def found(
    asked: Sequence[Move], wanted: Iterable[str | DesiredKey], have: Iterable[str | RecordedKey]
) -> tuple[dict[str, str], list[tuple[str | None, str]]]:
    """The new alias by the old one, and what stands in the way of others."""
    keys = [desired(key) if isinstance(key, str) else key for key in wanted]
    records = [recorded(key) if isinstance(key, str) else key for key in have]
    result = resolve(asked, {key.alias: key for key in keys}, {key.alias: key for key in records})
    moved = {str(old): str(new) for new, old in result.sources.items()}
    return moved, [(problem.alias, problem.detail) for problem in result.problems]


def member(number: int, workshop: str, alias: str | None = None) -> DesiredKey:
    return desired(alias or f"{workshop}-user{number}", member=participant(number, workshop))


def known_member(number: int, workshop: str) -> RecordedKey:
    return recorded(f"{workshop}-user{number}", member=participant(number, workshop))


# -- which keys move ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wanted", "have", "expected"),
    [
        ((), ["b"], ["a"], {}),
        (("a>b",), ["b"], ["a"], {"a": "b"}),
        (("a>b",), ["b"], ["b"], {}),
        (("a>b",), ["b"], [], {}),
        (("a>b",), ["a", "b"], ["a"], {}),
        (("a>b", "b>c"), ["c"], ["a"], {"a": "c"}),
        (("b>c", "a>b"), ["c"], ["a"], {"a": "c"}),
        (("a>b", "b>c"), ["c"], ["b"], {"b": "c"}),
        (("a>b", "b>c", "c>d"), ["d"], ["a"], {"a": "d"}),
        (("a>b", "x>y"), ["b", "y"], ["a", "x"], {"a": "b", "x": "y"}),
        (("a>b",), [], ["a"], {}),
    ],
    ids=["none", "one", "moved", "new", "declared still", "chain", "backwards", "end", "long", "two", "destroy"],
)
def test_which_keys_move(
    asked: Sequence[str], wanted: Sequence[str], have: Sequence[str], expected: dict[str, str]
) -> None:
    assert found(moves(*asked), wanted, have) == (expected, [])


def test_a_workshop_moves_member_by_member() -> None:
    have = [known_member(1, "old"), known_member(2, "old"), known_member(3, "old"), known_member(1, "other")]
    wanted = [member(1, "new"), member(2, "new", "by-another-name"), member(4, "new"), member(1, "other")]
    moved, problems = found(moves("workshop:old>workshop:new"), wanted, have)
    assert (moved, problems) == ({"old-user1": "new-user1", "old-user2": "by-another-name"}, [])


def test_a_workshop_that_moves_twice_comes_to_the_last() -> None:
    asked = moves("workshop:one>workshop:two", "workshop:two>workshop:three")
    wanted = [member(1, "three"), member(2, "three")]
    assert found(asked, wanted, [known_member(1, "one"), known_member(2, "two")]) == (
        {"one-user1": "three-user1", "two-user2": "three-user2"},
        [],
    )


def test_a_member_whose_alias_stays_is_only_recorded_in_its_new_workshop() -> None:
    wanted = [member(1, "new", "same")]
    have = [recorded("same", member=participant(1, "old"))]
    assert found(moves("workshop:old>workshop:new"), wanted, have) == ({}, [])


def test_a_key_of_its_own_entry_moves_out_of_a_workshop_that_moves() -> None:
    asked = moves("workshop:old>workshop:new", "old-user1>single")
    assert found(asked, ["single", member(1, "new")], [known_member(1, "old")]) == ({"old-user1": "single"}, [])


def test_retired_keys_do_not_move() -> None:
    have = [known_member(1, "old"), retired("old-user1", "before", member=participant(1, "old"))]
    assert found(moves("workshop:old>workshop:new"), [member(1, "new")], have) == ({"old-user1": "new-user1"}, [])


def test_what_is_not_declared_is_no_place_to_move_to() -> None:
    assert found(moves("a>b"), ["x"], ["a"]) == (
        {},
        [("a", f"{PLACE}: a cannot move to b, which no key of the config declares.")],
    )
    assert found(moves("a>b", "b>c"), ["b"], ["a"]) == (
        {},
        [("a", f"{PLACE}: a cannot move to c, which no key of the config declares.")],
    )


def test_a_workshop_that_is_not_declared_is_no_place_to_move_to() -> None:
    have = [known_member(2, "old"), known_member(1, "old")]
    assert found(moves("workshop:old>workshop:nwe"), [member(1, "new")], have) == (
        {},
        [
            ("old-user1", f"{PLACE}: old-user1 cannot move to workshop:nwe, which no key of the config declares."),
            ("old-user2", f"{PLACE}: old-user2 cannot move to workshop:nwe, which no key of the config declares."),
        ],
    )


def test_two_keys_cannot_move_to_one_place() -> None:
    assert found(moves("a>c", "b>c"), ["c"], ["b", "a"]) == (
        {},
        [
            ("a", f"{PLACE}: a cannot move to c: 2 keys are to move there."),
            ("b", f"{PLACE}: b cannot move to c: 2 keys are to move there."),
            ("c", "c: 2 keys are to move there, and one key can."),
        ],
    )


def test_a_place_that_is_recorded_is_taken() -> None:
    there = f"{PLACE}: a cannot move to b: the state records a key there already."
    assert found(moves("a>b"), ["b"], ["a", "b"]) == ({}, [("a", there)])
    several = [
        (alias, f"{PLACE}: {alias} cannot move to c: the state records a key there already.") for alias in ("a", "b")
    ]
    assert found(moves("a>c", "b>c"), ["c"], ["a", "b", "c"]) == ({}, several)


def test_what_becomes_of_an_alias() -> None:
    moved = Moved({Alias("b"): Alias("a")})
    assert [moved.new_alias(Alias(alias)) for alias in ("a", "b", "c")] == ["b", "b", "c"]


# -- what is planned for them ------------------------------------------------------------------------------------------

WANT = desired("b")
HAVE = recorded("a")
THERE = live("a")
MOVING = asking("a>b")


def only(plan: Plan) -> Change:
    assert plan.problems == ()
    [change] = plan.changes
    return change


def renamed(before: str | None, *, already_live: bool = False) -> AttributeDiff:
    return AttributeDiff("key_alias", before, "b", Cause.MOVED, already_live)


def test_a_move_is_a_rename() -> None:
    change = only(planned([WANT], [HAVE], [THERE], options=MOVING))
    assert change == Change(Alias("b"), Action.UPDATE, Reason.MOVED, WANT, HAVE, THERE, (renamed("a"),))
    assert (change.needs_request, change.recorded_as, change.names) == (True, "a", ("b", "a"))


def test_whatever_else_differs_is_put_right_with_it() -> None:
    want = desired("b", max_budget=5, member=participant(1))
    change = only(planned([want], [HAVE], [THERE], options=MOVING))
    assert [(diff.path, diff.cause) for diff in change.diffs] == [
        ("key_alias", Cause.MOVED),
        ("max_budget", Cause.CONFIG),
        ("workshop", Cause.MOVED),
    ]


def test_what_has_moved_on_the_proxy_already_is_only_recorded() -> None:
    change = only(planned([WANT], [HAVE], [live("b", name="a", key_id=id_of("a"))], options=MOVING))
    assert (change.action, change.diffs) == (Action.UPDATE, (renamed("a", already_live=True),))
    assert not change.needs_request


@pytest.mark.parametrize("elsewhere", ["x", None])
def test_a_key_that_somebody_renamed_moves_from_there(elsewhere: str | None) -> None:
    row = live(elsewhere, name="a", key_id=id_of("a"))
    assert only(planned([WANT], [HAVE], [row], options=MOVING)).diffs == (renamed(elsewhere),)


@pytest.mark.parametrize("have", [HAVE, pending("a")], ids=["ready", "pending"])
def test_a_place_that_is_taken_on_the_proxy_is_a_problem(have: RecordedKey) -> None:
    result = planned([WANT], [have], [THERE, foreign("b")], options=MOVING)
    assert result.changes == ()
    assert result.problems == (
        Problem(
            "a cannot move to b: a key (created by alice, user_id a@example.com) bears that alias on the proxy.",
            "rename or delete the other key in LiteLLM, or leave this one out: --exclude b",
            Alias("b"),
        ),
    )


def test_a_key_that_moves_and_is_gone_is_made_anew_under_its_new_alias() -> None:
    change = only(planned([WANT], [HAVE], [], options=MOVING))
    assert (change.alias, change.action, change.reason, change.recorded) == ("b", Action.CREATE, Reason.MISSING, HAVE)


def test_a_key_that_moves_and_is_left_missing_is_remembered_under_its_new_alias() -> None:
    want = desired("b", on_missing=OnMissing.FORGET)
    for have in (HAVE, gone("a")):
        change = only(planned([want], [have], [], options=MOVING))
        assert (change.action, change.reason) == (Action.FORGET, Reason.LEFT_MISSING)
        assert change.becomes is not None
        assert (change.becomes.alias, change.becomes.status, change.becomes.token) == ("b", Status.GONE, have.token)
        assert only(planned([want], [change.becomes], [], options=MOVING)).action is Action.NO_OP


def test_a_key_that_moves_and_may_not_be_missing_is_a_problem() -> None:
    [problem] = planned([desired("b", on_missing=OnMissing.ERROR)], [HAVE], [], options=MOVING).problems
    assert problem.detail.startswith("vkstate.yaml:12:3: somebody else deleted b on the proxy")


def test_an_interrupted_create_goes_on_under_its_new_alias() -> None:
    change = only(planned([WANT], [pending("a")], [], options=MOVING))
    assert (change.alias, change.action, change.reason) == ("b", Action.CREATE, Reason.NEVER_SENT)
    change = only(planned([WANT], [pending("a")], [THERE], options=MOVING))
    assert (change.alias, change.action, change.reason) == ("b", Action.ADOPT, Reason.INTERRUPTED)
    assert change.diffs == (renamed("a"),)


def test_what_the_proxy_made_under_the_old_alias_is_found_there() -> None:
    row = live("a", name="made by the proxy")
    have = pending("a", no_token=True)
    change = only(planned([WANT], [have], [row], options=MOVING))
    assert (change.action, change.reason, change.live) == (Action.REPLACE, Reason.INTERRUPTED, row)
    change = only(planned([WANT], [have], [row], values=["made by the proxy"], options=MOVING))
    assert (change.action, change.reason, change.diffs) == (Action.ADOPT, Reason.INTERRUPTED, (renamed("a"),))
    [problem] = planned([WANT], [have], [row, foreign("b")], options=MOVING).problems
    assert problem.detail.startswith("a cannot move to b: a key (created by alice")


def test_a_key_that_moves_may_be_replaced_with_it() -> None:
    change = only(planned([WANT], [HAVE], [THERE], options=asking("a>b", replace=["b"])))
    assert (change.alias, change.action, change.recorded, change.live) == ("b", Action.REPLACE, HAVE, THERE)
    assert change.retires is not None
    assert change.retires.alias == retired_alias(Alias("b"), THERE.token)
    assert change.retires.retired is not None
    assert change.retires.retired.successor == "b"
    plan = planned([WANT], [HAVE], [THERE], options=asking("a>b", replace=["a"]))
    assert only(plan).action is Action.UPDATE
    [problem] = refuse_vain(plan, replaces=("a",), renews=()).problems
    assert (problem.alias, problem.detail) == ("b", "--replace can do nothing about a: its new alias is b.")
    assert problem.hint == "--replace b"


def test_a_place_that_two_would_move_to_is_not_filled_by_a_third() -> None:
    have, rows = [recorded("a"), recorded("b")], [live("a"), live("b")]
    result = planned([desired("c")], have, rows, options=asking("a>c", "b>c"))
    assert result.changes == ()
    assert [problem.alias for problem in result.problems] == ["a", "b", "c"]
    assert restrict(result, Selection(targets=("c",))).problems != ()


def test_what_cannot_move_is_not_deleted_either() -> None:
    result = planned([desired("x")], [HAVE], [THERE], options=MOVING)
    assert [(change.alias, change.action) for change in result.changes] == [("x", Action.CREATE)]
    assert [problem.alias for problem in result.problems] == ["a"]


def test_destroy_takes_no_notice_of_moves() -> None:
    for options in (MOVING, asking("workshop:w>workshop:v")):
        have, row = recorded("a", member=participant(1)), live("a", member=participant(1))
        result = planned([], [have], [row], options=options)
        assert [(change.alias, change.action) for change in result.changes] == [("a", Action.DELETE)]
        assert result.problems == ()


def test_a_workshop_that_moves_takes_its_mark_along() -> None:
    old, new = participant(1, "old"), participant(1, "new")
    row = live("old-user1", member=old)
    change = only(
        planned(
            [desired("new-user1", member=new)],
            [recorded("old-user1", member=old)],
            [row],
            options=asking("workshop:old>workshop:new"),
        )
    )
    assert change.diffs == (
        AttributeDiff("key_alias", "old-user1", "new-user1", Cause.MOVED),
        AttributeDiff("workshop", "old/user1", "new/user1", Cause.MOVED),
    )


def test_targets_name_a_moved_key_by_either_alias() -> None:
    plan = planned([WANT], [HAVE], [THERE], options=MOVING)
    for selection in (Selection(targets=("a",)), Selection(targets=("b",)), Selection(excludes=("c",))):
        assert restrict(plan, selection).changes == plan.changes
    for selection in (Selection(excludes=("a",)), Selection(excludes=("b",)), Selection(targets=("c",))):
        assert (restrict(plan, selection).changes, restrict(plan, selection).left_out) == ((), ("b",))


# -- and for what they replaced ----------------------------------------------------------------------------------------

LATER = NOW + timedelta(hours=1)
OLD = retired("a", "old", until=LATER)
OLD_ROW = aside("a", "old", expires_at=LATER)


def test_a_retired_key_follows_the_key_that_took_its_place() -> None:
    plan = planned([WANT], [HAVE, OLD], [THERE, OLD_ROW], options=MOVING)
    follower, mover = plan.changes
    assert (follower.alias, follower.action, follower.reason) == (OLD.alias, Action.UPDATE, Reason.MOVED)
    assert (follower.needs_request, follower.diffs, follower.recorded) == (False, (), OLD)
    assert follower.becomes is not None
    assert follower.becomes.retired is not None
    assert (follower.becomes.alias, follower.becomes.retired.successor) == (OLD.alias, "b")
    assert mover.reason is Reason.MOVED
    for target in ("a", "b"):
        assert restrict(plan, Selection(targets=(target,))).changes == plan.changes
        assert restrict(plan, Selection(excludes=(target,))).changes == ()


def test_the_retired_key_of_a_member_comes_to_the_new_workshop_as_well() -> None:
    old, new = participant(1, "old"), participant(1, "new")
    plan = planned(
        [desired("new-user1", member=new)],
        [recorded("old-user1", member=old), retired("old-user1", "before", until=LATER, member=old)],
        [live("old-user1", member=old), aside("old-user1", "before", member=old, expires_at=LATER)],
        options=asking("workshop:old>workshop:new"),
    )
    assert [change.reason for change in plan.changes] == [Reason.MOVED, Reason.MOVED]
    assert [change.member for change in plan.changes] == [new, new]
    assert restrict(plan, Selection(targets=("workshop:new",))).changes == plan.changes


def test_a_retired_key_whose_time_is_over_goes_while_its_successor_moves() -> None:
    plan = planned([WANT], [HAVE, retired("a", "old")], [THERE, aside("a", "old")], options=MOVING)
    assert [(change.action, change.reason) for change in plan.changes] == [
        (Action.DELETE, Reason.RETIRED),
        (Action.UPDATE, Reason.MOVED),
    ]


def test_a_retired_key_that_was_moved_waits_for_a_successor_that_was_not() -> None:
    """As a run leaves it that records the one, and cannot rename the other."""
    waiting = retired("b", "old")
    row = aside("b", "old")
    plan = planned([WANT], [HAVE, waiting], [THERE, row], options=MOVING)
    assert [(change.action, change.reason) for change in plan.changes] == [
        (Action.UPDATE, Reason.MOVED),
        (Action.NO_OP, Reason.RETIRING),
    ]


def test_a_replacement_that_was_begun_goes_on_under_the_new_alias() -> None:
    half, row = retired("a", "old"), aside("a", "old", under="a")
    plan = planned([WANT], [pending("a"), half], [row], options=MOVING)
    [follower, change] = plan.changes
    assert (follower.action, follower.reason) == (Action.UPDATE, Reason.MOVED)
    assert (change.alias, change.action, change.reason, change.live) == (
        "b",
        Action.REPLACE,
        Reason.INTERRUPTED,
        row,
    )
    assert change.retires == follower.becomes


def test_the_stamp_of_what_moved_keeps_its_id() -> None:
    row: LiveKey = live("b", name="a", key_id=id_of("a"), created_at=CREATED)
    assert row.stamp == Stamp(LINEAGE, id_of("a"))
    change = only(planned([desired("b", member=Member("w", "x"))], [HAVE], [row], options=MOVING))
    assert change.diffs == (
        renamed("a", already_live=True),
        AttributeDiff("workshop", UNSET, "w/x", Cause.MOVED),
    )


# -- what follows the alias --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("a", "b", Cause.MOVED),
        ("a", "someone@example.com", Cause.CONFIG),
        ("someone@example.com", "b", Cause.CONFIG),
    ],
)
def test_a_user_id_that_is_the_alias_moves_with_it(before: str, after: str, cause: Cause) -> None:
    change = only(
        planned(
            [desired("b", user_id=after)], [recorded("a", user_id=before)], [live("a", user_id=before)], options=MOVING
        )
    )
    assert [(diff.path, diff.cause) for diff in change.diffs] == [("key_alias", Cause.MOVED), ("user_id", cause)]


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("user1@old.example.com", "user1@new.example.com", Cause.MOVED),
        ("user1@old.example.com", "user1@example.com", Cause.CONFIG),
    ],
)
def test_a_user_id_that_holds_the_workshop_moves_with_it(before: str, after: str, cause: Cause) -> None:
    old, new = participant(1, "old"), participant(1, "new")
    have = recorded("old-user1", member=old, user_id=before)
    row = live("old-user1", member=old, user_id=before)
    want = desired("new-user1", member=new, user_id=after)
    change = only(planned([want], [have], [row], options=asking("workshop:old>workshop:new")))
    assert {diff.path: diff.cause for diff in change.diffs}["user_id"] is cause


@pytest.mark.parametrize(
    ("workshop", "after", "cause"),
    [
        ("w", "zoe@w.example.com", Cause.MOVED),
        ("v", "zoe@v.example.com", Cause.MOVED),
        ("w", "zoe@example.com", Cause.CONFIG),
    ],
)
def test_a_user_id_that_holds_the_member_moves_with_it(workshop: str, after: str, cause: Cause) -> None:
    """As that of a spare which is given to somebody."""
    spare, before = Member("w", "spare1"), "spare1@w.example.com"
    have = recorded("w-spare1", member=spare, user_id=before)
    row = live("w-spare1", member=spare, user_id=before)
    want = desired(f"{workshop}-zoe", member=Member(workshop, "zoe"), user_id=after)
    change = only(planned([want], [have], [row], options=asking(f"w-spare1>{workshop}-zoe")))
    assert {diff.path: diff.cause for diff in change.diffs}["user_id"] is cause
