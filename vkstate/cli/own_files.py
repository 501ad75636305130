"""What a project lives of, and what no ``--out`` is therefore written over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from vkstate.age import is_secret_key
from vkstate.cli.project import Project
from vkstate.config.master_key import FromFile
from vkstate.errors import ExitCode, VkstateError
from vkstate.state.directory import directory_of

_LONGEST_KEY: Final = 1 << 16
"""Bytes of a file in which a secret key is looked for."""


class OwnFile(VkstateError):
    """Something is to be written over what the project lives of, or over a secret key."""

    summary: ClassVar[str] = "no file of the project is written over"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def refuse_own(project: Project, path: Path) -> None:
    """See that a file may be written as far as the project is concerned, be it by another name of one of its own: the
    config and all files that it names, the state, the stores, identities, variables, and what stands in ``.vkstate/``.

    :raises OwnFile: it is one of those, or holds a secret key of age or ssh.
    """
    real = Path(os.path.realpath(path))
    directory = directory_of(project.state_path)
    if any(_same(real, own) for own in _named(project)) or (
        os.path.lexists(real) and (real.is_relative_to(directory) or any(_same(real, own) for own in _below(directory)))
    ):
        raise OwnFile(f"{path} belongs to the project.", hint="name another file")
    if _holds_secret_key(real):
        raise OwnFile(f"{path} holds a secret key of age or ssh.", hint="name another file")


def _named(project: Project) -> Iterator[Path]:
    yield from (project.config_path, project.state_path, project.secrets_path, *project.shared.var_file)
    yield from project.identities.files_in_use
    with suppress(VkstateError):  # vkstate schema needs no config
        config = project.config
        yield from config.rosters
        proxy = config.proxy
        if isinstance(proxy.master_key, FromFile):
            yield config.directory / proxy.master_key.path
        if isinstance(proxy.verify_tls, Path):
            yield proxy.verify_tls


def _below(directory: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in names)


def _same(real: Path, own: Path) -> bool:
    """Whether two paths are one file, also by a hard link or in another case where that means nothing."""
    if str(real) == os.path.realpath(own):
        return True
    try:
        return real.samefile(own)
    except OSError:  # one of them is not there
        return False


def _holds_secret_key(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return is_secret_key(file.read(_LONGEST_KEY).decode(errors="replace"))
    except OSError:
        return False  # there is nothing; or writing says what is wrong
