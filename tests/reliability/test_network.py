"""Faults of the network and of the proxy over everything that vkstate does: each run ends well, or tells what became of
every change; nothing is lost either way, and the next apply converges."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.front import fronted, sandbox_at
from tests.reliability.account import expected, held_to
from tests.reliability.counts import counted
from tests.reliability.invariants import Broken
from tests.reliability.scenes import NAMES, SCENES, Scene, Stage, guarded
from tests.reliability.weather import impatient, weathered
from tests.workspace import Workspace
from vkstate.expiry import parse_duration
from vkstate.sandbox.settings import Settings

SHORT = 10
"""Faults a scene, at least, in the default suite."""
LONG = 110
"""Faults a scene, at least, in a sweep."""
TIMEOUT = 0.4
"""Seconds for which vkstate waits for an answer in foul weather."""


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch, TIMEOUT)
    # The shortest timeout that a config can have is a second.
    monkeypatch.setattr("vkstate.config.proxy.parse_duration", lambda text: parse_duration(text) * TIMEOUT)


def faults_met(
    scene: Scene, place: Path, monkeypatch: pytest.MonkeyPatch, seed: str, *, server_makes_values: bool = False
) -> int:
    """Set a stage, run the scene's command in foul weather, and see that all is well; how many faults there were."""
    place.mkdir()
    monkeypatch.chdir(place)
    workspace = Workspace(place)
    settings = Settings(disable_custom_api_keys=server_makes_values)
    with fronted(place.parent / f"{place.name}.sqlite", settings=settings) as front:
        stage = Stage(workspace, front.sandbox, front.url)
        guard = guarded(scene, stage)
        guard.valueless = server_makes_values
        return weathered(scene, stage, front, guard, seed, TIMEOUT)


@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("faults", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)])
def test_foul_weather(scene: Scene, faults: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met = number = 0
    while met < faults:
        number += 1
        met += faults_met(scene, tmp_path / str(number), monkeypatch, f"{scene.name} {number}")
    counted(met, "faults")


CREATING = tuple(scene for scene in SCENES if scene.name in ("create", "delete", "replace", "replace with grace"))
"""The scenes in which keys are made."""


@pytest.mark.parametrize("scene", CREATING, ids=lambda scene: scene.name.replace(" ", "_"))
@pytest.mark.parametrize("faults", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)])
def test_foul_weather_where_the_proxy_makes_the_values(
    scene: Scene, faults: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is lost leaves a key whose value nobody has; it goes, at the latest in the next run."""
    met = number = 0
    while met < faults:
        number += 1
        seed = f"{scene.name} {number}, valueless"
        met += faults_met(scene, tmp_path / str(number), monkeypatch, seed, server_makes_values=True)
    counted(met, "faults where the proxy makes the values")


class Server:
    """A sandbox as a process of its own, which can be killed and started again on its file."""

    def __init__(self, place: Path) -> None:
        self._workspace = Workspace(place)
        self._workspace.write("vkstate.yaml", "proxy: {url: 'sandbox://'}\n")
        self._runs = ExitStack()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.path = place / ".vkstate" / "sandbox.sqlite"

    def start(self) -> None:
        """Start it; it listens when this returns."""
        self._runs.enter_context(self._workspace.forked("sandbox", "serve", "--port", str(self._port)))
        for _ in range(500):
            try:
                assert requests.get(f"{self.url}/health/liveliness", timeout=5).json() == "I'm alive!"
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("the sandbox does not come up")

    def kill(self) -> None:
        """SIGKILL."""
        self._runs.close()

    def fails(self, after: float, away: float) -> None:
        """Die after so many seconds, and be back so many later."""
        time.sleep(after)
        self.kill()
        time.sleep(away)
        self.start()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    place = tmp_path / "server"
    place.mkdir()
    server = Server(place)
    server.start()
    yield server
    server.kill()


def outlived(scene: Scene, stage: Stage, server: Server, instant: float, away: float) -> float:
    """Run the scene's command, kill the proxy at an instant, and see that all is well; how long the run took."""
    guard = guarded(scene, stage)
    before = expected(guard, scene.arguments)
    patient = (stage.workspace.path / "vkstate.yaml").read_text(encoding="utf-8")
    stage.workspace.configure(patient.replace("timeout: 30s", "timeout: 30s, retries: 5"))
    death = threading.Thread(target=server.fails, args=(instant, away))
    start = time.monotonic()
    death.start()
    ran = stage.workspace.run(*scene.arguments, "--json")
    took = time.monotonic() - start
    death.join()
    try:
        held_to(before, ran, guard)
        guard.check()
        guard.converge()
    except AssertionError as error:
        raise Broken(f"{scene.name}, killed at {instant:.3f} of {took:.3f} s\n{error}\n{ran}") from error
    return took


@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("deaths", [2, pytest.param(12, marks=pytest.mark.sweep)])
def test_the_proxy_is_killed_within_a_run_and_comes_back(
    scene: Scene, deaths: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    instants = random.Random(f"{scene.name} {deaths}")
    proxy = sandbox_at(server.path)
    took = 0.2
    for number in range(deaths):
        place = tmp_path / str(number)
        place.mkdir()
        monkeypatch.chdir(place)
        stage = Stage(Workspace(place), proxy, server.url, prefix=f"p{number}-")
        took = outlived(scene, stage, server, instants.uniform(0.0, min(took, 0.5)), instants.uniform(0.0, 0.2))
    counted(deaths, "deaths of the proxy")
