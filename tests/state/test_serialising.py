from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from tests.state.samples import LINEAGE, NOON, PROXY, key, state, states, value
from vkstate.attributes import Sealed, Sensitive
from vkstate.keys import Alias, Member, Origin, RecordedKey, Retired, Status
from vkstate.state.model import State, mint_lineage
from vkstate.state.parsing import parse
from vkstate.state.serialising import Serialiser, serialise

FULL = RecordedKey(
    alias=Alias("ai-participant1"),
    status=Status.READY,
    id="00000000000000a1",
    token=value(1).token,
    origin=Origin.ADOPTED,
    applied={
        "duration": "3d",
        "metadata.cost_center": "4711",
        "metadata.logging": Sealed("sha256:ab"),
        "models": ["gpt-4", "grün"],
        "config": Sealed("sha256:cd"),
        "tpm_limit": None,
        "aliases": {},
    },
    member=Member("ai", "participant1", 1),
    created_at=datetime(2026, 3, 1, 13, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1))),
    expires_at=NOON + timedelta(days=3),
    prevent_destroy=True,
    server_defaults={"max_budget": 5},
    awaits_start=True,
)
RETIRED = RecordedKey(
    Alias("solo.retired-0a1b2c3d"),
    Status.READY,
    "00000000000000a3",
    value(3).token,
    Origin.IMPORTED,
    {},
    retired=Retired(Alias("solo"), NOON + timedelta(hours=24)),
)
GONE = replace(RETIRED, alias=Alias("zoe"), status=Status.GONE, retired=Retired(Alias("solo")))
PENDING = RecordedKey(
    Alias("solo"), Status.PENDING, "00000000000000a2", None, Origin.CREATED, {"user_id": "solo"}, pending_since=NOON
)


def test_the_file_is_exactly_this() -> None:
    keys = {each.alias: each for each in (GONE, RETIRED, PENDING, FULL)}
    assert serialise(State(LINEAGE, 7, PROXY, keys)) == (
        """\
{
  "format": 1,
  "keys": {
    "ai-participant1": {
      "applied": {
        "aliases": {},
        "config": {
          "$sensitive": "sha256:cd"
        },
        "duration": "3d",
        "metadata": {
          "cost_center": "4711",
          "logging": {
            "$sensitive": "sha256:ab"
          }
        },
        "models": [
          "gpt-4",
          "grün"
        ],
        "tpm_limit": null
      },
      "awaits_start": true,
      "created_at": "2026-03-01T12:00:00.123Z",
      "expires_at": "2026-03-04T12:00:00Z",
      "id": "00000000000000a1",
      "origin": "adopted",
      "prevent_destroy": true,
      "server_defaults": {
        "max_budget": 5
      },
      "status": "ready",
      "token": "TOKEN",
      "user": "participant1",
      "user_number": 1,
      "workshop": "ai"
    },
    "solo": {
      "applied": {
        "user_id": "solo"
      },
      "id": "00000000000000a2",
      "origin": "created",
      "pending_since": "2026-03-01T12:00:00Z",
      "status": "pending"
    },
    "solo.retired-0a1b2c3d": {
      "applied": {},
      "id": "00000000000000a3",
      "origin": "imported",
      "retired": {
        "delete_after": "2026-03-02T12:00:00Z",
        "successor": "solo"
      },
      "status": "ready",
      "token": "OTHER"
    },
    "zoe": {
      "applied": {},
      "id": "00000000000000a3",
      "origin": "imported",
      "retired": {
        "successor": "solo"
      },
      "status": "gone",
      "token": "OTHER"
    }
  },
  "lineage": "LINEAGE",
  "proxy": "https://litellm.example.com",
  "serial": 7
}
""".replace("TOKEN", value(1).token)
        .replace("OTHER", value(3).token)
        .replace("LINEAGE", LINEAGE)
    )


def test_an_empty_state_is_exactly_this() -> None:
    assert serialise(State.empty("l")) == '{\n  "format": 1,\n  "keys": {},\n  "lineage": "l",\n  "serial": 0\n}\n'


@given(states())
def test_what_is_written_is_read_back(drawn: State) -> None:
    text = serialise(drawn)
    again = parse(text, place="state")
    assert again == drawn
    assert serialise(again) == text


@given(states())
def test_the_text_is_what_the_standard_library_would_write(drawn: State) -> None:
    text = serialise(drawn)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@given(states())
def test_the_order_of_insertion_does_not_matter(drawn: State) -> None:
    turned = {
        alias: replace(
            recorded,
            applied=dict(reversed(list(recorded.applied.items()))),
            server_defaults=dict(reversed(list(recorded.server_defaults.items()))),
        )
        for alias, recorded in reversed(list(drawn.keys.items()))
    }
    assert serialise(replace(drawn, keys=turned)) == serialise(drawn)


def test_a_serialiser_that_has_seen_other_states_writes_the_same() -> None:
    serialiser = Serialiser()
    serialiser.text(state(key(1), key(2), key(3)))
    after = state(key(1), key(2, applied={"max_budget": 99}), key(4), serial=2)
    assert serialiser.text(after) == serialise(after)


def test_a_sensitive_value_is_never_written() -> None:
    with pytest.raises(TypeError, match="a sensitive value is sealed before it is recorded"):
        serialise(state(key(1, applied={"config": Sensitive("hunter2")})))


def test_an_object_that_looks_sealed_stays_an_object() -> None:
    before = state(key(1, applied={"metadata.x": {"$sensitive": "sha256:ab"}, "metadata.y": Sealed("sha256:ab")}))
    text = serialise(before)
    assert json.loads(text)["keys"]["key-1"]["applied"]["metadata"] == {
        "x": {"$$sensitive": "sha256:ab"},
        "y": {"$sensitive": "sha256:ab"},
    }
    assert parse(text, place="state") == before


def test_half_a_surrogate_pair_survives() -> None:
    before = state(key(1, applied={"metadata.x": "\ud800"}))
    text = serialise(before)
    assert '"x": "\\ud800"' in text
    assert parse(text.encode().decode(), place="state") == before


def test_lineages_differ() -> None:
    assert mint_lineage() != mint_lineage()


def test_instants_are_written_in_utc_with_milliseconds_where_there_are_any() -> None:
    recorded = replace(key(1), created_at=datetime(2026, 1, 1, 0, 0, 0, 999, tzinfo=UTC))
    assert json.loads(serialise(state(recorded)))["keys"]["key-1"]["created_at"] == "2026-01-01T00:00:00Z"
