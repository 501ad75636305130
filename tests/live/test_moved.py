"""Keys that go by another name on a real LiteLLM, with the same value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.proxies import Proxy
from tests.workspace import Workspace

pytestmark = pytest.mark.live

SERVER_OWN = ("updated_at", "settings_updated_at", "spend", "total_spend", "last_active")


def steady(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what moves by itself."""
    return {name: value for name, value in row.items() if name not in SERVER_OWN}


def key(proxy: Proxy, name: str) -> str:
    """A config of one key."""
    return (
        f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n"
        f"  {proxy.alias(name)}: {{models: [gpt-4], max_budget: 10, user_id: somebody}}\n"
    )


def workshop(proxy: Proxy, name: str, count: int = 25) -> str:
    """A config of one workshop."""
    return (
        f"proxy: {{url: '{proxy.base_url}'}}\nworkshops:\n"
        f"  {proxy.alias(name)}: {{count: {count}, models: [gpt-4], max_budget: 2}}\n"
    )


def moved(source: str, target: str) -> str:
    """The section."""
    return f"moved: [{{from: '{source}', to: '{target}'}}]\n"


def test_a_key(workspace: Workspace, proxy: Proxy) -> None:
    old, new = proxy.alias("old"), proxy.alias("new")
    workspace.configure(key(proxy, "old"))
    workspace.apply()
    token, value = workspace.tokens[old], workspace.values[old]
    before = steady(proxy.info(token))
    workspace.configure(key(proxy, "new") + moved(old, new))
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 1 updated (1 moved), 0 replaced, 0 deleted."
    assert steady(proxy.info(token)) == before | {"key_alias": new}
    assert (workspace.tokens, workspace.values) == ({new: token}, {new: value})
    assert proxy.chat(value).status_code == 200
    workspace.configure(key(proxy, "new"))
    workspace.converged()


def test_a_workshop(workspace: Workspace, proxy: Proxy) -> None:
    spring, autumn = proxy.alias("spring"), proxy.alias("autumn")
    workspace.configure(workshop(proxy, "spring"))
    workspace.apply()
    tokens, values = workspace.tokens, workspace.values
    before = {token: steady(proxy.info(token)) for token in tokens.values()}
    workspace.configure(workshop(proxy, "autumn") + moved(f"workshop:{spring}", f"workshop:{autumn}"))
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 25 updated (25 moved), 0 replaced, 0 deleted."
    assert workspace.tokens == {alias.replace(spring, autumn): token for alias, token in tokens.items()}
    assert workspace.values == {alias.replace(spring, autumn): value for alias, value in values.items()}
    for alias, token in workspace.tokens.items():
        was, now = before[token], steady(proxy.info(token))
        assert now["metadata"]["vkstate"] == was["metadata"]["vkstate"] | {"workshop": autumn}
        assert now == was | {"key_alias": alias, "metadata": now["metadata"]}


def test_an_alias_that_somebody_else_has(workspace: Workspace, proxy: Proxy) -> None:
    old, new = proxy.alias("old"), proxy.alias("new")
    workspace.configure(key(proxy, "old"))
    workspace.apply()
    theirs = proxy.create("new", user_id="somebody-else")["token"]
    rows = {token: proxy.info(token) for token in (theirs, workspace.tokens[old])}
    workspace.configure(key(proxy, "new") + moved(old, new))
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert f"{old} cannot move to {new}: a key (created by " in ran.stdout
    assert {token: proxy.info(token) for token in rows} == rows


def test_by_command(workspace: Workspace, proxy: Proxy) -> None:
    old, new = proxy.alias("old"), proxy.alias("new")
    workspace.configure(key(proxy, "old"))
    workspace.apply()
    token, value = workspace.tokens[old], workspace.values[old]
    workspace.apply("--replace", old, "--grace", "1h")
    fresh = workspace.tokens[old]
    before = steady(proxy.info(fresh))
    workspace.ok("state", "mv", old, new, "--dry-run")
    assert steady(proxy.info(fresh)) == before
    workspace.ok("state", "mv", old, new, "--auto-approve")
    assert steady(proxy.info(fresh)) == before | {"key_alias": new}
    assert workspace.keys[f"{old}.retired-{token[:8]}"]["retired"]["successor"] == new
    assert proxy.chat(value).status_code == 200
    workspace.configure(key(proxy, "new"))
    workspace.converged()
