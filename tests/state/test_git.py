"""What git says of a state, asked of real repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from vkstate.state.git import Standing, StateBehind, bringing_back, inspect, refuse_behind, warnings_of

NAME = "vkstate.state.json"
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The developer's own settings of git count for nothing, and no repository around the tests is found."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@dataclass(frozen=True)
class Clone:
    """A working tree, and a project in a directory of it."""

    root: Path
    project: Path

    @property
    def state(self) -> Path:
        return self.project / NAME

    def git(self, *arguments: str, check: bool = True) -> str:
        return git(self.root, *arguments, check=check)

    def write(self, text: str, name: str = NAME) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, text: str) -> None:
        """Commit the state with this content."""
        self.git("add", str(self.write(text)))
        self.git("commit", "-q", "-m", text)

    def seen(self) -> Standing:
        found = inspect(self.state)
        assert found is not None
        return found


def git(directory: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=directory, check=check, capture_output=True, encoding="utf-8"
    )
    return done.stdout


def clone(root: Path, below: str = "") -> Clone:
    (root / below).mkdir(exist_ok=True)
    return Clone(root, root / below)


@pytest.fixture
def alone(tmp_path: Path) -> Clone:
    """A repository without an upstream; the project lies in a directory of it."""
    root = tmp_path / "alone"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    return clone(root, "keys")


@pytest.fixture
def two(tmp_path: Path) -> tuple[Clone, Clone]:
    """Two clones of one repository, both with its one commit."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "upstream")
    git(tmp_path, "clone", "-q", "upstream", "ours")
    ours = clone(tmp_path / "ours")
    ours.commit("1")
    ours.git("push", "-q")
    git(tmp_path, "clone", "-q", "upstream", "theirs")
    return ours, clone(tmp_path / "theirs")


def clean(path: Path, *, behind: bool | None = None, upstream: str | None = None) -> Standing:
    return Standing(
        path,
        tracked=True,
        ignored=False,
        dirty=False,
        behind=behind,
        unignored=False,
        leaked=False,
        upstream=upstream,
    )


def test_a_state_that_is_committed(alone: Clone) -> None:
    alone.commit("1")
    assert alone.seen() == clean(alone.state)
    alone.state.unlink()
    alone.write("1")  # another file with the same content, as vkstate writes one
    assert alone.seen() == clean(alone.state)
    assert warnings_of(alone.seen()) == ()
    refuse_behind(alone.seen())


def test_a_state_that_is_not_in_git(alone: Clone) -> None:
    alone.write("1")
    seen = alone.seen()
    assert seen == replace(clean(alone.state), tracked=False)
    assert warnings_of(seen) == (f"{alone.state} is not in git: git add {alone.state}",)


def test_a_state_that_is_added_but_not_committed(alone: Clone) -> None:
    alone.write("1")
    alone.git("add", ".")
    assert alone.seen() == replace(clean(alone.state), dirty=True)


def test_a_state_that_git_ignores(alone: Clone) -> None:
    alone.write("*.json\n", ".gitignore")
    alone.write("1")
    seen = alone.seen()
    assert seen == replace(clean(alone.state), tracked=False, ignored=True)
    assert warnings_of(seen) == (
        f"{alone.state} is ignored by git, so that no other clone knows the keys: git add -f {alone.state}",
    )
    alone.git("add", "-f", str(alone.state))
    alone.git("commit", "-q", "-m", "all the same")
    assert alone.seen() == clean(alone.state)


def test_a_state_that_differs_from_the_last_commit(alone: Clone) -> None:
    alone.commit("1")
    alone.write("2")
    seen = alone.seen()
    assert seen == replace(clean(alone.state), dirty=True)
    assert warnings_of(seen) == (
        f"{alone.state} differs from the last commit: commit it, so that others see which keys there are.",
    )
    alone.git("add", ".")
    assert alone.seen() == seen
    alone.state.unlink()
    assert alone.seen() == seen


def test_what_others_change_beside_it_is_nothing_to_us(alone: Clone) -> None:
    alone.commit("1")
    alone.write("new", "vkstate.yaml")
    alone.write("new", "sub/vkstate.state.json")
    assert alone.seen() == clean(alone.state)


def test_paths_are_taken_as_they_are(alone: Clone) -> None:
    """No pattern, and whatever a name may hold."""
    state = alone.write("1", "[s]tate\n 1.json")
    seen = inspect(state)
    assert seen == replace(clean(state), tracked=False)
    assert warnings_of(seen) == (f"{state} is not in git: git add '{state}'",)
    alone.write("1", "state\n 1.json")
    alone.git("add", ".")
    alone.git("commit", "-q", "-m", "both")
    alone.write("2", "state\n 1.json")
    assert inspect(state) == clean(state)


@pytest.mark.parametrize("ignoring", ["*\n", "keys.json\n"])
def test_a_store_that_is_ignored(alone: Clone, ignoring: str) -> None:
    alone.commit("1")
    alone.write("secret", ".vkstate/keys.json")
    alone.write(ignoring, ".vkstate/.gitignore")
    assert alone.seen() == clean(alone.state)


def test_a_store_that_git_would_add(alone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.commit("1")
    alone.write("secret", ".vkstate/keys.json")
    seen = alone.seen()
    assert seen == replace(clean(alone.state), unignored=True)
    monkeypatch.chdir(alone.project)
    [warning] = warnings_of(seen)
    assert warning == (
        ".vkstate is not ignored by git: the next commit may take the key values along: echo '*' > .vkstate/.gitignore"
    )
    subprocess.run(warning.rpartition(": ")[2], shell=True, check=True, cwd=alone.project)
    assert alone.seen() == clean(alone.state)


def test_a_store_that_is_in_git(alone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.commit("1")
    alone.write("*\n", ".vkstate/.gitignore")
    alone.write("secret", ".vkstate/keys.json")
    alone.git("add", "-f", "keys/.vkstate/keys.json")
    alone.git("commit", "-q", "-m", "a mistake")
    seen = alone.seen()
    assert seen == replace(clean(alone.state), unignored=True, leaked=True)
    monkeypatch.chdir(alone.project)
    [warning] = warnings_of(seen)
    assert warning == (
        ".vkstate is in git, and whoever has the repository has the key values: replace the keys, and "
        "git rm -r --cached .vkstate"
    )
    subprocess.run(["git", "rm", "-q", "-r", "--cached", ".vkstate"], check=True, cwd=alone.project)
    assert alone.seen() == clean(alone.state)
    assert (alone.project / ".vkstate" / "keys.json").exists()


def test_clones_that_are_at_one(two: tuple[Clone, Clone]) -> None:
    for each in two:
        assert each.seen() == clean(each.state, behind=False, upstream="origin/main")


def test_a_clone_that_is_behind(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.commit("2")
    theirs.git("push", "-q")
    assert ours.seen().behind is False, "nothing is fetched"
    ours.git("fetch", "-q")
    seen = ours.seen()
    assert seen == clean(ours.state, behind=True, upstream="origin/main")
    assert warnings_of(seen) == ()
    with pytest.raises(StateBehind) as caught:
        refuse_behind(seen)
    assert caught.value.detail == (
        f"origin/main has commits that change {ours.state}, and this clone does not have them. Going on would make "
        "anew, or leave behind, what others have changed meanwhile."
    )
    assert caught.value.hint == "get them: git pull"
    ours.git("pull", "-q")
    assert ours.seen() == clean(ours.state, behind=False, upstream="origin/main")


def test_a_clone_that_is_behind_with_changes_of_its_own(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.commit("2")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    ours.write("3")
    with pytest.raises(StateBehind) as caught:
        refuse_behind(ours.seen())
    assert caught.value.hint == f"get them: git commit -m 'Save the state' {ours.state} && git pull"


def test_a_clone_that_is_behind_in_other_files(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.write("new", "vkstate.yaml")
    theirs.git("add", ".")
    theirs.git("commit", "-q", "-m", "config")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    assert ours.seen() == clean(ours.state, behind=False, upstream="origin/main")


def test_a_clone_that_is_ahead(two: tuple[Clone, Clone]) -> None:
    ours, _ = two
    ours.commit("2")
    assert ours.seen() == clean(ours.state, behind=False, upstream="origin/main")


def test_clones_that_have_diverged_are_behind_until_they_are_merged(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.commit("2")
    theirs.git("push", "-q")
    ours.commit("3")
    ours.git("fetch", "-q")
    assert ours.seen() == clean(ours.state, behind=True, upstream="origin/main")
    ours.git("merge", "-q", "origin/main", check=False)
    merging = ours.seen()
    assert (merging.behind, merging.dirty) == (False, True), "what people make of both sides is behind neither"
    ours.git("checkout", "-q", "--ours", NAME)
    ours.git("add", NAME)
    ours.git("commit", "-q", "-m", "merged")
    assert ours.seen() == clean(ours.state, behind=False, upstream="origin/main")


def test_a_state_that_others_have_added(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.git("mv", NAME, "other.json")
    theirs.git("commit", "-q", "-m", "moved")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    state = ours.write("mine", "other.json")
    seen = inspect(state)
    assert seen == replace(clean(state, behind=True, upstream="origin/main"), tracked=False)


def test_an_upstream_that_is_gone(two: tuple[Clone, Clone]) -> None:
    ours, _ = two
    ours.git("update-ref", "-d", "refs/remotes/origin/main")
    assert ours.seen() == clean(ours.state, behind=None, upstream="origin/main")


def test_a_detached_head(two: tuple[Clone, Clone]) -> None:
    ours, _ = two
    ours.git("checkout", "-q", "--detach")
    assert ours.seen() == clean(ours.state)


def test_a_shallow_clone(two: tuple[Clone, Clone], tmp_path: Path) -> None:
    ours, _ = two
    ours.commit("2")
    ours.git("push", "-q")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{tmp_path}/upstream", "shallow")
    shallow = clone(tmp_path / "shallow")
    assert shallow.seen() == clean(shallow.state, behind=False, upstream="origin/main")
    ours.commit("3")
    ours.git("push", "-q")
    shallow.git("fetch", "-q")
    assert shallow.seen() == clean(shallow.state, behind=True, upstream="origin/main")


def test_a_worktree_and_a_submodule(two: tuple[Clone, Clone], alone: Clone, tmp_path: Path) -> None:
    ours, _ = two
    ours.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = clone(tmp_path / "side")
    assert side.seen() == clean(side.state)
    side.write("2")
    assert side.seen() == replace(clean(side.state), dirty=True)
    alone.git("submodule", "--quiet", "add", str(tmp_path / "upstream"), "inner")
    inner = clone(alone.root / "inner")
    assert inner.seen() == clean(inner.state, behind=False, upstream="origin/main")


def test_a_state_that_is_reached_by_a_link(alone: Clone, tmp_path: Path) -> None:
    alone.commit("1")
    alone.write("secret", ".vkstate/keys.json")
    link = tmp_path / "link.json"
    link.symlink_to(alone.state)
    assert inspect(link) == replace(clean(link), unignored=True)


def no_repository(path: Path, _: pytest.MonkeyPatch) -> Path:
    return path


def no_directory(path: Path, _: pytest.MonkeyPatch) -> Path:
    return path / "nowhere"


def a_bare_repository(path: Path, _: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q", "--bare")
    return path


def inside_of_git(path: Path, _: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q")
    return path / ".git"


def damaged(path: Path, _: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q")
    (path / ".git" / "config").write_text("[")
    return path


def no_git(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q")
    monkeypatch.setenv("PATH", str(path))
    return path


def a_git_that_cannot_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q")
    program = path / "git"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(path))
    return path


def a_git_that_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(path, "init", "-q")
    program = path / "git"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr("vkstate.state.git_program.PATIENCE", 0.1)
    return path


UNKNOWN: tuple[Callable[[Path, pytest.MonkeyPatch], Path], ...] = (
    *(no_repository, no_directory, a_bare_repository, inside_of_git, damaged),
    *(no_git, a_git_that_cannot_run, a_git_that_hangs),
)


@pytest.mark.parametrize("place", UNKNOWN)
def test_where_git_does_not_tell_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path, pytest.MonkeyPatch], Path]
) -> None:
    root = tmp_path / "place"
    root.mkdir()
    directory = place(root, monkeypatch)
    if directory.exists():
        (directory / NAME).write_text("1")
    assert inspect(directory / NAME) is None


def test_what_a_hook_says_of_its_own_repository_does_not_count(
    alone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.commit("1")
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / "index"))
    monkeypatch.setenv("GIT_ICASE_PATHSPECS", "1")
    assert alone.seen() == clean(alone.state)


def test_no_program_that_the_repository_names_is_started(alone: Clone, tmp_path: Path) -> None:
    alone.commit("1")
    marker = tmp_path / "started"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    for name in ("post-index-change", "reference-transaction"):
        hook = alone.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.symlink_to(program)
    for setting in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand"):
        alone.git("config", setting, str(program))
    marker.unlink(missing_ok=True)
    os.utime(alone.write("1"), (1, 1))  # what git has noted of the file no longer fits: it would write its index anew
    assert alone.seen() == clean(alone.state)
    assert not marker.exists()


def test_nothing_of_the_repository_is_written(two: tuple[Clone, Clone]) -> None:
    ours, theirs = two
    theirs.commit("2")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    os.utime(ours.state, (1, 1))
    before = {path: path.stat().st_mtime_ns for path in ours.root.rglob("*")}
    assert ours.seen().behind
    assert {path: path.stat().st_mtime_ns for path in ours.root.rglob("*")} == before


def test_at_most_three_runs_of_git(two: tuple[Clone, Clone], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = two
    theirs.commit("2")
    theirs.git("push", "-q")
    runs: list[str] = []
    real = subprocess.run

    def counted(argv: list[str], **named: Any) -> subprocess.CompletedProcess[str]:
        runs.append(argv[-1])
        return real(argv, **named)

    monkeypatch.setattr(subprocess, "run", counted)
    assert not ours.seen().behind
    assert len(runs) == 2
    ours.git("fetch", "-q")
    runs.clear()
    assert ours.seen().behind
    assert len(runs) == 3


# -- a file that is gone -----------------------------------------------------------------------------------------------


def test_what_is_committed_can_be_brought_back(alone: Clone) -> None:
    assert bringing_back(alone.state) is None
    alone.commit("1")
    alone.state.unlink()
    assert bringing_back(alone.state) == f"git restore {alone.state}"
    alone.git("restore", str(alone.state))
    assert alone.state.read_text() == "1"


def test_so_can_what_was_removed_with_git(alone: Clone) -> None:
    alone.commit("1")
    alone.git("rm", "-q", str(alone.state))
    alone.project.mkdir(exist_ok=True)
    assert bringing_back(alone.state) == f"git checkout HEAD -- {alone.state}"
    alone.git("checkout", "-q", "HEAD", "--", str(alone.state))
    assert alone.state.read_text() == "1"


def test_where_nothing_is_known_nothing_is_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bringing_back(tmp_path / NAME) is None
    assert bringing_back(tmp_path / "nowhere" / NAME) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bringing_back(tmp_path / NAME) is None
