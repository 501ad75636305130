"""The time at which a page plays, on the proxy and on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Self
from unittest.mock import patch

_ASKING: Final = (
    "vkstate.cli.applying",
    "vkstate.cli.handing_out",
    "vkstate.litellm.clock",
    "vkstate.litellm.transport",
)
"""The modules that ask what time it is; a vkstate which is run by bash asks the real clock."""


class Clock:
    """The real clock, until it is set; from then on as much ahead of it, or behind, as that made it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def set(self, instant: datetime) -> None:
        """Make it this instant now."""
        self._ahead = instant - datetime.now(UTC)

    @contextmanager
    def of_this_machine(self) -> Iterator[None]:
        """Meanwhile, vkstate in this process takes it for the machine's own clock."""
        if not self._ahead:
            yield
            return
        clock = self

        class Told(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(clock().timestamp(), tz)

        with ExitStack() as stack:
            for module in _ASKING:
                stack.enter_context(patch(f"{module}.datetime", Told))
            yield
