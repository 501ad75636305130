"""A project in a directory of its own, and vkstate run on it: in this process, or as a process like a user's."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from bench.live import KEY_VARIABLE
from vkstate.cli import app
from vkstate.config.config import Config
from vkstate.config.loader import load
from vkstate.keys import Token
from vkstate.state.file import StateFile
from vkstate.state.model import State, mint_lineage

CONFIG = "vkstate.yaml"
STATE = "vkstate.state.json"


def workshop_config(url: str, prefix: str, count: int, model: str, parallelism: int = 8) -> str:
    """A config of one workshop with so many members, and nothing out of the ordinary."""
    return f"""\
proxy:
  url: {url}
  master_key: ${{env.{KEY_VARIABLE}}}
  parallelism: {parallelism}
workshops:
  {prefix}:
    count: {count}
    user_prefix: participant
    user_domain: workshop.example.com
    models: [{model}]
    duration: 3d
    max_budget: 50
"""


class CommandFailed(Exception):
    """vkstate ended with another exit code than 0; the text is what it printed."""


@dataclass(frozen=True)
class Project:
    """A project directory."""

    directory: Path

    def config(self) -> Config:
        return load(self.directory / CONFIG, variables={}, environ=os.environ)

    def state(self) -> State:
        return StateFile(self.directory / STATE).read()

    def tokens(self) -> list[Token]:
        """The tokens of all recorded keys, whether they exist or not."""
        return [record.token for record in self.state().keys.values() if record.token]

    def arguments(self, command: Sequence[str]) -> list[str]:
        return ["--config", str(self.directory / CONFIG), *command]

    def run_here(self, *command: str) -> str:
        """Run vkstate in this process, and return what it printed on stdout.

        :raises CommandFailed: it did not end with 0.
        """
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = app.run(self.arguments(command))
        if code:
            raise CommandFailed(f"vkstate {' '.join(command)} ended with {code}:\n{out.getvalue()}{err.getvalue()}")
        return out.getvalue()

    def run_process(self, *command: str) -> str:
        """Run vkstate as a process of its own, and return what it printed on stdout.

        :raises CommandFailed: it did not end with 0.
        """
        ended = subprocess.run(
            [sys.executable, "-m", "vkstate", *self.arguments(command)], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            words = f"{ended.stdout}{ended.stderr}"
            raise CommandFailed(f"vkstate {' '.join(command)} ended with {ended.returncode}:\n{words}")
        return ended.stdout


@contextmanager
def project(config: str) -> Iterator[Project]:
    """A new project with this config and an empty state; the directory is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="vkstate-bench-") as name:
        directory = Path(name)
        (directory / CONFIG).write_text(config, encoding="utf-8")
        StateFile(directory / STATE).write(State.empty(mint_lineage()))
        yield Project(directory)
