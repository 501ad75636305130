"""One vkstate at a time on one state: a lock that the kernel drops with its process, and word of who holds it."""

from __future__ import annotations

import errno
import getpass
import json
import os
import shlex
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from filelock import FileLock, Timeout

from vkstate.errors import ExitCode, VkstateError
from vkstate.expiry import format_instant
from vkstate.state.directory import beside, prepare
from vkstate.state.durable import durable_write
from vkstate.state.holder import Holder, word_at

_PRIVATE: Final = 0o600
_CANNOT_LOCK: Final = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


class LockHeld(VkstateError):
    """Another process works on this state."""

    summary: ClassVar[str] = "the state is locked"
    exit_code: ClassVar[ExitCode] = ExitCode.LOCKED


class LockUnavailable(VkstateError):
    """The lock could not be tried at all."""

    summary: ClassVar[str] = "the state cannot be locked"


def _now() -> datetime:
    return datetime.now(UTC)


class StateLock:
    """The lock of one state, as a context manager.

    :param timeout: how long to wait for another holder, in seconds; 0 tries once.
    :param command: what this process is doing, as a person would type it (without values that may be secret).
    :param waiting: told once, before waiting, who holds the lock (None where the holder left no word).
    :raises LockHeld: another process holds it, and did so to the end of the timeout.
    :raises LockUnavailable: the filesystem cannot lock, or the lock file cannot be opened.
    """

    def __init__(
        self,
        state_path: Path,
        timeout: float,
        command: str,
        *,
        waiting: Callable[[Holder | None], None] | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = beside(state_path, ".lock")
        self._holder_path = beside(state_path, ".lock.json")
        self._place = state_path
        self._timeout = timeout
        self._command = command
        self._waiting = waiting
        self._clock = clock
        # A soft lock would outlive its process, so that nobody could tell a crash from a run: no fallback to one.
        self._lock = FileLock(self.path, mode=_PRIVATE, thread_local=False, fallback_to_soft=False)

    def __enter__(self) -> Self:
        prepare(self.path.parent)
        if not self._acquire(0):
            if self._timeout > 0 and self._waiting is not None:
                self._waiting(self._read_holder())
            if self._timeout <= 0 or not self._acquire(self._timeout):
                raise self._held()
        try:
            self._write_holder()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(OSError):  # stale word is recognised as such by the next holder
                self._holder_path.unlink()
        finally:
            self._lock.release()

    def _acquire(self, timeout: float) -> bool:
        try:
            self._lock.acquire(timeout=timeout)
        except Timeout:
            return False
        except OSError as error:
            if error.errno in _CANNOT_LOCK:
                raise LockUnavailable(
                    f"The filesystem of {self.path.parent} cannot lock files, so that two runs at once could not be "
                    "told apart.",
                    hint="keep the project on a local disk, or on a network filesystem that is mounted with locks",
                ) from error
            raise LockUnavailable(
                f"{self.path} could not be opened: {os.strerror(error.errno or 0).lower()}.",
                hint=f"look at it: ls -l {shlex.quote(str(self.path))}",
            ) from error
        return True

    def _held(self) -> LockHeld:
        holder = self._read_holder()
        waited = f" It was not released within {self._timeout:g} s." if self._timeout > 0 else ""
        if holder is None:
            by = "another process, which left no word about itself"
        elif holder.is_gone:
            by = f"another process, which left no word about itself yet (the last to do so, {holder}, is gone)"
        else:
            by = str(holder)
        return LockHeld(
            f"{self._place} is locked by {by}.{waited}",
            hint="wait for it: run the same command with --lock-timeout 60s",
        )

    def _write_holder(self) -> None:
        holder = Holder(_user(), socket.gethostname(), os.getpid(), self._command, self._clock())
        form = asdict(holder) | {"since": format_instant(holder.since)}
        durable_write(self._holder_path, (json.dumps(form, indent=2) + "\n").encode(), mode=_PRIVATE)

    def _read_holder(self) -> Holder | None:
        return word_at(self._holder_path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.geteuid()}"
