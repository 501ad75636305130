"""A project directory under test: the command line run in it, and all that it leaves there."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.age_people import opened_by_anybody
from tests.contract.proxies import Proxy, token_of
from tests.front import sandbox_at
from tests.ready.starts import Piped
from vkstate.cli.app import run

Json = Any
"""A document as it was printed: the tests compare it, nothing else touches it."""

NOTE = "note: sandbox:// is the key server embedded in vkstate, for trying and testing; its keys open nothing.\n"
"""What every command that talks to the sandbox says first."""

OWN_VARIABLES = (
    "CI",
    "VKSTATE_AGE_IDENTITY",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LITELLM_MASTER_KEY",
    "TERM",
    "PYTHONIOENCODING",
)
"""Of the environment that the tests were started in, these would change what vkstate does."""

_VARYING: Final = (
    (re.compile(r"(?<=\.retired-)[0-9a-f]{8}\b"), "DIGITS"),
    (re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{16})\b"), "DIGITS"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "LINEAGE"),
    (re.compile(r"\b[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\b"), "INSTANT"),
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{5,8}(\.[0-9]{3})?Z"), "INSTANT"),
)


def masked(text: str) -> str:
    """A text with a word in place of what differs from run to run: tokens, ids, fingerprints, lineages, instants."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


@dataclass(frozen=True)
class Ran:
    """How a run of ``vkstate`` ended; ``code`` is the negative number of the signal if one killed it."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Json:
        """All of stdout as one JSON document."""
        return json.loads(self.stdout)

    @property
    def events(self) -> list[Json]:
        """Stdout as one JSON document a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def told(self) -> str:
        """Stdout without what is another one in every run: see :func:`masked`."""
        return masked(self.stdout)

    @property
    def complaint(self) -> list[str]:
        """The lines of stderr from the error on, as people read it."""
        lines = self.stderr.splitlines()
        return lines[next(number for number, line in enumerate(lines) if line.startswith("error: ")) :]

    @property
    def last_line(self) -> str:
        """The last line of stdout."""
        return self.stdout.splitlines()[-1]


def end_of(process: subprocess.Popen[str] | Piped, seconds: float = 120) -> Ran:
    """Wait for the end of a process.

    :raises AssertionError: it does not come in this many seconds; the message has what it said, and it is killed.
    """
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        process.kill()
        raise AssertionError(f"it goes on after {seconds:.0f} s: {process.communicate()}") from late
    return Ran(process.wait(), stdout, stderr)


@dataclass(frozen=True)
class Workspace:
    """A directory to run ``vkstate`` in. The tests' own working directory is this one."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)
    """For processes that are started; runs in this process see the environment as it is."""
    within: tuple[str, ...] = ()
    """A command that starts them, and runs what follows it in other circumstances."""

    def run(self, *arguments: str) -> Ran:
        """Run the command line in this process, without a terminal."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(arguments)
        return Ran(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str) -> Ran:
        """Run the command line and expect exit code 0."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran
        return ran

    def converged(self, *arguments: str) -> None:
        """Plan, and expect to find nothing to do."""
        ran = self.run("plan", "--detailed-exitcode", *arguments)
        assert (ran.code, ran.last_line) == (0, "No changes. The proxy matches the configuration."), ran

    def apply(self, *arguments: str) -> Ran:
        """Apply, and see that a second plan finds nothing to do."""
        ran = self.ok("apply", "--auto-approve", *arguments)
        self.converged()
        return ran

    def planned(self, *arguments: str) -> list[tuple[str, str, str]]:
        """What a plan would do: alias, action and reason of every change, in order."""
        changes = self.run("plan", "--json", *arguments).document["changes"]
        return [(change["alias"], change["action"], change["reason"]) for change in changes]

    def process(self, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command line as a process of its own, without a terminal."""
        return subprocess.Popen(
            [*self.within, sys.executable, "-m", "vkstate", *arguments],
            cwd=self.path,
            env=self.child_environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run_process(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
        """Run the command line as a process of its own, without a terminal."""
        with self.process(*arguments, environ=environ) as process:
            return end_of(process)

    def forked(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Piped:
        """Start the command line as a process of its own that has its imports behind it, without a terminal."""
        return Piped(arguments, self.path, self.child_environ(environ), within=self.within)

    def run_forked(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
        """Run the command line as such a process."""
        with self.forked(*arguments, environ=environ) as process:
            return end_of(process)

    def child_environ(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process that is started here."""
        return {**os.environ, **self.environ, **(environ or {})}

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def configure(self, text: str) -> None:
        """Write the config, and an empty state if there is none."""
        self.write("vkstate.yaml", text)
        if not self.state_path.exists():
            self.ok("init")

    @property
    def state_path(self) -> Path:
        return self.path / "vkstate.state.json"

    @property
    def state(self) -> Json:
        """The state as it is on disk."""
        return json.loads(self.state_path.read_text(encoding="utf-8"))

    @property
    def keys(self) -> dict[str, Json]:
        """The recorded keys by alias."""
        found: dict[str, Json] = self.state["keys"]
        return found

    @property
    def tokens(self) -> dict[str, str]:
        """The recorded tokens by alias."""
        return {alias: record["token"] for alias, record in self.keys.items()}

    @property
    def stored(self) -> dict[str, str]:
        """The key values of both secret stores, by token; those of the encrypted one as its people open them."""
        sealed = opened_by_anybody(self.path / "vkstate.secrets.json")
        store = self.path / ".vkstate" / "keys.json"
        if not store.exists():
            return sealed
        return sealed | {token: entry["key"] for token, entry in json.loads(store.read_text())["keys"].items()}

    @property
    def values(self) -> dict[str, str]:
        """The key values of the recorded keys, by alias, as far as the secret store knows them."""
        stored = self.stored
        return {alias: stored[token] for alias, token in self.tokens.items() if token in stored}

    @property
    def reports(self) -> list[Json]:
        """The closing reports, oldest first."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((self.path / "reports").glob("*"))]

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file below the directory: its permission bits and its bytes."""
        return {
            str(path.relative_to(self.path)): (stat.S_IMODE(path.lstat().st_mode), path.read_bytes())
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }

    def sandbox(self) -> Proxy:
        """The project's own sandbox, spoken to past vkstate, with the master key."""
        (self.path / ".vkstate").mkdir(mode=0o700, exist_ok=True)
        return sandbox_at(self.path / ".vkstate" / "sandbox.sqlite")

    def consistent(self) -> None:
        """Every recorded key has a token, and its value is in the store."""
        for alias, token in self.tokens.items():
            assert token_of(self.stored[token]) == token, alias
