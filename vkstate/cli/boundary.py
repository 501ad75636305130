"""The error boundary: every exception that a command lets out becomes words on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

import typer

from vkstate.errors import ExitCode, VkstateError

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Click's usage error, of whichever Click typer stands on."""


def guarded(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Only a bug in vkstate shows a traceback, and only with -v."""
    verbose = any(argument in ("-v", "--verbose") for argument in arguments)
    try:
        return int(command(arguments) or 0)
    except VkstateError as error:
        say_error(error, as_json="--json" in arguments)
        return int(error.exit_code)
    except _UsageError as error:
        say_usage(error)
        return int(ExitCode.USAGE)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("\nerror: interrupted\n  Nothing more was started.", file=sys.stderr)  # noqa: T201 - the boundary speaks
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.ERROR)
    except Exception as error:  # noqa: BLE001 - a bug of ours is said in a sentence, too
        say_bug(error, verbose=verbose)
        return int(ExitCode.ERROR)


def say_usage(error: Exception) -> None:
    """Print what is wrong with the command line, or the help that a bare command asks for."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help(), file=sys.stderr)  # noqa: T201 - the boundary speaks
        return
    path = context.command_path if context is not None else "vkstate"
    message = error.format_message()  # type: ignore[attr-defined]  # Click's, see above
    print(f"error: the command line is wrong\n  {message}\nhint: {path} --help", file=sys.stderr)  # noqa: T201 - as above


def say_error(error: VkstateError, *, as_json: bool) -> None:
    """Print an expected failure: what kind it is, what happened and why, and the next command; for machines as well."""
    if as_json:
        from vkstate.views.json import error_document, line

        sys.stdout.write(line(error_document(error)))
        sys.stdout.flush()
    print(error_text(error), file=sys.stderr)  # noqa: T201 - the boundary speaks


def error_text(error: VkstateError) -> str:
    """An error as people read it."""
    lines = [f"error: {error.summary}", *(f"  {line}" for line in error.detail.splitlines())]
    return "\n".join([*lines, f"hint: {error.hint}"] if error.hint else lines)


def say_bug(error: Exception, *, verbose: bool) -> None:
    """Print an unexpected failure. Its text may hold anything, so that only the type is shown without ``-v``."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    print(  # noqa: T201 - the boundary speaks
        f"error: vkstate has a bug\n  {type(error).__name__} in {os.path.basename(where.filename)}:{where.lineno}. "  # noqa: PTH119
        "What was applied before it is saved in the state.\n"
        "hint: repeat the command with -v for the traceback, and report it",
        file=sys.stderr,
    )
    if verbose:
        traceback.print_exception(error)
