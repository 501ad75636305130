"""Whatever config, state and proxy were, and whatever goes wrong on the way: planning again finds nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tests.executor.fuse import Killed, fails
from tests.executor.world import World, failing
from tests.factories import EMPTY_ROW, desired, foreign, live, participant, pending, recorded
from vkstate.attributes import Json, Sensitive, Value, reveal
from vkstate.errors import VkstateError
from vkstate.executor.ports import AnswerLost, Refused
from vkstate.keys import DesiredKey, LiveKey, RecordedKey

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
