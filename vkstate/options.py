"""What a plan is asked for besides the keys of the config: values only, from the config and the command line.

A target, here as everywhere, is an alias glob, ``workshop:NAME`` or ``workshop:NAME/MEMBER``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

WORKSHOP: Final = "workshop:"
"""How a target begins that means the members of a workshop; an alias made by vkstate cannot hold a colon."""


@dataclass(frozen=True)
class Move:
    """A key that goes on under another alias, with the same value; or, as ``workshop:NAME``, a whole workshop.

    ``place`` is where it was asked for, as ``vkstate.yaml:30:3``.
    """

    source: str
    target: str
    place: str


@dataclass(frozen=True)
class Removed:
    """Keys that left the config: a target. They are deleted, or with ``destroy`` False live on as nobody's."""

    target: str
    destroy: bool
    place: str


@dataclass(frozen=True)
class Options:
    """How a plan departs from what config, state and proxy alone would make of it.

    ``replace``, ``renew`` and ``imports`` are targets. ``grace`` is how long the old value of a replaced key works on;
    None deletes the old key at once, and so does a block of the key. ``adopt_replaced`` takes over keys that bear the
    alias of one of ours which is gone.
    """

    replace: tuple[str, ...] = ()
    grace: timedelta | None = None
    renew: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    removed: tuple[Removed, ...] = ()
    adopt_replaced: bool = False


NO_OPTIONS: Final = Options()
"""What config, state and proxy alone ask for."""
