"""Whatever a key server answers, every command comes to its end, and what is kept stays whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.reliability.gateway import Exchange, Gateway
from tests.reliability.odd import fuzz
from tests.reliability.twists import EVERYWHERE, PATHS, TWISTS, Twist, Twisted
from tests.reliability.watchdog import CommandLine, Misbehaved, bugs_raise
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.settings import Settings
from vkstate.state.parsing import parse

__all__ = ["bugs_raise"]

MASTER_KEY = "sk-master-canary-8e2d6b0f43"
PASSWORD = "password-canary-c07d"
CONFIG = """\
proxy: {url: '%s', timeout: 3s, retries: 0, parallelism: 2}
defaults: {models: [gpt-4], duration: 30d}
safety: {max_delete_percent: 100}
keys:
  one: {max_budget: %d, metadata: {team: a, password: '${env.PASSWORD}'}}
  two: {max_budget: %d, object_permission: {mcp_servers: [x]}}
workshops:
  fair: {count: %d, max_budget: 3}
"""
READING = (
    ("plan",), ("plan", "--json"), ("plan", "-v", "--destroy"), ("check",), ("check", "--json"),
    ("refresh", "--dry-run"),
    ("import", "theirs", "--write-config", "--dry-run"), ("state", "rebuild", "--dry-run"),
    ("state", "rebind", "--dry-run"),
    ("state", "show", "one"), ("state", "mv", "one", "new", "--dry-run"), ("plan", "--format", "markdown"),
)  # fmt: skip
"""Commands that change nothing."""
WRITING = (
    ("apply", "--auto-approve"), ("apply", "--auto-approve", "--json"), ("apply", "--auto-approve", "--replace", "*"),
    ("destroy", "--auto-approve"), ("refresh", "--auto-approve"), ("state", "rebuild", "--auto-approve"),
    ("import", "theirs", "--write-config", "--auto-approve"), ("state", "rm", "one", "--auto-approve"),
    ("state", "mv", "one", "new", "--auto-approve"), ("apply", "--auto-approve", "--renew", "*"),
)  # fmt: skip


@dataclass(frozen=True)
class Twisting:
    """The server does what is asked, and its answer is another one."""

    twisted: Twisted
    path: str

    def meet(self, exchange: Exchange) -> None:
        exchange.send(self.twisted.turned(self.path, exchange.forwarded()))


class Stage:
    """A project and its proxy, with something to create, to change and to delete; both can be put back."""

    def __init__(self, line: CommandLine, gateway: Gateway, keys: Path) -> None:
        self.line = line
        self._gateway = gateway
        self._keys = keys
        self._copy = keys.with_suffix(".copy")
        shutil.copyfile(keys, self._copy)
        self._files = line.workspace.files()

    def put_back(self) -> None:
        """Make every file, and every key on the proxy, what it was."""
        path = self.line.workspace.path
        shutil.copyfile(self._copy, self._keys)
        for name in self.line.workspace.files().keys() - self._files.keys():
            (path / name).unlink()
        for name, (mode, data) in self._files.items():
            (path / name).write_bytes(data)
            (path / name).chmod(mode)

    @contextmanager
    def twisted(self, path: str, twist: Twist, *, once: bool) -> Iterator[None]:
        """While this is open, one endpoint answers otherwise."""
        twisted = Twisted(self._gateway.app, path, twist, once)
        self._gateway.rule = lambda seen: Twisting(twisted, seen.path)
        yield
        self._gateway.settle()

    def check(self) -> None:
        """See that state and secret store can be read, and that no key that is recorded lacks its value."""
        workspace = self.line.workspace
        state = parse(workspace.state_path.read_text(), place="s")
        stored = workspace.stored
        lost = [
            record.alias for record in state.keys.values() if record.origin == "created" and record.token not in stored
        ]
        if lost:
            raise Misbehaved(f"the values of {lost} are lost")
        for report in workspace.reports:
            json.dumps(report)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bugs_raise: None) -> Iterator[Stage]:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("PASSWORD", PASSWORD)
    servers = tmp_path / "servers"
    project = tmp_path / "project"
    servers.mkdir()
    project.mkdir()
    monkeypatch.chdir(project)
    workspace = Workspace(project)
    gateway = Gateway(SandboxApp(servers / "keys.sqlite", Settings(master_key=MASTER_KEY)))
    with gateway.listening():
        workspace.configure(CONFIG % (gateway.url, 5, 7, 4))
        workspace.ok("apply", "--auto-approve")
        workspace.configure(CONFIG % (gateway.url, 6, 7, 2) + "  late: {members: [ann, bob]}\n")
        secrets = {MASTER_KEY, PASSWORD, *workspace.stored.values()}
        yield Stage(CommandLine(workspace, secrets, (servers,)), gateway, servers / "keys.sqlite")


@pytest.mark.parametrize("cases", [40, pytest.param(1500, marks=pytest.mark.sweep)])
def test_every_command_ends_whatever_is_answered(stage: Stage, cases: int) -> None:
    def law(case: tuple[str, Twist, bool, tuple[str, ...]]) -> None:
        path, twist, once, command = case
        stage.put_back()
        before = stage.line.kept()
        with stage.twisted(path, twist, once=once):
            stage.line.run(*command)
        if command in READING:
            stage.line.unchanged(before, command)
        stage.check()

    paths = st.just(EVERYWHERE) | st.sampled_from(PATHS)
    fuzz(cases, st.tuples(paths, TWISTS, st.booleans(), st.sampled_from((*READING, *WRITING))), law)
