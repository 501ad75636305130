"""``/key/update``: a merge patch that answers with the row; what can be cleared, and how."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.proxies import (
    MODEL,
    OTHER_MODEL,
    Json,
    Proxy,
    complaints,
    instant,
    kind,
    new_key,
    sentence,
    token_of,
)

CLEARED_BY_NULL = {
    "max_budget": 5.0,
    "tpm_limit": 7,
    "rpm_limit": 8,
    "max_parallel_requests": 9,
    "user_id": "contract-user",
    "key_alias": "contract-cleared",
}
LISTS = ["models", "allowed_routes", "allowed_cache_controls"]
OBJECTS = ["metadata", "permissions", "aliases", "config"]


def test_what_is_not_sent_stays(proxy: Proxy) -> None:
    made = proxy.create("patch", models=[MODEL], max_budget=5, metadata={"a": 1}, duration="1h")
    before = proxy.info(made["token"])
    response = proxy.update(made["token"], max_budget=6)
    assert response.status_code == 200
    after = proxy.info(made["token"])
    moved = {name for name in before if before[name] != after[name]}
    assert moved <= {"max_budget", "updated_at", "settings_updated_at"}
    assert after["max_budget"] == 6.0


def test_the_answer_is_the_row(proxy: Proxy) -> None:
    made = proxy.create("answer", models=[MODEL])
    answer = proxy.update(made["token"], models=[OTHER_MODEL]).json()
    row = proxy.info(made["token"])
    assert (answer["key"], answer["token"]) == (made["token"], made["token"])
    same = set(row) & set(answer) - {"litellm_budget_table", "object_permission"}
    assert {name: answer[name] for name in same} == {name: row[name] for name in same}
    assert {"key_alias", "models", "max_budget", "expires", "metadata", "updated_at"} <= same


def test_an_empty_update_moves_updated_at(proxy: Proxy) -> None:
    made = proxy.create("empty")
    time.sleep(0.002)  # timestamps are kept in milliseconds
    response = proxy.update(made["token"])
    assert response.status_code == 200
    assert instant(response.json()["updated_at"]) > instant(made["created_at"])


def test_a_key_is_addressed_by_its_value_as_well_and_then_echoed(proxy: Proxy) -> None:
    made = proxy.create("by-value")
    answer = proxy.update(made["key"], max_budget=1).json()
    assert (answer["key"], answer["token"], answer["max_budget"]) == (made["key"], made["token"], 1.0)


@pytest.mark.parametrize("upper", [False, True])
def test_an_unknown_key(proxy: Proxy, upper: bool) -> None:
    made = proxy.create("upper")
    token = made["token"].upper() if upper else token_of(new_key())
    response = proxy.update(token, max_budget=1)
    if proxy.since(90):
        error = {"message": "Key not found.", "type": "not_found_error", "param": "key", "code": "404"}
        assert (response.status_code, response.json()) == (404, {"error": error})
    else:
        assert (response.status_code, kind(response)) == (401, "auth_error")
        assert "user key does not exist in db" in sentence(response)


def test_an_alias_alone_addresses_a_key_since_1_105(proxy: Proxy) -> None:
    made = proxy.create("by-alias")
    response = proxy.post("/key/update", {"key_alias": made["key_alias"], "max_budget": 4})
    if not proxy.since(105):
        assert response.status_code == 422
        return
    assert (response.status_code, response.json()["key"]) == (200, made["token"])
    assert proxy.post("/key/update", {"key_alias": proxy.alias("nobody")}).status_code == 404
    wrong = "Value error, either key or key_alias must be provided"
    assert complaints(proxy.post("/key/update", {"max_budget": 4})) == [("value_error", ["body"], wrong)]


def test_metadata_is_replaced_whole(proxy: Proxy) -> None:
    made = proxy.create("meta", metadata={"a": 1}, model_rpm_limit={MODEL: 1})
    proxy.update(made["token"], metadata={"b": 2})
    assert proxy.info(made["token"])["metadata"] == {"b": 2}


def test_a_folded_field_alone_is_merged_into_metadata(proxy: Proxy) -> None:
    made = proxy.create("fold", metadata={"a": 1})
    proxy.update(made["token"], model_rpm_limit={MODEL: 1})
    assert proxy.info(made["token"])["metadata"] == {"a": 1, "model_rpm_limit": {MODEL: 1}}
    proxy.update(made["token"], model_rpm_limit=None)
    assert proxy.info(made["token"])["metadata"] == {"a": 1, "model_rpm_limit": {MODEL: 1}}
    proxy.update(made["token"], model_rpm_limit={})
    assert proxy.info(made["token"])["metadata"] == {"a": 1, "model_rpm_limit": {}}


def test_tags_need_a_licence(proxy: Proxy) -> None:
    proxy.only_since(80)
    made = proxy.create("tags")
    response = proxy.update(made["token"], tags=["a"])
    assert response.status_code == 403
    assert sentence(response).startswith("This feature is only available for LiteLLM Enterprise users")


@pytest.mark.parametrize(("name", "value"), CLEARED_BY_NULL.items())
def test_scalars_are_cleared_by_null(proxy: Proxy, name: str, value: Json) -> None:
    filled = proxy.alias("filled") if isinstance(value, str) else value
    made = proxy.generate({name: filled}).json()
    assert proxy.info(made["token"])[name] == filled
    assert proxy.update(made["token"], **{name: None}).status_code == 200
    assert proxy.info(made["token"])[name] is None


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_cleared_by_an_empty_list_and_refuse_null(proxy: Proxy, name: str) -> None:
    made = proxy.create("list", **{name: ["/v1/models"]})
    response = proxy.update(made["token"], **{name: None})
    assert (response.status_code, kind(response)) == (400, "auth_error")
    assert "A value is required but not set" in sentence(response)
    assert proxy.info(made["token"])[name] == ["/v1/models"]
    assert proxy.update(made["token"], **{name: []}).status_code == 200
    assert proxy.info(made["token"])[name] == []


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_cleared_by_an_empty_object_and_refuse_null(proxy: Proxy, name: str) -> None:
    made = proxy.create("object", **{name: {"a": 1}})
    response = proxy.update(made["token"], **{name: None})
    assert (response.status_code, kind(response)) == (400, "auth_error")
    assert proxy.info(made["token"])[name] == {"a": 1}
    assert proxy.update(made["token"], **{name: {}}).status_code == 200
    assert proxy.info(made["token"])[name] == {}


def test_spend_is_reset_by_zero_and_refuses_null(proxy: Proxy) -> None:
    made = proxy.create("spend", spend=3)
    assert proxy.update(made["token"], spend=None).status_code == 400
    assert proxy.update(made["token"], spend=0).status_code == 200
    assert proxy.info(made["token"])["spend"] == 0.0


def test_blocked_by_an_update(proxy: Proxy) -> None:
    made = proxy.create("block")
    assert proxy.update(made["token"], blocked=True).json()["blocked"] is True
    assert proxy.update(made["token"], blocked=False).json()["blocked"] is False
    assert proxy.update(made["token"], blocked=None).json()["blocked"] is None


def test_renaming(proxy: Proxy) -> None:
    made, other = proxy.create("old"), proxy.create("other")
    taken = proxy.update(made["token"], key_alias=other["key_alias"])
    assert (taken.status_code, taken.json()["error"]["param"]) == (400, "key_alias")
    assert proxy.update(made["token"], key_alias=made["key_alias"]).status_code == 200
    assert proxy.update(made["token"], key_alias=proxy.alias("new")).json()["key_alias"] == proxy.alias("new")
    assert proxy.listed(key_alias=proxy.alias("old"))["total_count"] == 0


def test_a_duration_restarts_the_clock_and_nothing_else_moves_the_expiry(proxy: Proxy) -> None:
    made = proxy.create("clock", duration="1h")
    first = proxy.info(made["token"])["expires"]
    proxy.update(made["token"], max_budget=1)
    assert proxy.info(made["token"])["expires"] == first
    proxy.update(made["token"], duration="2h")
    left = instant(proxy.info(made["token"])["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < left < timedelta(minutes=121)


def test_a_duration_revives_an_expired_key(proxy: Proxy) -> None:
    made = proxy.create("revive", duration="0s", models=[MODEL])
    assert proxy.chat(made["key"]).status_code in (400, 401)
    assert proxy.update(made["token"], duration="1h").status_code == 200
    assert proxy.chat(made["key"]).status_code == 200


def test_an_expiry_is_removed_by_minus_one(proxy: Proxy) -> None:
    proxy.only_since(80)
    made = proxy.create("forever", duration="1h")
    proxy.update(made["token"], duration="")
    assert proxy.info(made["token"])["expires"] is not None
    assert proxy.update(made["token"], duration="-1").status_code == 200
    assert proxy.info(made["token"])["expires"] is None


def test_an_expiry_is_removed_by_null_since_1_90(proxy: Proxy) -> None:
    made = proxy.create("forever", duration="1h")
    assert proxy.update(made["token"], duration=None).status_code == 200
    assert (proxy.info(made["token"])["expires"] is None) is proxy.since(90)


@pytest.mark.parametrize("duration", ["abc", "30"])
def test_a_bad_duration_is_a_400(proxy: Proxy, duration: str) -> None:
    response = proxy.update(proxy.create("bad")["token"], duration=duration)
    assert (response.status_code, kind(response)) == (400, "auth_error")


def test_a_budget_duration_is_cleared_by_null_since_1_90(proxy: Proxy) -> None:
    made = proxy.create("budget", budget_duration="7d")
    assert proxy.update(made["token"], budget_duration=None).status_code == 200
    row = proxy.info(made["token"])
    cleared = (row["budget_duration"], row["budget_reset_at"]) == (None, None)
    assert cleared is proxy.since(90)


def test_a_soft_budget_is_updated_since_1_105(proxy: Proxy) -> None:
    made = proxy.create("soft", soft_budget=1)
    before = proxy.info(made["token"])
    assert proxy.update(made["token"], soft_budget=2).status_code == 200
    after = proxy.info(made["token"])
    assert after["budget_id"] == before["budget_id"]
    assert after["litellm_budget_table"]["soft_budget"] == (2.0 if proxy.since(105) else 1.0)
    if proxy.since(105):
        proxy.update(made["token"], soft_budget=None)
        cleared = proxy.info(made["token"])
        assert (cleared["budget_id"], cleared["litellm_budget_table"]["soft_budget"]) == (before["budget_id"], None)


def test_a_budget_is_detached_by_null(proxy: Proxy) -> None:
    made = proxy.create("detach", soft_budget=1)
    proxy.update(made["token"], budget_id=None)
    row = proxy.info(made["token"])
    assert (row["budget_id"], row["litellm_budget_table"]) == (None, None)


def test_an_object_permission_is_extended_and_never_cleared(proxy: Proxy) -> None:
    made = proxy.create("permission", object_permission={"vector_stores": ["v"]})
    for sent in (None, {}, {"agents": ["a"]}):
        assert proxy.update(made["token"], object_permission=sent).status_code == 200
        shown = proxy.listed(key_hash=made["token"])["keys"][0]["object_permission"]
        assert shown["vector_stores"] == ["v"]


def test_budget_windows_are_cleared(proxy: Proxy) -> None:
    made = proxy.create("windows", budget_limits=[{"budget_duration": "1d", "max_budget": 3}])
    assert bool(proxy.info(made["token"]).get("budget_limits")) is proxy.since(90)
    assert proxy.update(made["token"], budget_limits=[]).status_code == 200
    assert proxy.info(made["token"]).get("budget_limits") is None


def test_what_cannot_be_changed_is_ignored(proxy: Proxy) -> None:
    made = proxy.create("fixed", key_type="llm_api")
    before = proxy.info(made["token"])
    sent = {"expires": "2099-01-01T00:00:00Z", "token": token_of("sk-x"), "key_type": "management"}
    assert proxy.update(made["token"], **sent).status_code == 200
    after = proxy.info(made["token"])
    same = set(before) - {"updated_at", "settings_updated_at"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_a_team_that_does_not_exist_is_refused(proxy: Proxy) -> None:
    response = proxy.update(proxy.create("team")["token"], team_id=proxy.alias("no-team"))
    assert response.status_code == (404 if proxy.since(80) else 400)
    assert sentence(response).startswith("Team doesn't exist in db. Team=")


def test_a_key_of_a_team_that_does_not_exist_is_made_but_never_changed_since_1_90(proxy: Proxy) -> None:
    made = proxy.create("orphan", team_id=proxy.alias("no-team"))
    assert proxy.info(made["token"])["team_id"] == proxy.alias("no-team")
    for change in ({"max_budget": 1}, {"team_id": None}):
        assert proxy.update(made["token"], **change).status_code == (404 if proxy.since(90) else 200)


def test_regeneration_needs_a_licence(proxy: Proxy) -> None:
    made = proxy.create("regenerate")
    response = proxy.post(f"/key/{made['token']}/regenerate", {})
    assert response.status_code == 500
    assert sentence(response).startswith("Regenerating Virtual Keys is an Enterprise feature")
    assert proxy.exists(made["token"])
