"""``refresh`` and ``--refresh-only``: what is on the proxy is accepted into the state, and nothing is sent."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.end_to_end.terminal import terminal
from tests.front import Front, rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  one: {models: [gpt-4], max_budget: 10}
  two: {models: [gpt-4]}
  three: {models: [gpt-4], lifecycle: {on_missing: forget}}
workshops:
  red: {members: [ada, bob], models: [gpt-4]}
"""

CHANGES = """\
On sandbox://:

~ one  max_budget: 10 → 999 (changed outside vkstate)
~ red-ada  expires_at: INSTANT → INSTANT (changed outside vkstate)
. red-bob  (its alias now belongs to another key)
. three  (missing on the proxy, and left so by on_missing)
. two  (gone from the proxy)

warning: red-bob: the key that vkstate made is gone, and another key bears its alias. The record is dropped; the other \
key is left alone.

1 other key on the proxy is not managed here.

Plan: the state would accept 2 changes and forget 3 keys.
"""
FINGERPRINT = "Fingerprint: DIGITS\n"
COMMAND = "To apply this very plan: vkstate apply --refresh-only --expect DIGITS\n"
COMPLETE = "\nRefresh complete! 2 accepted, 3 forgotten. The proxy was not touched.\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Keys of which others have changed, deleted and replaced some."""
    workspace.configure(CONFIG % "sandbox://")
    workspace.apply()
    sandbox, tokens = workspace.sandbox(), workspace.tokens
    sandbox.update(tokens["one"], max_budget=999)
    sandbox.update(tokens["red-ada"], duration="1d", tpm_limit=3)
    sandbox.post("/key/delete", {"keys": [tokens[alias] for alias in ("two", "three", "red-bob")]})
    sandbox.create("red-bob", user_id="somebody")
    sandbox.made.clear()
    return workspace


def test_every_way_to_ask_for_it(project: Workspace) -> None:
    rows, files = rows_of(project.sandbox()), project.files()
    looks = {
        ("plan", "--refresh-only"): CHANGES + FINGERPRINT + COMMAND,
        ("refresh", "--dry-run"): CHANGES,
    }
    for command, expected in looks.items():
        looked = project.ok(*command)
        assert (looked.told, looked.stderr) == (expected, NOTE)
        assert (rows_of(project.sandbox()), project.files()) == (rows, files)

    twin = project.path.parent / "twin"
    shutil.copytree(project.path, twin)
    assert project.ok("refresh", "--auto-approve").told == CHANGES + COMPLETE
    same = project.ok("apply", "--refresh-only", "--auto-approve", "-C", str(twin))
    assert same.told == CHANGES + FINGERPRINT + COMPLETE
    assert (twin / "vkstate.state.json").read_bytes() == project.state_path.read_bytes()


def test_what_it_leaves(project: Workspace) -> None:
    rows, before = rows_of(project.sandbox()), project.keys
    project.ok("refresh", "--auto-approve")
    assert rows_of(project.sandbox()) == rows
    after = project.keys
    assert sorted(after) == ["one", "red-ada", "three"]
    assert after["one"] == before["one"] | {"applied": before["one"]["applied"] | {"max_budget": 999}}
    assert after["three"] == before["three"] | {"status": "gone"}
    moved = after["red-ada"].pop("expires_at")
    assert after["red-ada"] == {name: value for name, value in before["red-ada"].items() if name != "expires_at"}
    assert moved < before["red-ada"]["expires_at"]
    assert project.planned() == [
        ("one", "update", "attributes differ"),
        ("two", "create", "new in the config"),
    ], "what is forgotten is new, what is left missing stays away, and what bears the alias of red-bob is not ours"


def test_it_sends_nothing(workspace: Workspace, front: Front) -> None:
    """Not even a write of which nothing would come."""
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    front.sandbox.update(workspace.tokens["one"], max_budget=999)
    front.sandbox.post("/key/delete", {"keys": [workspace.tokens["two"]]})
    front.seen.clear()
    workspace.ok("refresh", "--auto-approve")
    assert front.writes == []
    workspace.ok("plan", "--refresh-only")
    assert front.writes == []


def test_a_part_of_it(project: Workspace) -> None:
    before = project.keys
    ran = project.ok("refresh", "--auto-approve", "--target", "workshop:red", "--exclude", "red-bob")
    sections = ran.told.split("\n\n")
    assert sections[1] == "~ red-ada  expires_at: INSTANT → INSTANT (changed outside vkstate)"
    assert sections[-3:] == [
        (
            "4 keys are left out, as the targets ask: one, red-bob, three, two.\n"
            "1 other key on the proxy is not managed here."
        ),
        "Plan: the state would accept 1 change.",
        "Refresh complete! 1 accepted, 0 forgotten. The proxy was not touched.\n",
    ]
    assert {alias for alias in before if project.keys.get(alias) != before[alias]} == {"red-ada"}


def test_its_events(project: Workspace) -> None:
    events = project.ok("refresh", "--auto-approve", "--json").events
    assert [(event["type"], event.get("alias"), event.get("action")) for event in events] == [
        ("applied", "one", "update"),
        ("applied", "red-ada", "update"),
        ("applied", "red-bob", "forget"),
        ("applied", "three", "forget"),
        ("applied", "two", "forget"),
        ("summary", None, None),
    ]
    assert (events[-1]["command"], events[-1]["updated"], events[-1]["forgotten"]) == ("refresh", 2, 3)


@pytest.mark.parametrize("command", [("refresh",), ("apply", "--refresh-only")])
def test_it_asks(project: Workspace, command: tuple[str, ...]) -> None:
    before = project.state_path.read_bytes()
    ran = project.run(*command)
    assert (ran.code, ran.complaint[0]) == (64, "error: no terminal to ask on")
    assert project.state_path.read_bytes() == before


def test_at_the_prompt(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    front.sandbox.update(workspace.tokens["one"], max_budget=999)
    with terminal(workspace, "refresh") as screen:
        screen.expect("Accept 1 change into the state?")
        screen.type(b"yes\n")
        assert screen.wait() == 0
    assert workspace.keys["one"]["applied"]["max_budget"] == 999


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--replace", "one"), "--refresh-only and --replace"),
        (("--renew", "one", "--replace", "two"), "--refresh-only and --replace and --renew"),
        (("--adopt-replaced",), "--refresh-only and --adopt-replaced"),
        (("--allow-deletes", "0"), "--refresh-only and --allow-deletes"),
    ],
)
def test_it_changes_nothing_else(project: Workspace, command: str, options: tuple[str, ...], named: str) -> None:
    ran = project.run(command, "--refresh-only", *options)
    assert (ran.code, ran.stdout) == (64, "")
    assert ran.complaint == [
        "error: these options exclude each other",
        f"  {named} do not go together: --refresh-only plans something of its own.",
        "hint: one after the other",
    ]


def test_a_pending_create_is_left_to_apply(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    workspace.apply()
    state = workspace.state
    state["keys"]["one"] |= {"status": "pending", "pending_since": state["keys"]["one"].pop("created_at")}
    state["keys"]["one"].pop("expires_at")
    workspace.write("vkstate.state.json", json.dumps(state))
    before = workspace.state_path.read_bytes()
    workspace.sandbox().post("/key/delete", {"keys": [workspace.tokens["one"]]})
    ran = workspace.ok("refresh", "--auto-approve")
    assert ran.last_line == "Refresh complete! 0 accepted, 0 forgotten. The proxy was not touched."
    assert workspace.state_path.read_bytes() == before
    workspace.apply()


def test_what_a_refresh_does_not_accept_is_said(workspace: Workspace) -> None:
    """A new alias and a mark that was taken off; also where a program reads what is printed."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}, two: {models: [gpt-4]}}\n")
    workspace.apply()
    tokens = workspace.tokens
    workspace.sandbox().update(tokens["one"], key_alias="uno")
    workspace.sandbox().update(tokens["two"], metadata={})
    before = workspace.files()
    said = (
        "warning: what was renamed on the proxy is not accepted: one. The next apply gives back the recorded alias; "
        "where the new one is to stay, declare the key under it in the config, and refresh again.\n"
        "warning: our mark was changed or taken off on the proxy, and that is not accepted: two. The next apply puts "
        "it back; to let go of a key instead: vkstate state rm ALIAS\n"
    )
    planned = workspace.ok("plan", "--refresh-only")
    assert (planned.stdout, planned.stderr) == (said + "\nNo changes that the state could accept.\n", NOTE)
    assert workspace.ok("refresh", "--auto-approve", "--json").stderr == NOTE + said
    assert workspace.files() == before
    workspace.apply()
