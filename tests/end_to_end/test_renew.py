"""Expired keys are shown as expired and are no drift; ``--renew``, or another expiry in the config, gives time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.proxies import instant
from tests.end_to_end.clock import Timed
from tests.front import rows_of
from tests.workspace import Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  one: {models: [gpt-4], duration: %s}
  two: {models: [gpt-4], duration: never}
  three: {models: [gpt-4], duration: 90d}
"""
EXPIRED = """\
warning: expired keys stay as they are: one. --renew gives time again, as does a changed duration or expires_at.

3 keys without a budget: one, three, two.
1 key never expires: two.

"""


def configure(project: Workspace, server: Timed, duration: str = "7d") -> None:
    """One key that ends soon, one that never does, one that ends late."""
    project.configure(CONFIG % (server.front.url, duration))


@pytest.fixture
def project(workspace: Workspace, server: Timed) -> Workspace:
    """The keys, made."""
    configure(workspace, server)
    workspace.apply()
    return workspace


def left(project: Workspace, server: Timed, alias: str) -> timedelta:
    """How long a key still lives, by the server's clock."""
    end = instant(rows_of(server.front.sandbox)[alias]["expires"])
    recorded = datetime.fromisoformat(project.keys[alias]["expires_at"])
    assert end == recorded
    return end - server.clock()


def about(actual: timedelta, **units: float) -> bool:
    """Whether a time is as long as this, give or take a few seconds."""
    return abs(actual - timedelta(**units)) < timedelta(seconds=10)


def test_an_expired_key_is_no_drift(project: Workspace, server: Timed) -> None:
    server.clock.forward(days=8)
    rows, state = rows_of(server.front.sandbox), project.state_path.read_bytes()
    planned = project.run("plan", "--detailed-exitcode")
    assert (planned.code, planned.last_line) == (0, "No changes. The proxy matches the configuration.")
    assert planned.stdout.startswith(EXPIRED.splitlines()[0])
    project.ok("apply", "--auto-approve")
    assert (rows_of(server.front.sandbox), project.state_path.read_bytes()) == (rows, state)
    assert not server.opens(project.values["one"])


def test_another_change_does_not_bring_it_back(project: Workspace, server: Timed) -> None:
    """What is updated for another reason stays expired."""
    server.clock.forward(days=8)
    configure(project, server, "7d, max_budget: 3")
    project.ok("apply", "--auto-approve")
    row = rows_of(server.front.sandbox)["one"]
    assert row["max_budget"] == 3.0
    assert not server.opens(project.values["one"])


@pytest.mark.parametrize("days", [2, 8], ids=["before it ends", "after it ended"])
def test_renewed(project: Workspace, server: Timed, days: int) -> None:
    """The same value has its whole duration again; nobody else's time moves."""
    tokens, values, rows = project.tokens, project.values, rows_of(server.front.sandbox)
    server.clock.forward(days=days)
    planned = project.run("plan", "--renew", "one", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.told.splitlines()[2] == "~ one  expires_at: INSTANT → 7d from now (renewed)"
    applied = project.ok("apply", "--auto-approve", "--renew", "one")
    assert applied.last_line == "Apply complete! 0 created, 1 updated (1 renewed), 0 replaced, 0 deleted."
    assert (project.tokens, project.values) == (tokens, values)
    assert server.opens(values["one"])
    assert about(left(project, server, "one"), days=7)
    after = rows_of(server.front.sandbox)
    assert {alias: after[alias] for alias in ("two", "three")} == {alias: rows[alias] for alias in ("two", "three")}
    project.converged()
    server.clock.forward(days=6)
    assert server.opens(values["one"])


def test_all_of_them(project: Workspace, server: Timed) -> None:
    """A key without an end has no time to be given."""
    server.clock.forward(days=8)
    assert [alias for alias, _, _ in project.planned("--renew", "*")] == ["one", "three"]
    project.apply("--renew", "*")
    assert about(left(project, server, "one"), days=7)
    assert about(left(project, server, "three"), days=90)
    assert project.keys["two"].get("expires_at") is None


@pytest.mark.parametrize("days", [2, 8], ids=["before it ends", "after it ended"])
@pytest.mark.parametrize(
    ("duration", "line"),
    [("10d", "duration: 7d → 10d (config changed)"), ("1h", "duration: 7d → 1h (config changed)")],
)
def test_another_duration(project: Workspace, server: Timed, days: int, duration: str, line: str) -> None:
    """It restarts the clock, so that it brings an expired key back as well."""
    value = project.values["one"]
    server.clock.forward(days=days)
    configure(project, server, duration)
    assert project.ok("plan").told.splitlines()[2] == f"~ one  {line}"
    project.apply()
    assert project.values["one"] == value
    assert server.opens(value)
    assert about(left(project, server, "one"), **({"days": 10} if duration == "10d" else {"hours": 1}))


def test_no_end_any_more(project: Workspace, server: Timed) -> None:
    server.clock.forward(days=8)
    configure(project, server, "never")
    project.apply()
    assert rows_of(server.front.sandbox)["one"]["expires"] is None
    assert server.opens(project.values["one"])


def at(server: Timed, **units: float) -> str:
    """An instant by the server's clock, as a config has it."""
    return (server.clock() + timedelta(**units)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instants(project: Workspace, server: Timed, end: str) -> None:
    """A project of one key that ends at an instant."""
    project.configure(f"proxy: {{url: '{server.front.url}'}}\nkeys:\n  one: {{models: [gpt-4], expires_at: {end}}}\n")


def test_an_instant_that_has_passed(workspace: Workspace, server: Timed) -> None:
    """As an expired key it is left alone; to give it time, the config has to say another instant."""
    instants(workspace, server, at(server, days=2))
    workspace.apply()
    value = workspace.values["one"]
    server.clock.forward(days=3)
    assert workspace.run("plan", "--detailed-exitcode").code == 0
    refused = workspace.run("apply", "--auto-approve", "--renew", "one")
    assert refused.code == 1
    assert "error: vkstate.yaml:3:3: one would end at INSTANT, which has passed.\n" in refused.told
    assert "hint: give it an expires_at in the future\n" in refused.stdout
    instants(workspace, server, at(server, days=1))
    workspace.apply()
    assert server.opens(value)
    assert workspace.values["one"] == value
    assert about(left(workspace, server, "one"), days=1)


def test_a_new_key_that_would_have_ended(workspace: Workspace, server: Timed) -> None:
    """By the server's clock, which is the one that counts: the config alone cannot know."""
    server.clock.forward(days=3)
    instants(workspace, server, (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    workspace.ok("validate")
    refused = workspace.run("apply", "--auto-approve")
    assert refused.code == 1
    assert "error: vkstate.yaml:3:3: one would end at INSTANT, which has passed.\n" in refused.told
    assert (workspace.keys, rows_of(server.front.sandbox)) == ({}, {})


def test_an_instant_is_not_renewed(workspace: Workspace, server: Timed) -> None:
    """It says itself when the key ends: there is no duration to start again."""
    instants(workspace, server, at(server, days=2))
    workspace.apply()
    rows = rows_of(server.front.sandbox)
    assert workspace.run("plan", "--renew", "one", "--detailed-exitcode").code == 0
    workspace.ok("apply", "--auto-approve", "--renew", "one")
    assert rows_of(server.front.sandbox) == rows


def test_a_time_that_is_otherwise_ignored(workspace: Workspace, server: Timed) -> None:
    """With ``ignore_changes`` nobody's change of the expiry is seen, and ``--renew`` gives time all the same."""
    text = (
        f"proxy: {{url: '{server.front.url}'}}\nkeys:\n"
        "  one: {models: [gpt-4], duration: 7d, lifecycle: {ignore_changes: [duration]}}\n"
    )
    workspace.configure(text)
    workspace.apply()
    server.clock.forward(days=8)
    workspace.configure(text.replace("7d", "9d"))
    assert workspace.run("plan", "--detailed-exitcode").code == 0
    assert not server.opens(workspace.values["one"])
    workspace.ok("apply", "--auto-approve", "--renew", "one")
    assert server.opens(workspace.values["one"])
    assert about(left(workspace, server, "one"), days=9)
    workspace.converged()


def test_renewed_and_otherwise_changed(project: Workspace, server: Timed) -> None:
    server.clock.forward(days=8)
    configure(project, server, "7d, max_budget: 3")
    planned = project.ok("plan", "--renew", "one")
    assert planned.told.splitlines()[2:4] == [
        "~ one  expires_at: INSTANT → 7d from now (renewed),",
        "    max_budget: (none) → 3 (config changed)",
    ]
    project.ok("apply", "--auto-approve", "--renew", "one")
    assert server.opens(project.values["one"])
    project.converged()


def test_nothing_matched(project: Workspace) -> None:
    for command in (("plan",), ("apply", "--auto-approve")):
        ran = project.run(*command, "--renew", "four")
        assert (ran.code, ran.complaint[1]) == (
            64,
            "  No key is named by four, neither in the config nor in the state.",
        )


def test_its_documents(project: Workspace, server: Timed) -> None:
    server.clock.forward(days=8)
    [change] = project.ok("plan", "--json", "--renew", "one").document["changes"]
    assert [(diff["path"], diff["after"], diff["cause"]) for diff in change["diffs"]] == [("duration", "7d", "renewed")]
    events = project.ok("apply", "--auto-approve", "--json", "--renew", "one").events
    assert (events[-1]["updated"], events[-1]["renewed"]) == (1, 1)
