"""Drift told from intent on a real LiteLLM: repaired by apply, or accepted by refresh without a single write."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.proxies import Proxy, instant
from tests.workspace import Workspace

pytestmark = pytest.mark.live

CONFIG = """\
proxy: {url: '%s'}
keys:
  %sone: {models: [gpt-4], max_budget: 10, blocked: false, duration: 7d, user_id: somebody, metadata: {team: red}}
  %stwo: {models: [gpt-4], lifecycle: {on_missing: %s}}
"""
SERVER_OWN = ("updated_at", "settings_updated_at", "spend", "total_spend", "last_active")


@pytest.fixture
def alias(workspace: Workspace, proxy: Proxy) -> str:
    """A key that is as the config says."""
    configure(workspace, proxy)
    workspace.apply()
    return proxy.alias("one")


def configure(workspace: Workspace, proxy: Proxy, on_missing: str = "forget") -> None:
    """Two keys."""
    workspace.configure(CONFIG % (proxy.base_url, proxy.prefix, proxy.prefix, on_missing))


def steady(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what moves by itself."""
    return {name: value for name, value in row.items() if name not in SERVER_OWN}


EVERYTHING = {
    "max_budget": 999,
    "models": ["gpt-3.5-turbo"],
    "blocked": True,
    "duration": "1d",
    "user_id": "somebody-else",
    "rpm_limit": 7,
}


def drift(proxy: Proxy, token: str) -> None:
    """Somebody changes all that is declared, and something that is not."""
    metadata = {**proxy.info(token)["metadata"], "team": "blue", "by_hand": {"deep": [1, None]}}
    answer = proxy.update(token, metadata=metadata, **EVERYTHING)
    assert answer.status_code == 200, answer.text


def told(workspace: Workspace, *options: str) -> dict[str, str]:
    """By path, whose doing each difference of the one changed key is."""
    [change] = workspace.run("plan", "--json", *options).document["changes"]
    return {diff["path"]: diff["cause"] for diff in change["diffs"]}


DECLARED = ("blocked", "expires_at", "max_budget", "metadata.team", "models", "user_id")


def test_drift_is_repaired(workspace: Workspace, proxy: Proxy, alias: str) -> None:
    token = workspace.tokens[alias]
    before = proxy.info(token)
    drift(proxy, token)
    assert told(workspace) == dict.fromkeys(DECLARED, "changed outside vkstate")
    workspace.apply()
    after = proxy.info(token)
    assert abs(instant(after["expires"]) - instant(before["expires"])) < timedelta(seconds=2)
    expected = before | {
        "expires": after["expires"],
        "rpm_limit": 7,
        "metadata": before["metadata"] | {"by_hand": {"deep": [1, None]}},
    }
    assert steady(after) == steady(expected), "what nobody declared is left as it was set by hand"


def test_drift_is_accepted(workspace: Workspace, proxy: Proxy, alias: str) -> None:
    token = workspace.tokens[alias]
    drift(proxy, token)
    before, serial = proxy.info(token), workspace.state["serial"]
    assert workspace.run("plan", "--refresh-only", "--detailed-exitcode").code == 2
    assert (proxy.info(token), workspace.state["serial"]) == (before, serial)
    ran = workspace.ok("refresh", "--auto-approve")
    assert ran.last_line == "Refresh complete! 1 accepted, 0 forgotten. The proxy was not touched."
    assert (proxy.info(token), workspace.state["serial"]) == (before, serial + 1)
    assert workspace.run("plan", "--refresh-only", "--detailed-exitcode").code == 0
    assert told(workspace) == dict.fromkeys(
        ("blocked", "max_budget", "metadata.team", "models", "user_id"), "config changed"
    ), "the new end is accepted as the duration's"
    workspace.apply()
    assert proxy.info(token)["max_budget"] == 10.0


def test_a_key_that_somebody_deleted(workspace: Workspace, proxy: Proxy, alias: str) -> None:
    two, token = proxy.alias("two"), workspace.tokens[proxy.alias("two")]
    proxy.post("/key/delete", {"keys": [token]})
    ran = workspace.ok("apply", "--auto-approve")
    assert ran.last_line.endswith("1 forgotten.")
    workspace.converged()
    assert (workspace.keys[two]["status"], workspace.tokens[two]) == ("gone", token)
    assert proxy.listed(key_alias=two)["total_count"] == 0
    configure(workspace, proxy, "error")
    refused = workspace.run("apply", "--auto-approve")
    assert refused.code == 1
    assert f"somebody else deleted {two} on the proxy" in refused.stdout
    configure(workspace, proxy, "recreate")
    workspace.apply()
    assert workspace.tokens[two] != token
    assert proxy.chat(workspace.values[two]).status_code == 200


def test_an_expired_key_is_no_drift_and_can_be_renewed(workspace: Workspace, proxy: Proxy) -> None:
    one = proxy.alias("one")
    text = f"proxy: {{url: '{proxy.base_url}'}}\nkeys: {{{one}: {{models: [gpt-4], duration: %s}}}}\n"
    workspace.configure(text % "1s")
    workspace.ok("apply", "--auto-approve")
    token, value = workspace.tokens[one], workspace.values[one]
    deadline = time.monotonic() + 10
    while proxy.get("/v1/models", key=value).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.3)
    planned = workspace.run("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert planned.stdout.startswith(f"warning: expired keys stay as they are: {one}. --renew gives time again")
    workspace.configure(text % "1h")
    workspace.apply()
    assert (workspace.tokens[one], proxy.chat(value).status_code) == (token, 200)
    before = proxy.info(token)["expires"]
    time.sleep(2.5)
    ran = workspace.ok("apply", "--auto-approve", "--renew", one)
    assert ran.last_line == "Apply complete! 0 created, 1 updated (1 renewed), 0 replaced, 0 deleted."
    assert proxy.info(token)["expires"] > before
    workspace.converged()
