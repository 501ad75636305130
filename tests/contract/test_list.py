"""``/key/list``: pages, filters, orders, and the shape of a row."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Json, Proxy, complaints, instant, sentence


def aliases(answer: dict[str, Json]) -> list[str]:
    """The aliases of a page, in its order."""
    return [row["key_alias"] for row in answer["keys"]]


def test_pages_newest_first(proxy: Proxy) -> None:
    user = proxy.alias("user")
    made = [proxy.create(f"p{number}", user_id=user) for number in range(5)]
    newest_first = sorted(made, key=lambda row: (instant(row["created_at"]), row["token"]), reverse=True)
    names = [row["key_alias"] for row in newest_first]
    pages = [proxy.listed(user_id=user, size=2, page=page) for page in (1, 2, 3, 4)]
    assert [aliases(page) for page in pages] == [names[:2], names[2:4], names[4:], []]
    totals = {(page["total_count"], page["total_pages"]) for page in pages}
    assert (totals, [page["current_page"] for page in pages]) == ({(5, 3)}, [1, 2, 3, 4])


def test_the_default_size_is_ten(proxy: Proxy) -> None:
    user = proxy.alias("user")
    for number in range(11):
        proxy.create(f"d{number}", user_id=user)
    answer = proxy.listed(user_id=user)
    assert (len(answer["keys"]), answer["total_count"], answer["total_pages"]) == (10, 11, 2)


def test_nothing_found(proxy: Proxy) -> None:
    assert proxy.listed(key_alias=proxy.alias("nothing")) == {
        "keys": [],
        "total_count": 0,
        "current_page": 1,
        "total_pages": 0,
    }


@pytest.mark.parametrize(
    ("name", "value", "type_", "message"),
    [
        ("page", 0, "greater_than_equal", "Input should be greater than or equal to 1"),
        ("size", 0, "greater_than_equal", "Input should be greater than or equal to 1"),
        ("size", 101, "less_than_equal", "Input should be less than or equal to 100"),
        ("size", "x", "int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_pages_have_bounds(proxy: Proxy, name: str, value: Json, type_: str, message: str) -> None:
    assert complaints(proxy.get("/key/list", **{name: value})) == [(type_, ["query", name], message)]


def test_without_rows_it_lists_tokens(proxy: Proxy) -> None:
    made = proxy.create("one")
    assert proxy.get("/key/list", key_alias=made["key_alias"]).json()["keys"] == [made["token"]]


def test_a_row_is_that_of_info_with_its_token(proxy: Proxy) -> None:
    made = proxy.create("row", soft_budget=1, metadata={"a": 1})
    (row,) = proxy.listed(key_hash=made["token"])["keys"]
    info = proxy.info(made["token"])
    assert row["token"] == made["token"]
    plain = ["key_name", "key_alias", "spend", "models", "metadata", "max_budget", "blocked", "user_id", "created_by"]
    assert {name: row[name] for name in plain} == {name: info[name] for name in plain}
    assert (row["org_id"], row["soft_budget"]) == (None, None)
    assert "organization_id" not in row
    assert row.get("budget_id") == (info["budget_id"] if proxy.since(90) else None)
    budget = row["litellm_budget_table"]
    assert (budget["soft_budget"] if budget else None) == (1.0 if proxy.since(105) else None)


def test_filters_are_exact_and_all_must_hold(proxy: Proxy) -> None:
    user = proxy.alias("user")
    made = proxy.create("one", user_id=user)
    proxy.create("one-more", user_id=user)
    alias = made["key_alias"]
    matching: list[dict[str, Json]] = [
        {"key_alias": alias},
        {"key_hash": made["token"]},
        {"key_alias": alias, "user_id": user},
        {"key_alias": alias, "user_id": "", "team_id": ""},
    ]
    missing: list[dict[str, Json]] = [
        {"key_alias": alias.upper()},
        {"key_alias": alias, "user_id": user[:-1]},
        {"key_alias": alias, "team_id": "x"},
        {"key_alias": alias, "organization_id": "x"},
        {"key_hash": made["key"]},
    ]
    assert [aliases(proxy.listed(**found)) for found in matching] == [[alias]] * len(matching)
    assert [aliases(proxy.listed(**found)) for found in missing] == [[]] * len(missing)


def test_a_repeated_parameter_counts_once(proxy: Proxy) -> None:
    one, two = proxy.create("one"), proxy.create("two")
    both = f"key_alias={one['key_alias']}&key_alias={two['key_alias']}"
    assert proxy.get(f"/key/list?{both}").json()["keys"] == [two["token"]]


def test_substrings_are_found_since_1_90(proxy: Proxy) -> None:
    user = proxy.alias("USER")
    one = proxy.create("One-x", user_id=user)["key_alias"]
    found = {one} if proxy.since(90) else set[str]()
    by_alias = proxy.listed(key_alias=f"{proxy.prefix}oNE", substring_matching="true")
    by_user = proxy.listed(user_id=proxy.alias("user")[2:], substring_matching="true")
    by_pattern = proxy.listed(key_alias=f"{proxy.prefix}on_%x", substring_matching="true")
    assert (set(aliases(by_alias)), set(aliases(by_user)), set(aliases(by_pattern))) == (found, found, found)


def test_search_finds_tokens_and_parts_of_aliases_since_1_105(proxy: Proxy) -> None:
    made = proxy.create("Needle")
    if not proxy.since(105):
        assert aliases(proxy.listed(search="ignored", key_hash=made["token"])) == [made["key_alias"]]
        return
    for search in (made["token"], proxy.alias("needle"), made["key_alias"][3:]):
        assert aliases(proxy.listed(search=search)) == [made["key_alias"]]


def test_status_filters_since_1_105(proxy: Proxy) -> None:
    user = proxy.alias("user")
    states: dict[str, dict[str, Json]] = {"active": {}, "revoked": {"blocked": True}, "expired": {"duration": "0s"}}
    made = {state: proxy.create(state, user_id=user, **body)["key_alias"] for state, body in states.items()}
    for state, alias in made.items():
        response = proxy.get("/key/list", user_id=user, status=state, return_full_object="true")
        if proxy.since(105):
            assert aliases(response.json()) == [alias]
        elif proxy.since(90):
            assert response.status_code == 400
        else:
            assert len(response.json()["keys"]) == 3
    if proxy.since(105):
        assert aliases(proxy.listed(user_id=user, expires="expired")) == [made["expired"]]
        assert set(aliases(proxy.listed(user_id=user, expires="active"))) == {made["active"], made["revoked"]}
        assert proxy.get("/key/list", status="no-such-status").status_code == 400


def test_orders(proxy: Proxy) -> None:
    user = proxy.alias("user")
    for name, spend in (("b", 2), ("c", 3), ("a", 1)):
        proxy.create(name, user_id=user, spend=spend)
    a, b, c = (proxy.alias(name) for name in "abc")
    assert aliases(proxy.listed(user_id=user, sort_by="spend", sort_order="asc")) == [a, b, c]
    assert aliases(proxy.listed(user_id=user, sort_by="key_alias")) == [c, b, a]
    oldest_first = proxy.listed(user_id=user, sort_by="created_at", sort_order="ASC")["keys"]
    ages = [instant(row["created_at"]) for row in oldest_first]
    assert ages == sorted(ages)
    tokens = [row["token"] for row in proxy.listed(user_id=user, sort_by="token", sort_order="asc")["keys"]]
    assert tokens == sorted(tokens)


def test_null_is_the_largest_value(proxy: Proxy) -> None:
    user = proxy.alias("user")
    proxy.create("none", user_id=user)
    proxy.create("one", user_id=user, max_budget=1)
    none, one = proxy.alias("none"), proxy.alias("one")
    assert aliases(proxy.listed(user_id=user, sort_by="max_budget", sort_order="asc")) == [one, none]
    assert aliases(proxy.listed(user_id=user, sort_by="max_budget", sort_order="desc")) == [none, one]


def test_other_orders_are_refused(proxy: Proxy) -> None:
    column = proxy.get("/key/list", sort_by="user_id")
    assert column.status_code == 400
    assert sentence(column).startswith("Invalid sort column. Must be one of: spend, max_budget, created_at")
    direction = proxy.get("/key/list", sort_by="token", sort_order="up")
    assert (direction.status_code, sentence(direction)) == (400, "Invalid sort order. Must be 'asc' or 'desc'")


def test_the_master_key_is_not_listed(proxy: Proxy) -> None:
    assert proxy.look_up(proxy.master_key).status_code == 404
