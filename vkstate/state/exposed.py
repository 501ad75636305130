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
from vkstate.state.git_program import entries, git_in, work_tree


class WouldBeCommitted(VkstateError):
    """Key values are to be written where the next commit may take them along."""

    summary: ClassVar[str] = "git would add the key values"


@dataclass(frozen=True)
class Exposure:
    """That git tracks a file, would add it, or does not tell.

    ``tracked`` is the first file that is tracked, as it is typed here; None where git would only add them. ``ignoring``
    is the command that has git ignore them; None where git says nothing of this repository, as of the checkout of
    another user: what it does not tell, it may well add. ``top`` is the directory of the work tree.
    """

    top: Path
    tracked: str | None = None
    ignoring: str | None = None


def exposure(path: Path, *, files: Sequence[str] = (), hidden: Collection[str] = ()) -> Exposure | None:
    """Whether git would take files along; None where it would not, or is not installed.

    Nothing need exist yet; a link is looked at where it leads.

    :param path: the file; or a directory, where it is about ``files`` in it.
    :param hidden: environment variables that are kept from git.
    """
    real = Path(os.path.realpath(path))
    base = next((above for above in (real if files else real.parent, *real.parents) if above.is_dir()), real.parent)
    git = git_in(base, hidden)
    if git is None or (top := work_tree(base)) is None:
        return None
    names = [f"./{(real / name).relative_to(base)}" for name in files or ("",)]
    tracked = git.answer("ls-files", "-z", "--cached", "--", *names)
    ignored = git.answer("check-ignore", "-z", "--stdin", told="\0".join(names), accepted=(0, 1), literal=False)
    if tracked is None or ignored is None:
        return Exposure(top)
    known = entries(tracked)
    if not known and not set(names) - set(entries(ignored)):
        return None
    return Exposure(top, os.path.relpath(base / known[0]) if known else None, _ignoring(real, directory=bool(files)))


def refuse_addable(
    path: Path, *, files: Sequence[str] = (), hidden: Collection[str] = (), forcible: bool = False
) -> None:
    """Keep key values from being written where git would add them: see :func:`exposure`.

    :param forcible: whether the command takes ``--force``.
    :raises WouldBeCommitted: git tracks one of the files, would add it, or does not tell.
    """
    found = exposure(path, files=files, hidden=hidden)
    if found is None:
        return
    otherwise = "name a path outside of the repository" + ("; or --force" if forcible else "")
    if found.ignoring is None:
        raise WouldBeCommitted(
            f"{path} lies in the git repository {found.top}, and git does not tell whether it would add it, as in the "
            "checkout of another user. Nothing was written.",
            hint=f"git -C {shlex.quote(str(found.top))} status tells why; or {otherwise}",
        )
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


def _ignoring(real: Path, *, directory: bool) -> str:
    """The command that has git ignore a path; for the top of a repository itself, a directory to make."""
    if directory and os.path.lexists(real / ".git"):
        return "name a directory of its own, and have git ignore it"
    escaped = re.sub(r"[\\*?\[\]!# ]", r"\\\g<0>", real.name)
    line = f"/{escaped}{'/' if directory else ''}"
    return f"echo {shlex.quote(line)} >> {shlex.quote(os.path.relpath(real.parent / '.gitignore'))}"
