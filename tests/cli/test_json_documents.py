"""``--json``: every document parses, holds no secret, and errors are documents too."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  one: {models: [gpt-4], max_budget: 5, metadata: {team: red}}
workshops:
  event: {count: %d, models: [gpt-4], metadata: {password: '${env.PASSWORD}'}}
"""
PASSWORD = "a-password-of-somebody"


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A config with a sensitive value."""
    monkeypatch.setenv("PASSWORD", PASSWORD)
    workspace.configure(CONFIG % 2)
    return workspace


def harmless(workspace: Workspace, text: str) -> None:
    """No secret is in a text."""
    for secret in (PASSWORD, DEFAULT_MASTER_KEY, *workspace.stored.values()):
        assert secret not in text


def test_every_document(project: Workspace) -> None:
    plan = project.ok("plan", "--json")
    assert (plan.document["summary"]["create"], plan.document["applicable"]) == (3, True)
    assert plan.document["changes"][0]["declared"]["metadata.password"] == {"$sensitive": True}

    apply = project.ok("apply", "--auto-approve", "--json")
    assert [(event["type"], event.get("alias"), event.get("action")) for event in apply.events] == [
        ("applied", "event-user1", "create"),
        ("applied", "event-user2", "create"),
        ("applied", "one", "create"),
        ("summary", None, None),
    ]
    summary = apply.events[-1]
    assert (summary["command"], summary["complete"], summary["created"]) == ("apply", True, 3)
    record = project.keys["one"]
    documents = {
        ("show", "--json"): project.ok("show", "--json"),
        ("state", "list", "--json"): project.ok("state", "list", "--json"),
        ("state", "show", "one", "--json"): project.ok("state", "show", "one", "--json"),
        ("output", "--json"): project.ok("output", "--json"),
        ("spend", "--json"): project.ok("spend", "--json"),
        ("validate", "--json"): project.ok("validate", "--json"),
        ("check", "--json"): project.ok("check", "--json"),
        ("version", "--json"): project.ok("version", "--json"),
        ("plan", "--json"): project.ok("plan", "--json"),
    }
    assert documents["state", "list", "--json"].document == ["event-user1", "event-user2", "one"]
    assert documents["state", "show", "one", "--json"].document["token"] == record["token"]
    assert documents["validate", "--json"].document == {
        "valid": True,
        "keys": 3,
        "single_keys": 1,
        "workshops": ["event"],
    }
    assert documents["plan", "--json"].document["changes"] == []
    for command, ran in documents.items():
        assert ran.document is not None, command
        harmless(project, ran.stdout + ran.stderr)
    harmless(project, plan.stdout + apply.stdout + apply.stderr)

    destroy = project.ok("destroy", "--auto-approve", "--json")
    assert [event["type"] for event in destroy.events] == ["applied", "applied", "applied", "summary"]
    assert (destroy.events[-1]["deleted"], destroy.events[-1]["remaining"]) == (3, 0)
    harmless(project, destroy.stdout)


def test_every_error_is_a_document_too(project: Workspace) -> None:
    for command, code, summary in (
        (("plan", "--target", "nobody"), 64, "a target matches nothing"),
        (("apply",), 64, "no terminal to ask on"),
        (("destroy", "--lock-timeout", "soon", "--auto-approve"), 64, "the lock timeout is not a duration"),
        (("state", "show", "nobody"), 64, "no recorded key is named so"),
        (("state", "mv", "nobody", "somebody", "--auto-approve"), 64, "no recorded key is named so"),
        (("state", "rm", "nobody", "--auto-approve"), 64, "no recorded key is named so"),
        (("refresh", "--target", "nobody"), 64, "a target matches nothing"),
        (("plan", "--grace", "1h"), 64, "the time of grace cannot be used"),
        (("plan", "--format", "markdown", "--json"), 64, "two formats are asked for"),
        (("show", "--format", "markdown", "--json"), 64, "two formats are asked for"),
        (("output", "--format", "csv", "--json"), 64, "two formats are asked for"),
        (("spend", "--format", "csv", "--json"), 64, "two formats are asked for"),
        (("plan", "--refresh-only", "--destroy"), 64, "these options exclude each other"),
        (("plan", "--destroy", "--replace", "one"), 64, "these options exclude each other"),
        (("plan", "--out", "vkstate.yaml"), 1, "the plan is not saved over another file"),
        (("apply", "--expect", "soon"), 64, "this is not a fingerprint"),
        (("apply", "missing.json"), 1, "the plan file cannot be read"),
        (("show", "vkstate.state.json"), 1, "this is not a saved plan"),
        (("plan", "--no-such-option"), 64, "the command line is wrong"),
        (("validate", "--config", "missing.yaml"), 1, "the config cannot be read"),
    ):
        ran = project.run(*command, "--json")
        assert ran.code == code, command
        assert list(ran.document) == ["type", "format_version", "summary", "detail", "hint", "exit_code"], command
        assert (ran.document["type"], ran.document["summary"], ran.document["exit_code"]) == ("error", summary, code)
        assert f"error: {summary}\n" in ran.stderr, "people read it on stderr all the same"


def test_without_consent_there_is_nothing_to_ask(project: Workspace) -> None:
    ran = project.run("apply", "--json")
    assert ran.document["detail"] == "With --json nothing is asked."
    assert project.keys == {}


def test_a_plan_with_problems(project: Workspace) -> None:
    """plan gives the one document that it always gives; apply gives an event for each thing that it has to say."""
    project.write("vkstate.yaml", "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [llama]}}\n")
    plan = project.run("plan", "--json")
    assert (plan.code, plan.document["applicable"]) == (1, False)
    assert [problem["alias"] for problem in plan.document["problems"]] == ["one"]
    apply = project.run("apply", "--auto-approve", "--json")
    assert (apply.code, [event["type"] for event in apply.events]) == (1, ["plan", "error"])
    told, error = apply.events
    del told["type"]
    assert told == plan.document
    assert error["summary"] == "the plan cannot be applied"


def test_no_changes(project: Workspace) -> None:
    project.apply()
    again = project.ok("apply", "--auto-approve", "--json")
    assert [event["type"] for event in again.events] == ["summary"]


def test_the_schema_is_one(workspace: Workspace) -> None:
    document = workspace.ok("schema").document
    assert document["$schema"].startswith("https://json-schema.org/")
    ran = workspace.ok("schema", "--out", "vkstate.schema.json")
    assert ran.stdout == ""
    assert workspace.ok("schema").stdout == (workspace.path / "vkstate.schema.json").read_text()
