"""Key values stay secret, tokens are LiteLLM's, and aliases sort as people count."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import CANARY, LINEAGE, desired, live, recorded
from vkstate.attributes import Sensitive
from vkstate.executor.creation import Answered
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Never
from vkstate.keys import Alias, KeyValue, Stamp, mint_id, mint_value, natural_order
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Reason


def test_a_token_is_the_sha256_of_the_value() -> None:
    value = KeyValue("sk-1234")
    assert value.token == "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
    assert value.token == KeyValue("sk-1234").token
    assert value.reveal() == "sk-1234"
    assert value.masked == "sk-...1234"


def test_minted_values_are_what_every_litellm_accepts() -> None:
    minted = {mint_value().reveal() for _ in range(100)}
    assert len(minted) == 100
    assert all(re.fullmatch(r"sk-[A-Za-z0-9_-]{32}", text) for text in minted)


def test_minted_ids() -> None:
    minted = {mint_id() for _ in range(100)}
    assert len(minted) == 100
    assert all(re.fullmatch(r"[0-9a-f]{16}", text) for text in minted)


def test_natural_order() -> None:
    people = ["user10", "user2", "user02", "user", "User1", "user1a", "user1", "user1²3"]
    aliases = [*people, "10", "9", "", "a/b", "²", "٣"]
    assert sorted(aliases, key=natural_order) == [
        "",
        "9",
        "10",
        "User1",
        "a/b",
        "user",
        "user1",
        "user1a",
        "user1²3",
        "user02",
        "user2",
        "user10",
        "²",
        "٣",
    ]


@given(st.lists(st.text(), unique=True))
def test_natural_order_is_total(aliases: list[str]) -> None:
    assert len({natural_order(alias) for alias in aliases}) == len(aliases)


def test_numbers_of_any_length_have_an_order() -> None:
    assert natural_order("a" + "1" * 5000) < natural_order("a" + "2" * 5000)


def test_no_secret_is_in_any_repr() -> None:
    secret = Sensitive(CANARY)
    want = desired("a", {"metadata.key": secret, "config": Sensitive({"x": CANARY})})
    row = live("a", {"metadata.key": CANARY})
    order = CreateOrder(Alias("a"), Stamp(LINEAGE, "0"), {"metadata.key": CANARY}, Never(), KeyValue(CANARY))
    change = Change(
        Alias("a"),
        Action.UPDATE,
        Reason.DIFFERS,
        want,
        recorded("a"),
        row,
        (AttributeDiff("metadata.key", secret, secret, Cause.CONFIG),),
    )
    things = (
        KeyValue(CANARY),
        secret,
        want,
        row,
        order,
        UpdateOrder(Sought(KeyValue(CANARY).token, "0", Alias("a")), Stamp(LINEAGE, "0"), {"metadata.key": CANARY}),
        Answered(order, KeyValue(CANARY)),
        change,
        Plan(LINEAGE, (change,)),
    )
    assert [repr(thing) for thing in things if CANARY in repr(thing) or CANARY in str(thing)] == []
    assert repr(KeyValue(CANARY)) == "KeyValue()"
