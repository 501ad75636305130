"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from tests.litellm.fake import MASTER_KEY, URL, FakeLiteLLM
from tests.litellm.hasty import hasty
from vkstate.litellm.client import Connection


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, netrc or certificate of the machine that runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the connection took between repetitions."""
    return []


@pytest.fixture
def connection(pauses: list[float]) -> Iterator[Connection]:
    """A connection to the url where answers are set by ``responses``; it never really waits."""
    with Connection(URL, MASTER_KEY, gate=hasty(pauses)) as made:
        yield made


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """Canned answers, every one of which has to be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def fake() -> Iterator[FakeLiteLLM]:
    """A LiteLLM in memory, at the url of ``connection``."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeLiteLLM(mock)
