"""Real processes of vkstate that begin at once, where the start of Python and its imports is not what is tested."""

from __future__ import annotations

import atexit
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

from tests.ready.client import ask, number_in


@cache
def server(within: tuple[str, ...] = ()) -> str:
    """The socket of this process's server, which is started when it is asked for, and ends with this process.

    :param within: a command that runs the one that follows it in other circumstances; each has a server of its own.
    """
    place = tempfile.mkdtemp()
    path = os.path.join(place, "socket")
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "tests.ready.server", path],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"PYTHONPATH": root},
    )

    def end() -> None:
        process.communicate()
        shutil.rmtree(place)

    atexit.register(end)
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n"
    return path


class Started:
    """A process that was started on these streams: what is used of :class:`subprocess.Popen`, and means the same.

    :param streams: the descriptors of its stdin, stdout and stderr.
    :param terminal: whether stdin becomes the controlling terminal of a session of its own.
    :param within: see :func:`server`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        streams: tuple[int, int, int],
        *,
        terminal: bool = False,
        within: tuple[str, ...] = (),
    ) -> None:
        self._connection = ask(server(within), arguments, str(cwd), environ, streams, terminal)
        self.pid = number_in(self._connection)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, if there is one."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        :raises subprocess.TimeoutExpired: it does not come in this many seconds.
        """
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("vkstate", timeout or 0.0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(number_in(self._connection))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, from any thread; one that has ended does not mind."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Piped(Started):
    """A process without a terminal, whose words are there when it has ended; the block that it is used in ends it.

    :param within: see :func:`server`.
    """

    def __init__(
        self, arguments: Sequence[str], cwd: Path, environ: Mapping[str, str], *, within: tuple[str, ...] = ()
    ) -> None:
        self._out = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with this object's block
        self._err = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - likewise
        with open(os.devnull, "rb") as nothing:
            streams = nothing.fileno(), self._out.fileno(), self._err.fileno()
            super().__init__(arguments, cwd, environ, streams, within=within)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what was written to stdout and to stderr.

        :raises subprocess.TimeoutExpired: it does not end in this many seconds.
        """
        self.wait(timeout)
        for file in (self._out, self._err):
            file.seek(0)
        return self._out.read(), self._err.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()
        self._out.close()
        self._err.close()
