"""SIGKILL of a real process at random instants: every invariant holds at once, and the next apply converges."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.front import fronted
from tests.reliability.counts import counted
from tests.reliability.runs import Zygote
from tests.reliability.scenes import SCENES, STATE_SCENES, Scene, Stage, guarded
from tests.workspace import Workspace

SHORT = 5
"""Kills a scene in the default suite."""
LONG = 40
"""Kills a scene in a sweep."""


pytestmark = pytest.mark.usefixtures("alone")


def once(scene: Scene, place: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> float:
    """Set a stage, run the scene's command, kill it after so many seconds, and see that all is well.

    Returns how long the run took until it ended or was killed.
    """
    place.mkdir()
    monkeypatch.chdir(place)
    workspace = Workspace(place)
    with fronted(place.parent / f"{place.name}.sqlite") as front:
        guard = guarded(scene, Stage(workspace, front.sandbox, front.url))
        start = time.monotonic()
        with zygote.running(workspace, *scene.arguments) as run:
            if seconds is not None:
                time.sleep(seconds)
                run.kill()
            ended = run.wait()
            took = time.monotonic() - start
        assert ended.killed_by is not None or ended.code == 0, ended
        front.settle()
        if guard.workspace.state_path.exists():
            guard.check()
        if scene.settled_by:
            guard.workspace.ok(*scene.settled_by)
        guard.converge()
    return took


@pytest.mark.parametrize("scene", [*SCENES, *STATE_SCENES], ids=lambda scene: scene.name.replace(" ", "_"))
@pytest.mark.parametrize("kills", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)])
def test_a_killed_run_leaves_nothing_behind(
    scene: Scene, kills: int, tmp_path: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = random.Random(f"{scene.name} {kills}")
    whole = once(scene, tmp_path / "whole", zygote, monkeypatch, None)
    for number in range(kills):
        once(scene, tmp_path / str(number), zygote, monkeypatch, instants.uniform(0.0, whole * 1.05))
    counted(kills, "kills")
