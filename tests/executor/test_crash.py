"""``kill -9`` before and after every call of proxy and journal: the next run converges, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import Killed, fails
from tests.executor.world import Watcher, World
from tests.factories import (
    EMPTY_ROW,
    LINEAGE,
    NOW,
    SHOWN,
    aside,
    desired,
    foreign,
    gone,
    live,
    participant,
    pending,
    recorded,
    retired,
    token_of,
)
from vkstate.executor.ports import AnswerLost, Refused
from vkstate.keys import Alias, OnMissing
from vkstate.options import Move, Options, Removed
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


GRACE = timedelta(hours=24)


def replacing() -> World:
    """Two keys get a new value, and their old one goes at once."""
    here = World().want([desired("a"), desired("b"), desired("same")])
    rows = [*(live(alias, FULL) for alias in ("a", "b", "same")), foreign("other")]
    return here.has(map(recorded, ["a", "b", "same"]), rows).asks(Options(replace=("a", "b")))


def replacing_with_grace() -> World:
    here = replacing()
    return here.asks(replace(here.options, grace=GRACE))


def replacing_what_moves() -> World:
    """Under a new alias, in a new workshop, and with an older key of a first replacement."""
    old, new = participant(1, "old"), participant(1, "new")
    first = aside("old-user1", "first", member=old, attributes=FULL, expires_at=NOW + GRACE)
    here = World().want([desired("new-user1", member=new)])
    here.has(
        [recorded("old-user1", member=old), retired("old-user1", "first", until=NOW + GRACE, member=old)],
        [live("old-user1", FULL, member=old), first],
        ["first"],
    )
    moves = (Move("workshop:old", "workshop:new", "vkstate.yaml:30:3"),)
    return here.asks(Options(replace=("*",), grace=GRACE, moves=moves))


def refused_to_rename() -> World:
    """The old keys have to go before the new ones are made."""
    here = replacing()
    here.fuse.before.append(fails(Refused("You may not."), "proxy.update", times=2))
    return here


def refused_to_replace() -> World:
    """The new keys are refused, and the old ones get their alias back."""
    here = replacing_with_grace()
    here.fuse.before.append(fails(Refused("You may not."), "proxy.create", times=2))
    return here


def moving() -> World:
    """One key, one that changes besides, one that was never created, and an old one that goes along."""
    here = World().want([desired("new-a"), desired("new-b", max_budget=5), desired("made")])
    first = aside("a", "first", attributes=FULL, expires_at=NOW + GRACE)
    here.has(
        [recorded("a"), recorded("b"), pending("c"), retired("a", "first", until=NOW + GRACE)],
        [live("a", FULL), live("b", FULL), first, foreign("other")],
        ["first"],
    )
    pairs = [("a", "new-a"), ("b", "new-b"), ("c", "made")]
    return here.asks(Options(moves=tuple(Move(*pair, "vkstate.yaml:30:3") for pair in pairs)))


def releasing() -> World:
    """Keys that are to live on, one of them never confirmed, and one with an old key that is to go all the same."""
    here = World().want([desired("same")])
    here.has(
        [recorded("same"), recorded("a"), recorded("b"), pending("c"), retired("a", "first")],
        [*(live(alias, FULL) for alias in ("same", "a", "b", "c")), aside("a", "first", attributes=FULL)],
        ["first"],
    )
    return here.asks(Options(removed=(Removed("?", destroy=False, place="vkstate.yaml:40:3"),)))


def importing() -> World:
    """Keys of others, one of which has to be changed, and one that takes the place of a key that is gone."""
    here = World().want([desired("a"), desired("b", max_budget=5), desired("c"), desired("new")])
    here.has([recorded("c")], [live(alias, FULL, name=f"theirs {alias}", lineage=None) for alias in "abc"])
    here.foreign = {}
    return here.asks(Options(imports=("a", "b"), adopt_replaced=True))


def missing_keys() -> World:
    """Some are left missing, one is back, one is made anew."""
    left = [desired(alias, on_missing=OnMissing.FORGET) for alias in ("a", "back", "away")]
    here = World().want([*left, desired("anew")])
    return here.has([recorded("a"), gone("back"), gone("away"), recorded("anew")], [live("back", FULL, max_budget=7)])


def collecting() -> World:
    """Old keys whose time is over, one that is to end sooner, and two that go with their successor."""
    here = World().want([desired("a"), desired("b")])
    return here.has(
        [
            *map(recorded, ["a", "b", "c"]),
            *(retired(alias, f"old {alias}") for alias in "abc"),
            retired("b", "older b", until=NOW),
            retired("a", "later a", until=NOW + GRACE),
        ],
        [
            *(live(alias, FULL) for alias in "abc"),
            *(aside(alias, f"old {alias}", attributes=FULL) for alias in "abc"),
            aside("b", "older b", attributes=FULL),
            aside("a", "later a", attributes=FULL),
        ],
        [*(f"old {alias}" for alias in "abc"), "older b", "later a"],
    )


def renewing() -> World:
    ended = NOW - timedelta(days=1)
    here = World().want([desired("a"), desired("b", duration="never")])
    have = [recorded("a", expires_at=ended), recorded("b", duration="never", expires_at=ended)]
    here.has(have, [live(alias, FULL, expires_at=ended) for alias in ("a", "b")])
    return here.asks(Options(renew=("*",)))


REPLACEMENTS: list[Callable[[], World]] = [
    replacing,
    replacing_with_grace,
    replacing_what_moves,
    refused_to_rename,
    refused_to_replace,
]
TRANSITIONS: list[Callable[[], World]] = [moving, releasing, importing, missing_keys, collecting, renewing]
SCENES: list[Callable[[], World]] = [
    *[mixed, forcing, insisting_on_defaults, making_values, lying, busy],
    *REPLACEMENTS,
    *TRANSITIONS,
]


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
    watcher = Watcher()
    outcome = here.apply(observer=watcher)
    here.check_instant()
    here.reopen()
    here.converged()
    saves = len(here.journal.saves)
    here.apply()
    assert len(here.journal.saves) == saves
    assert watcher.events[0] == f"started {len(outcome.results)}"
    told = [result.change.alias for result in watcher.results]
    assert sorted(told) == sorted(result.change.alias for result in outcome.results)


def reopened(here: World) -> World:
    """The next run, without what was asked for once; but taking over keys of others is asked for until it is done."""
    adopt = here.options.adopt_replaced
    here.reopen()
    here.proxy.rivals = {}
    return here.asks(replace(here.options, adopt_replaced=adopt))


@pytest.mark.parametrize(("scene", "number"), CRASHES)
def test_the_run_after_a_crash_converges(scene: Callable[[], World], number: int) -> None:
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    here.check_instant()
    reopened(here).apply()
    here.converged()


@pytest.mark.parametrize("number", range(len(points(renewing))))
def test_what_was_renewed_stays_so_and_what_was_not_is_renewed_by_the_next_run(number: int) -> None:
    """A killed renewal is never taken for drift, which would end the keys again."""
    here = renewing()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    promised = here.journal.keys[Alias("b")].expires_at is None
    reopened(here).apply()
    here.converged()
    ends = {row.alias: row.expires_at or NOW + timedelta(days=1) for row in here.ours}
    assert {alias: end > NOW for alias, end in ends.items()} == {"a": promised, "b": promised}


@pytest.mark.parametrize(("scene", "number"), CRASHES)
def test_the_same_command_after_a_crash_does_all_that_was_asked(scene: Callable[[], World], number: int) -> None:
    """A run that is repeated as it was typed, as people do it."""
    here, undisturbed = scene(), scene()
    undisturbed.apply()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    asked = here.options
    reopened(here).asks(asked).apply()
    here.reopen()
    here.converged()
    assert in_place(here) == in_place(undisturbed)


def in_place(here: World) -> set[str]:
    """The aliases of our keys on the proxy, but those of retired ones."""
    return {row.alias for row in here.ours if row.alias and ".retired-" not in row.alias}


@pytest.mark.parametrize(("scene", "number"), [crash for crash in CRASHES if crash.values[0] in REPLACEMENTS])
def test_a_crash_in_a_replacement_leaves_a_value_that_works(scene: Callable[[], World], number: int) -> None:
    """Wherever it dies, the old key or the new one is there, and its value known; but where the old one goes first."""
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    for alias in here.wanted:
        stems = {alias, alias.replace("new-", "old-")}
        mine = [row for row in here.ours if row.alias and row.alias.partition(".")[0] in stems]
        known = [row for row in mine if row.token in here.journal.values and row.token != token_of("first")]
        assert known or scene is refused_to_rename


@pytest.mark.parametrize(("scene", "number"), CRASHES)
def test_two_crashes_in_a_row(scene: Callable[[], World], number: int) -> None:
    """The second run dies too, at the point where it would have got in half the time."""
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    asked = here.options
    reopened(here).asks(asked).fuse.blow_at = number // 2
    with suppress(Killed):
        here.apply()
    here.check_instant()
    reopened(here).apply()
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


def racing(seconds: int) -> World:
    here = World().want([desired("a")]).has([recorded("a")], [live("a", FULL)])
    here.proxy.rivals = {"a": foreign("a", created_at=NOW + timedelta(seconds=seconds))}
    return here.asks(Options(replace=("a",)))


def beaten() -> World:
    """Somebody else takes the alias while the old key makes way, before the new one comes."""
    return racing(0)


def chased() -> World:
    """Somebody else takes the alias a little later than we."""
    return racing(60)


RACES = [(scene, number) for scene in (beaten, chased) for number in range(len(points(scene)))]


@pytest.mark.parametrize(("scene", "number"), RACES)
def test_a_race_that_a_replacement_is_killed_in_never_ends_both_values(scene: Callable[[], World], number: int) -> None:
    """However it goes on: the other key stays, or somebody deletes it."""
    here = scene()
    here.fuse.blow_at = number
    with pytest.raises(Killed):
        here.apply()
    reopened(here)
    for _ in range(4):
        plan = here.plan()
        if plan.problems:
            assert [problem.alias for problem in plan.problems] == ["a"]
            here.proxy.rows.pop(foreign("a").token)
            plan = here.plan()
        here.apply(current=plan)
        here.check()
        assert [row for row in here.ours if row.token in here.journal.values]
    here.converged()
