"""Running a program that the master key comes from: without a shell, for a limited time, its output kept to itself."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from vkstate.age import IDENTITY_VARIABLE
from vkstate.config.places import redacted
from vkstate.errors import VkstateError

PATIENCE: Final = 30.0
"""Seconds that a program may take."""


class MasterKeyUnreadable(VkstateError):
    """The file, command or secret that holds the master key did not give it."""

    summary: ClassVar[str] = "the master key could not be read"


def run_program(argv: Sequence[str], environ: Mapping[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    """A program's end, whatever its exit code. What it printed may be the master key. It does not get what opens the
    key values.

    :raises MasterKeyUnreadable: it cannot be run, or does not end.
    """
    try:
        return subprocess.run(  # noqa: S603 - the argv is the user's own, and no shell reads it
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            cwd=directory,
            env={name: value for name, value in environ.items() if name != IDENTITY_VARIABLE},
        )
    except FileNotFoundError:
        raise MasterKeyUnreadable(
            f"there is no program {argv[0]}.", hint="correct the command of proxy.master_key"
        ) from None
    except OSError as error:
        raise MasterKeyUnreadable(
            f"the program {argv[0]} cannot be run: {error.strerror or error}.", hint=f"ls -l {argv[0]}"
        ) from None
    except subprocess.TimeoutExpired:
        raise MasterKeyUnreadable(
            f"the program {argv[0]} did not end within {PATIENCE:.0f} s.",
            hint="run it by hand to see what it waits for",
        ) from None


def words_of(text: str) -> str:
    """What a program said on stderr, at the end of a sentence that tells its exit code."""
    said = redacted(text.strip())
    return f", and said: {said}" if said else " without a word on stderr."
