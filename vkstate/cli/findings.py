"""What ``vkstate check`` finds: one thing that was looked at, and how well it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vkstate.abridged import abridged
from vkstate.errors import VkstateError
from vkstate.keys import Alias

_MOST_NAMED = 3


class Grade(StrEnum):
    """How well a thing is. Only what is wrong makes the check fail, and with ``--strict`` a warning too."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``detail`` is a sentence; ``hint`` the next command or edit.

    ``alias`` is given where it is one key that was tried.
    """

    what: str
    grade: Grade
    detail: str
    hint: str | None = None
    alias: Alias | None = None


def well(what: str, detail: str) -> Finding:
    """A finding that is as it should be."""
    return Finding(what, Grade.OK, detail)


def warning(what: str, detail: str, hint: str | None = None) -> Finding:
    """A finding that people should hear of."""
    return Finding(what, Grade.WARNING, detail, hint)


def wrong(what: str, detail: str, hint: str | None = None) -> Finding:
    """A finding that keeps vkstate, or a key, from working."""
    return Finding(what, Grade.WRONG, detail, hint)


def failed(what: str, error: VkstateError) -> Finding:
    """What could not be looked at."""
    apart = "\n" if "\n" in error.detail else " "
    return wrong(what, f"{error.summary}.{apart}{error.detail}", error.hint)


def named(names: Sequence[str]) -> str:
    """Names in a sentence: three of them, and how many more."""
    return abridged(names, _MOST_NAMED)
