"""Where ``vkstate output --out`` writes: one file, or one for each key in a directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import ClassVar, Final

from vkstate.cli.own_files import refuse_own
from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.errors import ExitCode, VkstateError
from vkstate.state.durable import durable_write, exists, make_directory
from vkstate.state.exposed import refuse_addable
from vkstate.views.handouts import Handout
from vkstate.views.words import counted, verb

_SECRET: Final = 0o600
_SECRET_DIRECTORY: Final = 0o700


class NoHandout(VkstateError):
    """The keys are to be written over something that is no earlier handout."""

    summary: ClassVar[str] = "the keys are not written over another file"


class NoDirectory(VkstateError):
    """The keys are to be written into a directory that is not there."""

    summary: ClassVar[str] = "the directory does not exist"


class OneFile(VkstateError):
    """``--out`` names a directory, and the format is one text for all keys."""

    summary: ClassVar[str] = "this format is one file"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass(frozen=True)
class Place:
    """What ``--out`` names. A ``directory`` exists, or ends in a slash: it is made, for its owner alone."""

    path: Path
    directory: bool


def place_of(text: str, *, divisible: bool) -> Place:
    """What ``--out`` names.

    :param divisible: whether the format can be written as a file for each key.
    :raises OneFile: a directory, and it cannot.
    """
    directory = text.endswith(os.sep) or Path(text).is_dir()
    if directory and not divisible:
        raise OneFile(
            f"{text} is a directory, and only the format env writes a file for each key.",
            hint=f"name a file: --out {Path(text) / 'FILE'}; or give --format env",
        )
    return Place(Path(text), directory)


def write_files(project: Project, place: Place, texts: Mapping[str, str], given: Handout, *, force: bool) -> None:
    """Write these texts, mode 0600, and say so: each under its name in the directory, or the only one as the file.

    :param given: the keys that are in them; in a directory, those whose values are known.
    :param force: write even where git would add them.
    :raises OwnFile: what the project lives of stands there, or a secret key.
    :raises NoDirectory: nothing is where the file should be written.
    :raises NoHandout: another file does.
    :raises WouldBeCommitted: git would add a file.
    """
    names = list(texts) if place.directory else []
    paths = [place.path / name for name in names] if place.directory else [place.path]
    for path in paths:
        refuse_own(project, path)
    if not place.directory and not exists(place.path.parent):
        parent = place.path.parent
        raise NoDirectory(f"There is no directory {parent}.", hint=f"mkdir -p {quote(str(parent))}")
    if paths and not force:
        for path in paths:
            _refuse_other(path)
        refuse_addable(place.path, files=names, hidden=project.hidden, forcible=True)
    if place.directory:
        make_directory(place.path, mode=_SECRET_DIRECTORY)
    for path, text in zip(paths, texts.values(), strict=True):
        durable_write(path, text.encode(), mode=_SECRET)
    known = sum(key.key is not None for key in given.keys)
    count = known if place.directory else len(given.keys)
    each = ", a file each" if place.directory else ""
    values = verb(count, "its value", "their values") if known == count else f"{known:,} of {count:,} values"
    written = f"{counted(count, 'key')} {verb(count, 'was', 'were')} written to {place.path}"
    say(f"{written}{each} (mode 0600), with {values}.")


def _refuse_other(path: Path) -> None:
    """A slip must not cost a roster: what others may read was no handout."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # there is nothing; or writing says what is wrong
    if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NoHandout(
            f"{path} exists, and others may read it (mode {stat.S_IMODE(mode):04o}), which no handout lets them.",
            hint="name another file; or --force",
        )
