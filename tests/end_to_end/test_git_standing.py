"""What git says of a state: warned of where it is not shared, refused where others are ahead, silent of the sandbox."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.front import Front, rows_of
from tests.workspace import NOTE, Workspace

CONFIG = "proxy: {url: '%s'}\nworkshops:\n  w: {count: %d, models: [gpt-4]}\n"
UNTRACKED = "warning: vkstate.state.json is not in git: git add vkstate.state.json\n"
DIRTY = (
    "warning: vkstate.state.json differs from the last commit: commit it, so that others see which keys there are.\n"
)
BEHIND = [
    "error: the state in this clone is behind",
    (
        "  origin/main has commits that change vkstate.state.json, and this clone does not have them. Going on would "
        "make anew, or leave behind, what others have changed meanwhile."
    ),
    "hint: get them: git pull",
]


def git(place: Path, *arguments: str) -> None:
    """Run git, with nobody's own settings."""
    subprocess.run(
        ["git", *arguments],
        cwd=place,
        check=True,
        capture_output=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "author",
            "GIT_AUTHOR_EMAIL": "author@example.com",
            "GIT_COMMITTER_NAME": "committer",
            "GIT_COMMITTER_EMAIL": "committer@example.com",
        },
    )


def commit(place: Path, *, push: bool = False) -> None:
    """Commit everything that git does not ignore."""
    git(place, "add", "--all")
    git(place, "commit", "--message", "Save the state")
    if push:
        git(place, "push", "--set-upstream", "origin", "main")


@pytest.fixture
def project(workspace: Workspace, front: Front) -> Workspace:
    """A project of two keys on a proxy, in a repository without a commit."""
    git(workspace.path, "init", "--initial-branch", "main")
    workspace.configure(CONFIG % (front.url, 2))
    return workspace


def warned(stderr: str) -> str:
    """The warnings of the state and the store."""
    about = ("warning: vkstate.state.json", "warning: .vkstate")
    return "".join(f"{line}\n" for line in stderr.splitlines() if line.startswith(about))


EVERY_COMMAND = [
    ("plan",),
    ("apply", "--auto-approve"),
    ("refresh", "--auto-approve"),
    ("state", "mv", "w-user1", "x1", "--dry-run"),
    ("state", "rm", "w-user1", "--dry-run"),
    ("destroy", "--auto-approve"),
]


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_an_untracked_state(project: Workspace, command: tuple[str, ...]) -> None:
    project.ok("apply", "--auto-approve")
    assert warned(project.ok(*command).stderr) == UNTRACKED


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_a_state_that_was_not_committed(project: Workspace, command: tuple[str, ...]) -> None:
    commit(project.path)
    project.ok("apply", "--auto-approve")
    assert warned(project.ok(*command).stderr) == DIRTY


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_a_state_as_it_should_be(project: Workspace, command: tuple[str, ...]) -> None:
    project.ok("apply", "--auto-approve")
    commit(project.path)
    assert warned(project.ok(*command).stderr) == ""


def test_what_is_said_is_data_for_nobody(project: Workspace) -> None:
    """Standard output is as it would be without git."""
    ran = project.ok("plan", "--json")
    assert ran.document["warnings"] == []
    assert warned(ran.stderr) == UNTRACKED


def test_a_secret_store_that_is_not_ignored(project: Workspace) -> None:
    project.ok("apply", "--auto-approve")
    commit(project.path)
    (project.path / ".gitignore").unlink()
    (project.path / ".vkstate" / ".gitignore").unlink()
    said = warned(project.ok("plan").stderr)
    assert said.startswith("warning: .vkstate is not ignored by git: the next commit may take the key values along: ")
    git(project.path, "add", "--all", "--force")
    git(project.path, "commit", "--message", "Everything")
    assert "warning: .vkstate is in git, and whoever has the repository has the key values: replace the keys" in warned(
        project.ok("plan").stderr
    )


def test_outside_of_git(workspace: Workspace, front: Front) -> None:
    workspace.configure(CONFIG % (front.url, 2))
    assert warned(workspace.apply().stderr) == ""


def test_a_repository_of_which_git_says_nothing(project: Workspace) -> None:
    """As of the checkout of another user: that nobody is behind is not known then."""
    commit(project.path)
    (project.path / ".git" / "config").write_text("[broken")
    silent = f"warning: git does not tell how vkstate.state.json stands in {project.path}, nor whether others have a "
    for command in (("plan",), ("apply", "--auto-approve")):
        said = [line for line in project.ok(*command).stderr.splitlines() if line.startswith("warning: git ")]
        assert said == [f"{silent}newer one: git -C {project.path} status"]
    checks = project.ok("check", "--json").document["checks"]
    assert [(one["grade"], one["detail"], one["hint"]) for one in checks if one["check"] == "git"] == [
        (
            "warning",
            f"git does not tell how vkstate.state.json stands in {project.path}, as in the checkout of another user.",
            f"git -C {project.path} status tells why",
        )
    ]


def test_of_the_sandbox_nobody_wants_to_hear(workspace: Workspace) -> None:
    git(workspace.path, "init", "--initial-branch", "main")
    workspace.configure(CONFIG % ("sandbox://", 2))
    for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve")):
        assert warned(workspace.ok(*command).stderr) == ""
    assert workspace.ok("plan").stderr == NOTE


@pytest.fixture
def behind(project: Workspace, front: Front) -> Workspace:
    """A clone that has fetched, and not merged, what another clone has applied and pushed."""
    upstream = project.path.parent / "upstream.git"
    git(project.path.parent, "init", "--bare", "--initial-branch", "main", str(upstream))
    git(project.path, "remote", "add", "origin", str(upstream))
    project.ok("apply", "--auto-approve")
    commit(project.path, push=True)
    other = project.path.parent / "other"
    git(project.path.parent, "clone", str(upstream), str(other))
    text = (other / "vkstate.yaml").read_text()
    (other / "vkstate.yaml").write_text(text.replace("count: 2", "count: 3"))
    project.ok("apply", "--auto-approve", "--config", str(other / "vkstate.yaml"))
    commit(other, push=True)
    assert len(rows_of(front.sandbox)) == 3
    git(project.path, "fetch")
    return project


WRITING = [
    ("apply", "--auto-approve"),
    ("apply",),
    ("destroy", "--auto-approve"),
    ("refresh", "--auto-approve"),
    ("state", "mv", "w-user1", "x1", "--auto-approve"),
    ("state", "rm", "w-user1", "--auto-approve"),
]


def test_nobody_writes_who_is_behind(behind: Workspace, front: Front) -> None:
    before, rows = behind.state_path.read_bytes(), rows_of(front.sandbox)
    for command in WRITING:
        ran = behind.run(*command)
        assert (ran.code, ran.stdout, ran.complaint) == (1, "", BEHIND), command
    assert (behind.state_path.read_bytes(), rows_of(front.sandbox)) == (before, rows)


def test_who_only_looks_may(behind: Workspace) -> None:
    for command in (
        ("plan",),
        ("plan", "--refresh-only"),
        ("refresh", "--dry-run"),
        ("state", "rm", "w-user1", "--dry-run"),
        ("output",),
    ):
        behind.ok(*command)


def test_after_a_pull_all_is_well(behind: Workspace, front: Front) -> None:
    git(behind.path, "pull")
    assert len(behind.keys) == 3
    behind.converged()
    assert behind.ok("destroy", "--auto-approve").last_line == "Destroy complete! 3 deleted. 0 of 3 remain."


def test_a_clone_that_is_ahead_may_go_on(behind: Workspace) -> None:
    git(behind.path, "pull")
    behind.configure((behind.path / "vkstate.yaml").read_text().replace("count: 3", "count: 4"))
    behind.apply()
    commit(behind.path)
    behind.configure((behind.path / "vkstate.yaml").read_text().replace("count: 4", "count: 5"))
    behind.apply()


def test_what_others_change_besides_the_state_does_not_matter(behind: Workspace) -> None:
    """A clone without the newest documents, but with the newest state, may write."""
    git(behind.path, "pull")
    other = behind.path.parent / "other"
    (other / "README.md").write_text("More.\n")
    commit(other, push=True)
    git(behind.path, "fetch")
    behind.configure((behind.path / "vkstate.yaml").read_text().replace("count: 3", "count: 4"))
    behind.apply()
