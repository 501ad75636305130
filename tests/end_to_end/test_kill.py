"""A real process killed in the midst of replacing, or moving, 25 keys: no value is lost, and the next run ends it.

At which of its requests it dies is drawn; it dies as that arrives, and the proxy carries it out, or does not.
"""

from __future__ import annotations

import random
import signal
from itertools import count

import pytest

from tests.end_to_end.clock import Timed
from tests.front import Doing, Drop, Front, Pass, Seen, everything_passes, rows_of
from tests.ready.starts import Piped
from tests.workspace import Workspace

COUNT = 25
CONFIG = "proxy: {url: '%s', timeout: 20s}\nworkshops:\n  %s: {count: %d, models: [gpt-4], duration: 90d}\n"
MOVED = "moved: [{from: 'workshop:%s', to: 'workshop:%s'}]\n"

few_and_many = pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.sweep)])


def aliases(workshop: str) -> list[str]:
    """The members of a workshop."""
    return [f"{workshop}-user{number}" for number in range(1, COUNT + 1)]


def killed(workspace: Workspace, front: Front, *arguments: str, at: int, done: bool) -> None:
    """Run until the n-th request that changes anything, and kill the run as that one arrives.

    :param done: whether the proxy carries it out all the same.
    """
    runs: list[Piped] = []
    numbers = count(1)

    def rule(seen: Seen) -> Doing:
        writes = seen.path in ("/key/generate", "/key/update", "/key/delete")
        probes = writes and isinstance((seen.body or {}).get("key"), dict)
        if not writes or probes or next(numbers) < at:
            return Pass()
        runs[0].kill()
        return Drop(done=done)

    with workspace.forked(*arguments) as run:
        runs.append(run)
        front.rule = rule
        said = run.communicate(timeout=120)
    front.settle()
    front.rule = everything_passes
    assert run.returncode == -signal.SIGKILL, said


def nothing_lost(workspace: Workspace, front: Front) -> None:
    """Every key that is ours is recorded, its value is known, and no two bear one alias."""
    workspace.consistent()
    tokens = set(workspace.tokens.values())
    rows = rows_of(front.sandbox)
    assert {row["token"] for row in rows.values()} <= tokens
    assert tokens <= set(workspace.stored)


@few_and_many
def test_while_values_are_replaced(workspace: Workspace, server: Timed, kills: int) -> None:
    """Three requests a key: the old one gets another alias, the new one is made, the old one's end is set."""
    front, chance = server.front, random.Random(kills)
    workspace.configure(CONFIG % (front.url, "w", COUNT))
    workspace.apply()
    for _ in range(kills):
        old = workspace.values
        killed(
            workspace,
            front,
            *("apply", "--auto-approve", "--replace", "*", "--grace", "1h", "--allow-deletes", str(COUNT)),
            at=chance.randint(1, 3 * COUNT),
            done=chance.random() < 0.5,
        )
        nothing_lost(workspace, front)
        assert all(server.opens(value) for value in old.values()), "whoever holds an old value can go on"

        workspace.apply()
        nothing_lost(workspace, front)
        rows = rows_of(front.sandbox)
        assert set(aliases("w")) <= set(rows)
        assert {alias: row["token"] for alias, row in rows.items()} == workspace.tokens
        assert all(server.opens(value) for value in [*old.values(), *workspace.values.values()])

        server.clock.forward(hours=2)
        workspace.apply()
        assert sorted(rows_of(front.sandbox)) == sorted(workspace.tokens) == sorted(aliases("w"))
        assert set(workspace.stored) == set(workspace.tokens.values())
        for alias, value in workspace.values.items():
            assert server.opens(value)
            assert server.opens(old[alias]) == (old[alias] == value), "a value that was replaced has ended"


@few_and_many
def test_while_a_workshop_moves(workspace: Workspace, front: Front, kills: int) -> None:
    chance = random.Random(kills)
    workspace.configure(CONFIG % (front.url, "w0", COUNT))
    workspace.apply()
    tokens, values = workspace.tokens, workspace.values
    for number in range(kills):
        old, new = f"w{number}", f"w{number + 1}"
        workspace.configure(CONFIG % (front.url, new, COUNT) + MOVED % (old, new))
        killed(
            workspace,
            front,
            *("apply", "--auto-approve"),
            at=chance.randint(1, COUNT),
            done=chance.random() < 0.5,
        )
        nothing_lost(workspace, front)
        assert set(workspace.tokens.values()) == set(tokens.values())
        assert set(rows_of(front.sandbox)) <= {*aliases(old), *aliases(new)}

        workspace.apply()
        assert workspace.tokens == dict(zip(aliases(new), (tokens[alias] for alias in aliases("w0")), strict=True))
        assert workspace.values == dict(zip(aliases(new), (values[alias] for alias in aliases("w0")), strict=True))
        assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
