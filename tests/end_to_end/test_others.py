"""Other people on the same proxy: their keys, their changes to ours, and clones that are behind."""

from __future__ import annotations

from tests.contract.proxies import token_of
from tests.end_to_end.test_main_job import rows, workshop
from tests.workspace import Workspace


def test_keys_of_others_are_not_touched(workspace: Workspace) -> None:
    workspace.configure(workshop(12))
    sandbox = workspace.sandbox()
    foreign = {
        name: sandbox.create(name, models=["gpt-4"], metadata={"owner": "somebody"}, max_budget=3)["token"]
        for name in ("theirs", "ai-workshop-participant99", "ai-workshop-Participant1", "other team/1 %")
    }
    unnamed = sandbox.generate({"models": ["gpt-4"]}).json()["token"]
    before = {token: sandbox.info(token) for token in (*foreign.values(), unnamed)}
    plan = workspace.ok("plan")
    assert "5 other keys on the proxy are not managed here.\n" in plan.stdout
    workspace.apply()
    workspace.configure(workshop(10, 60))
    workspace.apply()
    workspace.ok("destroy", "--auto-approve")
    assert {token: sandbox.info(token) for token in before} == before
    assert sandbox.listed()["total_count"] == 5
    sandbox.clean_up()


def test_an_alias_that_somebody_else_has_is_a_problem(workspace: Workspace) -> None:
    workspace.configure(workshop(3))
    sandbox = workspace.sandbox()
    theirs = sandbox.create("ai-workshop-participant2", user_id="somebody", models=["gpt-4"])["token"]
    before = sandbox.info(theirs)
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert (
        "error: vkstate.yaml:3:3: the alias ai-workshop-participant2 exists on the proxy and is not ours" in ran.stdout
    ), ran.stdout
    assert sandbox.listed()["total_count"] == 1
    assert workspace.keys == {}
    without = workspace.ok("apply", "--auto-approve", "--exclude", "ai-workshop-participant2")
    assert without.last_line == "Apply complete! 2 created, 0 updated, 0 replaced, 0 deleted."
    workspace.ok("destroy", "--auto-approve")
    assert sandbox.info(theirs) == before


def test_drift_is_repaired_and_what_we_do_not_declare_is_left_alone(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys:\n"
        "  one: {models: [gpt-4], max_budget: 10, metadata: {team: red}}\n  two: {models: [gpt-4]}\n"
    )
    workspace.apply()
    sandbox, tokens = workspace.sandbox(), workspace.tokens
    metadata = {**sandbox.info(tokens["one"])["metadata"], "team": "blue", "added_by_hand": True}
    sandbox.update(tokens["one"], max_budget=999, rpm_limit=7, metadata=metadata, key_alias="renamed")
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 1 updated, 0 replaced, 0 deleted."
    assert "(changed outside vkstate)" in ran.stdout
    row = sandbox.info(tokens["one"])
    assert (row["key_alias"], row["max_budget"], row["rpm_limit"]) == ("one", 10.0, 7)
    assert (row["metadata"]["team"], row["metadata"]["added_by_hand"]) == ("red", True)
    assert row["metadata"]["vkstate"]["lineage"] == workspace.state["lineage"]
    assert workspace.tokens == tokens


def test_a_key_that_somebody_deleted_is_made_anew(workspace: Workspace) -> None:
    workspace.configure(workshop(2))
    workspace.apply()
    tokens = workspace.tokens
    sandbox = workspace.sandbox()
    sandbox.post("/key/delete", {"keys": [tokens["ai-workshop-participant1"]]})
    ran = workspace.apply()
    assert "+ ai-workshop-participant1  (missing on the proxy)" in ran.stdout
    assert workspace.tokens["ai-workshop-participant1"] != tokens["ai-workshop-participant1"]
    assert workspace.tokens["ai-workshop-participant2"] == tokens["ai-workshop-participant2"]
    assert token_of(workspace.values["ai-workshop-participant1"]) == workspace.tokens["ai-workshop-participant1"]
    assert set(workspace.stored) == {*tokens.values(), *workspace.tokens.values()}, (
        "only what a run deleted itself is removed: a state of another branch may still know the old token"
    )


def test_an_attribute_that_is_no_longer_declared_is_cleared(workspace: Workspace) -> None:
    config = "proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]%s}\n"
    workspace.configure(config % ", max_budget: 10, rpm_limit: 5, budget_duration: 30d, metadata: {team: red}")
    workspace.apply()
    workspace.configure(config % "")
    workspace.apply()
    row = rows(workspace)["one"]
    assert (row["max_budget"], row["rpm_limit"], row["budget_duration"]) == (None, None, None)
    assert list(row["metadata"]) == ["vkstate"]


def test_prevent_destroy_outlives_the_config(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys:\n"
        "  precious: {models: [gpt-4], lifecycle: {prevent_destroy: true}}\n  other: {models: [gpt-4]}\n"
    )
    workspace.apply()
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  other: {models: [gpt-4]}\n")
    for command in (("apply",), ("destroy",)):
        ran = workspace.run(*command, "--auto-approve")
        assert ran.code == 1
        assert "--exclude precious" in ran.stdout
        assert sorted(rows(workspace)) == ["other", "precious"]
    workspace.ok("destroy", "--auto-approve", "--exclude", "precious")
    assert sorted(rows(workspace)) == ["precious"]
    assert list(workspace.keys) == ["precious"]


def test_a_state_that_is_behind_is_not_guessed_at(workspace: Workspace) -> None:
    """A clone that was not pulled: the keys are there and ours, and this state does not know them."""
    workspace.configure(workshop(3))
    behind = workspace.state_path.read_bytes()
    workspace.apply()
    tokens = workspace.tokens
    workspace.state_path.write_bytes(behind)
    adopted = workspace.apply()
    assert adopted.last_line.startswith("Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted")
    assert workspace.tokens == tokens, "their values are in the store: they are taken back"
    workspace.state_path.write_bytes(behind)
    (workspace.path / ".vkstate" / "keys.json").unlink()
    refused = workspace.run("plan")
    assert refused.code == 1
    assert "git pull" in refused.stdout
    assert sorted(row["token"] for row in rows(workspace).values()) == sorted(tokens.values())


def test_models_that_somebody_else_set_already_are_only_recorded(workspace: Workspace) -> None:
    """The proxy holds what the config now asks: nothing is sent, and nothing is said of models that it serves."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    workspace.apply()
    workspace.sandbox().update(workspace.tokens["one"], models=["gpt-4", "gpt-3.5-turbo"])
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4, gpt-3.5-turbo]}}\n")
    plan = workspace.ok("plan")
    assert "(config changed; already so on the proxy)" in plan.stdout
    assert "warning:" not in plan.stdout
    workspace.apply()
