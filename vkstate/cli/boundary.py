"""The error boundary: every exception that a command lets out becomes words on stderr and an exit code."""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import ClassVar, Final, NoReturn

import typer

from vkstate.cli.terminal import hush
from vkstate.errors import ExitCode, VkstateError

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Click's usage error, of whichever Click typer stands on."""


class WrongUsage(VkstateError):
    """The command line itself is wrong: an unknown command or option, or a value of the wrong kind."""

    summary: ClassVar[str] = "the command line is wrong"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class Interrupted(VkstateError):
    """Ctrl-C where nothing was under way that would have had to be saved."""

    summary: ClassVar[str] = "interrupted"
    exit_code: ClassVar[ExitCode] = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("Nothing more was started.")


class Bug(VkstateError):
    """An error that nobody foresaw."""

    summary: ClassVar[str] = "vkstate has a bug"


class OutputLost(VkstateError):
    """What was to be printed could not be: files are told apart by ``vkstate.state``."""

    summary: ClassVar[str] = "the output cannot be written"


_interrupts: Final[list[int]] = []
"""The signals that came as a KeyboardInterrupt, since :func:`remember_interrupts`."""


def remember_interrupts() -> None:
    """From now on, remember that Ctrl-C came: a library may turn the KeyboardInterrupt into an error of its own, as
    pydantic does while it builds a model.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, _: FrameType | None) -> NoReturn:
    _interrupts.append(number)
    raise KeyboardInterrupt


_ROOM: Final = "make room where the output goes, then run the command again"


def guarded(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Only a bug in vkstate shows a traceback, and only with -v."""
    try:
        return int(command(arguments) or 0)
    except (KeyboardInterrupt, Interrupted):
        return _stopped(arguments)
    except VkstateError as error:
        return _said(error, arguments)
    except _UsageError as error:
        return _usage(error, arguments)
    except typer.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        hush()
        return int(ExitCode.ERROR)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            return _said(_bug(error), arguments)
        hush()
        return _said(OutputLost(f"Writing the output failed: {error.strerror}.", hint=_ROOM), arguments)
    except Exception as error:  # noqa: BLE001 - a bug of ours is said in a sentence, too
        if _interrupts:
            return _stopped(arguments)
        code = _said(_bug(error), arguments)
        if any(argument in ("-v", "--verbose") for argument in arguments):
            print(_trace(error), file=sys.stderr)  # noqa: T201 - the boundary speaks
        return code


def _stopped(arguments: Sequence[str]) -> int:
    print(file=sys.stderr)  # noqa: T201 - the line that holds the terminal's ^C ends here
    return _said(Interrupted(), arguments)


def _trace(error: BaseException) -> str:
    """Where an error came from, and what it came of, the first first. The texts of errors may hold secrets: they are
    left out, and the names of their types and the lines of code have to do.
    """
    traces: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = "".join(traceback.format_tb(cause.__traceback__))
        traces.append(f"Traceback (most recent call last):\n{frames}{type(cause).__name__}: (text left out)")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n\nThat led to this:\n\n".join(reversed(traces))


def _usage(error: Exception, arguments: Sequence[str]) -> int:
    """Say what is wrong with the command line, or print the help that a bare command asks for."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help(), file=sys.stderr)  # noqa: T201 - the boundary speaks
        return int(ExitCode.USAGE)
    from vkstate.cli.newcomers import meant

    path = context.command_path if context is not None else _command_of(arguments)
    message = error.format_message()  # type: ignore[attr-defined]  # Click's, see above
    known = {option for param in context.command.params for option in param.opts} if context is not None else set()
    hint = meant(arguments, known) or f"{path} --help"
    return _said(WrongUsage(message.replace("Value error, ", ""), hint=hint), arguments)


def _command_of(arguments: Sequence[str]) -> str:
    """The command that a command line names: Click does not tell where an option has no value."""
    from vkstate.cli.commands import COMMANDS, Family

    for word, following in pairwise([*arguments, ""]):
        command = COMMANDS.get(word)
        if isinstance(command, Family) and following in command.entries:
            return f"vkstate {word} {following}"
        if command is not None:
            return f"vkstate {word}"
    return "vkstate"


def _said(error: VkstateError, arguments: Sequence[str]) -> int:
    """Print a failure: what kind it is, what happened and why, and the next command; for machines as well."""
    error = _without_key_values(error, arguments)
    if _wants_json(arguments):
        from vkstate.views.documents import error_document, line

        sys.stdout.write(line(error_document(error)))
        sys.stdout.flush()
    from vkstate.cli.elsewhere import directory_of

    print(error_text(error, directory_of(arguments)), file=sys.stderr)  # noqa: T201 - the boundary speaks
    return int(error.exit_code)


def _without_key_values(error: VkstateError, arguments: Sequence[str]) -> VkstateError:
    """An error that repeats no key value of the command line: whoever names a key by its value is not to find that in a
    log.
    """
    from vkstate.config.places import looks_like_key, redacted

    for word in filter(looks_like_key, arguments):
        error.detail = error.detail.replace(word, redacted(word))
        error.hint = error.hint and error.hint.replace(word, redacted(word))
    return error


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether a program reads what is printed, as far as a command line tells that may itself be wrong."""
    pairs = pairwise(arguments)
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairs


def error_text(error: VkstateError, directory: str | None = None) -> str:
    """An error as people read it. What does not print is escaped: an alias, or a proxy's words, may hold anything.

    :param directory: where vkstate was told to work, see ``vkstate.cli.elsewhere``.
    """
    from vkstate.cli.elsewhere import from_here
    from vkstate.views.words import escaped

    lines = [f"error: {error.summary}", *(f"  {escaped(line)}" for line in error.detail.splitlines())]
    return "\n".join([*lines, f"hint: {escaped(from_here(error.hint, directory))}"] if error.hint else lines)


def _bug(error: Exception) -> Bug:
    """An unexpected failure. Its text may hold anything, so that only its type and place are told."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return Bug(
        f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}. "
        "What was applied before it is saved in the state.",
        hint="repeat the command with -v for the traceback, and report it",
    )
