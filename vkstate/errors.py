"""The root of every error that vkstate raises on purpose, and the exit codes of the command line.

An error says three things, each in its own place: what kind of failure it is (``summary``, fixed for the class), what
happened here and why (``detail``, full sentences), and the next command to type (``hint``). The command line prints
them; nothing else formats an error.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The process exit codes of ``vkstate``; they are part of its interface."""

    OK = 0
    """Done, or nothing to do."""
    ERROR = 1
    """Nothing was done, or it is unknown what was done."""
    CHANGES = 2
    """``--detailed-exitcode``: the plan holds changes."""
    PARTIAL = 3
    """Done in part: some changes failed or were not attempted, or a value that was asked for is not known."""
    CANCELLED = 4
    """Declined at the prompt."""
    LOCKED = 5
    """Another process holds the lock."""
    STALE = 6
    """The plan is stale, or not the one that was expected."""
    USAGE = 64
    """The command line was wrong, a target names no key, or a question had to be asked without a terminal."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""
    TERMINATED = 143
    """SIGTERM (128 + SIGTERM)."""


class VkstateError(Exception):
    """An expected failure: it is printed as ``error:``, its detail and a ``hint:``, without a traceback.

    ``summary`` and ``exit_code`` belong to the class; ``detail`` and ``hint`` to the instance. None of them may hold a
    key value or the master key.
    """

    summary: ClassVar[str] = "vkstate failed"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.summary}: {self.detail}"
