"""Rows in our words, and orders as bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.litellm.fake import STAMP, START, row, token_of, value_of
from vkstate.attributes import Json
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until
from vkstate.keys import Alias, LiveKey, Member, Stamp
from vkstate.litellm.convert import (
    duration,
    generate_body,
    hidden_texts,
    live_key,
    needs_current,
    touches_metadata,
    update_body,
)
from vkstate.litellm.wire import Row

ALIAS = Alias("ws-user1")
MEMBER = Stamp("lineage-1", "00000000000000a1", Member("ws", "user1", 1))


def _live(fields: dict[str, Json]) -> LiveKey:
    return live_key(Row.model_validate_json(json.dumps(fields)), token_of("a"))


def _create(declared: dict[str, Json], expiry: Expiry | None = None, stamp: Stamp = STAMP) -> CreateOrder:
    return CreateOrder(ALIAS, stamp, declared, expiry or Never(), value_of("a"))


def _update(
    assign: dict[str, Json] | None = None, clear: set[str] | None = None, expiry: Expiry | None = None
) -> UpdateOrder:
    sought = Sought(token_of("a"), STAMP.id, ALIAS)
    return UpdateOrder(sought, STAMP, assign or {}, frozenset(clear or ()), expiry)


def test_a_row_of_v2_in_our_words() -> None:
    fields = row(
        "ws-user1",
        stamp_id="00000000000000a1",
        spend=1.5,
        expires="2030-01-04T00:00:00.250000+00:00",
        models=["gpt-4", "a", "gpt-4"],
        max_budget=50.0,
        user_id="user1@example.com",
        blocked=None,
        last_active="2030-01-02T00:00:00Z",
    )
    metadata: dict[str, Json] = {
        "cost_center": "4711",
        "model_rpm_limit": {"gpt-4": 5.0},
        "vkstate": {
            "lineage": "lineage-1",
            "id": "00000000000000a1",
            "workshop": "ws",
            "user": "user1",
            "user_number": 1,
        },
    }
    assert _live({**fields, "metadata": metadata}) == LiveKey(
        token=token_of("a"),
        alias="ws-user1",
        attributes={
            "user_id": "user1@example.com",
            "budget_id": None,
            "models": ["a", "gpt-4"],
            "max_budget": 50,
            "blocked": False,
            "soft_budget": None,
            "model_rpm_limit": {"gpt-4": 5},
            "metadata.cost_center": "4711",
            "metadata.model_rpm_limit": {"gpt-4": 5},
        },
        metadata=metadata,
        stamp=MEMBER,
        created_at=START,
        expires_at=datetime(2030, 1, 4, 0, 0, 0, 250_000, tzinfo=UTC),
        spend=1.5,
        created_by="default_user_id",
        key_name="sk-...6789",
        last_active=datetime(2030, 1, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, {}),
        ({"budget_id": None}, {"budget_id": None, "soft_budget": None}),
        ({"budget_id": "b1"}, {"budget_id": "b1"}),
        ({"budget_id": "b1", "litellm_budget_table": None}, {"budget_id": "b1"}),
        (
            {"budget_id": "b1", "litellm_budget_table": {"soft_budget": 3.0, "max_budget": 9}},
            {"budget_id": "b1", "soft_budget": 3},
        ),
        ({"soft_budget": None}, {}),
        ({"org_id": "o1"}, {"organization_id": "o1"}),
        ({"organization_id": "o1"}, {"organization_id": "o1"}),
        ({"object_permission": None, "object_permission_id": "p"}, {}),
        (
            {"object_permission": {"object_permission_id": "p", "mcp_servers": ["x"], "mcp_tool_permissions": None}},
            {"object_permission.mcp_servers": ["x"]},
        ),
        ({"budget_limits": [{"max": 1.0, "reset_at": "x"}]}, {"budget_limits": [{"max": 1}]}),
        ({"permissions": None, "models": None}, {"permissions": {}, "models": []}),
        ({"metadata": None}, {}),
        ({"shiny_new": {"a": 1.0}, "shiny_null": None}, {"extra.shiny_new": {"a": 1}, "extra.shiny_null": None}),
        ({"shiny_new": 1, "shiny_null": None, "org_id": None}, {"extra.shiny_new": 1, "organization_id": None}),
        ({"updated_at": "x", "status": "active", "total_spend": 3, "policies": []}, {}),
        ({"metadata": {"tags": ["b", "a"]}}, {"tags": ["a", "b"], "metadata.tags": ["b", "a"]}),
    ],
)  # fmt: skip
def test_what_a_row_shows(fields: dict[str, Json], shown: dict[str, Json]) -> None:
    assert _live(fields).attributes == shown


@pytest.mark.parametrize(
    ("mark", "stamp"),
    [
        ("hello", None),
        ({"lineage": "l"}, None),
        ({"lineage": "l", "id": 7}, None),
        ({"lineage": "l", "id": "i"}, Stamp("l", "i")),
        ({"lineage": "l", "id": "i", "workshop": "w"}, Stamp("l", "i")),
        ({"lineage": "l", "id": "i", "workshop": "w", "user": "u"}, Stamp("l", "i", Member("w", "u"))),
        ({"lineage": "l", "id": "i", "workshop": "w", "user": "u", "user_number": True},
         Stamp("l", "i", Member("w", "u"))),
        ({"lineage": "l", "id": "i", "workshop": "w", "user": "u", "user_number": 3, "more": 1},
         Stamp("l", "i", Member("w", "u", 3))),
    ],
)  # fmt: skip
def test_the_stamp_of_a_row(mark: Json, stamp: Stamp | None) -> None:
    live = _live({"metadata": {"vkstate": mark}})
    assert live.stamp == stamp
    assert live.attributes == {}


def test_the_body_of_a_create() -> None:
    declared: dict[str, Json] = {
        "models": ["gpt-4"],
        "max_budget": 50,
        "user_id": None,
        "allowed_routes": [],
        "permissions": {},
        "blocked": False,
        "tpm_limit": 0,
        "soft_budget": 3,
        "model_rpm_limit": {"gpt-4": 5},
        "tags": [],
        "metadata.cost_center": "4711",
        "metadata.nothing": None,
        "object_permission.mcp_servers": ["x"],
        "extra.shiny": 1,
    }
    assert generate_body(_create(declared, Lasting(259_200), MEMBER), START) == {
        "key_alias": "ws-user1",
        "key": value_of("a").reveal(),
        "models": ["gpt-4"],
        "max_budget": 50,
        "blocked": False,
        "tpm_limit": 0,
        "soft_budget": 3,
        "model_rpm_limit": {"gpt-4": 5},
        "shiny": 1,
        "metadata": {
            "cost_center": "4711",
            "nothing": None,
            "vkstate": {
                "lineage": "lineage-1", "id": "00000000000000a1", "workshop": "ws", "user": "user1", "user_number": 1,
            },
        },
        "object_permission": {"mcp_servers": ["x"]},
        "duration": "259200s",
    }  # fmt: skip


def test_a_create_whose_value_the_proxy_makes_and_that_never_ends() -> None:
    order = replace(_create({"models": ["gpt-4"]}), value=None)
    assert generate_body(order, START) == {
        "key_alias": "ws-user1",
        "models": ["gpt-4"],
        "metadata": {"vkstate": {"lineage": "lineage-1", "id": "00000000000000a1"}},
    }


@pytest.mark.parametrize(
    ("expiry", "text"),
    [
        (Lasting(60), "60s"),
        (Never(), "-1"),
        (Until(START + timedelta(days=1)), "86400s"),
        (Until(START + timedelta(seconds=89.6)), "90s"),
        (Until(START - timedelta(days=1)), "1s"),
    ],
)
def test_durations_count_from_the_servers_clock(expiry: Expiry, text: str) -> None:
    assert duration(expiry, START) == text


_METADATA: dict[str, Json] = {
    "theirs": 1,
    "cost_center": "4711",
    "model_rpm_limit": {"gpt-4": 5},
    "vkstate": {"lineage": "old", "id": "old"},
}
_MARK: Json = {"lineage": "lineage-1", "id": "00000000000000a1"}


@pytest.mark.parametrize(
    ("order", "body"),
    [
        (_update({"max_budget": 5}), {"max_budget": 5}),
        (_update({"max_budget": None}), {"max_budget": None}),
        (_update({"key_alias": "other"}), {"key_alias": "other"}),
        (_update({"models": None, "config": None, "blocked": None}), {"models": [], "config": {}, "blocked": False}),
        (_update(expiry=Never()), {"duration": "-1"}),
        (_update(expiry=Lasting(60)), {"duration": "60s"}),
        (
            _update(clear={"models", "max_budget", "permissions", "blocked", "budget_limits", "user_id"}),
            {"models": [], "max_budget": None, "permissions": {}, "blocked": False, "budget_limits": [],
             "user_id": None},
        ),
        (
            _update({"metadata.cost_center": "1"}),
            {"metadata": {**_METADATA, "cost_center": "1", "vkstate": _MARK}},
        ),
        (
            _update({"metadata.vkstate": _MARK}),
            {"metadata": {**_METADATA, "vkstate": _MARK}},
        ),
        (
            _update({"model_tpm_limit": {"a": 1}}, {"metadata.cost_center", "model_rpm_limit", "metadata.absent"}),
            {"metadata": {"theirs": 1, "model_tpm_limit": {"a": 1}, "vkstate": _MARK}},
        ),
        (
            _update({"tags": ["x"]}),
            {"tags": ["x"], "metadata": {**_METADATA, "tags": ["x"], "vkstate": _MARK}},
        ),
        (
            _update({"tags": []}),
            {"metadata": {**_METADATA, "tags": [], "vkstate": _MARK}},
        ),
        (
            _update({"metadata": {"a": 1}}),
            {"metadata": {**_METADATA, "a": 1, "vkstate": _MARK}},
        ),
        (
            _update({"object_permission.mcp_servers": ["x"]}, {"object_permission.mcp_tool_permissions"}),
            {"object_permission": {"mcp_servers": ["x"], "mcp_tool_permissions": {}}},
        ),
        (
            _update(clear={"object_permission.vector_stores", "object_permission.mcp_tool_search_enabled"}),
            {"object_permission": {"vector_stores": [], "mcp_tool_search_enabled": False}},
        ),
        (
            _update({"extra.new": 1}, {"extra.list", "extra.object", "extra.flag", "extra.text", "extra.absent"}),
            {"new": 1, "list": [], "object": {}, "flag": False, "text": None, "absent": None},
        ),
    ],
)  # fmt: skip
def test_the_body_of_an_update(order: UpdateOrder, body: dict[str, Json]) -> None:
    extras: dict[str, Json] = {"list": [1], "object": {"a": 1}, "flag": True, "text": "x"}
    current = _live({"metadata": _METADATA, **extras})
    assert update_body(order, current, START) == {"key": token_of("a"), **body}


def test_the_current_row_is_read_only_where_it_matters() -> None:
    orders = [
        _update({"max_budget": 5}),
        _update({"metadata.a": 1}),
        _update(clear={"tags"}),
        _update(clear={"extra.a"}),
    ]
    assert [touches_metadata(order) for order in orders] == [False, True, True, False]
    assert [needs_current(order) for order in orders] == [False, True, True, True]


def test_what_no_message_may_repeat() -> None:
    body: dict[str, Json] = {
        "key_alias": "shown",
        "user_id": "shown",
        "metadata": {"logging": [{"callback_vars": {"secret_key": "the-one"}}], "vkstate": {"id": "shown"}},
        "config": {"a": "the-two", "b": "a word"},
        "shiny": ["the-three", "short"],
        "organization_id": "org",
        "max_budget": 5,
        "models": ["shown"],
    }
    assert hidden_texts(body) == ["the-one", "the-two", "a word", "the-three"]
    sensitive: list[Json] = ["org", 5, {"a": [True, None, "b", 2.5, 7.0]}]
    assert hidden_texts({"organization_id": "org"}, sensitive) == ["org", "5", "5.0", "b", "2.5", "7.0", "7"]
