"""What the sandbox adds to the contract: its switches, its clock, and its price of a chat."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.sandbox.conftest import NOON, Clock, client
from vkstate.sandbox.jsons import Json
from vkstate.sandbox.routes.models import COST_OF_A_CALL
from vkstate.sandbox.settings import DEFAULT_MODELS, LITELLM_VERSION, Settings

OWN_KEY = "sk-an-own-key-value-of-mine"
CHAT: Json = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}


def test_own_key_values_can_be_switched_off(path: Path) -> None:
    mine = client(path, Settings(disable_custom_api_keys=True))
    refused = mine.post("/key/generate", {"key": OWN_KEY, "key_alias": "own"})
    message = "{'error': 'Custom API key values are disabled by your administrator. Keys must be auto-generated.'}"
    error = {"message": message, "type": "internal_server_error", "param": None, "code": "403"}
    assert (refused.status_code, refused.json()) == (403, {"error": error})
    assert mine.post("/key/generate", {"key_alias": "generated"}).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"models": [], "metadata": {}, "max_budget": None}])
def test_defaults_fill_what_is_absent_or_empty(path: Path, sent: dict[str, Json]) -> None:
    defaults: dict[str, Json] = {"max_budget": 7.5, "models": ["gpt-4"], "metadata": {"from": "the proxy"}}
    mine = client(path, Settings(default_key_generate_params=defaults | {"duration": "1d"}, clock=Clock()))
    made = mine.post("/key/generate", {"key_alias": "filled", **sent}).json()
    info = mine.get("/key/info", {"key": made["token"]}).json()["info"]
    assert {name: info[name] for name in defaults} == defaults
    assert info["expires"] == "2026-03-19T12:30:15.123000+00:00"
    cleared = mine.post("/key/update", {"key": made["token"], "max_budget": None, "models": []}).json()
    assert (cleared["max_budget"], cleared["models"]) == (None, [])


def test_defaults_leave_what_is_sent(path: Path) -> None:
    mine = client(path, Settings(default_key_generate_params={"max_budget": 7.5, "models": ["gpt-4"]}))
    made = mine.post("/key/generate", {"max_budget": 1, "models": ["gpt-3.5-turbo"]}).json()
    assert (made["max_budget"], made["models"]) == (1.0, ["gpt-3.5-turbo"])


def test_models_are_chosen_by_the_settings(path: Path) -> None:
    mine = client(path, Settings(models=("one", "openai/two")))
    assert [model["id"] for model in mine.get("/v1/models").json()["data"]] == ["one", "openai/two"]
    default = client(path)
    assert [model["id"] for model in default.get("/v1/models").json()["data"]] == list(DEFAULT_MODELS)


def test_a_chat_costs_a_fixed_amount_until_the_budget_is_spent(path: Path) -> None:
    admin = client(path, Settings(clock=Clock()))
    made = admin.post("/key/generate", {"key_alias": "spender", "max_budget": 2 * COST_OF_A_CALL}).json()
    spender = client(path, key=made["key"])
    answer = spender.post("/v1/chat/completions", CHAT).json()
    assert answer["choices"][0]["message"] == {"content": "hello from gpt-4", "role": "assistant"}
    info = admin.get("/key/info", {"key": made["token"]}).json()["info"]
    assert (info["spend"], info["total_spend"], info["last_active"] is None) == (COST_OF_A_CALL, COST_OF_A_CALL, False)
    assert spender.post("/v1/chat/completions", CHAT).status_code == 200
    refused = spender.post("/v1/chat/completions", CHAT)
    message = f"Budget has been exceeded! Key=spender ({made['key_name']}) Current cost: 0.003, Max budget: 0.003"
    error = {"message": message, "type": "budget_exceeded", "param": None, "code": "422"}
    assert (refused.status_code, refused.json()) == (422, {"error": error})


def test_the_master_key_chats_for_free(path: Path) -> None:
    assert client(path).post("/v1/chat/completions", CHAT).status_code == 200


def test_time_passes_by_its_clock(path: Path) -> None:
    clock = Clock()
    admin = client(path, Settings(clock=clock))
    made = admin.post("/key/generate", {"key_alias": "short", "duration": "1h", "models": ["gpt-4"]}).json()
    assert made["created_at"] == "2026-03-18T12:30:15.123000Z"
    assert made["expires"] == "2026-03-18T13:30:15.123456Z"
    clock.time = NOON + timedelta(hours=2)
    listed = admin.get("/key/list", {"status": "expired", "return_full_object": "true"})
    assert [row["expires"] for row in listed.json()["keys"]] == ["2026-03-18T13:30:15.123000Z"]
    assert listed.headers["date"] == "Wed, 18 Mar 2026 14:30:15 GMT"
    refused = client(path, Settings(clock=clock), key=made["key"]).get("/v1/models")
    expiry, now = "2026-03-18 13:30:15.123000+00:00", "2026-03-18 14:30:15.123456+00:00"
    message = f"Authentication Error - Expired Key. Key Expiry time {expiry} and current time {now}"
    assert (refused.status_code, refused.json()["error"]["message"]) == (401, message)


def test_whole_seconds_are_spelled_without_a_fraction(path: Path) -> None:
    admin = client(path, Settings(clock=Clock(NOON.replace(microsecond=999))))
    made = admin.post("/key/generate", {"duration": "1h"}).json()
    info = admin.get("/key/info", {"key": made["token"]}).json()["info"]
    assert (info["expires"], made["created_at"]) == ("2026-03-18T13:30:15+00:00", "2026-03-18T12:30:15Z")


def test_objects_come_back_with_their_names_reordered(path: Path) -> None:
    admin = client(path)
    made = admin.post("/key/generate", {"metadata": {"ccc": 1, "é": {"bb": 1, "a": 2}, "b": 3}})
    assert '"metadata":{"ccc":1,"é":{"bb":1,"a":2},"b":3}' in made.text
    info = admin.get("/key/info", {"key": made.json()["token"]})
    assert '"metadata":{"b":3,"é":{"a":2,"bb":1},"ccc":1}' in info.text


def test_a_budget_row_stays_when_its_create_is_refused(path: Path) -> None:
    admin = client(path)
    admin.post("/key/generate", {"key_alias": "taken"})
    assert admin.post("/key/generate", {"key_alias": "taken", "soft_budget": 1}).status_code == 400
    assert admin.post("/key/generate", {"key_alias": "free", "soft_budget": 1}).status_code == 200


def test_rows_with_equal_values_come_in_any_order(path: Path) -> None:
    """A listing sorted by spend has no tie-break: sooner or later a page repeats what another showed."""
    admin = client(path)
    for number in range(30):
        admin.post("/key/generate", {"key_alias": f"equal-{number}"})
    query: dict[str, str | int] = {"sort_by": "spend", "size": 30}
    assert len({tuple(admin.get("/key/list", query).json()["keys"]) for _ in range(10)}) > 1
    by_default = {tuple(admin.get("/key/list", {"size": 30}).json()["keys"]) for _ in range(10)}
    assert len(by_default) == 1


def test_openapi_describes_what_is_served(path: Path) -> None:
    body = client(path).get("/openapi.json").json()
    assert (body["openapi"], body["info"]) == ("3.1.0", {"title": "LiteLLM API", "version": LITELLM_VERSION})
    assert list(body["paths"]["/key/list"]) == ["get"]
    assert body["paths"]["/key/info"]["get"]["parameters"] == [{"name": "key", "in": "query"}]
