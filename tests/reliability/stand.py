"""What the machine works on: a project on the embedded sandbox, whose clock moves, whose answers get lost, and where a
run can be killed at any of its calls.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from typer.main import get_command

from tests.contract.proxies import Proxy, new_key, token_of
from tests.end_to_end.clock import Clock
from tests.reliability.model import Row
from tests.reliability.points import Call, Watch
from tests.workspace import Ran, Workspace
from vkstate.cli.app import app
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY, DEFAULT_MODELS, Settings
from vkstate.sandbox.store import Store


@dataclass(frozen=True)
class Calm:
    """Nothing happens."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class Kill:
    """The run is killed at an instant: before, amid or after one of its calls to disk or network."""

    instant: int

    def __str__(self) -> str:
        return f"   # kill -9 at instant {self.instant}"


@dataclass(frozen=True)
class Fault:
    """What happens to the ``nth`` request for a path: see :data:`FAULTS`."""

    path: str
    nth: int
    what: str

    def __str__(self) -> str:
        return f"{self.path} {self.nth}: {self.what}"


@dataclass(frozen=True)
class Faults:
    """What happens to the requests of one run."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "   # " + "; ".join(map(str, self.faults))


Trouble: TypeAlias = Calm | Kill | Faults
CALM: Final = Calm()


def _reset() -> requests.exceptions.RequestException:
    broken = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError())
    return requests.exceptions.ConnectionError(broken)


_BROKEN: Final[Mapping[str, tuple[bool, Callable[[], requests.exceptions.RequestException]]]] = {
    "lost on the way": (False, _reset),
    "done, and the answer lost": (True, _reset),
    "done, and no answer in time": (True, requests.exceptions.ReadTimeout),
    "done, and the answer cut short": (True, requests.exceptions.ChunkedEncodingError),
}
"""Whether the sandbox does what is asked, and how the connection breaks."""
_SAID: Final[Mapping[str, tuple[bool, int, bytes]]] = {
    "429": (False, 429, b'{"error": {"message": "slow down", "type": "throttled", "param": null, "code": "429"}}'),
    "500": (False, 500, b"Internal Server Error"),
    "done, and 500": (True, 500, b"Internal Server Error"),
    "503": (False, 503, b"<html>no healthy upstream</html>"),
    "done, and 502": (True, 502, b"<html>bad gateway</html>"),
    "done, and a web page": (True, 200, b"<html>welcome</html>"),
}
"""Whether the sandbox does what is asked, and what is answered in its place."""
FAULTS: Final = (*_BROKEN, *_SAID)
PATHS: Final = ("/key/generate", "/key/update", "/key/delete", "/key/list", "/v2/key/info")


@dataclass
class _Book:
    """Which faults are yet to come, and how many requests of each kind there were."""

    faults: tuple[Fault, ...] = ()
    seen: Counter[str] = field(default_factory=Counter)
    happened: int = 0

    def next(self, path: str) -> str | None:
        self.seen[path] += 1
        what = next((one.what for one in self.faults if (one.path, one.nth) == (path, self.seen[path])), None)
        self.happened += what is not None
        return what


class _Gate(SandboxAdapter):
    """The sandbox, at the end of a way on which things happen."""

    def __init__(self, path: Path, clock: Clock, book: _Book) -> None:
        super().__init__(path, Settings(clock=clock))
        self._book = book

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        what = self._book.next(urlsplit(request.url or "").path) or ""
        done, error = _BROKEN.get(what, (True, None))
        done, status, body = _SAID.get(what, (done, 0, b""))
        answer = super().send(request) if done else requests.Response()
        if error:
            raise error()
        if status:
            answer = requests.Response()
            answer.status_code, answer.raw, answer.request = status, io.BytesIO(body), request
            answer.headers["retry-after"] = "0"
        return answer


class _Fuse(Watch):
    """Kills its own process at an instant."""

    def __init__(self, instant: int) -> None:
        super().__init__()
        self._left = instant

    def make(self, call: Call, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self._burn()
        if call.name == "os.write" and self._left == 1:
            real(given[0], bytes(given[1])[: len(given[1]) // 2])
            self._burn()
        result = real(*given, **named)
        self._burn()
        return result

    def _burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


_DICE: Final = random.Random()


def token_urlsafe(size: int) -> str:
    """As ``secrets.token_urlsafe``, and the same in every repetition of a story."""
    return base64.urlsafe_b64encode(_DICE.randbytes(size)).rstrip(b"=").decode()


def token_hex(size: int) -> str:
    """As ``secrets.token_hex``, and the same in every repetition of a story."""
    return _DICE.randbytes(size).hex()


@dataclass
class Stand:
    """A project in a directory of its own, and all that can be done to it."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    _book: _Book = field(default_factory=_Book)
    _runs: int = 0

    def __post_init__(self) -> None:
        _DICE.seed(0)
        self.path.mkdir()
        (self.path / ".vkstate").mkdir(mode=0o700)
        os.chdir(self.path)
        self.workspace = Workspace(self.path)
        self.sandbox = self.path / ".vkstate" / "sandbox.sqlite"
        session = requests.Session()
        session.trust_env = False
        session.mount(SCHEME, SandboxAdapter(self.sandbox, Settings(clock=self.clock)))
        self.proxy = Proxy(session, BASE_URL, DEFAULT_MASTER_KEY, (1, 105), frozenset(DEFAULT_MODELS), prefix="")

    def run(self, arguments: tuple[str, ...], trouble: Trouble = CALM) -> tuple[Ran | None, int]:
        """Run the command line; None where it was killed. Also how many faults there were."""
        self._book = _Book(trouble.faults if isinstance(trouble, Faults) else ())
        self._runs += 1
        _DICE.seed(self._runs)  # or a run would make the values that one before it made, which was killed
        with self._patched():
            if isinstance(trouble, Kill):
                return self._killed(arguments, trouble.instant), 0
            return self.workspace.run(*arguments), self._book.happened

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """The sandbox behind its gate; nobody waits between two attempts, nothing is forced to the disk, since no power
        fails here, and the command line, which never changes, is built once.
        """

        def gate(path: Path) -> _Gate:
            return _Gate(path, self.clock, self._book)

        with ExitStack() as stack:
            for target, stand_in in (
                ("vkstate.sandbox.adapter.SandboxAdapter", gate),
                ("vkstate.litellm.retry.backoff", lambda *_: 0.0),
                ("vkstate.litellm.pressure.backoff", lambda *_: 0.0),
                ("vkstate.executor.creation._FIRST_PAUSE", 0.0),
                ("vkstate.cli.app.app", _COMMAND),
                ("os.fsync", lambda _: None),
            ):
                stack.enter_context(patch(target, stand_in))
            yield

    def _killed(self, arguments: tuple[str, ...], instant: int) -> Ran | None:
        """Run it in a process of its own, which is killed at an instant, if it comes so far."""
        place = self.path.with_suffix(".ran")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads may run; the child needs none of them
            pid = os.fork()
        if pid == 0:
            self._be_killed(arguments, instant, place)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return None
        return Ran(*json.loads(place.read_text(encoding="utf-8")))

    def _be_killed(self, arguments: tuple[str, ...], instant: int, place: Path) -> NoReturn:
        try:
            with _Fuse(instant).watching():
                ran = self.workspace.run(*arguments)
            place.write_text(json.dumps([ran.code, ran.stdout, ran.stderr]), encoding="utf-8")
        finally:
            os._exit(0)

    def double(self, row: Row, *, older: bool) -> None:
        """Give a key's alias to a second one, as somebody does who makes it at the same moment."""
        value = new_key()
        made = {**row, "token": token_of(value), "metadata": {"owner": "somebody"}, "key_name": f"sk-...{value[-4:]}"}
        made["created_at"] = int(row["created_at"]) + (-1 if older else 1)
        with Store(self.sandbox).writing() as tables:
            tables.insert(made)


_COMMAND: Final = get_command(app)
