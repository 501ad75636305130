"""SIGKILL of a real process at random instants: every invariant holds at once, and the next apply converges."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front import fronted
from tests.reliability.invariants import Guard
from tests.reliability.runs import Zygote
from tests.reliability.scenes import SCENES, Scene, Stage
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

SHORT = 5
"""Kills a scene in the default suite."""
LONG = 40
"""Kills a scene in a sweep."""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    server = Zygote(tmp_path_factory.mktemp("zygote"))
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)


def once(scene: Scene, place: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> float:
    """Set a stage, run the scene's command, kill it after so many seconds, and see that all is well.

    Returns how long the run took until it ended or was killed.
    """
    place.mkdir()
    monkeypatch.chdir(place)
    workspace = Workspace(place)
    with fronted(place.parent / f"{place.name}.sqlite") as front:
        for name in ("theirs1", "theirs2"):
            assert front.sandbox.generate({"key_alias": name, "metadata": {"owner": "x"}}).status_code == 200
        stage = Stage(workspace, front.sandbox, front.url)
        workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
        scene.set_up(stage)
        guard = Guard(workspace, front.sandbox)
        guard.note_others(only={"theirs1", "theirs2"})
        start = time.monotonic()
        with zygote.running(workspace, *scene.arguments) as run:
            if seconds is not None:
                time.sleep(seconds)
                run.kill()
            ended = run.wait()
            took = time.monotonic() - start
        assert ended.killed_by is not None or ended.code == 0, ended
        front.settle()
        guard.check()
        guard.converge()
    return took


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "_"))
@pytest.mark.parametrize("kills", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)])
def test_a_killed_run_leaves_nothing_behind(
    scene: Scene, kills: int, tmp_path: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = random.Random(f"{scene.name} {kills}")
    whole = once(scene, tmp_path / "whole", zygote, monkeypatch, None)
    for number in range(kills):
        once(scene, tmp_path / str(number), zygote, monkeypatch, instants.uniform(0.0, whole * 1.05))
