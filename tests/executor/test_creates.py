"""Creates: exactly once, whatever is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import fails
from tests.executor.world import World, failing, said
from tests.factories import (
    LINEAGE,
    NOW,
    desired,
    foreign,
    id_of,
    live,
    participant,
    pending,
    recorded,
    token_of,
    value_of,
)
from vkstate.errors import VkstateError
from vkstate.executor.creation import ATTEMPTS
from vkstate.executor.orders import create_order
from vkstate.executor.ports import AliasTaken, AnswerLost, Refused
from vkstate.keys import Alias, Origin, RecordedKey, Retired, Stamp, Status, retired_alias
from vkstate.plan import Action, Reason

A = Alias("a")
LOST = AnswerLost("The connection was reset.")


class Unreachable(VkstateError):
    """Not about one key: nothing more is worth starting."""

    summary = "the proxy is unreachable"


def world(*aliases: str) -> World:
    return World().want(map(desired, aliases or ("a",)))


def test_a_create() -> None:
    here = world()
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert outcome.complete
    assert here.fuse.calls == [
        "journal.keep_values",
        "journal.save",
        "proxy.create",
        "proxy.newest",
        "journal.save",
    ]
    value = value_of("minted 1")
    [order] = here.proxy.created
    assert (order.alias, order.stamp, order.value) == ("a", Stamp(LINEAGE, f"{2:016x}"), value)
    assert order.declared == {"max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"}
    first, last = here.journal.saves
    assert first[A] == RecordedKey(
        A, Status.PENDING, f"{2:016x}", value.token, Origin.CREATED, desired("a").declared, pending_since=NOW
    )
    created_at = NOW + timedelta(milliseconds=10)
    assert last[A] == replace(
        first[A],
        status=Status.READY,
        pending_since=None,
        created_at=created_at,
        expires_at=created_at + timedelta(days=30),
    )
    assert here.journal.values == {value.token: value}
    here.converged()


def test_pending_records_know_the_second_in_which_they_began() -> None:
    here = world()
    here.proxy.time = NOW + timedelta(microseconds=999_999)
    here.apply()
    assert here.journal.saves[0][A].pending_since == NOW


def test_a_member_carries_who_it_is_for() -> None:
    here = World().want([desired("w-user1", member=participant(1), prevent_destroy=True)])
    here.apply()
    [order] = here.proxy.created
    assert order.stamp.member == participant(1)
    record = here.journal.keys[Alias("w-user1")]
    assert (record.member, record.prevent_destroy) == (participant(1), True)
    here.converged()


def test_a_key_that_went_missing_gets_a_new_value_and_the_old_record_its_place() -> None:
    here = world().has([recorded("a")])
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys[A].token == value_of("minted 1").token
    assert here.journal.keys[A].id != recorded("a").id
    here.converged()


def test_an_interrupted_create_is_sent_again_with_its_value_and_id() -> None:
    here = world().has([pending("a")])
    assert said(here.apply()) == {"a": "applied"}
    [order] = here.proxy.created
    assert (order.value, order.stamp.id) == (value_of("a"), id_of("a"))
    here.converged()


def test_without_its_value_an_interrupted_create_gets_a_new_one() -> None:
    here = world().has([pending("a")])
    here.journal.values.clear()
    assert said(here.apply()) == {"a": "applied"}
    [order] = here.proxy.created
    assert order.value == value_of("minted 1")
    assert order.stamp.id != id_of("a"), "another clone may still make the key that the record stands for"
    waiting = here.journal.keys[retired_alias(A, value_of("a").token)]
    assert (waiting.status, waiting.token, waiting.retired) == (
        Status.PENDING,
        value_of("a").token,
        Retired(A, None),
    ), "nor may it be forgotten"
    assert said(here.apply()) == {}
    here.proxy.time += timedelta(minutes=10)
    assert said(here.apply()) == {waiting.alias: "applied"}
    assert {*here.journal.keys} == {A}
    here.converged()


@pytest.mark.parametrize("calls", range(1, 8))
def test_a_create_whose_value_nobody_can_open_leaves_no_key_however_late_it_lands(calls: int) -> None:
    """It had passed LiteLLM's check of the alias when its run was killed, and its row comes beside the new one."""
    here = world().has([replace(pending("a"), prevent_destroy=True)])
    here.journal.values.clear()
    here.proxy.hang(create_order(LINEAGE, desired("a"), id_of("a"), value_of("a")), calls)
    for _ in range(3):
        here.apply()
    assert [row.token for row in here.proxy.rows.values()] == [here.journal.keys[A].token]
    assert here.journal.values.keys() == {here.journal.keys[A].token}
    here.proxy.time += timedelta(minutes=10)
    here.apply()
    assert {*here.journal.keys} == {A}
    here.converged()


def test_a_refused_create_leaves_the_earlier_one_as_it_was() -> None:
    here = world().has([pending("a")])
    here.journal.values.clear()
    before = dict(here.journal.keys)
    with failing(here, fails(Refused("No such model."), "proxy.create")):
        here.apply()
    assert here.journal.keys == before


# -- lost answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_an_answer_lost_before_the_proxy_acted_is_settled_and_sent_again(times: int) -> None:
    here = world()
    with failing(here, fails(LOST, "proxy.create", times=times)):
        assert said(here.apply()) == {"a": "applied"}
    assert len({order.value for order in here.proxy.created}) == 1
    assert here.fuse.calls.count("proxy.create") == times + 1
    assert here.fuse.calls.count("proxy.find") == times
    assert [0.5 * 2**n / 2 <= pause <= 0.5 * 2**n for n, pause in enumerate(here.stop.pauses)] == [True] * times
    here.converged()


def test_an_answer_lost_after_the_proxy_acted_costs_one_read() -> None:
    here = world()
    with failing(here, fails(LOST, "proxy.create"), after=True):
        assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls == [
        "journal.keep_values",
        "journal.save",
        "proxy.create",
        "proxy.find",
        "proxy.newest",
        "journal.save",
    ]
    here.converged()


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 4])
def test_a_create_that_lands_late_is_one_key_all_the_same(calls: int) -> None:
    here = world()

    def hangs(name: str, _: object) -> None:
        if name == "proxy.create" and len(here.proxy.created) == 1:
            here.proxy.hang(here.proxy.created[0], calls)
            raise LOST

    with failing(here, hangs):
        assert said(here.apply()) == {"a": "applied"}
    for _ in range(calls + 1):
        here.proxy.find_alias(A)
    assert len(here.proxy.rows) == 1
    here.converged()


def test_an_answer_that_stays_lost_stays_pending_and_is_settled_by_the_next_run() -> None:
    here = world("a", "b")
    with failing(here, fails(LOST, "proxy.create", times=ATTEMPTS, about="a")):
        assert said(here.apply()) == {"a": "failed: The connection was reset.", "b": "applied"}
    assert here.journal.keys[A].status is Status.PENDING
    assert here.journal.keys[A].token in here.journal.values
    assert said(here.apply()) == {"a": "applied"}
    assert len({order.value for order in here.proxy.created if order.alias == "a"}) == 1
    here.converged()


@pytest.mark.parametrize("error", [LOST, AliasTaken("Key with alias 'a' already exists.")])
def test_a_key_that_must_not_be_looked_for_stays_pending(error: VkstateError) -> None:
    here = world()
    with failing(here, fails(error, "proxy.create"), after=True), failing(here, fails(Refused("No."), "proxy.find")):
        words = "The proxy does not let it be known whether a was created: No."
        assert said(here.apply()) == {"a": f"failed: {words}"}
    assert here.journal.keys[A].status is Status.PENDING
    assert said(here.apply()) == {"a": "applied"}
    here.converged()


def test_a_refusal_after_a_lost_answer_proves_nothing() -> None:
    here = world()
    refusal = Refused("max_budget is over the bound.", hint="lower it")
    with failing(here, fails(LOST, "proxy.create"), fails(refusal, "proxy.create")):
        assert said(here.apply()) == {
            "a": "failed: The connection was reset. When it was sent again: max_budget is over the bound."
        }
    assert here.journal.keys[A].status is Status.PENDING
    assert said(here.apply()) == {"a": "applied"}
    here.converged()


def test_an_alias_that_others_took_after_a_lost_answer_leaves_the_record() -> None:
    """What was sent first may have passed LiteLLM's check before theirs came, and land still."""
    here = world()

    def lost_and_taken(name: str, _: object) -> None:
        if name == "proxy.create" and len(here.proxy.created) == 1:
            here.proxy.add([foreign("a")])
            raise LOST

    with failing(here, lost_and_taken):
        outcome = here.apply()
    assert said(outcome)["a"] == (
        "failed: The connection was reset. When it was sent again: Another key has taken the alias a since the plan "
        "was made. Its user_id is a@example.com. Key with alias 'a' already exists."
    )
    assert here.journal.keys[A].status is Status.PENDING
    here.proxy.hang(here.proxy.created[0], 0)
    here.proxy.find_alias(A)
    [change] = here.plan().changes
    assert (change.action, change.reason) == (Action.DELETE, Reason.LOST_RACE)
    here.apply()
    assert [row.token for row in here.proxy.under("a")] == [foreign("a").token]
    here.check()


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_refused_create_leaves_nothing_behind_and_stops_nobody() -> None:
    here = world("a", "b", "c")
    with failing(here, fails(Refused("No such model.", hint="name another"), "proxy.create", about="b")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied", "b": "failed: No such model.", "c": "applied"}
    assert [failed.hint for failed in outcome.failed] == ["name another"]
    assert here.journal.keys.keys() == {"a", "c"}
    assert len(here.journal.values) == 2
    here.check()


def test_a_refused_create_restores_the_record_that_was_there() -> None:
    for before in (recorded("a"), pending("a")):
        here = world().has([before])
        with failing(here, fails(Refused("No."), "proxy.create")):
            here.apply()
        assert here.journal.keys == {A: before}
        assert here.journal.values == {token_of("a"): value_of("a")}


def test_an_alias_that_somebody_took_since_the_plan() -> None:
    here = world()
    current = here.plan()
    theirs = foreign("a")
    here.proxy.add([theirs])
    outcome = here.apply(current=current)
    assert said(outcome) == {
        "a": "failed: Another key has taken the alias a since the plan was made. Its user_id is a@example.com. Key "
        "with alias 'a' already exists."
    }
    assert [failed.hint for failed in outcome.failed] == ["plan again: vkstate plan"]
    assert (here.journal.keys, here.journal.values) == ({}, {})
    assert list(here.proxy.rows.values()) == [theirs]


def test_the_alias_of_the_very_key_that_was_sent_before_is_no_conflict() -> None:
    here = world().has([pending("a")])
    current = here.plan()
    here.proxy.add([live("a")])
    assert said(here.apply(current=current)) == {"a": "applied"}
    here.converged()


def test_an_error_that_is_not_about_one_key_stops_new_starts() -> None:
    here = world("a", "b", "c")
    with failing(here, fails(Unreachable("Connection refused."), "proxy.create", about="b")):
        outcome = here.apply()
    assert said(outcome) == {
        "a": "applied",
        "b": "failed: Connection refused.",
        "c": "not attempted: The run had stopped: the proxy is unreachable: Connection refused.",
    }
    assert {alias: record.status for alias, record in here.journal.keys.items()} == {
        "a": Status.READY,
        "b": Status.PENDING,
    }
    assert len(here.journal.values) == 2
    here.check()
    assert said(here.apply()) == {"b": "applied", "c": "applied"}
    here.converged()


def test_a_user_id_that_is_the_alias_tells_nothing_of_who_took_it() -> None:
    here = world()

    def taken(name: str, _: object) -> None:
        if name == "proxy.create":
            here.proxy.add([live("a", user_id="a", name="theirs", lineage=None)])

    with failing(here, taken):
        outcome = here.apply()
    assert said(outcome)["a"] == (
        "failed: Another key has taken the alias a since the plan was made. Key with alias 'a' already exists."
    )
