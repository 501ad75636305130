from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vkstate.state.directory import UnsafeDirectory, beside, directory_of, examine, prepare
from vkstate.state.durable import WriteFailed


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / ".vkstate"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def told(directory: Path) -> tuple[str, str | None]:
    with pytest.raises(UnsafeDirectory) as caught:
        prepare(directory)
    with pytest.raises(UnsafeDirectory) as examined:
        examine(directory)
    assert examined.value.detail == caught.value.detail
    return caught.value.detail, caught.value.hint


def test_it_lies_beside_the_state_file(tmp_path: Path) -> None:
    state = tmp_path / "vkstate.state.json"
    assert directory_of(state) == tmp_path / ".vkstate"
    assert beside(state, ".lock") == tmp_path / ".vkstate" / "vkstate.state.json.lock"


def test_everybody_who_follows_a_link_meets_at_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real" / "state.json")
    assert beside(link, ".lock") == tmp_path / "real" / ".vkstate" / "state.json.lock"


def test_it_is_made_private_and_invisible_to_git(directory: Path) -> None:
    prepare(directory)
    assert mode(directory) == 0o700
    assert [entry.name for entry in directory.iterdir()] == [".gitignore"]
    assert (directory / ".gitignore").read_text() == "*\n"


def test_a_gitignore_that_is_there_is_kept(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    (directory / ".gitignore").write_text("mine\n")
    prepare(directory)
    assert (directory / ".gitignore").read_text() == "mine\n"


def test_nothing_is_created_by_looking(directory: Path) -> None:
    assert not examine(directory)
    assert not directory.exists()


def test_one_that_others_may_read_is_closed(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o755)
    assert examine(directory)
    assert mode(directory) == 0o700


def test_one_that_others_may_write_to_is_refused(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o770)
    assert told(directory) == (
        f"{directory} may be written to by others (mode 0770), who may have put anything there.",
        f"look through it, then close it: chmod 700 {directory}",
    )
    assert mode(directory) == 0o770


def test_a_link_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "elsewhere")
    assert told(directory) == (
        f"{directory} is a symbolic link; secrets are kept in a real directory only.",
        f"look at it: ls -ld {directory}",
    )


def test_somebody_elses_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert told(directory)[0] == f"{directory} belongs to another user (uid {owner}, and this is uid {owner + 1})."


def test_a_file_in_its_place(directory: Path) -> None:
    directory.touch()
    with pytest.raises(UnsafeDirectory) as examined:
        examine(directory)
    assert examined.value.detail == f"{directory} is not a directory."
    with pytest.raises(WriteFailed) as caught:
        prepare(directory)
    assert caught.value.detail == f"{directory} could not be written: a file of that name is in the way."
