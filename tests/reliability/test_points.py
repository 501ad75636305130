"""Death and disk faults at every call of state, store and client: nothing is lost, and the next run converges."""

from __future__ import annotations

import errno
import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.contract.proxies import Proxy
from tests.reliability.counts import counted
from tests.reliability.invariants import Broken, Guard, Row, all_rows, lineage_of, steady
from tests.reliability.points import Killed, Point, Watch
from tests.reliability.scenes import NAMES, SCENES, Scene, Stage
from tests.workspace import OWN_VARIABLES, Ran, Workspace

FEW: Final = 2
"""Members of the workshop: every kind of call is there, and not too often."""
SHORT: Final = 4
"""Points of each kind a scene in the default suite."""
FAULTS: Final = (errno.ENOSPC, errno.EIO, errno.EACCES)
"""How a disk fails."""
NOT_SAVED: Final = "the state could not be saved"


class FewKeys(Stage):
    """A stage with a smaller workshop."""

    def configure(
        self, *, keys: str = "", members: int = FEW, budget: int = 5, name: str = "ws", rest: str = ""
    ) -> None:
        """As every stage, with at most a few members."""
        super().configure(keys=keys, members=min(members, FEW), budget=budget, name=name, rest=rest)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True)
class Opened:
    """A stage that is set, in a directory of its own, which is the working directory."""

    workspace: Workspace
    proxy: Proxy
    guard: Guard
    before: Mapping[str, Row]
    """The rows of the proxy by token, without what moves by itself."""

    def rows(self) -> dict[str, Row]:
        """The same as they are now."""
        return {row["token"]: steady(row) for row in all_rows(self.proxy)}


class Theatre:
    """Sets each stage once, and copies it from then on."""

    def __init__(self, place: Path, chdir: Callable[[Path], None]) -> None:
        self._place = place
        self._chdir = chdir
        self._opened = 0
        self._copies: list[Path] = []
        self._points: dict[str, list[Point]] = {}

    def opened(self, scene: Scene) -> Opened:
        """The scene's stage, anew."""
        template = self._place / scene.name
        if not template.exists():
            self._set_up(scene, template)
        workspace = self.copied(template)
        proxy = workspace.sandbox()
        guard = Guard(workspace, proxy)
        guard.note_others(only={"theirs1", "theirs2"})
        return Opened(workspace, proxy, guard, {row["token"]: steady(row) for row in all_rows(proxy)})

    def copied(self, project: Path) -> Workspace:
        """A copy of a project, entered."""
        self._opened += 1
        path = self._place / f"copy {self._opened}"
        self._copies.append(path)
        shutil.copytree(project, path)
        self.enter(path)
        return Workspace(path)

    def clear(self) -> None:
        """Remove the copies made since the last time."""
        self.enter(self._place)
        for path in self._copies:
            shutil.rmtree(path)
        self._copies.clear()

    def enter(self, project: Path) -> None:
        """Make a project the working directory."""
        self._chdir(project)

    def _set_up(self, scene: Scene, path: Path) -> None:
        path.mkdir(parents=True)
        self.enter(path)
        workspace = Workspace(path)
        proxy = workspace.sandbox()
        for name in ("theirs1", "theirs2"):
            assert proxy.generate({"key_alias": name, "metadata": {"owner": "x"}}).status_code == 200
        workspace.configure("proxy: {url: 'sandbox://'}\n")
        scene.set_up(FewKeys(workspace, proxy, "sandbox://"))

    def points(self, scene: Scene) -> list[Point]:
        """All that an undisturbed run of the scene passes, in order."""
        if scene.name not in self._points:
            opened, watch = self.opened(scene), Watch()
            with watch.watching():
                ran = opened.workspace.run(*command_of(scene))
            assert ran.code == 0, ran
            assert len(set(watch.passed)) == len(watch.passed)
            self._points[scene.name] = watch.passed
        return self._points[scene.name]


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Theatre:
    return Theatre(tmp_path, monkeypatch.chdir)


def command_of(scene: Scene) -> tuple[str, ...]:
    """The scene's command, told in JSON, and with one request after the other, so that points keep their order."""
    return (
        *scene.arguments,
        "--json",
        *(() if scene.arguments[0] in ("refresh", "secrets") else ("--parallelism", "1")),
    )


def chosen(points: list[Point], seed: str, count: int | None) -> list[Point]:
    """All points, or so many of them."""
    return points if count is None else random.Random(seed).sample(points, min(count, len(points)))


def over(
    theatre: Theatre, cases: list[str], attempt: Callable[[int], None], what: str = "cases at named points"
) -> None:
    """Try every case, and tell of all that went wrong; only where something did, its project is kept."""
    counted(len(cases), what)
    wrong: list[str] = []
    for number, case in enumerate(cases):
        try:
            attempt(number)
        except AssertionError as error:
            wrong.append(f"{case}:\n{error}")
        else:
            theatre.clear()
    if wrong:
        raise Broken(f"{len(wrong)} of {len(cases)} cases:\n" + "\n\n".join(wrong[:10]))


def test_watching_changes_nothing_and_every_point_is_passed_again(theatre: Theatre) -> None:
    """The points are the same in every run, so that each can be named."""
    scene = SCENES[0]
    opened, watch = theatre.opened(scene), Watch()
    with watch.watching():
        assert opened.workspace.run(*command_of(scene)).code == 0
    assert sorted(map(str, watch.passed)) == sorted(map(str, theatre.points(scene)))
    opened.guard.check()
    opened.workspace.converged()


@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("count", [SHORT, pytest.param(None, marks=pytest.mark.sweep)], ids=["some", "all"])
def test_death_at_every_point(scene: Scene, count: int | None, theatre: Theatre) -> None:
    points = chosen(theatre.points(scene), f"death {scene.name}", count)

    def attempt(number: int) -> None:
        opened = theatre.opened(scene)
        died(opened, scene, points[number])
        opened.guard.check()
        opened.guard.converge()

    over(theatre, [f"{scene.name}, {point}" for point in points], attempt, "deaths at named points")


def died(opened: Opened, scene: Scene, point: Point) -> list[Point]:
    """Run the scene's command until it dies at a point; the points that it had passed."""
    watch = Watch(point)
    try:
        with watch.watching():
            ran = opened.workspace.run(*command_of(scene))
    except Killed:
        return watch.passed
    raise Broken(f"it lived on: {ran}")


@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("count", [1, pytest.param(40, marks=pytest.mark.sweep)], ids=["some", "many"])
def test_the_run_after_a_death_dies_too(scene: Scene, count: int, theatre: Theatre) -> None:
    dice = random.Random(f"twice {scene.name}")
    pairs = [(dice.choice(theatre.points(scene)), dice.random()) for _ in range(count)]

    def attempt(number: int) -> None:
        point, fraction = pairs[number]
        opened = theatre.opened(scene)
        died(opened, scene, point)
        again = Scene("again", scene.set_up)
        aside, watch = theatre.copied(opened.workspace.path), Watch()
        with watch.watching():
            aside.run(*command_of(again))
        theatre.enter(opened.workspace.path)
        died(opened, again, watch.passed[int(fraction * len(watch.passed))])
        opened.guard.check()
        opened.guard.converge()

    cases = [f"{scene.name}, {point}, then {fraction}" for point, fraction in pairs]
    over(theatre, cases, attempt, "deaths of the run after a death")


@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from_then_on"])
@pytest.mark.parametrize("count", [SHORT, pytest.param(None, marks=pytest.mark.sweep)], ids=["some", "all"])
def test_the_disk_fails_at_every_point(scene: Scene, lasting: bool, count: int | None, theatre: Theatre) -> None:
    """The process lives on: it ends with a true account, and what it could not do is done by the next."""
    points = [point for point in theatre.points(scene) if point.can_fail]
    cases = [(point, fault) for point in points for fault in ((errno.ENOSPC,) if lasting else FAULTS)]
    if count is not None:
        cases = random.Random(f"disk {scene.name} {lasting}").sample(cases, count)

    def attempt(number: int) -> None:
        point, fault = cases[number]
        opened = theatre.opened(scene)
        watch = Watch(point, failing=fault, lasting=lasting)
        with watch.watching():
            ran = opened.workspace.run(*command_of(scene))
        if not watch.hit:
            raise Broken(f"it did not come there: {ran}")
        opened.guard.check()
        check_account(opened, scene, ran)
        opened.guard.converge()

    names = [f"{scene.name}, {point}, {errno.errorcode[fault]}" for point, fault in cases]
    over(theatre, names, attempt, "disk faults at named points")


def check_account(opened: Opened, scene: Scene, ran: Ran) -> None:
    """See that what a run says of itself is so.

    :raises Broken: it is not.
    """
    if ran.code not in (0, 1, 3):
        raise Broken(f"exit code {ran.code}: {ran.stderr}")
    *results, last = ran.events
    rows = opened.rows()
    if last["type"] == "error":
        if results or last["exit_code"] != ran.code or ran.code != 1:
            raise Broken(f"the error does not fit its end: {ran}")
        if last["summary"] == NOT_SAVED:
            _check_rescued(opened, last["hint"])
        elif rows != opened.before:
            raise Broken(f"something was changed, and nothing is said of it: {ran.stderr}")
        return
    kinds = [result["type"] for result in results]
    told = (last["failed"], last["not_attempted"], last["complete"], ran.code)
    failed, skipped, applied = (kinds.count(kind) for kind in ("failed", "not_attempted", "applied"))
    complete = not (failed or skipped)
    if told != (failed, skipped, complete, 0 if complete else 3 if applied else 1):
        raise Broken(f"the summary does not fit: {ran}")
    undone = {change["alias"] for change in opened.workspace.run(*plan_after(scene)).document["changes"]}
    for result in results:
        alias = result["alias"]
        if result["type"] == "applied" and alias in undone:
            raise Broken(f"{alias} is said to be done, and is not: {ran}")
        if result["type"] == "not_attempted" and under(alias, rows) != under(alias, opened.before):
            raise Broken(f"{alias} is said to be untouched, and is not: {ran}")
    if ran.code == 0 and undone:
        raise Broken(f"all is said to be done, and {undone} is not: {ran}")


def _check_rescued(opened: Opened, hint: str) -> None:
    """What could not be saved is where the hint says, and it is the truth; or it says that nothing could be written."""
    place = opened.workspace.path / "vkstate.state.json.errored"
    if not place.exists():
        if ".errored" in hint:
            raise Broken(f"nothing is there: {hint}")
        return
    recorded = {record["token"] for record in json.loads(place.read_text())["keys"].values()}
    ours = {row["token"] for row in all_rows(opened.proxy) if lineage_of(row) == opened.guard.lineage}
    if not ours <= recorded:
        raise Broken(f"{place} does not know {ours - recorded}")


def under(alias: str, rows: Mapping[str, Row]) -> list[Row]:
    """The rows that bear an alias."""
    return [row for row in rows.values() if row["key_alias"] == alias]


def plan_after(scene: Scene) -> tuple[str, ...]:
    """The plan that shows what a run of the scene left to do."""
    own = {"destroy": ("--destroy",), "refresh": ("--refresh-only",)}.get(scene.arguments[0], ())
    return ("plan", *own, "--json")
