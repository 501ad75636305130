"""What the tests of the examples share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workspace import OWN_VARIABLES, Workspace

EXAMPLES = Path(__file__).parents[2] / "examples"
MADE = shutil.ignore_patterns(".vkstate", "*.state.json", "*.secrets.json", "reports")
"""What runs leave in an example: none of it is in a fresh checkout."""


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the module's ``EXAMPLE`` as it is in a fresh checkout, with a state; it is the working directory."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found = Workspace(shutil.copytree(request.module.EXAMPLE, tmp_path / "project", ignore=MADE))
    monkeypatch.chdir(found.path)
    found.ok("init")
    return found
