"""Keys that are let go of on a real LiteLLM: they live on as they were, without our mark."""

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


def config(proxy: Proxy, *names: str, rest: str = "") -> str:
    """Keys of these names."""
    keys = "".join(
        f"  {proxy.alias(name)}: {{models: [gpt-4], max_budget: 10, metadata: {{team: red}}}}\n" for name in names
    )
    return f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n{keys}{rest}"


@pytest.mark.parametrize("by", ["removed", "state rm"])
def test_let_go_of(workspace: Workspace, proxy: Proxy, by: str) -> None:
    alias = proxy.alias("gone")
    workspace.configure(config(proxy, "kept", "gone"))
    workspace.apply()
    token, value = workspace.tokens[alias], workspace.values[alias]
    proxy.made.append(token)
    before = steady(proxy.info(token))
    assert before["metadata"].pop("vkstate")["lineage"] == workspace.state["lineage"]
    if by == "removed":
        workspace.configure(config(proxy, "kept", rest=f"removed: [{{alias: {alias}, destroy: false}}]\n"))
        last_line = workspace.apply().last_line
        assert last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted, 1 released."
    else:
        last_line = workspace.ok("state", "rm", alias, "--auto-approve").last_line
        assert last_line == "Release complete! 1 released."
    assert steady(proxy.info(token)) == before
    assert proxy.chat(value).status_code == 200
    assert sorted(workspace.tokens) == [proxy.alias("kept")]

    workspace.configure(config(proxy, "kept", "gone"))
    refused = workspace.run("apply", "--auto-approve")
    assert refused.code == 1
    assert f"the alias {alias} exists on the proxy and is not ours: a key (" in refused.stdout
    assert steady(proxy.info(token)) == before


def test_handed_over_to_another_project(workspace: Workspace, proxy: Proxy) -> None:
    alias = proxy.alias("gone")
    workspace.configure(config(proxy, "kept", "gone"))
    workspace.apply()
    token = workspace.tokens[alias]
    proxy.made.append(token)
    workspace.write("theirs/vkstate.yaml", config(proxy, "gone", rest=f"import: [{alias}]\n"))
    theirs = ("--config", "theirs/vkstate.yaml")
    workspace.ok("init", *theirs)
    refused = workspace.run("apply", "--auto-approve", *theirs)
    assert refused.code == 1
    assert f"whose lineage is {workspace.state['lineage']}" in refused.stdout
    workspace.ok("state", "rm", alias, "--auto-approve")
    workspace.ok("apply", "--auto-approve", *theirs)
    workspace.converged(*theirs)
    assert proxy.listed(key_alias=alias)["keys"][0]["token"] == token
