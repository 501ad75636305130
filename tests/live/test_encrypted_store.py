"""The encrypted store on a real LiteLLM: made where nobody can read, opened elsewhere, and accepted by the proxy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.age_people import decrypted_by_age, opened_by_anybody, person, ssh_person
from tests.contract.proxies import MODEL, Proxy, token_of
from tests.workspace import Workspace

pytestmark = pytest.mark.live


def test_minted_where_nobody_can_read_it(
    workspace: Workspace, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops, friend = person(), ssh_person(tmp_path)
    people = f"{ops.recipient}, '{friend.recipient}'"
    workspace.configure(
        f"proxy: {{url: '{proxy.base_url}'}}\n"
        f"secrets: {{store: age, recipients: [{people}]}}\n"
        f"workshops:\n  {proxy.prefix}sealed: {{count: 25, models: [{MODEL}], duration: 1h}}\n"
    )
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "nobodys"))
    assert workspace.apply().last_line == "Apply complete! 25 created, 0 updated, 0 replaced, 0 deleted."
    assert workspace.run("output", "--reveal").code == 3
    identity = str(tmp_path / "id_ed25519")
    keys = workspace.ok("output", "--json", "--reveal", "--identity", identity).document["keys"]
    assert {key["alias"]: token_of(key["key"]) for key in keys} == workspace.tokens
    assert [proxy.get("/v1/models", key=key["key"]).status_code for key in keys] == [200] * 25
    assert proxy.chat(keys[0]["key"]).status_code == 200
    store = workspace.path / "vkstate.secrets.json"
    before = store.read_bytes()
    workspace.apply("--replace", f"{proxy.prefix}sealed-user7")
    changed = [line for line in store.read_bytes().splitlines() if line not in before.splitlines()]
    assert len(changed) == 2, "the token and the value of one entry"
    file = ops.file(tmp_path / "ops")
    replaced = workspace.tokens[f"{proxy.prefix}sealed-user7"]
    value = opened_by_anybody(store)[replaced]
    assert proxy.get("/v1/models", key=value).status_code == 200
    workspace.ok("secrets", "remove-recipient", friend.recipient, "--identity", str(file))
    assert workspace.run("output", "--reveal", "--identity", identity).code == 3
    assert workspace.ok("output", "--json", "--reveal", "--identity", str(file)).document["keys"][6]["key"] == value
    assert decrypted_by_age(_text(store, replaced), file) == value
    workspace.ok("destroy", "--auto-approve")
    assert opened_by_anybody(store) == {}


def _text(store: Path, token: str) -> str:
    return str(json.loads(store.read_text())["keys"][token]["value"])
