"""``/key/info``, ``/v2/key/info``, ``/key/aliases``, blocking, and the models of a key."""

from __future__ import annotations

from tests.contract.proxies import (
    EVERY_MODEL,
    MODEL,
    OTHER_MODEL,
    Json,
    Proxy,
    complaints,
    kind,
    new_key,
    sentence,
    token_of,
)


def test_info_by_token_and_by_value(proxy: Proxy) -> None:
    made = proxy.create("one")
    by_token, by_value = proxy.look_up(made["token"]).json(), proxy.look_up(made["key"]).json()
    assert (by_token["key"], by_value["key"]) == (made["token"], made["key"])
    assert by_token["info"] == by_value["info"]
    assert by_token["info"]["key_alias"] == made["key_alias"]
    assert "token" not in by_token["info"]


def test_info_of_what_is_not_there(proxy: Proxy) -> None:
    made = proxy.create("one")
    for key in (token_of(new_key()), new_key(), made["key_alias"], made["token"].upper(), ""):
        response = proxy.look_up(key)
        assert (response.status_code, kind(response)) == (404, "not_found_error")
        assert (sentence(response), response.json()["error"]["param"]) == ("Key not found in database", "key")


def test_info_tells_the_status_since_1_105(proxy: Proxy) -> None:
    states: dict[str, dict[str, Json]] = {"active": {}, "revoked": {"blocked": True}, "expired": {"duration": "0s"}}
    shown = {state: proxy.info(proxy.create(state, **body)["token"]).get("status") for state, body in states.items()}
    assert shown == ({state: state for state in states} if proxy.since(105) else dict.fromkeys(states))


def test_many_infos_leave_out_the_unknown_and_come_by_spend(proxy: Proxy) -> None:
    cheap, dear = proxy.create("cheap", spend=1), proxy.create("dear", spend=2)
    asked = [cheap["token"], token_of(new_key()), dear["key"], cheap["token"]]
    response = proxy.post("/v2/key/info", {"keys": asked})
    assert (response.status_code, response.json()["key"]) == (200, asked)
    assert [row["key_alias"] for row in response.json()["info"]] == [dear["key_alias"], cheap["key_alias"]]


def test_many_infos_hold_the_token_only_before_1_90(proxy: Proxy) -> None:
    made = proxy.create("one")
    (row,) = proxy.post("/v2/key/info", {"keys": [made["token"]]}).json()["info"]
    assert row.get("token") == (None if proxy.since(90) else made["token"])
    assert (row["key_alias"], row["key_name"]) == (made["key_alias"], made["key_name"])


def test_many_infos_show_the_soft_budget(proxy: Proxy) -> None:
    made = proxy.create("one", soft_budget=2)
    (row,) = proxy.post("/v2/key/info", {"keys": [made["token"]]}).json()["info"]
    assert row["litellm_budget_table"]["soft_budget"] == 2.0


def test_many_infos_by_alias_are_all_keys_of_the_proxy_before_1_90(proxy: Proxy) -> None:
    one, other = proxy.create("one"), proxy.create("other")
    rows = proxy.post("/v2/key/info", {"key_aliases": [one["key_alias"]]}).json()["info"]
    found = {row["key_alias"] for row in rows}
    if proxy.since(90):
        assert found == {one["key_alias"]}
    else:
        assert {one["key_alias"], other["key_alias"]} <= found


def test_many_infos_of_nothing(proxy: Proxy) -> None:
    wrong = "Value error, At least one of 'keys' or 'key_aliases' must be provided."
    assert complaints(proxy.post("/v2/key/info", {"keys": []})) == [("value_error", ["body"], wrong)]


def test_five_hundred_infos_at_once(proxy: Proxy) -> None:
    made = proxy.create("one")
    asked = [token_of(str(number) + "sk") for number in range(499)] + [made["token"]]
    (row,) = proxy.post("/v2/key/info", {"keys": asked}).json()["info"]
    assert row["key_alias"] == made["key_alias"]


def test_aliases_are_paged_since_1_90(proxy: Proxy) -> None:
    proxy.only_since(80)
    aliases = [proxy.create(name)["key_alias"] for name in ("a", "b", "c")]
    if not proxy.since(90):
        assert set(aliases) <= set(proxy.get("/key/aliases").json()["aliases"])
        return
    page = proxy.get("/key/aliases", search=proxy.prefix.upper(), size=2).json()
    assert page == {"aliases": aliases[:2], "total_count": 3, "current_page": 1, "total_pages": 2, "size": 2}
    assert proxy.get("/key/aliases", size=101).status_code == 422


def test_blocking_and_unblocking(proxy: Proxy) -> None:
    made = proxy.create("block", models=[MODEL])
    assert proxy.info(made["token"])["blocked"] is None
    for _ in range(2):
        answer = proxy.post("/key/block", {"key": made["token"]})
        assert (answer.status_code, answer.json()["token"], answer.json()["blocked"]) == (200, made["token"], True)
    assert proxy.chat(made["key"]).status_code == 401
    answer = proxy.post("/key/unblock", {"key": made["key"]})
    assert (answer.status_code, answer.json()["token"], answer.json()["blocked"]) == (200, made["token"], False)
    assert proxy.chat(made["key"]).status_code == 200


def test_blocking_what_is_not_there(proxy: Proxy) -> None:
    for path in ("/key/block", "/key/unblock"):
        response = proxy.post(path, {"key": token_of(new_key())})
        assert response.status_code == (404 if proxy.since(90) else 401)
        wrong = proxy.post(path, {"key": proxy.alias("one")})
        if proxy.since(80):
            assert (wrong.status_code, sentence(wrong)) == (400, "Invalid key format.")
        else:
            assert wrong.status_code == 401


def test_models_are_listed_in_the_order_of_the_configuration(proxy: Proxy) -> None:
    for path in ("/v1/models", "/models"):
        body = proxy.get(path).json()
        assert body["object"] == "list"
        assert set(EVERY_MODEL) <= {model["id"] for model in body["data"]}
        assert {model["object"] for model in body["data"]} == {"model"}
    for switch in ("return_wildcard_routes", "include_model_access_groups"):
        assert set(EVERY_MODEL) <= {model["id"] for model in proxy.get("/v1/models", **{switch: "true"}).json()["data"]}
    assert proxy.get("/v1/models", only_model_access_groups="true").json()["data"] == []


def test_a_key_lists_its_own_models_even_those_that_nobody_serves(proxy: Proxy) -> None:
    key = proxy.create("own", models=["no-such-model", MODEL])["key"]
    assert {model["id"] for model in proxy.get("/v1/models", key=key).json()["data"]} == {"no-such-model", MODEL}


def test_special_names_of_models(proxy: Proxy) -> None:
    every = proxy.create("every", models=["all-proxy-models"])["key"]
    assert {model["id"] for model in proxy.get("/v1/models", key=every).json()["data"]} == proxy.served
    nothing = proxy.create("nothing", models=["no-default-models"])["key"]
    assert proxy.chat(nothing).status_code in (401, 403)
    assert proxy.chat(every, OTHER_MODEL).status_code == 200


def test_a_chat_answers_and_tells_the_version(proxy: Proxy) -> None:
    response = proxy.chat(proxy.create("chat", models=[MODEL])["key"])
    body = response.json()
    assert (response.status_code, body["model"], body["object"]) == (200, MODEL, "chat.completion")
    assert body["choices"][0]["message"]["role"] == "assistant"
    assert response.headers["x-litellm-version"].startswith(f"1.{proxy.release[1]}.")


def test_a_chat_with_a_model_that_nobody_serves(proxy: Proxy) -> None:
    response = proxy.chat(proxy.create("chat")["key"], "no-such-model")
    assert response.status_code == 400
    assert "Invalid model name passed in model=no-such-model" in sentence(response)


def test_model_info_names_what_is_served(proxy: Proxy) -> None:
    for path in ("/model/info", "/v1/model/info", "/v2/model/info"):
        models = proxy.get(path).json()["data"]
        assert {model["model_name"] for model in models} == proxy.served
        assert all(model["model_info"]["id"] for model in models)


def test_budgets_are_told_as_far_as_they_exist(proxy: Proxy) -> None:
    budget_id = proxy.info(proxy.create("soft", soft_budget=2.5)["token"])["budget_id"]
    found = proxy.post("/budget/info", {"budgets": [proxy.alias("no-budget"), budget_id]}).json()
    assert [(budget["budget_id"], budget["soft_budget"]) for budget in found] == [(budget_id, 2.5)]
    assert proxy.post("/budget/info", {"budgets": [proxy.alias("no-budget")]}).json() == []
    assert proxy.post("/budget/info", {"budgets": []}).status_code == 400
