"""The contest between vkstate and its peers, on a served sandbox."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from bench.contenders import Contender, Curl, Vkstate
from bench.live import KEY_VARIABLE, LiveProxy
from bench.peers import Contest, Step, contenders, parser, report
from bench.relay import relayed
from tests.front import Front
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture
def proxy(front: Front, monkeypatch: pytest.MonkeyPatch) -> LiveProxy:
    monkeypatch.setenv(KEY_VARIABLE, DEFAULT_MASTER_KEY)
    return LiveProxy(front.url, DEFAULT_MASTER_KEY)


def test_the_relay_counts_what_goes_through(proxy: LiveProxy) -> None:
    with relayed(proxy.url) as relay, requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{relay.url}/health/liveliness", timeout=5).json() == "I'm alive!"
        assert relay.count == 3


def test_a_request_in_pieces_counts_once(proxy: LiveProxy) -> None:
    with relayed(proxy.url) as relay, socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2]))) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"GET /health/live", b"liness HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r\n"):
            one.sendall(piece)
        answer = b"".join(iter(lambda: one.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert relay.count == 1


def test_only_plain_http_can_be_counted() -> None:
    with (
        pytest.raises(ValueError, match=r"https://litellm\.example\.com is not reached over plain HTTP"),
        relayed("https://litellm.example.com"),
    ):
        pass


@pytest.mark.parametrize("contender", [Vkstate, Curl])
def test_each_makes_keeps_and_deletes_the_keys(
    proxy: LiveProxy, contender: type[Contender], capsys: pytest.CaptureFixture[str]
) -> None:
    with relayed(proxy.url) as relay:
        made, again, gone = Contest(proxy, relay, 3).trial(contender)
    assert [(step.right, step.there) for step in (made, again, gone)] == [(3, 3), (3, 3), (0, 0)]
    assert made.requests >= 3
    assert capsys.readouterr().err == ""
    assert proxy.total_keys() == 0


class _Idle(Contender):
    name = "idle"

    def create(self) -> None:
        self.run("sh", "-c", f"echo no key like ${KEY_VARIABLE}")

    def delete(self) -> None:
        self.create()


def test_who_fails_is_quoted_without_the_master_key(proxy: LiveProxy, capsys: pytest.CaptureFixture[str]) -> None:
    with relayed(proxy.url) as relay:
        steps = Contest(proxy, relay, 2).trial(_Idle)
    assert [(step.requests, step.right, step.there) for step in steps] == [(0, 0, 0)] * 3
    assert capsys.readouterr().err == ("idle: not every key is right. It said last:\nno key like (master key)\n\n")


def test_contenders_are_those_that_are_given(tmp_path: Path) -> None:
    given = parser().parse_args(["--litellm-as-code", "/opt/litellm-as-code"])
    assert [one.name for one in contenders(given) if one is not Curl] == ["vkstate", "litellm-as-code"]
    every = parser().parse_args(["--litellm-as-code", "a", "--litellm-client", "b", "--collection", str(tmp_path)])
    assert {one.name for one in contenders(every)} >= {
        "vkstate",
        "litellm-as-code",
        "litellm-proxy keys",
        "the Ansible collection",
    }


def test_the_report_holds_everybody_against_vkstate() -> None:
    own = [Step(1.0, 5, 2, 2), Step(0.5, 2, 2, 2), Step(1.0, 3, 0, 0)]
    other = [Step(3.0, 2, 2, 2), Step(1.0, 2, 2, 4), Step(1.0, 2, 0, 2)]
    assert report({"vkstate": [own], "a loop of curl": [other]}, 2).splitlines() == [
        "create 2          time  x vkstate  requests  right  there",
        "vkstate         1.00 s        1.0         5      2      2",
        "a loop of curl  3.00 s        3.0         2      2      2",
        "",
        "run again, nothing changed      time  x vkstate  requests  right  there",
        "vkstate                     500.0 ms        1.0         2      2      2",
        "a loop of curl                1.00 s        2.0         2      2      4",
        "",
        "delete 2          time  x vkstate  requests  right  there",
        "vkstate         1.00 s        1.0         3      0      0",
        "a loop of curl  1.00 s        1.0         2      0      2",
    ]
