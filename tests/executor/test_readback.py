"""Creates are believed when they are read back: what is not there, who else is, what the proxy made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import Hook, fails
from tests.executor.world import World, failing, said
from tests.factories import NOW, desired, foreign, value_of
from vkstate.errors import VkstateError
from vkstate.executor.ports import AnswerLost, NotSent, Refused
from vkstate.keys import Alias, Status, Token
from vkstate.plan import Action, Reason

A = Alias("a")
LOST = AnswerLost("The connection was reset.")


class Unreachable(VkstateError):
    """Not about one key: nothing more is worth starting."""

    summary = "the proxy is unreachable"


def world(*aliases: str) -> World:
    return World().want(map(desired, aliases or ("a",)))


def test_a_create_that_was_answered_and_is_not_there_is_sent_once_more() -> None:
    here = world("a", "b")
    here.proxy.vanish = {"a": 1}
    assert said(here.apply()) == {"a": "applied", "b": "applied"}
    assert [order.alias for order in here.proxy.created] == ["a", "b", "a"]
    assert len({order.value for order in here.proxy.created}) == 2
    here.converged()


def test_a_create_that_is_never_there_stays_pending() -> None:
    here = world("a", "b")
    here.proxy.vanish = {"a": 99}
    words = "The proxy answered that it created a, but the key cannot be read back. It is recorded as pending."
    assert said(here.apply()) == {"a": f"failed: {words}", "b": "applied"}
    assert [order.alias for order in here.proxy.created] == ["a", "b", "a"]
    assert here.journal.keys[A].status is Status.PENDING
    assert here.journal.keys[A].token in here.journal.values
    here.proxy.vanish = {}
    assert said(here.apply()) == {"a": "applied"}
    here.converged()


@pytest.mark.parametrize("error", [Unreachable("Connection refused."), AnswerLost("It was reset.")])
@pytest.mark.parametrize("call", ["proxy.newest", "proxy.find"])
def test_what_cannot_be_read_back_stays_pending(call: str, error: VkstateError) -> None:
    here = world("a", "b")
    here.proxy.lists_at_most = 0 if call == "proxy.find" else None
    with failing(here, fails(error, call)):
        outcome = here.apply()
    words = "but the key could not be read back: {} It is recorded as pending."
    assert said(outcome) == {
        alias: f"failed: The proxy answered that it created {alias}, {words.format(error.detail)}"
        for alias in ("a", "b")
    }
    assert {record.status for record in here.journal.keys.values()} == {Status.PENDING}
    assert len(here.proxy.created) == 2
    here.proxy.lists_at_most = None
    assert [change.action for change in here.plan().changes] == [Action.ADOPT, Action.ADOPT]
    here.apply()
    here.converged()


def test_a_busy_proxy_whose_listing_does_not_reach_back_is_asked_key_by_key() -> None:
    here = world("a", "b")
    here.proxy.lists_at_most = 1
    assert said(here.apply()) == {"a": "applied", "b": "applied"}
    assert here.fuse.calls.count("proxy.newest") == 1
    assert here.fuse.calls.count("proxy.find") == 1
    assert here.fuse.calls.count("proxy.find_alias") == 2
    here.converged()


def test_where_a_rival_cannot_be_ruled_out_the_create_stays_pending() -> None:
    here = world("a", "b")
    here.proxy.lists_at_most = 1
    with failing(here, fails(Unreachable("Connection refused."), "proxy.find_alias", about="a")):
        outcome = here.apply()
    assert [failed.change.alias for failed in outcome.failed] == ["a"]
    assert {alias: record.status for alias, record in here.journal.keys.items()} == {
        "a": Status.PENDING,
        "b": Status.READY,
    }
    here.proxy.lists_at_most = None
    here.apply()
    here.converged()


# -- two keys under one alias ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reach", [None, 1], ids=["listed", "looked up"])
def test_who_came_later_withdraws(reach: int | None) -> None:
    here = world("a", "b")
    here.proxy.lists_at_most = reach
    theirs = foreign("a", created_at=NOW)
    here.proxy.rivals = {"a": theirs}
    outcome = here.apply()
    assert said(outcome) == {
        "a": "failed: Another key was made under the alias a at the same moment, a little earlier; ours was withdrawn.",
        "b": "applied",
    }
    assert [row.token for row in here.proxy.under("a")] == [theirs.token]
    assert here.journal.keys.keys() == {"b"}
    assert len(here.journal.values) == 1
    assert here.proxy.deleted == [(value_of("minted 1").token,)]
    here.check()


@pytest.mark.parametrize("reach", [None, 1], ids=["listed", "looked up"])
def test_who_came_first_stays(reach: int | None) -> None:
    here = world("a")
    here.proxy.lists_at_most = reach
    theirs = foreign("a", created_at=NOW + timedelta(days=1))
    here.proxy.rivals = {"a": theirs}
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    [notice] = outcome.notices
    assert notice == (
        "Another key was made under the alias a at the same moment, a little later. Whoever made it should delete it; "
        "ours stays."
    )
    assert here.proxy.deleted == []
    assert len(here.proxy.under("a")) == 2
    here.check()


@pytest.mark.parametrize("digit", ["0", "f"])
def test_between_two_of_one_instant_the_lower_token_stays(digit: str) -> None:
    here = world("a")
    theirs = foreign("a", created_at=NOW + timedelta(milliseconds=10))
    here.proxy.rivals = {"a": replace(theirs, token=Token(digit * 64))}
    here.apply()
    assert len(here.proxy.deleted) == (1 if digit == "0" else 0)


@pytest.mark.parametrize(
    "hooks",
    [
        [fails(LOST, "proxy.delete")],
        [fails(Refused("No."), "proxy.delete")],
        [fails(Unreachable("Connection refused."), "proxy.delete")],
    ],
)
def test_a_loser_that_could_not_withdraw_does_so_on_the_next_run(hooks: Sequence[Hook]) -> None:
    here = world("a")
    here.proxy.rivals = {"a": foreign("a", created_at=NOW)}
    with failing(here, *hooks):
        assert len(here.apply().failed) == 1
    assert here.journal.keys[A].status is Status.PENDING
    [change] = here.plan().changes
    assert (change.action, change.reason) == (Action.DELETE, Reason.LOST_RACE)
    here.apply()
    assert len(here.proxy.under("a")) == 1
    assert here.journal.keys == {}
    here.check()


def test_a_withdrawal_that_was_sent_and_not_verified_is_told_as_it_is() -> None:
    here = world("a")
    here.proxy.rivals = {"a": foreign("a", created_at=NOW)}
    with failing(here, fails(NotSent("A request was not sent."), "proxy.find")):
        words = said(here.apply())
    assert words == {"a": "failed: a existed twice; the delete of the later key, ours, was sent, and not verified."}
    assert here.journal.keys[A].status is Status.PENDING
    assert len(here.proxy.rows) == 1, "it is gone: the alias is somebody else's"
    here.check()


def test_a_delete_that_only_echoes_does_not_make_the_loser_forget() -> None:
    here = world("a")
    here.proxy.rivals = {"a": foreign("a", created_at=NOW)}
    here.proxy.echoes = 1
    assert said(here.apply()) == {
        "a": "failed: a exists twice, and the later key, which is ours, could not be withdrawn."
    }
    assert here.journal.keys[A].status is Status.PENDING
    here.apply()
    here.check()
    assert len(here.proxy.rows) == 1


# -- values that the proxy forces --------------------------------------------------------------------------------------

SERVER_DEFAULT = "applied: The proxy keeps its own value of {} (server default)."


def test_what_the_proxy_left_out_is_made_good() -> None:
    here = world()
    here.proxy.forced = {"max_budget": 100}
    assert said(here.apply()) == {"a": "applied"}
    [order] = here.proxy.updated
    assert (order.assign, order.clear, order.expiry) == ({"max_budget": 50}, frozenset(), None)
    here.converged()


def test_what_the_proxy_forces_is_tried_once_and_then_recorded() -> None:
    here = World().want([desired("a", also={"metadata.x": "1"})])
    here.proxy.forced = {"max_budget": 100, "metadata.x": "2"}
    here.proxy.forces_always = True
    assert said(here.apply()) == {"a": SERVER_DEFAULT.format("max_budget, metadata.x")}
    assert here.journal.keys[A].server_defaults == {"max_budget": 100, "metadata.x": "2"}
    assert here.journal.keys[A].applied["max_budget"] == 50
    here.converged()


def test_an_end_that_the_proxy_adds_is_taken_away() -> None:
    here = World().want([desired("a", duration="never")])
    here.proxy.forced_end = timedelta(days=30)
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.keys[A].expires_at is None
    here.converged()


def test_an_end_that_the_proxy_insists_on_is_recorded() -> None:
    here = World().want([desired("a", duration="never")])
    here.proxy.forced_end = timedelta(days=30)
    here.proxy.forces_always = True
    assert said(here.apply()) == {"a": SERVER_DEFAULT.format("duration")}
    here.converged()


@pytest.mark.parametrize("forces_always", [False, True])
@pytest.mark.parametrize("error", [LOST, Refused("No."), Unreachable("Connection refused.")])
def test_what_could_not_be_made_good_is_tried_again(forces_always: bool, error: VkstateError) -> None:
    here = World().want([desired("a", duration="never")])
    here.proxy.forced = {"max_budget": 100}
    here.proxy.forced_end = timedelta(days=30)
    here.proxy.forces_always = forces_always
    with failing(here, fails(error, "proxy.update")):
        assert said(here.apply()) == {
            "a": f"failed: a was created, and duration, max_budget could not be set: {error.detail}"
        }
    assert here.journal.keys[A].status is Status.READY
    assert [diff.path for diff in here.plan().changes[0].diffs] == ["expires_at", "max_budget"]
    kept = SERVER_DEFAULT.format("duration, max_budget")
    assert said(here.apply()) == {"a": kept if forces_always else "applied"}
    here.converged()
