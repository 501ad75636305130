"""The main job on a real LiteLLM: a workshop and two keys, changed and destroyed, and others left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Proxy, kind
from tests.workspace import Workspace

pytestmark = pytest.mark.live


def config(proxy: Proxy, count: int = 25, budget: int = 50) -> str:
    """The keys of the starter config, in a name space of their own."""
    return f"""\
proxy: {{url: '{proxy.base_url}'}}
defaults: {{duration: 30d}}
keys:
  {proxy.prefix}project:
    user_id: developer@example.com
    models: [{MODEL}, {OTHER_MODEL}]
    max_budget: 100
    metadata: {{cost_center: "4711"}}
  {proxy.prefix}bot: {{models: [{OTHER_MODEL}], duration: 7d, max_budget: 10, rpm_limit: 60}}
workshops:
  {proxy.prefix}workshop:
    count: {count}
    user_prefix: participant
    user_domain: workshop.example.com
    models: [{MODEL}]
    duration: 3d
    max_budget: {budget}
"""


def ours(proxy: Proxy, workspace: Workspace) -> dict[str, Any]:
    """The rows of our recorded keys, by alias, each read by its token."""
    return {alias: proxy.info(token) for alias, token in workspace.tokens.items()}


def steady(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what moves by itself: spend is written some seconds after a call."""
    return {
        name: value for name, value in row.items() if name not in ("spend", "updated_at", "last_active", "total_spend")
    }


def test_from_apply_to_destroy(workspace: Workspace, proxy: Proxy) -> None:
    theirs = [proxy.create(name, models=[MODEL], metadata={"owner": "x"})["token"] for name in ("theirs1", "theirs2")]
    others = {token: proxy.info(token) for token in theirs}
    workspace.configure(config(proxy))
    assert workspace.run("plan", "--detailed-exitcode").code == 2
    applied = workspace.apply()
    assert applied.last_line == "Apply complete! 27 created, 0 updated, 0 replaced, 0 deleted."
    before = workspace.state_path.read_bytes()
    assert workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    assert workspace.state_path.read_bytes() == before
    workspace.consistent()

    member = workspace.values[f"{proxy.prefix}workshop-participant7"]
    assert proxy.chat(member, MODEL).status_code == 200
    refused = proxy.chat(member, OTHER_MODEL)
    assert (refused.status_code in (401, 403), kind(refused)) == (True, "key_model_access_denied")

    tokens, values = workspace.tokens, workspace.values
    live = {alias: steady(row) for alias, row in ours(proxy, workspace).items()}
    workspace.configure(config(proxy, 30))
    assert workspace.apply().last_line == "Apply complete! 5 created, 0 updated, 0 replaced, 0 deleted."
    assert tokens.items() <= workspace.tokens.items()
    assert values.items() <= workspace.values.items()
    assert live.items() <= {alias: steady(row) for alias, row in ours(proxy, workspace).items()}.items()

    thirty = workspace.tokens
    workspace.configure(config(proxy, 20))
    assert workspace.run("apply", "--auto-approve").code == 1
    shrunk = workspace.apply("--allow-deletes", "10")
    assert shrunk.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 10 deleted."
    gone = set(thirty) - set(workspace.tokens)
    assert gone == {f"{proxy.prefix}workshop-participant{number}" for number in range(21, 31)}
    assert not any(proxy.exists(thirty[alias]) for alias in gone)
    assert workspace.tokens.items() <= tokens.items()

    workspace.configure(config(proxy, 20, 75))
    assert workspace.apply().last_line == "Apply complete! 0 created, 20 updated, 0 replaced, 0 deleted."
    assert proxy.info(workspace.tokens[f"{proxy.prefix}workshop-participant1"])["max_budget"] == 75.0
    assert workspace.values.items() <= values.items()

    last = workspace.tokens
    destroyed = workspace.ok("destroy", "--auto-approve")
    assert destroyed.last_line == "Destroy complete! 22 deleted. 0 of 22 remain."
    assert not any(proxy.exists(token) for token in {**thirty, **last}.values())
    assert (workspace.keys, workspace.stored) == ({}, {})
    assert {token: proxy.info(token) for token in theirs} == others
    assert proxy.chat(member, MODEL).status_code == 401


def test_what_litellm_holds_is_what_the_config_says(workspace: Workspace, proxy: Proxy) -> None:
    workspace.configure(config(proxy, 2))
    workspace.apply()
    project = ours(proxy, workspace)[f"{proxy.prefix}project"]
    assert (project["user_id"], sorted(project["models"]), project["max_budget"]) == (
        "developer@example.com",
        sorted([MODEL, OTHER_MODEL]),
        100.0,
    )
    record = workspace.keys[f"{proxy.prefix}workshop-participant2"]
    member = ours(proxy, workspace)[f"{proxy.prefix}workshop-participant2"]
    assert member["user_id"] == "participant2@workshop.example.com"
    assert member["metadata"]["vkstate"] == {
        "lineage": workspace.state["lineage"],
        "id": record["id"],
        "workshop": f"{proxy.prefix}workshop",
        "user": "participant2",
        "user_number": 2,
    }


def test_members_and_a_roster(workspace: Workspace, proxy: Proxy) -> None:
    workspace.write(
        "people.csv", "user,email,max_budget,seat\nada,ada@example.com,20,1A\ngrace,grace@example.com,,2B\n"
    )
    names = "linus, margaret, ken"
    text = (
        "proxy: {url: '%s'}\nworkshops:\n"
        "  %sroster: {roster: people.csv, models: [gpt-4], max_budget: 5}\n"
        "  %smembers: {members: [%s], models: [gpt-4], overrides: {ken: {max_budget: 1}}}\n"
    )
    workspace.configure(text % (proxy.base_url, proxy.prefix, proxy.prefix, names))
    workspace.apply()
    rows = ours(proxy, workspace)
    assert {alias.removeprefix(proxy.prefix): (row["user_id"], row["max_budget"]) for alias, row in rows.items()} == {
        "roster-ada": ("ada@example.com", 20.0),
        "roster-grace": ("grace@example.com", 5.0),
        "members-linus": ("linus@example.com", None),
        "members-margaret": ("margaret@example.com", None),
        "members-ken": ("ken@example.com", 1.0),
    }
    tokens = workspace.tokens
    workspace.configure(text % (proxy.base_url, proxy.prefix, proxy.prefix, "ken, margaret"))
    assert workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 1 deleted."
    assert workspace.tokens == {alias: token for alias, token in tokens.items() if not alias.endswith("linus")}
