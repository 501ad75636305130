"""Faults of the wire itself, against a server that misbehaves to the byte."""

from __future__ import annotations

import re
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

import vkstate
from tests.litellm.fake import MASTER_KEY
from tests.litellm.hasty import hasty
from tests.litellm.scripted import Scripted, answer, hang, raw, reset, serving, trickle
from vkstate.errors import VkstateError
from vkstate.executor.ports import NotSent
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import NoAnswer, NoDatabase, Redirected, ServerFault, TlsFailed, TooBusy, Unreachable
from vkstate.litellm.transport import Answer


def _connection(script: Scripted, pauses: list[float], retries: int = 3, timeout: float = 5.0) -> Connection:
    return Connection(script.url, MASTER_KEY, gate=hasty(pauses), retries=retries, timeout=timeout)


def test_one_connection_serves_many_requests(pauses: list[float]) -> None:
    with serving(answer(200, {}), answer(200, {}), answer(200, {})) as script, _connection(script, pauses) as made:
        for _ in range(3):
            made.get("/key/list")
    assert (script.connections, len(script.seen), pauses) == (1, 3, [])


def test_every_request_says_who_asks(pauses: list[float]) -> None:
    with (
        serving(answer(200, {}), answer(200, {})) as script,
        Connection(script.url, MASTER_KEY, headers={"x-gateway": "one"}, gate=hasty(pauses)) as made,
    ):
        made.get("/key/list", {"key_alias": "a b&c"})
        made.post("/key/delete", {"keys": ["é"]}, repeat=True)
    first, second = script.seen
    assert first.line == "GET /key/list?key_alias=a+b%26c HTTP/1.1"
    assert first.headers["authorization"] == f"Bearer {MASTER_KEY}"
    assert first.headers["user-agent"] == f"vkstate/{vkstate.__version__}"
    assert first.headers["x-gateway"] == "one"
    assert "content-type" not in first.headers
    assert second.line == "POST /key/delete HTTP/1.1"
    assert second.headers["content-type"] == "application/json"
    assert second.body == '{"keys":["é"]}'.encode()


def test_a_netrc_entry_does_not_replace_the_master_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(answer(200, {})) as script, _connection(script, pauses) as made:
        made.get("/key/list")
    assert script.seen[0].headers["authorization"] == f"Bearer {MASTER_KEY}"


def test_a_refused_connection_is_unreachable_at_once(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Connection(f"http://127.0.0.1:{port}", MASTER_KEY, gate=hasty(pauses)) as made,
        pytest.raises(Unreachable) as caught,
    ):
        made.get("/key/list")
    assert caught.value.detail == (
        f"GET http://127.0.0.1:{port}/key/list: the connection was refused: nothing listens there."
    )
    assert caught.value.hint == "start the proxy, or check proxy.url in the config"
    assert pauses == []


def test_a_proxy_that_has_answered_before_is_waited_for(pauses: list[float]) -> None:
    with serving(answer(200, {}, keep=False)) as script:
        made = _connection(script, pauses, retries=2)
        made.get("/key/list")
    with made, pytest.raises(Unreachable):
        made.get("/key/list")
    assert len(pauses) == 2


def test_an_unknown_host_is_unreachable(pauses: list[float]) -> None:
    with (
        Connection("http://no-such-host.invalid", MASTER_KEY, gate=hasty(pauses)) as made,
        pytest.raises(Unreachable) as caught,
    ):
        made.get("/key/list")
    assert caught.value.detail == "GET http://no-such-host.invalid/key/list: there is no such host."


def test_a_dead_http_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    with (
        Connection("http://litellm.example.com", MASTER_KEY, gate=hasty(pauses)) as made,
        pytest.raises(Unreachable) as caught,
    ):
        made.get("/key/list")
    assert caught.value.hint == "correct these variables, or name this host in NO_PROXY"


def test_a_request_goes_through_the_http_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with serving(answer(200, {})) as script:
        monkeypatch.setenv("HTTP_PROXY", script.url)
        with Connection("http://litellm.example.com", MASTER_KEY, gate=hasty(pauses)) as made:
            made.get("/key/list")
    assert script.seen[0].line == "GET http://litellm.example.com/key/list HTTP/1.1"


def test_plain_http_where_tls_is_expected(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_plainly() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer_plainly)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with Connection(url, MASTER_KEY, gate=hasty(pauses)) as made, pytest.raises(TlsFailed) as caught:
            made.get("/key/list")
        thread.join(5)
    assert caught.value.detail == (
        f"GET {url}/key/list: the encrypted connection could not be set up; the server may speak plain HTTP there."
    )
    assert pauses == []


def test_a_file_of_certificates_that_is_not_there(pauses: list[float], tmp_path: Path) -> None:
    with (
        Connection("https://127.0.0.1:9", MASTER_KEY, gate=hasty(pauses), verify=str(tmp_path / "ca.pem")) as made,
        pytest.raises(TlsFailed) as caught,
    ):
        made.get("/key/list")
    assert caught.value.hint == "correct proxy.ca_file in the config"


def test_a_reset_is_repeated_once_without_a_pause(pauses: list[float]) -> None:
    with serving(reset, answer(200, {})) as script, _connection(script, pauses, retries=0) as made:
        assert made.get("/key/list").status == 200
    assert (len(script.seen), pauses) == (2, [])


def test_resets_that_go_on_are_given_up(pauses: list[float]) -> None:
    with (
        serving(*[reset] * 4) as script,
        _connection(script, pauses, retries=2) as made,
        pytest.raises(NoAnswer) as caught,
    ):
        made.get("/key/list")
    assert caught.value.detail == f"GET {script.url}/key/list: the connection was closed before an answer came."
    assert (len(script.seen), len(pauses)) == (4, 2)


def test_what_must_not_be_repeated_is_sent_once(pauses: list[float]) -> None:
    with serving(reset) as script, _connection(script, pauses) as made, pytest.raises(NoAnswer):
        made.post("/key/generate", {}, repeat=False)
    assert (len(script.seen), pauses) == (1, [])


def test_a_hanging_server_is_left_after_the_timeout(pauses: list[float]) -> None:
    with serving(hang) as script, _connection(script, pauses, timeout=0.3) as made, pytest.raises(NoAnswer) as caught:
        made.post("/key/generate", {}, repeat=False)
    assert caught.value.detail == f"POST {script.url}/key/generate: no answer within 0.3 s."


def test_a_call_ends_within_its_deadline_however_often_it_is_repeated(pauses: list[float]) -> None:
    with (
        serving(*[hang] * 9) as script,
        _connection(script, pauses, retries=8, timeout=0.2) as made,
        pytest.raises(NoAnswer),
    ):
        made.get("/key/list")
    assert len(script.seen) <= 4


def test_an_endless_answer_is_left_after_the_timeout(pauses: list[float]) -> None:
    with (
        serving(trickle) as script,
        _connection(script, pauses, timeout=0.3, retries=0) as made,
        pytest.raises(NoAnswer),
    ):
        made.get("/key/list")


@pytest.mark.parametrize(
    "cut",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"keys"',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"keys"',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    ],
    ids=["length", "chunked", "gzip"],
)
def test_an_answer_that_is_cut_short_is_none(cut: bytes, pauses: list[float]) -> None:
    with serving(raw(cut), answer(200, {})) as script, _connection(script, pauses) as made:
        with pytest.raises(NoAnswer) as caught:
            made.post("/key/generate", {}, repeat=False)
        assert made.get("/key/list").status == 200
    assert caught.value.detail == f"POST {script.url}/key/generate: the answer was cut short."


def test_a_redirect_is_not_followed_and_names_the_url_to_write(pauses: list[float]) -> None:
    turn = answer(307, {}, {"Location": "https://user:pass@new.example.com/llm/key/list?secret=1"})
    with serving(turn) as script, _connection(script, pauses) as made, pytest.raises(Redirected) as caught:
        made.get("/key/list")
    assert caught.value.detail == (
        f"GET {script.url}/key/list leads to https://new.example.com/llm/key/list (307). A redirect is not followed: "
        "the master key would be sent there."
    )
    assert caught.value.hint == "if that is your proxy, write it in the config: proxy.url: https://new.example.com/llm"
    assert len(script.seen) == 1


def test_a_redirect_to_somewhere_else_altogether(pauses: list[float]) -> None:
    with (
        serving(answer(302, {}, {"Location": "/login"})) as script,
        _connection(script, pauses) as made,
        pytest.raises(Redirected) as caught,
    ):
        made.get("/key/list")
    assert caught.value.hint == "see what the proxy says: vkstate check"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_later_is_repeated_with_a_growing_pause(status: int, pauses: list[float]) -> None:
    turns = [answer(status, {})] * 3
    with serving(*turns, answer(200, {})) as script, _connection(script, pauses) as made:
        assert made.get("/key/list").status == 200
    assert len(pauses) == 3
    assert all(0 <= pause <= 0.5 * 2**attempt for attempt, pause in enumerate(pauses))


def test_too_many_requests_for_good_is_waited_for_as_long_as_patience_lasts(pauses: list[float]) -> None:
    with (
        serving(*[answer(429, {"detail": "slow down"}, {"Retry-After": "20"})] * 5) as script,
        _connection(script, pauses, retries=1) as made,
        pytest.raises(TooBusy) as caught,
    ):
        made.get("/key/list")
    assert len(script.seen) == 5, "four pauses of 20 s fit into 90 s"
    assert re.fullmatch(
        rf"GET {script.url}/key/list: the proxy has let nothing through for 8[0-4] s; it answered 429, and asked to be "
        r"left alone for 20 s\.",
        caught.value.detail,
    )
    assert 80 <= sum(pauses) <= 84


def test_what_was_turned_away_by_a_429_was_not_carried_out_and_is_sent_again(pauses: list[float]) -> None:
    with serving(*[answer(429, {})] * 9, answer(200, {})) as script, _connection(script, pauses, retries=1) as made:
        assert made.post("/key/generate", {}, repeat=False).status == 200
    assert len(script.seen) == 10


def test_what_must_not_be_repeated_is_not_after_a_503(pauses: list[float]) -> None:
    with serving(answer(503, {}), answer(200, {})) as script, _connection(script, pauses) as made:
        assert made.exchange("POST", "/key/generate", body={}, repeat=False).status == 503
        assert pauses == []
        made.get("/key/list")
    assert len(pauses) == 1, "the next one waits in its place"


def test_a_proxy_that_answered_once_is_waited_for_while_it_is_away(pauses: list[float]) -> None:
    turns = [answer(200, {}), *[answer(503, {})] * 9, answer(200, {})]
    with serving(*turns) as script, _connection(script, pauses, retries=1) as made:
        made.get("/key/list")
        made.get("/key/list")
    assert (len(script.seen), len(pauses)) == (11, 9)


def test_a_proxy_that_never_answered_is_not_waited_for_while_it_is_away(pauses: list[float]) -> None:
    with (
        serving(*[answer(503, {"detail": "starting"})] * 3, answer(200, {"status": "healthy"})) as script,
        _connection(script, pauses, retries=2) as made,
        pytest.raises(ServerFault) as caught,
    ):
        made.get("/key/list")
    assert caught.value.detail == f"GET {script.url}/key/list: LiteLLM said (503): starting."
    assert [one.line.split()[1] for one in script.seen] == ["/key/list"] * 3 + ["/health/readiness"]


def test_nothing_is_repeated_where_that_is_not_wanted(pauses: list[float]) -> None:
    with serving(answer(429, {}), answer(503, {})) as script, _connection(script, pauses, retries=0) as made:
        assert [made.exchange("GET", "/key/list").status for _ in range(2)] == [429, 503]
    assert len(script.seen) == 2


def test_a_database_that_is_lost_is_told_as_that_when_patience_ends(pauses: list[float]) -> None:
    lost = answer(503, {"error": {"message": "No database. sk-secret-1234567", "type": "no_db_connection"}})
    later = answer(503, {"detail": "busy"}, {"Retry-After": "3600"})
    with serving(answer(200, {}), *[lost] * 99) as script, _connection(script, pauses) as made:
        made.get("/key/list")
        with pytest.raises(NoDatabase) as caught:
            made.get("/key/list")
    assert caught.value.detail.startswith(f"GET {script.url}/key/list: LiteLLM said (503): No database.")
    assert "1234567" not in caught.value.detail
    assert sum(pauses) > 80, "a busy proxy says so for a moment"
    with serving(answer(200, {}), later) as script, _connection(script, pauses) as made:
        made.get("/key/list")
        with pytest.raises(TooBusy):
            made.get("/key/list")


def test_a_budget_that_is_spent_is_not_waited_for(pauses: list[float]) -> None:
    spent = answer(429, {"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded"}})
    with serving(spent) as script, _connection(script, pauses) as made:
        assert made.exchange("GET", "/v1/models").status == 429
    assert (len(script.seen), pauses) == (1, [])


def test_later_said_to_another_key_holds_nobody_up(pauses: list[float]) -> None:
    told = answer(429, {}, {"Retry-After": "60"})
    with serving(told, answer(200, {})) as script, _connection(script, pauses, retries=0) as made:
        assert made.exchange("GET", "/v1/models", bearer="sk-another").status == 429
        made.get("/key/list")
    assert (len(script.seen), pauses) == (2, [])


def test_waiting_for_the_proxy_does_not_count_as_time_of_the_request(pauses: list[float]) -> None:
    turns = [*[answer(503, {}, {"Retry-After": "40"}), answer(200, {})] * 2, answer(503, {}, {"Retry-After": "40"})]
    with serving(answer(200, {}), *turns, reset, reset, answer(200, {})) as script:
        made = Connection(script.url, MASTER_KEY, timeout=1.0, gate=hasty(pauses, patience=50))
        with made:
            for _ in range(4):
                made.get("/key/list")
    assert len(script.seen) == 9
    assert sum(pauses) >= 120


def test_a_request_that_waits_is_given_up_when_waiting_is_too_long(pauses: list[float]) -> None:
    with serving(answer(429, {}, {"Retry-After": "5"}), answer(503, {})) as script, _connection(script, pauses) as made:
        with made.left_when(lambda seconds: seconds > 0), pytest.raises(NotSent):
            made.post("/key/update", {}, repeat=True)
        pauses.append(6.0)
        with made.left_when(lambda seconds: seconds > 0):
            assert made.exchange("POST", "/key/update", body={}).status == 503, "that one may have been carried out"
    assert len(script.seen) == 2


def test_retry_after_in_seconds_is_kept_to(pauses: list[float]) -> None:
    with (
        serving(answer(503, {}, {"Retry-After": "3"}), answer(200, {})) as script,
        _connection(script, pauses) as made,
    ):
        made.get("/key/list")
    assert len(pauses) == 1
    assert 2.9 <= pauses[0] <= 3.3


def test_retry_after_as_a_date_counts_on_the_servers_clock(pauses: list[float]) -> None:
    server = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    headers = {"Date": format_datetime(server, usegmt=True)}
    until = {"Retry-After": format_datetime(server + timedelta(seconds=8), usegmt=True)}
    with (
        serving(answer(503, {}, headers | until), answer(200, {}, headers)) as script,
        _connection(script, pauses) as made,
    ):
        made.get("/key/list")
    assert len(pauses) == 1
    assert 5 <= pauses[0] <= 8.8


def test_retry_after_beyond_all_patience_ends_the_call(pauses: list[float]) -> None:
    with (
        serving(answer(429, {}, {"Retry-After": "3600"})) as script,
        _connection(script, pauses) as made,
    ):
        for path in ("/key/list", "/v1/models"):
            with pytest.raises(TooBusy) as caught:
                made.get(path)
            assert caught.value.detail == (
                f"GET {script.url}{path}: the proxy answered 429, and asked to be left alone for 3600 s."
            )
    assert (len(script.seen), pauses) == (1, [])


def test_no_two_threads_share_a_session_and_all_are_closed(pauses: list[float]) -> None:
    together = threading.Barrier(3)

    def meet(connection: socket.socket, stopped: threading.Event) -> bool:
        together.wait(5)
        return answer(200, {})(connection, stopped)

    with serving(*[meet] * 3, answer(200, {})) as script, _connection(script, pauses) as made:

        def ask(_: int) -> Answer:
            return made.get("/key/list")

        assert [one.status for one in made.each(ask, range(3), 3)] == [200, 200, 200]
        made.get("/key/list")
        assert script.connections == 3


def test_the_first_error_of_several_requests_stops_the_rest(connection: Connection) -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 0:
            raise NoAnswer("first")
        done.append(number)
        return number

    with pytest.raises(VkstateError, match="first"):
        connection.each(work, range(1), 2)
    with pytest.raises(VkstateError, match="first"):
        connection.each(work, range(100), 2)
    assert len(done) < 100


def test_the_log_is_told_of_every_request_and_never_a_body(pauses: list[float]) -> None:
    said: list[tuple[str, str, int | None]] = []
    with (
        serving(reset, answer(200, {})) as script,
        Connection(script.url, MASTER_KEY, gate=hasty(pauses), log=lambda *told: said.append(told[:3])) as made,
    ):
        made.get("/key/list", {"key_alias": "x"})
    assert said == [("GET", "/key/list", None), ("GET", "/key/list", 200)]
