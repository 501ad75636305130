"""The config with a change that vkstate makes to it: what it says then, and how it is written where it stands."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from vkstate.cli.project import Project
from vkstate.config.config import Config
from vkstate.config.loader import load
from vkstate.errors import VkstateError
from vkstate.state.durable import durable_write, read_file, sweep_leftovers

_WRITABLE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class ConfigNotWritable(VkstateError):
    """The config may not be written."""

    summary: ClassVar[str] = "the config cannot be written"


class ConfigChanged(VkstateError):
    """Somebody wrote to the config while the command ran."""

    summary: ClassVar[str] = "the config has changed meanwhile"


@dataclass(frozen=True)
class Rewritten:
    """A config with a change: what it says then, and the file as it was and is to be."""

    path: Path
    config: Config
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)

    def write(self) -> None:
        """Put the new config in the place of the old one, whose mode stays; a symbolic link is followed.

        :raises ConfigChanged: the file is not what was read. It is left alone.
        :raises VkstateError: it cannot be written; it is as it was.
        """
        if bytes_of(self.path) != self.before:
            raise _changed(self.path)
        sweep_leftovers(self.path)
        durable_write(self.path, self.after)

    def difference(self) -> Iterator[str]:
        """What is written, line by line, as ``diff -U0`` shows it: the lines around it may hold what is sensitive."""
        before, after = (data.decode().splitlines() for data in (self.before, self.after))
        return difflib.unified_diff(before, after, str(self.path), str(self.path), n=0, lineterm="")


def bytes_of(path: Path) -> bytes:
    """The config's bytes.

    :raises ConfigChanged: it has gone.
    """
    try:
        return read_file(path).data
    except FileNotFoundError:
        raise _changed(path) from None


def _changed(path: Path) -> ConfigChanged:
    return ConfigChanged(
        f"{path} was changed by somebody else since it was read. Nothing was written, and nothing sent.",
        hint="run the command again",
    )


def check_writable(path: Path, why: str) -> None:
    """See that the config may be written, before anything is done that relies on it.

    :param why: what is to be written, as the end of a sentence.
    :raises ConfigNotWritable: it may not.
    """
    if not (read_file(path).mode & _WRITABLE and os.access(path, os.W_OK)):  # root may write to what nobody may
        raise ConfigNotWritable(f"{path} is read-only, and {why}. Nothing was sent.", hint=f"ls -l {path}")
    directory = path.resolve().parent
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigNotWritable(
            f"{directory}, where {path} lies, may not be written to. Nothing was sent.", hint=f"ls -ld {directory}"
        )


def loaded(project: Project, text: str) -> Config:
    """A config as it would be read from the project's file.

    :raises ConfigError: it is not valid.
    """
    return load(project.config_path, variables=project.variables, environ=os.environ, text=text)
