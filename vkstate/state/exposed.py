"""Files that hold secrets, or are about to, and that git would add: inside a work tree, and not ignored."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vkstate.errors import VkstateError
from vkstate.state.git_program import entries, git_in


class WouldBeCommitted(VkstateError):
    """Key values are to be written where the next commit may take them along."""

    summary: ClassVar[str] = "git would add the key values"


@dataclass(frozen=True)
class Exposure:
    """That git tracks a file, or would add it.

    ``tracked`` is the first file that is tracked, as it is typed here; None where git would only add them. ``ignoring``
    is the command that has git ignore them, and ``top`` the directory of the work tree.
    """

    tracked: str | None
    ignoring: str
    top: Path


def exposure(path: Path, *, files: Sequence[str] = (), hidden: Collection[str] = ()) -> Exposure | None:
    """Whether git would take files along; None where it would not, is not installed or does not answer.

    Nothing need exist yet; a link is looked at where it leads.

    :param path: the file; or a directory, where it is about ``files`` in it.
    :param hidden: environment variables that are kept from git.
    """
    real = Path(os.path.realpath(path))
    base = _base(real, files)
    git = git_in(base, hidden)
    top = git.answer("rev-parse", "--show-toplevel") if git else None  # fails outside of a work tree
    if git is None or not top:
        return None
    names = [f"./{(real / name).relative_to(base)}" for name in files or ("",)]
    tracked = git.answer("ls-files", "-z", "--cached", "--", *names)
    ignored = git.answer("check-ignore", "-z", "--stdin", told="\0".join(names), accepted=(0, 1), literal=False)
    if tracked is None or ignored is None:
        return None
    known = entries(tracked)
    if not known and not set(names) - set(entries(ignored)):
        return None
    ignoring = _ignoring(real, directory=bool(files))
    return Exposure(os.path.relpath(base / known[0]) if known else None, ignoring, Path(top.removesuffix("\n")))


def refuse_addable(
    path: Path, *, files: Sequence[str] = (), hidden: Collection[str] = (), forcible: bool = False
) -> None:
    """Keep key values from being written where git would add them: see :func:`exposure`.

    :param forcible: whether the command takes ``--force``.
    :raises WouldBeCommitted: git tracks one of the files, or would add it.
    """
    otherwise = "name a path outside of the repository" + ("; or --force" if forcible else "")
    if (silent := _silent(path, files, hidden)) is not None:
        raise WouldBeCommitted(
            f"{path} lies in the git repository {silent}, and git does not tell whether it would add it, as in the "
            "checkout of another user. Nothing was written.",
            hint=f"git -C {shlex.quote(str(silent))} status tells why; or {otherwise}",
        )
    found = exposure(path, files=files, hidden=hidden)
    if found is None:
        return
    if found.tracked:
        raise WouldBeCommitted(
            f"{found.tracked} is tracked by git: the next commit may take the key values along. Nothing was written.",
            hint=f"git rm --cached {shlex.quote(found.tracked)}, and ignore it; or {otherwise}",
        )
    raise WouldBeCommitted(
        f"{path} lies in a git repository, which does not ignore it: the next commit may take the key values "
        "along. Nothing was written.",
        hint=f"{found.ignoring}; or {otherwise}",
    )


def _base(real: Path, files: Sequence[str]) -> Path:
    """The innermost directory on the way to a path, or to files in it, that exists."""
    return next((above for above in (real if files else real.parent, *real.parents) if above.is_dir()), real.parent)


def _silent(path: Path, files: Sequence[str], hidden: Collection[str]) -> Path | None:
    """The repository in which a path lies where git, which is there, says nothing of it; else None."""
    base = _base(Path(os.path.realpath(path)), files)
    git = git_in(base, hidden)
    if git is None or ".git" in base.parts or git.answer("rev-parse", "--show-toplevel") is not None:
        return None
    return next((above for above in (base, *base.parents) if os.path.lexists(above / ".git")), None)


def _ignoring(real: Path, *, directory: bool) -> str:
    """The command that has git ignore a path; for the top of a repository itself, a directory to make."""
    if directory and os.path.lexists(real / ".git"):
        return "name a directory of its own, and have git ignore it"
    escaped = re.sub(r"[\\*?\[\]!# ]", r"\\\g<0>", real.name)
    line = f"/{escaped}{'/' if directory else ''}"
    return f"echo {shlex.quote(line)} >> {shlex.quote(os.path.relpath(real.parent / '.gitignore'))}"
