"""``vkstate sandbox serve``: the project's sandbox over HTTP."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.workspace import Workspace

CONFIG = "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n"


@contextmanager
def served(workspace: Workspace, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """The server's process, its url, and the headers with the master key that it announced."""
    with workspace.process("sandbox", "serve", "--port", "0", *arguments) as process:
        try:
            assert process.stderr is not None
            words = [process.stderr.readline() for _ in range(3)]
            assert (
                words[0]
                == "The sandbox imitates LiteLLM's key API, for trying and testing; its keys open nothing else.\n"
            )
            found = re.fullmatch(
                r"Listening on (http://127\.0\.0\.1:\d+), master key (sk-\S+)\. Ctrl-C ends it\.\n", words[1]
            )
            assert found, words
            url, key = found.groups()
            assert words[2] == f"  curl -H 'Authorization: Bearer {key}' {url}/key/list\n"
            yield process, url, {"Authorization": f"Bearer {key}"}
        finally:
            if process.poll() is None:
                process.kill()


def test_curl_sees_what_vkstate_makes(workspace: Workspace) -> None:
    workspace.configure(CONFIG)
    workspace.apply()
    with served(workspace) as (process, url, headers):
        assert requests.get(f"{url}/health/liveliness", timeout=5).json() == "I'm alive!"
        assert requests.get(f"{url}/key/list", timeout=5).status_code == 401
        listed = requests.get(f"{url}/key/list", headers=headers, timeout=5).json()
        assert listed["keys"] == [workspace.tokens["one"]]
        made = requests.post(f"{url}/key/generate", headers=headers, json={"key_alias": "by-hand"}, timeout=5)
        assert made.status_code == 200
        chat = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
        mine = {"Authorization": f"Bearer {workspace.values['one']}"}
        assert requests.post(f"{url}/v1/chat/completions", headers=mine, json=chat, timeout=5).status_code == 200
        assert "1 other key on the proxy is not managed here." in workspace.ok("plan").stdout
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read().strip() == ""
    assert sorted(row["key_alias"] for row in workspace.sandbox().listed()["keys"]) == ["by-hand", "one"]


def test_vkstate_uses_it_like_any_proxy(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(workspace) as (_, url, headers):
        monkeypatch.setenv("LITELLM_MASTER_KEY", headers["Authorization"].removeprefix("Bearer "))
        workspace.configure(CONFIG.replace("sandbox://", url))
        workspace.apply()
        assert workspace.ok("destroy", "--auto-approve").last_line == "Destroy complete! 1 deleted. 0 of 1 remain."


def test_a_port_that_is_taken(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = workspace.run("sandbox", "serve", "--port", str(port))
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr == (
        "error: the sandbox server did not start\n"
        f"  It cannot listen on 127.0.0.1:{port}: Address already in use.\n"
        "hint: vkstate sandbox serve --port 0 takes a free port\n"
    )


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none(workspace: Workspace, port: str) -> None:
    ran = workspace.run("sandbox", "serve", "--port", port)
    assert (ran.code, ran.stdout, ran.stderr.splitlines()[0]) == (64, "", "error: the command line is wrong")
    assert workspace.files() == {}
