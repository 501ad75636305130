"""Files that are written whole or not at all, and survive a crash once they are written.

A write goes to a new file beside the target, which then takes the target's place in one step. Whoever reads, and
whatever happens in between (``kill -9``, a full disk, a power failure), finds the old content or the new one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from vkstate.errors import VkstateError

_PRIVATE: Final = 0o600
_AT_ONCE: Final = 1 << 20
_BY_UMASK: Final = 0o666
_CANNOT_FSYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP})
_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


class WriteFailed(VkstateError):
    """A file could not be written. What stood there before stands there still, unless the detail says otherwise."""

    summary: ClassVar[str] = "a file could not be written"


class ReadFailed(VkstateError):
    """A file that exists could not be read."""

    summary: ClassVar[str] = "a file could not be read"


class NotAFile(VkstateError):
    """A directory, a device or the like stands where a file belongs."""

    summary: ClassVar[str] = "a file was expected"


@dataclass(frozen=True)
class Content:
    """A file as it was read: its bytes, and its permission bits."""

    data: bytes
    mode: int


class DurableFile:
    """The next version of a file, as a context manager: committed when the block ends, dropped when it raises.

    A symbolic link is followed, so that it stays and its target gets the new content. ``mode`` gives the permission
    bits; without it an existing file keeps its own, and a new one gets what the umask leaves. Until it is complete the
    new version is readable by its owner alone (only a new file without ``mode`` is as the umask says from the start).

    :raises WriteFailed: the disk is full, the directory is missing or not writable, and so on.
    :raises NotAFile: something else than a file stands there.
    """

    def __init__(self, path: Path, *, mode: int | None = None) -> None:
        self.path = path
        self._mode = mode
        self._target = path
        self._temporary = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        with _told_as_write(self.path):
            self._target = Path(os.path.realpath(self.path))
            if (existing := _status(self._target)) is not None:
                if not stat.S_ISREG(existing.st_mode):
                    raise not_a_file(self.path, existing.st_mode)
                if self._mode is None:
                    self._mode = stat.S_IMODE(existing.st_mode)
            self._temporary = self._target.with_name(f".{self._target.name}.{secrets.token_hex(8)}.tmp")
            self._descriptor = os.open(
                self._temporary,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                _BY_UMASK if self._mode is None else _PRIVATE,
            )
        return self

    def write(self, data: bytes) -> None:
        """Append to the new version."""
        assert self._descriptor is not None, "write() belongs inside the with block"  # noqa: S101 - a caller's mistake
        with _told_as_write(self.path):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._drop()
            return
        try:
            with _told_as_write(self.path):
                self._commit()
        except BaseException:
            self._drop()
            raise
        with _told_as_write(self.path, landed=True):
            sync_directory(self._target.parent)

    def _commit(self) -> None:
        assert self._descriptor is not None  # noqa: S101 - set by __enter__
        if self._mode is not None and self._mode != _PRIVATE:
            os.fchmod(self._descriptor, self._mode)
        os.fsync(self._descriptor)
        descriptor, self._descriptor = self._descriptor, None
        os.close(descriptor)
        self._temporary.replace(self._target)

    def _drop(self) -> None:
        # Whatever fails here is less important than what brought us here; leftovers are swept by the next writer.
        with suppress(OSError):
            if self._descriptor is not None:
                descriptor, self._descriptor = self._descriptor, None
                os.close(descriptor)
        with suppress(OSError):
            self._temporary.unlink()


def durable_write(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Give a file this content, durably: see :class:`DurableFile`."""
    with DurableFile(path, mode=mode) as file:
        file.write(data)


def read_file(path: Path) -> Content:
    """A regular file's content. Does not hang on a pipe.

    :raises FileNotFoundError: there is no such file; what that means is the caller's to say.
    :raises NotAFile: something else than a file stands there.
    :raises ReadFailed: permission is denied, the disk is faulty, and so on.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise not_a_file(path, mode)
            parts: list[bytes] = []
            while part := os.read(descriptor, _AT_ONCE):
                parts.append(part)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ReadFailed(
            f"{path} could not be read: {_cause(error)}.", hint=f"look at it: ls -l {shlex.quote(str(path))}"
        ) from error
    return Content(b"".join(parts), stat.S_IMODE(mode))


def exists(path: Path) -> bool:
    """Whether anything can be found at a path; pathlib's own test raises where a name is too long or out of bounds."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def make_directory(path: Path, *, mode: int = 0o777) -> None:
    """Create a directory durably; one that exists is left as it is. Its parent must exist.

    :raises WriteFailed: it could not be created, or something else stands there.
    """
    with _told_as_write(path):
        try:
            path.mkdir(mode)
        except FileExistsError:
            if not path.is_dir():
                raise
        else:
            sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable, where its filesystem knows how to.

    :raises OSError: as ``fsync`` does.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FSYNC:
            raise
    finally:
        os.close(descriptor)


def sweep_leftovers(path: Path) -> None:
    """Remove the unfinished versions of a file that killed writers left beside it.

    Only for whoever holds the lock under which that file is written: a version in the making looks the same.
    """
    target = Path(os.path.realpath(path))
    with suppress(OSError):  # they do no harm where they are
        for entry in target.parent.iterdir():
            found = _TEMPORARY.fullmatch(entry.name)
            if found and found["name"] == target.name:
                entry.unlink()


def not_a_file(path: Path, mode: int) -> NotAFile:
    """The error for something that is not a regular file; ``mode`` is its ``st_mode``."""
    what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
    return NotAFile(
        f"{path} is {what}; vkstate needs a file there.", hint=f"look at it: ls -ld {shlex.quote(str(path))}"
    )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def _told_as_write(path: Path, *, landed: bool = False) -> Iterator[None]:
    """Turn what the system says into an error for people."""
    try:
        yield
    except OSError as error:
        if landed:
            raise WriteFailed(
                f"{path} was written, but it is not certain that it would survive a power failure: {_cause(error)}.",
                hint="run the command again",
            ) from error
        raise WriteFailed(f"{path} could not be written: {_cause(error)}.", hint=_remedy(error, path)) from error


_CAUSES: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "its filesystem is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOENT: "its directory does not exist",
    errno.ENOTDIR: "a part of its path is a file, not a directory",
    errno.EEXIST: "a file of that name is in the way",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EIO: "the disk reports an error",
}


def _cause(error: OSError) -> str:
    code = error.errno or 0
    return _CAUSES.get(code) or f"{os.strerror(code).lower()} (error {code})"


def _remedy(error: OSError, path: Path) -> str:
    directory = shlex.quote(str(path.parent))
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "free some space, then run the command again"
        case errno.ENOENT:
            return f"create the directory: mkdir -p {directory}"
        case errno.EEXIST | errno.ELOOP:
            return f"look at it: ls -ld {shlex.quote(str(path))}"
        case _:
            return f"look at who may write there: ls -ld {directory}"
