"""What the tests of the command line share."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.golden import compare


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of this name; the ports of servers on the loopback do not count."""
    update = bool(request.config.getoption("--update-golden"))

    def check(name: str, text: str) -> None:
        compare(f"cli/{name}", re.sub(r"(?<=127\.0\.0\.1:)\d+", "PORT", text), update=update)

    return check
