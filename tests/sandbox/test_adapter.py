"""The adapter: what it gives a ``requests`` session, and how URLs must be written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests.sandbox.conftest import Clock, client
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, Settings

HEADERS = {"Authorization": f"Bearer {DEFAULT_MASTER_KEY}"}


def test_a_real_response(path: Path) -> None:
    response = client(path, Settings(clock=Clock())).get("/key/list", {"size": 5})
    assert (response.status_code, response.reason, response.ok) == (200, "OK", True)
    assert response.json() == {"keys": [], "total_count": 0, "current_page": 1, "total_pages": 0}
    assert dict(response.headers) == {
        "date": "Wed, 18 Mar 2026 12:30:15 GMT",
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    assert response.headers["Content-Type"] == "application/json"
    assert (response.url, response.request.method) == (f"{BASE_URL}/key/list?size=5", "GET")
    assert timedelta(0) < response.elapsed < timedelta(seconds=10)
    assert (response.encoding, response.history) == ("utf-8", [])


def test_a_refusal_is_a_response_too(path: Path) -> None:
    response = client(path).post("/key/delete", {"keys": ["nothing"]})
    assert (response.status_code, response.reason) == (404, "Not Found")
    with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found for url"):
        response.raise_for_status()


def test_redirects_are_followed_only_if_asked(path: Path) -> None:
    session = client(path).session
    stopped = session.get(f"{BASE_URL}/key/list/?size=5", allow_redirects=False)
    assert (stopped.status_code, stopped.headers["location"]) == (307, f"{BASE_URL}/key/list?size=5")
    followed = session.get(f"{BASE_URL}/key/list/?size=5", headers=HEADERS)
    assert (followed.status_code, followed.url) == (200, f"{BASE_URL}/key/list?size=5")


@pytest.mark.parametrize("base", ["http+sandbox://local", "http+sandbox://elsewhere:99"])
def test_parameters_reach_it_whatever_the_authority(path: Path, base: str) -> None:
    session = client(path).session
    for name in ("one", "two & more"):
        session.post(f"{base}/key/generate", json={"key_alias": name})
    answer = session.get(f"{base}/key/list", params={"key_alias": "two & more", "page": "1"}).json()
    assert answer["total_count"] == 1


@pytest.mark.parametrize("base", ["sandbox://local", "sandbox://"])
def test_the_plain_scheme_takes_the_query_in_the_url_only(path: Path, base: str) -> None:
    """For a scheme that does not begin with ``http``, ``requests`` drops ``params``: that is why ours does."""
    with requests.Session() as session:
        session.mount("sandbox://", SandboxAdapter(path))
        for name in ("one", "two"):
            session.post(f"{base}/key/generate", json={"key_alias": name}, headers=HEADERS)
        in_url = session.get(f"{base}/key/list?key_alias=two", headers=HEADERS)
        as_params = session.get(f"{base}/key/list", params={"key_alias": "two"}, headers=HEADERS)
    assert (in_url.json()["total_count"], as_params.json()["total_count"]) == (1, 2)


def test_it_goes_on_after_a_close(path: Path) -> None:
    session = client(path).session
    session.close()
    assert session.get(f"{BASE_URL}/key/list").status_code == 200


def test_threads_share_an_adapter(path: Path) -> None:
    adapter = SandboxAdapter(path)

    def create(number: int) -> int:
        with requests.Session() as session:
            session.mount(SCHEME, adapter)
            body = {"key_alias": f"t{number}"}
            return session.post(f"{BASE_URL}/key/generate", json=body, headers=HEADERS).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(create, range(64))) == [200] * 64
    assert client(path).get("/key/list").json()["total_count"] == 64


def test_bodies_of_text_bytes_and_none(path: Path) -> None:
    session = client(path).session
    for body in ('{"keys": ["x"]}', b'{"keys": ["x"]}'):
        assert session.post(f"{BASE_URL}/v2/key/info", data=body).json() == {"key": ["x"], "info": []}
    assert session.post(f"{BASE_URL}/v2/key/info").status_code == 422


def test_neither_settings_nor_errors_show_the_master_key(path: Path) -> None:
    secret = "sk-canary-master-key"
    settings = Settings(master_key=secret)
    assert secret not in repr(settings)
    response = client(path, settings, key="sk-another-key-of-some-length").get("/key/list")
    assert response.status_code == 401
    assert secret not in response.text
