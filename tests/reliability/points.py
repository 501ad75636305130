"""Every place at which a run touches disk, lock or network, by name: a run can be made to die there, or to be failed.

A point is a call seen from outside: a system call that ``vkstate.state`` or ``vkstate.litellm`` makes, or a public
method of the objects that keep the state, the values and the connection. It has an instant before it and one after it
(a write has one halfway as well). ``test_no_gaps`` sees to it that no such call is without a point.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any, Final, Literal, TypeAlias
from unittest.mock import patch
from urllib.parse import urlsplit

import filelock
import requests

from vkstate.litellm.client import Connection
from vkstate.litellm.transport import Transport
from vkstate.state.age_store import AgeStore
from vkstate.state.durable import DurableFile
from vkstate.state.file import StateFile
from vkstate.state.journal import FileJournal
from vkstate.state.lock import StateLock
from vkstate.state.plain_store import PlainStore
from vkstate.state.reports import ClosingReport

PACKAGES: Final = ("vkstate.state.", "vkstate.litellm.")
"""Whose calls are points."""

_OWNERS: Final[dict[str, Any]] = {
    "os": os,
    "tempfile": tempfile,
    "subprocess": subprocess,
    "shutil": shutil,
    "socket": socket,
    "Path": Path,
    "FileLock": filelock.BaseFileLock,
    "Session": requests.Session,
}
DISK: Final = (
    *("os.open", "os.write", "os.read", "os.fsync", "os.fstat", "os.fchmod", "os.close"),
    *("Path.replace", "Path.unlink", "Path.mkdir", "Path.chmod", "Path.stat", "Path.lstat", "Path.is_dir"),
    *("Path.iterdir", "tempfile.mkdtemp", "FileLock.acquire"),
)
"""System calls that a disk can fail."""
SYSTEM: Final = (*DISK, "FileLock.release", "Session.request", "subprocess.run")
"""All that are points."""
HARMLESS: Final = {
    "os.path.realpath": "looks a path up, and never fails",
    "os.path.lexists": "looks, and never fails",
    "os.path.isdir": "looks, and never fails",
    "os.path.exists": "looks, and never fails",
    "os.path.islink": "looks, and never fails",
    "os.path.relpath": "of two texts",
    "os.path.join": "of two texts",
    "os.path.expanduser": "of a text and the environment",
    "Path.read_bytes": "reads an identity, before anything is written",
    "os.strerror": "a text",
    "os.geteuid": "never fails",
    "os.getpid": "never fails",
    "os.kill": "with signal 0, which only asks",
    "os.environ.items": "memory",
    "pathlib.Path": "a text",
    "shutil.which": "looks for git",
    "socket.gethostname": "a name for the lock's word",
    "getpass.getuser": "a name for the lock's word",
    "secrets.token_hex": "random digits",
    "uuid.uuid4": "random digits",
    "time.monotonic": "a clock",
    "threading.Lock": "memory",
    "threading.Condition": "memory",
    "gc.isenabled": "memory",
    "gc.freeze": "memory",
    "gc.disable": "memory",
    "gc.enable": "memory",
    "ast.literal_eval": "reads a text",
    "fnmatch.fnmatchcase": "compares texts",
    "filelock.FileLock": "opens nothing yet",
    "socket.shutdown": "of a pool of threads",
    "Session.send": "of the transport, which is a point by itself",
    "Session.close": "gives sockets back; so does the end of the process",
    "HTTPResponse.read1": "between Session.request and the end of Transport.send, both of which are points",
}
"""What they call besides, and why nothing is to be broken there."""

OWN: Final = (
    DurableFile,
    StateFile,
    FileJournal,
    PlainStore,
    AgeStore,
    StateLock,
    ClosingReport,
    Connection,
    Transport,
)
"""The classes whose public methods are points."""
PURE: Final = frozenset(
    {
        *("StateFile.text_of", "FileJournal.value_of", "PlainStore.value_of", "PlainStore.tokens"),
        *("PlainStore.aliases", "PlainStore.why_closed", "AgeStore.value_of", "AgeStore.tokens", "AgeStore.aliases"),
        *("AgeStore.why_closed", "AgeStore.in_memory"),
        *("PlainStore.in_memory", "Connection.now", "Connection.verdict", "Connection.said"),
        "Connection.each",
    }
)
"""Those that touch nothing of their own."""

_BY_THE_KERNEL: Final = frozenset(
    {
        *("os.close", "FileLock.release", "Transport.close", "Connection.close"),
        *("DurableFile.__exit__", "StateLock.__exit__"),  # these close, and die at what else they do
    }
)
"""What happens to a dead process's things all the same."""

When: TypeAlias = Literal["before", "half", "after"]


class Killed(BaseException):
    """Stands for ``kill -9``: from here on, nothing that the run does has any effect."""


@dataclass(frozen=True)
class Call:
    """A kind of call: ``name`` is what is called, ``where`` in which function, ``about`` what it asks for."""

    name: str
    where: str = ""
    about: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.where, self.name, self.about) if word)


@dataclass(frozen=True)
class Point:
    """An instant of a run: at its ``nth`` call of a kind, from 1."""

    call: Call
    nth: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.call} #{self.nth}"

    @property
    def can_fail(self) -> bool:
        """Whether the disk can fail there: instead of the call, or when half of it is written."""
        return self.when != "after" and self.call.name in DISK


@dataclass
class Watch:
    """Notes the points that a run passes, and lets it die or be failed at one of them.

    :param at: the point; None only notes.
    :param failing: the ``errno`` with which the disk fails there; 0 is death.
    :param lasting: the disk is full from then on.
    """

    at: Point | None = None
    failing: int = 0
    lasting: bool = False
    passed: list[Point] = field(default_factory=list)
    hit: bool = False
    _counts: Counter[Call] = field(default_factory=Counter)
    _held: list[filelock.BaseFileLock] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this is open, every point goes through the watch. At the end nothing of the run is left."""
        with ExitStack() as stack:
            for name in SYSTEM:
                owner, _, attribute = name.partition(".")
                stack.enter_context(patch.object(_OWNERS[owner], attribute, _system(self, name)))
            for kind in OWN:
                for method in methods_of(kind):
                    stack.enter_context(patch.object(kind, method, _own(self, kind, method)))
            try:
                yield
            finally:
                _wait_for_threads()
        for lock in self._held:
            lock.release(force=True)

    def make(self, call: Call, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Make a call, and see to it that what is to happen at its instants does."""
        with self._lock:
            self._counts[call] += 1
            nth = self._counts[call]
        if self.hit and self.lasting and _needs_room(call.name, given):
            raise self._fault()
        try:
            self._reach(Point(call, nth, "before"))
        except Killed:
            if call.name in _BY_THE_KERNEL:
                real(*given, **named)
            raise
        if call.name == "os.write":
            try:
                self._reach(Point(call, nth, "half"))
            except (Killed, OSError):
                real(given[0], bytes(given[1])[: len(given[1]) // 2])
                raise
        result = real(*given, **named)
        if call.name == "FileLock.acquire":
            self._held.append(given[0])
        try:
            self._reach(Point(call, nth, "after"))
        except Killed:
            if call.name == "os.open":
                os.close(result)
            raise
        return result

    def _reach(self, point: Point) -> None:
        with self._lock:
            if self.hit and not self.failing:
                raise Killed
            self.passed.append(point)
            if self.hit or point != self.at:
                return
            self.hit = True
        raise self._fault() if self.failing else Killed(str(point))

    def _fault(self) -> OSError:
        return OSError(self.failing, os.strerror(self.failing))


def _needs_room(name: str, given: tuple[Any, ...]) -> bool:
    return name in ("os.write", "Path.mkdir") or (name == "os.open" and bool(given[1] & os.O_CREAT))


def methods_of(kind: type) -> list[str]:
    """The methods of a class that are points."""
    entered = ("__enter__", "__exit__")
    public = [name for name, value in vars(kind).items() if isinstance(value, FunctionType) and name[0] != "_"]
    return [
        name
        for name in [*public, *(name for name in entered if name in vars(kind))]
        if f"{kind.__name__}.{name}" not in PURE
    ]


def _system(watch: Watch, name: str) -> Callable[..., Any]:
    owner, _, attribute = name.partition(".")
    real = getattr(_OWNERS[owner], attribute)

    def passing(*given: Any, **named: Any) -> Any:
        caller = sys._getframe(1)
        if not str(caller.f_globals.get("__name__")).startswith(PACKAGES):
            return real(*given, **named)
        about = f"{given[1]} {urlsplit(given[2]).path}" if name == "Session.request" else ""
        where = caller.f_code.co_qualname.split(".<locals>.<")[0]  # a generator is part of what it stands in
        return watch.make(Call(name, where, about), real, *given, **named)

    return passing


def _own(watch: Watch, kind: type, method: str) -> Callable[..., Any]:
    real = getattr(kind, method)
    name = f"{kind.__name__}.{method}"

    def passing(self: object, *given: Any, **named: Any) -> Any:
        about = " ".join(word for word in given[:2] if isinstance(word, str)) if kind is Connection else ""
        return watch.make(Call(name, about=about), real, self, *given, **named)

    return passing


def _wait_for_threads() -> None:
    """What a dead process has sent is under way all the same, and is carried out."""
    for thread in threading.enumerate():
        if thread.name.startswith(("vkstate", "litellm")):
            thread.join(20)
            assert not thread.is_alive(), thread.name
