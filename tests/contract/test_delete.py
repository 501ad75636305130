"""``/key/delete``: an answer that echoes the request, and what remains."""

from __future__ import annotations

import pytest

from tests.contract.proxies import MODEL, Proxy, complaints, kind, new_key, sentence, token_of


def test_the_answer_echoes_what_was_asked(proxy: Proxy) -> None:
    made, missing = proxy.create("one"), token_of(new_key())
    response = proxy.post("/key/delete", {"keys": [made["token"], missing]})
    assert (response.status_code, response.json()) == (200, {"deleted_keys": [made["token"], missing]})
    assert not proxy.exists(made["token"])


def test_by_value(proxy: Proxy) -> None:
    made = proxy.create("one")
    response = proxy.post("/key/delete", {"keys": [made["key"]]})
    assert response.json() == {"deleted_keys": [made["key"]]}
    assert not proxy.exists(made["token"])


@pytest.mark.parametrize("name", ["keys", "key_aliases"])
def test_none_of_them_exists(proxy: Proxy, name: str) -> None:
    response = proxy.post("/key/delete", {name: [proxy.alias("nothing")]})
    assert (response.status_code, kind(response)) == (404, "internal_server_error")
    assert (sentence(response), response.json()["error"]["code"]) == ("No keys found", "404")


def test_by_alias(proxy: Proxy) -> None:
    made = proxy.create("one")
    response = proxy.post("/key/delete", {"key_aliases": [made["key_alias"]]})
    assert response.json() == {"deleted_keys": [made["key_alias"]]}
    assert not proxy.exists(made["token"])


def test_with_both_lists_aliases_are_ignored(proxy: Proxy) -> None:
    one, two = proxy.create("one"), proxy.create("two")
    response = proxy.post("/key/delete", {"keys": [one["token"]], "key_aliases": [two["key_alias"]]})
    assert response.json() == {"deleted_keys": [one["token"]]}
    assert (proxy.exists(one["token"]), proxy.exists(two["token"])) == (False, True)


@pytest.mark.parametrize("body", [{}, {"keys": []}, {"key_aliases": []}])
def test_nothing_to_delete(proxy: Proxy, body: dict[str, list[str]]) -> None:
    wrong = "Value error, At least one of 'keys' or 'key_aliases' must be provided."
    assert complaints(proxy.post("/key/delete", body)) == [("value_error", ["body"], wrong)]


def test_a_deleted_key_is_refused_at_once(proxy: Proxy) -> None:
    made = proxy.create("gone", models=[MODEL])
    assert proxy.chat(made["key"]).status_code == 200
    proxy.post("/key/delete", {"keys": [made["token"]]})
    response = proxy.chat(made["key"])
    assert (response.status_code, kind(response)) == (401, "token_not_found_in_db")


def test_a_deleted_key_can_be_made_again_and_starts_fresh(proxy: Proxy) -> None:
    key = new_key()
    proxy.create("phoenix", key=key, max_budget=1, spend=1)
    proxy.post("/key/delete", {"keys": [token_of(key)]})
    row = proxy.info(proxy.create("phoenix", key=key)["token"])
    assert (row["spend"], row["max_budget"]) == (0.0, None)


def test_the_info_of_a_deleted_key_is_200_since_1_105(proxy: Proxy) -> None:
    made = proxy.create("archived", max_budget=3, metadata={"a": 1}, spend=2)
    proxy.post("/key/delete", {"keys": [made["token"]]})
    response = proxy.look_up(made["token"])
    if not proxy.since(105):
        assert response.status_code == 404
        return
    info = response.json()["info"]
    assert (info["status"], info["key_alias"], info["deleted_by"]) == ("deleted", made["key_alias"], "default_user_id")
    assert (info["max_budget"], info["metadata"], info["spend"]) == (3.0, {"a": 1}, 2.0)
    assert info["deleted_at"] is not None
    assert "token" not in info


def test_the_archive_is_listed_by_status_since_1_90(proxy: Proxy) -> None:
    made = proxy.create("archived", spend=2)
    proxy.post("/key/delete", {"keys": [made["token"]]})
    keys = proxy.listed(key_alias=made["key_alias"], status="deleted")["keys"]
    if proxy.since(90):
        assert [(row["token"], row["spend"], row["deleted_by"]) for row in keys] == [
            (made["token"], 2.0, "default_user_id")
        ]
    else:
        assert keys == []


def test_a_hundred_at_once(proxy: Proxy) -> None:
    tokens = [proxy.create(f"many{number}")["token"] for number in range(20)]
    asked = tokens + [token_of(new_key()) for _ in range(80)]
    assert proxy.post("/key/delete", {"keys": asked}).json() == {"deleted_keys": asked}
    assert proxy.post("/v2/key/info", {"keys": tokens}).json()["info"] == []
