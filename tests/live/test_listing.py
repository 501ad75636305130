"""A listing is cut into pages by offset: what is read on a real proxy while somebody makes and deletes keys there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.contract.proxies import TIMEOUT_SECONDS, Proxy
from tests.workspace import Workspace
from vkstate.keys import Alias
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_live

pytestmark = pytest.mark.live

KEYS = 210
CONFIG = """\
proxy: {url: '%s'}
workshops:
  %sw: {count: %d, user_prefix: user, models: [gpt-4], duration: 1h}
"""


@pytest.fixture
def workshop(workspace: Workspace, proxy: Proxy) -> dict[Alias, str]:
    """The keys that exist all the time, on three pages: token by alias."""
    workspace.configure(CONFIG % (proxy.base_url, proxy.prefix, KEYS))
    workspace.apply()
    return {Alias(alias): token for alias, token in workspace.tokens.items()}


class Somebody:
    """Makes and deletes keys that are newer than the workshop's, under aliases that begin alike, past vkstate."""

    def __init__(self, proxy: Proxy) -> None:
        self._url = proxy.base_url
        self._alias = proxy.alias("w-user-other")
        self._made = 0
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {proxy.master_key}"
        self.left: list[str] = []

    def makes(self) -> None:
        self._made += 1
        body = {"key_alias": f"{self._alias}{self._made}", "models": ["gpt-4"], "duration": "1h"}
        self.left.append(self._post("/key/generate", body)["token"])

    def deletes(self) -> None:
        self._post("/key/delete", {"keys": [self.left.pop()]})

    def _post(self, path: str, body: object) -> dict[str, str]:
        answer = self._session.post(f"{self._url}{path}", json=body, timeout=TIMEOUT_SECONDS)
        assert answer.status_code == 200, answer.text
        document: dict[str, str] = answer.json()
        return document

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Makes and deletes keys without a pause, as long as this is open."""
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                self.makes()
                self.makes()
                self.deletes()
                self.deletes()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@pytest.fixture
def somebody(proxy: Proxy) -> Iterator[Somebody]:
    made = Somebody(proxy)
    yield made
    proxy.made += made.left


def found(connection: Connection, aliases: list[Alias]) -> dict[str | None, str]:
    """What a plan of so many new aliases would see under them."""
    live = read_live(LiteLLMProxy(connection), [], aliases)
    return {key.alias: key.token for key in live.keys}


class Disturbed(HTTPAdapter):
    """Lets somebody delete a key right after the first page of a listing was answered: once of all keys, and once of
    those that a search finds. Notes what is listed."""

    def __init__(self, somebody: Somebody) -> None:
        super().__init__()
        self._somebody = somebody
        self.first_pages: list[bool] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **options)
        asked = parse_qs(urlsplit(request.url or "").query)
        searched = "substring_matching" in asked
        if asked.get("page") == ["1"] and asked.get("size") == ["100"] and searched == ("key_alias" in asked):
            if searched not in self.first_pages:
                self._somebody.deletes()
            self.first_pages.append(searched)
        return answer


def test_a_key_that_slips_between_two_pages_is_read_all_the_same(
    workshop: dict[Alias, str], proxy: Proxy, somebody: Somebody
) -> None:
    somebody.makes()
    somebody.makes()
    disturbed = Disturbed(somebody)
    with Connection(
        proxy.base_url, proxy.master_key, mount=lambda session: session.mount(proxy.base_url, disturbed)
    ) as connection:
        assert found(connection, list(workshop)) == workshop
    assert disturbed.first_pages.count(disturbed.first_pages[-1]) >= 3, "read, read again, and seen to be the same"


def test_a_listing_beside_somebody_who_never_rests(
    workshop: dict[Alias, str], proxy: Proxy, somebody: Somebody
) -> None:
    with Connection(proxy.base_url, proxy.master_key) as connection, somebody.busy():
        for _ in range(3):
            assert found(connection, list(workshop)) == workshop
