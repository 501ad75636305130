"""The main job on the sandbox, from ``init`` to ``destroy``, as the README tells it."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

from tests.contract.proxies import Json, token_of
from tests.front import rows_of
from tests.workspace import NOTE, Workspace

MEMBERS = [f"ai-workshop-participant{number}" for number in range(1, 26)]
ALIASES = [*MEMBERS, "my-ci-bot", "my-dev-project"]

PLAN = """\
On sandbox://:

+ ai-workshop-participant{1..25}  models=[gpt-4] max_budget=50 duration=3d
+ my-ci-bot  models=[gpt-3.5-turbo] max_budget=10 duration=7d rpm_limit=60
+ my-dev-project  models=[gpt-3.5-turbo,gpt-4] max_budget=100 duration=30d
    user_id=developer@example.com metadata.cost_center="4711"

At most $1,360.00 in all.

Plan: 27 to create, 0 to update, 0 to replace, 0 to delete.
Fingerprint: DIGITS
"""


def workshop(count: int, budget: int = 50, extra: str = "") -> str:
    """A config with nothing but a workshop."""
    return (
        "proxy: {url: 'sandbox://'}\nworkshops:\n  ai-workshop:\n"
        f"    count: {count}\n    user_prefix: participant\n    models: [gpt-4]\n    duration: 3d\n"
        f"    max_budget: {budget}\n{extra}"
    )


def rows(workspace: Workspace) -> dict[str, Json]:
    """Every key of the sandbox, by alias."""
    return rows_of(workspace.sandbox())


def test_from_init_to_destroy(workspace: Workspace) -> None:
    init = workspace.ok("init")
    assert init.stdout == ""
    assert sorted(path.name for path in workspace.path.iterdir()) == [
        ".gitignore",
        ".vkstate",
        "vkstate.state.json",
        "vkstate.yaml",
    ]
    assert workspace.ok("validate").stdout == ("vkstate.yaml is valid: 2 single keys, 25 keys in 1 workshop.\n")

    plan = workspace.run("plan", "--detailed-exitcode")
    assert (plan.code, plan.told, plan.stderr) == (2, PLAN, NOTE)
    assert workspace.ok("plan").stdout == plan.stdout
    assert workspace.keys == {}

    refused = workspace.run("apply")
    assert (refused.code, refused.stdout) == (64, plan.stdout)
    assert refused.stderr == NOTE + (
        "error: no terminal to ask on\n"
        "  This changes the proxy, and there is no terminal on which to ask whether it should.\n"
        "hint: look at the plan first, then give --auto-approve\n"
    )
    assert workspace.keys == {}
    assert rows(workspace) == {}

    apply = workspace.ok("apply", "--auto-approve")
    assert apply.stdout == plan.stdout + "\nApply complete! 27 created, 0 updated, 0 replaced, 0 deleted.\n"
    workspace.converged()
    assert sorted(workspace.keys) == sorted(workspace.values) == sorted(ALIASES)
    assert {alias: token_of(value) for alias, value in workspace.values.items()} == workspace.tokens
    assert sorted(rows(workspace)) == sorted(ALIASES)

    before = workspace.state_path.read_bytes(), workspace.state_path.stat().st_mtime_ns
    again = workspace.ok("apply", "--auto-approve")
    assert again.stdout == (
        "No changes. The proxy matches the configuration.\n"
        "\n"
        "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted.\n"
    )
    assert again.stderr == NOTE
    assert (workspace.state_path.read_bytes(), workspace.state_path.stat().st_mtime_ns) == before
    assert (workspace.state["serial"], workspace.state["proxy"]) == (1, "sandbox://")

    destroy = workspace.ok("destroy", "--auto-approve")
    assert destroy.stdout.splitlines()[-1] == "Destroy complete! 27 deleted. 0 of 27 remain."
    assert (workspace.keys, workspace.stored, rows(workspace)) == ({}, {}, {})
    [report] = (workspace.path / "reports").iterdir()
    assert '"total_spend": 0.0' in report.read_text()
    assert workspace.run("plan", "--destroy", "--detailed-exitcode").code == 0
    assert workspace.ok("destroy", "--auto-approve").last_line == "Destroy complete! 0 deleted."


def test_what_litellm_holds_is_what_the_config_says(workspace: Workspace) -> None:
    workspace.ok("init")
    workspace.apply()
    sandbox, values = workspace.sandbox(), workspace.values
    project = rows(workspace)["my-dev-project"]
    record = workspace.keys["my-dev-project"]
    assert project["user_id"] == "developer@example.com"
    assert sorted(project["models"]) == ["gpt-3.5-turbo", "gpt-4"]
    assert project["max_budget"] == 100.0
    assert project["metadata"] == {
        "cost_center": "4711",
        "vkstate": {"lineage": workspace.state["lineage"], "id": record["id"]},
    }
    member = rows(workspace)["ai-workshop-participant7"]
    assert member["user_id"] == "participant7@workshop.example.com"
    assert member["metadata"]["vkstate"] == {
        "lineage": workspace.state["lineage"],
        "id": workspace.keys["ai-workshop-participant7"]["id"],
        "workshop": "ai-workshop",
        "user": "participant7",
        "user_number": 7,
    }
    assert rows(workspace)["my-ci-bot"]["rpm_limit"] == 60
    for alias, days in (("my-dev-project", 30), ("my-ci-bot", 7), ("ai-workshop-participant25", 3)):
        row = rows(workspace)[alias]
        lasts = datetime.fromisoformat(row["expires"]) - datetime.fromisoformat(row["created_at"])
        assert abs(lasts - timedelta(days=days)) < timedelta(seconds=2), alias
    assert sandbox.chat(values["my-ci-bot"], "gpt-3.5-turbo").status_code == 200
    assert sandbox.chat(values["my-ci-bot"], "gpt-4").status_code == 403


def test_a_workshop_grows_and_shrinks(workspace: Workspace) -> None:
    workspace.configure(workshop(25))
    workspace.apply()
    tokens, values, live = workspace.tokens, workspace.values, rows(workspace)

    workspace.configure(workshop(30))
    grown = workspace.apply()
    assert grown.stdout.splitlines()[2:3] == [
        "+ ai-workshop-participant{26..30}  models=[gpt-4] max_budget=50 duration=3d"
    ]
    assert grown.last_line == "Apply complete! 5 created, 0 updated, 0 replaced, 0 deleted."
    assert {alias: workspace.tokens[alias] for alias in tokens} == tokens
    assert {alias: workspace.values[alias] for alias in values} == values
    assert {alias: rows(workspace)[alias] for alias in live} == live
    tokens, values, live = workspace.tokens, workspace.values, rows(workspace)

    workspace.configure(workshop(20))
    before = workspace.files()
    for allowed in ((), ("--allow-deletes", "9")):
        refused = workspace.run("apply", "--auto-approve", *allowed)
        assert refused.code == 1
        assert "repeat the command with --allow-deletes 10\n" in refused.stdout
        assert workspace.files() == before
    shrunk = workspace.apply("--allow-deletes", "10")
    assert shrunk.stdout.splitlines()[2:3] == ["- ai-workshop-participant{21..30}"]
    assert shrunk.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 10 deleted."
    kept = MEMBERS[:20]
    assert workspace.tokens == {alias: tokens[alias] for alias in kept}
    assert workspace.values == {alias: values[alias] for alias in kept}
    assert rows(workspace) == {alias: live[alias] for alias in kept}


def test_a_changed_budget_is_updated_in_place(workspace: Workspace) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    tokens, values, serial = workspace.tokens, workspace.values, workspace.state["serial"]
    expiries = {alias: row["expires"] for alias, row in rows(workspace).items()}

    workspace.configure(workshop(3, 75, "    overrides: {participant2: {max_budget: 100}}\n"))
    changed = workspace.apply()
    assert changed.stdout.splitlines()[2:4] == [
        "~ ai-workshop-participant{1,3}  max_budget: 50 → 75 (config changed)",
        "~ ai-workshop-participant2  max_budget: 50 → 100 (config changed)",
    ]
    assert changed.last_line == "Apply complete! 0 created, 3 updated, 0 replaced, 0 deleted."
    assert {alias: row["max_budget"] for alias, row in rows(workspace).items()} == {
        "ai-workshop-participant1": 75.0,
        "ai-workshop-participant2": 100.0,
        "ai-workshop-participant3": 75.0,
    }
    assert (workspace.tokens, workspace.values, workspace.state["serial"]) == (tokens, values, serial + 1)
    assert {alias: row["expires"] for alias, row in rows(workspace).items()} == expiries


def test_members_are_known_by_name(workspace: Workspace) -> None:
    """Removing one from the middle touches nobody else."""
    config = "proxy: {url: 'sandbox://'}\nworkshops:\n  event:\n    models: [gpt-4]\n    members: [%s]\n"
    workspace.configure(config % "ada, grace, linus")
    workspace.apply()
    tokens = workspace.tokens
    workspace.configure(config % "linus, ada, margaret")
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 1 created, 0 updated, 0 replaced, 1 deleted."
    assert list(workspace.keys) == ["event-ada", "event-linus", "event-margaret"]
    assert {alias: workspace.tokens[alias] for alias in ("event-ada", "event-linus")} == {
        alias: tokens[alias] for alias in ("event-ada", "event-linus")
    }


def test_a_roster(workspace: Workspace) -> None:
    workspace.write(
        "people.csv", "user,email,max_budget,seat\nada,ada@example.com,20,1A\ngrace,grace@example.com,,2B\n"
    )
    workspace.configure(
        "proxy: {url: 'sandbox://', public_url: 'https://llm.example.com'}\n"
        "workshops:\n  event: {roster: people.csv, models: [gpt-4], max_budget: 5}\n"
    )
    workspace.apply()
    assert {alias: (row["user_id"], row["max_budget"]) for alias, row in rows(workspace).items()} == {
        "event-ada": ("ada@example.com", 20.0),
        "event-grace": ("grace@example.com", 5.0),
    }
    table = list(csv.DictReader(io.StringIO(workspace.ok("output", "--format", "csv", "--reveal").stdout)))
    assert [(row["alias"], row["key"], row["seat"], row["api_base_url"]) for row in table] == [
        ("event-ada", workspace.values["event-ada"], "1A", "https://llm.example.com/v1"),
        ("event-grace", workspace.values["event-grace"], "2B", "https://llm.example.com/v1"),
    ]
