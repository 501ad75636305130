"""Who gets what: no key, an unknown one, virtual keys in all their states."""

from __future__ import annotations

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Proxy, kind, new_key, sentence, token_of

GUARDED = [
    ("GET", "/key/list"),
    ("POST", "/key/generate"),
    ("POST", "/key/update"),
    ("POST", "/key/delete"),
    ("POST", "/v2/key/info"),
    ("GET", "/key/info"),
    ("GET", "/key/aliases"),
    ("GET", "/user/list"),
    ("GET", "/v1/models"),
]
ADMIN_ONLY = [
    ("/key/generate", {}),
    ("/key/update", {"key": "nothing"}),
    ("/key/delete", {"keys": ["nothing"]}),
    ("/key/block", {"key": "nothing"}),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_key(proxy: Proxy, method: str, path: str) -> None:
    if path == "/key/aliases":
        proxy.only_since(80)
    response = proxy.request(method, path, key=None, json={} if method == "POST" else None)
    error = {"type": "auth_error", "param": "None", "code": "401"}
    assert response.status_code == 401
    assert response.json()["error"] == {"message": "Authentication Error, No api key passed in.", **error}


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_with_an_unknown_key(proxy: Proxy, method: str, path: str) -> None:
    if path == "/key/aliases":
        proxy.only_since(80)
    key = new_key()
    response = proxy.request(method, path, key=key, json={} if method == "POST" else None)
    assert (response.status_code, kind(response)) == (401, "token_not_found_in_db")
    assert response.json()["error"]["param"] == "key"
    assert sentence(response).startswith("Invalid proxy server token passed. Received API Key = sk-...")
    assert token_of(key) in sentence(response)
    assert key not in response.text


def test_with_something_that_is_no_key(proxy: Proxy) -> None:
    response = proxy.get("/key/list", key="no-key-but-long-enough")
    assert (response.status_code, kind(response)) == (401, "auth_error")
    assert "LiteLLM Virtual Key expected. Received=" in sentence(response)
    assert sentence(response).endswith(", expected to start with 'sk-'.")


def test_without_bearer(proxy: Proxy) -> None:
    proxy.only_since(80)
    response = proxy.request("GET", "/key/list", key=None, headers={"Authorization": proxy.master_key})
    assert response.status_code == 401
    assert sentence(response) == "Malformed API Key passed in. Ensure Key has `Bearer ` prefix."


@pytest.mark.parametrize("header", ["x-api-key", "x-litellm-api-key"])
def test_other_headers_carry_the_key_as_well(proxy: Proxy, header: str) -> None:
    response = proxy.request("GET", "/key/list", key=None, headers={header: proxy.master_key})
    assert response.status_code == 200


def test_the_list_of_users_is_the_proof_of_an_admin(proxy: Proxy) -> None:
    virtual = proxy.create("virtual", models=[MODEL])["key"]
    assert proxy.get("/user/list").status_code == 200
    assert proxy.get("/user/list", key=virtual).status_code == (403 if proxy.since(90) else 401)


@pytest.mark.parametrize(("path", "body"), ADMIN_ONLY)
def test_a_virtual_key_may_not_write(proxy: Proxy, path: str, body: dict[str, object]) -> None:
    virtual = proxy.create("virtual", models=[MODEL])["key"]
    response = proxy.post(path, body, key=virtual)
    assert (response.status_code, kind(response)) == (401, "auth_error")
    assert sentence(response).startswith("Only proxy admin can be used to generate, delete, update info for new keys")


def test_a_virtual_key_may_not_list_but_read_itself(proxy: Proxy) -> None:
    made = proxy.create("virtual", models=[MODEL])
    listing = proxy.get("/key/list", key=made["key"])
    assert listing.status_code == 403
    assert sentence(listing).endswith("No 'user_id' is associated with your API key.")
    own = proxy.get("/key/info", key=made["key"]).json()
    assert (own["key"], own["info"]["key_alias"]) == (made["token"], made["key_alias"])


def test_a_virtual_key_reads_the_keys_of_its_own_user_only(proxy: Proxy) -> None:
    user = proxy.alias("user")
    mine, same = (proxy.create(name, user_id=user) for name in ("mine", "same"))
    other = proxy.create("other", user_id=proxy.alias("other-user"))
    response = proxy.post("/v2/key/info", {"keys": [same["token"], other["token"]]}, key=mine["key"])
    visible = {row["key_alias"] for row in response.json()["info"]}
    assert visible == ({same["key_alias"]} if proxy.since(90) else {same["key_alias"], other["key_alias"]})


def test_an_expired_key(proxy: Proxy) -> None:
    expired = proxy.create("expired", duration="0s")["key"]
    response = proxy.chat(expired)
    assert (response.status_code, kind(response)) == (401 if proxy.since(90) else 400, "expired_key")
    assert sentence(response).startswith("Authentication Error - Expired Key. Key Expiry time ")


def test_a_blocked_key(proxy: Proxy) -> None:
    blocked = proxy.create("blocked", blocked=True)["key"]
    response = proxy.chat(blocked)
    assert (response.status_code, kind(response)) == (401, "auth_error")
    assert sentence(response).startswith("Key is blocked. Update via `/key/unblock` if you're")


def test_expired_and_blocked_keys_are_listed(proxy: Proxy) -> None:
    for name, body in (("expired", {"duration": "0s"}), ("blocked", {"blocked": True})):
        token = proxy.create(name, **body)["token"]
        assert proxy.listed(key_alias=proxy.alias(name))["keys"][0]["token"] == token


def test_a_model_that_is_not_allowed(proxy: Proxy) -> None:
    key = proxy.create("one-model", models=[MODEL])["key"]
    assert proxy.chat(key).status_code == 200
    response = proxy.chat(key, OTHER_MODEL)
    assert (response.status_code, kind(response)) == (403 if proxy.since(90) else 401, "key_model_access_denied")


def test_a_budget_of_zero_refuses_at_once(proxy: Proxy) -> None:
    response = proxy.chat(proxy.create("poor", max_budget=0)["key"])
    status = 422 if proxy.since(105) else 429 if proxy.since(90) else 400
    assert (response.status_code, kind(response)) == (status, "budget_exceeded")


def test_the_type_of_a_key_restricts_its_routes(proxy: Proxy) -> None:
    proxy.only_since(80)
    key = proxy.create("read-only", key_type="read_only")["key"]
    assert proxy.chat(key).status_code in (401, 403)
    assert proxy.get("/key/info", key=key).status_code == 200
