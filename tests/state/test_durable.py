from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.faults import faults
from vkstate.state.durable import (
    DurableFile,
    NotAFile,
    ReadFailed,
    WriteFailed,
    durable_write,
    make_directory,
    read_file,
    sweep_leftovers,
)

STEPS = ["open", "write", "fchmod", "fsync", "close", "replace", "open", "fsync", "close"]
LANDS = 6
"""From this step on the new content is in place."""


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def fail(code: int) -> None:
    raise OSError(code, os.strerror(code))


def break_off(file: DurableFile) -> None:
    file.write(b"half")
    raise KeyError


def test_the_steps_are_these(path: Path) -> None:
    path.write_bytes(b"old")
    with faults() as seen:
        durable_write(path, b"new")
    assert seen.seen == STEPS
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("step", range(LANDS))
def test_a_failure_before_the_last_step_leaves_the_old_file_alone(path: Path, step: int) -> None:
    path.write_bytes(b"old")
    with faults(step), pytest.raises(WriteFailed) as caught:
        durable_write(path, b"new")
    assert (caught.value.detail, caught.value.hint) == (
        f"{path} could not be written: the disk is full.",
        "free some space, then run the command again",
    )
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["file.json"]


@pytest.mark.parametrize("step", range(LANDS, len(STEPS)))
def test_a_failure_to_settle_the_directory_says_that_the_file_is_there(path: Path, step: int) -> None:
    path.write_bytes(b"old")
    with faults(step), pytest.raises(WriteFailed) as caught:
        durable_write(path, b"new")
    assert (caught.value.detail, caught.value.hint) == (
        f"{path} was written, but it is not certain that it would survive a power failure: the disk is full.",
        "run the command again",
    )
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file.json"]


@pytest.mark.parametrize("step", range(LANDS))
def test_an_interrupt_leaves_the_old_file_alone(path: Path, step: int) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    path.write_bytes(b"old")
    with faults(step, interrupt), pytest.raises(KeyboardInterrupt):
        durable_write(path, b"new")
    assert path.read_bytes() == b"old"
    # An interrupt in the very moment of opening may leave an empty file; here it strikes before the call.
    assert names(path.parent) == ["file.json"]


KILLED = """
import os, sys
from pathlib import Path
from tests.state.faults import faults
from vkstate.state.durable import durable_write
with faults(int(sys.argv[2]), lambda: os._exit(9)):
    durable_write(Path(sys.argv[1]), b"new")
"""


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(path: Path, step: int) -> None:
    path.write_bytes(b"old")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(step)], check=False)
    assert ended.returncode == 9
    assert path.read_bytes() == (b"old" if step < LANDS else b"new")
    sweep_leftovers(path)
    assert names(path.parent) == ["file.json"]


def test_an_error_in_the_block_drops_the_new_version(path: Path) -> None:
    path.write_bytes(b"old")
    with pytest.raises(KeyError), DurableFile(path) as file:
        break_off(file)
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["file.json"]


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    durable_write(path, b"0123456789")
    assert path.read_bytes() == b"0123456789"


def test_several_writes_follow_each_other(path: Path) -> None:
    with DurableFile(path) as file:
        file.write(b"one ")
        file.write(b"two")
    assert path.read_bytes() == b"one two"


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [(None, None, 0o644), (None, 0o600, 0o600), (0o640, None, 0o640), (0o644, 0o600, 0o600), (0o400, None, 0o400)],
)
def test_modes(path: Path, before: int | None, wanted: int | None, after: int) -> None:
    if before is not None:
        path.write_bytes(b"old")
        path.chmod(before)
    durable_write(path, b"new", mode=wanted)
    assert mode(path) == after


def test_the_new_version_is_private_while_it_is_made(path: Path) -> None:
    path.write_bytes(b"old")
    with DurableFile(path):
        [temporary] = [entry for entry in path.parent.iterdir() if entry != path]
        assert mode(temporary) == 0o600


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target.json"
    target.write_bytes(b"old")
    link = tmp_path / "link.json"
    link.symlink_to(target)
    durable_write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(tmp_path / "real") == ["target.json"]


def test_a_directory_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(NotAFile) as caught:
        durable_write(path, b"new")
    assert (caught.value.detail, caught.value.hint) == (
        f"{path} is a directory; vkstate needs a file there.",
        f"look at it: ls -ld {path}",
    )


@pytest.mark.parametrize(
    ("code", "why", "hint"),
    [
        (errno.EROFS, "its filesystem is read-only", "look at who may write there: ls -ld {directory}"),
        (errno.EACCES, "permission is denied", "look at who may write there: ls -ld {directory}"),
        (errno.EDQUOT, "the disk quota is used up", "free some space, then run the command again"),
        (errno.ENOENT, "its directory does not exist", "create the directory: mkdir -p {directory}"),
        (
            errno.EBUSY,
            f"device or resource busy (error {errno.EBUSY})",
            "look at who may write there: ls -ld {directory}",
        ),
    ],
)
def test_what_the_system_says_is_put_into_words(path: Path, code: int, why: str, hint: str) -> None:
    with faults(0, lambda: fail(code)), pytest.raises(WriteFailed) as caught:
        durable_write(path, b"new")
    assert caught.value.detail == f"{path} could not be written: {why}."
    assert caught.value.hint == hint.format(directory=path.parent)


def test_a_missing_directory(tmp_path: Path) -> None:
    path = tmp_path / "none" / "file"
    with pytest.raises(WriteFailed) as caught:
        durable_write(path, b"new")
    assert caught.value.detail == f"{path} could not be written: its directory does not exist."


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_filesystem_that_cannot_settle_directories_is_good_enough(path: Path, code: int) -> None:
    path.write_bytes(b"old")
    with faults(STEPS.index("fsync", LANDS), lambda: fail(code)):
        durable_write(path, b"new")
    assert path.read_bytes() == b"new"


def test_sweeping_takes_only_this_files_leftovers(path: Path) -> None:
    keep = ["file.json", ".file.json.tmp", ".other.json.0123456789abcdef.tmp", ".file.json.0123.tmp"]
    for name in [*keep, ".file.json.0123456789abcdef.tmp"]:
        (path.parent / name).touch()
    sweep_leftovers(path)
    assert names(path.parent) == sorted(keep)


def test_reading(path: Path) -> None:
    path.write_bytes(b"content")
    path.chmod(0o604)
    content = read_file(path)
    assert (content.data, content.mode) == (b"content", 0o604)


def test_reading_nothing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(path)


def test_reading_a_directory(path: Path) -> None:
    path.mkdir()
    with pytest.raises(NotAFile) as caught:
        read_file(path)
    assert caught.value.detail == f"{path} is a directory; vkstate needs a file there."


def test_reading_a_pipe_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(NotAFile) as caught:
        read_file(path)
    assert caught.value.detail == f"{path} is not a regular file; vkstate needs a file there."


def test_reading_what_may_not_be_read(path: Path) -> None:
    path.touch()
    with faults(0, lambda: fail(errno.EACCES)), pytest.raises(ReadFailed) as caught:
        read_file(path)
    assert (caught.value.detail, caught.value.hint) == (
        f"{path} could not be read: permission is denied.",
        f"look at it: ls -l {path}",
    )


def test_a_circle_of_links(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(ReadFailed) as read:
        read_file(one)
    assert read.value.detail == f"{one} could not be read: its symbolic links lead in a circle."
    with pytest.raises(WriteFailed) as written:
        durable_write(one, b"new")
    assert written.value.detail == f"{one} could not be written: its symbolic links lead in a circle."


def test_making_a_directory(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    with faults() as seen:
        make_directory(directory)
    assert seen.seen == ["mkdir", "open", "fsync", "close"]
    make_directory(directory)
    assert directory.is_dir()


def test_a_file_where_a_directory_should_be_made(path: Path) -> None:
    path.touch()
    with pytest.raises(WriteFailed) as caught:
        make_directory(path)
    assert caught.value.detail == f"{path} could not be written: a file of that name is in the way."
