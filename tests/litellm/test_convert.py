"""Orders as bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.litellm.fake import STAMP, START, token_of, value_of
from vkstate.attributes import Json
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Expiry, Lasting, Never, Until
from vkstate.keys import Alias, LiveKey, Member, Stamp
from vkstate.litellm.convert import (
    duration,
    generate_body,
    hidden_texts,
    needs_current,
    touches_metadata,
    update_body,
)
from vkstate.litellm.rows import live_key
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
        "enforced_params": ["user"],
        "enable_prompt_caching": True,
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
        "enable_prompt_caching": True,
        "shiny": 1,
        "metadata": {
            "enforced_params": ["user"],
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
    "folded": 1,
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
            {"metadata": {"theirs": 1, "folded": 1, "model_tpm_limit": {"a": 1}, "vkstate": _MARK}},
        ),
        (
            _update({"tags": ["x"]}),
            {"tags": ["x"], "metadata": {**_METADATA, "tags": ["x"], "vkstate": _MARK}},
        ),
        (
            _update({"tags": [], "model_rpm_limit": {}, "rpm_limit_type": None, "enable_prompt_caching": False}),
            {"metadata": {"theirs": 1, "cost_center": "4711", "folded": 1, "enable_prompt_caching": False,
                          "vkstate": _MARK}},
        ),
        (
            _update({"metadata.nothing": None, "metadata.empty": {}}),
            {"metadata": {**_METADATA, "nothing": None, "empty": {}, "vkstate": _MARK}},
        ),
        (
            _update({"rotation_interval": "60d"}),
            {"rotation_interval": "60d", "auto_rotate": True},
        ),
        (
            _update({"auto_rotate": True}),
            {"rotation_interval": "30d", "auto_rotate": True},
        ),
        (
            _update(clear={"auto_rotate", "rotation_interval"}),
            {"rotation_interval": None, "auto_rotate": False},
        ),
        (
            _update(clear={"extra.folded"}),
            {"metadata": {**{key: value for key, value in _METADATA.items() if key != "folded"}, "vkstate": _MARK}},
        ),
        (
            _update({"extra.folded": 2, "metadata.cost_center": "1"}),
            {"folded": 2, "metadata": {**_METADATA, "cost_center": "1", "vkstate": _MARK}},
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
    current = _live({"metadata": _METADATA, "auto_rotate": True, "rotation_interval": "30d", **extras})
    assert update_body(order, current, START) == {"key": token_of("a"), **body}


def test_the_current_row_is_read_only_where_it_matters() -> None:
    orders = [
        _update({"max_budget": 5}),
        _update({"metadata.a": 1}),
        _update(clear={"tags"}),
        _update(clear={"extra.a"}),
        _update({"auto_rotate": True}),
        _update({"rotation_interval": "30d"}, {"auto_rotate"}),
    ]
    assert [touches_metadata(order) for order in orders] == [False, True, True, False, False, False]
    assert [needs_current(order) for order in orders] == [False, True, True, True, True, False]


def test_a_rotation_is_only_completed_by_what_the_key_has() -> None:
    off = _live({"auto_rotate": False, "rotation_interval": None})
    assert update_body(_update({"rotation_interval": "60d"}), off, START) == {
        "key": token_of("a"),
        "rotation_interval": "60d",
    }
    assert update_body(_update({"auto_rotate": True}), off, START) == {"key": token_of("a"), "auto_rotate": True}


def test_our_mark_alone_is_taken_away() -> None:
    theirs: dict[str, Json] = {"z": {"b": [1, 2.5, None, "é"], "a": {}}, "a": "", "vkstate2": {"id": "x"}}
    current = _live({"metadata": {"vkstate": {"lineage": "lineage-1", "id": STAMP.id}, **theirs}})
    order = replace(_update(clear={"metadata.vkstate"}), stamp=None)
    body = update_body(order, current, START)
    assert needs_current(order)
    assert json.dumps(body) == json.dumps({"key": token_of("a"), "metadata": theirs})


def test_a_key_that_is_nobodys_stays_so_when_it_is_changed() -> None:
    order = replace(_update({"metadata.a": 1}), stamp=None)
    current = _live({"metadata": {"b": 2, "vkstate": {"lineage": "l", "id": "i"}}})
    assert update_body(order, current, START)["metadata"] == {"b": 2, "a": 1}


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
