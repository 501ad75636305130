"""``vkstate import workshop:NAME``: the members that the config declares and the proxy has."""

from __future__ import annotations

from tests.workspace import Workspace

CONFIG = "proxy: {url: 'sandbox://'}\nworkshops: {ai: {count: 3, models: [gpt-4]}}\n"


def test_the_members_that_are_there_are_imported(workspace: Workspace) -> None:
    workspace.configure(CONFIG)
    proxy = workspace.sandbox()
    for alias in ("ai-user1", "ai-user3", "ai-userx"):
        assert proxy.generate({"key_alias": alias, "models": ["gpt-4"]}).status_code == 200
    ran = workspace.ok("import", "workshop:ai", "--auto-approve")
    assert ran.last_line == "Import complete! 2 imported."
    assert sorted(workspace.keys) == ["ai-user1", "ai-user3"]


def test_none_is_there(workspace: Workspace) -> None:
    workspace.configure(CONFIG)
    ran = workspace.run("import", "workshop:ai", "--auto-approve")
    assert ran.code == 64
    assert ran.complaint == [
        "error: no key on the proxy is named so",
        "  No key on sandbox:// bears the alias that the config gives to a member of workshop:ai.",
        "hint: vkstate apply makes the keys that a workshop declares",
    ]


def test_a_workshop_that_nobody_declares(workspace: Workspace) -> None:
    workspace.configure(CONFIG)
    assert workspace.run("import", "workshop:ia").complaint == [
        "error: no key on the proxy is named so",
        "  vkstate.yaml declares no workshop:ia. Did you mean workshop:ai?",
        (
            "hint: declare it under workshops first; or, to have its keys entered one by one: vkstate import 'ia-*' "
            "--write-config"
        ),
    ]


def test_a_null_in_the_metadata(workspace: Workspace) -> None:
    """What is declared as none, and is none, leaves nothing to do."""
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {null-bot: {models: [gpt-4], duration: never, metadata: {x: null}}}\n"
    )
    for metadata in ({"x": None}, {}):
        created = workspace.sandbox().generate({"key_alias": "null-bot", "models": ["gpt-4"], "metadata": metadata})
        workspace.ok("import", "null-bot", "--auto-approve")
        planned = workspace.run("plan", "--json").document["changes"]
        assert [diff["path"] for change in planned for diff in change["diffs"]] == ["user_id"]
        workspace.ok("state", "rm", "null-bot", "--auto-approve")
        workspace.sandbox().post("/key/delete", {"keys": [created.json()["token"]]})
