"""How long a command waits for the lock of the state."""

from __future__ import annotations

from typing import ClassVar

from vkstate.errors import ExitCode, VkstateError
from vkstate.expiry import parse_duration


class WrongDuration(VkstateError):
    """``--lock-timeout`` is no duration."""

    summary: ClassVar[str] = "the lock timeout is not a duration"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def lock_seconds(text: str) -> float:
    """The seconds of ``--lock-timeout``; ``0s`` does not wait."""
    if text in ("0", "0s"):
        return 0.0
    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise WrongDuration(f"--lock-timeout: {error}.", hint="for example: --lock-timeout 60s") from None
