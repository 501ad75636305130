"""SIGKILL of a real process at random instants: every invariant holds at once, and the next apply converges."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.front import Front, fronted
from tests.reliability.counts import counted
from tests.reliability.invariants import Guard
from tests.reliability.scenes import SCENES, STATE_SCENES, Scene, Stage, guarded
from tests.workspace import Workspace, end_of

SHORT = 5
"""Kills a scene in the default suite."""
LONG = 40
"""Kills a scene in a sweep."""


pytestmark = pytest.mark.usefixtures("alone")


class Opened:
    """A scene whose stage is set once; each run finds it as it was then.

    :param place: where the project of each run goes, and the sandbox's file.
    """

    def __init__(self, scene: Scene, place: Path, front: Front, keys: Path, enter: Callable[[Path], None]) -> None:
        self._scene, self._place, self._front, self._keys, self._enter = scene, place, front, keys, enter
        self._runs = 0
        template = place / "template"
        template.mkdir()
        enter(template)
        self._others = guarded(scene, Stage(Workspace(template), front.sandbox, front.url)).others
        shutil.copyfile(keys, keys.with_suffix(".template"))

    def anew(self) -> Guard:
        """The stage, in a directory of its own, which is the working directory then."""
        self._runs += 1
        project = self._place / str(self._runs)
        shutil.copytree(self._place / "template", project, symlinks=True)
        shutil.copyfile(self._keys.with_suffix(".template"), self._keys)
        self._enter(project)
        return Guard(Workspace(project), self._front.sandbox, others=self._others)

    def once(self, seconds: float | None) -> float:
        """Run the scene's command, kill it after so many seconds, and see that all is well.

        Returns how long the run took until it ended or was killed.
        """
        guard = self.anew()
        start = time.monotonic()
        with guard.workspace.forked(*self._scene.arguments) as run:
            if seconds is not None:
                time.sleep(seconds)
                run.kill()
            ended = end_of(run)
            took = time.monotonic() - start
        assert ended.code in (0, -signal.SIGKILL), ended
        self._front.settle()
        if guard.workspace.state_path.exists():
            guard.check()
        if self._scene.settled_by:
            guard.workspace.ok(*self._scene.settled_by)
        guard.converge()
        return took


@pytest.mark.parametrize("scene", [*SCENES, *STATE_SCENES], ids=lambda scene: scene.name.replace(" ", "_"))
@pytest.mark.parametrize("kills", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)])
def test_a_killed_run_leaves_nothing_behind(
    scene: Scene, kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = random.Random(f"{scene.name} {kills}")
    with fronted(tmp_path / "sandbox.sqlite") as front:
        opened = Opened(scene, tmp_path, front, tmp_path / "sandbox.sqlite", monkeypatch.chdir)
        whole = opened.once(None)
        for _ in range(kills):
            opened.once(instants.uniform(0.0, whole * 1.05))
    counted(kills, "kills")
