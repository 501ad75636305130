"""Other people and other tools on the same real proxy: what they did to our keys, and what is not ours to touch."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Proxy
from tests.workspace import Workspace

pytestmark = pytest.mark.live

CONFIG = "proxy: {url: '%s'}\nkeys:\n  %sone: {models: [gpt-4]%s}\n"


def configure(workspace: Workspace, proxy: Proxy, more: str = "") -> str:
    """A project with one key; its alias."""
    workspace.configure(CONFIG % (proxy.base_url, proxy.prefix, more))
    return proxy.alias("one")


def test_drift_is_repaired_and_the_rest_is_left_alone(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", max_budget: 10, metadata: {team: red}")
    workspace.apply()
    token = workspace.tokens[alias]
    metadata = {**proxy.info(token)["metadata"], "team": "blue", "added_by_hand": {"deep": [1, None]}}
    changed = proxy.update(
        token,
        max_budget=999,
        rpm_limit=7,
        metadata=metadata,
        key_alias=proxy.alias("renamed"),
        models=["gpt-3.5-turbo"],
    )
    assert changed.status_code == 200
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 1 updated, 0 replaced, 0 deleted."
    assert "(changed outside vkstate)" in ran.stdout
    row = proxy.info(token)
    assert (row["key_alias"], row["max_budget"], row["rpm_limit"], row["models"]) == (alias, 10.0, 7, ["gpt-4"])
    assert (row["metadata"]["team"], row["metadata"]["added_by_hand"]) == ("red", {"deep": [1, None]})
    assert row["metadata"]["vkstate"]["lineage"] == workspace.state["lineage"]


def test_an_unmanaged_attribute_survives_every_apply(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", max_budget: 10")
    workspace.apply()
    token = workspace.tokens[alias]
    proxy.update(token, tpm_limit=1234)
    workspace.converged()
    configure(workspace, proxy, ", max_budget: 11")
    workspace.apply()
    row = proxy.info(token)
    assert (row["max_budget"], row["tpm_limit"]) == (11.0, 1234)


def test_wiped_metadata_is_restored(workspace: Workspace, proxy: Proxy) -> None:
    """Our stamp too: by it rows are matched that come without their token."""
    alias = configure(workspace, proxy, ", metadata: {team: red}")
    workspace.apply()
    token = workspace.tokens[alias]
    before = proxy.info(token)["metadata"]
    proxy.update(token, metadata={})
    workspace.apply()
    assert proxy.info(token)["metadata"] == before


def test_a_key_that_somebody_deleted_is_made_anew(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy)
    workspace.apply()
    token = workspace.tokens[alias]
    proxy.post("/key/delete", {"keys": [token]})
    ran = workspace.apply()
    assert "(missing on the proxy)" in ran.stdout
    assert workspace.tokens[alias] != token
    assert proxy.chat(workspace.values[alias]).status_code == 200


def test_an_alias_that_is_taken(workspace: Workspace, proxy: Proxy) -> None:
    theirs = proxy.create("one", user_id="somebody", models=["gpt-4"])["token"]
    before = proxy.info(theirs)
    alias = configure(workspace, proxy)
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert f"the alias {alias} exists on the proxy and is not ours: a key (created by " in ran.stdout
    assert (workspace.keys, proxy.info(theirs)) == ({}, before)


def test_attributes_that_are_no_longer_declared(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", max_budget: 10, rpm_limit: 5, metadata: {team: red}, duration: 1d")
    workspace.apply()
    lasting = proxy.since(80)  # before, no key loses its expiry
    configure(workspace, proxy, ", duration: never" if lasting else ", duration: 1d")
    workspace.apply()
    row = proxy.info(workspace.tokens[alias])
    assert (row["max_budget"], row["rpm_limit"], row["expires"] is None) == (None, None, lasting)
    assert list(row["metadata"]) == ["vkstate"]


def test_what_this_server_cannot_do_is_said_before_anything_is_sent(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", budget_duration: 30d")
    workspace.apply()
    configure(workspace, proxy)
    if proxy.since(90):
        workspace.apply()
        assert proxy.info(workspace.tokens[alias])["budget_duration"] is None
        return
    before = proxy.info(workspace.tokens[alias])
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert "budget_duration" in ran.stdout
    assert proxy.info(workspace.tokens[alias]) == before


@pytest.mark.parametrize("user_id", [None, "somebody@example.com"])
def test_an_ordinary_key_in_place_of_the_master_key(
    workspace: Workspace, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, user_id: str | None
) -> None:
    ordinary = proxy.create("ordinary", **({"user_id": user_id} if user_id else {}))["key"]
    monkeypatch.setenv("LITELLM_MASTER_KEY", ordinary)
    configure(workspace, proxy)
    for command in (("plan",), ("apply", "--auto-approve")):
        ran = workspace.run(*command)
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr.splitlines()[0] == "error: the key is not an admin's"
        assert ordinary not in ran.stderr


def test_a_wrong_master_key(workspace: Workspace, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-not-the-right-one-at-all")
    configure(workspace, proxy)
    ran = workspace.run("plan")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[0] == "error: the master key was refused"
    assert "sk-not-the-right-one-at-all" not in ran.stderr


def test_a_model_that_is_not_served(workspace: Workspace, proxy: Proxy) -> None:
    workspace.configure(f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n  {proxy.alias('one')}: {{models: [gpt-44]}}\n")
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert f"the proxy does not serve the model gpt-44, which {proxy.alias('one')} would be given." in ran.stdout
    assert "Did you mean gpt-4" in ran.stdout
    assert workspace.keys == {}


def test_check(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy)
    workspace.apply()
    document = workspace.ok("check", "--json", "--as", alias).document
    assert [(finding["check"], finding["grade"]) for finding in document["checks"]] == [
        ("config", "ok"),
        ("state", "ok"),
        ("git", "warning"),  # there is no repository here
        *((what, "ok") for what in ("secret store", "proxy", "database", "clock", "rights", "models", "key")),
    ]
    major, minor = proxy.release
    assert f"is LiteLLM {major}.{minor}." in document["checks"][4]["detail"]
    assert workspace.run("check", "--strict").code == 1


def test_check_with_attributes_that_this_server_does_not_know_or_sells(workspace: Workspace, proxy: Proxy) -> None:
    alias = configure(workspace, proxy, ", tpd_limit: 5, tags: [a], enforced_params: [user]")
    told = [
        finding["detail"]
        for finding in workspace.ok("check", "--json").document["checks"]
        if (finding["check"], finding["grade"]) == ("attributes", "warning")
    ]
    vain = [f"This LiteLLM does not know tpd_limit, which {alias} would have, and ignores it."]
    sold = "needs a LiteLLM Enterprise licence, and this proxy does not say that it has one: without it, LiteLLM"
    assert told == [
        *([] if proxy.since(105) else vain),
        f"enforced_params of {alias} {sold} takes the key, and refuses its requests.",
        f"tags of {alias} {sold} refuses the key.",
    ]
