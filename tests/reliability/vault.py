"""A project full of secrets, each of them a text that stands nowhere else, and what its runs show of them."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from tests.contract.proxies import Proxy
from tests.reliability.canaries import STORE, found_in
from tests.reliability.gateway import Gateway, Upstream
from tests.workspace import OWN_VARIABLES, Ran, Workspace
from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.settings import DEFAULT_MODELS, Settings

MASTER_KEY = "sk-master-canary-40be72d91c5f"
HEADER = "header-canary-a90c6e2f17"
PASSWORD = "password-canary-51ab0d83c4"
PERSON = "person-canary-b2e7@example.com"
MODEL = "model-canary-6f04d9"
CHANGED = "changed-canary-d31f58"
"""What somebody else makes of the password on the proxy."""
LOGGING = "logging-canary-9c7714"
CALLBACK = "config-canary-e805b6"
ENVIRON = {"CANARY_HEADER": HEADER, "CANARY_PASSWORD": PASSWORD, "CANARY_PERSON": PERSON, "CANARY_MODEL": MODEL}
ENV_MASTER_KEY = {"LITELLM_MASTER_KEY": MASTER_KEY}
WRITTEN_OUT = (LOGGING, CALLBACK)
"""What stands in the config itself, where secrets are expected."""
SENSITIVE = (HEADER, PASSWORD, PERSON, MODEL, CHANGED, *WRITTEN_OUT)
SOURCES = {
    "environment": "",
    "file": "  master_key: {file: ../elsewhere/master.key}\n",
    "command": "  master_key: {command: [master-key, --for, tests]}\n",
    "kubernetes": "  master_key: {kubernetes: {namespace: llm, secret: proxy, key: master}}\n",
}
"""Where the master key comes from, as the config says it."""
CONFIG = """\
proxy:
  url: {url}
  timeout: 3s
  retries: 0
  check_models: "off"
  headers: {{x-gateway: '${{env.CANARY_HEADER}}'}}
{source}defaults: {{models: [gpt-4], duration: 30d}}
safety: {{max_delete_percent: 100}}
keys:
  one:
    max_budget: {budget}
    user_id: ${{env.CANARY_PERSON}}
    metadata:
      password: ${{env.CANARY_PASSWORD}}
      logging: [{{callback_name: s3, callback_vars: {{secret: {logging}}}}}]
  two: {{models: ['${{env.CANARY_MODEL}}'], config: {{token: {callback}}}}}
workshops:
  event: {{count: {count}}}
"""


@dataclass
class Vault:
    """The project, its proxy behind a gateway, and all that its runs have shown."""

    workspace: Workspace
    gateway: Gateway
    proxy: Proxy
    servers: Path
    source: str = "environment"
    shown: list[str] = field(default_factory=list)
    values: set[str] = field(default_factory=set)
    asked_for: set[Path] = field(default_factory=set)
    """Files that somebody asked vkstate to write key values to, or that hold them already."""

    def configure(self, *, budget: int = 5, count: int = 3, rest: str = "") -> None:
        """Write the config."""
        text = CONFIG.format(
            url=self.gateway.url,
            source=SOURCES[self.source],
            budget=budget,
            count=count,
            logging=LOGGING,
            callback=CALLBACK,
        )
        self.workspace.write("vkstate.yaml", text + rest)

    def run(self, *arguments: str) -> Ran:
        """Run the command line, keep what it prints, and every value that the store holds after it."""
        ran = self.workspace.run(*arguments)
        self.shown.append(f"{' '.join(arguments)}\n{ran.stdout}\n{ran.stderr}")
        self.values |= set(self.workspace.stored.values())
        return ran

    @property
    def secrets(self) -> set[str]:
        """All that must not be seen."""
        return {MASTER_KEY, *SENSITIVE, *self.values}

    def check(self) -> None:
        """See that nothing was shown, and that files hold what belongs there."""
        assert len(self.values) > 3, "there was something to hide"
        for text in self.shown:
            assert found_in(text, self.secrets) == [], text
        for path in self.workspace.path.rglob("*"):
            if path.is_file():
                found = set(found_in(path.read_bytes(), self.secrets))
                assert found <= self._belongs_in(path), path
                if found & self.values:
                    assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE((self.workspace.path / STORE.parent).stat().st_mode) == 0o700

    def _belongs_in(self, path: Path) -> set[str]:
        if path == self.workspace.path / STORE or path in self.asked_for:
            return self.values
        return set(WRITTEN_OUT) if path.name == "vkstate.yaml" else set()


@contextmanager
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str = "environment") -> Iterator[Vault]:
    """A vault whose master key comes from there, in an environment with all that the config names and nothing else."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    _provide(source, tmp_path, monkeypatch)
    project, servers = tmp_path / "project", tmp_path / "servers"
    project.mkdir()
    servers.mkdir()
    monkeypatch.chdir(project)
    settings = Settings(master_key=MASTER_KEY)
    app: Upstream = SandboxApp(servers / "keys.sqlite", settings)
    adapter = SandboxAdapter(servers / "keys.sqlite", settings)
    with session_of(adapter) as proxy:
        gateway = Gateway(app)
        with gateway.listening():
            vault = Vault(Workspace(project), gateway, proxy, servers, source)
            vault.configure()
            vault.run("init")
            yield vault


@contextmanager
def session_of(adapter: SandboxAdapter) -> Iterator[Proxy]:
    """The server itself, past the gateway, with the master key."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.mount(SCHEME, adapter)
        yield Proxy(session, BASE_URL, MASTER_KEY, (1, 105), frozenset(DEFAULT_MODELS), prefix="")


def _provide(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a master key: in the environment, in a file, or told by a program."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    key = elsewhere / "master.key"
    key.write_text(f"{MASTER_KEY}\n")
    key.chmod(0o600)
    if source == "environment":
        monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER_KEY)
    encode = (
        "python3 -c 'import base64, sys; print(base64.b64encode(open(sys.argv[1], \"rb\").read().strip()).decode())'"
    )
    script(elsewhere / "master-key", f'cat "{key}"')
    script(elsewhere / "kubectl", f'printf \'{{"data": {{"master": "%s"}}}}\' "$({encode} "{key}")"')
    monkeypatch.setenv("PATH", f"{elsewhere}{os.pathsep}{os.environ['PATH']}")


def script(path: Path, body: str) -> None:
    """Write a program that notes its arguments and its environment, then does what is given."""
    seen = path.with_name("children")
    path.write_text(
        f'#!/bin/sh\n{{ printf \'%s\\n\' "--- {path.name}" "$@"; env; }} >> "{seen}"\n{body}\n', encoding="utf-8"
    )
    path.chmod(0o700)


@contextmanager
def logged() -> Iterator[StringIO]:
    """All that anything logs while this is open, down to DEBUG."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
