"""The proxies that the contract is tested against: the sandbox in process and over HTTP, and a real one if any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.contract.proxies import TIMEOUT_SECONDS, Proxy
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.litellm.client import Connection
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
def connection(proxy: Proxy) -> Iterator[Connection]:
    """The proxy as vkstate speaks to it."""
    adapter = proxy.session.get_adapter(proxy.base_url)
    with Connection(
        proxy.base_url, proxy.master_key, mount=lambda session: session.mount(proxy.base_url, adapter)
    ) as opened:
        yield opened


@pytest.fixture
def project(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A project on the proxy, spoken to over HTTP; what it makes is deleted afterwards."""
    if not proxy.base_url.startswith("http://"):
        pytest.skip("this one is spoken to in process only")
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.master_key)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    workspace = Workspace(path)
    yield workspace
    if workspace.state_path.exists():
        proxy.made += [record["token"] for record in workspace.keys.values() if record["token"]]


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
