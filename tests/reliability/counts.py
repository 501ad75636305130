"""What the tests have done, in numbers: ``pytest -rP`` prints them, and they can be added up."""

from __future__ import annotations


def counted(number: int, what: str) -> None:
    """Tell how often a test did what it does."""
    print(f"counted: {number} {what}")
