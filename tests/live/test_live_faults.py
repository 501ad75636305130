"""Faults on the way to a real LiteLLM, over everything that vkstate does: see ``tests.reliability.test_network``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.contract.proxies import Proxy
from tests.live.stages import staged
from tests.reliability.counts import counted
from tests.reliability.scenes import NAMES, SCENES, Scene
from tests.reliability.weather import impatient, weathered

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("alone")]

TIMEOUT: Final = 3.0
"""Seconds for which vkstate waits; a real proxy takes its time where others use it, too."""
LONG: Final = 20
"""Faults a scene, at least, in a sweep."""
SHORT: Final = tuple(scene for scene in SCENES if scene.name in ("create", "update"))
"""The scenes that a plain run against a real proxy goes through."""
CASES: Final = [
    *(pytest.param(scene, 3, id=f"few-{scene.name}") for scene in SHORT),
    *(
        pytest.param(scene, LONG, id=f"many-{name}", marks=pytest.mark.sweep)
        for scene, name in zip(SCENES, NAMES, strict=True)
    ),
]


@pytest.mark.parametrize(("scene", "faults"), CASES)
def test_foul_weather(scene: Scene, faults: int, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch, TIMEOUT)
    met = number = 0
    while met < faults:
        number += 1
        place = tmp_path / f"f{number}"
        place.mkdir()
        monkeypatch.chdir(place)
        with staged(scene, place, proxy) as (stage, guard, gateway):
            met += weathered(scene, stage, gateway, guard, f"{scene.name} {number}, live", TIMEOUT)
    counted(met, "faults on the way to a real proxy")
