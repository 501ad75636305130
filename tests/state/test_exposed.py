"""Where git would add a file with key values, asked of real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from vkstate.state.exposed import WouldBeCommitted, refuse_addable

FORCE = "; or --force"
OUTSIDE = "name a path outside of the repository"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The top of an empty repository, which is the working directory; nobody's own settings count."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q")
    monkeypatch.chdir(path)
    return path


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def refusal(path: str | Path, *files: str, forcible: bool = False) -> tuple[str, str | None]:
    """Detail and hint of a refusal."""
    with pytest.raises(WouldBeCommitted) as caught:
        refuse_addable(Path(path), files=files, forcible=forcible)
    return caught.value.detail, caught.value.hint


def told(path: str) -> str:
    return (
        f"{path} lies in a git repository, which does not ignore it: the next commit may take the key values along. "
        "Nothing was written."
    )


def obeyed(hint: str | None) -> None:
    """Do what a hint says."""
    assert hint
    subprocess.run(["bash", "-c", hint.partition(";")[0]], check=True)


def test_a_file_that_git_would_add(root: Path) -> None:
    assert refusal("cards.html") == (told("cards.html"), f"echo /cards.html >> .gitignore; or {OUTSIDE}")
    (root / "cards.html").touch()
    assert refusal("cards.html", forcible=True)[1] == f"echo /cards.html >> .gitignore; or {OUTSIDE}{FORCE}"


@pytest.mark.parametrize("name", ["cards.html", "sub/cards.html", "a b [1]*?!.csv", "#x", "!x", ":x", "\\x", "-x", "ü"])
def test_the_hint_is_the_remedy(root: Path, name: str) -> None:
    (root / "sub").mkdir()
    obeyed(refusal(name)[1])
    refuse_addable(root / name)
    refuse_addable(Path(name))
    assert refusal(f"{name}2")[0] == told(f"{name}2")


@pytest.mark.parametrize("directory", ["keys", "sub/keys [1]"])
def test_a_directory_of_files(root: Path, directory: str) -> None:
    (root / "sub").mkdir()
    detail, hint = refusal(directory, "a.env", "b.env")
    assert detail == told(directory)
    obeyed(hint)
    refuse_addable(Path(directory), files=["a.env", "b.env"])
    (root / directory).mkdir()
    refuse_addable(root / directory, files=["a.env", "b.env"])
    refusal("other", "a.env")


def test_one_file_of_a_directory_that_is_not_ignored(root: Path) -> None:
    (root / ".gitignore").write_text("a.env\n")
    refuse_addable(Path("keys"), files=["a.env"])
    refusal("keys", "a.env", "b.env")


def test_the_top_of_a_repository(root: Path) -> None:
    assert refusal(".", "a.env") == (
        told("."),
        f"name a directory of its own, and have git ignore it; or {OUTSIDE}",
    )


def test_a_file_that_is_tracked_though_ignored(root: Path) -> None:
    (root / "keys.csv").touch()
    git(root, "add", "keys.csv")
    (root / ".gitignore").write_text("*\n")
    (root / "keys.csv").unlink()
    assert refusal("keys.csv") == (
        "keys.csv is tracked by git: the next commit may take the key values along. Nothing was written.",
        f"git rm --cached keys.csv, and ignore it; or {OUTSIDE}",
    )


def test_a_link_is_looked_at_where_it_leads(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link.csv").symlink_to(outside / "keys.csv")
    refuse_addable(Path("link.csv"))
    (outside / "link.csv").symlink_to(root / "keys.csv")
    refusal(outside / "link.csv")


def test_what_git_does_not_add(root: Path, tmp_path: Path) -> None:
    refuse_addable(tmp_path / "keys.csv")
    refuse_addable(tmp_path / "no" / "such" / "directory" / "keys.csv")
    refuse_addable(root / ".git" / "keys.csv")
    (root / ".git" / "info" / "exclude").write_text("private/\n")
    refuse_addable(root / "private" / "keys.csv")


def test_a_repository_within_the_repository_counts(root: Path) -> None:
    inner = root / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".gitignore").write_text("*.csv\n")
    refuse_addable(inner / "keys.csv")
    refusal(inner / "keys.html")


def test_without_git_nothing_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_addable(Path("keys.csv"))


def test_git_is_not_told_what_is_hidden(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "${{MASTER-unset}}" >> {seen}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MASTER", "secret")
    with pytest.raises(WouldBeCommitted):
        refuse_addable(Path("keys.csv"), hidden=["MASTER"])
    assert set(seen.read_text().split()) == {"unset"}


def test_a_repository_that_does_not_answer(root: Path, tmp_path: Path) -> None:
    """As the checkout of another user: what git does not tell, it may well add."""
    (root / ".git" / "config").write_text("[broken")
    detail = (
        f"cards.html lies in the git repository {root}, and git does not tell whether it would add it, as in the "
        "checkout of another user. Nothing was written."
    )
    hint = f"git -C {root} status tells why; or {OUTSIDE}{FORCE}"
    assert refusal("cards.html", forcible=True) == (detail, hint)
    refuse_addable(tmp_path / "cards.html")
