"""A server on loopback that does on each connection's request just what a test says, down to the bytes."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Turn: TypeAlias = Callable[[socket.socket, threading.Event], bool]
"""Answers one request on a connection; False closes it. The event is set when the server stops."""


@dataclass
class Seen:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """The server: its url, the turns that are left, and the requests that came."""

    url: str
    turns: list[Turn]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0


def answer(status: int, body: object = None, headers: Mapping[str, str] | None = None, *, keep: bool = True) -> Turn:
    """A whole answer; ``keep`` leaves the connection open without saying otherwise."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def turn(connection: socket.socket, _: threading.Event) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        return keep

    return turn


def raw(data: bytes) -> Turn:
    """These bytes, and no more."""

    def turn(connection: socket.socket, _: threading.Event) -> bool:
        connection.sendall(data)
        return False

    return turn


def reset(connection: socket.socket, _: threading.Event) -> bool:
    """Read the request, then break the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(_: socket.socket, stopped: threading.Event) -> bool:
    """Read the request, and never answer."""
    stopped.wait(30)
    return False


def trickle(connection: socket.socket, stopped: threading.Event) -> bool:
    """An answer whose body never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not stopped.wait(0.02):
        try:
            connection.sendall(b" ")
        except OSError:
            return False
    return False


@contextmanager
def serving(*turns: Turn) -> Iterator[Scripted]:
    """A server that takes its turns in order, over however many connections they need."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()
    script = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}", list(turns))
    lock = threading.Lock()

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers: dict[str, str] = {}
                while (header := stream.readline().strip()) != b"":
                    name, _, value = header.decode().partition(": ")
                    headers[name.lower()] = value
                body = stream.read(int(headers.get("content-length", "0")))
                with lock:
                    script.seen.append(Seen(line.decode().strip(), headers, body))
                    turn = script.turns.pop(0)
                if not turn(connection, stopped):
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            script.connections += 1
            accepted.append(connection)
            thread = threading.Thread(target=serve, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = [threading.Thread(target=accept, daemon=True)]
    threads[0].start()
    try:
        yield script
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
