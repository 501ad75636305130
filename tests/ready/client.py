"""A start of vkstate as the server of this package makes it: asked for, named by its pid, and ended with its status.

As a program it is the command ``vkstate``: ``client.py SOCKET PIDFILE ARGUMENT…`` has the server start vkstate with its
own streams, directory and environment, writes down the pid of that, hands on the signals that it gets, and ends in the
same way. It takes some 15 ms, and imports next to nothing for that reason.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # left out of the stubs; signal itself takes as long as all the rest
import _socket
import marshal
import os
import sys
from collections.abc import Mapping, Sequence

LENGTH = 4
"""Bytes of a number on the wire."""


def ask(
    path: str, arguments: Sequence[str], cwd: str, environ: Mapping[str, str], streams: Sequence[int], terminal: bool
) -> _socket.socket:
    """Ask for a start, and give the connection, on which the pid comes, and at the end the wait status.

    :param terminal: whether stdin becomes the controlling terminal of a session of its own.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    deaf = _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN
    order = marshal.dumps((list(arguments), cwd, dict(environ), terminal, deaf))
    descriptors = b"".join(stream.to_bytes(LENGTH, sys.byteorder) for stream in streams)
    connection.sendmsg([number_out(len(order))], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
    connection.sendall(order)
    return connection


def number_out(number: int) -> bytes:
    """A number as it is sent."""
    return number.to_bytes(LENGTH, sys.byteorder)


def number_in(connection: _socket.socket) -> int:
    """The next number that is sent; waits for it."""
    data = connection.recv(LENGTH, _socket.MSG_WAITALL)
    if len(data) < LENGTH:
        raise EOFError("the server of tests.ready has gone")
    return int.from_bytes(data, sys.byteorder)


def main() -> None:
    """Be vkstate."""
    _, path, pidfile, *arguments = sys.argv
    connection = ask(path, arguments, os.getcwd(), os.environ, (0, 1, 2), False)
    pid = number_in(connection)
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, lambda which, _: os.kill(pid, which))
    if pidfile:
        with open(pidfile, "w", encoding="utf-8") as file:
            file.write(f"{pid}\n")
    code = os.waitstatus_to_exitcode(number_in(connection))
    if code < 0:
        if -code != _signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
