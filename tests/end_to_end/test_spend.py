"""``vkstate spend``: every figure from the proxy, in a handful of requests, and nothing changed by it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.front import Front
from tests.workspace import NOTE, Workspace, masked
from vkstate.state.lock import StateLock

CONFIG = """\
proxy: {url: '%s'}
keys:
  bot: {models: [gpt-4], max_budget: 10, budget_duration: 30d, user_id: bot@example.com}
  free: {models: [gpt-4]}
  hidden:
    models: [gpt-4]
    max_budget: ${env.BUDGET}
workshops:
  autumn: {count: 12, models: [gpt-4], max_budget: 2}
  spring: {members: [ada, bob], models: [gpt-4], max_budget: 5}
"""
SPENT = {"bot": 0.1 + 0.2, "autumn-user2": 0.0042, "autumn-user10": 1.6, "spring-ada": 5.25, "spring-bob": 0.00001}


@pytest.fixture
def project(workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Keys of which some have spent something, one is blocked, and one is gone."""
    monkeypatch.setenv("BUDGET", "7")
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    for alias, spend in SPENT.items():
        front.sandbox.update(workspace.tokens[alias], spend=spend)
    front.sandbox.update(workspace.tokens["autumn-user1"], blocked=True)
    front.sandbox.post("/key/delete", {"keys": [workspace.tokens["autumn-user12"]]})
    front.seen.clear()
    return workspace


def test_every_key_and_the_totals(project: Workspace) -> None:
    before = project.files()
    assert project.ok("spend").stdout == (
        """\
ALIAS             SPENT          BUDGET  SHARE  STATUS
autumn-user1      $0.00           $2.00    0 %  blocked
autumn-user2    $0.0042           $2.00   <1 %
autumn-user3      $0.00           $2.00    0 %
autumn-user4      $0.00           $2.00    0 %
autumn-user5      $0.00           $2.00    0 %
autumn-user6      $0.00           $2.00    0 %
autumn-user7      $0.00           $2.00    0 %
autumn-user8      $0.00           $2.00    0 %
autumn-user9      $0.00           $2.00    0 %
autumn-user10     $1.60           $2.00   80 %  near its budget
autumn-user11     $0.00           $2.00    0 %
autumn-user12         -               -      -  missing
bot               $0.30  $10.00 per 30d    3 %
free              $0.00               -      -
hidden            $0.00     (sensitive)      -
spring-ada        $5.25           $5.00  105 %  budget used up
spring-bob     <$0.0001           $5.00   <1 %

WORKSHOP       KEYS    SPENT  BUDGET  SHARE
autumn           11  $1.6042  $22.00    7 %
spring            2    $5.25  $10.00   52 %
(single keys)     3    $0.30  $10.00    3 %
in all           16  $7.1542  $42.00   17 %
2 keys have no budget shown: SHARE is that of the others.

2 keys have spent 80 % of their budget or more: autumn-user10, spring-ada.
1 key is not on the proxy, and what it had spent is unknown: autumn-user12. vkstate plan says what is to be done.
"""
    )
    assert project.files() == before


def test_the_most_spent_first(project: Workspace) -> None:
    top = project.ok("spend", "--top", "3").stdout.splitlines()
    assert [line.split()[0] for line in top[:4]] == ["ALIAS", "spring-ada", "autumn-user10", "bot"]
    assert top[-1] == "3 of 17 keys are shown; the totals are of all."
    whole = project.ok("spend", "--sort", "spend").stdout.splitlines()
    assert [line.split()[0] for line in whole[1:7]] == [
        "spring-ada",
        "autumn-user10",
        "bot",
        "autumn-user2",
        "spring-bob",
        "autumn-user1",
    ]
    by_alias = project.ok("spend", "--sort", "alias", "--top", "2").stdout.splitlines()
    assert [line.split()[0] for line in by_alias[1:3]] == ["autumn-user1", "autumn-user2"]


def test_of_some_keys(project: Workspace) -> None:
    lines = project.ok("spend", "workshop:spring", "bot", "--exclude", "*-bob").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["bot", "spring-ada"]
    refused = project.run("spend", "nobody")
    assert (refused.code, refused.complaint[0]) == (64, "error: no recorded key is named so")


def test_as_json(project: Workspace) -> None:
    document = project.ok("spend", "--json").document
    assert document == project.ok("spend", "--format", "json").document | {"read_at": document["read_at"]}
    rows = {row["alias"]: row for row in document["keys"]}
    assert list(rows) == sorted(rows, key=lambda alias: document["keys"].index(rows[alias]))
    assert masked(json.dumps(rows["bot"])) == json.dumps(
        {
            "alias": "bot",
            "key_id": "DIGITS",
            "workshop": None,
            "user": None,
            "user_id": "bot@example.com",
            "spend": 0.3,
            "lifetime_spend": 0.0,
            "max_budget": 10.0,
            "budget_duration": "30d",
            "budget_sensitive": False,
            "limited_by": None,
            "share": 0.03,
            "last_active": None,
            "expires_at": "INSTANT",
            "marks": [],
        }
    )
    assert (rows["autumn-user12"]["spend"], rows["autumn-user12"]["marks"]) == (None, ["missing"])
    assert (rows["hidden"]["max_budget"], rows["hidden"]["budget_sensitive"]) == (None, True)
    assert (rows["spring-ada"]["workshop"], rows["spring-ada"]["user"]) == ("spring", "ada")
    assert (document["near_budget"], document["missing"]) == (["autumn-user10", "spring-ada"], ["autumn-user12"])
    totals = document["totals"]
    assert (totals["keys"], totals["spend"], totals["max_budget"], totals["share"], totals["without_budget"]) == (
        16,
        7.15421,
        42.0,
        0.1703,
        2,
    )
    assert [(one["workshop"], one["keys"], one["spend"]) for one in totals["workshops"]] == [
        ("autumn", 11, 1.6042),
        ("spring", 2, 5.25001),
    ]
    assert (totals["single_keys"]["keys"], totals["single_keys"]["spend"]) == (3, 0.3)


def test_as_csv_into_a_file(project: Workspace) -> None:
    ran = project.ok("spend", "--format", "csv", "--out", "spend.csv")
    assert (ran.stdout, ran.stderr) == ("", "What 17 keys had spent was written to spend.csv.\n")
    rows = list(csv.DictReader(io.StringIO((project.path / "spend.csv").read_text())))
    by_alias = {row["alias"]: row for row in rows}
    assert [row["alias"] for row in rows][:3] == ["autumn-user1", "autumn-user2", "autumn-user3"]
    spent = {alias: by_alias[alias]["spend"] for alias in ("bot", "spring-bob", "autumn-user12", "free")}
    assert spent == {"bot": "0.3", "spring-bob": "0.00001", "autumn-user12": "", "free": "0.0"}
    assert (by_alias["autumn-user1"]["marks"], by_alias["spring-ada"]["share"]) == ("blocked", "1.05")


def test_no_figure_says_more_than_is_shown(project: Workspace) -> None:
    """A sensitive budget: neither it nor a share, from which it could be told."""
    row = next(row for row in project.ok("spend", "--json").document["keys"] if row["alias"] == "hidden")
    assert (row["max_budget"], row["share"], row["budget_duration"], row["marks"]) == (None, None, None, [])


def test_nothing_is_locked_by_it(project: Workspace) -> None:
    with StateLock(project.state_path, 0, "vkstate apply"):
        assert project.ok("spend", "bot").stdout.splitlines()[1].startswith("bot ")


def test_five_hundred_keys_are_one_request(workspace: Workspace, front: Front) -> None:
    front.sandbox.create("of-others")
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\nworkshops:\n  ai: {{count: 500, models: [gpt-4], max_budget: 1}}\n"
    )
    workspace.ok("apply", "--auto-approve")
    tokens = workspace.tokens
    for number in (1, 2, 500):
        front.sandbox.update(tokens[f"ai-user{number}"], spend=number / 1000)
    front.seen.clear()
    ran = workspace.ok("spend", "--top", "3")
    assert [(one.method, one.path) for one in front.seen] == [("POST", "/v2/key/info")]
    lines = ran.stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["ai-user500", "$0.50"],
        ["ai-user2", "$0.002"],
        ["ai-user1", "$0.001"],
    ]
    assert lines[6].split() == ["ai", "500", "$0.503", "$500.00", "<1", "%"]


def test_a_key_that_sees_nothing_is_not_believed(
    project: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary virtual key for a master key: what it does not see is not missing."""
    value = front.sandbox.create("ordinary")["key"]
    monkeypatch.setenv("LITELLM_MASTER_KEY", value)
    refused = project.run("spend")
    assert (refused.code, refused.stdout) == (1, "")
    assert refused.complaint[0] == "error: the key is not an admin's"


def test_of_nothing(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]}\n")
    assert workspace.ok("spend") == workspace.ok("spend", "--top", "1")
    assert (workspace.ok("spend").stdout, workspace.ok("spend").stderr) == ("No keys are recorded.\n", NOTE)
    workspace.apply()
    assert workspace.ok("spend").stdout.splitlines()[-1] == (
        "Nothing was spent, as far as LiteLLM has written it down: it does so up to 20 seconds late."
    )
