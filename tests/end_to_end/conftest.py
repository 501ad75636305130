"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clock import Timed, timed
from tests.reliability.canaries import nothing_to_commit as nothing_to_commit  # of every test here
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it repeats a request or a key's creation, vkstate in this process makes the same pauses, only shorter."""
    monkeypatch.setattr("vkstate.litellm.retry._FIRST", 0.02)
    monkeypatch.setattr("vkstate.litellm.pressure._FIRST", 0.02)
    monkeypatch.setattr("vkstate.executor.creation._FIRST_PAUSE", 0.02)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    """The same, with a clock that can be put forward."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with timed(tmp_path / "timed.sqlite") as server:
        yield server
