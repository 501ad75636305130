"""Worlds in which there is some of everything to do."""

from __future__ import annotations

from tests.executor.world import World
from tests.factories import EMPTY_ROW, SHOWN, desired, foreign, live, pending, recorded

FULL = {**EMPTY_ROW, **SHOWN}


def mixed(count: int = 3) -> World:
    """Some of everything: creates, updates, deletes, an adoption, a forgotten key and one that stays as it is."""
    numbers = range(1, count + 1)
    updated, deleted = [f"update{n}" for n in numbers], [f"delete{n}" for n in numbers]
    here = World().want(
        [
            *(desired(f"create{n}") for n in numbers),
            *(desired(alias, max_budget=5) for alias in updated),
            desired("adopt"),
            desired("same"),
        ]
    )
    there = [live(alias, FULL) for alias in [*updated, *deleted, "adopt", "same"]]
    return here.has(
        [*map(recorded, [*updated, *deleted, "gone", "same"]), pending("adopt")], [*there, foreign("other")]
    )
