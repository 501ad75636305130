"""How much may go at once: the share of the keys, an empty config, and the wrong proxy."""

from __future__ import annotations

import pytest

from tests.end_to_end.clock import Timed
from tests.front import Front, rows_of
from tests.workspace import Workspace

CONFIG = "proxy: {url: '%s'}\n%sworkshops:\n  w: {count: %d, models: [gpt-4]%s}\n"


def configured(workspace: Workspace, count: int, safety: str = "", more: str = "", url: str = "sandbox://") -> None:
    """A workshop of so many."""
    workspace.configure(CONFIG % (url, f"safety: {{{safety}}}\n" if safety else "", count, more))


@pytest.mark.parametrize(
    ("safety", "before", "after", "refused"),
    [
        ("", 10, 7, None),
        ("", 10, 6, "this plan deletes or replaces 4 of 10 keys, and at most 30 % of them, here 3, may go unasked."),
        ("", 9, 1, None),
        ("max_delete_percent: 50", 10, 5, None),
        (
            "max_delete_percent: 50",
            10,
            4,
            "this plan deletes or replaces 6 of 10 keys, and at most 50 % of them, here 5, may go unasked.",
        ),
        (
            "max_delete_percent: 0",
            10,
            9,
            "this plan deletes or replaces 1 of 10 keys, and at most 0 % of them, here 0, may go unasked.",
        ),
        ("max_delete_percent: 100", 12, 1, None),
        (
            "min_keys: 3",
            4,
            2,
            "this plan deletes or replaces 2 of 4 keys, and at most 30 % of them, here 1, may go unasked.",
        ),
        ("min_keys: 20", 12, 1, None),
    ],
)
def test_the_share(workspace: Workspace, safety: str, before: int, after: int, refused: str | None) -> None:
    configured(workspace, before, safety)
    workspace.apply()
    configured(workspace, after, safety)
    if refused:
        rows, state = rows_of(workspace.sandbox()), workspace.state_path.read_bytes()
        ran = workspace.run("apply", "--auto-approve")
        going = before - after
        problem = f"error: {refused}\nhint: if that is meant, repeat the command with --allow-deletes {going}\n"
        assert (ran.code, problem in ran.stdout) == (1, True)
        assert (rows_of(workspace.sandbox()), workspace.state_path.read_bytes()) == (rows, state)
        less = workspace.run("apply", "--auto-approve", "--allow-deletes", str(going - 1))
        assert less.code == 1
        assert f" --allow-deletes {going - 1} does not cover that." in less.stdout
        workspace.apply("--allow-deletes", str(going))
    else:
        workspace.apply()
    assert len(rows_of(workspace.sandbox())) == after


def test_destroy_is_its_own_consent(workspace: Workspace) -> None:
    configured(workspace, 12, "max_delete_percent: 0, min_keys: 1")
    workspace.apply()
    workspace.ok("destroy", "--auto-approve")
    assert rows_of(workspace.sandbox()) == {}


def test_deleted_and_replaced_together(workspace: Workspace) -> None:
    configured(workspace, 12)
    workspace.apply()
    configured(workspace, 10)
    ran = workspace.run("plan", "--replace", "w-user[12]")
    assert ran.code == 1
    assert "this plan deletes or replaces 4 of 12 keys" in ran.stdout
    workspace.ok("plan", "--replace", "w-user1")


def test_only_what_is_targeted_counts(workspace: Workspace) -> None:
    configured(workspace, 12)
    workspace.apply()
    configured(workspace, 1)
    assert workspace.run("plan").code == 1
    ran = workspace.ok("apply", "--auto-approve", "--target", "w-user1[0-2]")
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 3 deleted."


def test_what_is_collected_does_not_count(workspace: Workspace, server: Timed) -> None:
    """Old values whose time is over go unasked, however many."""
    configured(workspace, 12, url=server.front.url)
    workspace.apply()
    workspace.apply("--replace", "*", "--allow-deletes", "12", "--grace", "1h")
    server.clock.forward(hours=2)
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 12 deleted."
    assert len(rows_of(server.front.sandbox)) == 12


@pytest.mark.parametrize(
    "text",
    ["", "keys:\n", "keys: {}\n", "workshops: {}\n", "keys:\n#  one: {models: [gpt-4]}\n"],
)
def test_a_config_without_keys(workspace: Workspace, text: str) -> None:
    """An emptied or half-merged file plans no deletions at all."""
    configured(workspace, 3)
    workspace.apply()
    rows, state = rows_of(workspace.sandbox()), workspace.state_path.read_bytes()
    workspace.configure("proxy: {url: 'sandbox://'}\n" + text)
    for command in (("plan",), ("apply", "--auto-approve"), ("apply", "--auto-approve", "--allow-deletes", "99")):
        ran = workspace.run(*command)
        assert ran.code == 1
        assert ran.stdout == (
            "error: the config yields no keys at all. An emptied or half-merged file never deletes anything.\n"
            "hint: declare keys or workshops in the config; to delete every key of this project, run: vkstate destroy\n"
            "\nThis plan cannot be applied: 1 problem must be solved first.\n"
        )
    assert (rows_of(workspace.sandbox()), workspace.state_path.read_bytes()) == (rows, state)
    workspace.ok("refresh", "--auto-approve")
    workspace.ok("destroy", "--auto-approve")
    assert rows_of(workspace.sandbox()) == {}


@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("plan", "--refresh-only"),
        ("apply", "--auto-approve"),
        ("refresh", "--auto-approve"),
        ("destroy", "--auto-approve"),
        ("state", "mv", "w-user1", "x1", "--auto-approve"),
        ("state", "rm", "w-user1", "--auto-approve"),
    ],
    ids=" ".join,
)
def test_another_proxy(workspace: Workspace, front: Front, command: tuple[str, ...]) -> None:
    """Keys of one proxy are not looked for on another, where all would seem to be missing."""
    configured(workspace, 3)
    workspace.apply()
    configured(workspace, 3, url=front.url)
    before = workspace.state_path.read_bytes()
    ran = workspace.run(*command)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.complaint[0] == "error: the state belongs to another proxy"
    assert "state rebind" in ran.complaint[-1]
    assert (workspace.state_path.read_bytes(), front.seen) == (before, [])
    configured(workspace, 3)
    workspace.converged()
