"""Creates: exactly once, whatever is answered, and believed only when they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.executor.fuse import Hook, fails
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
from vkstate.executor.ports import AliasTaken, AnswerLost, ClientValuesRefused, CreateOrder, Refused
from vkstate.keys import Alias, KeyValue, Origin, RecordedKey, Stamp, Status, Token
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
    assert (order.value, order.stamp.id) == (value_of("minted 1"), id_of("a"))
    here.converged()


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
        "was made, which belongs to a@example.com. Key with alias 'a' already exists."
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
        "a": "failed: Another key has taken the alias a since the plan was made, which belongs to a@example.com. Key "
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


# -- answers that prove nothing ----------------------------------------------------------------------------------------


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
    words = "The proxy answered that a was created, but the key cannot be read back. It is recorded as pending."
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
    words = "was created, but it could not be read back: {} It is recorded as pending."
    assert said(outcome) == {
        alias: f"failed: The proxy answered that {alias} {words.format(error.detail)}" for alias in ("a", "b")
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
        assert said(here.apply()) == {"a": f"failed: {error.detail}"}
    assert here.journal.keys[A].status is Status.READY
    assert [diff.path for diff in here.plan().changes[0].diffs] == ["expires_at", "max_budget"]
    kept = SERVER_DEFAULT.format("duration, max_budget")
    assert said(here.apply()) == {"a": kept if forces_always else "applied"}
    here.converged()


# -- values that the proxy makes ---------------------------------------------------------------------------------------

NOTICE = (
    "This proxy makes every key value itself (disable_custom_api_keys). vkstate works with that; a create whose answer "
    "is lost is then deleted and made anew."
)


def insisting(*aliases: str) -> World:
    here = world(*aliases)
    here.proxy.makes_values = True
    return here


def test_a_proxy_that_makes_the_values() -> None:
    here = insisting()
    outcome = here.apply()
    assert (said(outcome), outcome.notices) == ({"a": "applied"}, (NOTICE,))
    made = KeyValue("sk-made-by-the-proxy-000001")
    assert here.journal.values == {made.token: made}
    assert here.journal.keys[A].token == made.token
    calls = here.fuse.calls
    second = [place for place, name in enumerate(calls) if name == "proxy.create"][1]
    assert calls[:second] == [
        "journal.keep_values",
        "journal.save",
        "proxy.create",
        "journal.save",
        "journal.drop_values",
    ]
    assert here.journal.saves[1][A].token is None
    assert calls[second : second + 3] == ["proxy.create", "journal.keep_values", "journal.save"]
    here.converged()


def test_it_is_said_once() -> None:
    here = insisting("a", "b", "c")
    assert here.apply(parallelism=2).notices == (NOTICE,)
    here.converged()


def test_a_lost_answer_with_a_value_that_the_proxy_made_costs_that_key() -> None:
    here = insisting()
    with failing(here, fails(LOST, "proxy.create"), after=True):
        assert said(here.apply()) == {"a": "applied"}
    assert len(here.proxy.deleted) == 1
    here.converged()


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_create_that_lands_late_and_that_nobody_has_the_value_of_goes(calls: int) -> None:
    here = insisting()

    def hangs(name: str, _: object) -> None:
        if name == "proxy.create" and len(here.proxy.created) == 2:
            here.proxy.hang(here.proxy.created[1], calls)
            raise LOST

    with failing(here, hangs):
        assert said(here.apply()) == {"a": "applied"}
    here.converged()


def test_a_twin_that_cannot_be_removed_is_said() -> None:
    here = insisting()

    def hangs(name: str, _: object) -> None:
        if name == "proxy.create" and len(here.proxy.created) == 2:
            here.proxy.hang(here.proxy.created[1], 2)
            raise LOST

    with failing(here, hangs, fails(Refused("No."), "proxy.delete")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert outcome.notices[1:] == (
        "a exists twice, and the key whose value nobody has could not be deleted: No.",
    )


def test_a_pending_key_that_nobody_has_the_value_of_is_replaced() -> None:
    here = insisting().has([pending("a", no_token=True)], [live("a", name="made by the proxy")])
    assert [change.action for change in here.plan().changes] == [Action.REPLACE]
    outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert outcome.count(Action.REPLACE) == 1
    assert [[line.alias for line in lines] for lines in here.journal.reports] == [["a"]]
    assert here.fuse.calls.index("journal.report") < here.fuse.calls.index("proxy.delete")
    here.converged()


@pytest.mark.parametrize(
    ("echoes", "hook", "words"),
    [
        (1, None, "LiteLLM answered that a was deleted, and it is still there."),
        (0, fails(Refused("No."), "proxy.delete"), "No."),
        (0, fails(LOST, "proxy.delete"), "LiteLLM answered that a was deleted, and it is still there."),
    ],
    ids=["echo", "refused", "lost"],
)
def test_a_replacement_does_not_begin_while_the_old_key_is_there(echoes: int, hook: Hook | None, words: str) -> None:
    before = pending("a", no_token=True)
    here = insisting().has([before], [live("a", name="made by the proxy")])
    here.proxy.echoes = echoes
    with failing(here, *([hook] if hook else [])):
        assert said(here.apply()) == {"a": f"failed: {words}"}
    assert here.proxy.created == []
    assert here.journal.keys == {A: before}
    here.apply()
    here.converged()


def test_a_value_of_its_own_that_the_proxy_makes_without_a_word_is_kept() -> None:
    here = world()
    made = KeyValue("sk-made-in-spite-of-ours-00001")
    plain = here.proxy.create

    def create(order: CreateOrder) -> KeyValue:
        plain(replace(order, value=made))
        return made

    here.proxy.create = create  # type: ignore[method-assign]  # one trap more than the fake knows
    assert said(here.apply()) == {"a": "applied"}
    assert here.journal.values == {made.token: made}
    here.converged()


def test_a_key_without_value_that_cannot_be_deleted_stays_pending() -> None:
    here = insisting()
    with failing(here, fails(LOST, "proxy.create"), after=True), failing(here, fails(Refused("No."), "proxy.delete")):
        words = "The proxy does not let it be known whether a was created: No."
        assert said(here.apply()) == {"a": f"failed: {words}"}
    assert here.journal.keys[A].status is Status.PENDING
    assert [change.action for change in here.plan().changes] == [Action.REPLACE]
    here.apply()
    here.converged()


def test_client_values_are_refused_only_after_a_lost_answer() -> None:
    here = world()
    refusal = ClientValuesRefused("Custom API key values are disabled.")
    with failing(here, fails(LOST, "proxy.create"), fails(refusal, "proxy.create")):
        assert len(here.apply().failed) == 1
    assert here.journal.keys[A].token == value_of("minted 1").token
    here.proxy.makes_values = True
    here.apply()
    here.converged()


def test_an_alias_taken_by_a_key_without_value_of_an_earlier_answer() -> None:
    here = insisting()
    with failing(here, fails(AliasTaken("Key with alias 'a' already exists."), "proxy.create"), after=True):
        assert said(here.apply()) == {"a": "applied"}
    assert len(here.proxy.deleted) == 1
    here.converged()
