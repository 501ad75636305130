"""The shapes of refusals, and what is ignored without a word."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Json, Proxy, complaints, new_key

STRING = ("string_type", "Input should be a valid string")
LIST = ("list_type", "Input should be a valid list")
DICT = ("dict_type", "Input should be a valid dictionary")
WRONG_TYPES: list[tuple[str, Json, str, str]] = [
    ("key_alias", 5, *STRING),
    ("duration", 30, *STRING),
    ("models", "gpt-4", *LIST),
    ("allowed_routes", "x", *LIST),
    ("metadata", [], *DICT),
    ("permissions", "x", *DICT),
    ("aliases", [], *DICT),
    ("config", 1, *DICT),
    ("tpm_limit", 1.5, "int_from_float", "Input should be a valid integer, got a number with a fractional part"),
    ("rpm_limit", "x", "int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
    ("tpm_limit", [], "int_type", "Input should be a valid integer"),
    ("max_budget", "x", "float_parsing", "Input should be a valid number, unable to parse string as a number"),
    ("max_budget", [], "float_type", "Input should be a valid number"),
    ("blocked", "maybe", "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
    ("blocked", [], "bool_type", "Input should be a valid boolean"),
    ("key_type", "x", "enum", "Input should be 'llm_api', 'management', 'read_only' or 'default'"),
]


@pytest.mark.parametrize(("name", "value", "type_", "message"), WRONG_TYPES)
def test_a_wrong_type_is_422(proxy: Proxy, name: str, value: Json, type_: str, message: str) -> None:
    if name == "key_type":
        proxy.only_since(80)
    assert complaints(proxy.generate({name: value})) == [(type_, ["body", name], message)]


def test_all_wrong_fields_are_named_at_once(proxy: Proxy) -> None:
    response = proxy.generate({"soft_budget": [], "key_alias": 5, "models": "x"})
    assert [loc for _, loc, _ in complaints(response)] == [
        ["body", "key_alias"],
        ["body", "models"],
        ["body", "soft_budget"],
    ]


def test_a_422_shows_the_input_before_1_105_only(proxy: Proxy) -> None:
    key = new_key()
    response = proxy.generate({"key": key, "metadata": f"holds {key}"})
    assert (key in response.text) is not proxy.since(105)


def test_what_is_not_json(proxy: Proxy) -> None:
    headers = {"Content-Type": "application/json"}
    response = proxy.request("POST", "/key/generate", data=b"{bad", headers=headers)
    assert complaints(response) == [("json_invalid", ["body", 1], "JSON decode error")]


def test_no_body(proxy: Proxy) -> None:
    response = proxy.request("POST", "/key/generate")
    assert complaints(response) == [("missing", ["body"], "Field required")]


def test_unknown_fields_and_parameters_are_ignored(proxy: Proxy) -> None:
    made = proxy.create("odd", no_such_field=1)
    assert "no_such_field" not in proxy.info(made["token"])
    assert proxy.update(made["token"], no_such_field=1).status_code == 200
    assert proxy.listed(key_alias=made["key_alias"], no_such_parameter="x")["total_count"] == 1


def test_a_refusal_tells_which_fields_an_update_knows(proxy: Proxy) -> None:
    impossible: Json = {"impossible": [{}]}
    sent = dict.fromkeys(("key", "auto_rotate", "budget_limits", "soft_budget", "no_such_field"), impossible)
    named = {loc[1] for _, loc, _ in complaints(proxy.post("/key/update", sent))}
    expected = {"key", "auto_rotate"} if proxy.since(80) else {"key"}
    expected |= {"budget_limits"} if proxy.since(90) else set()
    expected |= {"soft_budget"} if proxy.since(105) else set()
    assert named == expected


def test_a_refusal_tells_that_a_listing_knows_substrings(proxy: Proxy) -> None:
    response = proxy.get("/key/list", size=1, substring_matching="?")
    assert response.status_code == (422 if proxy.since(90) else 200)
    if proxy.since(90):
        wrong = "Input should be a valid boolean, unable to interpret input"
        assert complaints(response) == [("bool_parsing", ["query", "substring_matching"], wrong)]
