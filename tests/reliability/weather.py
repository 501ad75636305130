"""Runs in foul weather: requests meet with faults by a seed, and what is left is looked at."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from tests.reliability.account import expected, held_to
from tests.reliability.faults import FAULTS
from tests.reliability.gateway import Doing, Gateway, Seen, everything_passes
from tests.reliability.invariants import Broken, Guard, lineage_of
from tests.reliability.scenes import Scene, Stage

_SELDOM = (0.02, 0.05, 0.1, 0.3)
_OFTEN = (0.1, 0.3, 0.6, 0.9)


class Weather:
    """A rule that lets requests meet with faults, by a seed: the nth request of a kind always meets with the same.

    How likely that is belongs to the seed too, for reads and for writes; not all weather is equally foul.

    :param timeout: seconds for which the client waits for an answer.
    :param reads: whether reads are to meet with as much as writes; else few do, or most runs would end at the first.
    """

    def __init__(self, seed: str, timeout: float, *, reads: bool = False) -> None:
        dice = random.Random(seed)
        self.seed = seed
        self.met: list[str] = []
        """The faults so far, in order."""
        self._timeout = timeout
        self._chance = {False: dice.choice(_OFTEN if reads else _SELDOM), True: dice.choice(_OFTEN)}
        self._lock = threading.Lock()
        self._count: Counter[tuple[str, str]] = Counter()

    def __call__(self, seen: Seen) -> Doing:
        with self._lock:
            self._count[seen.method, seen.path] += 1
            what = f"{seen.method} {seen.path} ({self._count[seen.method, seen.path]})"
        dice = random.Random(f"{self.seed} {what}")
        if dice.random() >= self._chance[seen.is_write]:
            return everything_passes(seen)
        fault = dice.choices(FAULTS, [fault.weight for fault in FAULTS])[0]
        doing = fault.doing(dice, self._timeout)
        self.met.append(f"{what}: {fault.name}: {doing!r:.160}")
        return doing


def impatient(monkeypatch: pytest.MonkeyPatch, timeout: float) -> None:
    """Let vkstate make the same pauses and have the same patience, only shorter.

    :param timeout: seconds for which it waits where the config's own timeout does not count.
    """
    monkeypatch.setattr("vkstate.litellm.retry._FIRST", 0.02)
    monkeypatch.setattr("vkstate.litellm.pressure._FIRST", 0.02)
    monkeypatch.setattr("vkstate.executor.creation._FIRST_PAUSE", 0.02)
    monkeypatch.setattr("vkstate.litellm.proxy._DELETE_TIMEOUT", timeout)


def weathered(scene: Scene, stage: Stage, gateway: Gateway, guard: Guard, seed: str, timeout: float) -> int:
    """Run the command of a scene, whose stage is set, in foul weather, and see that all is well; how many faults met.

    :param timeout: seconds for which the client waits for an answer.
    :raises Broken: something is lost, or what was told is not so.
    """
    workspace = stage.workspace
    before = expected(guard, scene.arguments)
    patient = (workspace.path / "vkstate.yaml").read_text(encoding="utf-8")
    workspace.configure(patient.replace("timeout: 30s", f"timeout: {max(timeout, 1):.0f}s, retries: 2"))
    reads = not any(change["needs_request"] for change in before.changes.values())
    gateway.rule = weather = Weather(seed, timeout, reads=reads)
    ran = workspace.run(*scene.arguments, "--json")
    gateway.settle()
    gateway.rule = everything_passes
    workspace.configure(patient)
    try:
        held_to(before, ran, guard)
        guard.check()
        awaited(guard)
        if guard.valueless and "--replace" in scene.arguments:
            workspace.ok("apply", "--auto-approve")  # the old key goes in the plan after the one that makes the new
        guard.converge()
        Guard(workspace, stage.proxy, guard.prefix, others=guard.others).check()
    except AssertionError as error:
        told = "\n".join(weather.met)
        raise Broken(f"{scene.name}, seed {seed!r}\n{error}\nwith exit code {ran.code}, after\n{told}") from error
    return len(weather.met)


def awaited(guard: Guard) -> None:
    """A key of ours that the state does not know by its token is one that it waits for: a record has its id.

    :raises Broken: it is not.
    """
    records = guard.workspace.keys.values()
    known = {record["token"] for record in records if "token" in record}
    ids = {record["id"] for record in records if "token" not in record}
    for row in guard.rows():
        ours = lineage_of(row) == guard.lineage
        if ours and row["token"] not in known and row["metadata"]["vkstate"]["id"] not in ids:
            raise Broken(f"{row['key_alias']} ({row['token'][:8]}) carries our lineage, and nobody waits for it")
