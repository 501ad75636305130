"""``kill -9`` before and after every call of proxy and journal: the next run converges, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.executor.fuse import Killed, fails
from tests.executor.world import World
from tests.factories import EMPTY_ROW, LINEAGE, NOW, SHOWN, desired, foreign, live, participant, pending, recorded
from vkstate.executor.ports import AnswerLost
from vkstate.keys import Alias
from vkstate.plan import Action, Reason

FULL = {**EMPTY_ROW, **SHOWN}


def mixed() -> World:
    """Creates, updates, deletes, adoptions, forgotten keys, and keys of others."""
    people = [desired(f"w-user{n}", member=participant(n)) for n in (1, 2)]
    here = World().want([*people, desired("new", max_budget=5), desired("adopt"), desired("missing"), desired("same")])
    return here.has(
        [
            *map(recorded, ["new", "same", "missing", "old1", "old2", "gone"]),
            pending("adopt"),
            pending("w-user2", member=participant(2)),
        ],
        [*(live(alias, FULL) for alias in ("new", "same", "old1", "old2", "adopt")), foreign("other")],
    )


def forcing() -> World:
    """The proxy puts defaults of its own, some of which it insists on."""
    here = World().want([desired("a"), desired("b", duration="never")])
    here.proxy.forced = {"max_budget": 100}
    here.proxy.forced_end = timedelta(days=30)
    return here


def insisting_on_defaults() -> World:
    here = forcing()
    here.proxy.forces_always = True
    return here


def making_values() -> World:
    """The proxy makes all values; one key of an earlier run has none that anybody knows."""
    here = World().want([desired("a"), desired("b"), desired("c")])
    here.proxy.makes_values = True
    return here.has([pending("c", no_token=True)], [live("c", FULL, name="made by the proxy"), foreign("other")])


def lying() -> World:
    """Answers prove nothing: a create vanishes, a delete only echoes, another answer is lost."""
    here = World().want([desired("a"), desired("b")])
    here.has([recorded("old")], [live("old", FULL), foreign("other")])
    here.proxy.vanish = {"a": 1}
    here.proxy.echoes = 1
    here.fuse.before.append(fails(AnswerLost("It was reset."), "proxy.create", about="b"))
    return here


def busy() -> World:
    """A listing that does not reach back, so that every new key is looked up, beside a later rival for one alias."""
    here = World().want([desired("a"), desired("b")])
    here.proxy.lists_at_most = 1
    here.proxy.rivals = {"a": foreign("a", created_at=NOW + timedelta(days=1))}
    return here


SCENES: list[Callable[[], World]] = [mixed, forcing, insisting_on_defaults, making_values, lying, busy]


def points(scene: Callable[[], World]) -> list[str]:
    """All points of an undisturbed run."""
    here = scene()
    here.apply()
    return here.fuse.points


CRASHES = [
    pytest.param(scene, number, id=f"{scene.__name__}-{number:02}-{point.replace(' ', '-')}")
    for scene in SCENES
    for number, point in enumerate(points(scene))
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_an_undisturbed_run_converges(scene: Callable[[], World]) -> None:
    here = scene()
    here.apply()
    here.reopen()
    here.converged()


@pytest.mark.parametrize(("scene", "number"), CRASHES)
def test_the_run_after_a_crash_converges(scene: Callable[[], World], number: int) -> None:
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    here.reopen()
    here.proxy.rivals = {}
    here.apply()
    here.converged()


@pytest.mark.parametrize(("scene", "number"), CRASHES)
def test_two_crashes_in_a_row(scene: Callable[[], World], number: int) -> None:
    """The second run dies too, at the point where it would have got in half the time."""
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    here.reopen()
    here.proxy.rivals = {}
    here.fuse.blow_at = number // 2
    try:
        here.apply()
    except Killed:
        here.reopen()
        here.apply()
    here.converged()


@pytest.mark.parametrize("number", range(len(points(mixed))))
def test_destroy_after_a_crash_leaves_nothing_of_ours_and_all_of_others(number: int) -> None:
    here = mixed()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    here.reopen()
    here.want([])
    here.proxy.time += timedelta(minutes=11)
    here.apply()
    here.converged()
    assert here.journal.keys == {}
    assert [row.alias for row in here.proxy.rows.values()] == ["other"]


def lost_race() -> World:
    """Somebody else's key came first: ours has to go."""
    here = World().want([desired("a"), desired("b")])
    here.proxy.rivals = {"a": foreign("a", created_at=NOW)}
    return here


@pytest.mark.parametrize("number", range(len(points(lost_race))))
def test_a_crash_on_the_way_out_of_a_lost_race(number: int) -> None:
    """However it dies, at most one key of ours is left under the alias, and the next runs withdraw it."""
    here = lost_race()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    here.reopen()
    here.proxy.rivals = {}
    theirs = foreign("a", created_at=NOW)
    raced = theirs.token in here.proxy.rows
    for _ in range(2):
        plan = here.plan()
        if plan.problems:
            assert [problem.alias for problem in plan.problems] == ["a"]
            del here.wanted[Alias("a")]
            plan = here.plan()
        assert {change.action for change in plan.changes} <= {
            Action.CREATE,
            Action.ADOPT,
            Action.DELETE,
            Action.NO_OP,
            Action.FORGET,
        }
        if raced:
            assert {change.reason for change in plan.of(Action.DELETE)} <= {Reason.LOST_RACE}
        here.apply(current=plan)
    here.check()
    ours = [row for row in here.proxy.under("a") if row.stamp and row.stamp.lineage == LINEAGE]
    assert len(ours) == (0 if raced else 1)
    assert (theirs.token in here.proxy.rows) is raced
