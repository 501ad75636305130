"""The state as a value. Its text: ``vkstate.state.parsing`` and ``serialising``; its keeper: ``vkstate.state.file``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vkstate.keys import Alias, RecordedKey

FORMAT: Final = 1
"""The version of the file format. It rises only when older versions could no longer read the file rightly."""


@dataclass(frozen=True)
class State:
    """Which keys vkstate owns on one proxy, and what it last applied to them.

    ``lineage`` is the state's identity, minted once; ``serial`` its version, one more on every run that changes
    anything. ``proxy`` is the canonical url that it is bound to; None until it has keys.
    """

    lineage: str
    serial: int
    proxy: str | None
    keys: Mapping[Alias, RecordedKey]

    @classmethod
    def empty(cls, lineage: str) -> State:
        """The state of a project that owns nothing yet."""
        return cls(lineage, 0, None, {})


def mint_lineage() -> str:
    """A new identity for a state."""
    return str(uuid.uuid4())
