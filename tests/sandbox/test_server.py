"""The server: keep-alive, start, stop, and an address that is taken."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from vkstate.sandbox.server import SandboxServerError, serve, serving
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

HEADERS = {"Authorization": f"Bearer {DEFAULT_MASTER_KEY}"}


def connected(url: str) -> http.client.HTTPConnection:
    """A connection that is reused as long as the server lets it."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.connect()
    return connection


def test_it_serves_on_the_loopback_until_the_block_ends(path: Path) -> None:
    with serving(path) as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert requests.get(f"{url}/health/liveliness", timeout=10).json() == "I'm alive!"
        made = requests.post(f"{url}/key/generate", json={"key_alias": "over-http"}, headers=HEADERS, timeout=10)
        assert made.status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health/liveliness", timeout=10)
    with serving(path) as url:
        listed = requests.get(f"{url}/key/list", params={"key_alias": "over-http"}, headers=HEADERS, timeout=10)
        assert listed.json()["total_count"] == 1


def test_a_connection_is_kept(path: Path) -> None:
    with serving(path) as url:
        connection = connected(url)
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/key/list?size=1", headers=HEADERS)
            response = connection.getresponse()
            assert (response.status, response.version) == (200, 11)
            assert response.headers.get_all("date", []) == [response.headers["date"]]
            response.read()
            assert connection.sock is first
        connection.close()


def test_a_fault_that_nobody_foresaw_closes_the_connection(path: Path) -> None:
    with serving(path) as url:
        connection = connected(url)
        connection.request("POST", "/key/delete", body=b"[]", headers=HEADERS | {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, response.headers["connection"]) == (500, "close")
        assert response.read() == b'{"error":{"message":"Internal server error","type":"internal_server_error"}}'
        assert connection.sock is None
        connection.close()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused_as_litellm_does(path: Path, method: str) -> None:
    with serving(path) as url:
        response = requests.request(method, f"{url}/key/list", headers=HEADERS, timeout=10)
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})


def test_a_file_that_breaks_is_a_500(path: Path) -> None:
    with serving(path) as url:
        path.write_bytes(b"overwritten by something else" * 200)
        response = requests.get(f"{url}/key/info", headers=HEADERS, timeout=10)
    assert response.status_code == 500
    assert response.json()["error"]["message"] == (
        f"the sandbox cannot use its file: {path} could not be used as the sandbox's SQLite file: "
        "file is not a database."
    )


@pytest.mark.parametrize("header", [b"Content-Length: many", b"Transfer-Encoding: chunked"])
def test_a_body_of_unknown_length_is_refused(path: Path, header: bytes) -> None:
    with serving(path) as url, socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as raw:
        raw.sendall(b"POST /key/generate HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 411 Length Required\r\n")


def test_nothing_is_said_of_clients_that_go_away(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(path) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            raw.sendall(b"POST /key/generate HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        assert requests.get(f"{url}/health/liveliness", timeout=10).status_code == 200
    assert capfd.readouterr() == ("", "")


def test_an_address_that_is_taken(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxServerError) as caught:
            serve(path, port=port)
    assert caught.value.detail == f"It cannot listen on 127.0.0.1:{port}: Address already in use."
    assert caught.value.hint == "vkstate sandbox serve --port 0 takes a free port"


def test_ctrl_c_ends_it_quietly(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from vkstate.sandbox.server import serve; "
        "serve(Path(sys.argv[1]), port=0, announce=lambda url: print(url, flush=True)); print('stopped')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert requests.get(f"{url}/key/list", headers=HEADERS, timeout=10).status_code == 200
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()  # Popen waits for its child, be it for ever
    assert (out, err, process.returncode) == ("stopped\n", "", 0)
