"""Whatever a key server answers, vkstate understands it or says what is wrong with it: soon, and without a secret."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import urllib3
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from tests.contract.proxies import Proxy
from tests.litellm.hasty import hasty
from tests.reliability.odd import fuzz
from tests.reliability.twists import EVERYWHERE, PATHS, TWISTS, Twist, Twisted
from tests.reliability.watchdog import Misbehaved
from tests.workspace import OWN_VARIABLES
from vkstate.errors import VkstateError
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Lasting, Never
from vkstate.keys import Alias, Capabilities, KeyValue, Recorded, Stamp, Token
from vkstate.litellm.capabilities import (
    health,
    is_licensed,
    probe,
    prove_admin,
    searches_by_prefix,
    served_models,
    server_version,
)
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_all, read_live, read_matching
from vkstate.litellm.reception import listed_models, receive
from vkstate.litellm.teams import read_teams
from vkstate.planner import plan
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.exchange import Request
from vkstate.sandbox.settings import Settings
from vkstate.views.human import render_plan

MASTER_KEY = "sk-master-canary-5f3e9a7c21"
VALUE = KeyValue("sk-canary-value-that-is-sent-0123456789")
PASSWORD = "password-canary-4be1"
SECRETS = (MASTER_KEY, VALUE.reveal(), PASSWORD)
SETTINGS = Settings(master_key=MASTER_KEY)
URL = "http://litellm.example.com"
STAMP = Stamp("lineage-1", "00000000000000a1")
ORDER = CreateOrder(
    Alias("new"), STAMP, {"models": ["gpt-4"], "metadata.password": PASSWORD, "team_id": "team"}, Lasting(3600), VALUE
)


class Canned(HTTPAdapter):
    """Answers of a key server in this process, read by urllib3 as if they came over a socket."""

    def __init__(self, server: Twisted) -> None:
        super().__init__()
        self._twisted = server

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        body = request.body or b""
        sent = Request.to(
            str(request.method), str(request.url), request.headers, body.encode() if isinstance(body, str) else body
        )
        answer = self._twisted.respond(sent)
        raw = urllib3.HTTPResponse(
            io.BytesIO(answer.body),
            dict(answer.headers),
            answer.status,
            preload_content=False,
            request_method=sent.method,
        )
        return self.build_response(request, raw)


class Server:
    """A key server with a few keys, asked over connections on which one endpoint answers otherwise."""

    def __init__(self, path: Path) -> None:
        self.app = SandboxApp(path, SETTINGS)
        session = requests.Session()
        session.mount(SCHEME, SandboxAdapter(path, SETTINGS))
        proxy = Proxy(session, BASE_URL, MASTER_KEY, (1, 105), frozenset(), prefix="")
        assert proxy.post("/team/new", {"team_id": "team", "models": ["gpt-4"]}).status_code == 200
        self.sought: list[Sought] = []
        for number, name in enumerate(("one", "two", "three")):
            mark = {"lineage": "lineage-1", "id": f"{number:016x}"}
            row = proxy.create(
                name, models=["gpt-4"], metadata={"vkstate": mark, "team": "a"}, max_budget=5, duration="30d"
            )
            self.sought.append(Sought(Token(row["token"]), f"{number:016x}", Alias(name)))
        proxy.create("theirs", metadata={"vkstate": {"lineage": "lineage-2", "id": "x"}})

    def connection(self, path: str, twist: Twist, *, once: bool) -> Connection:
        adapter = Canned(Twisted(self.app, path, twist, once))
        return Connection(
            URL, MASTER_KEY, retries=1, gate=hasty([]), mount=lambda session: session.mount("http://", adapter)
        )


def planned(connection: Connection, server: Server) -> object:
    """A whole plan of what is live: what was read has to be fit for all that comes after it."""
    live = read_live(LiteLLMProxy(connection), server.sought, [Alias("new")], parallelism=1)
    made = plan({}, Recorded("lineage-1", {}), live, Capabilities(), connection.now())
    return render_plan(made, proxy=URL, mode="apply")


ASKS: Mapping[str, Callable[[Connection, Server], object]] = {
    "read_live": planned,
    "read_all": lambda connection, _: read_all(LiteLLMProxy(connection), parallelism=1),
    "read_matching": lambda connection, _: read_matching(
        LiteLLMProxy(connection), [Alias("one")], ["t*"], parallelism=1
    ),
    "find": lambda connection, server: LiteLLMProxy(connection).find(server.sought),
    "find_alias": lambda connection, _: LiteLLMProxy(connection).find_alias(Alias("one")),
    "newest": lambda connection, _: LiteLLMProxy(connection).newest(datetime.now(UTC) - timedelta(hours=1), 200, 120),
    "create": lambda connection, _: LiteLLMProxy(connection).create(ORDER),
    "update": lambda connection, server: LiteLLMProxy(connection).update(
        UpdateOrder(
            server.sought[0],
            STAMP,
            {"max_budget": 7, "metadata.password": PASSWORD, "soft_budget": 3, "object_permission.mcp_servers": ["x"]},
            expiry=Never(),
            sensitive=(PASSWORD,),
        )
    ),
    "delete": lambda connection, server: LiteLLMProxy(connection).delete([server.sought[2].token]),
    "health": lambda connection, _: health(connection),
    "server_version": lambda connection, _: server_version(connection),
    "prove_admin": lambda connection, _: prove_admin(connection),
    "probe": lambda connection, _: probe(connection),
    "searches_by_prefix": lambda connection, _: searches_by_prefix(connection),
    "served_models": lambda connection, _: served_models(connection),
    "is_licensed": lambda connection, _: is_licensed(connection),
    "read_teams": lambda connection, _: read_teams(connection, ["team", "no-such-team"]),
    "receive": lambda connection, _: receive(connection, VALUE),
    "listed_models": lambda connection, _: listed_models(connection),
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in (*OWN_VARIABLES, "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    return Server(tmp_path / "keys.sqlite")


@pytest.mark.parametrize("cases", [250, pytest.param(6000, marks=pytest.mark.sweep)])
def test_any_answer_is_understood_or_refused(server: Server, cases: int) -> None:
    def law(case: tuple[str, str, Twist, bool]) -> None:
        path, ask, twist, once = case
        with server.connection(path, twist, once=once) as connection:
            try:
                said = repr(ASKS[ask](connection, server))
            except VkstateError as error:
                said = f"{error!r} {error} {error.hint}"
                assert error.detail  # noqa: PT017 - a value is as good as an error here
        if shown := [secret for secret in SECRETS if secret in said]:
            raise Misbehaved(f"{shown} is shown: {said}")

    fuzz(
        cases,
        st.tuples(st.just(EVERYWHERE) | st.sampled_from(PATHS), st.sampled_from(sorted(ASKS)), TWISTS, st.booleans()),
        law,
    )
