"""What holds for every test: the home directory and the network are out of bounds, and the canary stays in its cage."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer.main
from hypothesis import settings

from tests.factories import CANARY
from tests.front import Front, fronted
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

settings.register_profile("steady", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=5000, database=None, deadline=None)
settings.load_profile("steady")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is where the tests were started in the background, and every process that they start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MEMORY = Path("/dev/shm")
"""A file system in memory. There nobody waits for a disk, of which vkstate asks often that all be written out."""
_ROOM = 1 << 30
"""Bytes that the tests may need there; they leave 200 MB a run, and pytest keeps three."""
if "PYTEST_DEBUG_TEMPROOT" not in os.environ and os.access(_MEMORY, os.W_OK):
    _memory = os.statvfs(_MEMORY)
    if not _memory.f_flag & os.ST_NOEXEC and _memory.f_bavail * _memory.f_frsize >= _ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)

_breaches: list[str] = []
_home: list[str] = []
_allowed_hosts = {"", "localhost", urlsplit(os.environ.get("VKSTATE_LIVE_URL", "")).hostname or ""}


class OutOfBounds(BaseException):
    """A test touched the home directory or the network; no ``except Exception`` of the code under test hides it."""


def _breach(what: str) -> None:
    _breaches.append(what)
    raise OutOfBounds(what)


def _is_loopback(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host or "")
    try:
        return ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        # Names below .invalid exist nowhere (RFC 6761); looking one up is how a test makes a host unknown.
        return text in _allowed_hosts or text.endswith(".invalid")


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: it can be neither mocked away nor forgotten."""
    if event == "open" and _home and isinstance(arguments[0], str | bytes):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if path.startswith(_home[0] + os.sep):
            _breach(f"opens {path}")
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            _breach(f"connects to {address[0]}")
    elif event == "socket.getaddrinfo" and not _is_loopback(arguments[0]):
        _breach(f"looks up {arguments[0]!r}")


sys.addaudithook(_watch)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the sweeps out unless ``-m`` speaks of them: each has a short form that is always run."""
    if "sweep" in config.option.markexpr:
        return
    sweeps = [item for item in items if item.get_closest_marker("sweep")]
    if sweeps:
        config.hook.pytest_deselected(items=sweeps)
        items[:] = [item for item in items if not item.get_closest_marker("sweep")]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory that is empty and stays so: no file of the developer's own is read, and none is written."""
    path = tmp_path_factory.mktemp("home")
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(path)
    _home.append(str(path))
    try:
        yield path
        assert list(path.iterdir()) == []
    finally:
        _home.clear()
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def made_once() -> Iterator[None]:
    """The command line is put together once in a process, also where one process runs it many times: that would be a
    third of the time of such a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def bounds() -> Iterator[None]:
    """Fails a test whose breach was swallowed somewhere, as in a thread."""
    _breaches.clear()
    yield
    assert _breaches == []


@pytest.fixture
def canary() -> str:
    """A key value that may turn up in no output, log, error, state, plan or repr."""
    return CANARY


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty directory, which is the working directory, and an environment without a word for vkstate."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    return Workspace(path)


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A sandbox over HTTP behind a gateway that can fail; its master key is in the environment."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as gateway:
        yield gateway


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.outcome == "passed" and any(CANARY in text for _, text in report.sections):
        report.outcome = "failed"
        report.longrepr = "the canary secret was printed or logged"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once what was left out for want of a real proxy, instead of a line for each test."""
    if not (os.environ.get("VKSTATE_LIVE_URL") and os.environ.get("VKSTATE_LIVE_MASTER_KEY")):
        skipped = len(terminalreporter.stats.get("skipped", []))
        if skipped:
            terminalreporter.write_line(
                f"{skipped} tests need a real LiteLLM proxy and were skipped: set VKSTATE_LIVE_URL and "
                "VKSTATE_LIVE_MASTER_KEY to run them."
            )
