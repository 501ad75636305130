"""The proxy as the executor reads it: by token, by alias, and the newest."""

from __future__ import annotations

from datetime import timedelta

import pytest
import responses

from tests.litellm.fake import STAMP, START, URL, FakeLiteLLM, iso, row, token_of
from vkstate.attributes import Json
from vkstate.executor.ports import (
    Sought,
    UpdateOrder,
)
from vkstate.keys import Alias, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import BadAnswer
from vkstate.litellm.proxy import LiteLLMProxy

ALIAS = Alias("ws-user1")
SOUGHT = Sought(token_of("a"), STAMP.id, ALIAS)
UP = {"db": "connected"}


@pytest.fixture
def proxy(connection: Connection) -> LiteLLMProxy:
    return LiteLLMProxy(connection, parallelism=2)


def _sought(name: str, stamp_id: str = "", alias: str | None = None) -> Sought:
    return Sought(token_of(name), stamp_id or f"id-{name}", Alias(alias or name))


@pytest.mark.parametrize("tokens_in_v2", [True, False], ids=["1.72, 1.80", "1.90, 1.105"])
class TestFind:
    def test_existing_keys_in_one_request(self, tokens_in_v2: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.tokens_in_v2 = tokens_in_v2
        fake.add(*(row(name, stamp_id=f"id-{name}") for name in ("a", "b", "c")))
        found = proxy.find([_sought(name) for name in ("a", "b", "gone")])
        assert {token: key.alias for token, key in found.items()} == {token_of("a"): "a", token_of("b"): "b"}
        assert {key.token for key in found.values()} == set(found)
        assert fake.asked == {"info": 1}

    def test_five_hundred_a_request(self, tokens_in_v2: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.tokens_in_v2 = tokens_in_v2
        names = [f"k{number}" for number in range(1001)]
        fake.add(*(row(name, stamp_id=f"id-{name}") for name in names))
        found = proxy.find([_sought(name) for name in names])
        assert found.keys() == fake.rows.keys()
        assert fake.asked == {"info": 3}

    def test_nothing_is_asked_for_nothing(self, tokens_in_v2: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        assert proxy.find([]) == {}
        assert fake.asked == {}

    @pytest.mark.parametrize(
        "changed",
        [
            row("b", alias="renamed", stamp_id="id-b"),
            row("b"),
            row("b", metadata={"vkstate": "?"}),
            row("b", stamp_id="id-a"),
            row("b", alias="a", stamp_id="id-a"),
        ],
        ids=["renamed", "wiped", "mark spoilt", "id of another", "mark of another"],
    )
    def test_a_row_that_was_tampered_with_is_still_found(
        self, changed: dict[str, Json], tokens_in_v2: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2 = tokens_in_v2
        fake.add(row("a", stamp_id="id-a"), changed, row("c", stamp_id="id-c"))
        found = proxy.find([_sought(name) for name in ("a", "b", "c", "gone")])
        assert {token: (key.token, key.alias) for token, key in found.items()} == {
            token_of("a"): (token_of("a"), "a"),
            token_of("b"): (token_of("b"), changed["key_alias"]),
            token_of("c"): (token_of("c"), "c"),
        }
        assert fake.asked["info"] == 1 if tokens_in_v2 else fake.asked["info"] > 1

    def test_two_records_with_one_mark_are_asked_for_singly(
        self, tokens_in_v2: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2 = tokens_in_v2
        fake.add(row("a", alias="x", stamp_id="id-x"))
        found = proxy.find([_sought("a", "id-x", "x"), _sought("b", "id-x", "x")])
        assert {key.token for key in found.values()} == {token_of("a")}


def test_rows_that_nobody_asked_for_are_not_taken(proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
    answers.add("POST", f"{URL}/v2/key/info", json={"info": [row("a"), row("b")]})
    assert proxy.find([_sought("a")]).keys() == {token_of("a")}


def test_a_server_that_answers_other_keys_than_asked_is_not_believed(
    proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    answers.add("POST", f"{URL}/v2/key/info", json={"info": [row("a"), row("b")]})
    with pytest.raises(BadAnswer):
        proxy.update(UpdateOrder(SOUGHT, STAMP, {"metadata.a": 1}))


class TestFindAlias:
    def test_exactly_this_alias(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.add(row("a", alias="x"), row("b", alias="X"), row("c", alias="x"), row("d", alias="x1"))
        assert {key.token for key in proxy.find_alias(Alias("x"))} == {token_of("a"), token_of("c")}
        assert fake.asked == {"list": 1}

    def test_a_server_that_matches_loosely_is_filtered(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        keys = [row("a", alias="x"), row("b", alias="xy")]
        answers.add("GET", f"{URL}/key/list", json={"keys": keys, "total_count": 2, "total_pages": 1})
        assert [key.alias for key in proxy.find_alias(Alias("x"))] == ["x"]

    def test_more_than_a_page(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.add(*(row(f"k{number}", alias="x") for number in range(150)))
        assert len(proxy.find_alias(Alias("x"))) == 150
        assert fake.asked == {"list": 2}

    def test_no_key(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        assert proxy.find_alias(Alias("x")) == ()


class TestNewest:
    def test_back_to_an_instant(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.fill(1000)
        fake.add(*(row(f"k{number}", created_at=iso(START + timedelta(seconds=number))) for number in range(10, 140)))
        newest = proxy.newest(START + timedelta(seconds=10), most=500)
        assert newest.complete
        assert {f"k{number}" for number in range(10, 140)} <= {key.alias for key in newest.keys}
        assert fake.asked == {"list": 2}

    @pytest.mark.parametrize(("expected", "pages"), [(0, 2), (130, 2), (250, 3), (900, 5)])
    def test_pages_that_surely_count_are_read_at_once(
        self, proxy: LiteLLMProxy, fake: FakeLiteLLM, expected: int, pages: int
    ) -> None:
        fake.fill(1000)
        fake.add(*(row(f"k{number}", created_at=iso(START + timedelta(seconds=number))) for number in range(10, 140)))
        newest = proxy.newest(START + timedelta(seconds=10), most=500, expected=expected)
        assert newest.complete
        assert {f"k{number}" for number in range(10, 140)} <= {key.alias for key in newest.keys}
        assert fake.asked == {"list": pages}

    def test_at_most_so_many(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.fill(1000)
        newest = proxy.newest(START - timedelta(days=1), most=250)
        assert (newest.complete, len(newest.keys), fake.asked) == (False, 300, {"list": 3})

    def test_all_there_are(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.fill(3)
        newest = proxy.newest(START - timedelta(days=1), most=250)
        assert (newest.complete, len(newest.keys), fake.asked) == (True, 3, {"list": 1})

    def test_keys_that_are_deleted_meanwhile_make_it_read_again(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.fill(300)
        fake.deletes_while_reading = [token_of("foreign-0"), token_of("foreign-1")]
        newest = proxy.newest(START - timedelta(days=1), most=1000)
        assert newest.complete
        assert {key.token for key in newest.keys} == set(fake.rows)
        assert fake.asked == {"list": 6}


def test_a_row_that_litellm_cannot_read_does_not_hide_the_others(proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
    fake.mock.add("GET", f"{URL}/health/readiness", json=UP)
    fake.add(row("a", alias="x"), row("b", alias="y"), row("c", alias="x"))
    fake.poisoned = token_of("a")
    newest = proxy.newest(START - timedelta(days=1), most=100)
    assert ({key.token for key in newest.keys}, newest.complete) == (set(map(Token, fake.rows)), True)
