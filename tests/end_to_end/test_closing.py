"""What deleted keys had spent: told by workshop and kept in ``reports/``, by every command that deletes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.terminal import terminal
from tests.front import Doing, Front, Pass, Say, Seen, rows_of
from tests.workspace import Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  bot: {models: [gpt-4], max_budget: 10}
workshops:
  spring: {members: %s, models: [gpt-4], max_budget: 5}
"""
LAG = "note: Where the proxy runs several workers without Redis, the others may accept a deleted key for up to 60 s.\n"
REPORT = "Closing report: reports/INSTANT.json (no secret is in it: commit it)\n"


@pytest.fixture
def project(workspace: Workspace, front: Front) -> Workspace:
    """Three keys that have spent something."""
    configure(workspace, front)
    workspace.apply()
    for alias, spend in (("bot", 1.5), ("spring-ada", 0.1 + 0.2), ("spring-bob", 0.0042)):
        front.sandbox.update(workspace.tokens[alias], spend=spend)
    return workspace


def configure(workspace: Workspace, front: Front, members: str = "[ada, bob]") -> None:
    workspace.configure(CONFIG % (front.url, members))


def end_of(told: str) -> str:
    """What a run says after its plan."""
    return told[told.index("\nnote: ") + 1 :]


def test_a_destroy(project: Workspace, front: Front) -> None:
    destroyed = project.ok("destroy", "--auto-approve")
    assert end_of(destroyed.told) == (
        f"{LAG}\n{REPORT}"
        "  WORKSHOP       KEYS    SPENT  BUDGET  SHARE\n"
        "  spring            2  $0.3042  $10.00    3 %\n"
        "  (single keys)     1    $1.50  $10.00   15 %\n"
        "  in all            3  $1.8042  $20.00    9 %\n"
        "\nDestroy complete! 3 deleted. 0 of 3 remain.\n"
    )
    [report] = project.reports
    assert [(line["alias"], line["workshop"], line["spend"], line["replaced"]) for line in report["keys"]] == [
        ("bot", None, 1.5, False),
        ("spring-ada", "spring", 0.3, False),
        ("spring-bob", "spring", 0.0042, False),
    ]
    assert report["total_spend"] == 1.8042
    assert rows_of(front.sandbox) == {}


def test_a_destroy_as_json(project: Workspace) -> None:
    summary = project.ok("destroy", "--auto-approve", "--json").events[-1]
    [path] = (project.path / "reports").iterdir()
    assert (summary["remaining"], summary["report"]) == (0, f"reports/{path.name}")
    assert summary["closed"] == {
        "keys": 3,
        "spend": 1.8042,
        "lifetime_spend": 0.0,
        "max_budget": 20.0,
        "share": 0.0902,
        "without_budget": 0,
        "workshops": [
            {
                "workshop": "spring",
                "keys": 2,
                "spend": 0.3042,
                "lifetime_spend": 0.0,
                "max_budget": 10.0,
                "share": 0.0304,
                "without_budget": 0,
            }
        ],
        "single_keys": {
            "keys": 1,
            "spend": 1.5,
            "lifetime_spend": 0.0,
            "max_budget": 10.0,
            "share": 0.15,
            "without_budget": 0,
        },
    }


def test_an_apply_that_deletes(project: Workspace, front: Front) -> None:
    configure(project, front, "[ada]")
    assert end_of(project.apply().told) == (
        f"{LAG}\n{REPORT}"
        "  WORKSHOP  KEYS    SPENT  BUDGET  SHARE\n"
        "  spring       1  $0.0042   $5.00   <1 %\n"
        "\nApply complete! 0 created, 0 updated, 0 replaced, 1 deleted.\n"
    )
    [report] = project.reports
    assert [line["alias"] for line in report["keys"]] == ["spring-bob"]


def test_replaced_keys_are_told_by_the_alias_that_people_know(project: Workspace) -> None:
    told = project.apply("--replace", "workshop:spring").told
    assert f"{REPORT}  WORKSHOP  KEYS    SPENT  BUDGET  SHARE\n  spring       2  $0.3042  $10.00    3 %\n" in told
    [report] = project.reports
    assert [(line["alias"], line["replaced"]) for line in report["keys"]] == [
        ("spring-ada", True),
        ("spring-bob", True),
    ]


def test_the_spend_is_that_of_the_moment_before_the_delete(project: Workspace, front: Front) -> None:
    """Between the plan and the consent people go on calling."""
    with terminal(project, "destroy") as screen:
        screen.expect("Only the word yes is taken as consent: ")
        front.sandbox.update(project.tokens["bot"], spend=9)
        screen.type(b"yes\n")
        assert screen.wait() == 0
    [report] = project.reports
    assert {line["alias"]: line["spend"] for line in report["keys"]}["bot"] == 9


@pytest.mark.parametrize("command", [("destroy", "--auto-approve"), ("apply", "all.plan")], ids=" ".join)
def test_a_plan_that_waits_for_no_consent_is_read_once(
    project: Workspace, front: Front, command: tuple[str, ...]
) -> None:
    project.ok("plan", "--destroy", "--out", "all.plan")
    before = len(front.seen)
    project.ok(*command)
    assert project.reports
    assert [seen.path for seen in front.seen[before:]].count("/v2/key/info") == 2, "for the plan, and after the deletes"


@pytest.mark.parametrize("command", [("destroy",), ("apply", "--replace", "bot"), ("apply",)], ids=" ".join)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_without_a_report_there_is_no_word_of_it(
    project: Workspace, front: Front, command: tuple[str, ...], form: tuple[str, ...]
) -> None:
    if command == ("apply",):
        configure(project, front, "[ada]")
    ran = project.ok(*command, "--auto-approve", "--no-report", *form)
    assert not (project.path / "reports").exists()
    if form:
        assert (ran.events[-1]["report"], ran.events[-1]["closed"]) == (None, None)
    else:
        assert "Closing report" not in ran.stdout
        assert "WORKSHOP" not in ran.stdout


def test_a_saved_plan_may_go_without_a_report(project: Workspace, front: Front) -> None:
    configure(project, front, "[ada]")
    project.ok("plan", "--out", "monday.vkplan")
    project.ok("apply", "--no-report", "monday.vkplan")
    assert (sorted(project.tokens), (project.path / "reports").exists()) == (["bot", "spring-ada"], False)


def test_what_is_left_is_named(project: Workspace, front: Front) -> None:
    """Refused, as by a gateway that knows better: said, counted, and not in the totals."""

    def refusing(seen: Seen) -> Doing:
        if seen.path == "/key/delete":
            return Say(403, json.dumps({"error": {"message": "no", "type": "x", "code": "403"}}).encode())
        return Pass()

    front.rule = refusing
    ran = project.run("destroy", "--auto-approve")
    assert ran.code == 1
    assert ran.told.endswith(
        f"{REPORT}\n"
        "Still on the proxy: bot, spring-{ada,bob}.\n"
        "hint: run the same command again: it deletes what is left\n"
        "\nDestroy incomplete: 0 deleted; 3 failed, 0 not attempted. 3 of 3 remain.\n"
    )
    front.rule = lambda _: Pass()
    assert project.ok("destroy", "--auto-approve").last_line == "Destroy complete! 3 deleted. 0 of 3 remain."


def test_where_nobody_can_say_what_remains(project: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vkstate.litellm.client._ATTEMPTS_WORTH", 0.05)  # of patience with a proxy that is away
    deleting = False

    def gone_away(seen: Seen) -> Doing:
        nonlocal deleting
        deleting = deleting or seen.path == "/key/delete"
        return Say(503, b"no upstream") if deleting and seen.path == "/v2/key/info" else Pass()

    front.rule = gone_away
    ran = project.run("destroy", "--auto-approve")
    assert ran.code == 1
    assert ran.last_line == (
        "Destroy incomplete: 0 deleted; 3 failed, 0 not attempted. How many of 3 remain could not be read."
    )
    assert "Not verified as gone: bot, spring-{ada,bob}.\n" in ran.stdout
    front.rule = lambda _: Pass()
    assert project.ok("destroy", "--auto-approve").last_line == (
        "Destroy complete! 0 deleted, 3 forgotten. 0 of 3 remain."
    )


def test_the_report_is_named_from_where_one_stands(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    below = ("--config", "project/vkstate.yaml", "--state", "project/vkstate.state.json")
    told = project.ok("destroy", "--auto-approve", "--target", "bot", *below).stdout
    [path] = (project.path / "reports").iterdir()
    assert f"\nClosing report: project/reports/{path.name} (" in told
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    beside = ("--config", "../project/vkstate.yaml", "--state", "../project/vkstate.state.json")
    told = project.ok("destroy", "--auto-approve", *beside).stdout
    [second] = {*(project.path / "reports").iterdir()} - {path}
    assert f"\nClosing report: {second} (" in told
