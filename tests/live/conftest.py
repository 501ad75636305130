"""What the live tests share: a real proxy, and a project on it that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.contract.conftest import live_proxy, opened
from tests.contract.proxies import Proxy
from tests.workspace import OWN_VARIABLES, Workspace


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """The real proxy, spoken to past vkstate, with a name space for one test."""
    url, master_key = live_proxy()
    with requests.Session() as session:
        session.trust_env = False
        found = opened(session, url, master_key)
        yield found
        found.clean_up()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
    """An environment without a word for vkstate but the real proxy's master key."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.master_key)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, alone: None) -> Iterator[Workspace]:
    """An empty directory, which is the working directory; what its project makes is deleted afterwards."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    project = Workspace(path)
    yield project
    if project.state_path.exists():
        proxy.made += [record["token"] for record in project.keys.values() if record["token"]]
