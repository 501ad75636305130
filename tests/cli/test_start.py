"""How fast a start is: ``version`` and every ``--help`` do without the libraries that take long to import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.workspace import Workspace
from vkstate.cli.app import app
from vkstate.cli.commands import COMMANDS, Commands, Entry, Family

SLOW = frozenset({"requests", "urllib3", "pydantic", "pydantic_core", "rich", "ruamel", "filelock", "sqlite3"})
START = {
    "vkstate",
    "vkstate.__main__",
    "vkstate.errors",
    "vkstate.cli",
    "vkstate.cli.app",
    "vkstate.cli.boundary",
    "vkstate.cli.commands",
    "vkstate.cli.quick",
    "vkstate.cli.shared",
    "vkstate.cli.terminal",
    "vkstate.cli.version",
}
"""Of our own modules, all that any start imports."""


def every_command() -> list[tuple[str, ...]]:
    """The path of every command and group, the program itself included."""
    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        found.append(path)
        if isinstance(command, TyperGroup):
            for name, inner in command.commands.items():
                walk(inner, (*path, name))

    walk(get_command(app), ())
    return found


def imported(workspace: Workspace, *arguments: str) -> set[str]:
    """The modules that are there at the end of a run in a process of its own."""
    code = (
        "import sys\nfrom vkstate.__main__ import main\n"
        f"sys.argv = ['vkstate', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\0', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=workspace.path, check=True, capture_output=True, encoding="utf-8"
    )
    return set(done.stdout.partition("\0\n")[2].splitlines())


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("version",), set()),
        (("version", "--json"), set()),
        (("--help",), set()),
        (("state", "--help"), set()),
        (("-C", ".", "state", "show", "--help"), {"vkstate.cli.state", "vkstate.cli.options"}),
        (("apply", "-h"), {"vkstate.cli.apply", "vkstate.cli.options"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_modules_that_a_start_imports(workspace: Workspace, arguments: tuple[str, ...], more: set[str]) -> None:
    modules = imported(workspace, *arguments)
    assert {module.partition(".")[0] for module in modules} & SLOW == set()
    assert {module for module in modules if module.partition(".")[0] == "vkstate"} == START | more


def test_no_help_imports_more(workspace: Workspace) -> None:
    """All of them in one process, since each costs a start."""
    code = (
        "import sys\nfrom vkstate.cli.app import run\n"
        f"for path in {every_command()!r}:\n    assert run([*path, '--help']) == 0, path\n"
        "print('\\0', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=workspace.path, check=True, capture_output=True, encoding="utf-8"
    )
    modules = set(done.stdout.partition("\0\n")[2].splitlines())
    assert {module.partition(".")[0] for module in modules} & SLOW == set()
    own = {module for module in modules if module.partition(".")[0] == "vkstate"}
    assert own <= {*START, "vkstate.cli.options", *(f"vkstate.cli.{entry.at.partition(':')[0]}" for entry in entries())}


def entries() -> list[Entry]:
    """Every command that is no group."""
    families = [one for one in COMMANDS.values() if isinstance(one, Family)]
    return [
        one
        for one in (*COMMANDS.values(), *(e for f in families for e in f.entries.values()))
        if isinstance(one, Entry)
    ]


def test_the_lists_of_commands_say_what_the_commands_say() -> None:
    def walk(group: Commands) -> None:
        for name, made in group.commands.items():
            assert group.entries[name].help == (made.help or "").partition("\n\n")[0], name
            if isinstance(made, Commands):
                walk(made)

    root = get_command(app)
    assert isinstance(root, Commands)
    walk(root)


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_explains_itself(workspace: Workspace, path: tuple[str, ...]) -> None:
    ran = workspace.ok(*path, "--help")
    assert ran.stderr == ""
    usage, empty, first, *_ = ran.stdout.splitlines()
    assert usage.startswith(f"Usage: {' '.join(('vkstate', *path))} ")
    assert empty == ""
    assert first.strip().endswith("."), "a sentence says what it does"
    assert workspace.ok(*path, "-h").stdout == ran.stdout


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_the_quick_help_is_that_of_typer(
    workspace: Workspace, path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    app([*path, "--help"], prog_name="vkstate", standalone_mode=False)
    assert workspace.ok(*path, "--help").stdout == capsys.readouterr().out


def test_every_option_has_a_word_of_help() -> None:
    def walk(command: object, path: tuple[str, ...]) -> None:
        for param in getattr(command, "params", ()):
            assert param.help, (path, param.name)
        if isinstance(command, TyperGroup):
            for name, inner in command.commands.items():
                assert inner.help, (*path, name)
                walk(inner, (*path, name))

    walk(get_command(app), ())


def test_the_quick_help_reads_the_command_line_as_typer_does(workspace: Workspace) -> None:
    plan = workspace.ok("plan", "--help").stdout
    assert workspace.ok("-C", "apply", "plan", "--help").stdout == plan, "the value of an option is no command"
    assert workspace.ok("--config=x", "plan", "--help").stdout == plan
    assert workspace.ok("plan", "--target", "state", "--help", "apply").stdout == plan
    assert workspace.ok("--help", "plan").stdout == workspace.ok("--help").stdout
    ran = workspace.run("nope", "--help")
    assert (ran.code, ran.stdout, ran.stderr) == (
        64,
        "",
        "error: the command line is wrong\n  No such command 'nope'.\nhint: vkstate --help\n",
    )
    assert workspace.run("plan", "--", "--help").code == 64


@pytest.mark.parametrize("path", [(), ("state",), ("sandbox",)], ids=" ".join)
def test_a_bare_command_shows_its_help(workspace: Workspace, path: tuple[str, ...]) -> None:
    ran = workspace.run(*path)
    assert (ran.code, ran.stdout) == (64, "")
    assert ran.stderr == workspace.ok(*path, "--help").stdout


@pytest.mark.parametrize(
    "command", [("output", "--identity"), ("secrets", "migrate", "--to", "age", "--recipient"), ("plan", "--target")]
)
def test_an_option_without_its_value_leads_to_the_help_of_its_command(
    workspace: Workspace, command: tuple[str, ...]
) -> None:
    ran = workspace.run(*command)
    path = " ".join(command[: 2 if command[0] == "secrets" else 1])
    assert (ran.code, ran.complaint[-1]) == (64, f"hint: vkstate {path} --help")


def test_version(workspace: Workspace) -> None:
    from vkstate import __version__

    assert workspace.ok("version").stdout == f"vkstate {__version__}\n"
    assert workspace.ok("--version").stdout == f"vkstate {__version__}\n"
    assert workspace.run("-version").complaint[-1] == "hint: write it as vkstate version"
    assert workspace.run("-C", ".", "--version").complaint[-1] == "hint: write it as vkstate -C . version"
    assert workspace.ok("--no-color", "version").stdout == f"vkstate {__version__}\n"
    assert list(workspace.ok("version", "--json").document) == ["vkstate", "python"]
    assert workspace.run("version", "--nope").code == 64
