"""Runs what the pages show being typed, and compares what comes of it.

``vkstate`` runs in this process, anything else in bash. What differs from run to run (key values, tokens, instants) is
brought into one form on both sides; progress and the sandbox's note, which come on stderr, are left out on both. A
line ``…`` of a page stands for whatever lines it leaves out; where the rest of an answer is no longer right, all of it
is written anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from tests.docs.clock import Clock
from tests.docs.pages import Block, blocks
from tests.docs.reference import COLUMNS
from tests.launcher import launcher
from vkstate.cli.app import run
from vkstate.sandbox.server import serving
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, Settings

PROXY: Final = "https://litellm.example.com"
"""The proxy of the pages. A served sandbox stands in for it when they are run."""
DIRECTORY: Final = "/home/you/keys"
"""Where the pages are, as they show it."""

_NOISE: Final = re.compile(
    r"note: sandbox:// is .*|[0-9,]+ changes? to make|sending|reading back|retiring old keys|[0-9,]+ of [0-9,]+(, .*)?"
)
_LEFT_OUT: Final = "…"
_VALUE: Final = re.compile(r"sk-[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
_SHELL: Final = re.compile(r"[|<>;&$`]")
_FORMS: Final = (
    (_VALUE, "sk-…"),
    (re.compile(r"sk-\.\.\.[A-Za-z0-9_-]{4}"), "sk-...XXXX"),
    (re.compile(r"\bage1[a-z0-9]{58}\b"), "age1…"),
    (re.compile(r"(?<=  )[0-9a-f]{8}(?=  )"), "TOKEN"),
    (re.compile(r"[0-9a-f]{64}"), "TOKEN"),
    (re.compile(r"(?<=\.retired-)[0-9a-f]{8}\b"), "TOKEN"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "LINEAGE"),
    (re.compile(r'"[0-9a-f]{16}"'), '"ID"'),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{3})?Z"), "INSTANT"),
    (re.compile(r"[0-9]{8}T[0-9]{6}Z"), "INSTANT"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True)
class Step:
    """One command that a page shows with what it answers. ``lines`` are the page's line indices of the answer."""

    command: str
    shown: tuple[str, ...]
    lines: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """What a step really answered, as a page may show it."""

    step: Step
    text: tuple[str, ...]

    @property
    def as_shown(self) -> bool:
        shown = ("(?s:.*)" if line == _LEFT_OUT else re.escape(line) for line in normal(self.step.shown))
        return re.fullmatch("\n".join(shown), "\n".join(normal(self.text))) is not None


def normal(lines: tuple[str, ...]) -> list[str]:
    """Lines in the form in which they are compared."""
    text = "\n".join(line.rstrip() for line in lines if not _NOISE.fullmatch(line.strip()))
    for pattern, instead in _FORMS:
        text = pattern.sub(instead, text)
    return text.strip("\n").split("\n")


def steps(block: Block) -> Iterator[Step]:
    """The commands of a console block, each beginning with ``$ ``."""
    starts = [number for number, line in enumerate(block.lines) if line.startswith("$ ")]
    for number, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        place = (block.start + number + 1, block.start + end)
        yield Step(block.lines[number][2:], block.lines[number + 1 : end], place)


def has_transcripts(text: str) -> bool:
    """Whether a page shows anything being typed."""
    return any(block.language == "console" and not block.mark.startswith("not run:") for block in blocks(text))


def answers(text: str) -> list[Answer]:
    """Run a page from top to bottom."""
    with ExitStack() as stack:
        scenario = stack.enter_context(_scenario())
        found: list[Answer] = []
        for block in blocks(text):
            if block.mark == "new directory":
                scenario = stack.enter_context(_scenario())
            found += _played(block, scenario)
        return found


def _played(block: Block, scenario: Scenario) -> Iterator[Answer]:
    kind, _, rest = block.mark.partition(": ")
    if kind == "file":
        path = scenario.directory / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(scenario.inward(block.text), encoding="utf-8")
    elif kind == "run":
        scenario.type(rest)
        assert scenario.code == 0, f"{rest}: exit {scenario.code}"
    elif kind == "clock":
        scenario.clock.set(datetime.fromisoformat(rest))
    elif block.language == "console" and kind != "not run":
        for step in steps(block):
            yield Answer(step, tuple(scenario.type(step.command).splitlines()))


@contextmanager
def _scenario() -> Iterator[Scenario]:
    with TemporaryDirectory() as place, TemporaryDirectory() as elsewhere:
        sandbox = Path(elsewhere, "sandbox.sqlite")
        clock = Clock()
        with serving(sandbox, settings=Settings(clock=clock)) as url:
            directory = Path(os.path.realpath(place))
            launcher(Path(elsewhere))
            path = f"{elsewhere}{os.pathsep}{os.environ['PATH']}"
            yield Scenario(directory, url, {"PATH": path, "LITELLM_MASTER_KEY": DEFAULT_MASTER_KEY}, clock)


@dataclass
class Scenario:
    """A directory in which commands are typed one after the other."""

    directory: Path
    proxy: str
    given: Mapping[str, str]
    clock: Clock
    code: int = 0
    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("VKSTATE_")}
        self.environ = {**kept, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", **self.given}

    def inward(self, text: str) -> str:
        """A text of the page as it is run."""
        return text.replace(PROXY, self.proxy)

    def type(self, command: str) -> str:
        """Run one command, and return what it says as a page may show it; ``code`` is its exit code."""
        if command == "echo $?":
            return f"{self.code}\n"
        said = self._vkstate(command) if _is_plain(command) else self._bash(command)
        said = said.replace(self.proxy, PROXY).replace(str(self.directory), DIRECTORY)
        lines = (line.rstrip() for line in said.splitlines() if not _NOISE.fullmatch(line.strip()))
        return _VALUE.sub("sk-…", "\n".join(lines).strip("\n"))

    def _vkstate(self, command: str) -> str:
        said = StringIO()
        with (
            patch.dict(os.environ, self.environ, clear=True),
            chdir(self.directory),
            self.clock.of_this_machine(),
            redirect_stdout(said),
            redirect_stderr(said),
            patch.object(sys, "stdin", StringIO()),
        ):
            self.code = run(shlex.split(self.inward(command))[1:])
        return said.getvalue()

    def _bash(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", self.inward(command)],
            check=False,
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.code = done.returncode
        return done.stdout


def _is_plain(command: str) -> bool:
    return command.startswith("vkstate ") and not _SHELL.search(re.sub(r"'[^']*'", "", command))


def rewritten(text: str) -> str:
    """A page in which every answer that is no longer given as shown is the real one."""
    lines = text.splitlines()
    for answer in reversed(answers(text)):
        if not answer.as_shown:
            start, end = answer.step.lines
            last = end == len(lines) or lines[end].startswith("```")
            lines[start:end] = [*answer.text, *([] if last or not answer.text else [""])]
    return "".join(f"{line}\n" for line in lines)
