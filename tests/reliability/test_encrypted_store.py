"""Death and disk faults with the encrypted store, whether an identity is at hand for the next run or not."""

from __future__ import annotations

import errno
import random
from typing import Final

import pytest

from tests.reliability.invariants import Broken
from tests.reliability.points import Watch
from tests.reliability.scenes import Scene
from tests.reliability.sealed_scenes import IDENTITY, SEALED_SCENES
from tests.reliability.test_points import (
    FAULTS,
    SHORT,
    Opened,
    Theatre,
    check_account,
    chosen,
    command_of,
    died,
    over,
    theatre,  # noqa: F401 - a fixture
)
from tests.workspace import OWN_VARIABLES

APPLYING: Final = [scene for scene in SEALED_SCENES if scene.arguments[0] != "secrets"]
MANAGING: Final = [scene for scene in SEALED_SCENES if scene.arguments[0] == "secrets"]

some_and_all = pytest.mark.parametrize(
    "count", [SHORT, pytest.param(None, marks=pytest.mark.sweep)], ids=["some", "all"]
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def named(scene: Scene) -> str:
    return scene.name.replace(" ", "_")


@pytest.mark.parametrize("scene", APPLYING, ids=named)
@pytest.mark.parametrize("opens", [False, True], ids=["closed", "with_an_identity"])
@some_and_all
def test_death_at_every_point(
    scene: Scene,
    opens: bool,
    count: int | None,
    theatre: Theatre,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = chosen(theatre.points(scene), f"death {scene.name}", count)

    def attempt(number: int) -> None:
        opened = theatre.opened(scene)
        died(opened, scene, points[number])
        opened.guard.check()
        if opens:
            monkeypatch.setenv("VKSTATE_AGE_IDENTITY", IDENTITY)
        begun = _begun(opened)
        opened.guard.converge()
        if opens and any(opened.workspace.tokens.get(alias) != token for alias, token in begun.items()):
            raise Broken(f"a create was begun, and went on with another value: {begun}")
        monkeypatch.delenv("VKSTATE_AGE_IDENTITY", raising=False)

    over(theatre, [f"{scene.name}, {point}" for point in points], attempt)


def _begun(opened: Opened) -> dict[str, str]:
    """The tokens of the creates that were begun and whose keys are desired still."""
    return {
        alias: record["token"]
        for alias, record in opened.workspace.keys.items()
        if record["status"] == "pending" and record.get("token") in opened.workspace.stored
    }


@pytest.mark.parametrize("scene", APPLYING, ids=named)
@some_and_all
def test_the_disk_fails_at_every_point(
    scene: Scene,
    count: int | None,
    theatre: Theatre,  # noqa: F811
) -> None:
    points = [point for point in theatre.points(scene) if point.can_fail]
    cases = [(point, fault) for point in points for fault in FAULTS]
    if count is not None:
        cases = random.Random(f"disk {scene.name}").sample(cases, count)

    def attempt(number: int) -> None:
        point, fault = cases[number]
        opened = theatre.opened(scene)
        watch = Watch(point, failing=fault)
        with watch.watching():
            ran = opened.workspace.run(*command_of(scene))
        opened.guard.check()
        check_account(opened, scene, ran)
        opened.guard.converge()

    over(theatre, [f"{scene.name}, {point}, {errno.errorcode[fault]}" for point, fault in cases], attempt)


@pytest.mark.parametrize("scene", MANAGING, ids=named)
@some_and_all
def test_death_while_values_are_encrypted_anew_or_moved(
    scene: Scene,
    count: int | None,
    theatre: Theatre,  # noqa: F811
) -> None:
    """At no instant is a value in neither store, or closed to everybody; the same command completes what was begun."""
    points = chosen(theatre.points(scene), f"death {scene.name}", count)

    def attempt(number: int) -> None:
        opened = theatre.opened(scene)
        before = opened.workspace.stored
        died(opened, scene, points[number])
        if opened.workspace.stored != before:
            raise Broken(f"{len(before)} values were kept, and now {len(opened.workspace.stored)}")
        opened.guard.converge()
        _complete(opened, scene)
        if opened.workspace.stored != before:
            raise Broken("the second run lost a value")
        said = opened.workspace.run("plan").stderr
        if "warning: " in said:
            raise Broken(f"something is left to do: {said}")

    over(theatre, [f"{scene.name}, {point}" for point in points], attempt)


def _complete(opened: Opened, scene: Scene) -> None:
    """Run the command again, as it is given where the config says already what it is to say."""
    words = list(scene.arguments)
    if "migrate" in words and "store: age" in (opened.workspace.path / "vkstate.yaml").read_text():
        words = [word for word in words if not word.startswith(("--recipient", "age1"))]
    opened.workspace.ok(*words)
