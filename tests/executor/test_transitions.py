"""Moves, imports, releases, refreshes, renewals and what is left missing: carried out, and refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.executor.fuse import Hook, fails
from tests.executor.world import Watcher, World, failing, said
from tests.factories import (
    EMPTY_ROW,
    ENDS,
    LINEAGE,
    NOW,
    SHOWN,
    aside,
    desired,
    foreign,
    gone,
    id_of,
    live,
    participant,
    pending,
    recorded,
    retired,
    token_of,
)
from vkstate.attributes import Value
from vkstate.errors import VkstateError
from vkstate.executor.ports import AliasTaken, AnswerLost, Refused, Sought, UpdateOrder
from vkstate.expiry import Lasting
from vkstate.keys import Alias, DesiredKey, OnMissing, Origin, RecordedKey, Stamp, Status
from vkstate.options import Move, Options, Removed
from vkstate.plan import Action, Plan

FULL = {**EMPTY_ROW, **SHOWN}
NO = Refused("You may not.")
LOST = AnswerLost("It was reset.")
UNREACHABLE = VkstateError("Connection refused.")
FULL_DISK = VkstateError("No space left on the device.")


# -- moves -------------------------------------------------------------------------------------------------------------


def moving(*, to: DesiredKey | None = None) -> World:
    here = World().want([to or desired("b")])
    here.has([recorded("a")], [live("a", FULL), foreign("other")])
    return here.asks(Options(moves=(Move("a", "b", "vkstate.yaml:30:3"),)))


def test_a_move_is_one_request_and_one_record() -> None:
    here = moving()
    assert said(here.apply()) == {"b": "applied"}
    assert here.fuse.calls == ["proxy.update", "journal.save"]
    [order] = here.proxy.updated
    assert order == UpdateOrder(
        Sought(token_of("a"), id_of("a"), Alias("b")), Stamp(LINEAGE, id_of("a")), {"key_alias": "b"}
    )
    assert here.journal.keys == {"b": replace(recorded("a"), alias=Alias("b"))}
    assert here.proxy.rows[token_of("a")].alias == "b"
    here.reopen()
    here.converged()


def test_a_member_that_moves_takes_its_mark_along() -> None:
    here = moving(to=desired("b", member=participant(1)))
    here.apply()
    assert here.proxy.rows[token_of("a")].stamp == Stamp(LINEAGE, id_of("a"), participant(1))
    assert here.journal.keys[Alias("b")].member == participant(1)
    here.converged()


def test_what_has_moved_already_is_only_recorded() -> None:
    here = moving()
    here.proxy.rows[token_of("a")] = live("b", FULL, name="a", key_id=id_of("a"))
    here.apply()
    assert here.fuse.calls == ["journal.save"]
    here.converged()


@pytest.mark.parametrize("error", [NO, AliasTaken("Key with that alias already exists."), LOST, UNREACHABLE])
def test_a_move_that_is_refused_leaves_everything_as_it_was(error: VkstateError) -> None:
    here = moving()
    with failing(here, fails(error, "proxy.update")):
        assert said(here.apply()) == {"b": f"failed: {error.detail}"}
    assert here.journal.keys == {"a": recorded("a")}
    here.apply()
    here.converged()


def test_a_move_that_is_answered_and_not_made_is_seen() -> None:
    here = moving()
    here.proxy.deaf = True
    assert said(here.apply()) == {"b": "failed: LiteLLM answered that it updated b, and still holds the old key_alias."}
    assert set(here.journal.keys) == {"a"}


def test_a_move_whose_answer_was_lost_is_recorded_by_the_next_run() -> None:
    here = moving()
    with failing(here, fails(LOST, "proxy.update"), after=True):
        here.apply()
    assert set(here.journal.keys) == {"a"}
    [change] = here.plan().effective
    assert not change.needs_request
    here.apply()
    here.converged()


def test_a_key_that_moves_and_is_gone_is_made_anew_and_its_old_record_goes() -> None:
    here = moving()
    here.proxy.rows.pop(token_of("a"))
    assert said(here.apply()) == {"b": "applied"}
    assert set(here.journal.keys) == {"b"}
    here.converged()


@pytest.mark.parametrize("error", [NO, AliasTaken("It exists.")])
def test_a_key_that_cannot_be_made_anew_stays_recorded_under_its_old_alias(error: Refused) -> None:
    here = moving()
    here.proxy.rows.pop(token_of("a"))
    with failing(here, fails(error, "proxy.create")):
        here.apply()
    assert here.journal.keys == {"a": recorded("a")}
    here.apply()
    here.converged()


def test_an_interrupted_create_that_moves_is_recorded_under_its_new_alias() -> None:
    for row in ([live("a", FULL)], []):
        here = World().want([desired("b")]).has([pending("a")], row)
        here.asks(Options(moves=(Move("a", "b", "vkstate.yaml:30:3"),)))
        assert said(here.apply()) == {"b": "applied"}
        assert {alias: record.status for alias, record in here.journal.keys.items()} == {"b": Status.READY}
        assert [order.alias for order in here.proxy.created] == ([] if row else ["b"])
        assert here.proxy.rows[token_of("a")].alias == "b"
        here.converged()


def test_what_the_proxy_made_under_the_old_alias_is_made_again_under_the_new_one() -> None:
    here = World().want([desired("b")])
    here.has([pending("a", no_token=True)], [live("a", FULL, name="made by the proxy")])
    here.proxy.makes_values = True
    here.asks(Options(moves=(Move("a", "b", "vkstate.yaml:30:3"),)))
    assert said(here.apply()) == {"b": "applied"}
    assert [row.alias for row in here.ours] == ["b"]
    assert token_of("made by the proxy") not in here.proxy.rows
    here.converged()


def test_an_old_key_follows_without_a_request() -> None:
    here = moving()
    old = retired("a", "old", until=NOW + timedelta(hours=1))
    here.has([old], [aside("a", "old", expires_at=NOW + timedelta(hours=1))], ["old"])
    watcher = Watcher()
    assert said(here.apply(observer=watcher)) == {"b": "applied", old.alias: "applied"}
    assert len(here.proxy.updated) == 1
    followed = here.journal.keys[old.alias].retired
    assert followed is not None
    assert followed.successor == "b"
    assert watcher.events[0] == "started 2"
    here.converged()


def test_an_old_key_whose_successor_could_not_move_waits_for_it() -> None:
    here = moving()
    here.has([retired("a", "old")], [aside("a", "old", attributes=FULL)], ["old"])
    here.journal.keys[retired("a", "old").alias] = retired("a", "old", until=NOW + timedelta(hours=1))
    with failing(here, fails(NO, "proxy.update", about="b")):
        here.apply()
    here.proxy.time += timedelta(hours=2)
    here.apply()
    assert (set(here.journal.keys) >= {"b"}, token_of("old") in here.proxy.rows) == (True, True)
    here.apply()
    here.converged()
    assert token_of("old") not in here.proxy.rows


# -- imports -----------------------------------------------------------------------------------------------------------

THEIRS = live("a", FULL, name="theirs", lineage=None, spend=2.5, also={"metadata.team": "x"})
OUR_ID = THEIRS.token[:16]


def importing(want: DesiredKey | None = None, *, options: Options | None = None) -> World:
    here = World().want([want or desired("a")]).has([], [THEIRS, foreign("other")])
    here.foreign.pop(THEIRS.token)
    return here.asks(options or Options(imports=("a",)))


def test_an_import_is_recorded_before_it_carries_our_mark() -> None:
    here = importing()
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["journal.save", "proxy.update", "journal.save"]
    [order] = here.proxy.updated
    assert order.assign == {"metadata.vkstate": {"lineage": LINEAGE, "id": OUR_ID}}
    assert (order.clear, order.expiry) == (frozenset(), None)
    record = here.journal.keys[Alias("a")]
    assert (record.origin, record.token, record.id) == (Origin.IMPORTED, THEIRS.token, OUR_ID)
    assert record.applied == desired("a").declared
    assert here.proxy.rows[THEIRS.token] == replace(THEIRS, stamp=Stamp(LINEAGE, OUR_ID))
    here.converged()


def test_an_import_makes_the_key_what_the_config_says() -> None:
    want = desired("a", max_budget=5, duration="7d", member=participant(1), also={"metadata.x": "y"})
    here = importing(want)
    here.apply()
    row = here.proxy.rows[THEIRS.token]
    assert [row.attributes[path] for path in ("max_budget", "metadata.x", "metadata.team")] == [5, "y", "x"]
    assert row.stamp == Stamp(LINEAGE, OUR_ID, participant(1))
    assert here.proxy.updated[0].expiry == Lasting(7 * 86_400)
    assert here.journal.keys[Alias("a")].member == participant(1)
    here.converged()


def test_nothing_is_marked_whose_record_cannot_be_saved() -> None:
    here = importing()
    with failing(here, fails(FULL_DISK, "journal.save")), pytest.raises(VkstateError, match="No space left"):
        here.apply()
    assert (here.proxy.rows[THEIRS.token], here.journal.keys) == (THEIRS, {})


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [NO, LOST, UNREACHABLE])
def test_an_import_that_fails_goes_on_with_the_next_run(error: VkstateError, after: bool) -> None:
    here = importing(desired("a", max_budget=5))
    with failing(here, fails(error, "proxy.update"), after=after):
        assert said(here.apply()) == {"a": f"failed: {error.detail}"}
    record = here.journal.keys[Alias("a")]
    assert (record.origin, record.applied["max_budget"]) == (Origin.IMPORTED, 50)
    here.reopen()
    here.options = Options()
    here.apply()
    here.converged()
    assert here.journal.keys[Alias("a")].origin is Origin.IMPORTED


def test_a_mark_that_is_answered_and_not_set_is_seen() -> None:
    here = importing()
    here.proxy.deaf = True
    assert said(here.apply()) == {
        "a": "failed: LiteLLM answered that it updated a, and still holds the old metadata.vkstate."
    }


def test_what_is_taken_over_takes_the_place_of_the_old_record() -> None:
    move = Move("old", "a", "vkstate.yaml:30:3")
    for name, moves in (("a", ()), ("old", (move,))):
        here = importing(options=Options(adopt_replaced=True, moves=moves))
        here.has([recorded(name, prevent_destroy=True)])
        here.want([desired("a", prevent_destroy=None)])
        assert said(here.apply()) == {"a": "applied"}
        record = here.journal.keys[Alias("a")]
        assert list(here.journal.keys) == ["a"]
        assert (record.token, record.origin, record.prevent_destroy) == (THEIRS.token, Origin.IMPORTED, True)
        here.converged()


def test_what_is_imported_in_place_of_a_create_that_never_was() -> None:
    for have in (pending("a"), pending("a", no_token=True)):
        here = importing().has([have])
        assert said(here.apply()) == {"a": "applied"}
        assert here.journal.keys[Alias("a")].id == OUR_ID
        here.converged()


# -- releases ----------------------------------------------------------------------------------------------------------


def releasing() -> World:
    here = World().want([desired("same")])
    here.has([recorded("a"), recorded("same")], [live("a", FULL, spend=1.5, max_budget=7), live("same", FULL)])
    return here.asks(Options(removed=(Removed("a", destroy=False, place="vkstate.yaml:40:3"),)))


def test_a_release_takes_our_mark_off_and_then_forgets() -> None:
    here = releasing()
    before = here.proxy.rows[token_of("a")]
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["proxy.update", "journal.save"]
    assert here.proxy.rows[token_of("a")] == replace(before, stamp=None)
    assert (set(here.journal.keys), here.journal.reports) == ({"same"}, [])
    assert token_of("a") in here.journal.values
    here.reopen()
    here.converged()


def test_a_key_without_our_mark_is_forgotten_without_a_request() -> None:
    here = releasing()
    here.proxy.rows[token_of("a")] = live("a", FULL, lineage=None)
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["journal.save"]


@pytest.mark.parametrize(
    ("hook", "detail"),
    [
        (fails(NO, "proxy.update"), "You may not."),
        (fails(LOST, "proxy.update"), "It was reset."),
        (fails(UNREACHABLE, "proxy.update"), "Connection refused."),
        (None, "LiteLLM answered that it updated a, and the key carries our mark still."),
    ],
)
def test_a_key_that_cannot_be_released_stays_ours(hook: Hook | None, detail: str) -> None:
    here = releasing()
    here.proxy.deaf = hook is None
    with failing(here, *([hook] if hook else [])):
        assert said(here.apply()) == {"a": f"failed: {detail}"}
    assert set(here.journal.keys) == {"a", "same"}
    here.proxy.deaf = False
    here.apply()
    here.converged()


def test_another_project_may_import_what_was_released() -> None:
    here = releasing()
    here.apply()
    here.want([desired("a"), desired("same")]).asks(Options(imports=("a",)))
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys[Alias("a")].origin is Origin.IMPORTED
    here.converged()


def test_a_release_that_is_not_started_is_not_attempted() -> None:
    here = releasing()
    here.stop.request("SIGINT")
    assert said(here.apply()) == {"a": "not attempted: The run was interrupted before it."}
    assert set(here.journal.keys) == {"a", "same"}


# -- refreshes ---------------------------------------------------------------------------------------------------------


def test_a_refresh_writes_the_state_once_and_sends_nothing() -> None:
    here = World().want([desired("a"), desired("c", on_missing=OnMissing.FORGET), desired("new")])
    here.has(
        [recorded("a"), recorded("b"), recorded("c"), recorded("old"), pending("p"), pending("q")],
        [live("a", FULL, max_budget=7), live("p", FULL), live("new", FULL, name="old", key_id=id_of("old"))],
    )
    plan = here.refresh()
    watcher = Watcher()
    outcome = here.apply(current=plan, observer=watcher)
    assert said(outcome) == dict.fromkeys(["a", "b", "c", "old", "p"], "applied")
    assert here.fuse.calls == ["journal.save"]
    assert watcher.events[0] == "started 5"
    assert {alias: record.status for alias, record in here.journal.keys.items()} == {
        "a": Status.READY,
        "c": Status.GONE,
        "new": Status.READY,
        "p": Status.READY,
        "q": Status.PENDING,
    }
    assert here.journal.keys[Alias("a")].applied["max_budget"] == 7
    assert here.refresh().effective == ()


def test_a_refresh_records_a_key_under_the_alias_of_one_that_it_forgets() -> None:
    """In whichever order the two stand."""
    for old, new in (("a", "b"), ("b", "a")):
        here = World().want([desired(new)])
        here.has([recorded(old), recorded(new)], [live(new, FULL, name=old, key_id=id_of(old))])
        assert set(said(here.apply(current=here.refresh())).values()) == {"applied"}
        assert here.journal.keys == {new: replace(recorded(old), alias=Alias(new))}
        here.converged()


# -- left missing ------------------------------------------------------------------------------------------------------


def test_a_key_that_is_left_missing_is_remembered_and_may_come_back() -> None:
    here = World().want([desired("a", on_missing=OnMissing.FORGET)]).has([recorded("a")])
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys == {"a": gone("a")}
    here.converged()
    here.proxy.add([live("a", FULL)])
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys == {"a": recorded("a")}
    here.converged()


def test_a_key_that_was_left_missing_is_made_anew_when_the_config_asks_for_that() -> None:
    here = World().want([desired("a")]).has([gone("a")])
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys[Alias("a")].token != token_of("a")
    here.converged()


@pytest.mark.parametrize("have", [gone("a"), recorded("a")])
def test_a_create_in_its_place_that_is_refused_leaves_the_record_as_it_was(have: RecordedKey) -> None:
    here = World().want([desired("a")]).has([have])
    with failing(here, fails(NO, "proxy.create")):
        here.apply()
    assert here.journal.keys == {"a": have}
    here.apply()
    here.converged()


# -- retired keys ------------------------------------------------------------------------------------------------------


def test_old_keys_are_collected_in_one_request_and_reported() -> None:
    here = World().want([desired("a"), desired("b")])
    here.has(
        [*map(recorded, "ab"), *(retired(alias, f"old {alias}") for alias in "ab")],
        [*(live(alias, FULL) for alias in "ab"), *(aside(alias, f"old {alias}") for alias in "ab")],
        ["old a", "old b"],
    )
    outcome = here.apply()
    assert set(said(outcome).values()) == {"applied"}
    assert (outcome.count(Action.DELETE), outcome.remaining) == (2, 0)
    assert [len(tokens) for tokens in here.proxy.deleted] == [2]
    assert [len(lines) for lines in here.journal.reports] == [2]
    assert here.journal.values.keys() == {token_of("a"), token_of("b")}
    here.converged()


# -- renewals ----------------------------------------------------------------------------------------------------------

PAST = NOW - timedelta(hours=1)
SEVEN_DAYS: Mapping[str, Value] = {**SHOWN, "duration": "7d"}


def renewing(declared: Mapping[str, Value] = SEVEN_DAYS) -> World:
    here = World().want([desired("a", declared)])
    here.has([recorded("a", declared, expires_at=PAST)], [live("a", FULL, expires_at=PAST)])
    return here.asks(Options(renew=("a",)))


@pytest.mark.parametrize(
    ("duration", "ends"), [("7d", NOW + timedelta(days=7, milliseconds=10)), ("never", None)], ids=["lasting", "never"]
)
def test_a_renewal_gives_time_again_with_the_same_value(duration: str, ends: datetime | None) -> None:
    here = renewing({**SHOWN, "duration": duration})
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["journal.save", "proxy.update", "journal.save"][: 2 if ends is None else 3]
    assert here.proxy.rows[token_of("a")].expires_at == ends
    assert here.journal.keys[Alias("a")].expires_at == ends
    assert len(here.proxy.updated) == 1
    here.reopen()
    here.converged()


@pytest.mark.parametrize("deaf", [False, True])
def test_a_renewal_that_is_refused_leaves_the_end_as_it_was(deaf: bool) -> None:
    here = renewing()
    here.proxy.deaf = deaf
    with failing(here, *([] if deaf else [fails(NO, "proxy.update")])):
        [result] = here.apply().failed
    words = "LiteLLM answered that it updated a, and still holds the old duration."
    assert result.detail == (words if deaf else "You may not.")
    assert here.journal.keys[Alias("a")].expires_at == PAST
    here.reopen()
    here.converged()


def test_a_renewal_that_is_not_started_leaves_the_end_as_it_was() -> None:
    here = renewing()
    here.stop.request("SIGINT")
    assert said(here.apply()) == {"a": "not attempted: The run was interrupted before it."}
    assert here.journal.keys[Alias("a")].expires_at == PAST
    here.reopen()
    here.converged()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [LOST, UNREACHABLE])
def test_a_renewal_whose_answer_was_lost_is_made_by_the_next_run(error: VkstateError, after: bool) -> None:
    here = renewing()
    with failing(here, fails(error, "proxy.update"), after=after):
        here.apply()
    here.reopen()
    here.apply()
    here.converged()
    ends = here.proxy.rows[token_of("a")].expires_at
    assert ends is not None
    assert abs(ends - (NOW + timedelta(days=7))) < timedelta(seconds=2)


def test_a_renewal_beside_a_change_that_is_not_made_is_kept() -> None:
    here = renewing({**SEVEN_DAYS, "max_budget": 50, "rpm_limit": 1})
    here.want([desired("a", {**SEVEN_DAYS, "max_budget": 50})])
    here.journal.keys[Alias("a")] = recorded("a", {**SEVEN_DAYS, "rpm_limit": 1}, expires_at=PAST)
    here.proxy.rows[token_of("a")] = live("a", {**FULL, "rpm_limit": 1}, expires_at=PAST)
    here.proxy.forced, here.proxy.forces_always = {"rpm_limit": 1}, True
    [failure] = here.apply().failed
    assert failure.detail == "LiteLLM answered that it updated a, and still holds the old rpm_limit."
    ends = here.proxy.rows[token_of("a")].expires_at
    assert ends is not None
    here.reopen()
    assert [diff.path for change in here.plan().effective for diff in change.diffs] == ["rpm_limit"]


def test_an_end_that_is_given_already_is_only_recorded() -> None:
    here = renewing({**SHOWN, "duration": "never"})
    here.proxy.rows[token_of("a")] = live("a", FULL, expires_at=None)
    plan: Plan = here.plan()
    assert [change.needs_request for change in plan.effective] == [False]
    here.apply()
    assert here.fuse.calls == ["journal.save"]
    here.reopen()
    here.converged()


def test_what_ends_later_than_a_drifted_end_is_not_taken_for_it() -> None:
    """An expired key that somebody gave time by hand is drift still, and is renewed where that is asked for."""
    here = renewing()
    here.proxy.rows[token_of("a")] = live("a", FULL, expires_at=ENDS)
    here.apply()
    here.reopen()
    here.converged()
