"""What the reliability tests share."""

from __future__ import annotations

import pytest

from tests.reliability.canaries import nothing_to_commit as nothing_to_commit  # of every test here with a workspace
from tests.workspace import OWN_VARIABLES
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a word for vkstate but the sandbox's master key."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
