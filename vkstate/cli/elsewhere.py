"""With ``-C DIR``, vkstate works in another directory than whoever typed it: what they are told to type has to fit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

from vkstate.cli.commands import COMMANDS

_PROGRAMS: Final = ("age-keygen", "chmod", "cp", "echo", "git", "ls", "mkdir", "mv", "printf", "rm")
"""The programs that hints name, all of which take paths."""
_THEIRS: Final = re.compile(rf"(^|: )(?=(?:{'|'.join(_PROGRAMS)}) )")
_OURS: Final = re.compile(rf"\bvkstate (?=(?:{'|'.join(COMMANDS)})\b)")


def directory_of(arguments: Sequence[str]) -> str | None:
    """What ``-C`` or ``--chdir`` names, wherever it stands; None where it is not given."""
    for place, argument in enumerate(arguments):
        if argument in ("-C", "--chdir"):
            return arguments[place + 1] if place + 1 < len(arguments) else None
        name, equals, value = argument.partition("=")
        if name == "--chdir" and equals:
            return value
        if argument.startswith("-C") and not argument.startswith("--"):
            return argument[2:]
    return None


def from_here(text: str, directory: str | None) -> str:
    """A hint, or a sentence that ends in a command, as it is typed where vkstate was started."""
    if directory is None:
        return text
    quoted = shlex.quote(directory)
    ours = _OURS.sub(lambda _: f"vkstate -C {quoted} ", text)
    return _THEIRS.sub(lambda found: f"{found[1]}cd {quoted} && ", ours)
