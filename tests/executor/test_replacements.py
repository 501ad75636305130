"""A new value under the same alias: step by step, and what happens where a step fails."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import Hook, fails
from tests.executor.world import Watcher, World, failing, said
from tests.factories import (
    CANARY,
    DECLARED,
    EMPTY_ROW,
    LINEAGE,
    NOW,
    SHOWN,
    desired,
    foreign,
    id_of,
    live,
    participant,
    recorded,
    token_of,
    value_of,
)
from vkstate.attributes import Sensitive, Value
from vkstate.canonical import seal
from vkstate.errors import VkstateError
from vkstate.executor.outcome import Applied, Failed
from vkstate.executor.ports import AliasTaken, AnswerLost, Refused
from vkstate.keys import Alias, OnMissing, Origin, Retired, Status, retired_alias
from vkstate.options import Move, Options
from vkstate.plan import Action, Reason

FULL = {**EMPTY_ROW, **SHOWN}
GRACE = timedelta(hours=24)
ENDS = NOW + GRACE
ASIDE = retired_alias(Alias("a"), token_of("a"))
OLD, NEW = token_of("a"), token_of("minted 1")
NO = Refused("You may not.", hint="ask somebody")
LOST = AnswerLost("It was reset.")
UNREACHABLE = VkstateError("Connection refused.")
FULL_DISK = VkstateError("No space left on the device.")
AGAIN = "run vkstate apply again: it goes on from there"


def world(*, grace: timedelta | None = None) -> World:
    here = World().want([desired("a"), desired("same")])
    here.has(map(recorded, ["a", "same"]), [live("a", FULL, spend=1.5), live("same", FULL), foreign("other")])
    return here.asks(Options(replace=("a",), grace=grace))


def aliases(here: World) -> dict[str, str | None]:
    """Which alias each key of ours bears, the old one and the new one by these names."""
    names = {OLD: "old", NEW: "new"}
    return {names[row.token]: row.alias for row in here.ours if row.token in names}


def collected(here: World) -> None:
    """The old key is gone from everywhere, and the new one is all there is."""
    assert aliases(here) == {"new": "a"}
    assert set(here.journal.keys) == {"a", "same"}
    assert OLD not in here.journal.values
    here.reopen()
    here.converged()


# -- as it should be ---------------------------------------------------------------------------------------------------


def test_at_once() -> None:
    here = world()
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert outcome.count(Action.REPLACE) == 1
    assert here.fuse.calls == [
        "journal.keep_values",
        "journal.save",
        "proxy.update",
        "proxy.create",
        "proxy.newest",
        "journal.save",
        "proxy.find",
        "journal.report",
        "proxy.delete",
        "proxy.find",
        "journal.save",
        "journal.drop_values",
    ]
    record = here.journal.keys[Alias("a")]
    assert (record.status, record.token, record.id, record.origin) == (Status.READY, NEW, f"{2:016x}", Origin.CREATED)
    assert here.journal.values[NEW] == value_of("minted 1")
    collected(here)


def test_what_is_recorded_before_anything_is_sent() -> None:
    here = world(grace=GRACE)
    here.apply()
    first = here.journal.saves[0]
    assert set(first) == {"a", ASIDE, "same"}
    assert (first[Alias("a")].status, first[Alias("a")].token) == (Status.PENDING, NEW)
    assert first[ASIDE] == replace(recorded("a"), alias=ASIDE, retired=Retired(Alias("a"), ENDS))


def test_the_spend_of_the_old_key_is_reported_under_the_alias_that_people_know() -> None:
    here = world()
    here.apply()
    [[line]] = here.journal.reports
    assert (line.alias, line.token, line.spend) == ("a", OLD, 1.5)


def test_with_grace_the_old_value_works_until_it_is_over() -> None:
    here = world(grace=GRACE)
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert aliases(here) == {"old": ASIDE, "new": "a"}
    assert here.proxy.rows[OLD].expires_at == ENDS
    aside = here.journal.keys[ASIDE]
    assert (aside.expires_at, aside.retired) == (ENDS, Retired(Alias("a"), ENDS))
    assert (aside.applied["expires_at"], "duration" in aside.applied) == ("2026-03-19T12:00:00Z", False)
    assert here.journal.values[OLD] == value_of("a")
    assert (here.journal.reports, here.proxy.deleted) == ([], [])
    here.reopen()
    here.converged()

    here.proxy.time = ENDS
    plan = here.plan()
    assert [(change.alias, change.action, change.reason) for change in plan.effective] == [
        (ASIDE, Action.DELETE, Reason.RETIRED)
    ]
    assert said(here.apply()) == {ASIDE: "applied"}
    [[line]] = here.journal.reports
    assert (line.alias, line.token, line.replaced) == ("a", OLD, True)
    collected(here)


def test_an_old_key_that_ends_sooner_keeps_its_end() -> None:
    here = world(grace=GRACE)
    soon = NOW + timedelta(hours=1)
    here.proxy.rows[OLD] = replace(here.proxy.rows[OLD], expires_at=soon)
    here.apply()
    assert [order.sought.alias for order in here.proxy.updated] == ["a"]
    assert here.proxy.rows[OLD].expires_at == soon


def test_replacing_twice_within_the_grace_keeps_both_old_keys_for_their_time() -> None:
    here = world(grace=GRACE)
    here.apply()
    here.reopen()
    here.proxy.time += timedelta(hours=1)
    here.asks(Options(replace=("a",), grace=GRACE)).apply()
    second = retired_alias(Alias("a"), NEW)
    assert {str(row.alias) for row in here.ours} == {"a", ASIDE, second, "same"}
    here.reopen()
    here.converged()
    here.proxy.time = ENDS
    assert [change.alias for change in here.plan().effective] == [ASIDE]
    here.apply()
    here.proxy.time += timedelta(hours=2)
    here.apply()
    assert {str(row.alias) for row in here.ours} == {"a", "same"}
    assert here.journal.values.keys() == {record.token for record in here.journal.keys.values()}
    here.converged()


def test_many_at_once() -> None:
    names = [f"w-user{number}" for number in range(1, 13)]
    members = {alias: participant(number, "w") for number, alias in enumerate(names, start=1)}
    here = World().want(desired(alias, member=members[alias]) for alias in names)
    here.has(
        [recorded(alias, member=members[alias]) for alias in names],
        [live(alias, FULL, member=members[alias]) for alias in names],
    )
    watcher = Watcher()
    outcome = here.asks(Options(replace=("*",))).apply(parallelism=4, observer=watcher)
    assert set(said(outcome).values()) == {"applied"}
    assert [len(tokens) for tokens in here.proxy.deleted] == [12]
    assert [len(lines) for lines in here.journal.reports] == [12]
    assert watcher.events[0] == "started 12"
    assert sorted(watcher.results, key=lambda result: names.index(result.change.alias)) == list(outcome.results)
    phases = ("sending", "reading back", "retiring old keys")
    assert [event for event in watcher.events if event in phases] == [*phases]
    sent, old = watcher.events.index("sending"), watcher.events.index("retiring old keys")
    for events in (watcher.events[sent:old], watcher.events[old:]):
        answered = [event for event in events if event.startswith("answered")]
        assert sorted(answered) == sorted(f"answered {alias}" for alias in names), "the new key, and then the old one"
    assert here.journal.values.keys() == {record.token for record in here.journal.keys.values()}
    here.reopen()
    here.converged()


def test_what_was_imported_is_replaced_by_a_key_whose_value_is_known() -> None:
    here = world(grace=GRACE)
    here.journal.keys[Alias("a")] = replace(recorded("a"), origin=Origin.IMPORTED)
    del here.journal.values[OLD]
    here.apply()
    origins = {alias: record.origin for alias, record in here.journal.keys.items()}
    assert origins == {"a": Origin.CREATED, ASIDE: Origin.IMPORTED, "same": Origin.CREATED}
    here.reopen()
    here.converged()


def test_a_key_that_moves_is_replaced_under_its_new_alias() -> None:
    here = world(grace=GRACE).want([desired("b"), desired("same")])
    here.asks(Options(replace=("b",), grace=GRACE, moves=(Move("a", "b", "vkstate.yaml:30:3"),)))
    aside = retired_alias(Alias("b"), OLD)
    assert said(here.apply()) == {"b": "applied"}
    assert aliases(here) == {"old": aside, "new": "b"}
    assert set(here.journal.keys) == {"b", aside, "same"}
    here.reopen()
    here.converged()


@pytest.mark.parametrize("elsewhere", ["x", None])
def test_a_key_that_somebody_renamed_makes_way_from_there(elsewhere: str | None) -> None:
    here = world(grace=GRACE)
    here.proxy.rows[OLD] = replace(here.proxy.rows[OLD], alias=elsewhere)
    here.apply()
    assert aliases(here) == {"old": ASIDE, "new": "a"}


def test_a_key_without_our_mark_makes_way_all_the_same() -> None:
    here = world()
    here.proxy.rows[OLD] = replace(here.proxy.rows[OLD], stamp=None)
    assert said(here.apply()) == {"a": "applied"}
    collected(here)


def test_a_value_that_the_proxy_forces_on_the_new_key_is_said() -> None:
    for grace in (None, GRACE):
        here = world(grace=grace)
        here.proxy.forced, here.proxy.forces_always = {"max_budget": 100}, True
        [result] = here.apply().results
        assert isinstance(result, Applied)
        assert result.note == "The proxy keeps its own value of max_budget (server default)."
        here.reopen()
        assert here.plan().effective == ()


def test_a_grace_that_is_over_by_the_time_of_the_end_lets_the_old_key_go_at_once() -> None:
    here = world(grace=timedelta(seconds=1))

    def tarry(name: str, _: object) -> None:
        if name == "proxy.create":
            here.proxy.time += timedelta(minutes=5)

    with failing(here, tarry):
        assert said(here.apply()) == {"a": "applied"}
    collected(here)


# -- the new key has vanished ------------------------------------------------------------------------------------------


def vanished() -> World:
    """Its time of grace is over, and somebody else has deleted the key that took its place."""
    here = world(grace=GRACE)
    here.apply()
    here.reopen()
    here.proxy.time = ENDS
    del here.proxy.rows[NEW]
    return here


def test_the_run_that_makes_the_new_key_anew_lets_the_old_one_go() -> None:
    here = vanished()
    assert said(here.apply()) == {"a": "applied"}
    calls = [call for call in here.fuse.calls if call.startswith("proxy.")]
    assert calls == ["proxy.create", "proxy.newest", "proxy.find", "proxy.delete", "proxy.find"]
    assert {str(row.alias) for row in here.ours} == {"a", "same"} == {*here.journal.keys}
    assert OLD not in here.journal.values
    here.reopen()
    here.converged()


@pytest.mark.parametrize("error", [NO, LOST, UNREACHABLE])
@pytest.mark.parametrize("call", ["proxy.create", "proxy.newest"])
def test_where_it_is_not_made_or_not_read_back_the_old_one_stays(error: VkstateError, call: str) -> None:
    here = vanished()
    with failing(here, fails(error, call, times=9)):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert aliases(here) == {"old": ASIDE}
    assert here.journal.keys[ASIDE].token == OLD
    here.check()
    here.reopen()
    here.apply()
    assert {str(row.alias) for row in here.ours} == {"a", "same"} == {*here.journal.keys}
    here.converged()


# -- the old key cannot be renamed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [NO, AliasTaken("Key with that alias already exists.")])
def test_where_the_rename_is_refused_the_old_key_goes_first(error: Refused) -> None:
    here = world()
    with failing(here, fails(error, "proxy.update")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    notice = "a could not be renamed: its old key was deleted before the new one was made."
    assert notice in outcome.notices
    order = [name for name in here.fuse.calls if name in ("journal.report", "proxy.delete", "proxy.create")]
    assert order == ["journal.report", "proxy.delete", "proxy.create"]
    collected(here)


def test_what_the_old_key_had_spent_is_read_by_a_worker() -> None:
    """The thread that owns the state saves it meanwhile, and sees an interrupt."""
    here = world()
    readers: list[tuple[str, bool]] = []

    def hook(name: str, _: object) -> None:
        if name in ("proxy.find", "journal.report"):
            readers.append((name, threading.current_thread() is threading.main_thread()))

    with failing(here, fails(NO, "proxy.update"), hook):
        here.apply()
    assert readers == [("proxy.find", False), ("journal.report", True), ("proxy.find", False)]


def test_a_rename_that_is_answered_and_not_made_is_a_refusal() -> None:
    here = world()
    here.proxy.deaf = True
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert len(outcome.notices) == 2
    collected(here)


def untouched(here: World) -> None:
    """As before the run, on the proxy, in the state and in the store."""
    assert aliases(here) == {"old": "a"}
    assert here.journal.keys == {"a": recorded("a"), "same": recorded("same")}
    assert here.journal.values.keys() == {OLD, token_of("same")}
    here.reopen()
    here.converged()


def test_where_the_rename_is_refused_and_a_grace_was_promised_nothing_is_done() -> None:
    here = world(grace=GRACE)
    with failing(here, fails(NO, "proxy.update")):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert result.detail == ("The old key cannot be kept for the time of grace, as it cannot be renamed: You may not.")
    assert result.hint == "ask somebody"
    assert here.proxy.created == []
    untouched(here)


def test_the_old_key_does_not_go_first_without_its_report() -> None:
    here = world()
    with failing(here, fails(NO, "proxy.update")), failing(here, fails(FULL_DISK, "journal.report")):
        outcome = here.apply()
    assert said(outcome) == {"a": "failed: The old key was not deleted: No space left on the device."}
    assert here.proxy.deleted == []
    untouched(here)


def test_an_old_key_that_cannot_be_deleted_first_stays() -> None:
    here = world()
    here.proxy.echoes = 1
    with failing(here, fails(NO, "proxy.update")):
        outcome = here.apply()
    assert said(outcome) == {"a": "failed: LiteLLM answered that it deleted a, and the key is still there."}
    untouched(here)


@pytest.mark.parametrize("on_missing", list(OnMissing))
def test_a_new_key_that_is_refused_after_the_old_one_went_first_is_made_by_the_next_run(on_missing: OnMissing) -> None:
    here = world().want([desired("a", on_missing=on_missing), desired("same")])
    with failing(here, fails(NO, "proxy.update"), fails(NO, "proxy.create")):
        outcome = here.apply()
    assert said(outcome) == {"a": "failed: You may not."}
    assert (aliases(here), set(here.journal.keys)) == ({}, {"same"})
    assert here.journal.values.keys() == {token_of("same")}
    here.reopen()
    assert [(change.action, change.reason) for change in here.plan().effective] == [(Action.CREATE, Reason.NEW)]
    here.apply()
    here.converged()


# -- the new key is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [None, GRACE])
def test_where_the_new_key_is_refused_the_old_one_gets_its_alias_back(grace: timedelta | None) -> None:
    here = world(grace=grace)
    with failing(here, fails(NO, "proxy.create")):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert (result.detail, result.hint) == ("You may not.", "ask somebody")
    untouched(here)


@pytest.mark.parametrize("elsewhere", ["x", None])
def test_it_gets_back_the_alias_that_it_had(elsewhere: str | None) -> None:
    here = world()
    here.proxy.rows[OLD] = replace(here.proxy.rows[OLD], alias=elsewhere)
    with failing(here, fails(NO, "proxy.create")):
        here.apply()
    assert aliases(here) == {"old": elsewhere or "a"}


def test_a_key_that_was_to_move_gets_its_old_alias_back() -> None:
    here = world().want([desired("b"), desired("same")])
    here.asks(Options(replace=("b",), moves=(Move("a", "b", "vkstate.yaml:30:3"),)))
    with failing(here, fails(NO, "proxy.create")):
        here.apply()
    assert aliases(here) == {"old": "a"}
    assert set(here.journal.keys) == {"a", "same"}
    here.reopen()
    here.apply()
    assert aliases(here) == {"old": "b"}
    here.converged()


@pytest.mark.parametrize("error", [NO, LOST, UNREACHABLE])
def test_where_it_does_not_get_its_alias_back_the_next_run_sees_to_it(error: VkstateError) -> None:
    here = world()
    with failing(here, fails(NO, "proxy.create"), fails(error, "proxy.update", skip=1)):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert result.detail == (
        f"You may not. Its old key works on, and bears the alias {ASIDE} until the next apply: {error.detail}"
    )
    assert aliases(here) == {"old": ASIDE}
    here.reopen()
    [change] = here.plan().effective
    assert (change.action, [diff.path for diff in change.diffs]) == (Action.UPDATE, ["key_alias"])
    here.apply()
    untouched(here)


def test_somebody_who_takes_the_alias_in_between_keeps_it_and_the_old_value_works_on() -> None:
    here = world()
    theirs = foreign("a")

    def seize(name: str, _: object) -> None:
        if name == "proxy.create":
            here.proxy.add([theirs])

    with failing(here, seize):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert result.detail.startswith("Another key has taken the alias a since the plan was made. Its user_id is ")
    assert "Its old key works on" in result.detail
    assert aliases(here) == {"old": ASIDE}
    assert set(here.journal.keys) == {"a", "same"}
    here.reopen()
    assert [problem.alias for problem in here.plan().problems] == ["a"]
    del here.proxy.rows[theirs.token]
    here.apply()
    untouched(here)


@pytest.mark.parametrize("grace", [None, GRACE])
def test_a_race_for_the_alias_that_the_new_key_loses(grace: timedelta | None) -> None:
    here = world(grace=grace)
    theirs = foreign("a", created_at=NOW)
    here.proxy.rivals = {"a": theirs}
    [result] = here.apply().results
    assert isinstance(result, Failed)
    assert "a little earlier; ours was withdrawn." in result.detail
    assert aliases(here) == {"old": ASIDE}
    assert set(here.journal.keys) == {ASIDE, "same"}
    assert here.journal.values.keys() == {OLD, token_of("same")}
    here.reopen()
    here.check()
    assert [problem.alias for problem in here.plan().problems] == ["a"]
    del here.proxy.rows[theirs.token]
    for _ in range(2):
        here.apply()
    assert (OLD in here.proxy.rows) is (grace is not None)
    here.converged()


def test_a_race_for_the_alias_that_the_new_key_wins() -> None:
    here = world()
    here.proxy.rivals = {"a": foreign("a", created_at=NOW + timedelta(days=1))}
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert len(outcome.notices) == 2
    assert OLD not in here.proxy.rows


# -- the old key does not go -------------------------------------------------------------------------------------------


def still_there(why: str) -> str:
    return f"failed: a has its new value; its old key, {ASIDE}, still works: {why}"


@pytest.mark.parametrize(
    ("hooks", "echoes", "why"),
    [
        ((), 2, f"LiteLLM answered that it deleted {ASIDE}, and the key is still there."),
        ((fails(NO, "proxy.delete"),), 0, "You may not."),
        ((fails(LOST, "proxy.delete", times=2),), 0, "It was reset."),
        (
            (fails(UNREACHABLE, "proxy.find", skip=1),),
            0,
            f"The delete of {ASIDE} was asked for, and could not be verified: Connection refused.",
        ),
        ((fails(FULL_DISK, "journal.report"),), 0, "No space left on the device."),
    ],
    ids=["only answered", "refused", "lost", "not verified", "not reported"],
)
def test_where_the_old_key_does_not_go_the_next_run_deletes_it(hooks: tuple[Hook, ...], echoes: int, why: str) -> None:
    here = world()
    here.proxy.echoes = echoes
    with failing(here, *hooks):
        outcome = here.apply()
    assert said(outcome) == {"a": still_there(why)}
    [failure] = outcome.failed
    assert failure.hint == AGAIN
    assert here.journal.keys[Alias("a")].token == NEW
    assert OLD in here.journal.values
    here.check()
    here.reopen()
    assert [change.alias for change in here.plan().effective] in ([ASIDE], [])
    here.apply()
    here.converged()
    assert (OLD in here.proxy.rows, ASIDE in here.journal.keys) == (False, False)


def test_a_delete_whose_answer_was_lost_is_sent_again() -> None:
    here = world()
    with failing(here, fails(LOST, "proxy.delete")):
        assert said(here.apply()) == {"a": "applied"}
    collected(here)


@pytest.mark.parametrize(
    ("error", "why"), [(NO, "You may not."), (LOST, "It was reset."), (UNREACHABLE, "Connection refused.")]
)
def test_where_the_old_key_does_not_end_with_its_grace_the_next_run_sees_to_it(error: VkstateError, why: str) -> None:
    here = world(grace=GRACE)
    with failing(here, fails(error, "proxy.update", about=ASIDE)):
        outcome = here.apply()
    assert said(outcome) == {"a": still_there(why)}
    here.reopen()
    [change] = here.plan().effective
    assert (change.alias, change.action, change.reason) == (ASIDE, Action.UPDATE, Reason.RETIRING)
    assert said(here.apply()) == {ASIDE: "applied"}
    assert here.proxy.rows[OLD].expires_at == ENDS
    assert here.journal.keys[ASIDE].expires_at == ENDS
    here.converged()


def test_both_ways_to_end_an_old_key_leave_the_same_record() -> None:
    straight, round_about = world(grace=GRACE), world(grace=GRACE)
    straight.apply()
    with failing(round_about, fails(NO, "proxy.update", about=ASIDE)):
        round_about.apply()
    round_about.reopen()
    round_about.apply()
    assert straight.journal.keys[ASIDE] == round_about.journal.keys[ASIDE]


def test_an_end_that_is_answered_and_not_set_is_seen() -> None:
    here = world(grace=GRACE)

    def deafen(name: str, about: object) -> None:
        here.proxy.deaf = name == "proxy.update" and about == ASIDE

    with failing(here, deafen):
        outcome = here.apply()
    assert said(outcome) == {"a": still_there("LiteLLM answered that it was updated, and it ends later still.")}


# -- lost answers, server-made values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [None, GRACE])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "call", ["proxy.update", "proxy.create", "proxy.newest", "proxy.delete", "proxy.find", "proxy.find_alias"]
)
@pytest.mark.parametrize("error", [LOST, UNREACHABLE])
def test_whatever_answer_is_lost_the_next_run_ends_what_was_begun(
    grace: timedelta | None, after: bool, call: str, error: VkstateError
) -> None:
    here = world(grace=grace)
    with failing(here, fails(error, call, times=9), after=after):
        here.apply()
    here.check()
    assert set(aliases(here).values()) & {"a", ASIDE}
    here.reopen()
    here.apply()
    assert "new" in aliases(here)
    assert OLD in here.proxy.rows or grace is None
    here.converged()


@pytest.mark.parametrize("grace", [None, GRACE])
def test_where_the_proxy_makes_all_values(grace: timedelta | None) -> None:
    here = world(grace=grace)
    here.proxy.makes_values = True
    assert said(here.apply()) == {"a": "applied"}
    [made] = [row for row in here.ours if row.alias == "a"]
    assert here.journal.keys[Alias("a")].token == made.token
    assert (NEW in here.journal.values, made.token in here.journal.values) == (False, True)
    assert (OLD in here.proxy.rows) is (OLD in here.journal.values) is (grace is not None)
    here.reopen()
    here.converged()


@pytest.mark.parametrize("grace", [None, GRACE])
def test_a_key_that_the_proxy_made_and_nobody_knows_the_value_of_is_made_again(grace: timedelta | None) -> None:
    here = world(grace=grace)
    here.proxy.makes_values = True
    with (
        failing(here, fails(LOST, "proxy.create", times=9), after=True),
        failing(here, fails(LOST, "proxy.find_alias")),
    ):
        here.apply()
    here.check_instant()
    assert OLD in here.proxy.rows
    for _ in range(2):
        here.reopen()
        here.apply()
    assert (OLD in here.proxy.rows) is (grace is not None)
    here.converged()


# -- stopped -----------------------------------------------------------------------------------------------------------


def undisturbed(grace: timedelta | None) -> int:
    here = world(grace=grace)
    here.apply()
    return len(here.fuse.calls)


@pytest.mark.parametrize(
    ("grace", "number"), [(grace, number) for grace in (None, GRACE) for number in range(undisturbed(grace))]
)
def test_whenever_it_is_stopped_the_old_or_the_new_value_works(grace: timedelta | None, number: int) -> None:
    here = world(grace=grace)

    def stop(_: str, __: object) -> None:
        if len(here.fuse.calls) == number + 1:
            here.stop.request("SIGINT")

    with failing(here, stop):
        here.apply()
    here.check()
    here.reopen()
    here.apply()
    here.converged()
    working = [row for row in here.ours if row.token in (OLD, NEW) and row.alias == "a"]
    assert len(working) == 1


def test_a_stop_after_the_old_key_made_way_is_said_and_the_next_run_goes_on() -> None:
    here = world()

    def stop(name: str, _: object) -> None:
        if name == "proxy.update":
            here.stop.request("SIGINT")

    with failing(here, stop):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert result.detail == (
        f"The new key was not made: The run was interrupted before it. The old one works on as {ASIDE}."
    )
    assert result.hint == AGAIN
    here.reopen()
    [change] = here.plan().effective
    assert (change.action, change.reason) == (Action.REPLACE, Reason.INTERRUPTED)
    assert said(here.apply()) == {"a": "applied"}
    collected(here)


def test_a_stop_after_the_old_key_went_first_is_said_and_the_next_run_makes_the_new_one() -> None:
    here = world()

    def stop(name: str, _: object) -> None:
        if name == "proxy.delete":
            here.stop.request("SIGTERM")

    with failing(here, fails(NO, "proxy.update"), stop):
        [result] = here.apply().results
    assert isinstance(result, Failed)
    assert result.detail == "The new key was not made: The run was interrupted before it. The old one is deleted."
    here.reopen()
    assert [change.action for change in here.plan().effective] == [Action.CREATE]
    here.apply()
    collected(here)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_what_is_sensitive_is_never_sent_twice_nor_shown() -> None:
    secret = Sensitive(CANARY)
    declared: Mapping[str, Value] = {**DECLARED, "metadata.x": secret}
    here = World().want([desired("a", declared)])
    have = recorded("a", {**DECLARED, "metadata.x": seal(LINEAGE, secret)})
    here.has([have], [live("a", FULL, also={"metadata.x": CANARY}, key_id=id_of("a"))])
    here.asks(Options(replace=("a",), grace=GRACE))
    plan = here.plan()
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert CANARY not in repr((plan, outcome, here.journal.saves, here.journal.reports))
    assert [order.sensitive for order in here.proxy.updated] == [(CANARY,), (CANARY,)]
    assert [dict(order.assign) for order in here.proxy.updated] == [{"key_alias": ASIDE}, {}]
    here.reopen()
    here.converged()
