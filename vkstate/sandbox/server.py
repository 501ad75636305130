"""The sandbox over HTTP, for curl and for tests."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import ClassVar

from vkstate.errors import VkstateError
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.exchange import Request, Response, json_response
from vkstate.sandbox.refusals import refusal
from vkstate.sandbox.settings import Settings
from vkstate.sandbox.store import SandboxStorageError


class SandboxServerError(VkstateError):
    """The sandbox cannot listen where it was told to."""

    summary: ClassVar[str] = "the sandbox server did not start"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: SandboxApp) -> None:
        self.app = app
        super().__init__(address, _Exchange)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Say nothing of clients that go away; anything else is a mistake of ours and must be seen."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body: two of them would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    server: _Server

    def _respond(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or "transfer-encoding" in self.headers:
            self.close_connection = True
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return
        answer = self._answer(self.rfile.read(int(length)))
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        if answer.close:
            self.send_header("connection", "close")  # this also ends the connection here
        self.end_headers()
        self.wfile.write(answer.body)

    def _answer(self, body: bytes) -> Response:
        try:
            return self.server.app.respond(Request.to(self.command, self.path, dict(self.headers.items()), body))
        except SandboxStorageError as error:
            refused = refusal(500, str(error), "internal_server_error", None)
            return json_response(refused.body, status=refused.status)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - http.server looks them up by these names

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: a request line may hold a key value."""


def serve(
    path: Path,
    host: str = "127.0.0.1",
    port: int = 4000,
    *,
    settings: Settings | None = None,
    announce: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve the sandbox on the SQLite file at ``path`` until Ctrl-C; ``announce`` gets the base URL once it listens.

    Raises SandboxServerError when the address cannot be had, SandboxStorageError when the file cannot be used.
    """
    with _listening(path, host, port, settings) as server:
        announce(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


@contextmanager
def serving(path: Path, *, settings: Settings | None = None) -> Iterator[str]:
    """Serve the sandbox on a free port of the loopback in a thread, and give its base URL."""
    with _listening(path, "127.0.0.1", 0, settings) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def _listening(path: Path, host: str, port: int, settings: Settings | None) -> _Server:
    app = SandboxApp(path, settings)
    try:
        return _Server((host, port), app)
    except OSError as error:
        raise SandboxServerError(
            f"It cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="vkstate sandbox serve --port 0 takes a free port",
        ) from error
