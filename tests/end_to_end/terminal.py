"""A real process on a real pseudo-terminal, with a person at it who can type and press Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.ready.starts import Started
from tests.workspace import Workspace

CTRL_C: Final = b"\x03"
SHOW_CURSOR: Final = "\x1b[?25h"
HIDE_CURSOR: Final = "\x1b[?25l"
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SECONDS: Final = 60.0

_TAKE_THE_TERMINAL: Final = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'vkstate', *sys.argv[1:]])\n"
)
"""Makes stdin the controlling terminal, so that a typed Ctrl-C becomes a SIGINT, and becomes vkstate."""


class Terminal:
    """The near end of a terminal on which ``vkstate`` runs."""

    def __init__(self, process: Started | subprocess.Popen[bytes], master: int, slave: int) -> None:
        self.process = process
        self.modes = termios.tcgetattr(slave)
        self._master = master
        self._slave = slave
        self._shown = bytearray()
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._came:
                self._shown += data
                self._came.notify_all()

    @property
    def raw(self) -> str:
        """All that was written to the terminal so far."""
        return self._shown.decode(errors="replace")

    @property
    def text(self) -> str:
        """What was written, without colours and cursor movements."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def expect(self, words: str) -> None:
        """Wait until these words have appeared."""
        with self._came:
            if not self._came.wait_for(lambda: words in self.text, _SECONDS):
                raise TimeoutError(f"{words!r} did not appear in {self.text!r}")

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def wait(self, seconds: float = _SECONDS) -> int:
        """The exit code; all output is there then. The terminal must be as it was found."""
        code = self.process.wait(seconds)
        assert termios.tcgetattr(self._slave) == self.modes, "the terminal is left in another mode"
        time.sleep(0.05)  # what the process wrote last is on its way through the terminal
        shown = self.raw
        assert shown.rfind(HIDE_CURSOR) <= shown.rfind(SHOW_CURSOR), "the cursor is left hidden"
        return code


@contextmanager
def terminal(
    workspace: Workspace, *arguments: str, environ: Mapping[str, str] | None = None, cold: bool = False
) -> Iterator[Terminal]:
    """Run ``vkstate`` on a terminal of 100 columns.

    :param cold: begin with Python itself, and not with its imports done.
    """
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 100))
    environ = workspace.child_environ({"TERM": "xterm-256color", **(environ or {})})
    process = (_cold if cold else _forked)(arguments, workspace.path, environ, slave)
    try:
        yield Terminal(process, master, slave)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(slave)
        os.close(master)


def _forked(arguments: tuple[str, ...], cwd: Path, environ: Mapping[str, str], slave: int) -> Started:
    return Started(arguments, cwd, environ, (slave, slave, slave), terminal=True)


def _cold(arguments: tuple[str, ...], cwd: Path, environ: Mapping[str, str], slave: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _TAKE_THE_TERMINAL, *arguments],
        cwd=cwd,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
