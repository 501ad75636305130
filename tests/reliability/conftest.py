"""What the reliability tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.canaries import nothing_to_commit as nothing_to_commit  # of every test here with a workspace
from tests.reliability.runs import Zygote
from tests.workspace import OWN_VARIABLES
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Where runs begin at once, and can be killed."""
    server = Zygote(tmp_path_factory.mktemp("zygote"))
    yield server
    server.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a word for vkstate but the sandbox's master key."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
