"""Whatever config, state and proxy were, and whatever goes wrong on the way: planning again finds nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.executor.fuse import Killed, fails
from tests.executor.world import Watcher, World, failing
from tests.factories import EMPTY_ROW, NOW, aside, desired, foreign, live, participant, pending, recorded, retired
from vkstate.attributes import Json, Sensitive, Value
from vkstate.canonical import reveal
from vkstate.errors import VkstateError
from vkstate.executor.ports import AnswerLost, Refused
from vkstate.keys import DesiredKey, LiveKey, OnMissing, RecordedKey, Status
from vkstate.options import Move, Options, Removed

ALIASES = ["a", "b", "w-user1", "w-user2", "w-user10"]
PATHS: Mapping[str, list[Value]] = {
    "max_budget": [5, 50, None],
    "models": [["gpt-4"], ["gpt-4", "claude"]],
    "rpm_limit": [1, 2],
    "tags": [["x"], ["x", "y"], []],
    "metadata.x": ["1", True, 1, None, Sensitive("secret"), Sensitive("other")],
    "object_permission.mcp_servers": [["s"], []],
    "blocked": [True, False],
    "duration": ["30d", "7d", "never"],
}


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Value]:
    chosen = draw(st.sets(st.sampled_from(sorted(PATHS.keys() - {"duration"})), max_size=4))
    return {path: draw(st.sampled_from(PATHS[path])) for path in sorted({*chosen, "duration"})}


def as_shown(values: Mapping[str, Value]) -> dict[str, Json]:
    """As a proxy shows them."""
    return {**EMPTY_ROW, **{path: reveal(value) for path, value in values.items() if path != "duration"}}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any config, any state, any proxy on which the plan has no problem."""
    wanted: list[DesiredKey] = []
    records: list[RecordedKey] = []
    rows: list[LiveKey] = [foreign("somebody else's")]
    for alias in ALIASES:
        member = participant(int(alias.removeprefix("w-user"))) if alias.startswith("w-") else None
        if draw(st.booleans()):
            wanted.append(desired(alias, draw(attributes()), member=draw(st.sampled_from([member, None]))))
        match draw(st.sampled_from(["none", "ready", "ready", "pending", "no token"])):
            case "ready":
                applied = {key: value for key, value in draw(attributes()).items() if not isinstance(value, Sensitive)}
                records.append(recorded(alias, applied, member=member))
            case "pending":
                records.append(pending(alias, member=member))
            case "no token":
                records.append(pending(alias, no_token=True, member=member))
            case _:
                continue
        if draw(st.booleans()):
            rows.append(live(alias, as_shown(draw(attributes())), member=draw(st.sampled_from([member, None]))))
    return World().want(wanted).has(records, rows)


MOVES = [("a", "b"), ("b", "a"), ("w-user1", "w-user2"), ("w-user10", "a"), ("a", "w-user1")]
RELEASED = st.sets(st.sampled_from(["a", "w-*"]), max_size=1)
GRACES = [None, timedelta(hours=2)]
AT_MOST = 3
"""Runs until nothing is left to do where there are retired keys: a create, then its old key, and its end."""


@st.composite
def transitions(draw: st.DrawFn) -> World:
    """The same, with all that may be asked for besides, and with keys that were replaced before."""
    here = draw(worlds())
    wanted = {
        alias: replace(key, on_missing=draw(st.sampled_from([OnMissing.RECREATE, OnMissing.FORGET])))
        for alias, key in here.wanted.items()
    }
    bearers = {row.alias for row in here.proxy.rows.values()}
    free = [alias for alias in wanted if alias not in bearers and draw(st.booleans())]
    unsettled = {alias for alias, record in here.journal.keys.items() if record.status is Status.PENDING}
    taken = [foreign(alias) for alias in free if alias not in unsettled]
    old = [alias for alias in ALIASES if draw(st.integers(0, 2)) == 0]
    ends = {alias: draw(st.sampled_from([None, NOW, NOW + timedelta(hours=1)])) for alias in old}
    here.want(wanted.values()).has(
        [retired(alias, f"old {alias}", until=ends[alias]) for alias in old],
        [*taken, *(aside(alias, f"old {alias}", attributes=EMPTY_ROW) for alias in old if draw(st.booleans()))],
        [f"old {alias}" for alias in old],
    )
    here.foreign = {token: row for token, row in here.foreign.items() if row not in taken}
    moves = dict(draw(st.lists(st.sampled_from(MOVES), max_size=1)))
    here.asks(
        Options(
            replace=tuple(draw(st.lists(st.sampled_from([*ALIASES, "*"]), max_size=2))),
            grace=draw(st.sampled_from(GRACES)),
            renew=tuple(draw(st.lists(st.sampled_from([*ALIASES, "*"]), max_size=1))),
            imports=tuple(alias for alias in free if alias not in here.journal.keys),
            moves=tuple(Move(source, target, "vkstate.yaml:30:3") for source, target in moves.items()),
            removed=tuple(Removed(target, False, "vkstate.yaml:40:3") for target in sorted(draw(RELEASED))),
            adopt_replaced=True,
        )
    )
    assume(not here.plan().problems)
    return here


def settled(here: World) -> World:
    """The runs that follow, without what was asked for once."""
    here.reopen()
    here.options = replace(here.options, adopt_replaced=True)
    for _ in range(AT_MOST if any(record.retired for record in here.journal.keys.values()) else 1):
        here.apply()
    return here


@given(transitions(), st.integers(1, 4))
def test_whatever_is_asked_for_is_done_once(here: World, parallelism: int) -> None:
    watcher = Watcher()
    outcome = here.apply(parallelism=parallelism, observer=watcher)
    assert outcome.complete
    here.check()
    assert watcher.events[0] == f"started {len(outcome.results)}"
    assert len(watcher.results) == len(outcome.results)
    if not any(record.retired for record in here.journal.keys.values()):
        here.reopen()
        assert here.plan().effective == ()
    settled(here).converged()


@given(transitions(), st.integers(0, 60), st.booleans())
def test_whenever_a_transition_is_killed_the_next_runs_end_it(here: World, number: int, makes_values: bool) -> None:
    here.proxy.makes_values = makes_values
    here.fuse.blow_at = number
    with suppress(Killed):
        here.apply()
    here.check_instant()
    settled(here).converged()


@given(transitions(), st.integers(0, 60), st.integers(1, 3))
def test_whenever_a_transition_is_stopped_the_next_runs_end_it(here: World, number: int, parallelism: int) -> None:
    def stop(_: str, __: object) -> None:
        if len(here.fuse.calls) == number:
            here.stop.request("SIGINT")

    with failing(here, stop):
        here.apply(parallelism=parallelism)
    here.check_instant()
    settled(here).converged()


@given(transitions())
def test_a_refresh_sends_nothing_and_finds_nothing_twice(here: World) -> None:
    rows = dict(here.proxy.rows)
    outcome = here.apply(current=here.refresh())
    assert outcome.complete
    assert set(here.fuse.calls) <= {"journal.save"}
    assert here.proxy.rows == rows
    assert here.refresh().effective == ()
    here.check_instant()


@given(worlds(), st.integers(1, 4))
def test_applying_converges(here: World, parallelism: int) -> None:
    outcome = here.apply(parallelism=parallelism)
    assert outcome.complete
    saves = len(here.journal.saves)
    here.converged()
    here.apply()
    assert len(here.journal.saves) == saves


class Unreachable(VkstateError):
    """Not about one key."""

    summary = "the proxy is unreachable"


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["proxy.create", "proxy.update", "proxy.delete", "proxy.find", "proxy.newest"]),
        st.booleans(),
        st.integers(0, 3),
        st.sampled_from([AnswerLost("It was reset."), Refused("No."), Unreachable("Connection refused.")]),
    ),
    min_size=1,
    max_size=3,
)


@given(worlds(), FAULTS, st.booleans())
def test_whatever_fails_the_next_run_converges(
    here: World, faults: list[tuple[str, bool, int, VkstateError]], makes_values: bool
) -> None:
    here.proxy.makes_values = makes_values
    before = [fails(error, on, skip=skip) for on, after, skip, error in faults if not after]
    # What was carried out is never answered with a refusal.
    lost = AnswerLost("It was reset.")
    late = [(on, skip, lost if isinstance(error, Refused) else error) for on, later, skip, error in faults if later]
    after = [fails(error, on, skip=skip) for on, skip, error in late]
    with failing(here, *before), failing(here, *after, after=True):
        here.apply(parallelism=2)
    here.reopen()
    here.apply()
    here.converged()


@given(transitions(), FAULTS, st.booleans())
def test_whatever_fails_in_a_transition_the_next_runs_end_it(
    here: World, faults: list[tuple[str, bool, int, VkstateError]], makes_values: bool
) -> None:
    here.proxy.makes_values = makes_values
    lost = AnswerLost("It was reset.")
    before = [fails(error, on, skip=skip) for on, after, skip, error in faults if not after]
    late = [(on, skip, lost if isinstance(error, Refused) else error) for on, later, skip, error in faults if later]
    after = [fails(error, on, skip=skip) for on, skip, error in late]
    with failing(here, *before), failing(here, *after, after=True):
        here.apply(parallelism=2)
    here.check_instant()
    settled(here).converged()


@given(worlds(), st.integers(0, 60), st.booleans())
def test_whenever_it_is_killed_the_next_run_converges(here: World, number: int, makes_values: bool) -> None:
    here.proxy.makes_values = makes_values
    here.fuse.blow_at = number
    with suppress(Killed):
        here.apply()
    here.reopen()
    here.apply()
    here.converged()


@given(worlds(), st.integers(0, 60), st.integers(1, 3))
def test_whenever_it_is_stopped_the_next_run_converges(here: World, number: int, parallelism: int) -> None:
    def stop(_: str, __: object) -> None:
        if len(here.fuse.calls) == number:
            here.stop.request("SIGINT")

    with failing(here, stop):
        here.apply(parallelism=parallelism)
    here.reopen()
    here.apply()
    here.converged()
