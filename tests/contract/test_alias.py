"""Aliases: what makes two the same, which are taken, and that the check races."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.proxies import Proxy, kind, sentence


def test_a_taken_alias_is_refused(proxy: Proxy) -> None:
    alias = proxy.create("taken")["key_alias"]
    response = proxy.generate({"key_alias": alias})
    assert (response.status_code, kind(response)) == (400, "bad_request_error")
    assert response.json()["error"]["param"] == "key_alias"
    wording = f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required."
    assert sentence(response) == wording


@pytest.mark.parametrize("other", ["TAKEN", " taken", "taken ", "take\u0301n"])
def test_aliases_are_compared_exactly(proxy: Proxy, other: str) -> None:
    proxy.create("taken")
    proxy.create("tak\u00e9n")
    assert proxy.generate({"key_alias": f"{proxy.prefix}{other}"}).status_code == 200


def test_a_blocked_and_an_expired_key_keep_their_alias(proxy: Proxy) -> None:
    for name, body in (("blocked", {"blocked": True}), ("expired", {"duration": "0s"})):
        proxy.create(name, **body)
        assert proxy.generate({"key_alias": proxy.alias(name)}).status_code == 400


def test_a_deleted_key_frees_its_alias(proxy: Proxy) -> None:
    made = proxy.create("again", max_budget=3)
    proxy.post("/key/delete", {"keys": [made["token"]]})
    assert proxy.info(proxy.create("again")["token"])["max_budget"] is None


@pytest.mark.parametrize("name", ["a b", "a/b", "a%2Fb", "\U0001f511", "x" * 400])
def test_unusual_aliases_are_accepted(proxy: Proxy, name: str) -> None:
    made = proxy.create(name)
    assert proxy.listed(key_alias=proxy.alias(name))["keys"][0]["token"] == made["token"]


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "/../x"])
def test_dangerous_aliases_are_refused_since_1_105(proxy: Proxy, name: str) -> None:
    response = proxy.generate({"key_alias": proxy.alias(name)})
    assert response.status_code == (400 if proxy.since(105) else 200)
    if proxy.since(105):
        assert (sentence(response), response.json()["error"]["param"]) == ("Invalid key_alias", "key_alias")


def test_keys_without_alias_are_as_many_as_you_like(proxy: Proxy) -> None:
    user = proxy.alias("user")
    for _ in range(2):
        assert proxy.generate({"user_id": user}).status_code == 200
    assert [row["key_alias"] for row in proxy.listed(user_id=user)["keys"]] == [None, None]


def test_creates_at_the_same_time_leave_as_many_rows_as_successes(proxy: Proxy) -> None:
    """The check is no lock: more than one may succeed. Nothing that succeeded is missing, nothing refused is there."""
    body = {"key_alias": proxy.alias("race")}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: proxy.generate(body), range(4)))
    made = {answer.json()["token"] for answer in answers if answer.status_code == 200}
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert {row["token"] for row in proxy.listed(key_alias=proxy.alias("race"))["keys"]} == made
    assert made
