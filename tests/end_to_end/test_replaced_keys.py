"""What becomes of a replaced key's values: told, handed out, gone with their key, and on a proxy that will not play."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.proxies import Json
from tests.end_to_end.clock import Timed, timed
from tests.end_to_end.test_replace import CONFIG, EVERY, opens
from tests.front import Doing, Front, Pass, Seen, rows_of, say_json
from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and two members on the sandbox."""
    workspace.configure(CONFIG % "sandbox://")
    workspace.apply()
    return workspace


@pytest.fixture
def remote(workspace: Workspace, server: Timed) -> Workspace:
    """The same keys on a server with a clock of its own."""
    workspace.configure(CONFIG % server.front.url)
    workspace.apply()
    return workspace


def test_its_documents(remote: Workspace, server: Timed) -> None:
    tokens = remote.tokens
    document = remote.ok("plan", "--json", "--replace", "one", "--grace", "1h").document
    [change] = document["changes"]
    alias = f"one.retired-{tokens['one'][:8]}"
    retires: Json = {"alias": alias, "token": tokens["one"], "delete_after": "INSTANT", "spend": 0.0}
    assert change["retires"] | {"delete_after": "INSTANT"} == retires
    assert (change["token"], change["needs_request"]) == (tokens["one"], True)
    assert document["exposure"]["retired"]["keys"] == [alias]

    events = remote.ok("apply", "--auto-approve", "--json", "--replace", "one", "--grace", "1h").events
    assert [event["type"] for event in events] == ["applied", "summary"]
    assert (events[0]["alias"], events[0]["action"]) == ("one", "replace")
    assert events[0]["retires"] | {"delete_after": "INSTANT"} == retires
    assert (events[1]["replaced"], events[1]["created"], events[1]["deleted"]) == (1, 0, 0)

    later = remote.ok("plan", "--json").document
    [retiring] = later["retiring"]
    assert retiring == {"alias": alias, "successor": "one", "delete_after": events[0]["retires"]["delete_after"]}
    for value in remote.stored.values():
        assert value not in json.dumps([document, events, later])


def test_values_in_ci(remote: Workspace, server: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    tokens = remote.tokens
    refused = remote.run("apply", "--auto-approve", "--replace", "one")
    assert (refused.code, refused.complaint[0]) == (1, "error: the new key values would be lost")
    assert remote.tokens == tokens
    remote.ok("apply", "--auto-approve", "--replace", "one", "--grace", "1h", "--secrets-out", "new.json")
    [key] = json.loads((remote.path / "new.json").read_text())["keys"]
    assert (key["alias"], key["key"]) == ("one", remote.values["one"])
    assert server.opens(key["key"])


def test_what_is_handed_out(project: Workspace) -> None:
    """The new value, and not the old one that still works: that one only to who asks for it by its whole name."""
    values = project.values
    project.apply("--replace", "one", "--grace", "1h")
    document = project.ok("output", "--json", "--reveal").document
    assert {key["alias"]: key["key"] for key in document["keys"]} == {alias: project.values[alias] for alias in EVERY}
    [retired] = [alias for alias in project.tokens if alias not in EVERY]
    [old] = project.ok("output", "--json", "--reveal", retired).document["keys"]
    assert (old["key"], old["status"]) == (values["one"], "retired")


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param(("destroy", "--auto-approve"), id="destroy"),
        pytest.param(("destroy", "--auto-approve", "--target", "one"), id="destroy of one"),
        pytest.param(("apply", "--auto-approve"), id="no longer in the config"),
    ],
)
def test_old_values_go_with_their_key(project: Workspace, leaving: tuple[str, ...]) -> None:
    """A key that is deleted leaves no value behind that still works."""
    value = project.values["one"]
    project.apply("--replace", "one", "--grace", "24h")
    [retired] = [alias for alias in project.tokens if alias not in EVERY]
    assert opens(project, value)
    if leaving[0] == "apply":
        project.configure((CONFIG % "sandbox://").replace("  one: {models: [gpt-4], max_budget: 10}\n", ""))
    ran = project.ok(*leaving)
    assert not {"one", retired} & {*project.tokens, *rows_of(project.sandbox())}
    assert project.sandbox().chat(value).status_code == 401
    assert "one.retired-DIGITS" in ran.told


def test_an_old_key_that_somebody_deleted(project: Workspace) -> None:
    token = project.tokens["one"]
    project.apply("--replace", "one", "--grace", "24h")
    project.sandbox().post("/key/delete", {"keys": [token]})
    assert project.planned() == [(f"one.retired-{token[:8]}", "forget", "gone from the proxy")]
    project.apply()
    assert sorted(project.tokens) == EVERY


@pytest.mark.parametrize("hours", [2, 0])
def test_successors_that_somebody_deleted(remote: Workspace, server: Timed, hours: int) -> None:
    """One apply makes them anew, and lets the old keys go whose time is over; those that have time keep it."""
    tokens, values = remote.tokens, remote.values
    remote.apply("--replace", "*", "--grace", "1h")
    asides = sorted(alias for alias in remote.tokens if alias not in EVERY)
    server.clock.forward(hours=hours)
    server.front.sandbox.post("/key/delete", {"keys": [remote.tokens[alias] for alias in EVERY]})
    action = "replace" if hours else "create"
    assert remote.planned() == [(alias, action, "missing on the proxy") for alias in EVERY]
    ran = remote.apply()
    kept = [] if hours else asides
    assert sorted(remote.tokens) == sorted(rows_of(server.front.sandbox)) == sorted([*EVERY, *kept])
    assert all(server.opens(remote.values[alias]) for alias in EVERY)
    assert [server.opens(values[alias]) for alias in EVERY] == [not hours] * len(EVERY)
    assert not {*tokens.values()} & {remote.tokens[alias] for alias in EVERY}
    if hours:
        assert "may still spend" not in ran.stdout
        assert "The old ones work no longer." in ran.stderr
        assert {line["token"] for line in remote.reports[-1]["keys"]} == {*tokens.values()}
    remote.consistent()


def test_a_proxy_that_makes_values_itself(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with timed(tmp_path / "elsewhere.sqlite", server_makes_values=True) as server:
        workspace.configure(CONFIG % server.front.url)
        workspace.apply()
        values = workspace.values
        workspace.apply("--replace", "one", "--grace", "1h", "--replace", "two")
        workspace.consistent()
        assert all(server.opens(value) for value in [*values.values(), *workspace.values.values()])
        server.clock.forward(hours=2)
        workspace.apply()
        assert sorted(rows_of(server.front.sandbox)) == EVERY
        assert [alias for alias in EVERY if server.opens(values[alias])] == ["red-ada", "red-bob"]


def refusing_renames(seen: Seen) -> Doing:
    """A proxy that lets no key be renamed."""
    if seen.path == "/key/update" and ".retired-" in str((seen.body or {}).get("key_alias")):
        return say_json(400, {"error": {"message": "no", "type": "bad_request_error", "param": None, "code": "400"}})
    return Pass()


def test_a_key_that_cannot_be_renamed(workspace: Workspace, front: Front) -> None:
    """Without grace the old key goes first, and it is said; with grace nothing is done."""
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    tokens = workspace.tokens
    front.rule = refusing_renames
    refused = workspace.run("apply", "--auto-approve", "--replace", "one", "--grace", "1h")
    assert refused.code == 1
    assert "The old key cannot be kept for the time of grace, as it cannot be renamed" in refused.stdout
    assert (workspace.tokens, sorted(rows_of(front.sandbox))) == (tokens, EVERY)
    assert set(workspace.stored) == set(tokens.values())
    ran = workspace.apply("--replace", "one")
    assert "note: one could not be renamed: its old key was deleted before the new one was made.\n" in ran.stdout
    assert workspace.tokens["one"] != tokens["one"]
    assert sorted(rows_of(front.sandbox)) == EVERY
    [report] = workspace.reports
    assert [line["token"] for line in report["keys"]] == [tokens["one"]]


def refusing_deletes(seen: Seen) -> Doing:
    """A proxy that lets no key be deleted."""
    if seen.path == "/key/delete":
        return say_json(400, {"error": {"message": "no", "type": "bad_request_error", "param": None, "code": "400"}})
    return Pass()


def test_a_new_value_is_handed_out_although_the_old_key_stays(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    front.rule = refusing_deletes
    ran = workspace.run("apply", "--auto-approve", "--replace", "one")
    assert ran.code == 1
    assert (
        "note: 1 key has a new value. The old one works on: the next apply sees to that. Hand the new one out: vkstate "
        "output one --out FILE"
    ) in ran.stderr
    front.rule = lambda _: Pass()
    workspace.apply()
    workspace.consistent()
    assert sorted(rows_of(front.sandbox)) == EVERY
