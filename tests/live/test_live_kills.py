"""SIGKILL at random instants of a process that works on a real LiteLLM; and a real LiteLLM restarted meanwhile."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from tests.contract.proxies import Proxy
from tests.live.stages import staged
from tests.reliability.account import expected, held_to
from tests.reliability.counts import counted
from tests.reliability.scenes import NAMES, SCENES, Scene
from tests.workspace import end_of

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("alone")]

LONG: Final = 6
"""Kills a scene in a sweep."""
SHORT: Final = tuple(scene for scene in SCENES if scene.name in ("create", "replace", "destroy"))
"""The scenes in which a plain run against a real proxy kills once."""
RESTART: Final = os.environ.get("VKSTATE_LIVE_RESTART", "")
"""A command that stops the real proxy and starts it again, and returns once it listens."""
CASES: Final = [
    *(pytest.param(scene, 1, id=f"once-{scene.name}") for scene in SHORT),
    *(
        pytest.param(scene, LONG, id=f"often-{name}", marks=pytest.mark.sweep)
        for scene, name in zip(SCENES, NAMES, strict=True)
    ),
]


def once(scene: Scene, place: Path, proxy: Proxy, seconds: float | None) -> float:
    """Set a scene's stage, run its command, kill it after so many seconds, and see that all is well.

    Returns how long the run took until it ended or was killed.
    """
    with staged(scene, place, proxy) as (stage, guard, gateway):
        start = time.monotonic()
        with stage.workspace.forked(*scene.arguments) as run:
            if seconds is not None:
                time.sleep(seconds)
                run.kill()
            ended = end_of(run)
            took = time.monotonic() - start
        assert ended.code in (0, -signal.SIGKILL), ended
        gateway.settle()
        guard.check()
        if guard.valueless and "--replace" in scene.arguments:
            stage.workspace.ok(
                "apply", "--auto-approve"
            )  # the old key goes in the plan after the one that makes the new
        guard.converge()
    return took


@pytest.mark.parametrize(("scene", "kills"), CASES)
def test_a_killed_run_leaves_nothing_behind(
    scene: Scene, kills: int, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = random.Random(f"{scene.name} {kills}, live")
    whole = once(scene, entered(tmp_path / "whole", monkeypatch), proxy, None)
    for number in range(kills):
        once(scene, entered(tmp_path / f"k{number}", monkeypatch), proxy, instants.uniform(0.0, whole))
    counted(kills, "kills on a real proxy")


def entered(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new directory that is the working directory."""
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.mark.sweep
@pytest.mark.skipif(not RESTART, reason="VKSTATE_LIVE_RESTART names no command that restarts the real proxy")
@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
def test_the_proxy_is_restarted_within_a_run(
    scene: Scene, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes away for as long as it takes; the run ends with a true account, and the next one converges."""
    instant = random.Random(f"{scene.name}, restart").uniform(0.05, 0.6)
    with staged(scene, entered(tmp_path / "r", monkeypatch), proxy) as (stage, guard, gateway):
        before = expected(guard, scene.arguments)
        restart = threading.Timer(instant, subprocess.run, [shlex.split(RESTART)], {"check": True})
        restart.start()
        ran = stage.workspace.run(*scene.arguments, "--json")
        restart.join()
        gateway.settle()
        held_to(before, ran, guard)
        guard.check()
        guard.converge()
    counted(1, "restarts of a real proxy")
