"""Long rows of names, as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def abridged(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are: ``one, other and 1,248 more``.

    :param most: how many are named.
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
