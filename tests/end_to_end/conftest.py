"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clock import Timed, timed
from tests.front import Front, fronted
from tests.reliability.canaries import nothing_to_commit as nothing_to_commit  # of every test here
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty directory, which is the working directory, and an environment without a word for vkstate."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    return Workspace(path)


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A sandbox over HTTP behind a gateway that can fail; its master key is in the environment."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as gateway:
        yield gateway


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    """The same, with a clock that can be put forward."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with timed(tmp_path / "timed.sqlite") as server:
        yield server
