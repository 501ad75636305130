"""How far a run has come: of reading as of writing, on a terminal and in a log, and what an interrupt leaves of it."""

from __future__ import annotations

import re
import signal

import pytest

from tests.end_to_end.terminal import terminal
from tests.front import Doing, Drop, Front, Pass, Seen
from tests.workspace import Workspace
from vkstate.views.progress import Lines

CONFIG = "proxy: {url: '%s', parallelism: 2}\nworkshops:\n  ai: {count: %d, models: [gpt-4], max_budget: 1}\n"


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line at every event, where a run takes seconds and not minutes."""
    monkeypatch.setitem(Lines.__init__.__kwdefaults__ or {}, "every", 0.0)


def counts(stderr: str, pattern: str) -> list[tuple[int, int]]:
    """What the lines that match say of how many of how many."""
    return [(int(done), int(total)) for done, total in re.findall(pattern, stderr)]


@pytest.mark.usefixtures("talkative")
def test_reading_tells_how_many_requests_are_answered(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 420))
    workspace.ok("apply", "--auto-approve")
    workspace.state_path.unlink()
    ran = workspace.ok("state", "rebuild", "--dry-run")
    said = counts(ran.stderr, r"reading: (\d+) of (\d+) requests")
    assert said[0] == (1, 4), "the first page says how many there are"
    assert said[-1] == (6, 6), "ours are then read by token, and all are counted meanwhile"
    assert [done for done, _ in said] == sorted(done for done, _ in said)


@pytest.mark.usefixtures("talkative")
def test_every_step_counts_to_its_end(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 120))
    made = workspace.ok("apply", "--auto-approve").stderr
    sending, back = made.split("\nreading back\n")
    assert counts(sending, r"\n(\d+) of (\d+),")[-1] == (120, 120)
    told = counts(back, r"(?m)^(\d+) of (\d+)(?!\d| requests)")
    assert sorted(set(told)) == [(number, 120) for number in range(121)]
    assert told == sorted(told)

    replaced = workspace.ok("apply", "--auto-approve", "--replace", "*", "--allow-deletes", "120").stderr
    sending, back, retiring = re.split("\nreading back\n|\nretiring old keys\n", replaced)
    assert counts(sending, r"\n(\d+) of (\d+),")[-1] == (120, 120)
    assert counts(retiring, r"(\d+) of (\d+),")[-1] == (120, 120)

    gone = workspace.ok("destroy", "--auto-approve").stderr
    sending, back = gone.split("\nreading back\n")
    assert counts(sending, r"\n(\d+) of (\d+),")[-1] == (120, 120)
    assert counts(back, r"(\d+) of (\d+),")[-1] == (120, 120)


def test_a_bar_while_reading_takes_its_time(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 420))
    workspace.ok("apply", "--auto-approve")

    def slowly(seen: Seen) -> Doing:
        return Pass(0.8 if seen.path == "/key/list" else 0)

    front.rule = slowly
    workspace.state_path.unlink()
    with terminal(workspace, "state", "rebuild", "--dry-run") as screen:
        screen.expect("reading ")
        screen.expect("2/4 ")
        screen.expect(" left")
        assert screen.wait() == 0
        shown = screen.text
    assert "The keys of lineage " in shown[shown.rindex("4/4 ") :], "the bar is gone before anything else is said"


def test_a_bar_while_a_single_answer_takes_its_time(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 3))
    front.rule = lambda seen: Pass(1.6 if seen.path == "/key/list" else 0)
    with terminal(workspace, "plan") as screen:
        screen.expect("reading ")
        assert screen.wait() == 0
        screen.expect("Plan: 3 to create, 0 to update, 0 to replace, 0 to delete.")


def test_what_an_interrupt_leaves_is_not_counted_as_done(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 30))
    front.rule = lambda seen: Pass(0.3 if seen.path == "/key/generate" else 0)
    with workspace.forked("apply", "--auto-approve") as process:
        front.wait_for("POST", "/key/generate", 4)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    done = len(workspace.keys)
    assert 0 < done < 30
    assert stderr.splitlines()[-1].startswith(f"{done} of 30, {30 - done} not attempted, ")
    front.rule = lambda _: Pass()
    workspace.apply()


def test_what_a_lost_connection_leaves_is_not_counted_as_done(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 30))
    creates = 0

    def dying(seen: Seen) -> Doing:
        nonlocal creates
        creates += seen.path == "/key/generate"
        return Pass() if creates <= 5 else Drop(done=False)

    front.rule = dying
    ran = workspace.run("apply", "--auto-approve")
    [(done, total)] = counts(ran.stderr.splitlines()[-1], r"^(\d+) of (\d+)")
    [(failed, lost)] = counts(ran.last_line, r"(\d+) failed, (\d+) not attempted")
    assert (done, total, lost > 0) == (30 - lost, 30, True)
    assert f", {failed} failed, {lost} not attempted" in ran.stderr.splitlines()[-1]
    front.rule = lambda _: Pass()
    workspace.apply()
