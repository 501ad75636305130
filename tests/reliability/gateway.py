"""A gateway in front of a key server: it sees every request, and lets it pass, hang, be lost or be answered otherwise.

The server is the sandbox in this process, or whatever answers at a url: see :class:`Remote`.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote, urlencode

import urllib3

from vkstate.sandbox.exchange import Request, Response

_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True)
class Seen:
    """One request: the path without its query, the query, and the JSON body if there is one."""

    method: str
    path: str
    body: Any = None
    """An object where a key is to be changed."""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it is to change keys; the probe that asks an update for the impossible is not."""
        changing = self.path in ("/key/generate", "/key/update", "/key/delete", "/key/block")
        return changing and not isinstance(self.body.get("key"), dict)


class Upstream(Protocol):
    """The server behind a gateway."""

    def respond(self, request: Request) -> Response:
        """Carry out a request.

        :raises ConnectionError: no answer came.
        """


class Remote:
    """A server that is asked over HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=32, timeout=urllib3.Timeout(60), retries=False)

    def respond(self, request: Request) -> Response:
        """The server's answer, its body as it was encoded."""
        query = f"?{urlencode(request.query)}" if request.query else ""
        url = f"{self._url}{quote(request.path)}{query}"
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        try:
            answer = self._pool.request(
                request.method, url, body=request.body or None, headers=headers, redirect=False, decode_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{request.method} {request.path} was not answered") from error
        passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        return Response(answer.status, answer.data, passed)


class Exchange(Protocol):
    """One request under way, as what becomes of it sees it. To write to a client that is gone is a ConnectionError."""

    def forwarded(self) -> Response:
        """Let the server do what is asked; its answer."""

    def send(self, answer: Response) -> None:
        """Give an answer to the client."""

    def write(self, data: bytes) -> None:
        """Give these bytes to the client, as they are."""

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, in order or by a reset."""

    def leave(self, seconds: float) -> None:
        """Break every connection, and listen again after so many seconds."""


class Doing(Protocol):
    """What becomes of a request."""

    def meet(self, exchange: Exchange) -> None:
        """Let that happen."""


@dataclass(frozen=True)
class Pass:
    """The server answers, after so many seconds. ``last`` closes the connection after that, without a word about it."""

    delay: float = 0.0
    last: bool = False

    def meet(self, exchange: Exchange) -> None:
        time.sleep(self.delay)
        exchange.send(exchange.forwarded())
        if self.last:
            exchange.hang_up()


@dataclass(frozen=True)
class Hold:
    """The server answers once the event is set."""

    until: threading.Event

    def meet(self, exchange: Exchange) -> None:
        self.until.wait(120)
        exchange.send(exchange.forwarded())


@dataclass(frozen=True)
class Drop:
    """The connection breaks without an answer; ``done`` says whether the server did what was asked before that."""

    done: bool
    reset: bool = False

    def meet(self, exchange: Exchange) -> None:
        if self.done:
            exchange.forwarded()
        exchange.hang_up(reset=self.reset)


@dataclass(frozen=True)
class Say:
    """The gateway answers itself; ``done`` says whether the server did what was asked before that."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False

    def meet(self, exchange: Exchange) -> None:
        if self.done:
            exchange.forwarded()
        exchange.send(Response(self.status, self.body, self.headers))


Rule: TypeAlias = Callable[[Seen], Doing]


def everything_passes(_: Seen) -> Doing:
    """The rule of an honest gateway."""
    return Pass()


class Gateway:
    """A gateway. ``rule`` may be changed at any time; ``seen`` holds what came, in order.

    :param app: the server behind it.
    """

    def __init__(self, app: Upstream, rule: Rule = everything_passes) -> None:
        self.app = app
        self.rule = rule
        self.seen: list[Seen] = []
        self._came = threading.Condition()
        self._under_way = 0
        self._mistakes: list[Exception] = []
        self._door = threading.Lock()
        self._server = _Server(self, 0)
        self._port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def count(self, method: str, path: str) -> int:
        """How many requests of this kind have come."""
        return sum((one.method, one.path) == (method, path) for one in list(self.seen))

    def wait_for(self, method: str, path: str, count: int = 1, seconds: float = 60) -> None:
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

    def settle(self, seconds: float = 60) -> None:
        """Wait until nothing is under way any more: what a killed client has sent is carried out all the same."""
        with self._came:
            if not self._came.wait_for(lambda: self._under_way == 0, seconds):
                raise TimeoutError(f"{self._under_way} requests are still under way")

    @property
    def writes(self) -> list[Seen]:
        """What came to change keys."""
        return [one for one in self.seen if one.is_write]

    def note(self, seen: Seen) -> Doing:
        """Note a request, and say what becomes of it."""
        with self._came:
            self.seen.append(seen)
            self._came.notify_all()
        return self.rule(seen)

    def failed(self, mistake: Exception) -> None:
        """Remember a rule that fails: to the client it looks like a server that does."""
        self._mistakes.append(mistake)

    def leave(self, seconds: float) -> None:
        """Break every connection, refuse new ones for so many seconds, then listen again at the same port."""
        with self._door:
            self._server.stop()
            time.sleep(seconds)
            self._server = _Server(self, self._port)
            self._server.start()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Serve in a thread."""
        self._server.start()
        try:
            yield
        finally:
            with self._door:
                self._server.stop()
        if self._mistakes:
            raise self._mistakes[0]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and the headers of an answer, as they go over the wire."""
    words = {known.value: known.phrase for known in HTTPStatus}
    lines = [f"HTTP/1.1 {status} {words.get(status, '')}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gateway: Gateway, port: int) -> None:
        self.gateway = gateway
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        super().__init__(("127.0.0.1", port), _Exchange)

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and break every connection."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that goes away, as some tests ask it to; anything else is a mistake."""
        mistake = sys.exception()
        if isinstance(mistake, Exception) and not isinstance(mistake, OSError):
            self.gateway.failed(mistake)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True
    server: _Server
    _request: Request

    def _respond(self) -> None:
        gateway = self.server.gateway
        with gateway.answering():
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length)
            if len(body) < length:  # the connection broke before all of it came
                self.hang_up()
                return
            self._request = Request.to(self.command, self.path, dict(self.headers.items()), body)
            try:
                asked = self._request
                gateway.note(Seen(asked.method, asked.path, _json(body), asked.query)).meet(self)
            except ConnectionError:
                self.hang_up()
            except Exception as mistake:  # noqa: BLE001 - it would look like a server that fails
                gateway.failed(mistake)
                self.hang_up()

    do_GET = do_POST = _respond  # noqa: N815 - http.server looks them up by these names

    def forwarded(self) -> Response:
        return self.server.gateway.app.respond(self._request)

    def send(self, answer: Response) -> None:
        self.write(head(answer.status, {**answer.headers, "content-length": str(len(answer.body))}) + answer.body)

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def leave(self, seconds: float) -> None:
        self.server.gateway.leave(seconds)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _json(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
