"""``/key/generate``: what it stores, and what its answer is worth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Json, Proxy, instant, new_key, sentence, token_of

SETTINGS: dict[str, Json] = {
    "models": [MODEL, MODEL],
    "max_budget": 5.0,
    "tpm_limit": 7,
    "rpm_limit": 0,
    "max_parallel_requests": 3,
    "budget_duration": "30d",
    "metadata": {"b": {"z": 1, "y": [1, 2.5, None]}, "é": "ü"},
    "permissions": {"p": True},
    "aliases": {"a": "b"},
    "config": {"c": 1},
    "allowed_routes": ["/v1/models"],
    "allowed_cache_controls": ["no-cache"],
    "blocked": False,
    "spend": 2.0,
}
DEFAULTS: dict[str, Json] = {
    "models": [],
    "max_budget": None,
    "budget_duration": None,
    "tpm_limit": None,
    "rpm_limit": None,
    "max_parallel_requests": None,
    "metadata": {},
    "permissions": {},
    "aliases": {},
    "config": {},
    "allowed_routes": [],
    "allowed_cache_controls": [],
    "model_max_budget": {},
    "blocked": None,
    "spend": 0.0,
    "user_id": None,
    "team_id": None,
    "expires": None,
}


def test_the_answer_shows_the_value_once_and_its_token(proxy: Proxy) -> None:
    made = proxy.create("new")
    key = made["key"]
    assert (made["token"], made["token_id"]) == (token_of(key), token_of(key))
    assert (key[:3], len(key), made["key_name"]) == ("sk-", 25, f"sk-...{key[-4:]}")
    assert (made["duration"], made["created_by"]) == (None, "default_user_id")
    assert key not in proxy.look_up(made["token"]).text


def test_settings_are_read_back_as_sent(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("full", user_id=proxy.alias("user"), **SETTINGS)["token"])
    assert {name: row[name] for name in SETTINGS} == SETTINGS
    assert row["user_id"] == proxy.alias("user")


def test_defaults(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("bare")["token"])
    assert {name: row[name] for name in DEFAULTS} == DEFAULTS


def test_numbers_are_converted(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("numbers", max_budget="5", tpm_limit="7", rpm_limit=True)["token"])
    assert (row["max_budget"], row["tpm_limit"], row["rpm_limit"]) == (5.0, 7, 1)
    assert isinstance(row["max_budget"], float)


def test_null_for_a_list_or_an_object_is_stored_as_empty(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("nulls", models=None, metadata=None, permissions=None, aliases=None)["token"])
    assert (row["models"], row["metadata"], row["permissions"], row["aliases"]) == ([], {}, {}, {})


def test_some_fields_are_kept_inside_metadata(proxy: Proxy) -> None:
    proxy.only_since(80)
    sent = {"model_rpm_limit": {MODEL: 3}, "model_tpm_limit": {MODEL: 4}, "enforced_params": ["user"]}
    types = {"rpm_limit_type": "best_effort_throughput", "tpm_limit_type": "dynamic"}
    made = proxy.create("folded", metadata={"a": 1}, **sent, **types)
    assert proxy.info(made["token"])["metadata"] == {"a": 1, **sent, **types}


@pytest.mark.parametrize("name", ["tags", "guardrails"])
def test_some_fields_need_a_licence(proxy: Proxy, name: str) -> None:
    response = proxy.generate({name: ["x"]})
    assert response.status_code == 403
    assert sentence(response).startswith("This feature is only available for LiteLLM Enterprise users")
    assert "You must be a LiteLLM Enterprise user to use this feature" in sentence(response)


def test_tags_inside_metadata_need_no_licence(proxy: Proxy) -> None:
    made = proxy.create("tagged", metadata={"tags": ["a"]})
    assert proxy.info(made["token"])["metadata"] == {"tags": ["a"]}


def test_an_empty_list_of_tags_is_stored_since_1_90(proxy: Proxy) -> None:
    response = proxy.generate({"tags": []})
    assert response.status_code == (200 if proxy.since(90) else 403)


def test_budgets_per_model_need_a_licence(proxy: Proxy) -> None:
    response = proxy.generate({"model_max_budget": {MODEL: {"budget_limit": 1}}})
    assert response.status_code == 500
    assert sentence(response).startswith("Invalid model_max_budget: You must have an enterprise license")


@pytest.mark.parametrize("name", ["max_budget", "soft_budget"])
def test_a_negative_budget_is_refused(proxy: Proxy, name: str) -> None:
    proxy.only_since(80)
    response = proxy.generate({name: -1})
    assert response.status_code == 400
    assert sentence(response).endswith("Received: -1.0")


def test_a_soft_budget_is_kept_in_a_budget_of_its_own(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("soft", soft_budget=2.5)["token"])
    assert "soft_budget" not in row
    assert (row["litellm_budget_table"]["soft_budget"], row["max_budget"]) == (2.5, None)
    assert row["litellm_budget_table"]["budget_id"] == row["budget_id"]


def test_an_unknown_budget_is_a_bare_500(proxy: Proxy) -> None:
    response = proxy.generate({"budget_id": proxy.alias("no-budget")})
    assert (response.status_code, sentence(response)) == (500, "Internal Server Error.")


def test_an_object_permission_is_a_row_of_its_own(proxy: Proxy) -> None:
    made = proxy.create("permission", object_permission={"vector_stores": ["v"]})
    listed = proxy.listed(key_hash=made["token"])["keys"][0]
    assert listed["object_permission_id"] == proxy.info(made["token"])["object_permission_id"]
    assert listed["object_permission"]["vector_stores"] == ["v"]
    assert listed["object_permission"]["mcp_servers"] == []


def test_the_type_of_a_key_sets_its_routes(proxy: Proxy) -> None:
    proxy.only_since(80)
    row = proxy.info(proxy.create("typed", key_type="llm_api", allowed_routes=["/x"])["token"])
    assert row["allowed_routes"] == ["llm_api_routes"]
    assert row.get("key_type") == ("llm_api" if proxy.since(105) else None)
    assert proxy.info(proxy.create("untyped")["token"]).get("key_type") == ("default" if proxy.since(105) else None)


def test_budget_windows_gain_a_reset(proxy: Proxy) -> None:
    row = proxy.info(proxy.create("windows", budget_limits=[{"budget_duration": "1d", "max_budget": 3}])["token"])
    if not proxy.since(90):
        assert "budget_limits" not in row
        return
    (window,) = row["budget_limits"]
    assert instant(window.pop("reset_at")) > datetime.now(UTC)
    assert window == {"budget_duration": "1d", "max_budget": 3.0}


def test_router_settings_are_read_back_as_sent_but_not_answered_so(proxy: Proxy) -> None:
    proxy.only_since(80)
    made = proxy.create("router", router_settings={"num_retries": 3})
    assert proxy.info(made["token"])["router_settings"] == {"num_retries": 3}
    assert set(made["router_settings"]) > {"num_retries"}


def test_timestamps_come_in_three_spellings(proxy: Proxy) -> None:
    made = proxy.create("times", duration="1h")
    row = proxy.info(made["token"])
    listed = proxy.listed(key_hash=made["token"])["keys"][0]
    assert (made["expires"][-1], row["expires"][-6:], listed["expires"][-1]) == ("Z", "+00:00", "Z")
    exact = instant(made["expires"])
    stored = exact.replace(microsecond=exact.microsecond // 1000 * 1000)
    assert (instant(row["expires"]), instant(listed["expires"])) == (stored, stored)
    assert instant(made["created_at"]) == instant(row["created_at"]) == instant(listed["created_at"])


LIFETIMES = [
    ("30s", timedelta(seconds=30)),
    ("10m", timedelta(minutes=10)),
    ("5h", timedelta(hours=5)),
    ("3d", timedelta(days=3)),
    ("1w", timedelta(weeks=1)),
    ("1d12h", timedelta(days=1)),
    ("0s", timedelta(0)),
]


@pytest.mark.parametrize(("duration", "lifetime"), LIFETIMES)
def test_a_duration_is_exact_and_only_its_start_is_read(proxy: Proxy, duration: str, lifetime: timedelta) -> None:
    made = proxy.create("lives", duration=duration)
    assert abs(instant(made["expires"]) - instant(made["created_at"]) - lifetime) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("duration", "message"),
    [
        *((bad, f"Unsupported duration unit, passed duration: {bad}") for bad in ("30", "30 d", "1.5h", "1y", "1D")),
        *((bad, "Invalid duration format") for bad in ("-1", "", "abc")),
    ],
)
def test_a_bad_duration_is_a_500(proxy: Proxy, duration: str, message: str) -> None:
    response = proxy.generate({"duration": duration})
    assert (response.status_code, sentence(response)) == (500, message)


def test_an_expiry_cannot_be_given_as_an_instant(proxy: Proxy) -> None:
    assert proxy.info(proxy.create("instant", expires="2099-01-01T00:00:00Z")["token"])["expires"] is None


@pytest.mark.parametrize("duration", ["30d", "1mo", "7d", "1d", "1h"])
def test_a_budget_starts_anew_at_a_boundary_of_the_calendar(proxy: Proxy, duration: str) -> None:
    proxy.only_since(80)
    row = proxy.info(proxy.create("calendar", budget_duration=duration)["token"])
    reset = instant(row["budget_reset_at"])
    created = instant(row["created_at"])
    assert (row["budget_duration"], reset > created, reset.minute, reset.second) == (duration, True, 0, 0)
    if duration in ("30d", "1mo"):
        assert (reset.day, reset.hour) == (1, 0)
    if duration == "7d":
        assert (reset.weekday(), reset.hour) == (0, 0)
    if duration == "1h":
        assert reset - created <= timedelta(hours=1)


@pytest.mark.parametrize("duration", ["abc", "30"])
def test_a_bad_budget_duration_is_refused_since_1_105(proxy: Proxy, duration: str) -> None:
    proxy.only_since(80)
    response = proxy.generate({"budget_duration": duration})
    assert response.status_code == (400 if proxy.since(105) else 200)
    if proxy.since(105):
        message = f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'."
        assert sentence(response) == message


@pytest.mark.parametrize("key", ["sk-contract-with spaces/and ü", "sk-" + "x" * 13, "sk-" + "y" * 297])
def test_an_own_key_value_is_taken(proxy: Proxy, key: str) -> None:
    made = proxy.create("own", key=key)
    assert (made["key"], made["token"]) == (key, token_of(key))


@pytest.mark.parametrize("key", ["no-prefix-but-long-enough", "SK-wrong-case-but-long", ""])
def test_an_own_key_value_must_start_as_keys_do(proxy: Proxy, key: str) -> None:
    proxy.only_since(80)
    response = proxy.generate({"key": key})
    assert response.status_code == 400
    assert sentence(response).startswith("Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: ")
    assert (key in response.text) is (not proxy.since(90) or key == "")


def test_a_short_key_value_is_refused_since_1_105(proxy: Proxy) -> None:
    response = proxy.generate({"key": "sk-contract"})
    assert response.status_code == (400 if proxy.since(105) else 200)
    if proxy.since(105):
        assert sentence(response) == "Invalid key format. LiteLLM Virtual Key must be at least 16 characters long."


def test_a_create_with_an_existing_value_changes_nothing_and_says_200(proxy: Proxy) -> None:
    key = new_key()
    first = proxy.create("first", key=key, max_budget=1, models=[MODEL])
    before = proxy.info(first["token"])
    again = proxy.create("second", key=key, max_budget=2, models=[OTHER_MODEL], duration="1h")
    assert (again["key_alias"], again["max_budget"], again["models"]) == (proxy.alias("second"), 2.0, [OTHER_MODEL])
    assert again["expires"] is not None
    assert again["created_at"] == first["created_at"]
    assert proxy.info(first["token"]) == before
    assert proxy.listed(key_alias=proxy.alias("second"))["total_count"] == 0


def test_a_create_with_an_existing_value_and_its_alias_is_a_duplicate(proxy: Proxy) -> None:
    key = new_key()
    made = proxy.create("same", key=key, max_budget=1)
    response = proxy.generate({"key": key, "key_alias": made["key_alias"], "max_budget": 2})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "key_alias")
    assert proxy.info(made["token"])["max_budget"] == 1.0


def test_one_value_at_the_same_time_makes_one_key(proxy: Proxy) -> None:
    key = new_key()
    body = {"key": key, "key_alias": proxy.alias("race")}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: proxy.generate(body).status_code, range(8)))
    assert set(statuses) <= {200, 400}
    assert 200 in statuses
    assert proxy.listed(key_alias=proxy.alias("race"))["total_count"] == 1
    assert proxy.exists(token_of(key))
