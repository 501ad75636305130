"""A plan with one of everything, in every format; and the exit code that tells of changes. Whole, in golden files."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.workspace import Workspace, masked

BEFORE = """\
proxy: {url: 'sandbox://'}
keys:
  ci-bot: {models: [gpt-3.5-turbo], max_budget: 10, rpm_limit: 60}
  drifting: {models: [gpt-4], max_budget: 10, metadata: {team: red}}
  exposed: {models: [gpt-4], max_budget: 20, metadata: {password: '${env.PASSWORD}'}}
  handed-over: {models: [gpt-4], max_budget: 5}
  leaving: {models: [gpt-4], max_budget: 5}
  reaped: {models: [gpt-4], max_budget: 5, lifecycle: {on_missing: forget}}
workshops:
  spring: {count: 3, models: [gpt-4], max_budget: 2, duration: 3d}
"""
AFTER = """\
proxy: {url: 'sandbox://'}
keys:
  adopted: {models: [gpt-4], max_budget: 1, user_id: somebody@example.com}
  drifting: {models: [gpt-4], max_budget: 10, metadata: {team: red}}
  exposed: {models: [gpt-4], max_budget: 20, metadata: {password: '${env.PASSWORD}'}}
  new-bot: {models: [gpt-3.5-turbo, gpt-4], max_budget: 10, user_id: ci-bot}
  reaped: {models: [gpt-4], max_budget: 5, lifecycle: {on_missing: forget}}
workshops:
  autumn: {count: 4, models: [gpt-4], max_budget: 3, duration: 3d}
moved:
  - {from: ci-bot, to: new-bot}
  - {from: 'workshop:spring', to: 'workshop:autumn'}
removed: [{alias: handed-over, destroy: false}]
import: [adopted]
"""
REPLACING = ("--replace", "exposed", "--grace", "24h")


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project in which everything that a plan can hold has come together."""
    monkeypatch.setenv("PASSWORD", "a-password-of-somebody")
    workspace.configure(BEFORE)
    workspace.apply()
    sandbox, tokens = workspace.sandbox(), workspace.tokens
    metadata = sandbox.info(tokens["drifting"])["metadata"]
    sandbox.update(tokens["drifting"], max_budget=999, blocked=True, metadata={**metadata, "team": "blue"})
    sandbox.post("/key/delete", {"keys": [tokens["reaped"]]})
    sandbox.create("adopted", models=["gpt-4"], max_budget=9, user_id="somebody@example.com")
    sandbox.create("of-others")
    workspace.configure(AFTER)
    return workspace


def test_of_a_plan(project: Workspace, golden: Callable[[str, str], None]) -> None:
    before = project.files()
    for name, options in (
        ("plan.txt", ()),
        ("plan_verbose.txt", ("-v",)),
        ("plan.json", ("--json",)),
        ("plan.md", ("--format", "markdown")),
    ):
        ran = project.run("plan", *options, *REPLACING, "--detailed-exitcode")
        assert ran.code == 2
        golden(f"formats/{name}", ran.told)
    assert project.files() == before


def test_json_is_short_for_the_format(project: Workspace) -> None:
    assert masked_document(project, "--json") == masked_document(project, "--format", "json")


def masked_document(project: Workspace, *options: str) -> object:
    """The document of a plan."""
    return json.loads(project.ok("plan", *options, *REPLACING).told)


def test_of_an_apply(project: Workspace, golden: Callable[[str, str], None]) -> None:
    ran = project.ok("apply", "--auto-approve", *REPLACING)
    golden("formats/apply.txt", ran.told)
    project.converged()
    golden("formats/plan_after.txt", project.ok("plan").told)
    golden("formats/plan_after.json", project.ok("plan", "--json").told)
    listed = project.ok("state", "list").told
    golden("formats/state_list.txt", listed)


def test_of_the_events_of_an_apply(project: Workspace, golden: Callable[[str, str], None]) -> None:
    golden("formats/apply.jsonl", masked(project.ok("apply", "--auto-approve", "--json", *REPLACING).stdout))


def test_of_a_refresh(project: Workspace, golden: Callable[[str, str], None]) -> None:
    for name, options in (("refresh.txt", ()), ("refresh.json", ("--json",)), ("refresh.md", ("--format", "markdown"))):
        ran = project.run("plan", "--refresh-only", *options, "--detailed-exitcode")
        assert ran.code == 2
        golden(f"formats/{name}", ran.told)
    golden("formats/refresh.jsonl", masked(project.ok("refresh", "--auto-approve", "--json").stdout))


def test_of_a_destroy(project: Workspace, golden: Callable[[str, str], None]) -> None:
    golden("formats/destroy.txt", project.ok("plan", "--destroy").told)
    golden("formats/destroy.md", project.ok("plan", "--destroy", "--format", "markdown").told)


def test_a_format_that_there_is_not(project: Workspace) -> None:
    ran = project.run("plan", "--format", "yaml")
    assert (ran.code, ran.stdout) == (64, "")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("nothing", 0),
        ("only the state", 2),
        ("only the protection", 2),
        ("only what is left missing", 2),
        ("the proxy", 2),
        ("impossible", 1),
    ],
)
def test_the_detailed_exit_code(workspace: Workspace, change: str, code: int) -> None:
    """A change of the state alone is a change."""
    text = "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4], max_budget: %s%s}}\n"
    workspace.configure(text % (10, ", lifecycle: {on_missing: forget}"))
    workspace.apply()
    match change:
        case "only the state":
            workspace.sandbox().update(workspace.tokens["one"], max_budget=20)
            workspace.configure(text % (20, ""))
        case "only the protection":
            workspace.configure(text % (10, ", lifecycle: {prevent_destroy: true}"))
        case "only what is left missing":
            workspace.sandbox().post("/key/delete", {"keys": [workspace.tokens["one"]]})
        case "the proxy":
            workspace.configure(text % (30, ""))
        case "impossible":
            workspace.configure(text % (10, ", key_type: llm_api"))
    for options in ((), ("--json",), ("--format", "markdown")):
        assert workspace.run("plan", "--detailed-exitcode", *options).code == code
        assert workspace.run("plan", *options).code == (1 if code == 1 else 0)
