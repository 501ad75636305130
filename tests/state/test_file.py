from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.state.faults import faults
from tests.state.samples import CANARY, key, state
from vkstate.errors import VkstateError
from vkstate.state.durable import NotAFile, ReadFailed, WriteFailed
from vkstate.state.file import SecretInState, StateChanged, StateFile, StateMissing
from vkstate.state.model import State
from vkstate.state.parsing import StateConflicted, StateImpossible, StateNotJson, StateNotText
from vkstate.state.serialising import serialise

ANEW = "make it anew from the proxy: vkstate state rebuild"
FIRST, SECOND, THIRD = state(key(1)), state(key(1), key(2), serial=2), state(key(3), serial=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vkstate.state.json"


@pytest.fixture
def file(path: Path) -> StateFile:
    """A state file that has been read; it holds the first state."""
    path.write_text(serialise(FIRST))
    path.chmod(0o644)
    read = StateFile(path)
    assert read.read() == FIRST
    return read


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def parts(error: VkstateError) -> tuple[str, str | None]:
    return error.detail, error.hint


def test_a_file_that_was_here_is_to_be_brought_back(path: Path) -> None:
    """A state begun anew would not know the keys of the old one."""
    file = StateFile(path)
    file.write(state())
    again = StateFile(path)
    again.write(replace(again.read(), serial=9))
    path.unlink()
    with pytest.raises(StateMissing) as caught:
        StateFile(path).read()
    assert parts(caught.value) == (
        f"{path} does not exist, though a project was here: {file.backup} holds the version before its last change.",
        f"bring it back: cp {file.backup} {path}, or {ANEW}",
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("kept", [True, False])
def test_git_may_have_it(path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    """As in a clone that somebody has cleaned up."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    file = StateFile(path)
    file.write(state())
    again = StateFile(path)
    again.write(replace(again.read(), serial=9))
    for command in (["init", "-q"], ["add", path.name]):
        subprocess.run(["git", *command], cwd=path.parent, check=True)
    path.unlink()
    if not kept:
        shutil.rmtree(file.backup.parent)
    with pytest.raises(StateMissing) as caught:
        StateFile(path).read()
    there = f", and {file.backup} holds the version before its last change" if kept else ""
    copied = f", or: cp {file.backup} {path}" if kept else ""
    assert parts(caught.value) == (
        f"{path} does not exist, though a project was here: git has it{there}.",
        f"bring it back: git restore {path}{copied}, or {ANEW}",
    )


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(StateMissing) as caught:
        StateFile(path).read()
    assert parts(caught.value) == (
        f"{path} does not exist.",
        "begin a project here: vkstate init; or, where its keys are on the proxy already: vkstate state rebuild",
    )
    assert names(path.parent) == []


def test_the_first_write_of_a_project(path: Path) -> None:
    file = StateFile(path)
    file.write(State.empty("l"))
    assert path.read_text() == serialise(State.empty("l"))
    file.write(FIRST)
    assert StateFile(path).read() == FIRST


def test_a_file_that_was_not_read_is_not_overwritten(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(StateChanged) as caught:
        StateFile(path).write(FIRST)
    assert parts(caught.value) == (
        f"{path} exists already, and this run has not read it: it was left alone.",
        f"look at it: cat {path}",
    )
    assert path.read_text() == "precious"


def test_writing_keeps_what_was_read(file: StateFile, path: Path) -> None:
    file.write(SECOND)
    file.write(THIRD)
    assert path.read_text() == serialise(THIRD)
    assert file.backup == path.parent / ".vkstate" / "vkstate.state.json.backup"
    assert file.backup.read_text() == serialise(FIRST)
    assert stat.S_IMODE(file.backup.stat().st_mode) == 0o600
    assert names(path.parent) == [".vkstate", "vkstate.state.json"]


def test_every_read_begins_a_new_backup(file: StateFile) -> None:
    file.write(SECOND)
    file.read()
    file.write(THIRD)
    assert file.backup.read_text() == serialise(SECOND)


def test_the_same_content_is_not_written_again(file: StateFile, path: Path) -> None:
    before = path.stat()
    file.write(FIRST)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(path.parent) == ["vkstate.state.json"]


@pytest.mark.parametrize("foreign", [serialise(THIRD), None])
def test_a_file_that_somebody_else_changed_is_left_alone(file: StateFile, path: Path, foreign: str | None) -> None:
    if foreign is None:
        path.unlink()
    else:
        path.write_text(foreign)
    with pytest.raises(StateChanged) as caught:
        file.write(SECOND)
    what = "has been removed" if foreign is None else "has been changed by somebody else"
    assert parts(caught.value) == (
        f"{path} {what} since this run read it. It was left as it is.",
        f"see what changed: git diff {path}; then run the command again",
    )
    assert (path.read_text() if path.exists() else None) == foreign
    assert not file.backup.exists()


WRITING = ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
MODED = [*WRITING[:2], "fchmod", *WRITING[2:]]
MAKING = ["mkdir", "open", "fsync", "close"]
FIRST_WRITE = ["open", "close", *MAKING, *WRITING, *WRITING, *MODED]
"""Read the state; make the directory, its .gitignore, the backup; write the state."""


def test_the_calls_of_a_first_write_are_these(file: StateFile) -> None:
    with faults() as seen:
        file.write(SECOND)
    assert seen.seen == FIRST_WRITE


@pytest.mark.parametrize("step", range(len(FIRST_WRITE)))
def test_after_any_failure_the_file_is_whole_and_the_next_write_succeeds(
    file: StateFile, path: Path, step: int
) -> None:
    with faults(step), pytest.raises((WriteFailed, ReadFailed)) as caught:
        file.write(SECOND)
    assert "the disk is full" in caught.value.detail
    landed = step >= len(FIRST_WRITE) - 3
    assert path.read_text() == serialise(SECOND if landed else FIRST)
    assert list(path.parent.rglob("*.tmp")) == []
    file.write(SECOND)
    assert path.read_text() == serialise(SECOND)
    assert file.backup.read_text() == serialise(FIRST)


def test_a_write_that_landed_without_settling_is_written_again(file: StateFile, path: Path) -> None:
    file.write(SECOND)
    # The file is read (open, close), then written; the directory's own turn comes after the replace.
    with faults(2 + 6), pytest.raises(WriteFailed):
        file.write(THIRD)
    assert path.read_text() == serialise(THIRD)
    with faults() as seen:
        file.write(THIRD)
    assert seen.seen.count("fsync") == 2


def test_leftovers_of_killed_writers_are_swept(file: StateFile, path: Path) -> None:
    (path.parent / ".vkstate.state.json.0123456789abcdef.tmp").touch()
    file.write(SECOND)
    assert names(path.parent) == [".vkstate", "vkstate.state.json"]


def test_a_linked_state_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "state.json"
    link.symlink_to(tmp_path / "real" / "shared.json")
    StateFile(link).write(FIRST)
    file = StateFile(link)
    file.read()
    file.write(SECOND)
    assert link.is_symlink()
    assert (tmp_path / "real" / "shared.json").read_text() == serialise(SECOND)
    assert (tmp_path / "real" / ".vkstate" / "shared.json.backup").read_text() == serialise(FIRST)


def test_what_is_not_utf_8(path: Path) -> None:
    path.write_bytes(b'{\n"format": "\xff"}')
    with pytest.raises(StateNotText) as caught:
        StateFile(path).read()
    assert parts(caught.value) == (
        f"{path}:2: the bytes here are not UTF-8.",
        f"go back to the version in git: git restore {path}, or {ANEW}",
    )


def test_a_directory_in_its_place(path: Path) -> None:
    path.mkdir()
    with pytest.raises(NotAFile):
        StateFile(path).read()
    with pytest.raises(NotAFile):
        StateFile(path).write(FIRST)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"format": 1}'])
def test_a_damaged_state_leads_to_its_backup(file: StateFile, path: Path, damage: bytes) -> None:
    file.write(SECOND)
    path.write_bytes(damage)
    with pytest.raises((StateNotJson, StateNotText, StateImpossible)) as caught:
        StateFile(path).read()
    assert caught.value.hint == f"go back to the version before the last change: cp {file.backup} {path}, or {ANEW}"
    assert path.read_bytes() == damage


def test_a_backup_that_is_damaged_too_is_not_offered(file: StateFile, path: Path) -> None:
    file.write(SECOND)
    file.backup.write_text("{")
    path.write_text("{")
    with pytest.raises(StateNotJson) as caught:
        StateFile(path).read()
    assert caught.value.hint == f"go back to the version in git: git restore {path}, or {ANEW}"


DAMAGED = (b"", b"{", b"\xff", b'{"format": 1}', b"<<<<<<< HEAD\n", b'{"format": 1, "format": 1}')


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_no_state_is_kept_apart_when_a_state_takes_its_place(
    file: StateFile, path: Path, damage: bytes
) -> None:
    """The backup may be the last that is sound, and what is damaged may be mended by hand."""
    file.write(SECOND)
    for number, name in enumerate(("vkstate.state.json.replaced", "vkstate.state.json.replaced-2")):
        path.write_bytes(damage + b" " * number)
        again = StateFile(path)
        with pytest.raises(VkstateError):
            again.read()
        again.write(THIRD)
        kept = path.parent / ".vkstate" / name
        assert again.kept == kept
        assert kept.read_bytes() == damage + b" " * number
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert path.read_text() == serialise(THIRD)
        assert file.backup.read_text() == serialise(FIRST)


def test_a_state_of_another_lineage_is_kept_apart(file: StateFile, path: Path) -> None:
    file.write(SECOND)
    assert file.kept == file.backup
    again = StateFile(path)
    again.write(replace(again.read(), lineage="another"))
    assert again.kept == path.parent / ".vkstate" / "vkstate.state.json.replaced"
    assert (path.parent / ".vkstate" / "vkstate.state.json.replaced").read_text() == serialise(SECOND)
    assert file.backup.read_text() == serialise(FIRST)
    again.read()
    assert again.kept is None


def test_a_damaged_file_that_changed_meanwhile_is_left_alone(path: Path) -> None:
    path.write_text("{")
    file = StateFile(path)
    with pytest.raises(StateNotJson):
        file.read()
    path.write_text("{}")
    with pytest.raises(StateChanged):
        file.write(FIRST)
    assert path.read_text() == "{}"
    assert names(path.parent) == ["vkstate.state.json"]


def test_a_conflicted_state_is_settled_in_git(file: StateFile, path: Path) -> None:
    file.write(SECOND)
    path.write_text("<<<<<<< HEAD\n" + serialise(SECOND))
    with pytest.raises(StateConflicted) as caught:
        StateFile(path).read()
    assert caught.value.hint == (
        f"take one side whole: git checkout --ours {path} (or --theirs), then vkstate plan; or make the state anew "
        "from the proxy: vkstate state rebuild"
    )


@pytest.mark.parametrize(
    ("holder", "where"),
    [
        (state(key(1), key(2, applied={"metadata.note": f"it is {CANARY}!"})), "The record of key-2"),
        (state(key(1), key(2, alias=f"a-{CANARY}")), "The record of one key"),
        (state(key(1), proxy=f"https://{CANARY}.example.com"), "The head of the state"),
    ],
)
def test_a_secret_is_never_written(path: Path, holder: State, where: str) -> None:
    file = StateFile(path, secrets=lambda: ["sk-another-secret", CANARY])
    for attempt in (file.write, file.rescue):
        with pytest.raises(SecretInState) as caught:
            attempt(holder)
        assert parts(caught.value) == (
            (
                f"{where} holds a secret (a key value or the master key), and {path} is a file for git. Nothing was "
                "written."
            ),
            "take the secret out of the config; where a value must hold it, write it as ${env.NAME}",
        )
    assert names(path.parent) == []


def test_a_state_that_cannot_be_saved_is_put_beside_it(file: StateFile, path: Path) -> None:
    path.with_name("vkstate.state.json.errored").write_text("from an earlier run")
    rescued = file.rescue(SECOND)
    assert rescued == path.with_name("vkstate.state.json.errored-2")
    assert rescued.read_text() == serialise(SECOND)
    assert path.with_name("vkstate.state.json.errored").read_text() == "from an earlier run"
    assert path.read_text() == serialise(FIRST)


def test_how_a_rescued_state_is_put_in_its_place(file: StateFile, path: Path, tmp_path: Path) -> None:
    there = tmp_path / "some where" / "vkstate.state.json.errored"
    move = f"mv '{there}' {path}"
    assert file.repair(there) == f"make room or mend the directory, then: {move}"
    path.write_text(serialise(SECOND))
    with pytest.raises(StateChanged):
        file.write(FIRST)
    assert file.repair(there) == f"see what differs: diff {path} '{there}'; where the rescued one is true: {move}"
    path.unlink()
    assert file.repair(there) == move
    target = tmp_path / "target.json"
    path.symlink_to(target)
    target.touch()
    assert file.repair(there).endswith(f"mv '{there}' {target}")
    path.unlink()
    path.mkdir()
    assert file.repair(there) == f"mv {path} {path}.aside && {move}"


def test_or_else_among_the_temporary_files(file: StateFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    with faults(0):
        rescued = file.rescue(SECOND)
    assert rescued.parent.parent == elsewhere
    assert rescued.name == "vkstate.state.json.errored"
    assert rescued.read_text() == serialise(SECOND)
    assert stat.S_IMODE(rescued.parent.stat().st_mode) == 0o700


def test_or_nowhere(file: StateFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_named: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(WriteFailed) as caught:
        file.rescue(SECOND)
    assert caught.value.detail == (
        f"The state could not be written to {path}, nor beside it, nor among the temporary files."
    )
