"""Keys that left the config: deleted, or let go to live on as nobody's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.factories import (
    FOREIGN_LINEAGE,
    aside,
    desired,
    gone,
    live,
    participant,
    pending,
    planned,
    recorded,
    retired,
)
from vkstate.executor.orders import release_order
from vkstate.executor.ports import Sought, UpdateOrder
from vkstate.keys import Alias, LiveKey, RecordedKey
from vkstate.options import Options, Removed
from vkstate.plan import Action, Change, Plan, Reason

OTHER = desired("other")
MEMBER = participant(1)
HAVE = recorded("a", member=MEMBER)
THERE = live("a", member=MEMBER)


def removing(*entries: tuple[str, bool]) -> Options:
    return Options(removed=tuple(Removed(target, destroy, "vkstate.yaml:40:3") for target, destroy in entries))


LIVE_ON = removing(("a", False))


def of(plan: Plan, alias: str) -> Change:
    assert plan.problems == ()
    [change] = [change for change in plan.changes if change.alias == alias]
    return change


@pytest.mark.parametrize(
    ("entries", "released"),
    [
        ([], False),
        ([("a", False)], True),
        ([("a", True)], False),
        ([("*", False)], True),
        ([("workshop:w", False)], True),
        ([("workshop:w/user1", False)], True),
        ([("workshop:v", False)], False),
        ([("b", False)], False),
        ([("a", True), ("*", False)], False),
        ([("a", False), ("*", True)], True),
        ([("b", True), ("a", False)], True),
    ],
)
def test_the_first_entry_that_names_a_key_decides(entries: Sequence[tuple[str, bool]], released: bool) -> None:
    change = of(planned([OTHER], [HAVE], [THERE], options=removing(*entries)), "a")
    assert (change.action, change.reason) == (
        (Action.FORGET, Reason.RELEASED) if released else (Action.DELETE, Reason.NOT_DESIRED)
    )


def test_a_key_that_is_let_go_loses_our_mark_and_nothing_else() -> None:
    change = of(planned([OTHER], [HAVE], [THERE], options=LIVE_ON), "a")
    assert change == Change(Alias("a"), Action.FORGET, Reason.RELEASED, recorded=HAVE, live=THERE)
    assert change.needs_request
    order = release_order(change)
    assert order == UpdateOrder(Sought(THERE.token, HAVE.id, Alias("a")), None, {}, frozenset({"metadata.vkstate"}))


@pytest.mark.parametrize(
    "row",
    [live("a", lineage=None), live("a", lineage=FOREIGN_LINEAGE)],
    ids=["no mark", "another project's mark"],
)
def test_a_key_without_our_mark_is_only_forgotten(row: LiveKey) -> None:
    change = of(planned([OTHER], [HAVE], [row], options=LIVE_ON), "a")
    assert (change.action, change.reason, change.live, change.needs_request) == (
        Action.FORGET,
        Reason.RELEASED,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("have", "row"),
    [
        (recorded("a", prevent_destroy=True), live("a")),
        (pending("a"), live("a")),
        (pending("a", no_token=True), live("a", name="made by the proxy")),
        (gone("a"), live("a")),
        (HAVE, live("renamed", name="a")),
    ],
    ids=["protected", "pending", "made by the proxy", "back again", "renamed"],
)
def test_whatever_it_was_it_may_live_on(have: RecordedKey, row: LiveKey) -> None:
    change = of(planned([OTHER], [have], [row], options=LIVE_ON), "a")
    assert (change.action, change.reason, change.live) == (Action.FORGET, Reason.RELEASED, row)


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        (HAVE, (Action.FORGET, Reason.GONE)),
        (gone("a"), (Action.FORGET, Reason.GONE)),
        (pending("a"), (Action.NO_OP, Reason.UNSETTLED)),
        (pending("a", since=None), (Action.FORGET, Reason.NEVER_SENT)),
    ],
)
def test_what_is_not_there_cannot_live_on(have: RecordedKey, expected: tuple[Action, Reason]) -> None:
    change = of(planned([OTHER], [have], options=LIVE_ON), "a")
    assert (change.action, change.reason) == expected


def test_a_key_that_is_declared_is_not_removed() -> None:
    for wanted in ([desired("a", member=MEMBER)], [desired("a", member=MEMBER), OTHER]):
        plan = planned(wanted, [HAVE], [THERE], options=LIVE_ON)
        assert of(plan, "a").reason is Reason.MATCHES


def test_a_protected_key_that_is_removed_to_be_destroyed_is_a_problem() -> None:
    have = recorded("a", prevent_destroy=True)
    [problem] = planned([OTHER], [have], [live("a")], options=removing(("a", True))).problems
    assert problem.detail.startswith("this plan would delete a, which lifecycle.prevent_destroy protects.")


def test_destroy_lets_live_on_what_the_config_lets_go() -> None:
    plan = planned([], [HAVE, recorded("b")], [THERE, live("b")], options=LIVE_ON)
    assert [(change.alias, change.reason) for change in plan.changes] == [
        ("a", Reason.RELEASED),
        ("b", Reason.NOT_DESIRED),
    ]


def test_the_old_key_of_one_that_lives_on_is_collected_all_the_same() -> None:
    old, row = retired("a", "old"), aside("a", "old")
    plan = planned([OTHER], [HAVE, old], [THERE, row], options=LIVE_ON)
    assert of(plan, "a").reason is Reason.RELEASED
    assert (of(plan, old.alias).action, of(plan, old.alias).reason) == (Action.DELETE, Reason.RETIRED)


def test_a_retired_key_may_be_let_go_by_its_own_alias_only_where_its_successor_goes() -> None:
    old, row = retired("a", "old"), aside("a", "old")
    options = removing(("*.retired-*", False))
    going = planned([OTHER], [HAVE, old], [THERE, row], options=options)
    assert (of(going, "a").action, of(going, old.alias).reason) == (Action.DELETE, Reason.RELEASED)
    staying = planned([desired("a", member=MEMBER)], [HAVE, old], [THERE, row], options=options)
    assert of(staying, old.alias).reason is Reason.RETIRED
