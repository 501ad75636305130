"""A proxy and a network that fail: every key is made exactly once, and what is said is what is so."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.proxies import token_of
from tests.front import Doing, Drop, Front, Pass, Say, Seen, fronted, rows_of, say_json
from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, Settings

CONFIG = "proxy: {url: '%s', timeout: 3s}\nworkshops:\n  event: {count: %d, models: [gpt-4]%s}\n"
DONE = "Apply complete! 12 created, 0 updated, 0 replaced, 0 deleted."


def refusal(status: int, message: str, kind: str = "bad_request_error") -> Say:
    """An error as LiteLLM words it."""
    return say_json(status, {"error": {"message": message, "type": kind, "param": None, "code": str(status)}})


def first_time(path: str, doing: Doing) -> Callable[[Seen], Doing]:
    """A rule that meets the first request of a kind about each alias with a fault."""
    met: Counter[object] = Counter()

    def rule(seen: Seen) -> Doing:
        if seen.path != path:
            return Pass()
        who = seen.body.get("key_alias") or json.dumps(seen.body.get("keys") or seen.body.get("key"))
        met[who] += 1
        return doing if met[who] == 1 else Pass()

    return rule


def sound(workspace: Workspace, front: Front, count: int) -> None:
    """So many keys, each once, each recorded with its token and its value."""
    workspace.consistent()
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
    assert len(workspace.tokens) == count
    assert {record["status"] for record in workspace.keys.values()} <= {"ready"}
    assert set(workspace.stored) == set(workspace.tokens.values()), "no value is left over"


@pytest.mark.parametrize(
    "fault",
    [
        Drop(done=True),
        Drop(done=False),
        Say(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}),
        Say(503, b"upstream connect error", {"content-type": "text/plain"}),
        Say(200, b'{"key": "sk-0123456789012345', {"content-type": "application/json"}),
        refusal(500, "Internal Server Error, connection reset", "internal_server_error"),
    ],
    ids=["lost_after", "lost_before", "bad_gateway", "unavailable", "cut_short", "fault"],
)
def test_the_answer_to_a_create_is_lost(workspace: Workspace, front: Front, fault: Doing) -> None:
    workspace.configure(CONFIG % (front.url, 12, ""))
    front.rule = first_time("/key/generate", fault)
    assert workspace.apply().last_line == DONE
    sound(workspace, front, 12)


def test_a_200_that_proves_nothing(workspace: Workspace, front: Front) -> None:
    """The proxy says that it made a key, and did not."""
    workspace.configure(CONFIG % (front.url, 12, ""))
    met: Counter[str] = Counter()

    def rule(seen: Seen) -> Doing:
        if seen.path != "/key/generate":
            return Pass()
        met[seen.body["key_alias"]] += 1
        token = token_of(seen.body["key"])
        return say_json(200, {**seen.body, "token": token}) if met[seen.body["key_alias"]] == 1 else Pass()

    front.rule = rule
    assert workspace.apply().last_line == DONE
    sound(workspace, front, 12)


def test_one_is_refused(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 12, ""))
    front.rule = lambda seen: (
        refusal(400, "max_budget is over the limit of this proxy")
        if seen.path == "/key/generate" and seen.body["key_alias"] == "event-user7"
        else Pass()
    )
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 3
    assert "  + event-user7  " in ran.stdout
    assert "max_budget is over the limit of this proxy" in ran.stdout
    assert ran.last_line == (
        "Apply incomplete: 11 created, 0 updated, 0 replaced, 0 deleted; 1 failed, 0 not attempted."
    )
    assert sorted(workspace.keys) == sorted(f"event-user{n}" for n in range(1, 13) if n != 7)
    sound(workspace, front, 11)
    front.rule = lambda _: Pass()
    assert workspace.apply().last_line == "Apply complete! 1 created, 0 updated, 0 replaced, 0 deleted."
    sound(workspace, front, 12)


def test_all_are_refused(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 3, ""))
    front.rule = lambda seen: refusal(400, "not today") if seen.path == "/key/generate" else Pass()
    ran = workspace.run("apply", "--auto-approve", "--json")
    assert ran.code == 1
    assert [(event["type"], event.get("alias")) for event in ran.events] == [
        ("failed", "event-user1"),
        ("failed", "event-user2"),
        ("failed", "event-user3"),
        ("summary", None),
    ]
    assert (workspace.keys, workspace.stored) == ({}, {})


def test_the_proxy_goes_away(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}', timeout: 2s, retries: 0}}\nworkshops: {{event: {{count: 40, models: [gpt-4]}}}}"
    )
    front.rule = lambda seen: Drop(done=True) if front.count("POST", "/key/generate") > 20 else Pass()
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code in (1, 3)
    assert ran.last_line.startswith("Apply incomplete: ")
    workspace.consistent()
    live = {alias: row["token"] for alias, row in rows_of(front.sandbox).items()}
    assert live.items() <= workspace.tokens.items(), "everything that exists because of us is in the state"
    front.rule = lambda _: Pass()
    workspace.apply()
    sound(workspace, front, 40)
    assert {alias: workspace.tokens[alias] for alias in live} == live


@pytest.mark.parametrize("fault", [Drop(done=True), Say(503, b"busy", {})], ids=["lost_after", "busy"])
def test_the_answer_to_an_update_is_lost(workspace: Workspace, front: Front, fault: Doing) -> None:
    workspace.configure(CONFIG % (front.url, 3, ""))
    workspace.apply()
    tokens = workspace.tokens
    workspace.configure(CONFIG % (front.url, 3, ", max_budget: 7"))
    met: set[str] = set()

    def rule(seen: Seen) -> Doing:
        if seen not in front.writes or seen.body["key"] in met:
            return Pass()
        met.add(seen.body["key"])
        return fault

    front.rule = rule
    assert workspace.apply().last_line == "Apply complete! 0 created, 3 updated, 0 replaced, 0 deleted."
    assert {row["max_budget"] for row in rows_of(front.sandbox).values()} == {7.0}
    assert workspace.tokens == tokens


@pytest.mark.parametrize("fault", [Drop(done=True), Say(503, b"busy", {})], ids=["lost_after", "busy"])
def test_the_answer_to_a_delete_is_lost(workspace: Workspace, front: Front, fault: Doing) -> None:
    workspace.configure(CONFIG % (front.url, 12, ""))
    workspace.apply()
    front.rule = first_time("/key/delete", fault)
    ran = workspace.ok("destroy", "--auto-approve")
    assert ran.last_line == "Destroy complete! 12 deleted. 0 of 12 remain."
    assert (workspace.keys, workspace.stored, rows_of(front.sandbox)) == ({}, {}, {})


def test_a_delete_that_does_nothing(workspace: Workspace, front: Front) -> None:
    """LiteLLM's answer lists what it was asked for; only what is read back as gone was deleted."""
    workspace.configure(CONFIG % (front.url, 3, ""))
    workspace.apply()
    before = workspace.state
    front.rule = lambda seen: (
        say_json(200, {"deleted_keys": seen.body["keys"]}) if seen.path == "/key/delete" else Pass()
    )
    ran = workspace.run("destroy", "--auto-approve")
    assert ran.code == 1
    assert ran.last_line == "Destroy incomplete: 0 deleted; 3 failed, 0 not attempted. 3 of 3 remain."
    assert workspace.state == before
    assert len(workspace.values) == 3
    front.rule = lambda _: Pass()
    workspace.ok("destroy", "--auto-approve")
    assert rows_of(front.sandbox) == {}


def test_somebody_takes_an_alias_between_plan_and_create(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 3, ""))
    theirs: list[str] = []

    def rule(seen: Seen) -> Doing:
        if seen.path == "/key/generate" and seen.body["key_alias"] == "event-user2" and not theirs:
            theirs.append(front.sandbox.create("event-user2", user_id="somebody")["token"])
        return Pass()

    front.rule = rule
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 3
    assert ran.last_line == "Apply incomplete: 2 created, 0 updated, 0 replaced, 0 deleted; 1 failed, 0 not attempted."
    assert sorted(workspace.keys) == ["event-user1", "event-user3"]
    assert front.sandbox.info(theirs[0])["user_id"] == "somebody"
    assert rows_of(front.sandbox)["event-user2"]["token"] == theirs[0]


def test_a_proxy_that_makes_the_values_itself(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "strict.sqlite", settings=Settings(disable_custom_api_keys=True)) as front:
        workspace.configure(CONFIG % (front.url, 5, ""))
        ran = workspace.apply()
        assert "note: " in ran.stdout, "it is said that the proxy makes them"
        sound(workspace, front, 5)
        assert front.sandbox.request("GET", "/v1/models", key=workspace.values["event-user1"]).status_code == 200
        workspace.ok("destroy", "--auto-approve")
        assert rows_of(front.sandbox) == {}


def test_a_proxy_with_defaults_of_its_own(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the proxy puts there is not declared, and so left alone."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(
        tmp_path / "generous.sqlite", settings=Settings(default_key_generate_params={"max_budget": 42.0})
    ) as front:
        workspace.configure(CONFIG % (front.url, 2, ""))
        workspace.apply()
        sound(workspace, front, 2)


def test_a_proxy_that_asks_to_be_left_alone(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}', timeout: 2s}}\nkeys: {{one: {{models: [gpt-4]}}}}")
    front.rule = lambda _: Say(429, b'{"error": {"message": "slow down"}}', {"retry-after": "3600"})
    ran = workspace.run("plan")
    assert ran.code == 1
    assert ran.complaint == [
        "error: the proxy is too busy",
        f"  GET {front.url}/key/list: the proxy answered 429, and asked to be left alone for 3600 s.",
        "hint: try again in 3600 s",
    ]


def test_no_more_requests_at_a_time_than_were_asked_for(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 12, ""))
    lock = threading.Lock()
    running: list[int] = [0, 0]

    def rule(seen: Seen) -> Doing:
        if seen.path == "/key/generate":
            with lock:
                running[0] += 1
                running[1] = max(running)
            time.sleep(0.03)
            with lock:
                running[0] -= 1
        return Pass()

    front.rule = rule
    workspace.ok("apply", "--auto-approve", "--parallelism", "3", "--target", "*[1-6]")
    assert running == [0, 3]
    for wrong in ("0", "33", "many"):
        assert workspace.run("apply", "--parallelism", wrong).code == 64
