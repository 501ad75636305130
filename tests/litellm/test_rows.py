"""Rows in our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.litellm.fake import START, row, token_of
from vkstate.attributes import Json
from vkstate.keys import LiveKey, Member, Stamp
from vkstate.litellm.rows import live_key, permits
from vkstate.litellm.wire import Row
from vkstate.shown import Readable, live_value

MEMBER = Stamp("lineage-1", "00000000000000a1", Member("ws", "user1", 1))


def _row(fields: dict[str, Json]) -> Row:
    return Row.model_validate_json(json.dumps(fields))


def _live(fields: dict[str, Json]) -> LiveKey:
    return live_key(_row(fields), token_of("a"))


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
            {"object_permission": {"object_permission_id": "p", "mcp_servers": ["x", "a"], "teams": None,
                                   "mcp_tool_permissions": None, "mcp_tool_search_enabled": None, "skills": None}},
            {"object_permission.mcp_servers": ["a", "x"], "object_permission.mcp_tool_permissions": {},
             "object_permission.mcp_tool_search_enabled": False, "object_permission.skills": []},
        ),
        ({"budget_limits": [{"max": 1.0, "reset_at": "x"}]}, {"budget_limits": [{"max": 1}]}),
        ({"permissions": None, "models": None}, {"permissions": {}, "models": ["all-proxy-models"]}),
        ({"models": []}, {"models": ["all-proxy-models"]}),
        ({"models": [], "team_id": "t"}, {"models": ["all-team-models"], "team_id": "t"}),
        ({"models": [], "team_id": ""}, {"models": ["all-proxy-models"], "team_id": None}),
        ({"models": ["gpt-4"], "team_id": "t"}, {"models": ["gpt-4"], "team_id": "t"}),
        ({"key_type": "default"}, {"key_type": None}),
        ({"router_settings": {"num_retries": 3.0, "timeout": None}}, {"router_settings": {"num_retries": 3}}),
        ({"metadata": None}, {}),
        ({"shiny_new": {"a": 1.0}, "shiny_null": None}, {"extra.shiny_new": {"a": 1}, "extra.shiny_null": None}),
        ({"shiny_new": 1, "shiny_null": None, "org_id": None}, {"extra.shiny_new": 1, "organization_id": None}),
        ({"updated_at": "x", "status": "active", "total_spend": 3, "policies": []}, {}),
        ({"metadata": {"tags": ["b", "a"]}}, {"tags": ["a", "b"], "metadata.tags": ["b", "a"]}),
        ({"metadata": {"enable_prompt_caching": None, "end_user_budget_id": "b"}},
         {"enable_prompt_caching": False, "metadata.enable_prompt_caching": None, "end_user_budget_id": "b",
          "metadata.end_user_budget_id": "b"}),
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


@pytest.mark.parametrize(
    ("fields", "unseen"),
    [
        ({}, False),
        ({"object_permission_id": None, "object_permission": None}, False),
        ({"object_permission_id": "p", "object_permission": None}, True),
        ({"object_permission_id": "p"}, True),
        ({"object_permission_id": "p", "object_permission": {"object_permission_id": "p"}}, False),
    ],
)
def test_whether_a_row_leaves_out_what_its_object_permission_holds(fields: dict[str, Json], unseen: bool) -> None:
    assert _row(fields).permits_unseen is unseen


def test_what_an_object_permission_holds() -> None:
    key = _live({"models": ["gpt-4"], "object_permission": {"object_permission_id": "p", "agents": ["a"]}})
    assert permits(key) == {"object_permission.agents": ["a"]}
    assert permits(None) == {}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"shiny": 1}, Readable(1)),
        ({"metadata": {"shiny": {"a": 1.0}}}, Readable({"a": 1})),
        ({"shiny": 1, "metadata": {"shiny": 2}}, Readable(1)),
        ({"metadata": {}}, None),
    ],
)
def test_a_field_without_a_name_here_is_read_from_the_row_or_from_metadata(
    fields: dict[str, Json], shown: Readable | None
) -> None:
    assert live_value(_live(fields), "extra.shiny") == shown
