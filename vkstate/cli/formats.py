"""``--format`` and ``--json``, which is short for one of the formats."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, TypeVar

from vkstate.errors import ExitCode, VkstateError

Format = TypeVar("Format", bound=StrEnum)


class TwoFormats(VkstateError):
    """``--json`` beside a format that is another one."""

    summary: ClassVar[str] = "two formats are asked for"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def chosen(given: Format, *, as_json: bool, usual: Format, json: Format) -> Format:
    """The format that the command line asks for.

    :param given: what ``--format`` says, or else ``usual``.
    :param json: what ``--json`` is short for.
    :raises TwoFormats: they are not the same.
    """
    if as_json and given not in (usual, json):
        raise TwoFormats(
            f"--json is short for --format json, and this is --format {given}.", hint="leave one of them out"
        )
    return json if as_json else given
