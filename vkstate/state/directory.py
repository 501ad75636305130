"""``.vkstate/``: the directory beside the state file that holds what belongs to this machine and never to git."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import ClassVar, Final

from vkstate.errors import VkstateError
from vkstate.state.durable import durable_write, make_directory

NAME: Final = ".vkstate"
_PRIVATE: Final = 0o700
_WRITABLE_BY_OTHERS: Final = 0o022


class UnsafeDirectory(VkstateError):
    """``.vkstate/`` is not ours alone, so that no secret may be put there."""

    summary: ClassVar[str] = "the .vkstate directory is not safe to use"


def directory_of(state_path: Path) -> Path:
    """Where ``.vkstate/`` lies for a state file: beside the file itself, also where that is reached by a link.

    Everybody who works on one state thus meets at one lock and one secret store. Nothing is created.
    """
    return Path(os.path.realpath(state_path)).parent / NAME


def beside(state_path: Path, suffix: str) -> Path:
    """The file in ``.vkstate/`` that belongs to one state and has its name, with this suffix."""
    return directory_of(state_path) / f"{Path(os.path.realpath(state_path)).name}{suffix}"


def prepare(directory: Path) -> None:
    """Create the directory (mode 0700, with a ``.gitignore`` of its own) or make sure that it is ours alone.

    :raises UnsafeDirectory: it is a link, no directory, or others own it or may write to it.
    :raises WriteFailed: it could not be created.
    """
    make_directory(directory, mode=_PRIVATE)
    examine(directory)
    ignore = directory / ".gitignore"
    if not os.path.lexists(ignore):
        durable_write(ignore, b"*\n")


def examine(directory: Path, *, closing: bool = True) -> bool:
    """Whether the directory exists.

    :param closing: whether one that others may read is closed to them.
    :raises UnsafeDirectory: it is a link, no directory, or others own it or may write to it.
    """
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unsafe(directory, f"cannot be looked at ({os.strerror(error.errno or 0).lower()})") from error
    if stat.S_ISLNK(status.st_mode):
        raise _unsafe(directory, "is a symbolic link; secrets are kept in a real directory only")
    if not stat.S_ISDIR(status.st_mode):
        raise _unsafe(directory, "is not a directory")
    if status.st_uid != os.geteuid():
        raise _unsafe(directory, f"belongs to another user (uid {status.st_uid}, and this is uid {os.geteuid()})")
    mode = stat.S_IMODE(status.st_mode)
    if mode & _WRITABLE_BY_OTHERS:
        raise UnsafeDirectory(
            f"{directory} may be written to by others (mode {mode:04o}), who may have put anything there.",
            hint=f"look through it, then close it: chmod 700 {shlex.quote(str(directory))}",
        )
    if closing and mode != _PRIVATE:
        try:
            directory.chmod(_PRIVATE)
        except OSError as error:
            raise _unsafe(directory, f"has mode {mode:04o}, which could not be changed to 0700") from error
    return True


def _unsafe(directory: Path, what: str) -> UnsafeDirectory:
    return UnsafeDirectory(f"{directory} {what}.", hint=f"look at it: ls -ld {shlex.quote(str(directory))}")
