"""A LiteLLM in memory, as far as the client's own tests need one: rows, pages, and how versions differ."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import requests
import responses

from vkstate.attributes import Json
from vkstate.keys import KeyValue, Stamp, Token

URL = "https://litellm.example.com"
MASTER_KEY = "sk-canary-master-0123456789"
STAMP = Stamp("lineage-1", "00000000000000a1")
START = datetime(2030, 1, 1, tzinfo=UTC)

Reply: TypeAlias = "tuple[int, dict[str, str], str]"


def value_of(name: str) -> KeyValue:
    """A key value that is the same in every run."""
    return KeyValue(f"sk-canary-value-of-{name}-0123456789")


def iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(name: str, *, alias: str | None = None, stamp_id: str | None = None, **fields: Json) -> dict[str, Json]:
    """A row as ``/v2/key/info`` answers it on 1.72 and 1.80: with its token."""
    mark: dict[str, Json] = {"vkstate": {"lineage": "lineage-1", "id": stamp_id}} if stamp_id else {}
    return {
        "token": value_of(name).token,
        "key_alias": name if alias is None else alias,
        "key_name": "sk-...6789",
        "spend": 0.0,
        "created_at": iso(START),
        "expires": None,
        "created_by": "default_user_id",
        "models": ["gpt-4"],
        "max_budget": None,
        "budget_id": None,
        "litellm_budget_table": None,
        "user_id": None,
        "metadata": mark,
        **fields,
    }


@dataclass
class FakeLiteLLM:
    """Rows by token, newest last, and what this LiteLLM can do.

    ``deletes_while_reading`` names tokens that disappear after the first page was read.
    """

    mock: responses.RequestsMock
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    tokens_in_v2: bool = False
    substring: bool = True
    budgets_in_list: bool = True
    poisoned: str | None = None
    deletes_while_reading: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.mock.add_callback("GET", f"{URL}/key/list", callback=self._list)
        self.mock.add_callback("POST", f"{URL}/v2/key/info", callback=self._info)
        self.mock.add_callback("POST", f"{URL}/key/delete", callback=self._delete)

    def add(self, *rows: dict[str, Json]) -> None:
        for one in rows:
            self.rows[str(one["token"])] = one

    def fill(self, count: int, prefix: str = "foreign-") -> None:
        """Keys of somebody else."""
        for number in range(count):
            self.add(row(f"{prefix}{number}", created_at=iso(START - timedelta(seconds=number + 1))))

    def _list(self, request: requests.PreparedRequest) -> Reply:
        self.asked["list"] += 1
        query = dict(parse_qsl(urlsplit(request.url or "").query))
        if self.substring and query.get("substring_matching") not in (None, "true"):
            place: list[Json] = ["query", "substring_matching"]
            return _reply(422, {"detail": [{"type": "bool_parsing", "loc": place, "msg": "not a boolean"}]})
        rows = list(self.rows.values())
        if (alias := query.get("key_alias")) is not None:
            contains = self.substring and query.get("substring_matching") == "true"
            rows = [one for one in rows if _fits(str(one["key_alias"]), alias, contains)]
        if (token := query.get("key_hash")) is not None:
            rows = [one for one in rows if one["token"] == token]
        rows.sort(key=lambda one: (str(one["created_at"]), str(one["token"])), reverse=True)
        size, number = int(query["size"]), int(query["page"])
        shown = rows[(number - 1) * size : number * size]
        full = query.get("return_full_object") == "true"
        if full and any(one["token"] == self.poisoned for one in shown):
            return _reply(
                500, {"error": {"message": "validation error", "type": "internal_server_error", "code": "500"}}
            )
        keys: list[Json] = [self._listed(one) if full else one["token"] for one in shown]
        for token in self.deletes_while_reading:
            self.rows.pop(token, None)
        pages = -(-len(rows) // size)
        return _reply(200, {"keys": keys, "total_count": len(rows), "current_page": number, "total_pages": pages})

    def _listed(self, one: dict[str, Json]) -> dict[str, Json]:
        left_out = () if self.budgets_in_list else ("budget_id",)
        shown = {key: value for key, value in one.items() if key not in left_out}
        if not self.budgets_in_list:
            shown["litellm_budget_table"] = None
        return {**shown, "org_id": None, "team_models": [], "soft_budget": None}

    @staticmethod
    def _bare(one: dict[str, Json]) -> dict[str, Json]:
        """Without what ``/v2/key/info`` never shows."""
        return {key: value for key, value in one.items() if key != "object_permission"}

    def _info(self, request: requests.PreparedRequest) -> Reply:
        self.asked["info"] += 1
        tokens = body_of(request)["keys"]
        assert isinstance(tokens, list)
        assert len(tokens) <= 500
        rows = [self._bare(self.rows[str(token)]) for token in tokens if token in self.rows]
        if not self.tokens_in_v2:
            rows = [{key: value for key, value in one.items() if key != "token"} for one in rows]
        return _reply(200, {"key": tokens, "info": list[Json](rows)})

    def _delete(self, request: requests.PreparedRequest) -> Reply:
        self.asked["delete"] += 1
        tokens = body_of(request)["keys"]
        assert isinstance(tokens, list)
        if not any(self.rows.pop(str(token), None) for token in tokens):
            return _reply(404, {"error": {"message": "{'error': 'No keys found'}", "type": "internal_server_error"}})
        return _reply(200, {"deleted_keys": tokens})


def _fits(alias: str, sought: str, contains: bool) -> bool:
    return sought.lower() in alias.lower() if contains else alias == sought


def _reply(status: int, body: dict[str, Json]) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body)


def body_of(request: requests.PreparedRequest) -> dict[str, Json]:
    """The JSON object that was sent."""
    sent = json.loads(request.body or b"")
    assert isinstance(sent, dict)
    return sent


def token_of(name: str) -> Token:
    return value_of(name).token
