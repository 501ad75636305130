"""A relay on the loopback that counts the requests going through it, whoever sends them, and changes nothing."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from socketserver import BaseRequestHandler, BaseServer, ThreadingTCPServer
from typing import Final, TypeVar
from urllib.parse import urlsplit

Server = TypeVar("Server", bound=BaseServer)

_REQUEST: Final = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) /\S* HTTP/1\.1\r\n")
_CHUNK: Final = 1 << 16
_CARRIED: Final = 8192
"""Bytes kept of what was seen, so that a request line that comes in two pieces is counted, too."""


class Relay(ThreadingTCPServer):
    """Forwards each connection to a server on plain HTTP.

    ``url`` is where to send requests to instead; ``count`` is how many there were so far.

    :raises ValueError: the server is reached in another way.
    """

    daemon_threads = False  # they end with their connections, and are waited for

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{server} is not reached over plain HTTP")
        self.forwards_to = (parts.hostname, parts.port or 80)
        self.count = 0
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, requests: int) -> None:
        """Count requests that went through."""
        with self._guard:
            self.count += requests


class _Connection(BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.forwards_to) as upstream:
            back = threading.Thread(target=_pump, args=(upstream, self.request))
            back.start()
            seen = b""
            with suppress(OSError):
                while data := self.request.recv(_CHUNK):
                    seen += data
                    if found := list(_REQUEST.finditer(seen)):
                        self.server.add(len(found))
                        seen = seen[found[-1].end() :]
                    seen = seen[-_CARRIED:]
                    upstream.sendall(data)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_WR)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """It serves as long as this is open."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def relayed(server: str) -> AbstractContextManager[Relay]:
    """A relay before this server, as long as this is open."""
    return serving(Relay(server))
