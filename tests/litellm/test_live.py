"""The client against a real LiteLLM: what the other tests say of it is true."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from vkstate.attributes import Json
from vkstate.executor.ports import AliasTaken, CreateOrder, Refused, Sought, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until, same_instant
from vkstate.keys import Alias, LiveKey, Member, Stamp, mint_id, mint_value
from vkstate.litellm.capabilities import health, probe, prove_admin, searches_by_prefix, served_models
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import MasterKeyRefused, NotAdmin
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_live

_URL = os.environ.get("VKSTATE_LIVE_URL", "")
_MASTER_KEY = os.environ.get("VKSTATE_LIVE_MASTER_KEY", "")

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not (_URL and _MASTER_KEY), reason="set VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY to run it"),
]

DECLARED: dict[str, Json] = {
    "models": ["gpt-4"],
    "max_budget": 5,
    "soft_budget": 3,
    "budget_duration": "30d",
    "tpm_limit": 1000,
    "blocked": False,
    "user_id": "user1@example.com",
    "aliases": {"short": "gpt-4"},
    "permissions": {"allow_pii_controls": True},
    "model_rpm_limit": {"gpt-4": 5},
    "metadata.cost_center": "4711",
    "metadata.nested": {"z": [1, None, "é"]},
}


@dataclass
class Bench:
    """A real proxy, and the keys that a test makes there."""

    proxy: LiteLLMProxy
    prefix: str
    requests: list[tuple[str, str]]
    made: list[Sought] = field(default_factory=list)

    def order(self, name: str, declared: dict[str, Json] | None = None, expiry: Expiry | None = None) -> CreateOrder:
        alias = Alias(f"{self.prefix}{name}")
        stamp = Stamp("vkstate-test", mint_id(), Member(self.prefix, name, 1))
        order = CreateOrder(alias, stamp, declared or {"models": ["gpt-4"]}, expiry or Never(), mint_value())
        self.made.append(_sought(order))
        return order

    def make(self, name: str, declared: dict[str, Json] | None = None, expiry: Expiry | None = None) -> CreateOrder:
        order = self.order(name, declared, expiry)
        assert self.proxy.create(order) is None
        return order


def _sought(order: CreateOrder) -> Sought:
    assert order.value is not None
    return Sought(order.value.token, order.stamp.id, order.alias)


def _shown(live: LiveKey, declared: dict[str, Json]) -> dict[str, Json]:
    return {path: live.attributes[path] for path in declared if path in live.attributes}


@pytest.fixture
def bench() -> Iterator[Bench]:
    asked: list[tuple[str, str]] = []
    with Connection(_URL, _MASTER_KEY, log=lambda method, path, *_: asked.append((method, path))) as connection:
        made = Bench(LiteLLMProxy(connection), f"vkstate-test-{secrets.token_hex(4)}-", asked)
        yield made
        made.proxy.delete([one.token for one in made.made])
        assert made.proxy.find(made.made) == {}


def test_what_is_created_is_read_back_in_every_way(bench: Bench) -> None:
    until = datetime.now(UTC) + timedelta(hours=3)
    started = bench.proxy.now()
    order = bench.make("user1", DECLARED, Until(until))
    sought = _sought(order)
    found = bench.proxy.find([sought, replace(sought, token=_sought(bench.order("never")).token)])
    assert list(found) == [sought.token]
    live = found[sought.token]
    assert _shown(live, DECLARED) == DECLARED
    assert (live.alias, live.stamp, live.token) == (order.alias, order.stamp, sought.token)
    assert same_instant(live.expires_at, until)
    (by_alias,) = bench.proxy.find_alias(order.alias)
    newest = bench.proxy.newest(started - timedelta(seconds=5), most=300)
    (listed,) = [key for key in newest.keys if key.token == sought.token]
    for other in (by_alias, listed):
        assert _shown(other, DECLARED) == {path: DECLARED[path] for path in _shown(other, DECLARED)}
        assert (other.stamp, other.created_at, other.expires_at) == (live.stamp, live.created_at, live.expires_at)
    assert newest.complete


def test_an_alias_is_taken_be_it_by_the_same_key(bench: Bench) -> None:
    order = bench.make("user1")
    for value in (order.value, mint_value()):
        with pytest.raises(AliasTaken):
            bench.proxy.create(replace(order, value=value))
    assert len(bench.proxy.find_alias(order.alias)) == 1


def test_an_update_changes_what_it_says_and_keeps_the_rest(bench: Bench) -> None:
    order = bench.make("user1", DECLARED, Lasting(3600))
    sought = _sought(order)
    bench.proxy.update(UpdateOrder(sought, order.stamp, {"metadata.theirs": 1}))
    assign: dict[str, Json] = {
        "max_budget": 7,
        "models": ["gpt-3.5-turbo", "gpt-4"],
        "model_rpm_limit": {"gpt-4": 9},
        "metadata.cost_center": "1",
        "key_alias": f"{order.alias}-new",
    }
    clear = frozenset({"aliases", "tpm_limit", "user_id", "metadata.nested"})
    answered = bench.proxy.update(UpdateOrder(sought, order.stamp, assign, clear, Lasting(7200)))
    live = bench.proxy.find([sought])[sought.token]
    for shown in (answered, live):
        assert _shown(shown, assign) == {path: value for path, value in assign.items() if path != "key_alias"}
        assert [shown.attributes.get(path) for path in sorted(clear)] == [{}, None, None, None]
        assert shown.metadata["theirs"] == 1
        assert (shown.alias, shown.stamp) == (f"{order.alias}-new", order.stamp)
        assert shown.expires_at is not None
        assert abs(shown.expires_at - bench.proxy.now() - timedelta(hours=2)) < timedelta(seconds=10)
    assert live.attributes["soft_budget"] == 3


def test_the_server_can_do_what_the_probe_says(bench: Bench) -> None:
    able = probe(bench.proxy.connection)
    order = bench.make("user1", {"models": ["gpt-4"], "soft_budget": 3, "budget_duration": "30d"}, Lasting(3600))
    sought = _sought(order)
    live = bench.proxy.update(UpdateOrder(sought, order.stamp, {}, frozenset({"budget_duration"})))
    assert (live.attributes["budget_duration"] is None) == able.clear_budget_duration
    live = bench.proxy.update(UpdateOrder(sought, order.stamp, {"soft_budget": 4}))
    assert live.attributes["soft_budget"] == (4 if able.update_soft_budget else 3)
    if able.clear_expiry:
        assert bench.proxy.update(UpdateOrder(sought, order.stamp, {}, expiry=Never())).expires_at is None
    else:
        with pytest.raises(Refused):
            bench.proxy.update(UpdateOrder(sought, order.stamp, {}, expiry=Never()))


def test_rows_that_were_tampered_with_are_still_found(bench: Bench) -> None:
    orders = [bench.make(f"user{number}") for number in range(4)]
    first, second, third, _ = map(_sought, orders)
    bench.proxy.update(UpdateOrder(first, orders[0].stamp, {"key_alias": f"{first.alias}-renamed"}))
    bench.proxy.connection.post("/key/update", {"key": second.token, "metadata": {}}, repeat=True)
    bench.proxy.update(UpdateOrder(third, orders[0].stamp, {"metadata.vkstate": {}}))
    found = bench.proxy.find(bench.made)
    assert {token: key.alias for token, key in found.items()} == {
        one.token: f"{first.alias}-renamed" if one is bench.made[0] else one.alias for one in bench.made
    }


def test_deleting_what_is_gone_is_no_error_and_updating_it_is_one(bench: Bench) -> None:
    order = bench.make("user1")
    for _ in range(2):
        bench.proxy.delete([_sought(order).token])
    assert bench.proxy.find([_sought(order)]) == {}
    assert bench.proxy.find_alias(order.alias) == ()
    for assign in ({"max_budget": 1}, {"metadata.a": 1}):
        with pytest.raises(Refused) as caught:
            bench.proxy.update(UpdateOrder(_sought(order), order.stamp, dict[str, Json](assign)))
        assert "is gone from the proxy" in caught.value.detail


def test_what_litellm_refuses_is_refused_and_not_made(bench: Bench) -> None:
    for declared in (
        {"models": ["gpt-4"], "tags": ["x"]},
        {"models": ["gpt-4"], "model_max_budget": {"gpt-4": {"budget_limit": 1, "time_period": "1d"}}},
        {"models": ["gpt-4"], "tpm_limit": "many"},
    ):
        order = bench.order("bad", dict[str, Json](declared))  # type: ignore[arg-type]  # the literals are Json
        with pytest.raises(Refused):
            bench.proxy.create(order)
        assert bench.proxy.find([_sought(order)]) == {}


def test_reading_live_costs_what_we_own(bench: Bench) -> None:
    orders = [bench.make(f"user{number}") for number in range(6)]
    known = [_sought(order) for order in orders[:4]]
    new = [orders[4].alias, orders[5].alias, Alias(f"{bench.prefix}user77")]
    bench.proxy.delete([known[0].token])
    bench.requests.clear()
    live = read_live(bench.proxy, known, new)
    assert {key.alias for key in live.keys} == {order.alias for order in orders[1:]}
    assert live.total >= 5
    assert bench.requests[0] == ("GET", "/key/list")
    assert len(bench.requests) <= 1 + 1 + 1 + 4


def test_the_proxy_itself(bench: Bench) -> None:
    connection = bench.proxy.connection
    prove_admin(connection)
    assert {"gpt-4", "gpt-3.5-turbo"} <= served_models(connection)
    found = health(connection)
    assert (found.reachable, found.litellm, found.database, found.fault) == (True, True, True, None)
    assert found.version == os.environ.get("VKSTATE_LIVE_VERSION", found.version)
    assert found.clock_skew is not None
    assert searches_by_prefix(connection) == probe(connection).clear_budget_duration


def test_a_wrong_key_and_an_ordinary_one_are_told_apart(bench: Bench) -> None:
    with Connection(_URL, f"{_MASTER_KEY}-wrong") as connection, pytest.raises(MasterKeyRefused):
        read_live(LiteLLMProxy(connection), [], [])
    order = bench.make("user1", {"models": ["gpt-4"], "user_id": f"{bench.prefix}user"})
    assert order.value is not None
    with Connection(_URL, order.value.reveal()) as connection, pytest.raises(NotAdmin):
        prove_admin(connection)
