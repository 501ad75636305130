"""What workers do while the owning thread is at something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from tests.executor.world import Watcher, World
from tests.factories import desired, recorded
from vkstate.errors import VkstateError
from vkstate.executor import ledger
from vkstate.executor.ledger import Ledger
from vkstate.executor.pool import Effect, Pool, Task
from vkstate.executor.stop import Stop
from vkstate.keys import Alias
from vkstate.plan import Action, Change, Reason

PATIENCE = 10.0
TROUBLE = VkstateError("The master key is refused.")


class Waiting(Ledger):
    """Tells when the owning thread first has nothing left to submit."""

    def __init__(self, here: World) -> None:
        super().__init__(here.journal.recorded, here.journal, Watcher())
        self.submitted = threading.Event()

    def seconds_to_save(self) -> float | None:
        self.submitted.set()
        return super().seconds_to_save()


class Scene:
    """A pool of workers, and what became of its tasks. Saves are due whenever anything was recorded."""

    def __init__(self, parallelism: int, on_save: Callable[[], object]) -> None:
        self.here, self.stop = World(), Stop()
        self.begun: list[str] = []
        self.skipped: list[str] = []
        self.ledger = Waiting(self.here)
        self.pool = Pool(self.ledger, self.stop, parallelism)

        def before(name: str, _: object) -> None:
            if name == "journal.save":
                on_save()

        self.here.fuse.before.append(before)

    def run(self, tasks: Iterable[Task]) -> None:
        """Run tasks to their end, and end the workers."""
        try:
            self.pool.run(tasks)
        finally:
            self.pool.close(wait_for_workers=True)

    def task(self, alias: str, work: Callable[[], object] = lambda: None) -> Task:
        change = Change(Alias(alias), Action.CREATE, Reason.NEW, desired(alias))

        def sent() -> Effect:
            self.begun.append(alias)
            work()
            return lambda: self.ledger.put(recorded(alias))

        return Task((change,), sent, self.ledger.troubled, lambda _: self.skipped.append(alias))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(ledger, "SAVE_EVERY_AT_MOST", 0.0)


def test_while_the_state_is_saved_workers_go_on() -> None:
    went_on = threading.Semaphore(0)
    first_save: list[bool] = []

    def on_save() -> None:
        if not first_save:
            first_save.append(all(went_on.acquire(timeout=PATIENCE) for _ in range(4)))

    scene = Scene(2, on_save)
    scene.run(scene.task(f"a{number}", went_on.release) for number in range(8))
    assert first_save == [True], "four tasks began, of which two were submitted beside those of both workers"
    assert len(scene.begun) == 8


def test_what_was_submitted_does_not_begin_before_a_failure_is_settled() -> None:
    saving, hanging, failed, late, saved = (threading.Event() for _ in range(5))

    def on_save() -> None:
        saving.set()
        assert failed.wait(PATIENCE)
        late.wait(0.2)
        saved.set()

    def fail() -> None:
        assert saving.wait(PATIENCE)
        assert hanging.wait(PATIENCE)
        failed.set()
        raise TROUBLE

    def hang() -> None:
        hanging.set()
        assert saved.wait(PATIENCE)

    scene = Scene(2, on_save)
    tasks = [scene.task("works"), scene.task("fails", fail), scene.task("hangs", hang), scene.task("late", late.set)]
    scene.run(tasks)
    assert scene.ledger.trouble is TROUBLE
    assert sorted(scene.begun) == ["fails", "hangs", "works"]
    assert scene.skipped == ["late"]


def test_what_was_submitted_does_not_begin_after_a_stop() -> None:
    scene = Scene(2, lambda: None)

    def work() -> None:
        assert scene.ledger.submitted.wait(PATIENCE)
        scene.stop.request("SIGINT")

    scene.run([*(scene.task(f"a{number}", work) for number in range(2)), scene.task("b"), scene.task("c")])
    assert sorted(scene.begun) == ["a0", "a1"]
    assert sorted(scene.skipped) == ["b", "c"]


def test_one_worker_begins_nothing_before_the_last_is_settled() -> None:
    """With ``parallelism: 1`` everything happens in one row."""
    row: list[str] = []
    scene = Scene(1, lambda: row.append("saved"))
    scene.run(scene.task(name, partial(row.append, name)) for name in "abc")
    assert row == ["a", "saved", "b", "saved", "c", "saved"]
