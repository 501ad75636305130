"""The connection itself: adapters for other schemes, a path in the url, and sessions."""

from __future__ import annotations

import io

import pytest
import requests
import responses
from requests.adapters import BaseAdapter

from tests.litellm.fake import MASTER_KEY, URL
from vkstate.litellm.client import Connection
from vkstate.litellm.transport import BearerAuth


class Echo(BaseAdapter):
    """Answers with the url that it was asked, without a socket."""

    closed = 0

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.raw = io.BytesIO(str(request.url).encode())
        return response

    def close(self) -> None:
        Echo.closed += 1


def test_an_adapter_can_be_mounted_for_a_scheme_of_its_own() -> None:
    with Connection("sandbox://local", MASTER_KEY, mount=lambda session: session.mount("sandbox://", Echo())) as made:
        answer = made.get("/key/list", {"key_alias": "a b", "page": "1"})
        assert answer.body == b"sandbox://local/key/list?key_alias=a+b&page=1"
        before = Echo.closed
    assert Echo.closed == before + 1


def test_a_path_in_the_url_is_kept(answers: responses.RequestsMock) -> None:
    answers.add("GET", "https://example.com/llm/key/list", json={})
    with Connection("https://example.com/llm/", MASTER_KEY) as made:
        assert made.get("/key/list").status == 200
        assert repr(made) == "Connection('https://example.com/llm')"


def test_the_master_key_does_not_show_in_its_auth() -> None:
    assert repr(BearerAuth(MASTER_KEY)) == "BearerAuth(***)"


def test_a_file_of_certificates_outranks_the_environment(
    answers: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/somewhere/else.pem")
    answers.add("GET", "https://example.com/key/list", json={})
    with Connection("https://example.com", MASTER_KEY, verify="/ours.pem") as made:
        made.get("/key/list")
    assert answers.calls[0].request.req_kwargs["verify"] == "/ours.pem"  # type: ignore[attr-defined]  # set by responses


def test_each_keeps_the_order_of_its_items() -> None:
    with Connection("https://example.com", MASTER_KEY) as made:
        assert made.each(lambda number: number * 2, range(50), 8) == [number * 2 for number in range(50)]
        assert made.each(lambda number: number * 2, [], 8) == []
        assert made.each(lambda number: number * 2, [4], 8) == [8]
        assert made.each(lambda number: number * 2, [4, 5], 1) == [8, 10]


class Counting:
    """A watch that counts."""

    def __init__(self) -> None:
        self.slowed = 0
        self.expected: list[int] = []
        self.answered: list[None] = []

    def expect(self, requests: int) -> None:
        self.expected.append(requests)

    def request_answered(self) -> None:
        self.answered.append(None)

    def slowed_down(self) -> None:
        self.slowed += 1


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_watch_is_told_of_work_of_several_pieces(parallelism: int) -> None:
    watch = Counting()
    with Connection("https://example.com", MASTER_KEY) as made:
        with made.watched_by(watch):
            made.each(str, range(5), parallelism)
            made.each(str, [1], parallelism)
            assert (watch.expected, len(watch.answered)) == ([5], 5), "a single one has no progress"
            made.each(lambda number: made.each(str, range(number), parallelism), [2, 3], parallelism)
            assert (watch.expected[1], sorted(watch.expected[2:]), len(watch.answered)) == (2, [2, 3], 12)
            with pytest.raises(ZeroDivisionError):
                made.each(lambda number: 1 / number, [0, 0], parallelism)
            assert len(watch.answered) == 12, "what failed is not answered"
        made.each(str, range(5), parallelism)
    assert len(watch.answered) == 12, "nobody watches any more"


def test_a_watch_is_told_that_the_proxy_asks_to_come_later(
    connection: Connection, answers: responses.RequestsMock
) -> None:
    watch = Counting()
    for status in (429, 503, 200):
        answers.add("GET", f"{URL}/key/list", json={}, status=status)
    with connection.watched_by(watch):
        connection.get("/key/list")
    assert watch.slowed == 2
