"""What is asked and said on a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import ClassVar, Literal

from vkstate.errors import ExitCode, VkstateError


class NoTerminal(VkstateError):
    """A question had to be asked, and nobody is there to answer it."""

    summary: ClassVar[str] = "no terminal to ask on"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class Cancelled(VkstateError):
    """The question was answered with something else than the word yes."""

    summary: ClassVar[str] = "cancelled"
    exit_code: ClassVar[ExitCode] = ExitCode.CANCELLED


def say(text: str) -> None:
    """Print words for people; stdout is for data."""
    with suppress(BrokenPipeError):  # whoever listened has gone; that changes nothing of what is done
        print(text, file=sys.stderr)  # noqa: T201 - this is where vkstate speaks


def write(text: str) -> None:
    """Print data on stdout."""
    print(text, flush=True)  # noqa: T201 - this is where vkstate speaks


def hush() -> None:
    """Let stdout go nowhere: its reader went away, or its disk is full, and Python would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def ask_yes(question: str, *, changes: Literal["proxy", "state", "config"] = "proxy") -> None:
    """Ask for the word ``yes``.

    :param changes: what is at stake.
    :raises NoTerminal: stdin or stderr is not a terminal.
    :raises Cancelled: another word, or none.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        look = "look at the plan first" if changes == "proxy" else "look at it with --dry-run first"
        raise NoTerminal(
            f"This changes the {changes}, and there is no terminal on which to ask whether it should.",
            hint=f"{look}, then give --auto-approve",
        )
    sys.stderr.write(f"\n{question}\n  Only the word yes is taken as consent: ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    if answer.strip() != "yes":
        raise Cancelled("Nothing was changed.", hint="run the same command again to be asked again")


def colourful(*, no_color: bool) -> bool:
    """Whether stdout should carry colours: it is a terminal, and nobody asked for none."""
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
