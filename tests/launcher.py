"""A command that runs this vkstate, for scripts that know it by its name."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def launcher(directory: Path, first: str = ":") -> Path:
    """Make the command ``vkstate`` in a directory, which is made too.

    :param first: a command of the shell that is run before, in the process that becomes vkstate.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "vkstate"
    path.write_text(f'#!/bin/sh\n{first}\nexec {shlex.quote(sys.executable)} -m vkstate "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path
