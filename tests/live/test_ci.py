"""The example ``ci`` on a real LiteLLM: two merges, each applied as it was shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyrage import x25519

from tests.contract.proxies import Proxy
from tests.examples.forge import Forge
from tests.workspace import OWN_VARIABLES

pytestmark = pytest.mark.live


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> Iterator[Forge]:
    """A repository with the example; the keys that it makes are deleted afterwards."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    identity = x25519.Identity.generate()
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.master_key)
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", str(identity))
    forge = Forge(tmp_path, proxy.base_url, str(identity.to_public()), proxy.prefix, proxy.master_key)
    yield forge
    proxy.made += [record["token"] for record in forge.committed("vkstate.state.json")["keys"].values()]


def test_two_merges(forge: Forge, proxy: Proxy) -> None:
    forge.propose("first", ("members: [alice, bob]", "members: [alice, bob, carol]"))
    shown = forge.plan("first")
    forge.merge("first", "squash")
    ran = forge.apply(forge.job())
    assert ran.stdout.splitlines()[-1] == "Apply complete! 4 created, 0 updated, 0 replaced, 0 deleted."
    assert f"Fingerprint: {shown.fingerprint}" in ran.stdout.splitlines()

    forge.propose("second", ("max_budget: 20", "max_budget: 30"), ("members: [alice, bob, carol]", "members: [alice]"))
    forge.plan("second")
    forge.merge("second")
    ran = forge.apply(forge.job())
    assert ran.stdout.splitlines()[-1].startswith("Apply complete! 0 created, 2 updated, 0 replaced, 2 deleted.")

    forge.pull()
    forge.person.vkstate("plan", "--detailed-exitcode")
    keys = forge.person.vkstate("output", "--json", "--reveal").document["keys"]
    assert [(key["alias"].removeprefix(proxy.prefix), key["max_budget"]) for key in keys] == [
        ("billing-service", 30),
        ("prompt-course-alice", 30),
    ]
    assert [proxy.chat(key["key"]).status_code for key in keys] == [200, 200]
