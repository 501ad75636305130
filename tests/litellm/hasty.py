"""Gates that wait in no time."""

from __future__ import annotations

import time

from vkstate.litellm.pressure import Gate


def hasty(pauses: list[float], patience: float = 90.0) -> Gate:
    """A gate whose pauses are noted here, and over at once: the clock goes on by them."""
    return Gate(
        patience,
        clock=lambda: time.monotonic() + sum(pauses),
        wait=lambda _, seconds: pauses.append(seconds),
    )
