"""The proxy that is measured against, asked as barely as ``requests`` allows: the floor that nobody can go below."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Final, TypeAlias, TypeVar
from unittest.mock import patch

import requests

from bench.bare import TIMEOUT, send_all, session_for
from vkstate.attributes import Json
from vkstate.keys import Token, mint_value

URL_VARIABLE: Final = "VKSTATE_LIVE_URL"
KEY_VARIABLE: Final = "VKSTATE_LIVE_MASTER_KEY"
DATABASE_VARIABLE: Final = "VKSTATE_LIVE_DATABASE_URL"
DELETE_BATCH: Final = 100
READ_BATCH: Final = 500
LIST_PAGE: Final = 100
_READINGS: Final = 5
"""How often all keys are read until none came or went meanwhile."""

Body: TypeAlias = "Mapping[str, Json]"
Row: TypeAlias = "Mapping[str, object]"
_Item = TypeVar("_Item")


def new_prefix() -> str:
    """An alias prefix that nobody else uses."""
    return f"bench-{secrets.token_hex(4)}"


def in_batches(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """The items, so many at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


@dataclass(frozen=True)
class Stage:
    """Requests that are sent together, so many at a time."""

    path: str
    bodies: Sequence[Body]
    threads: int
    method: str = "POST"
    """With GET the bodies are queries."""


@dataclass(frozen=True)
class LiveProxy:
    """A real proxy, and the master key for it."""

    url: str
    master_key: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> LiveProxy:
        """The proxy that the environment names; ends the program with a sentence where it names none."""
        url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
        if not url or not key:
            sys.exit(f"error: this benchmark needs a proxy: set {URL_VARIABLE} and {KEY_VARIABLE}")
        return cls(url.rstrip("/"), key)

    def session(self) -> requests.Session:
        return session_for(self.master_key)

    def served_model(self) -> str:
        """A model that the proxy serves."""
        with self.session() as session:
            answer = session.get(f"{self.url}/v1/models", timeout=TIMEOUT)
            answer.raise_for_status()
            return str(answer.json()["data"][0]["id"])

    def total_keys(self) -> int:
        """How many keys the proxy holds, whoever made them."""
        with self.session() as session:
            answer = session.get(f"{self.url}/key/list", params={"page": "1", "size": "1"}, timeout=TIMEOUT)
            answer.raise_for_status()
            return int(answer.json()["total_count"])

    def keys(self, prefix: str) -> list[Row]:
        """The keys whose alias begins so, each once and as LiteLLM lists it; read anew where keys came or went."""
        for _ in range(_READINGS):
            rows, total = self._listing()
            if len(rows) == total:
                break
        else:
            print(f"warning: keys came and went: {len(rows)} were read of {total}", file=sys.stderr)
        return [row for row in rows.values() if str(row["key_alias"]).startswith(prefix)]

    def _listing(self) -> tuple[dict[str, Row], int]:
        """Every key by token, and how many the proxy counted at last. Pages are cut by offset."""
        rows: dict[str, Row] = {}
        page = 1
        with self.session() as session:
            while True:
                asked: dict[str, str | int] = {"return_full_object": "true", "size": LIST_PAGE, "page": page}
                answer = session.get(f"{self.url}/key/list", params=asked, timeout=TIMEOUT)
                answer.raise_for_status()
                document = answer.json()
                rows |= {row["token"]: row for row in document["keys"]}
                if page >= document["total_pages"]:
                    return rows, int(document["total_count"])
                page += 1

    def send(self, *stages: Stage) -> None:
        """Bare loops in this process, one after the other: see :func:`bench.bare.send_all`."""
        for stage in stages:
            send_all(f"{self.url}{stage.path}", self.master_key, stage.bodies, stage.threads, stage.method)

    def send_in_process(self, *stages: Stage) -> None:
        """Bare loops, one after the other, in one process of their own.

        :raises subprocess.CalledProcessError: the proxy refused one.
        """
        asked = {"url": self.url, "key": self.master_key, "stages": [asdict(stage) for stage in stages]}
        subprocess.run([sys.executable, "-m", "bench.bare"], input=json.dumps(asked), text=True, check=True)

    def clear(self, tokens: Sequence[Token]) -> None:
        """Delete those of these keys that still exist: a batch of which none does is refused with 404."""
        with self.session() as session:
            for body in delete_bodies(tokens):
                answer = session.post(f"{self.url}/key/delete", json=body, timeout=TIMEOUT)
                if answer.status_code != 404:
                    answer.raise_for_status()

    @contextmanager
    def foreign_keys(self, prefix: str, count: int, threads: int) -> Iterator[None]:
        """So many keys of somebody else on the proxy, as long as this is open.

        They are written into the database where ``VKSTATE_LIVE_DATABASE_URL`` is set, and over the API elsewhere.
        """
        if os.environ.get(DATABASE_VARIABLE):
            try:
                _sql(_seed_statement(prefix, count))
                yield
            finally:
                _sql(f"delete from \"LiteLLM_VerificationToken\" where key_alias like '{prefix}-foreign-%'")
            return
        values = [mint_value() for _ in range(count)]
        bodies: list[Body] = [
            {"key_alias": f"{prefix}-foreign-{number}", "key": value.reveal(), "models": ["all-proxy-models"]}
            for number, value in enumerate(values, start=1)
        ]
        try:
            self.send(Stage("/key/generate", bodies, threads))
            yield
        finally:
            self.clear([value.token for value in values])


def delete_bodies(tokens: Sequence[Token]) -> list[Body]:
    """The bodies of ``POST /key/delete`` for these keys."""
    return [{"keys": list[Json](batch)} for batch in in_batches(tokens, DELETE_BATCH)]


def read_bodies(tokens: Sequence[Token]) -> list[Body]:
    """The bodies of ``POST /v2/key/info`` for these keys."""
    return [{"keys": list[Json](batch)} for batch in in_batches(tokens, READ_BATCH)]


def list_queries(count: int) -> list[Body]:
    """The queries of ``GET /key/list`` for so many of the newest keys."""
    pages = range(1, -(-count // LIST_PAGE) + 1)
    return [{"page": page, "size": LIST_PAGE, "return_full_object": "true"} for page in pages]


def _seed_statement(prefix: str, count: int) -> str:
    return (
        'insert into "LiteLLM_VerificationToken" (token, key_name, key_alias, models, user_id, metadata, expires) '
        f"select encode(sha256(('{prefix}-'||i)::bytea), 'hex'), 'sk-...'||lpad(i::text, 4, '0'), "
        f"'{prefix}-foreign-'||i, array['all-proxy-models'], 'other-'||i||'@example.com', "
        """'{"owner": "somebody else"}', now() + interval '30 days' """
        f"from generate_series(1, {count}) i"
    )


def _sql(statement: str) -> None:
    psql = shutil.which("psql")
    if psql is None:
        sys.exit(f"error: {DATABASE_VARIABLE} is set, and there is no psql to reach it with")
    subprocess.run([psql, os.environ[DATABASE_VARIABLE], "-qX", "-v", "ON_ERROR_STOP=1", "-c", statement], check=True)


@dataclass(frozen=True)
class Sent:
    """A request that was sent: ``METHOD /path``, and when it began and ended (``time.perf_counter``)."""

    what: str
    began: float
    ended: float


@contextmanager
def watched_requests() -> Iterator[list[Sent]]:
    """Every request that goes out through ``requests`` in this process meanwhile."""
    seen: list[Sent] = []
    send: Callable[..., requests.Response] = requests.Session.send

    def watching(session: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        began = time.perf_counter()
        try:
            return send(session, request, **options)
        finally:
            what = f"{request.method} {request.path_url.partition('?')[0]}"
            seen.append(Sent(what, began, time.perf_counter()))

    with patch.object(requests.Session, "send", watching):
        yield seen


def seconds_under_way(sent: Iterable[Sent]) -> float:
    """For how long at least one of these requests was under way."""
    seconds, until = 0.0, -inf
    for one in sorted(sent, key=lambda one: one.began):
        seconds += max(0.0, one.ended - max(one.began, until))
        until = max(until, one.ended)
    return seconds
