"""A gateway in front of a sandbox that sees every request, and lets it pass, hang, be lost or be answered otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.contract.proxies import Proxy
from tests.reliability.gateway import Doing, Drop, Gateway, Hold, Pass, Rule, Say, Seen, everything_passes
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, DEFAULT_MODELS, Settings

__all__ = [
    "Doing",
    "Drop",
    "Front",
    "Hold",
    "Pass",
    "Rule",
    "Say",
    "Seen",
    "everything_passes",
    "fronted",
    "rows_of",
    "sandbox_at",
    "say_json",
]


def sandbox_at(path: Path) -> Proxy:
    """The sandbox in an SQLite file, spoken to in this process with the master key; it has no name space of its own."""
    session = requests.Session()
    session.trust_env = False
    session.mount(SCHEME, SandboxAdapter(path))
    return Proxy(session, BASE_URL, DEFAULT_MASTER_KEY, (1, 105), frozenset(DEFAULT_MODELS), prefix="")


def rows_of(sandbox: Proxy) -> dict[str, Any]:
    """Every key of a sandbox by alias; an alias that two keys share fails."""
    found: list[Any] = []
    number, pages = 0, 1
    while number < pages:
        number += 1
        page = sandbox.listed(size=100, page=number)
        pages = page["total_pages"]
        found += page["keys"]
    rows = {row["key_alias"]: row for row in found}
    assert len(rows) == len(found), "two keys share an alias"
    return rows


def say_json(status: int, document: object) -> Say:
    """A JSON answer of the gateway's own."""
    return Say(status, json.dumps(document).encode(), {"content-type": "application/json"})


class Front(Gateway):
    """The gateway before a sandbox in an SQLite file."""

    def __init__(self, path: Path, rule: Rule, settings: Settings | None) -> None:
        super().__init__(SandboxApp(path, settings), rule)
        self.sandbox = sandbox_at(path)
        """The sandbox itself, past the gateway, with the master key."""


@contextmanager
def fronted(path: Path, rule: Rule = everything_passes, settings: Settings | None = None) -> Iterator[Front]:
    """A sandbox in the SQLite file at ``path``, behind a gateway with this rule."""
    front = Front(path, rule, settings)
    with front.listening():
        yield front
