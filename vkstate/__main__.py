"""``python -m vkstate``, and the ``vkstate`` command."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_A_MOMENT: Final = 0.05
"""Seconds after which an interrupt that got lost comes again."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        _open_standard_streams()
        sys.unraisablehook = _interrupted_again
        code = _run()
        # All is said and saved. Whoever interrupts now has the process end at once, and not see where it was.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)  # one that got lost would come as an alarm that nobody answers any more
    except KeyboardInterrupt:  # before the command line was there to answer it, or just after
        os._exit(128 + signal.SIGINT)
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
        # A regular exit would wait for threads that hang in the network, and whoever interrupted would wait with them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    from vkstate.cli.app import run
    from vkstate.cli.boundary import remember_interrupts

    remember_interrupts()
    return run(sys.argv[1:])


def _interrupted_again(lost: UnraisableHookArgs) -> None:
    """Let an interrupt come again that met Python cleaning up after an object, where no exception gets through.

    By a timer of the system's: to start a thread takes locks, and the clean-up may have come in the middle of that. The
    timer repeats itself, since Python notes a signal that comes just before a long call, and acts on it after that.
    """
    if lost.exc_type is KeyboardInterrupt:
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, _A_MOMENT, _A_MOMENT)
    else:
        sys.__unraisablehook__(lost)


def _interrupt(_: int, __: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.raise_signal(signal.SIGINT)


def _open_standard_streams() -> None:
    """Make stdout and stderr fit to be written to, whatever the caller left of them."""
    # Where one was closed, the next file to be opened would take its place, and receive what is meant for people.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where an encoding lacks a character, \u2192 is better than an error; on stderr Python does so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
