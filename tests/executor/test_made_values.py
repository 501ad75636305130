"""A proxy that makes every key value itself (``disable_custom_api_keys``)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.executor.fuse import Hook, fails
from tests.executor.world import World, failing, said
from tests.factories import desired, live, pending, value_of
from vkstate.executor.ports import AliasTaken, AnswerLost, ClientValuesRefused, CreateOrder, Refused
from vkstate.keys import Alias, KeyValue, Status
from vkstate.plan import Action

A = Alias("a")
LOST = AnswerLost("The connection was reset.")


def world(*aliases: str) -> World:
    return World().want(map(desired, aliases or ("a",)))


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
    assert calls[second : second + 3] == ["proxy.create", "journal.keep_values", "proxy.newest"], "no save a key"
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
    assert outcome.notices[1:] == ("a exists twice, and the key whose value nobody has could not be deleted: No.",)


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
        (1, None, "LiteLLM answered that it deleted a, and the key is still there."),
        (0, fails(Refused("No."), "proxy.delete"), "No."),
        (0, fails(LOST, "proxy.delete"), "LiteLLM answered that it deleted a, and the key is still there."),
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


def test_another_key_of_this_project_is_not_taken_for_one_without_value() -> None:
    here = insisting()
    current = here.plan()
    other = live("a", name="of another clone", key_id="f" * 16)
    here.proxy.add([other])
    with failing(here, fails(ClientValuesRefused("No custom keys."), "proxy.create")):
        outcome = here.apply(current=current)
    assert said(outcome)["a"].startswith("failed: Another key has taken the alias a since the plan was made")
    assert list(here.proxy.rows.values()) == [other]


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
