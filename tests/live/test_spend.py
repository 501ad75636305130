"""Really spent on a real LiteLLM: what ``vkstate spend`` and the closing report say is what the proxy says."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.proxies import MODEL, Proxy
from tests.workspace import Workspace

pytestmark = pytest.mark.live

CALLS = 3
"""How often one key is used."""
LATEST = 30.0
"""Seconds after which LiteLLM has surely written down what was spent."""


@pytest.fixture
def project(workspace: Workspace, proxy: Proxy) -> Workspace:
    """A workshop of which one member calls a model, with another's key beside it."""
    proxy.create("theirs", models=[MODEL])
    workspace.configure(
        f"proxy: {{url: '{proxy.base_url}'}}\n"
        f"keys: {{{proxy.prefix}single: {{models: [{MODEL}]}}}}\n"
        f"workshops: {{{proxy.prefix}ai: {{count: 5, models: [{MODEL}], max_budget: 1}}}}\n"
    )
    workspace.apply()
    for _ in range(CALLS):
        assert proxy.chat(workspace.values[f"{proxy.prefix}ai-user2"], MODEL).status_code == 200
    assert proxy.chat(workspace.values[f"{proxy.prefix}single"], MODEL).status_code == 200
    return workspace


def written_down(proxy: Proxy, token: str) -> float:
    """What a key has spent, once LiteLLM says so and has not changed its mind for two seconds."""
    ends_at = time.monotonic() + LATEST
    seen: list[float] = []
    while time.monotonic() < ends_at:
        seen.append(proxy.info(token)["spend"])
        if seen[-1] > 0 and seen[-3:] == [seen[-1]] * 3:
            return seen[-1]
        time.sleep(1)
    raise AssertionError(f"nothing was written down: {seen}")


def test_what_was_really_spent(project: Workspace, proxy: Proxy) -> None:
    tokens = project.tokens
    used, single = f"{proxy.prefix}ai-user2", f"{proxy.prefix}single"
    of_one, of_other = written_down(proxy, tokens[used]), written_down(proxy, tokens[single])
    document = project.ok("spend", "--json").document
    rows: dict[str, Any] = {row["alias"]: row for row in document["keys"]}
    assert sorted(rows) == sorted(tokens)
    assert {alias: row["spend"] for alias, row in rows.items()} == pytest.approx(
        {alias: proxy.info(token)["spend"] for alias, token in tokens.items()}, abs=1e-10
    )
    assert rows[used]["share"] == pytest.approx(of_one, abs=1e-4)
    [workshop] = document["totals"]["workshops"]
    assert (workshop["workshop"], workshop["keys"], workshop["max_budget"]) == (f"{proxy.prefix}ai", 5, 5.0)
    assert workshop["spend"] == pytest.approx(of_one, abs=1e-10)
    assert document["totals"]["spend"] == pytest.approx(of_one + of_other, abs=1e-10)
    assert document["totals"]["keys"] == 6
    if proxy.since(90):
        assert rows[used]["last_active"] is not None
        assert rows[f"{proxy.prefix}ai-user1"]["last_active"] is None
    if proxy.since(105):
        assert rows[used]["lifetime_spend"] == rows[used]["spend"]
    first = project.ok("spend", "--top", "1").stdout.splitlines()[1]
    assert first.startswith(used)

    destroyed = project.ok("destroy", "--auto-approve")
    assert destroyed.last_line == "Destroy complete! 6 deleted. 0 of 6 remain."
    assert not any(proxy.exists(token) for token in tokens.values())
    [report] = project.reports
    spent = {line["alias"]: line["spend"] for line in report["keys"]}
    assert spent == {alias: row["spend"] for alias, row in rows.items()}
    assert report["total_spend"] == document["totals"]["spend"]
    [workshop_line] = [line for line in destroyed.stdout.splitlines() if line.startswith(f"  {proxy.prefix}ai ")]
    assert workshop_line.split()[1] == "5"


def test_what_is_near_its_budget_and_what_is_over_it(project: Workspace, proxy: Proxy) -> None:
    tokens = project.tokens
    written_down(proxy, tokens[f"{proxy.prefix}ai-user2"])  # or LiteLLM would add to what is set here
    for number, spend in ((3, 0.85), (4, 1)):
        proxy.update(tokens[f"{proxy.prefix}ai-user{number}"], spend=spend)
    proxy.update(tokens[f"{proxy.prefix}ai-user5"], blocked=True)
    rows = {row["alias"]: row for row in project.ok("spend", "--json").document["keys"]}
    marks = {alias.removeprefix(f"{proxy.prefix}ai-"): row["marks"] for alias, row in rows.items() if row["workshop"]}
    assert marks == {
        "user1": [],
        "user2": [],
        "user3": ["near its budget"],
        "user4": ["budget used up"],
        "user5": ["blocked"],
    }
    refused = proxy.chat(project.values[f"{proxy.prefix}ai-user4"], MODEL)
    assert refused.status_code in (400, 422, 429), "a key that has spent all of its budget is refused"
