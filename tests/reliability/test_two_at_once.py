"""Several processes on one project, and several clones of one: each key once, and nobody's work undone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.front import Doing, Front, Pass, Seen, everything_passes
from tests.reliability.clones import NOBODYS_SETTINGS, Clone, Clones
from tests.reliability.invariants import Guard
from tests.workspace import Ran, Workspace, end_of
from vkstate.sandbox.context import Context
from vkstate.sandbox.routes import generate

CONFIG = "proxy: {url: '%s', timeout: 20s}\nworkshops:\n  ws: {count: %d, models: [gpt-4]}\n"
PULL = "get the newest state (git pull), then plan again; a state that is lost is made anew by: vkstate state rebuild"
EIGHT = 8
NOTHING = "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."


class Crowd:
    """A rule that notes how many requests that write are under way at the same time."""

    def __init__(self, seconds: float) -> None:
        self.most = 0
        self._seconds = seconds
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Doing:
        if seen.path in ("/key/generate", "/key/update", "/key/delete"):
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
            time.sleep(self._seconds)
            with self._lock:
                self._now -= 1
        return Pass()


def together(
    workspaces: list[Workspace],
    commands: list[tuple[str, ...]],
    one_has_ended: Callable[[], None] = lambda: None,
) -> list[Ran]:
    """Run commands as processes of their own, all at the same time; the first end is told."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(workspace.forked(*command))
            for workspace, command in zip(workspaces, commands, strict=True)
        ]
        while not any(run.poll() is not None for run in started):
            time.sleep(0.01)
        one_has_ended()
        return [end_of(run) for run in started]


def test_eight_processes_on_one_project(workspace: Workspace, front: Front) -> None:
    """One works at a time; those that wait find the work done, and the others are told who holds the lock."""
    workspace.configure(CONFIG % (front.url, 12))
    crowd = Crowd(0.03)
    front.rule = crowd
    apply = ("apply", "--auto-approve", "--parallelism", "1")
    waiting, trying = [(*apply, "--lock-timeout", "100s")] * (EIGHT // 2), [apply] * (EIGHT // 2)
    ends = together([workspace] * EIGHT, [*waiting, *trying])
    assert [ran.code for ran in ends[: len(waiting)]] == [0] * len(waiting), ends
    assert {ran.code for ran in ends[len(waiting) :]} <= {0, 5}, ends
    assert all("error: the state is locked" in ran.stderr for ran in ends if ran.code == 5)
    done = [ran.last_line for ran in ends if ran.code == 0]
    assert done.count("Apply complete! 12 created, 0 updated, 0 replaced, 0 deleted.") == 1
    assert set(done) == {
        "Apply complete! 12 created, 0 updated, 0 replaced, 0 deleted.",
        NOTHING,
    }
    assert (crowd.most, front.count("POST", "/key/generate")) == (1, 12)
    front.rule = everything_passes
    guard = Guard(workspace, front.sandbox)
    guard.check()
    guard.converge()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(1, 10))])
def test_eight_processes_that_want_different_things(seed: int, workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 6))
    crowd = Crowd(0.01)
    front.rule = crowd
    dice = random.Random(f"eight {seed}")
    orders = [
        ("apply", "--auto-approve", "--parallelism", "1"),
        ("apply", "--auto-approve", "--parallelism", "1", "--replace", "ws-user1"),
        ("apply", "--auto-approve", "--parallelism", "1", "--replace", "*", "--grace", "1h"),
        ("destroy", "--auto-approve", "--parallelism", "1"),
        ("refresh", "--auto-approve"),
        ("apply", "--auto-approve", "--parallelism", "1", "--target", "ws-user2"),
    ]
    chosen = [(*dice.choice(orders), "--lock-timeout", "100s") for _ in range(EIGHT)]
    ends = together([workspace] * EIGHT, chosen)
    assert {ran.code for ran in ends} <= {0, 64}, [(order, ran) for order, ran in zip(chosen, ends, strict=True)]
    assert crowd.most <= 1
    front.rule = everything_passes
    guard = Guard(workspace, front.sandbox)
    guard.check()
    guard.converge()


@pytest.fixture
def clones(tmp_path: Path, workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> Clones:
    """An upstream, and a proxy on which somebody else has a key. The working directory is none of the clones."""
    for name, value in NOBODYS_SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert front.sandbox.generate({"key_alias": "theirs"}).status_code == 200
    return Clones(workspace.path, front.sandbox)


@pytest.fixture
def pair(clones: Clones, front: Front) -> tuple[Clone, Clone]:
    """Two clones, the second of which is behind: the first has made three keys since, and pushed the state."""
    first = clones.begin(CONFIG % (front.url, 3))
    second = clones.clone("second")
    first.apply()
    first.push()
    return first, second


def refused(clone: Clone, clones: Clones, *arguments: str) -> Ran:
    """Run something that is refused because the state is behind: nothing on the proxy changes, nor does the state."""
    before, state = clones.snapshot(), clone.workspace.state_path.read_bytes()
    ran = clone.run(*arguments)
    assert ran.code == 1, ran
    assert clones.snapshot() == before
    assert (clone.workspace.state_path.read_bytes(), clone.workspace.reports) == (state, [])
    return ran


def told_to_pull(clone: Clone, *options: str) -> list[str]:
    """The keys of which a clone learns that its state is behind; there must be no other problem."""
    problems = clone.run("plan", "--json", *options).document["problems"]
    assert all(problem["hint"].startswith(PULL) for problem in problems), problems
    return [problem["alias"] for problem in problems]


def caught_up(clone: Clone, clones: Clones) -> None:
    """Pull, as one is told to: then nothing is left to do, and nothing is lost."""
    clone.pull()
    assert clone.ok("apply", "--auto-approve").last_line == NOTHING
    clones.check()


@pytest.mark.parametrize("command", ["apply", "destroy", "refresh"])
def test_behind_and_fetched(command: str, pair: tuple[Clone, Clone], clones: Clones) -> None:
    """Git knows that the upstream has changed the state: nothing is asked of the proxy."""
    _, second = pair
    second.fetch()
    ran = refused(second, clones, command, "--auto-approve")
    assert ran.complaint[0] == "error: the state in this clone is behind"
    assert ran.complaint[-1] == f"hint: get them: cd {second.path} && git pull"
    caught_up(second, clones)


def test_behind_and_not_fetched(pair: tuple[Clone, Clone], clones: Clones) -> None:
    """The keys themselves tell that another clone made them."""
    _, second = pair
    refused(second, clones, "apply", "--auto-approve")
    assert told_to_pull(second) == ["ws-user1", "ws-user2", "ws-user3"]
    second.ok("destroy", "--auto-approve")
    assert len(clones.rows()) == 3, "a clone that knows of no key deletes none"
    caught_up(second, clones)


@pytest.mark.parametrize("grace", [(), ("--grace", "1h")], ids=["at_once", "with_grace"])
def test_the_other_clone_has_replaced_a_key(grace: tuple[str, ...], pair: tuple[Clone, Clone], clones: Clones) -> None:
    """The new value is handed out already: the clone that is behind neither ends it nor gives its alias away."""
    first, second = pair
    second.pull()
    first.ok("apply", "--auto-approve", "--replace", "ws-user1", *grace)
    for options in ((), ("--replace", "ws-user1"), ("--replace", "*", "--grace", "2h")):
        refused(second, clones, "apply", "--auto-approve", *options)
        assert told_to_pull(second, *options) == ["ws-user1"]
    first.push()
    caught_up(second, clones)


def test_the_other_clone_has_made_more(pair: tuple[Clone, Clone], clones: Clones, front: Front) -> None:
    """What a clone does not know it leaves alone, also where it destroys all that it knows."""
    first, second = pair
    second.pull()
    for clone in pair:
        clone.workspace.write("vkstate.yaml", CONFIG % (front.url, 5))
    first.apply()
    refused(second, clones, "apply", "--auto-approve")
    assert told_to_pull(second) == ["ws-user4", "ws-user5"]
    made = {first.workspace.tokens[f"ws-user{number}"] for number in (4, 5)}
    second.ok("destroy", "--auto-approve")
    assert {row["token"] for row in clones.rows()} == made
    clones.check()


def test_the_other_clone_has_deleted_a_key(pair: tuple[Clone, Clone], clones: Clones, front: Front) -> None:
    """Where the promise ends: a key that is gone looks as if anybody had deleted it, and is made anew, once."""
    first, second = pair
    second.pull()
    first.workspace.write("vkstate.yaml", CONFIG % (front.url, 2))
    first.apply()
    ran = second.ok("apply", "--auto-approve")
    assert "+ ws-user3  (missing on the proxy)" in ran.stdout
    clones.check()
    assert len(clones.rows()) == 3


class Meeting:
    """A place at which two requests about one alias wait for each other; one that stays alone goes on."""

    def __init__(self) -> None:
        self._barriers: dict[str, threading.Barrier] = {}
        self._met: set[str] = set()
        self._over = False
        self._lock = threading.Lock()

    def attend(self, about: str, *, again: bool = False) -> None:
        """Wait for the other one, the first time that two of them come, or every time."""
        with self._lock:
            barrier = self._barriers.setdefault(about, threading.Barrier(2, partial(self._met.add, about)))
        if not (barrier.broken or self._over or (about in self._met and not again)):
            with suppress(threading.BrokenBarrierError):
                barrier.wait(5)

    def end(self) -> None:
        """Let all go on: nobody else comes."""
        with self._lock:
            self._over = True
            for barrier in self._barriers.values():
                barrier.abort()

    def before(self, *paths: str, any_two: bool = False) -> Callable[[Seen], Doing]:
        """A rule under which requests of these kinds meet before they are answered: the first two about an alias (that
        of an old key counts as the one it had), or any two.
        """

        def rule(seen: Seen) -> Doing:
            if seen.path in paths and not isinstance(seen.body.get("key"), dict):
                alias = "" if any_two else seen.body.get("key_alias") or ""
                self.attend(alias.partition(".retired-")[0], again=any_two)
            return Pass()

        return rule


def race(pair: tuple[Clone, Clone], meeting: Meeting, *commands: tuple[str, ...]) -> list[Ran]:
    """Both clones at the same instant; the one that ends first has no more to meet."""
    ends = together([clone.workspace for clone in pair], list(commands), meeting.end)
    assert {ran.code for ran in ends} <= {0, 1, 3}, ends
    assert not any("vkstate has a bug" in ran.stderr for ran in ends)
    return ends


def reconciled(pair: tuple[Clone, Clone], clones: Clones, front: Front) -> None:
    """One pushes, the other takes that and adds what is its own; then both are at one, and every value is known."""
    first, second = pair
    front.rule = everything_passes
    clones.check()
    before = clones.snapshot()
    first.push()
    second.pull()
    if second.run(*APPLY).code:  # the old key of a replacement that still has time is known to the proxy alone
        assert told_to_pull(second)
        second.ok("state", "rebuild", "--auto-approve")
        second.ok(*APPLY)
    second.push()
    first.pull()
    assert first.ok("apply", "--auto-approve").last_line == NOTHING
    clones.check()
    assert {token for token in clones.snapshot() if token not in before} == set(), "nothing was made anew"


@pytest.fixture
def fresh_pair(clones: Clones, front: Front) -> tuple[Clone, Clone]:
    """Two clones of a project that has not been applied."""
    return clones.begin(CONFIG % (front.url, 3)), clones.clone("second")


APPLY = ("apply", "--auto-approve")


@pytest.mark.parametrize("checked", [False, True], ids=["before_the_request", "after_the_check_of_the_alias"])
def test_both_create(
    checked: bool,
    fresh_pair: tuple[Clone, Clone],
    clones: Clones,
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy's own check of the alias can be raced: then two keys are there for a moment, and the later one goes."""
    meeting = Meeting()
    if checked:
        check = generate._check_alias

        def then_meet(context: Context, alias: str | None) -> None:
            check(context, alias)
            meeting.attend(alias or "")

        monkeypatch.setattr(generate, "_check_alias", then_meet)
    else:
        front.rule = meeting.before("/key/generate")
    ends = race(fresh_pair, meeting, (*APPLY, "--json"), (*APPLY, "--json"))
    clones.check()
    assert sorted(row["key_alias"] for row in clones.rows()) == ["ws-user1", "ws-user2", "ws-user3"]
    ended = [event for ran in ends for event in ran.events]
    assert sum(event["type"] == "applied" for event in ended) == 3, ends
    if checked:
        withdrawn = [event for event in ended if "a little earlier; ours was withdrawn." in event.get("detail", "")]
        assert len(withdrawn) == 3, ends
    reconciled(fresh_pair, clones, front)


@pytest.mark.parametrize("grace", [(), ("--grace", "1h")], ids=["at_once", "with_grace"])
@pytest.mark.parametrize("path", ["/key/update", "/key/generate"])
def test_both_replace(
    path: str, grace: tuple[str, ...], pair: tuple[Clone, Clone], clones: Clones, front: Front
) -> None:
    _, second = pair
    second.pull()
    meeting = Meeting()
    front.rule = meeting.before(path)
    command = (*APPLY, "--replace", "*", *grace)
    ends = race(pair, meeting, command, command)
    clones.check()
    aliases = [row["key_alias"] for row in clones.rows() if ".retired-" not in row["key_alias"]]
    assert sorted(aliases) == ["ws-user1", "ws-user2", "ws-user3"], ends
    reconciled(pair, clones, front)


@pytest.mark.parametrize("after_the_check", [False, True])
def test_one_destroys_what_the_other_changes(
    after_the_check: bool, pair: tuple[Clone, Clone], clones: Clones, front: Front
) -> None:
    """Each key is gone, or is there once and known to whoever made it."""
    first, second = pair
    second.pull()
    second.workspace.write("vkstate.yaml", (CONFIG % (front.url, 4)).replace("gpt-4]", "gpt-4], max_budget: 7"))
    meeting = Meeting()
    change = "/key/generate" if after_the_check else "/key/update"
    front.rule = meeting.before("/key/delete", change, any_two=True)
    ends = race(pair, meeting, ("destroy", "--auto-approve"), APPLY)
    clones.check()
    assert first.workspace.keys == {}, ends
    front.rule = everything_passes
    second.ok("apply", "--auto-approve")
    clones.check()
    assert sorted(row["key_alias"] for row in clones.rows()) == [f"ws-user{number}" for number in range(1, 5)]
    assert first.ok("destroy", "--auto-approve").last_line.startswith("Destroy complete! 0 deleted.")
    assert len(clones.rows()) == 4, "what the second has made since is not the first's to destroy"
