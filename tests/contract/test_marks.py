"""Our mark on a key: it is put there and taken away again, and nothing else that the metadata holds moves by a byte."""

from __future__ import annotations

import json

import pytest

from tests.contract.proxies import MODEL, Json, Proxy
from vkstate.executor.ports import Sought, UpdateOrder
from vkstate.keys import Alias, Member, Stamp, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy

MARK = frozenset({"metadata.vkstate"})
THEIRS: dict[str, Json] = {
    "z": {"b": [1, 2.5, None, "é", 2**70], "a": {}},
    "a": "",
    "vkstate2": {"lineage": "theirs"},
    "tags": ["x"],
    "model_rpm_limit": {MODEL: 3},
}


@pytest.fixture
def client(connection: Connection) -> LiteLLMProxy:
    """The proxy as vkstate writes to it."""
    return LiteLLMProxy(connection)


def test_our_mark_alone_comes_and_goes(proxy: Proxy, client: LiteLLMProxy) -> None:
    made = proxy.create("theirs", models=[MODEL], max_budget=5, blocked=True, metadata=THEIRS)
    before = proxy.info(made["token"])
    sought = Sought(Token(made["token"]), "00000000000000a1", Alias(made["key_alias"]))
    stamp = Stamp("a-lineage", sought.id, Member("workshop", "user1", 1))
    marked = client.update(UpdateOrder(sought, stamp, {"metadata.vkstate": stamp.form()}))
    assert marked.stamp == stamp
    metadata = proxy.info(made["token"])["metadata"]
    assert metadata.pop("vkstate") == stamp.form()
    assert json.dumps(metadata) == json.dumps(before["metadata"])
    released = client.update(UpdateOrder(sought, None, {}, MARK))
    assert released.stamp is None
    after = proxy.info(made["token"])
    moved = {name for name in before if json.dumps(before[name]) != json.dumps(after[name])}
    assert moved <= {"updated_at", "settings_updated_at"}


def test_a_key_that_carries_nothing_but_our_mark_carries_nothing_then(proxy: Proxy, client: LiteLLMProxy) -> None:
    stamp = Stamp("a-lineage", "00000000000000a1")
    made = proxy.create("ours", metadata={"vkstate": stamp.form()})
    sought = Sought(Token(made["token"]), stamp.id, Alias(made["key_alias"]))
    for _ in range(2):
        assert client.update(UpdateOrder(sought, None, {}, MARK)).stamp is None
        assert proxy.info(made["token"])["metadata"] == {}
