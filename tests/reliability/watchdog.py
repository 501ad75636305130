"""What no case of a fuzz test may do: take long, write outside its place, or end as a bug of ours."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from tests.workspace import Ran, Workspace
from vkstate.cli import boundary
from vkstate.errors import ExitCode

PATIENCE = 60.0
"""Seconds after which a case counts as hanging; the slowest takes less than one on an idle machine."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
    "os.remove": 1,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
    "os.utime": 1,
    "sqlite3.connect": 1,
}
"""Audit events that change a file system, and how many of their arguments are paths."""
_HARMLESS = (os.devnull, "/dev/tty")

_places: list[str] = []
_outside: list[str] = []


class TookTooLong(BaseException):
    """A case did not end; no ``except Exception`` of the code under test hides it."""


class WroteOutside(BaseException):
    """A case was about to write outside its place."""


class Misbehaved(AssertionError):
    """A case did what none may do."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _places:
        return
    if event == "open":
        flags = arguments[2]
        paths = arguments[:1] if isinstance(flags, int) and flags & _WRITING else ()
    else:
        paths = arguments[: _CHANGING.get(event, 0)]
    for path in paths:
        if isinstance(path, str | bytes) and not _is_inside(os.path.abspath(os.fsdecode(path))):
            _outside.append(f"{event} {os.fsdecode(path)}")
            raise WroteOutside(_outside[-1])


def _is_inside(path: str) -> bool:
    if path in _HARMLESS or "__pycache__" in path:
        return True
    return any(path == place or path.startswith(place + os.sep) for place in _places)


sys.addaudithook(_watch)


@contextmanager
def only_within(*places: Path) -> Iterator[None]:
    """Whatever is written while this is open is written below these directories.

    :raises Misbehaved: something was to be written elsewhere, be it in a thread.
    """
    _outside.clear()
    _places[:] = [str(place) for place in places]
    try:
        yield
    except WroteOutside as breach:
        raise Misbehaved(f"writes outside its place: {breach}") from breach
    finally:
        _places.clear()
    if _outside:
        raise Misbehaved(f"writes outside its place: {', '.join(_outside)}")


@contextmanager
def soon(seconds: float = PATIENCE) -> Iterator[None]:
    """What is done while this is open ends in time.

    :raises Misbehaved: it does not. Its traceback says where it hung.
    """

    def over(*_: object) -> NoReturn:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except TookTooLong as hung:
        raise Misbehaved(f"did not end within {seconds:.0f} s") from hung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _no_bug(error: Exception) -> NoReturn:
    raise Misbehaved(f"vkstate has a bug: {error!r}") from error


@pytest.fixture
def bugs_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be said as "vkstate has a bug" is raised instead, with its traceback."""
    monkeypatch.setattr(boundary, "_bug", _no_bug)


@dataclass
class CommandLine:
    """The command line of one project, watched.

    ``secrets`` are never printed; ``servers`` are the directories where servers of this process keep their keys.
    """

    workspace: Workspace
    secrets: set[str] = field(default_factory=set)
    servers: tuple[Path, ...] = ()

    def run(self, *arguments: str) -> Ran:
        """Run it, and see that nothing happens that never may.

        :raises Misbehaved: something does.
        """
        with soon(), only_within(self.workspace.path, *self.servers):
            try:
                ran = self.workspace.run(*arguments)
            finally:
                os.chdir(self.workspace.path)
        if ran.code not in set(ExitCode):
            raise Misbehaved(f"{arguments} ended with {ran.code}: {ran}")
        if shown := [secret for secret in self.secrets if secret in ran.stdout + ran.stderr]:
            raise Misbehaved(f"{arguments} printed {shown}: {ran}")
        return ran

    def refuses(self, *arguments: str) -> Ran:
        """Run it, and see that nothing that is kept was changed, unless all went well."""
        before = self.kept()
        ran = self.run(*arguments)
        if ran.code not in (ExitCode.OK, ExitCode.PARTIAL):
            self.unchanged(before, arguments)
        return ran

    def kept(self) -> dict[str, tuple[int, bytes]]:
        """Config, state and secret store, as they are."""
        names = ("vkstate.yaml", "vkstate.state.json", os.path.join(".vkstate", "keys.json"))
        return {name: known for name, known in self.workspace.files().items() if name in names}

    def unchanged(self, before: dict[str, tuple[int, bytes]], arguments: tuple[str, ...]) -> None:
        """See that config, state and secret store are as they were.

        :raises Misbehaved: one is not.
        """
        if changed := sorted({name for name, _ in self.kept().items() ^ before.items()}):
            raise Misbehaved(f"{arguments} was refused, and changed {', '.join(changed)}")
