"""New values under the same alias on a real LiteLLM: who holds the old one, and for how long."""

from __future__ import annotations

import time

import pytest

from tests.contract.proxies import Proxy, instant, kind
from tests.workspace import Workspace

pytestmark = pytest.mark.live

CONFIG = """\
proxy: {url: '%s'}
keys:
  %sone: {models: [gpt-4], max_budget: 10%s}
workshops:
  %sw: {count: 3, models: [gpt-4], max_budget: 1}
"""


def configure(workspace: Workspace, proxy: Proxy, more: str = "") -> str:
    """A key and a workshop; the key's alias."""
    workspace.configure(CONFIG % (proxy.base_url, proxy.prefix, more, proxy.prefix))
    return proxy.alias("one")


def refused(proxy: Proxy, value: str, reason: str) -> bool:
    """Whether a value is refused for this reason."""
    answer = proxy.get("/v1/models", key=value)
    return answer.status_code in (400, 401) and kind(answer) == reason


def opens(proxy: Proxy, value: str) -> bool:
    """Whether a value opens the proxy: its list of models, and a chat."""
    return proxy.get("/v1/models", key=value).status_code == proxy.chat(value).status_code == 200


def bearers(proxy: Proxy, alias: str) -> list[str]:
    """The tokens of the keys that bear an alias."""
    return [row["token"] for row in proxy.listed(key_alias=alias)["keys"]]


def test_at_once(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy)
    workspace.apply()
    tokens, values = workspace.tokens, workspace.values
    assert opens(proxy, values[alias])
    ran = workspace.apply("--replace", alias)
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 1 replaced, 0 deleted."
    assert "  The old value had spent $" in ran.stdout
    assert workspace.tokens[alias] != tokens[alias]
    assert {name: token for name, token in workspace.tokens.items() if name != alias} == {
        name: token for name, token in tokens.items() if name != alias
    }
    assert opens(proxy, workspace.values[alias])
    assert refused(proxy, values[alias], "token_not_found_in_db")
    assert bearers(proxy, alias) == [workspace.tokens[alias]]
    [report] = workspace.reports
    assert [line["token"] for line in report["keys"]] == [tokens[alias]]


def test_with_grace(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy)
    workspace.apply()
    tokens, values = workspace.tokens, workspace.values
    replaced = sorted(tokens)
    before = {token: proxy.info(token) for token in tokens.values()}
    ran = workspace.apply("--replace", "*", "--grace", "1h")
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 4 replaced, 0 deleted."
    for name in replaced:
        aside = f"{name}.retired-{tokens[name][:8]}"
        assert (workspace.tokens[aside], bearers(proxy, aside)) == (tokens[name], [tokens[name]])
        assert bearers(proxy, name) == [workspace.tokens[name]]
        old, new = proxy.info(tokens[name]), proxy.info(workspace.tokens[name])
        assert instant(old["expires"]) < instant(before[tokens[name]]["expires"])
        assert (new["models"], new["max_budget"], new["user_id"]) == (old["models"], old["max_budget"], old["user_id"])
    for value in (values[alias], workspace.values[alias]):
        assert opens(proxy, value)
    assert "4 retired keys still have time: " in workspace.ok("plan").stdout
    workspace.ok("destroy", "--auto-approve")
    assert not any(proxy.exists(token) for token in tokens.values())
    assert refused(proxy, values[alias], "token_not_found_in_db")


def test_the_end_of_a_time_of_grace(workspace: Workspace, proxy: Proxy) -> None:
    """The proxy itself ends the old value, to the second; a later apply collects it."""
    alias = configure(workspace, proxy)
    workspace.apply()
    token, value = workspace.tokens[alias], workspace.values[alias]
    workspace.ok("apply", "--auto-approve", "--replace", alias, "--grace", "4s")
    assert opens(proxy, workspace.values[alias])
    deadline = time.monotonic() + 15
    while proxy.get("/v1/models", key=value).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    if proxy.exists(token):
        assert refused(proxy, value, "expired_key")
    time.sleep(1.5)  # the proxy tells the time in whole seconds
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 1 deleted."
    assert not proxy.exists(token)
    assert refused(proxy, value, "token_not_found_in_db")
    assert opens(proxy, workspace.values[alias])
    [report] = workspace.reports
    assert [line["token"] for line in report["keys"]] == [token]


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (", key_type: llm_api", ", key_type: management", "key_type"),
        (", budget_duration: 30d", "", "budget_duration"),
        (", soft_budget: 5", ", soft_budget: 6", "soft_budget"),
    ],
)
def test_what_this_server_cannot_change(
    workspace: Workspace, proxy: Proxy, before: str, after: str, field: str
) -> None:
    """It is said before anything is sent, and the hint is a command that works."""
    alias = configure(workspace, proxy, before)
    workspace.apply()
    token = workspace.tokens[alias]
    configure(workspace, proxy, after)
    ran = workspace.run("plan", "--json")
    if field == "key_type" and not proxy.since(80):
        ignored = f"this LiteLLM does not know key_type, which {alias} would have, and ignores it."
        assert (ran.code, ignored in ran.document["warnings"]) == (0, True)
        workspace.apply()
        assert workspace.tokens[alias] == token
        return
    able = {"key_type": False, "budget_duration": proxy.since(90), "soft_budget": proxy.since(105)}[field]
    if able:
        assert ran.code == 0
        workspace.apply()
        assert workspace.tokens[alias] == token
        return
    [problem] = ran.document["problems"]
    hint = f"keep {field} as it was, or give {alias} a new key value: --replace {alias}"
    assert (ran.code, problem["alias"], problem["hint"]) == (1, alias, hint)
    assert proxy.exists(token)
    workspace.apply("--replace", alias)
    assert workspace.tokens[alias] != token
    row = proxy.info(workspace.tokens[alias])
    match field:
        case "key_type":
            assert row["allowed_routes"] == ["management_routes"]
        case "budget_duration":
            assert row["budget_duration"] is None
        case _:
            assert row["litellm_budget_table"]["soft_budget"] == 6.0


def test_a_protected_key(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", lifecycle: {prevent_destroy: true}")
    workspace.apply()
    before = proxy.info(workspace.tokens[alias])
    ran = workspace.run("apply", "--auto-approve", "--replace", alias)
    assert ran.code == 1
    assert f"--replace would end the value of {alias}, which lifecycle.prevent_destroy protects." in ran.stdout
    assert proxy.info(workspace.tokens[alias]) == before


def test_a_saved_plan(workspace: Workspace, proxy: Proxy) -> None:
    """Planned, reviewed, and applied as it was reviewed; after somebody's change it is refused."""
    alias = configure(workspace, proxy)
    workspace.apply()
    token = workspace.tokens[alias]
    workspace.ok("plan", "--out", "p.json", "--replace", alias, "--grace", "1h")
    workspace.ok("apply", "p.json")
    assert workspace.tokens[alias] != token
    workspace.ok("plan", "--out", "p.json", "--replace", alias)
    proxy.update(workspace.tokens[proxy.alias("w-user1")], max_budget=7)
    ran = workspace.run("apply", "p.json")
    assert (ran.code, ran.complaint[0]) == (6, "error: this is not the plan that was reviewed")
    assert f"{proxy.alias('w-user1')} would now be updated: max_budget 7 → 1" in ran.stderr
