"""What is sensitive is not handed out, and never reads as "anything goes"."""

from __future__ import annotations

from tests.workspace import Workspace


def test_sensitive_attributes_are_not_handed_out(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys:\n  one:\n    models: ['${env.MODEL:-gpt-4}']\n"
        "    user_id: ${env.WHO:-canary}\n    max_budget: ${env.BUDGET:-5}\n"
    )
    workspace.apply()
    [key] = workspace.ok("output", "--json").document["keys"]
    assert (key["models"], key["user_id"], key["max_budget"]) == (["(sensitive)"], "(sensitive)", None)
    assert workspace.ok("output", "--format", "csv").stdout.splitlines()[1].split(",")[6] == "(sensitive)"
    assert workspace.ok("output").stdout.splitlines()[2].split()[2] == "(sensitive)"
