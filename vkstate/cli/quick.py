"""What is answered before the command line is parsed: ``version``, also as ``--version``, and every ``--help``.

typer checks the parameters of each command with pydantic (seen in 0.29), whose import alone takes as long as all that
these two need.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write
from vkstate.cli.version import version
from vkstate.errors import ExitCode

HELP: Final = ("-h", "--help")


def quick_answer(app: typer.Typer, arguments: Sequence[str]) -> ExitCode | None:
    """Print what can be answered at once; None where the command line has to be parsed."""
    if list(arguments) in (["version"], ["--version"], ["version", "--json"]):
        version(Shared(), as_json="--json" in arguments)
        return ExitCode.OK
    if (text := help_text(app, arguments)) is not None:
        write(text)
        return ExitCode.OK
    return None


def help_text(app: typer.Typer, arguments: Sequence[str]) -> str | None:
    """The help of the command before the first ``--help``; None where there is none, or no such command."""
    words = list(takewhile(lambda word: word != "--", arguments))
    if not any(word in HELP for word in words):
        return None
    command = get_command(app)
    context = typer.Context(command, info_name="vkstate", **command.context_settings)
    rest = iter(words)
    for word in rest:
        if word in HELP:
            return command.get_help(context)
        if word.startswith("-"):
            if any(word in param.opts and not getattr(param, "is_flag", False) for param in command.params):
                next(rest, None)
        elif isinstance(command, TyperGroup):
            if word not in command.commands:
                return None
            command = command.commands[word]
            context = typer.Context(command, parent=context, info_name=word, **command.context_settings)
    return None
