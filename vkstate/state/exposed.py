"""Files that are about to hold secrets, and that git would add: inside a work tree, and not ignored."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

from vkstate.errors import VkstateError
from vkstate.state.git_program import entries, git_in


class WouldBeCommitted(VkstateError):
    """Key values are to be written where the next commit may take them along."""

    summary: ClassVar[str] = "git would add the key values"


def refuse_addable(
    path: Path, *, files: Sequence[str] = (), hidden: Collection[str] = (), forcible: bool = False
) -> None:
    """Keep key values from being written where git would add them.

    Where git is not installed or does not answer nothing is refused. Nothing need exist yet; a link is looked at where
    it leads.

    :param path: the file; or a directory, where ``files`` are to be written in it.
    :param hidden: environment variables that are kept from git.
    :param forcible: whether the command takes ``--force``.
    :raises WouldBeCommitted: git tracks one of the files, or would add it.
    """
    real = Path(os.path.realpath(path))
    base = next((above for above in (real if files else real.parent, *real.parents) if above.is_dir()), real.parent)
    git = git_in(base, hidden)
    if git is None or git.answer("rev-parse", "--is-inside-work-tree") != "true\n":
        return
    names = [f"./{(real / name).relative_to(base)}" for name in files or ("",)]
    otherwise = "name a path outside of the repository" + ("; or --force" if forcible else "")
    tracked = git.answer("ls-files", "-z", "--cached", "--", *names)
    ignored = git.answer("check-ignore", "-z", "--stdin", told="\0".join(names), accepted=(0, 1), literal=False)
    if tracked is None or ignored is None:
        return
    if known := entries(tracked):
        file = os.path.relpath(base / known[0])
        raise WouldBeCommitted(
            f"{file} is tracked by git: the next commit may take the key values along. Nothing was written.",
            hint=f"git rm --cached {shlex.quote(file)}, and ignore it; or {otherwise}",
        )
    if set(names) - set(entries(ignored)):
        raise WouldBeCommitted(
            f"{path} lies in a git repository, which does not ignore it: the next commit may take the key values "
            "along. Nothing was written.",
            hint=f"{_ignoring(real, directory=bool(files))}; or {otherwise}",
        )


def _ignoring(real: Path, *, directory: bool) -> str:
    """The command that has git ignore a path; for the top of a repository itself, a directory to make."""
    if directory and os.path.lexists(real / ".git"):
        return "name a directory of its own, and have git ignore it"
    escaped = re.sub(r"[\\*?\[\]!# ]", r"\\\g<0>", real.name)
    line = f"/{escaped}{'/' if directory else ''}"
    return f"echo {shlex.quote(line)} >> {shlex.quote(os.path.relpath(real.parent / '.gitignore'))}"
