"""Ctrl-C and SIGTERM, once and twice, wherever vkstate may be: a sane terminal, a true account, and the next apply."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.terminal import Terminal, terminal
from tests.front import Doing, Front, Hold, Pass, Seen, everything_passes, fronted
from tests.reliability.account import expected, held_to
from tests.reliability.counts import counted
from tests.reliability.invariants import Guard
from tests.reliability.scenes import NAMES, SCENES, Scene, Stage, fresh, guarded, shrunk, steady, to_import
from tests.workspace import Ran, Workspace, end_of

STOPPING: Final = "Stopping: nothing new is started; what is under way is awaited and saved. Once more stops at once."
AT_ONCE: Final = "Stopped at once. What was sent and not answered is recorded as pending; the next apply settles it."
SOON: Final = 15.0
"""Seconds in which a process ends that waits for nobody, on a busy machine; a request may take twice that."""
ALTERNATE_SCREEN: Final = "\x1b[?1049"
SIGNALS: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}
MANY: Final = 198
"""Members of a large workshop: two hundred keys with the two others."""


def crowd(stage: Stage) -> None:
    """Two hundred keys are to be made."""
    stage.configure(members=MANY)


@dataclass(frozen=True)
class Moment:
    """What vkstate is at: about to be answered the ``nth`` request of a kind that its command makes."""

    name: str
    set_up: Callable[[Stage], None]
    request: tuple[str, str]
    nth: int = 1
    arguments: tuple[str, ...] = ("apply", "--auto-approve")
    parallelism: int = 8
    begun: bool = True
    """Whether there is something to be saved: then the first signal waits for what is under way."""
    late: bool = False
    """Whether nothing is left to be started, so that a single signal changes nothing."""

    @property
    def pace(self) -> tuple[str, ...]:
        return ("--parallelism", str(self.parallelism))


READING: Final = Moment("reading", fresh, ("GET", "/key/list"), begun=False)
CREATING: Final = Moment("creating_200", crowd, ("POST", "/key/generate"), nth=30)
READING_BACK: Final = Moment("reading_back", fresh, ("GET", "/key/list"), nth=2, late=True)
MOMENTS: Final = (
    READING,
    CREATING,
    READING_BACK,
    Moment(
        "replacing_with_grace",
        steady,
        ("POST", "/key/generate"),
        arguments=("apply", "--auto-approve", "--replace", "*", "--grace", "1h"),
        parallelism=2,
    ),
    Moment(
        "giving_way",
        steady,
        ("POST", "/key/update"),
        nth=2,
        arguments=("apply", "--auto-approve", "--replace", "*"),
        parallelism=2,
    ),
    Moment("importing", to_import, ("POST", "/key/update"), parallelism=2),
    Moment("deleting", shrunk, ("POST", "/key/delete"), parallelism=1),
)


@pytest.fixture
def stage(workspace: Workspace, front: Front) -> Stage:
    for name in ("theirs1", "theirs2"):
        assert front.sandbox.generate({"key_alias": name}).status_code == 200
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    return Stage(workspace, front.sandbox, front.url)


@pytest.fixture
def guard(stage: Stage) -> Guard:
    guard = Guard(stage.workspace, stage.proxy)
    guard.note_others(only={"theirs1", "theirs2"})
    return guard


class Hanging:
    """Requests of a kind hang from the ``nth`` on, until they are released; probes, which change nothing, do not."""

    def __init__(self, moment: Moment, front: Front) -> None:
        self._moment = moment
        self._front = front
        self._came = 0
        self._reached = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        front.rule = self._rule

    def _rule(self, seen: Seen) -> Doing:
        probe = isinstance(seen.body, dict) and isinstance(seen.body.get("key"), dict)
        if (seen.method, seen.path) != self._moment.request or probe:
            return Pass()
        with self._lock:
            self._came += 1
            reached = self._came >= self._moment.nth
        if not reached:
            return Pass()
        self._reached.set()
        return Hold(self._released)

    def wait(self) -> None:
        """Wait for the first of them."""
        assert self._reached.wait(60), f"{self._moment.name} did not come about"

    def release(self) -> None:
        """Let them be answered, and wait until they are."""
        self._released.set()
        self._front.settle()


def ended(screen: Terminal, code: int) -> None:
    """See that the process ends soon, as a shell tells it, and leaves the terminal as it was."""
    began = time.monotonic()
    said = screen.wait()
    assert (128 - said if said < 0 else said) == code, screen.text
    assert time.monotonic() - began < SOON
    assert "Traceback" not in screen.text
    assert screen.raw.count(f"{ALTERNATE_SCREEN}h") == screen.raw.count(f"{ALTERNATE_SCREEN}l")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("number", SIGNALS)
def test_in_the_prompt(number: signal.Signals, times: int, stage: Stage, guard: Guard, front: Front) -> None:
    """Nothing was begun: nothing is sent or written, and the lock is free."""
    fresh(stage)
    before = stage.workspace.state_path.read_bytes()
    with terminal(stage.workspace, "apply") as screen:
        screen.expect("Only the word yes is taken as consent: ")
        for _ in range(times):
            screen.signal(number)
        ended(screen, SIGNALS[number])
    assert (front.writes, stage.workspace.state_path.read_bytes()) == ([], before)
    guard.converge()


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.sweep)])
def test_once(number: signal.Signals, moment: Moment, stage: Stage, guard: Guard, front: Front) -> None:
    """What is under way is awaited, nothing more is started, and what is told is so."""
    moment.set_up(stage)
    before = expected(guard, moment.arguments)
    hanging = Hanging(moment, front)
    with terminal(stage.workspace, *moment.arguments, *moment.pace, "--json") as screen:
        hanging.wait()
        screen.signal(number)
        if moment.begun:
            screen.expect(STOPPING)
            assert screen.process.poll() is None
            hanging.release()
        ended(screen, 0 if moment.late else SIGNALS[number])
        hanging.release()
        if moment.begun:
            held_to(before, as_ended_by_itself(screen), guard)
    guard.check()
    front.rule = everything_passes
    guard.converge()


def as_ended_by_itself(screen: Terminal) -> Ran:
    """What was told, with the exit code of a run that was not disturbed and did as much."""
    lines = [line for line in screen.text.splitlines(keepends=True) if line.startswith('{"type"')]
    told = Ran(0, "".join(lines), screen.text)
    *results, summary = told.events
    applied = any(result["type"] == "applied" for result in results)
    return replace(told, code=0 if summary["complete"] else 3 if applied else 1)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.sweep)])
def test_twice(number: signal.Signals, moment: Moment, stage: Stage, guard: Guard, front: Front) -> None:
    """Nobody waits for what hangs. It lands later, and the state knows it already."""
    moment.set_up(stage)
    hanging = Hanging(moment, front)
    with terminal(stage.workspace, *moment.arguments, *moment.pace) as screen:
        hanging.wait()
        screen.signal(number)
        if moment.begun:
            screen.expect(STOPPING)
        screen.signal(number)
        ended(screen, SIGNALS[number])
        if moment.begun:
            screen.expect(AT_ONCE)
    guard.check()
    hanging.release()
    guard.check()
    front.rule = everything_passes
    guard.converge()


SHORT: Final = 1
"""Runs a scene in the default suite."""
LONG: Final = 30
"""Runs a scene in a sweep."""


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("scene", SCENES, ids=NAMES)
@pytest.mark.parametrize("runs", [SHORT, pytest.param(LONG, marks=pytest.mark.sweep)], ids=["some", "many"])
def test_at_random_instants(scene: Scene, runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(f"signals {scene.name} {runs}")
    whole = signalled(scene, tmp_path / "whole", monkeypatch, [])
    for number in range(runs):
        times = dice.choice((1, 2))
        instants = sorted(dice.uniform(0, whole) for _ in range(times))
        kind = dice.choice((signal.SIGINT, signal.SIGTERM))
        signalled(scene, tmp_path / str(number), monkeypatch, [(instant, kind) for instant in instants])
    counted(runs, "runs interrupted at random instants")


def has_ended(end: Ran) -> bool:
    """Whether a run had said its last word before it was killed."""
    return " complete! " in end.stdout or "\nerror: interrupted\n" in end.stderr


def signalled(
    scene: Scene,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    signals: list[tuple[float, signal.Signals]],
) -> float:
    """Run a scene's command, and send signals so many seconds after its start; how long it took."""
    place.mkdir()
    monkeypatch.chdir(place)
    workspace = Workspace(place)
    with fronted(place.parent / f"{place.name}.sqlite") as front:
        guard = guarded(scene, Stage(workspace, front.sandbox, front.url))
        start = time.monotonic()
        with workspace.forked(*scene.arguments) as run:
            for instant, kind in signals:
                time.sleep(max(0.0, start + instant - time.monotonic()))
                run.send_signal(kind)
            end = end_of(run)
        took = time.monotonic() - start
        front.settle()
        case = f"{scene.name}, {signals}: {end}"
        kinds = {kind for _, kind in signals}
        assert end.code in {0, *(SIGNALS[kind] for kind in kinds), *(-kind for kind in kinds)}, case
        assert end.code != -signal.SIGINT or has_ended(end), case
        assert (end.stderr.count("Traceback"), end.stderr.count("Exception ignored")) == (0, 0), case
        guard.check()
        guard.converge()
    return took
