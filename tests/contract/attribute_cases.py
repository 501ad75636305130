"""Every attribute of a key, with two values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Proxy

Json = Any
"""A value as it is configured, or as it comes off the wire."""


@dataclass(frozen=True)
class Case:
    """An attribute, what it is set to first and then, and what has to stand beside it."""

    name: str
    first: Json
    second: Json
    beside: Mapping[str, Json] = field(default_factory=dict)
    also: Mapping[str, Json] = field(default_factory=dict)
    """What stands beside the attribute as long as it holds anything."""
    required: bool = False
    """Whether the config does without it."""

    def __str__(self) -> str:
        return self.name


def _limits(*limits: tuple[str, float]) -> Json:
    return [{"budget_duration": duration, "max_budget": budget} for duration, budget in limits]


def _index(name: str, *permissions: str) -> Json:
    return [{"index_name": name, "index_permissions": list(permissions)}]


PLAIN: Final = (
    Case("user_id", "somebody@example.com", "ältere.Person+1@example.com"),
    Case("agent_id", "agent-1", "agent 2"),
    Case("models", [MODEL, OTHER_MODEL], ["all-proxy-models"], required=True),
    Case("access_group_ids", ["group-1"], ["group-2", "group-1"]),
    Case("allowed_routes", ["/chat/completions", "/embeddings"], ["llm_api_routes"]),
    Case("allowed_cache_controls", ["no-cache"], ["no-store", "no-cache"]),
    Case("key_type", "llm_api", "management"),
    Case("max_budget", 10, 0.25),
    Case("soft_budget", 5, 7.5),
    Case("budget_duration", "30d", "1mo"),
    Case("budget_limits", _limits(("1d", 3)), _limits(("7d", 4.5), ("1d", 1))),
    Case("budget_fallbacks", {MODEL: [OTHER_MODEL]}, {OTHER_MODEL: [MODEL], MODEL: []}),
    Case("max_parallel_requests", 3, 0),
    Case("tpm_limit", 1000, 2**40),
    Case("rpm_limit", 60, 0),
    Case("tpd_limit", 100_000, 1),
    Case("model_tpm_limit", {MODEL: 5}, {MODEL: 6, OTHER_MODEL: 7}),
    Case("model_rpm_limit", {MODEL: 5}, {OTHER_MODEL: 0}),
    Case("tpm_limit_type", "dynamic", "best_effort_throughput"),
    Case("rpm_limit_type", "best_effort_throughput", "guaranteed_throughput"),
    Case("mcp_rpm_limit", {"github": 5}, {"slack": 6}),
    Case("tag_rpm_limit", {"cell-1": 5}, {"cell-1": 6, "cell-2": 1}),
    Case("default_estimated_output_tokens", 100, 1),
    Case("default_estimated_output_tokens_per_model", {MODEL: 100}, {OTHER_MODEL: 1}),
    Case("throttle_on_budget_exceeded", True, False),
    Case("blocked", True, False),
    Case("auto_rotate", True, False, also={"rotation_interval": "30d"}),
    Case("rotation_interval", "30d", "12h", also={"auto_rotate": True}),
    Case("permissions", {"allow_pii_controls": True}, {"nested": {"a": [1, None, "é"]}}),
    Case("aliases", {"short": MODEL}, {"other": OTHER_MODEL, "short": MODEL}),
    Case("config", {"some": {"setting": 1}}, {"other": [2.5]}),
    Case("router_settings", {"num_retries": 3, "timeout": 1.5}, {"fallbacks": [{MODEL: [OTHER_MODEL]}]}),
    Case("enable_prompt_caching", True, False),
    Case("object_permission", {"vector_stores": ["b", "a"]}, {"vector_stores": ["c"]}),
    Case("enforced_params", ["user"], ["user", "metadata.generation_name"]),
    Case("allowed_vector_store_indexes", _index("a", "read"), _index("b", "write", "read")),
    Case("metadata", {"cost_center": "4711", "empty": {}}, {"cost_center": None, "nested": {"z": [2**70, 0.1]}}),
)
"""The attributes that need nothing but the key, without its expiry."""

EXPIRIES: Final = (
    ({"duration": "30d"}, {"duration": "7d"}),
    ({"expires_at": "2099-12-01T18:00:00+01:00"}, {"expires_at": "2098-01-01T00:00:00Z"}),
    ({"duration": "1w"}, {"expires_at": "2098-01-01T00:00:00Z"}),
)

REFERRING: Final = ("budget_id", "end_user_budget_id", "team_id", "organization_id")
"""The attributes that name something else, which must exist. Projects need a licence wherever LiteLLM has them."""

LICENSED: Final[Mapping[str, Json]] = {
    "tags": ["a"],
    "guardrails": ["a"],
    "prompts": ["a"],
    "policies": ["a"],
    "allowed_passthrough_routes": ["/a"],
    "disable_global_guardrails": True,
    "model_max_budget": {MODEL: {"budget_limit": 1, "time_period": "1d"}},
}
"""The attributes that LiteLLM keeps for its Enterprise licence."""


def referring(name: str, proxy: Proxy) -> Case:
    """A case with two things that exist; skips the test where the proxy has no such things, or sells them."""
    one, other = (_made(name, f"{proxy.prefix}{number}", proxy) for number in (1, 2))
    # A key moves only to a team that its user is a member of.
    return Case(name, one, other, beside={"user_id": None} if name == "team_id" else {})


def everything(proxy: Proxy, *, referring_too: bool) -> dict[str, dict[str, Json]]:
    """Two keys that hold between them all attributes at once that need no licence; a few exclude each other."""
    first = {case.name: case.first for case in PLAIN} | {"expires_at": "2099-12-01T18:00:00+01:00"}
    second = {case.name: case.second for case in PLAIN} | {"duration": "90d", "rotation_interval": None}
    del first["key_type"], second["allowed_routes"], second["soft_budget"]
    for name in REFERRING:
        if name.endswith("budget_id") or (referring_too and name == "team_id"):
            first[name] = second[name] = _made(name, f"{proxy.prefix}{name}", proxy)
    del first["budget_id"]
    return {proxy.alias("one"): first, proxy.alias("two"): second}


def _made(name: str, thing: str, proxy: Proxy) -> str:
    if name.endswith("budget_id"):
        return str(proxy.info(proxy.create(f"budget-{thing}", soft_budget=1)["token"])["budget_id"])
    kind = name.removesuffix("_id")
    response = proxy.post(f"/{kind}/new", {f"{kind}_alias": thing, "models": []})
    if response.status_code in (403, 404):
        pytest.skip(f"this proxy makes no {kind}: {response.status_code}")
    assert response.status_code == 200, response.text
    made = str(response.json()[name])
    (proxy.teams if kind == "team" else proxy.organizations).append(made)
    return made
