"""Where secrets turn up that should not: in what is printed, in files, in the tree that git would commit."""

from __future__ import annotations

import atexit
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.age_people import opened_by_anybody
from tests.ready.starts import Piped
from tests.workspace import Ran, Workspace

STORE = Path(".vkstate") / "keys.json"
_LIST = ("ls-files", "-z", "--others", "--exclude-standard")
_ASKED_FOR = ("--out", "--secrets-out", "--values")
"""Options that name a file in which key values may stand, since somebody asked for it."""


def spellings(secret: str) -> tuple[str, ...]:
    """A secret as it may stand in a text: as it is, or as JSON, a url, base64 or a program would write it."""
    data = secret.encode()
    ways = [
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        data.hex(),
        # base64 of it as the end of something longer, whatever number of bytes stands before it
        *(base64.b64encode(b"\0" * before + data).decode()[(before * 4 + 2) // 3 + 1 : -4] for before in range(3)),
    ]
    return tuple(dict.fromkeys(ways))


def found_in(text: str | bytes, secrets: Iterable[str]) -> list[str]:
    """Those of the secrets that a text shows, in whatever spelling."""
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return [secret for secret in secrets if any(way.encode() in data for way in spellings(secret))]


def would_be_committed(directory: Path) -> list[Path]:
    """The files below a directory that ``git add -A`` would add, where it is no repository yet."""
    listed = _git("--git-dir", _empty_repository(), "--work-tree", str(directory), *_LIST, directory=directory)
    return [directory / name for name in listed.split("\0") if name]


@cache
def _empty_repository() -> str:
    """A repository that holds nothing; to be read only."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path)
    _git("init", "--quiet", "--bare", path)
    return path


def _git(*arguments: str, directory: Path | None = None) -> str:
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | settings
    done = subprocess.run(["git", *arguments], cwd=directory, env=environ, capture_output=True, check=True)
    return os.fsdecode(done.stdout)


def leaks(directory: Path, secrets: Iterable[str], *, but: Iterable[Path] = ()) -> dict[str, int]:
    """How many of the secrets stand in each file that a commit of the whole directory would take along.

    :param but: files in which somebody asked for them.
    """
    known = list(secrets)
    left_out = {path.resolve() for path in but}
    counts = {
        str(path.relative_to(directory)): len(found_in(path.read_bytes(), known))
        for path in would_be_committed(directory)
        if path.is_file() and path.resolve() not in left_out
    }
    return {name: count for name, count in counts.items() if count}


@dataclass
class Watch:
    """What the runs of a test have had to do with secrets: every value that a store held, every file asked for."""

    directory: Path
    values: set[str] = field(default_factory=set)
    asked_for: set[Path] = field(default_factory=set)

    def note(self, workspace: Workspace, arguments: Iterable[str]) -> None:
        """Note what there is after a run."""
        words = list(arguments)
        self.asked_for |= {workspace.path / value for option, value in pairwise(words) if option in _ASKED_FOR}
        self.look()

    def look(self) -> None:
        """Note the values of every store below the directory."""
        for store in self.directory.rglob(str(STORE)):
            try:
                keys = json.loads(store.read_bytes())["keys"]
            except (ValueError, LookupError, OSError):  # one that a test has damaged
                continue
            self.values |= {entry["key"] for entry in keys.values() if isinstance(entry.get("key"), str)}

        for sealed in self.directory.rglob("*.secrets.json"):
            with suppress(ValueError, LookupError, OSError):  # as above
                self.values |= {*opened_by_anybody(sealed).values()}

    def check(self, *more: str) -> None:
        """See that nothing that git would commit holds a key value, or one of these secrets.

        :raises AssertionError: something does; it names the files.
        """
        self.look()
        secrets = {secret for secret in (*self.values, *more) if secret}
        stores = [path for path in self.directory.rglob("keys.json") if path.parent.name == ".vkstate"]
        for project in {path.parent.parent for path in stores} or {self.directory}:
            assert leaks(project, secrets, but=self.asked_for | _laid_open(project)) == {}, "secrets would be committed"


def _laid_open(project: Path) -> set[Path]:
    """The files of a ``.vkstate/`` that a test has taken the ``.gitignore`` from, to see what vkstate says of it."""
    directory = project / STORE.parent
    return set() if (directory / ".gitignore").exists() else set(directory.rglob("*"))


@pytest.fixture(autouse=True)
def nothing_to_commit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a test with a workspace, what git would commit of it holds no key value, and no master key."""
    if "workspace" not in request.fixturenames or shutil.which("git") is None:
        yield
        return
    workspace: Workspace = request.getfixturevalue("workspace")
    watch = Watch(workspace.path)
    run, process, forked = Workspace.run, Workspace.process, Workspace.forked

    def noted(this: Workspace, *arguments: str) -> Ran:
        ran = run(this, *arguments)
        watch.note(this, arguments)
        return ran

    def started(this: Workspace, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        watch.note(this, arguments)
        return process(this, *arguments, environ=environ)

    def begun(this: Workspace, *arguments: str, environ: Mapping[str, str] | None = None) -> Piped:
        watch.note(this, arguments)
        return forked(this, *arguments, environ=environ)

    monkeypatch.setattr(Workspace, "run", noted)
    monkeypatch.setattr(Workspace, "forked", begun)
    monkeypatch.setattr(Workspace, "process", started)
    yield
    watch.check(os.environ.get("LITELLM_MASTER_KEY", ""))
