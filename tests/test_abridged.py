"""Rows of names that may be long."""

from __future__ import annotations

import pytest

from vkstate.abridged import abridged


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (1, "0"), (3, "0, 1, 2"), (4, "0, 1, 2 and 1 more"), (1003, "0, 1, 2 and 1,000 more")]
)
def test_the_first_are_named_and_the_rest_counted(count: int, text: str) -> None:
    assert abridged([str(number) for number in range(count)], 3) == text
