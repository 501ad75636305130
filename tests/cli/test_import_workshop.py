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
    assert ran.code == 1
    assert "No key on sandbox:// bears the alias that the config gives to a member of workshop:ai." in ran.stderr
