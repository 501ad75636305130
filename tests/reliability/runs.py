"""Runs of vkstate as processes of their own, that begin within milliseconds and can be killed at any instant."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.workspace import Ran, Workspace

PATIENCE = 120.0
"""Seconds after which a run counts as hanging."""


class Hangs(AssertionError):
    """A run did not come to its end."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the signal that killed it."""

    code: int | None
    killed_by: int | None
    stdout: str
    stderr: str

    @property
    def ran(self) -> Ran:
        """As a run that ended by itself."""
        assert self.code is not None, f"killed by {self.killed_by}"
        return Ran(self.code, self.stdout, self.stderr)


class Zygote:
    """One forking server: one run at a time."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def close(self) -> None:
        """End the server."""
        with self._process:  # whose end closes both pipes
            assert self._process.stdin is not None
            self._process.stdin.close()

    @contextmanager
    def running(self, workspace: Workspace, *arguments: str) -> Iterator[Running]:
        """A run that goes on in the background; it is ended at the latest with the block."""
        out, err = self._scratch / "out", self._scratch / "err"
        order = {
            "argv": arguments,
            "cwd": str(workspace.path),
            "env": workspace.child_environ(),
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        run = Running(self, int(self._line()), out, err)
        try:
            yield run
        finally:
            run.end()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def status(self) -> int:
        """The wait status of the run that is under way; waits for it."""
        return int(self._line())


class Running:
    """A run under way."""

    def __init__(self, zygote: Zygote, pid: int, out: Path, err: Path) -> None:
        self.pid = pid
        self._zygote = zygote
        self._out, self._err = out, err
        self._ended: Ended | None = None

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Send a signal; a run that has ended by itself does not mind."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, sign)

    def wait(self) -> Ended:
        """Wait for the end.

        :raises Hangs: it does not come.
        """
        if self._ended is None:
            watchdog = threading.Timer(PATIENCE, self.kill)
            watchdog.start()
            status = self._zygote.status()
            hung = not watchdog.is_alive()
            watchdog.cancel()
            killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            code = None if killed else os.waitstatus_to_exitcode(status)
            self._ended = Ended(code, killed, *(path.read_text(encoding="utf-8") for path in (self._out, self._err)))
            if hung:
                raise Hangs(f"a run took longer than {PATIENCE:.0f} s:\n{self._ended.stderr}")
        return self._ended

    def end(self) -> None:
        """See that it is over."""
        if self._ended is None:
            self.kill()
            self.wait()
