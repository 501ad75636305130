"""A sandbox in process, and a clock that tests can set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.jsons import Json
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, Settings

NOON = datetime(2026, 3, 18, 12, 30, 15, 123456, tzinfo=UTC)
"""A Wednesday."""


@dataclass
class Clock:
    """Stands still until it is set."""

    time: datetime = NOON

    def __call__(self) -> datetime:
        return self.time


@dataclass(frozen=True)
class Client:
    """A session with the master key on one sandbox."""

    session: requests.Session

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> requests.Response:
        return self.session.get(f"{BASE_URL}{path}", params=params)

    def post(self, path: str, body: Json) -> requests.Response:
        return self.session.post(f"{BASE_URL}{path}", json=body)


def client(path: Path, settings: Settings | None = None, key: str = DEFAULT_MASTER_KEY) -> Client:
    """A new session on the sandbox at ``path``."""
    session = requests.Session()
    session.trust_env = False
    session.mount(SCHEME, SandboxAdapter(path, settings))
    session.headers["Authorization"] = f"Bearer {key}"
    return Client(session)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the sandbox keeps its file; the directory is not there yet."""
    return tmp_path / ".vkstate" / "sandbox.sqlite"
