"""Creates that land long after their run has ended: instead of the key that the next run makes, or beside it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.clock import Clock
from tests.front import sandbox_at
from tests.reliability.counts import counted
from tests.reliability.gateway import Gateway
from tests.reliability.invariants import Broken, Guard, lineage_of
from tests.reliability.scenes import Stage
from tests.reliability.sealed_scenes import IDENTITY, OPS, SealedStage
from tests.reliability.weather import impatient
from tests.workspace import Workspace
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.exchange import Request, Response
from vkstate.sandbox.settings import Settings
from vkstate.sandbox.store import Store

ALIASES: Final = ("one", "two", "ws-user1")
SHORT: Final = 1
"""Moments a store in the default suite, besides the one after the run."""
NEVER: Final = -1
APPLY: Final = ("apply", "--auto-approve")
DESTROY: Final = ("destroy", "--auto-approve")

pytestmark = pytest.mark.usefixtures("alone")


class Slow:
    """A sandbox whose creates pass its check of the alias and then hang; their rows come when they are told to.

    LiteLLM looks for the alias first and writes the row later, and nothing but that look keeps an alias to one key
    (1.72 to 1.105).
    """

    def __init__(self, place: Path, clock: Clock) -> None:
        self.path = place / "sandbox.sqlite"
        self.hangs = True
        """Whether creates hang."""
        self.asked = 0
        """How many requests there were since the last time that this was set to 0."""
        self.lands_at = NEVER
        """Before which of them, from 0, the rows come."""
        self._elsewhere = place / "elsewhere.sqlite"
        self._lock = threading.Lock()
        self._app = SandboxApp(self.path, Settings(clock=clock))
        self._hanging = SandboxApp(self._elsewhere, Settings(clock=clock))

    def respond(self, request: Request) -> Response:
        """See :class:`tests.reliability.gateway.Upstream`."""
        with self._lock:
            if self.asked == self.lands_at:
                self.land()
            self.asked += 1
        if self.hangs and request.path == "/key/generate":
            self._hanging.respond(request)
            raise ConnectionError
        return self._app.respond(request)

    def land(self) -> None:
        """Let the rows of the creates that hang come, once; as in LiteLLM, there is one row of a token at most."""
        with Store(self._elsewhere).writing() as hanging, Store(self.path).writing() as tables:
            for row in hanging.keys(hanging.tokens_of(ALIASES)):
                hanging.archive(row)
                tables.insert(row)


@dataclass(frozen=True)
class Hung:
    """A project all of whose creates hang since a run that has ended; no more will."""

    workspace: Workspace
    slow: Slow
    guard: Guard
    clock: Clock

    def check(self, *doubled: str) -> None:
        """See that what holds at every instant holds; these aliases may be borne by what has landed as well.

        :raises Broken: it does not.
        """
        self.guard.doubled = doubled
        self.guard.check()
        self.guard.doubled = ()

    def check_left(self) -> None:
        """See that the keys of ours, the records and the values are of the same tokens.

        :raises Broken: one has what another lacks.
        """
        ours = {row["key_alias"]: row["token"] for row in self.guard.rows() if lineage_of(row) == self.guard.lineage}
        if ours != self.workspace.tokens:
            raise Broken(f"{ours} are there, and {self.workspace.tokens} are recorded")
        if {*self.workspace.stored} != {*ours.values()}:
            raise Broken(f"the values of {self.workspace.stored.keys()} are kept, and {ours.values()} are there")


@contextmanager
def hung(place: Path, monkeypatch: pytest.MonkeyPatch, stage: type[Stage]) -> Iterator[Hung]:
    """Set a stage, and apply while every create hangs."""
    project = place / "project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    impatient(monkeypatch, 1.0)
    clock, workspace = Clock(), Workspace(project)
    slow = Slow(place, clock)
    gateway, sandbox = Gateway(slow), sandbox_at(slow.path)
    with gateway.listening():
        stage(workspace, sandbox, gateway.url).configure(members=1)
        ran = workspace.run(*APPLY)
        gateway.settle()
        assert (ran.code, {record["status"] for record in workspace.keys.values()}) == (1, {"pending"}), ran
        slow.hangs, slow.asked = False, 0
        yield Hung(workspace, slow, Guard(workspace, sandbox), clock)


def _story(place: Path, monkeypatch: pytest.MonkeyPatch, kept: str, moment: int) -> int:
    """The next run, before whose request number ``moment`` the creates land, or after which.

    :return: how many requests it made.
    :raises Broken: a key is lost, doubled or left over.
    """
    with hung(place, monkeypatch, Stage if kept == "plain" else SealedStage) as here:
        begun = here.workspace.tokens
        if kept == "opened":
            OPS.file(here.workspace.path / IDENTITY)
            monkeypatch.setenv("VKSTATE_AGE_IDENTITY", IDENTITY)
        here.slow.lands_at = moment
        here.workspace.run(*APPLY)
        requests, here.slow.lands_at = here.slow.asked, NEVER
        here.slow.land()
        here.check(*ALIASES)
        here.guard.converge()
        here.clock.forward(minutes=11)
        here.guard.converge()
        here.check_left()
        if {*here.workspace.tokens} != {*ALIASES}:
            raise Broken(f"{ALIASES} are desired, and {here.workspace.tokens} are recorded")
        if kept == "opened" and here.workspace.tokens != begun:
            raise Broken("a create was begun, and went on with another value")
    return requests


@pytest.mark.parametrize("kept", ["plain", "opened", "closed"])
@pytest.mark.parametrize("count", [SHORT, pytest.param(None, marks=pytest.mark.sweep)], ids=["some", "all"])
def test_a_create_lands_late(kept: str, count: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the next run knows its value or not, one key is left of it, and that one opens the proxy."""
    after = _story(tmp_path / "after", monkeypatch, kept, NEVER)
    moments = list(range(after))
    if count is not None:
        moments = random.Random(f"late {kept}").sample(moments, count)
    for moment in moments:
        monkeypatch.delenv("VKSTATE_AGE_IDENTITY", raising=False)
        try:
            _story(tmp_path / str(moment), monkeypatch, kept, moment)
        except AssertionError as error:
            raise Broken(f"{kept}, before request {moment} of {after}:\n{error}") from error
    counted(len(moments) + 1, "creates that land late")


@pytest.mark.parametrize(
    ("old", "new", "then"),
    [
        pytest.param("", "", DESTROY, id="destroy"),
        pytest.param("  two: {max_budget: 5}\n", "", APPLY, id="leave_out", marks=pytest.mark.sweep),
        pytest.param("  two:", "  three:", APPLY, id="rename", marks=pytest.mark.sweep),
        pytest.param("keys:\n  one:", "moved: [{from: one, to: 1st}]\nkeys:\n  1st:", APPLY, id="move"),
        pytest.param("", "", (*APPLY, "--replace", "*"), id="replace", marks=pytest.mark.sweep),
        pytest.param("", "", (*APPLY, "--replace", "*", "--grace", "1h"), id="grace", marks=pytest.mark.sweep),
    ],
)
@pytest.mark.parametrize("lands", [pytest.param("before", marks=pytest.mark.sweep), "after"])
def test_a_create_lands_when_the_key_in_its_place_has_changed(
    old: str, new: str, then: tuple[str, ...], lands: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can open its value, another key was made, and that one is moved, replaced or deleted."""
    with hung(tmp_path, monkeypatch, SealedStage) as here:
        here.workspace.ok(*APPLY)
        config = here.workspace.path / "vkstate.yaml"
        config.write_text(config.read_text().replace(old, new))
        if lands == "before":
            here.slow.land()
        here.workspace.ok(*then)
        here.slow.land()
        here.check(*ALIASES)
        last = then if then == DESTROY else APPLY
        here.workspace.ok(*last)
        here.check()
        here.clock.forward(minutes=61)
        here.workspace.ok(*last)
        here.check()
        here.check_left()
        if last == APPLY:
            here.guard.converge()
        counted(1, "creates that land late")
