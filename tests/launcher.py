"""A command that runs this vkstate, for scripts that know it by its name."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import tests.ready.client
from tests.ready.starts import server


def launcher(directory: Path, *, pidfile: Path | None = None) -> Path:
    """Make the command ``vkstate`` in a directory, which is made too; it works as long as this process runs.

    :param pidfile: takes the pid of the vkstate that was started last.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "vkstate"
    words = [sys.executable, "-I", "-S", tests.ready.client.__file__, server(), str(pidfile or "")]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path
