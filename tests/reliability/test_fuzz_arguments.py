"""Any command line is carried out or refused with a sentence; what is refused has changed nothing."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_command

from tests.reliability.odd import ODD_TEXTS, fuzz
from tests.reliability.watchdog import CommandLine, Misbehaved, bugs_raise
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.cli.app import app
from vkstate.errors import ExitCode

__all__ = ["bugs_raise"]

CONFIG = """\
proxy: {url: 'sandbox://'}
variables: {event: fair}
defaults: {models: [gpt-4], duration: 30d}
safety: {max_delete_percent: 100}
keys:
  one: {max_budget: 5}
  two: {max_budget: 7}
workshops:
  ${var.event}: {count: 2}
"""
NOT_BYTES = "\udcff"
"""How Python shows an argument that is not UTF-8."""
ODD = [text for text in ODD_TEXTS if "\0" not in text and "/" not in text and "~" not in text]
"""Texts that can be arguments, and that lead nowhere outside the project."""
KNOWN = (
    "one", "two", "fair-user1", "fair-user*", "workshop:fair", "workshop:fair/user1", "nobody", "o?e", "[",
    "vkstate.yaml",
    "vkstate.state.json", "plan.json", "values.csv", "sub", "sub/new", "none/new", "0s", "1s", "0", "1", "-1",
    "32", "99",
    "36500d", "99999999999999d", "event=x", "event", "=x", "x=y", "text", "json", "markdown", "csv", "env", "table",
    "a" * 64, "moved", NOT_BYTES, f"one{NOT_BYTES}", "x" * 300,
)  # fmt: skip


def _paths(command: object, before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], list[str]]]:
    """Every command, with the options that it takes."""
    if isinstance(command, TyperGroup):
        return [path for name, inner in command.commands.items() for path in _paths(inner, (*before, name))]
    return [(before, [option for param in getattr(command, "params", []) for option in param.opts if option[0] == "-"])]


COMMANDS = [(path, options) for path, options in _paths(get_command(app)) if path != ("sandbox", "serve")]
"""All but the one that does not end."""
OPTIONS = sorted({option for _, options in COMMANDS for option in options})
VALUES = st.sampled_from(KNOWN) | st.sampled_from(KNOWN) | st.sampled_from(ODD)


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command with some of its options, and things that do not belong there."""
    path, options = draw(st.sampled_from(COMMANDS))
    words = list(path)
    for _ in range(draw(st.integers(0, 4))):
        option = draw(st.sampled_from(options) | st.sampled_from(options) | st.sampled_from(OPTIONS))
        match draw(st.integers(0, 5)):
            case 0:
                words.append(draw(VALUES))
            case 1:
                words.append(f"{option}={draw(VALUES)}")
            case 2:
                words.append(option)
            case 3:
                words.insert(draw(st.integers(0, len(words))), draw(VALUES))
            case _:
                words += [option, draw(VALUES)]
    if draw(st.booleans()):
        words.append("--auto-approve")
    return words


JUMBLED = st.lists(
    st.sampled_from([word for path, _ in COMMANDS for word in path]) | st.sampled_from(OPTIONS) | VALUES, max_size=6
)
ANY = (lines() | JUMBLED).filter(lambda words: "serve" not in words)


class Project:
    """A project that was applied, and that can be put back to where it was."""

    def __init__(self, line: CommandLine) -> None:
        self.line = line
        self._files = line.workspace.files()

    def put_back(self) -> None:
        """Make every file what it was."""
        path = self.line.workspace.path
        now = self.line.workspace.files()
        for name in now.keys() - self._files.keys():
            (path / name).unlink()
        for name, (mode, data) in self._files.items():
            if now.get(name) != (mode, data):
                (path / name).unlink(missing_ok=True)
                (path / name).write_bytes(data)
                (path / name).chmod(mode)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bugs_raise: None) -> Project:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    path = tmp_path / "project"
    (path / "sub").mkdir(parents=True)
    monkeypatch.chdir(path)
    workspace = Workspace(path)
    workspace.configure(CONFIG)
    workspace.ok("apply", "--auto-approve")
    workspace.ok("plan", "--destroy", "--out", "plan.json")
    workspace.write("values.csv", "key\n" + "".join(f"{value}\n" for value in workspace.stored.values()))
    return Project(CommandLine(workspace))


@pytest.mark.parametrize("cases", [150, pytest.param(4000, marks=pytest.mark.sweep)])
def test_any_command_line_is_carried_out_or_refused(project: Project, cases: int) -> None:
    def law(words: list[str]) -> None:
        project.put_back()
        before = project.line.workspace.files()
        ran = project.line.run(*words)
        if ran.code in (ExitCode.USAGE, ExitCode.LOCKED, ExitCode.STALE) and project.line.workspace.files() != before:
            raise Misbehaved(f"{words} was refused, and changed something: {ran}")
        if ran.code == ExitCode.ERROR and not (ran.stdout + ran.stderr).strip():
            raise Misbehaved(f"{words} was refused without a word: {ran}")

    fuzz(cases, ANY, law)


@pytest.mark.parametrize("cases", [4, pytest.param(60, marks=pytest.mark.sweep)])
def test_any_bytes_as_arguments(project: Project, cases: int) -> None:
    """Of a process of its own: there the arguments are bytes, and stdout and stderr have an encoding."""
    dice = random.Random(f"bytes {cases}")
    for _ in range(cases):
        path, options = dice.choice(COMMANDS)
        odd = [dice.choice([NOT_BYTES, "\udce9", "é\udc80", "x\x1b[2J", "\u2028"]) for _ in range(2)]
        words = [*path, odd[0], dice.choice(options), odd[1]]
        project.put_back()
        environ = {"PYTHONIOENCODING": dice.choice(["utf-8", "ascii"])}
        ran = project.line.workspace.run_process(*words, environ=environ)
        assert ran.code in set(ExitCode), (words, ran)
        assert "vkstate has a bug" not in ran.stderr, (words, ran)
        assert "Traceback" not in ran.stderr, (words, ran)
