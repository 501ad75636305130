"""Runs of ``git``, which nobody is made to use: where there is none, or it does not answer, nothing is known.

It is asked, and changes and fetches nothing; no program that a repository names in its own settings is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0
"""Seconds that one run of git may take."""

_SETTINGS: Final = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_NOT_OURS: Final = frozenset(
    {
        # Within a git hook these speak of the repository that runs the hook, and of its unfinished index.
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        # These do not go together with literal paths.
        *("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
    }
)


@dataclass(frozen=True)
class Git:
    """The program, in a directory, without some of the environment."""

    program: str
    directory: Path
    hidden: frozenset[str]

    def answer(
        self, *arguments: str, told: str = "", accepted: Collection[int] = (0,), literal: bool = True
    ) -> str | None:
        """What it prints; None where it fails in any way.

        :param told: what it reads from stdin.
        :param accepted: the exit codes that are answers.
        :param literal: whether it is told that paths are no patterns; ``check-ignore`` takes them for none anyway, and
            fails where it is told.
        """
        how = _ENVIRONMENT | {"GIT_LITERAL_PATHSPECS": str(int(literal))}
        kept = {name: value for name, value in os.environ.items() if name not in self.hidden}
        try:
            done = subprocess.run(  # noqa: S603 - the program of the user's own PATH, and no shell
                [self.program, *_SETTINGS, *arguments],
                check=False,
                input=told,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=PATIENCE,
                cwd=self.directory,
                env={**kept, **how},
            )
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return done.stdout if done.returncode in accepted else None


def git_in(directory: Path, hidden: Collection[str] = ()) -> Git | None:
    """Git in a directory; None where it is not installed.

    :param hidden: environment variables that are kept from it.
    """
    program = shutil.which("git")
    return Git(program, directory, _NOT_OURS.union(hidden)) if program else None


def work_tree(directory: Path) -> Path | None:
    """The top of the work tree that a directory lies in, be it one of which git says nothing; None outside of any."""
    if ".git" in directory.parts:
        return None
    return next((above for above in (directory, *directory.parents) if os.path.lexists(above / ".git")), None)


def entries(answer: str) -> Sequence[str]:
    """What an answer of ``-z`` lists."""
    return [entry for entry in answer.split("\0") if entry]
