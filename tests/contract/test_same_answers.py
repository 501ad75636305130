"""The sandbox answers word for word like the LiteLLM that it copies; checked against a real one of that release."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.contract.conftest import live_proxy, opened
from tests.contract.proxies import MODEL, OTHER_MODEL, Json, Proxy, token_of
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, LITELLM_VERSION

pytestmark = pytest.mark.live

CREATES: list[dict[str, Json]] = [
    {"max_budget": ""},
    {"max_budget": True},
    {"soft_budget": 2.5},
    {"models": None},
    {"models": [1]},
    {"metadata": {"bb": 1, "a": None, "ccc": {"z": 1, "y": [1, 2.0]}, "é": "ü"}},
    {"metadata": {"service_account_id": "x"}},
    {"permissions": {"get_spend_routes": True}},
    {"key_type": None},
    {"key_type": "management", "allowed_routes": ["x"]},
    *({"blocked": value} for value in ("yes", 1.0, 2)),
    *({name: ["a"]} for name in ("tags", "guardrails", "prompts", "policies", "allowed_passthrough_routes")),
    {"disable_global_guardrails": True},
    {"disable_global_guardrails": False},
    {"tags": []},
    {"model_max_budget": {MODEL: {"budget_limit": 1}}},
    *({"duration": value} for value in ("14mo", "99999999d", "daily", "monthly", "10000000000000000000000s")),
    *({"budget_duration": value} for value in ("", "daily", "weekly", "2mo", "0d", "30", "1dx", "2w", "24h")),
    {"organization_id": "no-such-organization"},
    {"project_id": "no-such-project"},
    {"max_parallel_requests": 3_000_000_000},
    {"key": "sk-ab"},
    {"key": "long-enough-but-no-prefix"},
    {"team_id": ""},
    {"auto_rotate": True},
    {"auto_rotate": True, "rotation_interval": "30d"},
    {"auto_rotate": True, "rotation_interval": "zz"},
    {"rotation_interval": "30d"},
    {"rpm_limit_type": "bad"},
    {"mcp_rpm_limit": {"a": "x"}},
    {"default_estimated_output_tokens": 0},
    {"allowed_vector_store_indexes": [{"index_name": 1}]},
    {"allowed_vector_store_indexes": [{"index_name": "a", "index_permissions": ["read"]}]},
    {"router_settings": {"num_retries": 3, "no_such_setting": 1, "timeout": None}},
    {"router_settings": {"num_retries": "x"}},
    {"budget_limits": [{"budget_duration": "zz", "max_budget": 3}]},
    {"budget_limits": [{}, "x"]},
    {"budget_fallbacks": {"a": ["b"]}},
    {"budget_fallbacks": {"a": 1}},
    {"access_group_ids": ["g"], "agent_id": "a", "tpd_limit": 3, "throttle_on_budget_exceeded": True},
    {"object_permission": {}},
    {"object_permission": {"mcp_servers": ["q"], "vector_stores": ["v"]}},
    {"object_permission": []},
    {"end_user_budget_id": "no-such-budget"},
    {"metadata": {"end_user_budget_id": "no-such-budget"}},
    {"metadata": {"end_user_budget_id": 5}, "end_user_budget_id": ""},
    {"enable_prompt_caching": False, "tag_rpm_limit": {"a": 1}, "mcp_rpm_limit": {"b": 2}},
    {"default_estimated_output_tokens": 5, "default_estimated_output_tokens_per_model": {"gpt-4": 6}},
    {"metadata": {"enforced_params": ["user"]}},
    {"enforced_params": ["user"]},
]
UPDATES: list[dict[str, Json]] = [
    *({name: None} for name in ("models", "spend", "metadata", "config", "router_settings", "budget_fallbacks")),
    *({name: None} for name in ("max_budget", "key_type", "rpm_limit_type", "auto_rotate", "policies", "soft_budget")),
    {"max_budget": -1},
    {"max_budget": ""},
    {"tpm_limit": ""},
    {"tpm_limit": 3.0},
    {"tpm_limit": " 8 "},
    {"team_id": ""},
    {"team_id": "no-such-team"},
    *({"budget_duration": value} for value in ("", "abc", "7d", None)),
    *({"duration": value} for value in ("abc", "-1", "", "30", "1h", None)),
    *({"soft_budget": value} for value in (4, 5, None, -1)),
    {"budget_id": ""},
    {"budget_id": "no-such-budget"},
    {"key_alias": ""},
    {"key_alias": "a\nb"},
    {"metadata": {"x": 1}},
    {"model_rpm_limit": {MODEL: 1}},
    {"metadata": {}, "enforced_params": ["a"]},
    {"tags": []},
    {"guardrails": ["x"]},
    {"model_max_budget": {MODEL: {"budget_limit": 1}}},
    {"temp_budget_increase": 3},
    {"temp_budget_increase": 3, "temp_budget_expiry": "2099-01-01T00:00:00Z"},
    {"object_permission": {"vector_stores": ["a"]}},
    {"object_permission": {"mcp_servers": ["b"], "agents": ["z"]}},
    {"budget_limits": [{"budget_duration": "1d", "max_budget": 3}]},
    {"budget_limits": []},
    {"permissions": {"get_spend_routes": True}},
    {"models": [1]},
    {"organization_id": "no-such-organization"},
    {"project_id": "no-such-project"},
    {"spend": "nan"},
    {"auto_rotate": True, "rotation_interval": "30d"},
    {"rotation_interval": "60d"},
    {"auto_rotate": False, "rotation_interval": None},
    {"router_settings": {"num_retries": 3, "timeout": None}},
    {"enable_prompt_caching": True, "tag_rpm_limit": {"a": 1}, "metadata": {"a": 1}},
    {"metadata": {"end_user_budget_id": "no-such-budget"}},
    {"end_user_budget_id": "no-such-budget"},
    {"end_user_budget_id": ""},
    {"metadata": {}},
    {"max_parallel_requests": 3_000_000_000},
    {"blocked": True},
    {},
]
BODIES: list[tuple[str, Json]] = [
    *((path, body) for path in ("/key/delete", "/v2/key/info") for body in ({}, {"keys": "a"}, {"keys": [1]})),
    *((path, body) for path in ("/key/block", "/key/unblock") for body in ({}, {"key": None}, {"key": "x"})),
    *((path, []) for path in ("/key/generate", "/key/update", "/key/delete", "/key/block")),
    ("/key/update", {"key": token_of("sk-nobody")}),
    ("/key/update", {"max_budget": 1}),
    ("/key/update", {"key_alias": "no-such-alias"}),
    ("/key/regenerate", {}),
    ("/budget/info", {}),
    *(("/budget/info", {"budgets": budgets}) for budgets in ([], [1], ["no-such-budget"])),
    ("/v1/chat/completions", {}),
    ("/v1/chat/completions", {"messages": []}),
]
TEAMS: list[dict[str, Json]] = [
    {},
    {
        "models": [MODEL],
        "max_budget": 1,
        "tpm_limit": 5,
        "rpm_limit": 6,
        "metadata": {"a": 1},
        "members_with_roles": [{"user_id": "u1", "role": "user"}],
        "no_such_field": 1,
    },
    {"team_alias": ""},
    {"team_alias": 5},
    {"models": None},
    {"models": "a"},
    {"tpm_limit": "x"},
    {"members_with_roles": [{"user_id": "u1"}]},
]
TEAM_QUERIES: list[dict[str, Json]] = [
    {"page": 0},
    {"page": "x"},
    {"page_size": 0},
    {"page_size": 101},
    {"team_id": "no-such-team"},
]
MOVED: list[dict[str, Json]] = [
    {"user_id": "u1"},
    {"user_id": "u2"},
    {"models": [OTHER_MODEL]},
    {"models": ["all-team-models"]},
    {"models": ["all-proxy-models"]},
    {"tpm_limit": 50},
    {"tpm_limit": 1, "rpm_limit": 50},
]
CALLERS: dict[str, dict[str, Json]] = {
    "plain": {"models": [MODEL]},
    "blocked": {"blocked": True},
    "expired": {"duration": "0s"},
    "spent": {"max_budget": 0},
    "read-only": {"key_type": "read_only"},
    "llm-only": {"key_type": "llm_api"},
    "management": {"key_type": "management"},
    "one-route": {"allowed_routes": ["/key/info"]},
}
GUARDED = ["/key/list", "/key/info", "/key/aliases", "/user/list", "/health/readiness/details", "/no/such/path"]

_VARYING = [
    (re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?"), r"<time>\3"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{64}"), "<token>"),
    (re.compile(r"sk-\.\.\.[\w-]{4}"), "sk-...<end>"),
    (re.compile(r'"sk-[\w-]{22}"'), '"<key>"'),
    (re.compile(r"contract-[0-9a-f]{8}-"), "<prefix>"),
]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Proxy, Proxy]]:
    """A real proxy of the release that the sandbox copies, and the sandbox."""
    url, master_key = live_proxy()
    with requests.Session() as live, requests.Session() as local:
        real = opened(live, url, master_key)
        if not LITELLM_VERSION.startswith(f"{real.release[0]}.{real.release[1]}."):
            pytest.skip(f"the sandbox copies LiteLLM {LITELLM_VERSION}, the real proxy is of another release")
        local.mount(SCHEME, SandboxAdapter(tmp_path / "sandbox.sqlite"))
        copy = opened(local, BASE_URL, DEFAULT_MASTER_KEY)
        yield real, copy
        real.clean_up()


def answer(response: requests.Response) -> tuple[int, Json]:
    """Status and body, without what differs from one answer to the next."""
    text = json.dumps(response.json(), ensure_ascii=False)
    for pattern, placeholder in _VARYING:
        text = pattern.sub(placeholder, text)
    return response.status_code, json.loads(text)


def post(proxy: Proxy, path: str, body: Json) -> requests.Response:
    """A POST; sent again when LiteLLM closed the connection after an earlier fault."""
    try:
        return proxy.post(path, body)
    except requests.ConnectionError:
        return proxy.post(path, body)


def test_creates(both: tuple[Proxy, Proxy]) -> None:
    for number, body in enumerate(CREATES):
        answers = []
        for proxy in both:
            made = proxy.generate({"key_alias": proxy.alias(f"c{number}"), **body})
            seen = [answer(made)]
            if made.status_code == 200:
                token = made.json()["token"]
                seen.append(answer(proxy.look_up(token)))
                seen.append(answer(proxy.get("/key/list", key_hash=token, return_full_object="true")))
            answers.append(seen)
        assert answers[1] == answers[0], body


def test_updates(both: tuple[Proxy, Proxy]) -> None:
    tokens = {proxy.base_url: proxy.create("updated", models=[MODEL])["token"] for proxy in both}
    for body in UPDATES:
        real, copy = (answer(proxy.update(tokens[proxy.base_url], **body)) for proxy in both)
        assert copy == real, body
    rows = [answer(proxy.look_up(tokens[proxy.base_url])) for proxy in both]
    assert rows[1] == rows[0]
    gone = [answer(proxy.post("/key/delete", {"keys": [tokens[proxy.base_url], "nothing"]})) for proxy in both]
    assert gone[1] == gone[0]
    archived = [answer(proxy.look_up(tokens[proxy.base_url])) for proxy in both]
    assert archived[1] == archived[0]


def test_bodies(both: tuple[Proxy, Proxy]) -> None:
    for path, body in BODIES:
        real, copy = (answer(post(proxy, path, body)) for proxy in both)
        assert copy == real, (path, body)


def test_callers(both: tuple[Proxy, Proxy]) -> None:
    for name, body in CALLERS.items():
        keys = {proxy.base_url: proxy.create(name, **body)["key"] for proxy in both}
        for path in GUARDED:
            real, copy = (answer(proxy.get(path, key=keys[proxy.base_url])) for proxy in both)
            assert copy == real, (name, path)
        refused = [answer(proxy.post("/key/generate", {}, key=keys[proxy.base_url])) for proxy in both]
        assert refused[1] == refused[0], name


def test_budgets(both: tuple[Proxy, Proxy]) -> None:
    answers = []
    for proxy in both:
        budget_id = proxy.info(proxy.create("budget", soft_budget=1)["token"])["budget_id"]
        answers.append(answer(proxy.post("/budget/info", {"budgets": [budget_id, "no-such-budget"]})))
    assert answers[1] == answers[0]


def test_teams(both: tuple[Proxy, Proxy]) -> None:
    for number, body in enumerate(TEAMS):
        answers = []
        for proxy in both:
            made = proxy.post("/team/new", {"team_id": proxy.alias(f"t{number}"), **body})
            seen = [answer(made)]
            if made.status_code == 200:
                proxy.teams.append(made.json()["team_id"])
                seen.append(answer(proxy.post("/team/new", {"team_id": made.json()["team_id"]})))
                seen.append(answer(proxy.get("/v2/team/list", team_id=made.json()["team_id"])))
            answers.append(seen)
        assert answers[1] == answers[0], body
    for query in TEAM_QUERIES:
        real, copy = (answer(proxy.get("/v2/team/list", **query)) for proxy in both)
        assert copy == real, query
    for path, sent in (("/team/delete", {}), ("/team/delete", {"team_ids": ["no-such-team"]}), ("/team/block", {})):
        real, copy = (answer(proxy.post(path, sent)) for proxy in both)
        assert copy == real, (path, sent)


def team_like(proxy: Proxy, name: str, **body: Json) -> str:
    """A team under this id on one proxy."""
    made = proxy.post("/team/new", {"team_id": proxy.alias(name), "models": [MODEL], **body})
    assert made.status_code == 200, made.text
    proxy.teams.append(proxy.alias(name))
    return proxy.alias(name)


def test_moves_into_a_team(both: tuple[Proxy, Proxy]) -> None:
    limits = {"members_with_roles": [{"user_id": "u1", "role": "user"}], "tpm_limit": 5, "rpm_limit": 6}
    teams = {proxy.base_url: team_like(proxy, "red", **limits) for proxy in both}
    for number, case in enumerate(MOVED):
        tokens = {
            proxy.base_url: proxy.create(f"moved{number}", **{"models": [MODEL], **case})["token"] for proxy in both
        }
        real, copy = (answer(proxy.update(tokens[proxy.base_url], team_id=teams[proxy.base_url])) for proxy in both)
        assert copy == real, case


def test_keys_of_teams(both: tuple[Proxy, Proxy]) -> None:
    teams = {proxy.base_url: team_like(proxy, "red") for proxy in both}
    for name, models in (("own", [MODEL, OTHER_MODEL]), ("team", ["all-team-models"]), ("none", [])):
        keys = {proxy.base_url: proxy.create(name, models=models, team_id=teams[proxy.base_url]) for proxy in both}
        for ask in (listed, lambda proxy, key: answer(proxy.chat(key, OTHER_MODEL)), chatted):
            real, copy = (ask(proxy, keys[proxy.base_url]["key"]) for proxy in both)
            assert copy == real, name
    ghosts = {
        proxy.base_url: proxy.create("ghost", models=["all-team-models"], team_id="no-such-team")["key"]
        for proxy in both
    }
    real, copy = (answer(proxy.get("/v1/models", key=ghosts[proxy.base_url])) for proxy in both)
    assert copy == real
    real, copy = (answer(proxy.chat(ghosts[proxy.base_url])) for proxy in both)
    assert copy == real


def listed(proxy: Proxy, key: str) -> Json:
    """The models that are listed to a key."""
    return [model["id"] for model in proxy.get("/v1/models", key=key).json()["data"]]


def chatted(proxy: Proxy, key: str) -> Json:
    """Whether a key may chat."""
    return proxy.chat(key, MODEL).status_code


def test_blocking(both: tuple[Proxy, Proxy]) -> None:
    tokens = {proxy.base_url: proxy.create("blocked", soft_budget=1)["token"] for proxy in both}
    for path in ("/key/block", "/key/unblock"):
        real, copy = (answer(proxy.post(path, {"key": tokens[proxy.base_url]})) for proxy in both)
        assert copy == real, path
