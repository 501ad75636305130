"""What the server starts is what Python starts: it says the same, and ends in the same way."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.front import Front, Hold
from tests.launcher import launcher
from tests.workspace import Workspace, end_of

CONFIG = "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n"


@pytest.mark.parametrize("arguments", [("version",), ("plan",), ("plan", "--json"), ("output", "two"), ("--wrong",)])
def test_as_a_cold_start(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    workspace.configure(CONFIG)
    assert workspace.run_forked(*arguments) == workspace.run_process(*arguments)


def test_its_environment_and_its_directory(workspace: Workspace) -> None:
    workspace.write("vkstate.yaml", CONFIG.replace("gpt-4", '"${env.MODEL}"'))
    assert workspace.run_forked("init").code == 0
    assert [workspace.run_forked("plan", environ=given).code for given in ({"MODEL": "gpt-4"}, {})] == [0, 1]


def test_the_block_ends_it(workspace: Workspace) -> None:
    with workspace.forked("sandbox", "serve", "--port", "0") as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


def test_in_other_circumstances(workspace: Workspace) -> None:
    slower = replace(workspace, within=("nice", "-n", "1"))
    own, least = os.getpriority(os.PRIO_PROCESS, 0), 19
    with slower.forked("sandbox", "serve", "--port", "0") as process:
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(own + 1, least)


def test_an_interrupt_that_comes_at_once(workspace: Workspace, front: Front) -> None:
    """It waits until there is somebody to answer it."""
    workspace.configure(CONFIG.replace("sandbox://", front.url))
    release = threading.Event()
    front.rule = lambda seen: Hold(release)
    for _ in range(5):
        with workspace.forked("plan") as process:
            process.send_signal(signal.SIGINT)
            ran = end_of(process)
        assert (ran.code, ran.stdout, "Traceback" in ran.stderr) == (130, "", False), ran
    release.set()


@pytest.fixture
def command(tmp_path: Path) -> Path:
    return launcher(tmp_path / "bin", pidfile=tmp_path / "pid")


def test_the_command(workspace: Workspace, command: Path) -> None:
    done = subprocess.run([command, "version"], capture_output=True, encoding="utf-8", check=False)
    ran = workspace.run_process("version")
    assert (done.returncode, done.stdout, done.stderr) == (ran.code, ran.stdout, ran.stderr)
    assert subprocess.run([command, "--wrong"], capture_output=True, check=False).returncode == 64


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {143, -signal.SIGTERM}), (signal.SIGINT, {130})])
def test_signals_reach_what_the_command_stands_for(
    workspace: Workspace, front: Front, command: Path, number: signal.Signals, codes: set[int]
) -> None:
    workspace.configure(CONFIG.replace("sandbox://", front.url))
    release = threading.Event()
    front.rule = lambda seen: Hold(release)
    try:
        with subprocess.Popen([command, "plan"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            front.wait_for("GET", "/key/list")
            process.send_signal(number)
            assert process.wait(60) in codes
    finally:
        release.set()


def test_a_command_ends_with_what_it_stands_for(workspace: Workspace, command: Path, tmp_path: Path) -> None:
    with subprocess.Popen([command, "sandbox", "serve", "--port", "0"], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
