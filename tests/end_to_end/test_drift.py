"""What others change of our keys is told apart from what the config asks, repaired by apply and accepted by refresh."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.contract.proxies import Json, instant
from tests.front import rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  one: {models: [gpt-4], max_budget: 10, metadata: {team: red}, blocked: false, duration: 7d}
  two: {models: [gpt-4], max_budget: 1}
"""
EXPOSURE = "At most $11.00 in all.\n"
NOTHING = "No changes. The proxy matches the configuration.\n"


@dataclass(frozen=True)
class Doing:
    """What somebody does to a key past vkstate, and what is said of it."""

    body: dict[str, Json]
    drift: str
    """The plan's words for the difference."""
    wished: str
    """The plan's words once the difference was accepted; empty where nothing is left to be said."""
    metadata: dict[str, Json] = field(default_factory=dict)
    """What is put into the metadata, besides."""


DOINGS = {
    "max_budget": Doing(
        {"max_budget": 999},
        "max_budget: 999 → 10 (changed outside vkstate)",
        "max_budget: 999 → 10 (config changed)",
    ),
    "max_budget taken away": Doing(
        {"max_budget": None},
        "max_budget: (none) → 10 (changed outside vkstate)",
        "max_budget: (none) → 10 (config changed)",
    ),
    "models": Doing(
        {"models": ["gpt-3.5-turbo", "gpt-4"]},
        "models: [gpt-3.5-turbo,gpt-4] → [gpt-4] (changed outside vkstate)",
        "models: [gpt-3.5-turbo,gpt-4] → [gpt-4] (config changed)",
    ),
    "expiry": Doing(
        {"duration": "1d"},
        "expires_at: INSTANT → INSTANT (changed outside vkstate)",
        "",
    ),
    "expiry taken away": Doing(
        {"duration": "-1"},
        "expires_at: never → INSTANT (changed outside vkstate)",
        "duration: never → 7d (config changed)",
    ),
    "user_id": Doing(
        {"user_id": "somebody"},
        "user_id: somebody → one (changed outside vkstate)",
        "user_id: somebody → one (config changed)",
    ),
    "metadata": Doing(
        {},
        "metadata.team: blue → red (changed outside vkstate)",
        "metadata.team: blue → red (config changed)",
        {"team": "blue"},
    ),
    "blocked": Doing(
        {"blocked": True},
        "blocked: true → false (changed outside vkstate)",
        "blocked: true → false (config changed)",
    ),
    "several": Doing(
        {"max_budget": 999, "blocked": True},
        "blocked: true → false, max_budget: 999 → 10 (changed outside vkstate)",
        "blocked: true → false, max_budget: 999 → 10 (config changed)",
    ),
}
each_doing = pytest.mark.parametrize("doing", DOINGS.values(), ids=DOINGS)


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys that are as the config says."""
    workspace.configure(CONFIG)
    workspace.apply()
    return workspace


def rows(project: Workspace) -> dict[str, Json]:
    """Every row of the proxy, whole."""
    return rows_of(project.sandbox())


def steady(row: Json) -> Json:
    """A row without what moves by itself, or by sending a duration again."""
    return {name: value for name, value in row.items() if name not in ("expires", "updated_at", "settings_updated_at")}


def done(project: Workspace, doing: Doing) -> None:
    """Do it to one, and something undeclared besides."""
    sandbox, token = project.sandbox(), project.tokens["one"]
    metadata = {**sandbox.info(token)["metadata"], "by_hand": [1, None], **doing.metadata}
    answer = sandbox.update(token, rpm_limit=7, metadata=metadata, **doing.body)
    assert answer.status_code == 200, answer.text


def plan_of(line: str) -> str:
    """The whole plan that updates one."""
    return (
        f"On sandbox://:\n\n~ one  {line}\n\n{EXPOSURE}\n"
        "Plan: 0 to create, 1 to update, 0 to replace, 0 to delete.\nFingerprint: DIGITS\n"
    )


@each_doing
def test_apply_repairs_it(project: Workspace, doing: Doing) -> None:
    before = rows(project)
    done(project, doing)
    by_hand = rows(project)
    planned = project.run("plan", "--detailed-exitcode")
    assert (planned.code, planned.told, planned.stderr) == (2, plan_of(doing.drift), NOTE)
    assert rows(project) == by_hand
    state = project.state_path.read_bytes()
    applied = project.apply()
    assert applied.told == plan_of(doing.drift) + "\nApply complete! 0 created, 1 updated, 0 replaced, 0 deleted.\n"
    repaired, was = rows(project), before["one"]
    was["metadata"]["by_hand"] = [1, None]
    was["rpm_limit"] = 7
    off = instant(repaired["one"]["expires"]) - instant(was["expires"])
    assert abs(off.total_seconds()) < 2
    assert steady(repaired["one"]) == steady(was), "what nobody declared is left as it was set by hand"
    assert repaired["two"] == before["two"]
    assert project.state_path.read_bytes() == state or "duration" in doing.body, "the state was right all the time"


@each_doing
def test_refresh_accepts_it(project: Workspace, doing: Doing) -> None:
    done(project, doing)
    by_hand, recorded, serial = rows(project), project.keys, project.state["serial"]
    assert project.run("plan", "--refresh-only", "--detailed-exitcode").code == 2
    assert project.keys == recorded, "a plan writes nothing"

    refreshed = project.ok("refresh", "--auto-approve")
    assert refreshed.last_line == "Refresh complete! 1 accepted, 0 forgotten. The proxy was not touched."
    assert rows(project) == by_hand
    assert project.keys["one"] != recorded["one"]
    assert project.keys["two"] == recorded["two"]
    assert project.state["serial"] == serial + 1
    again = project.run("plan", "--refresh-only", "--detailed-exitcode")
    assert (again.code, again.stdout) == (0, "No changes. The state matches the proxy.\n")

    planned = project.run("plan")
    assert planned.told == (plan_of(doing.wished) if doing.wished else NOTHING)
    assert rows(project) == by_hand
    project.apply()
    assert rows(project)["one"]["rpm_limit"] == 7


def test_an_alias_that_somebody_changed(project: Workspace) -> None:
    """By its token a key is known under any name; nobody's rename makes a second key, not even an accepted one."""
    tokens = project.tokens
    project.sandbox().update(tokens["one"], key_alias="uno")
    refreshed = project.ok("refresh", "--auto-approve")
    assert refreshed.last_line == "Refresh complete! 0 accepted, 0 forgotten. The proxy was not touched."
    assert project.tokens == tokens
    assert project.ok("plan").told == plan_of("key_alias: uno → one (changed outside vkstate)")
    project.apply()
    assert rows(project)["one"]["token"] == tokens["one"]


def test_an_alias_that_the_config_follows(project: Workspace) -> None:
    tokens, values = project.tokens, project.values
    project.sandbox().update(tokens["one"], key_alias="uno", user_id="uno")
    by_hand = rows(project)
    project.configure(CONFIG.replace("  one:", "  uno:"))
    [problem] = project.run("plan", "--json").document["problems"]
    assert "the alias uno is borne by the key that the state records as one" in problem["detail"]
    refreshed = project.ok("refresh", "--auto-approve")
    assert refreshed.last_line == "Refresh complete! 1 accepted, 0 forgotten. The proxy was not touched."
    project.converged()
    assert rows(project) == by_hand
    assert project.tokens == {"two": tokens["two"], "uno": tokens["one"]}
    assert project.values == {"two": values["two"], "uno": values["one"]}


def test_a_value_that_somebody_set_as_the_config_now_asks(project: Workspace) -> None:
    """Nothing is sent for it; what is recorded changes."""
    project.sandbox().update(project.tokens["one"], max_budget=20)
    project.configure(CONFIG.replace("max_budget: 10", "max_budget: 20"))
    by_hand = rows(project)
    line = "max_budget: 10 → 20 (config changed; already so on the proxy)"
    planned = project.run("plan", "--detailed-exitcode")
    assert (planned.code, planned.told) == (2, plan_of(line).replace("$11.00", "$21.00"))
    project.apply()
    assert rows(project) == by_hand
    assert project.keys["one"]["applied"]["max_budget"] == 20
