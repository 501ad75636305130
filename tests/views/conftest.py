"""What the tests of the views share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.golden import compare


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of this name."""
    update = bool(request.config.getoption("--update-golden"))
    return lambda name, text: compare(f"views/{name}", text, update=update)
