"""The program around the command line: an interrupt that Python loses on the way comes again."""

from __future__ import annotations

import subprocess
import sys

from tests.workspace import Ran

TURNED = """
import signal
import vkstate.__main__ as program, vkstate.cli.app as app

def answered(arguments):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ValueError("odd") from None

app._answered = answered
program.main()
"""
"""A library that makes another error of an interrupt."""
PROGRAM = """
import signal, time
import vkstate.__main__ as program

class Dying:
    def __del__(self):
        {deed}

def run():
    Dying()
    time.sleep({seconds})
    return 0

program._run = run
program.main()
"""
"""In place of the command line, something that is cleaned up while it runs."""
LINGERING = """
import time

class Lingering:
    def __del__(self, sleep=time.sleep):
        sleep(0.2)

last = Lingering()
"""
"""Makes Python take its time once the program has ended."""


def ran(program: str) -> Ran:
    """Run a program as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, encoding="utf-8", timeout=60
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_an_interrupt_amid_a_clean_up_is_not_lost() -> None:
    """No exception leaves a clean-up; the interrupt ends the run all the same, and without a traceback."""
    assert ran(PROGRAM.format(deed="signal.raise_signal(signal.SIGINT)", seconds=30)) == Ran(130, "", "")


def test_an_interrupt_lost_when_all_is_done_does_not_come_again() -> None:
    assert ran(LINGERING + PROGRAM.format(deed="signal.raise_signal(signal.SIGINT)", seconds=0)) == Ran(0, "", "")


def test_other_mistakes_amid_a_clean_up_are_told_as_ever() -> None:
    told = ran(PROGRAM.format(deed="raise ValueError('odd')", seconds=0))
    assert (told.code, told.stdout) == (0, "")
    assert told.stderr.startswith("Exception ignored in: <function Dying.__del__ at ")
    assert told.stderr.endswith("ValueError: odd\n")


def test_an_interrupt_that_a_library_turns_into_an_error_is_no_bug_of_ours() -> None:
    assert ran(TURNED) == Ran(130, "", "\nerror: interrupted\n  Nothing more was started.\n")
