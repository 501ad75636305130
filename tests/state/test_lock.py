from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from tests.state.faults import faults
from tests.state.samples import NOON, clock
from vkstate.errors import ExitCode
from vkstate.state.durable import WriteFailed
from vkstate.state.holder import Holder, holder_of
from vkstate.state.lock import LockHeld, LockUnavailable, StateLock

HOST = socket.gethostname()

HOLDING = """
import sys
from pathlib import Path
from vkstate.state.lock import StateLock
with StateLock(Path(sys.argv[1]), 0, "vkstate apply"):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vkstate.state.json"


@pytest.fixture
def word(path: Path) -> Path:
    return path.parent / ".vkstate" / "vkstate.state.json.lock.json"


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is told a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def told(lock: StateLock) -> LockHeld:
    with pytest.raises(LockHeld) as caught, lock:
        raise AssertionError("the lock is held by another process")
    assert caught.value.exit_code is ExitCode.LOCKED
    assert caught.value.hint == "wait for it: run the same command with --lock-timeout 60s"
    return caught.value


def test_the_holder_leaves_word_and_takes_it_away(path: Path, word: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    with StateLock(path, 0, "vkstate apply", clock=clock):
        assert json.loads(word.read_text()) == {
            "who": "ann",
            "host": HOST,
            "pid": os.getpid(),
            "command": "vkstate apply",
            "since": "2026-03-01T12:00:00Z",
        }
        assert stat.S_IMODE(word.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in word.parent.iterdir()) == [".gitignore", "vkstate.state.json.lock"]


def test_it_can_be_taken_again_and_after_an_error(path: Path) -> None:
    lock = StateLock(path, 0, "vkstate apply")
    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0
    with lock, pytest.raises(LockHeld), StateLock(path, 0, "vkstate apply"):
        pass
    with lock:
        pass


def test_another_process_is_named(path: Path, word: Path) -> None:
    with held_elsewhere(path) as process:
        holder = json.loads(word.read_text())
        assert holder["pid"] == process.pid
        assert told(StateLock(path, 0, "vkstate plan")).detail == (
            f"{path} is locked by {holder['who']} on {HOST} (pid {process.pid}) since {holder['since']}, running "
            "vkstate apply."
        )


def test_it_says_how_long_it_waited_and_for_whom(path: Path) -> None:
    heard: list[Holder | None] = []
    with held_elsewhere(path) as process:
        error = told(StateLock(path, 0.2, "vkstate plan", waiting=heard.append))
    assert error.detail.endswith("running vkstate apply. It was not released within 0.2 s.")
    assert [holder and (holder.pid, holder.command) for holder in heard] == [(process.pid, "vkstate apply")]


def test_it_is_taken_as_soon_as_it_is_free(path: Path) -> None:
    with held_elsewhere(path) as process:

        def let_go(_holder: Holder | None) -> None:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

        with StateLock(path, 60, "vkstate plan", waiting=let_go):
            assert process.wait(60) == 0


def test_nobody_is_told_where_nobody_waits(path: Path) -> None:
    with held_elsewhere(path):
        told(StateLock(path, 0, "vkstate plan", waiting=lambda _: pytest.fail("there is no waiting")))


def test_a_killed_process_holds_nothing(path: Path, word: Path) -> None:
    with held_elsewhere(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert word.exists()
        with StateLock(path, 0, "vkstate plan"):
            assert json.loads(word.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", "null", '{"who": "x", "host": "h", "pid": -1, "command": "c", "since": "s"}']
)
def test_a_holder_without_word(path: Path, word: Path, content: str | None) -> None:
    with held_elsewhere(path):
        word.unlink()
        if content is not None:
            word.write_text(content)
        assert told(StateLock(path, 0, "vkstate plan")).detail == (
            f"{path} is locked by another process, which left no word about itself."
        )


@pytest.mark.parametrize("pid", [0, -1, 2**31, 10**30])
def test_an_impossible_pid_is_no_word(path: Path, word: Path, pid: int) -> None:
    with held_elsewhere(path):
        form = json.loads(word.read_text())
        word.write_text(json.dumps(form | {"pid": pid}))
        assert told(StateLock(path, 0, "vkstate plan")).detail == (
            f"{path} is locked by another process, which left no word about itself."
        )


def test_the_word_of_a_process_that_is_gone(path: Path, word: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with held_elsewhere(path):
        form = {
            "who": "ann",
            "host": HOST,
            "pid": gone.pid,
            "command": "vkstate apply",
            "since": "2026-03-01T12:00:00Z",
        }
        word.write_text(json.dumps(form))
        assert told(StateLock(path, 0, "vkstate plan")).detail == (
            f"{path} is locked by another process, which left no word about itself yet (the last to do so, ann on "
            f"{HOST} (pid {gone.pid}) since 2026-03-01T12:00:00Z, running vkstate apply, is gone)."
        )


def test_who_holds_it_is_seen_without_trying_it(path: Path, word: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert holder_of(path) is None
    with held_elsewhere(path) as process:
        monkeypatch.setattr(FileLock, "acquire", lambda *_, **__: pytest.fail("it is not to be taken"))
        holder = holder_of(path)
        assert holder is not None
        assert (holder.pid, holder.host) == (process.pid, HOST)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert word.exists()
        assert holder_of(path) is None


def test_of_another_host_nothing_is_known() -> None:
    assert not Holder("ann", "elsewhere.example.com", 2**22 + 1, "vkstate apply", NOON).is_gone


def test_a_process_of_somebody_else_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_pid: int, _signal: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "kill", denied)
    assert not Holder("ann", HOST, 1, "vkstate apply", NOON).is_gone


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_filesystem_that_cannot_lock(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LockUnavailable) as caught, StateLock(path, 0, "vkstate apply"):
        pass
    assert (caught.value.detail, caught.value.hint) == (
        (
            f"The filesystem of {path.parent / '.vkstate'} cannot lock files, so that two runs at once could not be "
            "told apart."
        ),
        "keep the project on a local disk, or on a network filesystem that is mounted with locks",
    )


def test_a_lock_file_that_is_a_link(path: Path, tmp_path: Path) -> None:
    with StateLock(path, 0, "vkstate apply") as lock:
        pass
    lock.path.unlink()
    lock.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LockUnavailable) as caught, StateLock(path, 0, "vkstate apply"):
        pass
    assert (caught.value.detail, caught.value.hint) == (
        f"{lock.path} could not be opened: too many levels of symbolic links.",
        f"look at it: ls -l {lock.path}",
    )
    assert not (tmp_path / "elsewhere").exists()


def test_who_cannot_leave_word_does_not_hold_it(path: Path) -> None:
    with StateLock(path, 0, "vkstate apply"):
        pass
    lock = StateLock(path, 0, "vkstate apply")
    with faults() as seen, lock:
        pass
    with faults(seen.seen.index("write")), pytest.raises(WriteFailed), lock:
        pass
    with StateLock(path, 0, "vkstate apply"):
        pass


def test_a_user_without_a_name(path: Path, word: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    with StateLock(path, 0, "vkstate apply"):
        assert json.loads(word.read_text())["who"] == f"uid {os.geteuid()}"
