"""A process that has all of vkstate imported, and becomes a new one by a fork for every start that it is asked for.

``python -m tests.ready.server SOCKET`` says on stdout when it listens, and ends with its stdin. What it makes is a
process as ``python -m vkstate`` is one, from the first line of its ``main`` to the end of the interpreter; only what
Python does before that is done already, with the server's own environment: ``PYTHON…`` and the locale come too late.
"""

from __future__ import annotations

import array
import fcntl
import gc
import marshal
import os
import pkgutil
import select
import signal
import socket
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import vkstate
from tests.ready.client import LENGTH, number_out

_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)
_STREAMS: Final = 3


@dataclass(frozen=True)
class Order:
    """What is to be started; ``streams`` are the descriptors of stdin, stdout and stderr."""

    streams: list[int]
    arguments: list[str]
    cwd: str
    environ: dict[str, str]
    terminal: bool
    deaf: bool
    """Whether SIGINT is ignored, as in what a shell has started in the background."""


def main() -> None:
    """Serve, and in the child be what was asked for."""
    for module in pkgutil.walk_packages(vkstate.__path__, "vkstate."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    program = import_module("vkstate.__main__")
    gc.freeze()
    _become(_asked(sys.argv[1]))
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    except KeyboardInterrupt:  # before the program's first line
        os._exit(128 + signal.SIGINT)
    program.main()


def _asked(path: str) -> Order:
    """Serve until stdin ends; returns only in a child that is to become something."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("listening", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                sys.exit()
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    return _attended(connection)


def _attended(connection: socket.socket) -> Order:
    """Make the process that was asked for, in which this returns, and wait for its end."""
    order = _received(connection)
    signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)  # until the program can answer them
    pid = os.fork()
    if pid == 0:
        return order
    for stream in order.streams:
        os.close(stream)
    connection.sendall(number_out(pid))
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # whoever asked may have gone
        connection.sendall(number_out(status))
    os._exit(0)


def _received(connection: socket.socket) -> Order:
    ints = array.array("i")
    first, ancillary, _, _ = connection.recvmsg(LENGTH, socket.CMSG_LEN(_STREAMS * ints.itemsize))
    for _, _, descriptors in ancillary:
        ints.frombytes(descriptors)
    length, data = int.from_bytes(first, sys.byteorder), b""
    while len(data) < length:
        data += connection.recv(length - len(data))
    return Order(list(ints), *marshal.loads(data))


def _become(order: Order) -> None:
    """Take over streams, directory, environment and arguments, as a process finds them that has just begun."""
    for number, stream in enumerate(order.streams):
        os.dup2(stream, number)
        os.close(stream)
    if order.terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    sys.stdin = os.fdopen(0, encoding=encoding, errors=errors, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding=encoding, errors=errors, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)
    os.chdir(order.cwd)
    os.environ.clear()
    os.environ.update(order.environ)
    time.tzset()
    sys.argv = ["vkstate", *order.arguments]
    signal.signal(signal.SIGINT, signal.SIG_IGN if order.deaf else signal.default_int_handler)


if __name__ == "__main__":
    main()
