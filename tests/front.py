"""A gateway in front of a sandbox that sees every request, and lets it pass, hang, be lost or be answered otherwise."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import requests

from tests.contract.proxies import Proxy
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.exchange import Request, Response
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, DEFAULT_MODELS, Settings


@dataclass(frozen=True)
class Seen:
    """One request: the path without its query, and the JSON body if there is one."""

    method: str
    path: str
    body: Any = None
    """An object where a key is to be changed."""


@dataclass(frozen=True)
class Pass:
    """The sandbox answers, after so many seconds."""

    delay: float = 0.0


@dataclass(frozen=True)
class Hold:
    """The sandbox answers once the event is set."""

    until: threading.Event


@dataclass(frozen=True)
class Drop:
    """The connection breaks without an answer; ``done`` says whether the sandbox did what was asked before that."""

    done: bool


@dataclass(frozen=True)
class Say:
    """The gateway answers itself."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Doing: TypeAlias = Pass | Hold | Drop | Say
Rule: TypeAlias = Callable[[Seen], Doing]


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


def everything_passes(_: Seen) -> Doing:
    """The rule of an honest gateway."""
    return Pass()


class Front:
    """The gateway. ``rule`` may be changed at any time; ``seen`` holds what came, in order."""

    def __init__(self, path: Path, rule: Rule, settings: Settings | None) -> None:
        self.rule = rule
        self.seen: list[Seen] = []
        self.sandbox = sandbox_at(path)
        """The sandbox itself, past the gateway, with the master key."""
        self.app = SandboxApp(path, settings)
        self._came = threading.Condition()
        self._under_way = 0
        self._mistakes: list[Exception] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, method: str, path: str) -> int:
        """How many requests of this kind have come."""
        return sum((one.method, one.path) == (method, path) for one in list(self.seen))

    def wait_for(self, method: str, path: str, count: int = 1, seconds: float = 15) -> None:
        """Wait until so many requests of this kind have come."""
        with self._came:
            if not self._came.wait_for(lambda: self.count(method, path) >= count, seconds):
                raise TimeoutError(f"{count} {method} {path} did not come")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as under way."""
        with self._came:
            self._under_way += 1
        try:
            yield
        finally:
            with self._came:
                self._under_way -= 1
                self._came.notify_all()

    def settle(self, seconds: float = 15) -> None:
        """Wait until nothing is under way any more: what a killed client has sent is carried out all the same."""
        with self._came:
            if not self._came.wait_for(lambda: self._under_way == 0, seconds):
                raise TimeoutError(f"{self._under_way} requests are still under way")

    @property
    def writes(self) -> list[Seen]:
        """What came to change keys; probes that change nothing are left out."""
        changing = ("/key/generate", "/key/update", "/key/delete", "/key/block")
        return [one for one in self.seen if one.path in changing and not isinstance(one.body.get("key"), dict)]

    def note(self, seen: Seen) -> Doing:
        """Note a request, and say what becomes of it."""
        with self._came:
            self.seen.append(seen)
            self._came.notify_all()
        try:
            return self.rule(seen)
        except Exception as mistake:  # noqa: BLE001 - a rule that fails would look like a server that does
            self._mistakes.append(mistake)
            return Drop(done=False)

    @contextmanager
    def listening(self) -> Iterator[Front]:
        """Serve in a thread."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
        if self._mistakes:
            raise self._mistakes[0]


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Exchange(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            request = Request.to(self.command, self.path, dict(self.headers.items()), body)
            with front.answering():
                self._answer(request, body)

        def _answer(self, request: Request, body: bytes) -> None:
            doing = front.note(Seen(request.method, request.path, _json(body)))
            match doing:
                case Say(status, said, headers):
                    self._send(Response(status, said, headers))
                case Drop(done):
                    if done:
                        front.app.respond(request)
                    self.close_connection = True
                case Hold(until):
                    until.wait(30)
                    self._send(front.app.respond(request))
                case Pass(delay):
                    time.sleep(delay)
                    self._send(front.app.respond(request))

        do_GET = do_POST = _respond  # noqa: N815 - http.server looks them up by these names

        def _send(self, answer: Response) -> None:
            try:
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.wfile.flush()
            except ConnectionError:  # the client went away, as some tests ask it to
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Exchange


def _json(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


@contextmanager
def fronted(path: Path, rule: Rule = everything_passes, settings: Settings | None = None) -> Iterator[Front]:
    """A sandbox in the SQLite file at ``path``, behind a gateway with this rule."""
    with Front(path, rule, settings).listening() as front:
        yield front
