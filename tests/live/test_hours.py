"""The clock of a workshop on a real LiteLLM: blocked keys are refused, opened ones work, extended ones live on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.proxies import Proxy, instant
from tests.workspace import Workspace

pytestmark = pytest.mark.live


def config(proxy: Proxy, fields: str) -> str:
    """A workshop of three."""
    return (
        f"proxy: {{url: '{proxy.base_url}'}}\nworkshops:\n"
        f"  {proxy.alias('ws')}:\n    count: 3\n    models: [gpt-4]\n    {fields}   # the clock\n"
    )


def within(**units: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**units)).replace(microsecond=0)


def statuses(project: Workspace, proxy: Proxy) -> list[int]:
    """What the proxy answers to each member's key."""
    values = project.values
    return [proxy.chat(values[f"{proxy.alias('ws')}-user{n}"]).status_code for n in (1, 2, 3)]


def test_blocked_until_the_start(workspace: Workspace, proxy: Proxy) -> None:
    start = within(seconds=25)
    workspace.configure(config(proxy, f"starts_at: {start.isoformat()}"))
    ran = workspace.apply()
    assert f"blocked until {start.isoformat().replace('+00:00', 'Z')}" in ran.stdout
    assert statuses(workspace, proxy) == [401, 401, 401]
    time.sleep(max(0.0, (start - datetime.now(UTC)).total_seconds()) + 3)
    assert statuses(workspace, proxy) == [401, 401, 401]
    ran = workspace.apply()
    assert "blocked: true → false (its workshop has started)" in ran.stdout
    assert statuses(workspace, proxy) == [200, 200, 200]


def test_block_and_unblock(workspace: Workspace, proxy: Proxy) -> None:
    workspace.configure(config(proxy, "duration: 1h"))
    before = (workspace.path / "vkstate.yaml").read_bytes()
    workspace.apply()
    name = proxy.alias("ws")
    assert statuses(workspace, proxy) == [200, 200, 200]
    workspace.ok("block", f"workshop:{name}/user2", "--auto-approve")
    assert statuses(workspace, proxy) == [200, 401, 200]
    workspace.ok("block", f"workshop:{name}", "--auto-approve")
    workspace.converged()
    assert statuses(workspace, proxy) == [401, 401, 401]
    workspace.ok("unblock", f"workshop:{name}", "--auto-approve")
    workspace.converged()
    assert statuses(workspace, proxy) == [200, 200, 200]
    assert (workspace.path / "vkstate.yaml").read_bytes() == before


def test_a_block_ends_the_grace_of_an_old_value(workspace: Workspace, proxy: Proxy) -> None:
    workspace.configure(config(proxy, "duration: 1h"))
    workspace.apply()
    alias = f"{proxy.alias('ws')}-user2"
    leaked = workspace.values[alias]
    workspace.apply("--replace", alias, "--grace", "1d")
    value = workspace.values[alias]
    assert [proxy.chat(one).status_code for one in (leaked, value)] == [200, 200]
    workspace.ok("block", alias, "--auto-approve")
    assert [proxy.chat(one).status_code for one in (leaked, value)] == [401, 401]
    workspace.converged()
    workspace.ok("unblock", alias, "--auto-approve")
    assert [proxy.chat(one).status_code for one in (leaked, value)] == [401, 200]
    workspace.converged()


def test_extended_twice_beside_a_key_that_is_gone(workspace: Workspace, proxy: Proxy) -> None:
    end = within(hours=1)
    workspace.configure(config(proxy, f"ends_at: {end.isoformat()}\n    lifecycle: {{on_missing: forget}}"))
    workspace.apply()
    name = proxy.alias("ws")
    proxy.post("/key/delete", {"keys": [workspace.tokens[f"{name}-user2"]]})
    for hours in (1, 2):
        workspace.ok("extend", name, "1h", "--auto-approve")
        workspace.converged()
        tokens = [workspace.tokens[f"{name}-user{n}"] for n in (1, 3)]
        found = [instant(proxy.info(token)["expires"]) for token in tokens]
        assert all(abs(one - end - timedelta(hours=hours)) < timedelta(seconds=2) for one in found)


def test_extended_before_its_end_and_after(workspace: Workspace, proxy: Proxy) -> None:
    end = within(seconds=20)
    workspace.configure(config(proxy, f"ends_at: {end.isoformat()}"))
    workspace.apply()
    name = proxy.alias("ws")
    values = workspace.values
    workspace.ok("extend", name, "20s", "--auto-approve")
    workspace.converged()
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 3)
    assert statuses(workspace, proxy) == [200, 200, 200]
    time.sleep(21)
    assert set(statuses(workspace, proxy)) <= {400, 401}
    workspace.ok("extend", name, "1h", "--auto-approve")
    workspace.converged()
    assert statuses(workspace, proxy) == [200, 200, 200]
    assert workspace.values == values
    ends = {instant(proxy.info(token)["expires"]) for token in workspace.tokens.values()}
    assert all(abs(one - within(hours=1)) < timedelta(seconds=30) for one in ends)


def test_a_spare_for_a_late_comer(workspace: Workspace, proxy: Proxy) -> None:
    name = proxy.alias("ws")
    text = config(proxy, "spares: 1").replace("count: 3", "members: [user1, user2]")
    workspace.configure(text)
    workspace.apply()
    token, value = workspace.tokens[f"{name}-spare1"], workspace.values[f"{name}-spare1"]
    assert proxy.chat(value).status_code == 200
    moved = f"moved: [{{from: '{name}-spare1', to: '{name}-user3'}}]\n"
    workspace.configure(text.replace("user2]", "user2, user3]") + moved)
    workspace.apply()
    assert (workspace.tokens[f"{name}-user3"], workspace.values[f"{name}-user3"]) == (token, value)
    row = proxy.info(token)
    assert (row["key_alias"], row["user_id"]) == (f"{name}-user3", "user3@example.com")
    assert proxy.chat(value).status_code == 200
