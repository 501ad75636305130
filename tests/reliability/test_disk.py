"""A disk that is full, closed or faulty, and files that are not what they were: said, never overwritten, and mended."""

from __future__ import annotations

import errno
import os
import re
import resource
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.front import Doing, Front, Pass, Seen
from tests.reliability.invariants import Guard
from tests.workspace import OWN_VARIABLES, Ran, Workspace

CONFIG: Final = "proxy: {url: '%s', timeout: 10s}\nworkshops:\n  ws: {count: %d, models: [gpt-4]}\n"
NOT_SAVED: Final = "error: the state could not be saved"
ERRORED: Final = "vkstate.state.json.errored"


@pytest.fixture
def guard(workspace: Workspace, front: Front) -> Guard:
    """A project whose three keys exist, and one key of others."""
    assert front.sandbox.generate({"key_alias": "theirs"}).status_code == 200
    workspace.configure(CONFIG % (front.url, 3))
    workspace.apply()
    guard = Guard(workspace, front.sandbox)
    guard.note_others(only={"theirs"})
    return guard


def more(guard: Guard, front: Front) -> None:
    """Ask for two keys more, and one less."""
    guard.workspace.configure(
        f"proxy: {{url: '{front.url}', timeout: 10s}}\nworkshops:\n"
        "  ws: {members: [user1, user2, user4, user5], models: [gpt-4]}\n"
    )


def when(path: str, act: Callable[[], object]) -> Callable[[Seen], Doing]:
    """A rule that lets everything pass, and acts before the first request of a kind."""
    todo = [act]

    def rule(seen: Seen) -> Doing:
        if seen.path == path and todo:
            todo.pop()()
        return Pass()

    return rule


def follow(ran: Ran, workspace: Workspace) -> None:
    """Do as the hint says: the command that stands at its end."""
    hint = ran.complaint[-1]
    assert hint.startswith("hint: ")
    command = hint[hint.index("mv ") :]
    done = subprocess.run(["sh", "-c", command], cwd=workspace.path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), command


def rescued(ran: Ran, workspace: Workspace) -> Path:
    """Where the state is that could not be saved, by the run's own word."""
    summary, detail, _ = ran.complaint
    assert (ran.code, summary) == (1, NOT_SAVED)
    words = shlex.split(detail[detail.index("was written to ") :])
    return workspace.path / words[3]


def settled(ran: Ran, guard: Guard) -> None:
    """See that the state is where it is said to be, put it in its place, and see that all is well."""
    place = rescued(ran, guard.workspace)
    assert stat.S_ISREG(place.lstat().st_mode)
    follow(ran, guard.workspace)
    guard.check()
    assert {record["status"] for record in guard.workspace.keys.values()} == {"ready"}
    guard.workspace.converged()
    guard.converge()


def replaced_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def replaced_by_a_link(path: Path) -> None:
    path.unlink()
    elsewhere = path.with_name("elsewhere.json")
    elsewhere.write_text("somebody's own")
    path.symlink_to(elsewhere)


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def changed(path: Path) -> None:
    path.write_text(path.read_text().replace('"serial"', ' "serial"'))


FOREIGN_HANDS: Final[list[Callable[[Path], None]]] = [
    replaced_by_a_directory,
    replaced_by_a_link,
    replaced_by_a_pipe,
    changed,
    Path.unlink,
]


def seen_from_outside(path: Path) -> object:
    """What stands there, and what it holds; without touching it."""
    if not os.path.lexists(path):
        return None
    kind = stat.S_IFMT(path.lstat().st_mode)
    if stat.S_ISDIR(kind):
        return kind, [(inner.name, inner.read_bytes()) for inner in path.iterdir()]
    return kind, path.read_bytes() if path.is_file() else b"", os.readlink(path) if path.is_symlink() else ""


@pytest.mark.parametrize("hand", FOREIGN_HANDS, ids=lambda hand: hand.__name__)
def test_the_state_is_not_what_it_was_in_mid_run(hand: Callable[[Path], None], guard: Guard, front: Front) -> None:
    """Somebody was there after the first request: nothing is overwritten, and the truth is put beside it."""
    more(guard, front)
    path, found = guard.workspace.state_path, list[object]()

    def interfere() -> None:
        hand(path)
        found.append(seen_from_outside(path))

    front.rule = when("/key/generate", interfere)
    ran = guard.workspace.run("apply", "--auto-approve")
    assert [seen_from_outside(path)] == found
    settled(ran, guard)


@pytest.mark.parametrize("hand", FOREIGN_HANDS, ids=lambda hand: hand.__name__)
def test_the_state_is_not_what_it_was_under_the_plan(hand: Callable[[Path], None], guard: Guard, front: Front) -> None:
    """Somebody was there between reading and writing: refused before anything is sent."""
    more(guard, front)
    path = guard.workspace.state_path
    kept = path.read_bytes()
    front.rule = when("/key/list", lambda: hand(path))
    sent = len(front.writes)
    ran = guard.workspace.run("apply", "--auto-approve")
    assert (ran.code, len(front.writes)) == (1, sent), ran
    assert ran.complaint[0] in ("error: the state was changed meanwhile", "error: a file was expected")
    assert not path.with_name(ERRORED).exists(), "what is on the disk is the truth still"
    put_back_as(path, kept)
    guard.check()
    guard.converge()


def put_back_as(path: Path, kept: bytes) -> None:
    """Make the state what it was, whatever stands there."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    path.write_bytes(kept)


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.json")


def a_socket(path: Path) -> None:
    path.unlink()
    os.mknod(path, stat.S_IFSOCK | 0o600)


NO_FILE: Final[list[Callable[[Path], None]]] = [*FOREIGN_HANDS[:3], Path.unlink, a_loop, a_link_to_nothing, a_socket]


@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "refresh"])
def test_the_state_is_no_file(command: str, guard: Guard, front: Front) -> None:
    """Said at once; nothing is sent, written or waited for."""
    more(guard, front)
    path = guard.workspace.state_path
    kept, sent = path.read_bytes(), len(front.seen)
    for hand in NO_FILE:
        hand(path)
        files = guard.workspace.files()
        ran = guard.workspace.run(command, *([] if command == "plan" else ["--auto-approve"]))
        assert (ran.code, ran.stdout, len(front.seen)) == (1, "", sent), hand
        assert ran.complaint[0].startswith("error: ")
        assert ran.complaint[-1].startswith("hint: ")
        assert guard.workspace.files() == files
        put_back_as(path, kept)
    guard.converge()


def test_a_link_that_was_there_from_the_start_stays(guard: Guard, front: Front) -> None:
    """Whoever keeps the state elsewhere, and links to it, goes on doing so."""
    path = guard.workspace.state_path
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / path.name)
    (guard.workspace.path / ".vkstate").rename(elsewhere / ".vkstate")
    path.symlink_to(elsewhere / path.name)
    more(guard, front)
    guard.workspace.apply()
    assert path.is_symlink()
    assert sorted(guard.workspace.keys) == ["ws-user1", "ws-user2", "ws-user4", "ws-user5"]


OF_THE_STATE: Final = re.compile(r"\.vkstate\.state\.json\.[0-9a-f]{16}\.tmp")
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only /proc tells which file it is")


@dataclass
class Faulty:
    """A system call that fails for the files of a kind, once it is ``broken``."""

    call: str
    name: re.Pattern[str]
    error: int
    broken: bool = False

    def __post_init__(self) -> None:
        self._real: Callable[..., int | None] = getattr(os, self.call)

    def __call__(self, descriptor: int, *rest: bytes) -> int | None:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))
        if self.broken and self.name.fullmatch(name):
            raise OSError(self.error, os.strerror(self.error))
        return self._real(descriptor, *rest)

    def breaks(self) -> None:
        """From now on."""
        self.broken = True


@needs_proc
@pytest.mark.parametrize(
    ("call", "name", "error", "words"),
    [
        ("fsync", OF_THE_STATE, errno.EIO, "could not be written: the disk reports an error."),
        ("write", OF_THE_STATE, errno.ENOSPC, "could not be written: the disk is full."),
        ("write", OF_THE_STATE, errno.EDQUOT, "could not be written: the disk quota is used up."),
        (
            "fsync",
            re.compile("project"),
            errno.EIO,
            "was written, but it is not certain that it would survive a power failure: the disk reports an error.",
        ),
    ],
    ids=["fsync", "full", "quota", "fsync_of_the_directory"],
)
def test_the_state_cannot_be_saved(
    call: str,
    name: re.Pattern[str],
    error: int,
    words: str,
    guard: Guard,
    front: Front,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more(guard, front)
    faulty = Faulty(call, name, error)
    monkeypatch.setattr(os, call, faulty)
    front.rule = when("/key/generate", faulty.breaks)
    ran = guard.workspace.run("apply", "--auto-approve")
    faulty.broken = False
    place = rescued(ran, guard.workspace)
    said = f"  vkstate.state.json {words} What the proxy holds now was written to {place} instead."
    assert ran.complaint[1].replace(f" {ERRORED} ", f" {place} ") == said
    assert ran.complaint[2].startswith("hint: make room or mend the directory, then: mv ")
    settled(ran, guard)


@needs_proc
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", [OF_THE_STATE, re.compile(r"\.keys\.json\.[0-9a-f]{16}\.tmp")], ids=["state", "store"])
def test_what_cannot_be_recorded_is_not_sent(
    name: re.Pattern[str], error: int, guard: Guard, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    more(guard, front)
    monkeypatch.setattr(os, "fsync", Faulty("fsync", name, error, broken=True))
    sent = len(front.writes)
    ran = guard.workspace.run("apply", "--auto-approve")
    assert (ran.code, len(front.writes), ran.complaint[0]) == (1, sent, "error: a file could not be written")
    monkeypatch.undo()
    guard.check()


@pytest.fixture
def concerned(workspace: Workspace) -> Workspace:
    """The workspace to somebody whom the permissions of files concern: root without the right to pass over them."""
    if os.geteuid() != 0:
        return workspace
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("as root without setpriv, permissions of files mean nothing")
    rights = "-dac_override,-dac_read_search"
    return replace(workspace, within=(program, f"--bounding-set={rights}", f"--inh-caps={rights}"))


@contextmanager
def closed(directory: Path) -> Iterator[None]:
    """Nothing can be made or removed in a directory."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    directory.chmod(0o555)
    try:
        yield
    finally:
        directory.chmod(mode)


def test_the_directory_becomes_read_only_in_mid_run(guard: Guard, front: Front, concerned: Workspace) -> None:
    more(guard, front)
    project = guard.workspace.path
    front.rule = when("/key/generate", lambda: project.chmod(0o555))
    ran = concerned.run_forked("apply", "--auto-approve")
    project.chmod(0o755)
    place = rescued(ran, guard.workspace)
    assert place.name == ERRORED
    assert place.parent.parent == Path(tempfile.gettempdir()), "not beside it, where nothing can be written"
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    settled(ran, guard)
    place.parent.rmdir()


def test_the_directory_is_read_only_from_the_start(guard: Guard, front: Front, concerned: Workspace) -> None:
    """Nothing is sent, and the sentence names the file."""
    more(guard, front)
    sent = len(front.writes)
    with closed(guard.workspace.path):
        ran = concerned.run_forked("apply", "--auto-approve")
    assert (ran.code, len(front.writes)) == (1, sent), ran
    assert ran.complaint == [
        "error: a file could not be written",
        f"  {guard.workspace.path}/reports could not be written: permission is denied.",
        f"hint: look at who may write there: ls -ld {guard.workspace.path}",
    ]
    guard.check()
    guard.converge()


def test_the_directory_of_secrets_is_ours_and_closed(guard: Guard, front: Front, concerned: Workspace) -> None:
    """It is opened again: its mode is ours to set."""
    more(guard, front)
    directory = guard.workspace.path / ".vkstate"
    directory.chmod(0o555)
    assert concerned.run_forked("apply", "--auto-approve").code == 0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    guard.converge()


def a_file(path: Path) -> None:
    path.rename(path.with_name("was"))
    path.write_text("x")


def a_link(path: Path) -> None:
    path.rename(path.with_name("was"))
    path.symlink_to("was")


def open_to_all(path: Path) -> None:
    path.chmod(0o777)


def somebody_elses(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(path, 65534, -1)


def put_back(path: Path) -> None:
    """Undo any of these."""
    if (was := path.with_name("was")).exists():
        path.unlink()
        was.rename(path)
    os.chown(path, os.geteuid(), -1)
    path.chmod(0o700)


@pytest.mark.parametrize("hand", [a_file, a_link, open_to_all, somebody_elses], ids=lambda hand: hand.__name__)
def test_the_directory_of_secrets_is_not_ours_alone(hand: Callable[[Path], None], guard: Guard, front: Front) -> None:
    more(guard, front)
    directory = guard.workspace.path / ".vkstate"
    hand(directory)
    files, sent = guard.workspace.files(), len(front.writes)
    for command in ("apply", "destroy"):
        ran = guard.workspace.run(command, "--auto-approve")
        assert (ran.code, len(front.writes)) == (1, sent), ran
        assert ran.complaint[0] in (
            "error: the .vkstate directory is not safe to use",
            "error: a file could not be written",
        )
    assert guard.workspace.files() == files
    put_back(directory)
    guard.check()
    guard.converge()


def no_reports_directory(project: Path) -> None:
    (project / "reports").write_text("x")


def reports_lead_nowhere(project: Path) -> None:
    (project / "reports").symlink_to("nowhere")


def reports_are_closed(project: Path) -> None:
    (project / "reports").mkdir(mode=0o555)


@pytest.mark.parametrize(
    "hand", [no_reports_directory, reports_lead_nowhere, reports_are_closed], ids=lambda hand: hand.__name__
)
@pytest.mark.parametrize("command", ["destroy", "apply"])
def test_nothing_is_deleted_without_its_report(
    command: str, hand: Callable[[Path], None], guard: Guard, front: Front, concerned: Workspace
) -> None:
    more(guard, front)
    hand(guard.workspace.path)
    before, sent = guard.rows(), len(front.writes)
    ran = concerned.run_forked(command, "--auto-approve")
    assert (ran.code, ran.complaint[0]) == (1, "error: a file could not be written"), ran
    assert (guard.rows(), len(front.writes)) == (before, sent)
    guard.check()
    if command == "destroy":
        assert concerned.run_forked(command, "--auto-approve", "--no-report").code == 0
        assert guard.workspace.keys == {}
    reports = guard.workspace.path / "reports"
    reports.chmod(0o755) if reports.is_dir() else reports.unlink()
    guard.converge()


@pytest.mark.parametrize("hand", [no_reports_directory, reports_are_closed], ids=lambda hand: hand.__name__)
def test_an_old_key_is_not_deleted_without_its_report(
    hand: Callable[[Path], None], guard: Guard, concerned: Workspace
) -> None:
    """The new key is made and told; the old one stays, and goes when it can be reported."""
    hand(guard.workspace.path)
    before = guard.workspace.values
    ran = concerned.run_forked("apply", "--auto-approve", "--replace", "ws-user1")
    assert ran.code == 1, ran
    assert "its old key" in ran.stdout
    guard.check()
    assert guard.proxy.get("/v1/models", key=before["ws-user1"]).status_code == 200
    assert guard.workspace.values["ws-user1"] != before["ws-user1"]
    reports = guard.workspace.path / "reports"
    reports.chmod(0o755) if reports.is_dir() else reports.unlink()
    guard.converge()
    assert guard.proxy.get("/v1/models", key=before["ws-user1"]).status_code == 401
    assert len(guard.workspace.reports) == 1


def test_nothing_can_be_written_anywhere_any_more(guard: Guard, front: Front) -> None:
    """No file may grow: the sentence says that nothing could be written, and the run after it makes all good."""
    more(guard, front)
    no_more = resource.RLIMIT_FSIZE
    with guard.workspace.process("apply", "--auto-approve") as process:
        front.rule = when(
            "/key/generate", lambda: resource.prlimit(process.pid, no_more, (0, resource.getrlimit(no_more)[1]))
        )
        out, err = process.communicate(timeout=60)
    ran = Ran(process.returncode, out, err)
    assert (ran.code, ran.complaint[0]) == (1, NOT_SAVED), ran
    assert ran.complaint[1].count("could not be written") == 2
    assert ran.complaint[2] == (
        "hint: make room or mend the directory, then run the same command again: it settles what is pending"
    )
    guard.check()
    guard.converge()


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own, that is soon full."""

    path: Path

    def fill(self, pages: int = 0) -> None:
        """Leave room for so many pages of 4 KiB."""
        with suppress(OSError), (self.path / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass
        size = (self.path / "filler").stat().st_size - 4096 * pages
        os.truncate(self.path / "filler", max(size, 0))

    def free(self) -> None:
        """Make room."""
        (self.path / "filler").unlink(missing_ok=True)


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs", str(path)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("a file system of its own can be mounted by root alone")
    try:
        yield SmallDisk(path)
    finally:
        monkeypatch.chdir(tmp_path)
        subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def on_small_disk(small_disk: SmallDisk, front: Front, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """The same project on the small disk."""
    for name in OWN_VARIABLES:
        if name != "LITELLM_MASTER_KEY":
            monkeypatch.delenv(name, raising=False)
    path = small_disk.path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    workspace = Workspace(path)
    workspace.configure(CONFIG % (front.url, 3))
    workspace.apply()
    return Guard(workspace, front.sandbox)


def test_the_disk_is_full_in_mid_run(on_small_disk: Guard, small_disk: SmallDisk, front: Front) -> None:
    guard = on_small_disk
    more(guard, front)
    front.rule = when("/key/generate", small_disk.fill)
    ran = guard.workspace.run("apply", "--auto-approve")
    place = rescued(ran, guard.workspace)
    assert place.parent.parent == Path(tempfile.gettempdir()), "not on the disk that is full"
    small_disk.free()
    settled(ran, guard)
    place.parent.rmdir()


@pytest.mark.parametrize("arguments", [("apply",), ("destroy",), ("apply", "--replace", "*")], ids=" ".join)
@pytest.mark.parametrize(
    "pages", [0, 4, *(pytest.param(pages, marks=pytest.mark.sweep) for pages in range(1, 14) if pages != 4)]
)
def test_the_disk_is_full_from_the_start(
    arguments: tuple[str, ...], pages: int, on_small_disk: Guard, small_disk: SmallDisk, front: Front
) -> None:
    """With so much room as there is: it is done, or something is left and said, and the next run does it."""
    guard = on_small_disk
    more(guard, front)
    small_disk.fill(pages)
    command, *rest = arguments
    ran = guard.workspace.run(command, "--auto-approve", *rest)
    assert ran.code in (0, 1, 3), ran
    guard.check()
    small_disk.free()
    guard.converge()
