"""The proxies that the contract is tested against: the sandbox in process and over HTTP, and a real one if any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.contract.proxies import TIMEOUT_SECONDS, Proxy
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.server import serving
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

NO_LIVE_PROXY = "no real proxy to test against: set VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY"


@pytest.fixture(scope="session", params=["sandbox", "sandbox-over-http", pytest.param("live", marks=pytest.mark.live)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One running proxy; shared by all tests, each of which has its own aliases."""
    with ExitStack() as stack:
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        base_url, master_key = BASE_URL, DEFAULT_MASTER_KEY
        path = tmp_path_factory.mktemp("sandbox") / "sandbox.sqlite"
        if request.param == "sandbox":
            session.mount(SCHEME, SandboxAdapter(path))
        elif request.param == "sandbox-over-http":
            base_url = stack.enter_context(serving(path))
        else:
            base_url, master_key = live_proxy()
        yield opened(session, base_url, master_key)


@pytest.fixture
def proxy(server: Proxy) -> Iterator[Proxy]:
    """A proxy with a name space for one test; what the test made is deleted afterwards."""
    mine = Proxy(server.session, server.base_url, server.master_key, server.release, server.served)
    yield mine
    mine.clean_up()


def live_proxy() -> tuple[str, str]:
    """Base URL and master key of the real proxy; skips the test where none is named."""
    url, master_key = os.environ.get("VKSTATE_LIVE_URL"), os.environ.get("VKSTATE_LIVE_MASTER_KEY")
    if not url or not master_key:
        pytest.skip(NO_LIVE_PROXY)
    return url.rstrip("/"), master_key


def opened(session: requests.Session, base_url: str, master_key: str) -> Proxy:
    """A proxy whose release and models are known."""
    headers = {"Authorization": f"Bearer {master_key}"}
    readiness = session.get(f"{base_url}/health/readiness", timeout=TIMEOUT_SECONDS).json()
    if "litellm_version" not in readiness:
        details = session.get(f"{base_url}/health/readiness/details", headers=headers, timeout=TIMEOUT_SECONDS)
        readiness = details.json()
    major, minor, *_ = readiness["litellm_version"].split(".")
    models = session.get(f"{base_url}/v1/models", headers=headers, timeout=TIMEOUT_SECONDS).json()["data"]
    served = frozenset(model["id"] for model in models)
    return Proxy(session, base_url, master_key, (int(major), int(minor)), served)
