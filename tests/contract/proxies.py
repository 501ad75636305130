"""A proxy under test: raw HTTP with the master key, a name space of its own, and a record of what to clean up."""

from __future__ import annotations

import ast
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import requests

Json = Any
"""A body as it comes off the wire: the tests compare it, nothing else touches it."""

MODEL = "gpt-4"
OTHER_MODEL = "gpt-3.5-turbo"
EVERY_MODEL = [MODEL, OTHER_MODEL, "openai/granite-3-2-8b-instruct", "openai/mistral-7b-instruct"]
TIMEOUT_SECONDS = 60


def token_of(key: str) -> str:
    """The token of a key value."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    """A key value as vkstate makes them."""
    return f"sk-{secrets.token_urlsafe(24)}"


def instant(spelling: str) -> datetime:
    """The instant that one of LiteLLM's three spellings stands for."""
    return datetime.fromisoformat(spelling)


def sentence(response: requests.Response) -> str:
    """The sentence of an error: out of the repr of an object, and without the prefix that some releases put there."""
    body = response.json()
    message = body["error"]["message"] if "error" in body else body["detail"]
    for prefix in ("Internal Server Error, ", "Authentication Error, "):
        message = message.removeprefix(prefix)
    return str(ast.literal_eval(message)["error"]) if message.startswith("{'error'") else str(message)


def kind(response: requests.Response) -> str:
    """The ``type`` of an error."""
    return str(response.json()["error"]["type"])


def complaints(response: requests.Response) -> list[tuple[str, list[str | int], str]]:
    """The complaints of a 422: type, place, sentence. Releases before 1.105 add the input, and some an address."""
    assert response.status_code == 422
    return [(item["type"], item["loc"], item["msg"]) for item in response.json()["detail"]]


@dataclass
class Proxy:
    """One proxy and one test's name space on it."""

    session: requests.Session
    base_url: str
    master_key: str
    release: tuple[int, int]
    """The LiteLLM release, as ``(1, 105)``."""
    served: frozenset[str]
    """The models that it serves."""
    prefix: str = field(default_factory=lambda: f"contract-{secrets.token_hex(4)}-")
    made: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    organizations: list[str] = field(default_factory=list)

    def since(self, minor: int) -> bool:
        """Whether this is LiteLLM 1.``minor`` or newer."""
        return self.release >= (1, minor)

    def only_since(self, minor: int) -> None:
        """Skip the test on an older LiteLLM, which does otherwise."""
        if not self.since(minor):
            pytest.skip(f"LiteLLM does so since 1.{minor}")

    def alias(self, name: str) -> str:
        """An alias in this test's name space."""
        return f"{self.prefix}{name}"

    def request(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "",
        json: Json = None,
        params: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> requests.Response:
        """A request with the master key; with ``key`` another one, or none for None."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.master_key}"
        return self.session.request(
            method,
            f"{self.base_url}{path}",
            json=json,
            params=params,
            data=data,
            headers=sent,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )

    def get(self, path: str, *, key: str | None = "", **params: Json) -> requests.Response:
        """A GET with query parameters."""
        return self.request("GET", path, key=key, params=params)

    def post(self, path: str, body: Json, *, key: str | None = "") -> requests.Response:
        """A POST with a JSON body."""
        return self.request("POST", path, key=key, json=body)

    def generate(self, body: Mapping[str, Json]) -> requests.Response:
        """``/key/generate``; what it makes is cleaned up after the test."""
        response = self.post("/key/generate", dict(body))
        if response.status_code == 200:
            self.made.append(response.json()["token"])
        return response

    def create(self, name: str, **body: Json) -> dict[str, Json]:
        """A new key under an alias of this test; the answer of ``/key/generate``."""
        response = self.generate({"key_alias": self.alias(name), **body})
        assert response.status_code == 200, response.text
        answer: dict[str, Json] = response.json()
        return answer

    def update(self, token: str, /, **body: Json) -> requests.Response:
        """``/key/update`` of one key."""
        return self.post("/key/update", {"key": token, **body})

    def info(self, token: str) -> dict[str, Json]:
        """The row of ``/key/info``."""
        response = self.look_up(token)
        assert response.status_code == 200, response.text
        row: dict[str, Json] = response.json()["info"]
        return row

    def look_up(self, token: str) -> requests.Response:
        """``/key/info`` of one key."""
        return self.request("GET", "/key/info", params={"key": token})

    def listed(self, **params: Json) -> dict[str, Json]:
        """The answer of ``/key/list`` with whole rows."""
        response = self.get("/key/list", return_full_object="true", **params)
        assert response.status_code == 200, response.text
        answer: dict[str, Json] = response.json()
        return answer

    def exists(self, token: str) -> bool:
        """Whether a live key has this token; answered the same way by every release."""
        response = self.post("/v2/key/info", {"keys": [token]})
        assert response.status_code == 200, response.text
        return len(response.json()["info"]) == 1

    def chat(self, key: str, model: str = MODEL) -> requests.Response:
        """One chat."""
        return self.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hello"}]}, key=key
        )

    def clean_up(self) -> None:
        """Delete every key, team and organization that this test made."""
        if self.made:
            response = self.post("/key/delete", {"keys": self.made})
            assert response.status_code in (200, 404), response.text
        if self.teams:
            assert self.post("/team/delete", {"team_ids": self.teams}).status_code == 200
        if self.organizations:
            body = {"organization_ids": self.organizations}
            assert self.request("DELETE", "/organization/delete", json=body).status_code == 200
