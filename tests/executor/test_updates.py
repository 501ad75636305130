"""Updates, adoptions, and what only the record says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import fails
from tests.executor.world import World, failing, said
from tests.factories import (
    DECLARED,
    EMPTY_ROW,
    ENDS,
    LINEAGE,
    NOW,
    SHOWN,
    desired,
    id_of,
    live,
    participant,
    pending,
    recorded,
    token_of,
    value_of,
)
from vkstate.attributes import Json, Sealed, Sensitive, Value
from vkstate.canonical import seal
from vkstate.errors import VkstateError
from vkstate.executor.ports import AliasTaken, AnswerLost, Refused, Sought, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until
from vkstate.keys import Alias, DesiredKey, LiveKey, Origin, RecordedKey, Stamp, Status
from vkstate.plan import Action, Cause

A = Alias("a")
FULL = {**EMPTY_ROW, **SHOWN}
SOUGHT = Sought(token_of("a"), id_of("a"), A)
STAMP = Stamp(LINEAGE, id_of("a"))


class Unreachable(VkstateError):
    """Not about one key."""

    summary = "the proxy is unreachable"


def world(want: DesiredKey, have: RecordedKey | None = None, row: LiveKey | None = None) -> World:
    return World().want([want]).has([have or recorded("a")], [row or live("a", FULL)])


def test_an_update() -> None:
    here = world(desired("a", max_budget=5))
    before = here.journal.keys[A]
    assert said(here.apply()) == {"a": "applied"}
    assert here.proxy.updated == [UpdateOrder(SOUGHT, STAMP, {"max_budget": 5})]
    assert here.fuse.calls == ["proxy.update", "journal.save"]
    after = here.journal.keys[A]
    assert after.applied == {**DECLARED, "max_budget": 5}
    assert (after.token, after.id, after.expires_at, after.created_at) == (
        before.token,
        before.id,
        before.expires_at,
        before.created_at,
    )
    here.converged()


@pytest.mark.parametrize(
    ("want", "have", "row", "assign", "clear", "expiry"),
    [
        (desired("a"), recorded("a", rpm_limit=5), live("a", FULL, rpm_limit=5), {}, {"rpm_limit"}, None),
        (
            desired("a", also={"metadata.y": 1}),
            recorded("a", also={"metadata.x": 1}),
            live("a", FULL, also={"metadata.x": 1, "metadata.theirs": 1}),
            {"metadata.y": 1},
            {"metadata.x"},
            None,
        ),
        (
            desired("a", also={"metadata.x": Sensitive("s")}),
            recorded("a"),
            live("a", FULL),
            {"metadata.x": "s"},
            set(),
            None,
        ),
        (desired("a", duration="7d"), recorded("a"), live("a", FULL), {}, set(), Lasting(604_800)),
        (desired("a", duration="never"), recorded("a"), live("a", FULL), {}, set(), Never()),
        (desired("a"), recorded("a"), live("a", FULL, expires_at=NOW), {}, set(), Until(ENDS)),
        (
            desired("a", duration="never"),
            recorded("a", duration="never", expires_at=None),
            live("a", FULL),
            {},
            set(),
            Never(),
        ),
        (desired("a"), recorded("a"), live("b", FULL, name="a", key_id=id_of("a")), {"key_alias": "a"}, set(), None),
        (
            desired("a", member=participant(1)),
            recorded("a"),
            live("a", FULL),
            {
                "metadata.vkstate": {
                    "lineage": LINEAGE,
                    "id": id_of("a"),
                    "workshop": "w",
                    "user": "user1",
                    "user_number": 1,
                }
            },
            set(),
            None,
        ),
        (
            desired("a"),
            recorded("a"),
            live("a", FULL, lineage=None),
            {"metadata.vkstate": {"lineage": LINEAGE, "id": id_of("a")}},
            set(),
            None,
        ),
    ],
    ids=["clear", "metadata", "sensitive", "duration", "never", "drift", "drift to an end", "alias", "member", "stamp"],
)
def test_what_is_sent_is_what_differs(
    want: DesiredKey,
    have: RecordedKey,
    row: LiveKey,
    assign: dict[str, Value],
    clear: set[str],
    expiry: Expiry | None,
) -> None:
    here = world(want, have, row)
    assert said(here.apply()) == {"a": "applied"}
    [order] = here.proxy.updated
    assert (order.sought, order.assign, order.clear, order.expiry) == (SOUGHT, assign, frozenset(clear), expiry)
    assert order.stamp == Stamp(LINEAGE, id_of("a"), want.member)
    here.converged()


def test_repairing_an_end_moves_it_to_the_recorded_instant() -> None:
    here = world(desired("a"), row=live("a", FULL, expires_at=NOW))
    here.apply()
    assert here.proxy.rows[token_of("a")].expires_at == ENDS


def test_an_end_that_was_moved_meanwhile_is_left_for_the_next_plan() -> None:
    here = world(desired("a", max_budget=5))
    plan = here.plan()
    later = ENDS + timedelta(days=7)
    here.proxy.rows[token_of("a")] = live("a", FULL, expires_at=later)
    assert said(here.apply(current=plan)) == {"a": "applied"}
    assert here.journal.keys[A].expires_at == ENDS
    assert [(diff.path, diff.cause) for diff in here.plan().changes[0].diffs] == [("expires_at", Cause.OUTSIDE)]
    here.apply()
    here.converged()


def test_a_record_that_changes_alone_keeps_its_end() -> None:
    """What ``state mv`` makes of a key that was renamed by hand, and whose end was moved."""
    here = world(desired("a", max_budget=5), row=live("a", FULL, max_budget=5, expires_at=NOW))
    plan = here.plan()
    [change] = plan.changes
    assert [diff.path for diff in change.diffs] == ["expires_at", "max_budget"]
    here.apply(current=replace(plan, changes=(replace(change, diffs=change.diffs[1:]),)))
    assert (here.journal.keys[A].applied["max_budget"], here.journal.keys[A].expires_at) == (5, ENDS)
    assert here.proxy.rows[token_of("a")].expires_at == NOW


def test_what_has_ended_since_ends_at_once() -> None:
    """Others gave an expired key more time: it is taken back."""
    over = NOW - timedelta(hours=1)
    here = world(desired("a"), recorded("a", expires_at=over), live("a", FULL))
    assert said(here.apply()) == {"a": "applied"}
    here.converged()


@pytest.mark.parametrize(
    ("want", "have", "row"),
    [
        (desired("a", max_budget=5), recorded("a"), live("a", FULL, max_budget=5)),
        (desired("a", prevent_destroy=True), recorded("a"), live("a", FULL)),
        (desired("a"), recorded("a", rpm_limit=5), live("a", FULL)),
        (desired("a", member=participant(1)), recorded("a"), live("a", FULL, member=participant(1))),
    ],
    ids=["already so", "protection", "already cleared", "stamp is right"],
)
def test_what_the_proxy_holds_already_is_recorded_without_a_request(
    want: DesiredKey, have: RecordedKey, row: LiveKey
) -> None:
    here = world(want, have, row)
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["journal.save"]
    here.converged()


def test_no_change_is_no_write() -> None:
    here = world(desired("a"))
    outcome = here.apply()
    assert (outcome.results, outcome.complete, here.fuse.calls) == ((), True, [])


def test_an_update_that_was_answered_and_not_done_has_failed() -> None:
    here = world(desired("a", max_budget=5, duration="never"))
    here.proxy.forced, here.proxy.forces_always = {"max_budget": 50}, True
    here.proxy.forced_end = timedelta(days=1)
    before = dict(here.journal.keys)
    assert said(here.apply()) == {"a": "failed: LiteLLM answered that it updated a, and still holds the old duration."}
    assert here.journal.keys == before


def test_what_the_proxy_does_not_take_is_recorded_as_its_default_at_the_first_try() -> None:
    line: dict[str, Json] = {"object_permission.mcp_servers": ["s1"]}
    dropped: dict[str, Json] = {"object_permission.mcp_servers": []}
    here = world(desired("a", rpm_limit=7, also=line))
    here.proxy.forced, here.proxy.forces_always = dropped, True
    note = "The proxy keeps its own value of object_permission.mcp_servers (server default)."
    assert said(here.apply()) == {"a": f"applied: {note}"}
    after = here.journal.keys[A]
    assert (after.applied, after.server_defaults) == (here.wanted[A].declared, dropped)
    assert len(here.proxy.updated) == 1
    here.converged()


def test_a_clearing_that_was_not_done_has_failed() -> None:
    here = world(desired("a"), recorded("a", rpm_limit=5), live("a", FULL, rpm_limit=5))
    here.proxy.forced, here.proxy.forces_always = {"rpm_limit": 5}, True
    assert said(here.apply()) == {"a": "failed: LiteLLM answered that it updated a, and still holds the old rpm_limit."}


@pytest.mark.parametrize(
    ("want", "row", "path"),
    [
        (desired("a"), live("b", FULL, name="a", key_id=id_of("a")), "key_alias"),
        (desired("a"), live("a", FULL, lineage=None), "metadata.vkstate"),
    ],
)
def test_a_name_or_stamp_that_was_not_written_has_failed(want: DesiredKey, row: LiveKey, path: str) -> None:
    here = world(want, row=row)
    here.proxy.deaf = True
    assert said(here.apply()) == {"a": f"failed: LiteLLM answered that it updated a, and still holds the old {path}."}


def test_a_drift_that_the_proxy_does_not_give_up_is_recorded_as_its_default() -> None:
    here = world(desired("a"), row=live("a", FULL, max_budget=100))
    here.proxy.forced, here.proxy.forces_always = {"max_budget": 100}, True
    assert said(here.apply()) == {"a": "applied: The proxy keeps its own value of max_budget (server default)."}
    assert here.journal.keys[A].server_defaults == {"max_budget": 100}
    here.converged()


def test_a_default_that_was_overcome_is_forgotten() -> None:
    here = world(
        desired("a", max_budget=60),
        recorded("a", rpm_limit=1, server_defaults={"max_budget": 100, "rpm_limit": 9}),
        live("a", FULL, max_budget=100, rpm_limit=9),
    ).want([desired("a", max_budget=60, rpm_limit=1)])
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys[A].server_defaults == {"rpm_limit": 9}
    here.converged()


def test_one_refusal_does_not_stop_the_others() -> None:
    here = World().want(desired(alias, max_budget=5) for alias in "abc")
    here.has(map(recorded, "abc"), (live(alias, FULL) for alias in "abc"))
    with failing(here, fails(Refused("No.", hint="ask"), "proxy.update", about="b")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied", "b": "failed: No.", "c": "applied"}
    assert here.journal.keys[Alias("b")] == recorded("b")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [AnswerLost("It was reset."), AliasTaken("Taken."), Unreachable("Refused.")])
def test_a_failed_update_keeps_the_record_and_is_made_good_by_the_next_run(error: VkstateError, after: bool) -> None:
    here = world(desired("a", max_budget=5))
    with failing(here, fails(error, "proxy.update"), after=after):
        assert said(here.apply()) == {"a": f"failed: {error.detail}"}
    assert here.journal.keys == {A: recorded("a")}
    here.apply()
    assert len(here.proxy.updated) == (1 if after else 2)
    here.converged()


# -- adoption ----------------------------------------------------------------------------------------------------------


def test_an_interrupted_create_is_adopted_without_a_request() -> None:
    here = world(desired("a"), pending("a"))
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == ["journal.save"]
    after = here.journal.keys[A]
    assert (after.status, after.origin, after.pending_since, after.expires_at) == (
        Status.READY,
        Origin.CREATED,
        None,
        ENDS,
    )
    here.converged()


def test_what_an_interrupted_create_lacks_is_made_good() -> None:
    here = world(desired("a"), pending("a"), live("a", FULL, max_budget=100, expires_at=None))
    assert said(here.apply()) == {"a": "applied"}
    [order] = here.proxy.updated
    assert (order.assign, order.expiry) == ({"max_budget": 50}, Lasting(30 * 86_400))
    here.converged()


def test_what_the_proxy_forces_on_an_interrupted_create_is_recorded() -> None:
    here = world(desired("a"), pending("a"), live("a", FULL, max_budget=100))
    here.proxy.forced, here.proxy.forces_always = {"max_budget": 100}, True
    assert said(here.apply()) == {"a": "applied: The proxy keeps its own value of max_budget (server default)."}
    here.converged()


def test_an_adoption_whose_update_fails_is_recorded_as_it_is() -> None:
    want = desired("a", {"duration": "never", "max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"})
    here = world(want, pending("a", want.declared), live("a", FULL, max_budget=100))
    with failing(here, fails(AnswerLost("It was reset."), "proxy.update")):
        assert said(here.apply()) == {"a": "failed: It was reset."}
    assert here.journal.keys[A].status is Status.READY
    assert [diff.path for diff in here.plan().changes[0].diffs] == ["expires_at", "max_budget"]
    here.apply()
    assert here.proxy.rows[token_of("a")].expires_at is None
    here.converged()


def test_a_key_that_the_state_does_not_know_is_adopted_with_what_the_proxy_holds() -> None:
    here = World().want([desired("a", member=participant(1))])
    here.journal.add([], [value_of("a")])
    here.proxy.add([live("a", FULL, key_id="0" * 16, member=participant(1))])
    assert said(here.apply()) == {"a": "applied"}
    after = here.journal.keys[A]
    assert (after.origin, after.id, after.token, after.applied) == (
        Origin.ADOPTED,
        "0" * 16,
        token_of("a"),
        dict(DECLARED),
    )
    assert here.proxy.updated == []
    here.converged()


def test_an_order_names_the_sensitive_values_that_do_not_change_too() -> None:
    team = Sensitive("t")
    here = world(
        desired("a", also={"team_id": team}, max_budget=5),
        recorded("a", also={"team_id": seal(LINEAGE, team)}),
        live("a", FULL, also={"team_id": "t"}),
    )
    here.apply()
    assert here.proxy.updated == [UpdateOrder(SOUGHT, STAMP, {"max_budget": 5}, sensitive=("t",))]


def test_nothing_sensitive_goes_from_the_proxy_into_the_record_of_an_adopted_key() -> None:
    here = World().want([desired("a", also={"metadata.logging": Sensitive("new")}, max_budget=5)])
    here.journal.add([], [value_of("a")])
    here.proxy.add([live("a", FULL, also={"metadata.logging": "old"})])
    with failing(here, fails(AnswerLost("It was reset."), "proxy.update")):
        here.apply()
    assert here.journal.keys[A].applied == {"max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"}
    here.apply()
    assert here.journal.keys[A].applied["metadata.logging"] == seal(LINEAGE, Sensitive("new"))
    assert all(
        not isinstance(value, Sensitive) and "old" not in repr(value)
        for saved in here.journal.saves
        for value in saved[A].applied.values()
    )
    assert isinstance(here.journal.keys[A].applied["metadata.logging"], Sealed)
    here.converged()


def test_an_adoption_that_was_not_attempted_is_recorded_all_the_same() -> None:
    here = world(desired("a", member=participant(1)), pending("a"), live("a", FULL, max_budget=100))
    here.stop.request("SIGINT")
    assert said(here.apply()) == {"a": "not attempted: The run was interrupted before it."}
    assert (here.journal.keys[A].status, here.journal.keys[A].member) == (Status.READY, None)
    here.reopen()
    assert [change.action for change in here.plan().changes] == [Action.UPDATE]
    here.apply()
    here.converged()


def test_forgetting() -> None:
    here = World().has([recorded("gone"), recorded("taken")], [live("taken", name="x", lineage=None)])
    outcome = here.apply()
    assert said(outcome) == {"gone": "applied", "taken": "applied"}
    assert (outcome.count(Action.FORGET), here.fuse.calls) == (2, ["journal.save"])
    here.converged()
