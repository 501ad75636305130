"""One project directory: where its config and state lie, and what is reached through them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say
from vkstate.config.config import Config
from vkstate.config.loader import load
from vkstate.config.master_key import resolve_master_key
from vkstate.config.variables import load_var_file
from vkstate.errors import ExitCode, VkstateError
from vkstate.litellm.client import Connection
from vkstate.state.binding import check_binding
from vkstate.state.directory import directory_of
from vkstate.state.file import StateFile
from vkstate.state.git import inspect, refuse_behind, warnings_of
from vkstate.state.lock import Holder, StateLock
from vkstate.state.model import State
from vkstate.state.plain_store import PlainStore

CONFIG_NAME: Final = "vkstate.yaml"
STATE_NAME: Final = "vkstate.state.json"
SANDBOX_NAME: Final = "sandbox.sqlite"
SANDBOX_URL: Final = "sandbox://"


class WrongDirectory(VkstateError):
    """``-C`` names no directory that can be entered."""

    summary = "the directory cannot be entered"
    exit_code = ExitCode.USAGE


class WrongVariable(VkstateError):
    """``--var`` was not given as NAME=VALUE."""

    summary = "a variable is not given as NAME=VALUE"
    exit_code = ExitCode.USAGE


class Project:
    """A project as the shared options name it. Nothing is read before it is asked for."""

    def __init__(self, shared: Shared) -> None:
        if shared.chdir:
            _enter(shared.chdir)
        self.shared = shared
        self._seen: list[str] = []
        self.config_path = shared.config or Path(CONFIG_NAME)
        self.state_path = shared.state or self.config_path.parent / STATE_NAME

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What ``--var-file`` and ``--var`` give, the latter before the former."""
        variables: dict[str, str] = {}
        for path in self.shared.var_file:
            variables |= load_var_file(path)
        return {**variables, **_given(self.shared.var)}

    @cached_property
    def config(self) -> Config:
        """The config, with its warnings said once."""
        config = load(self.config_path, variables=self.variables, environ=os.environ)
        for warning in config.warnings:
            say(f"warning: {warning}")
        return config

    @cached_property
    def state_file(self) -> StateFile:
        """The keeper of the state: what it read is what it may overwrite, and never with a secret in it."""
        return StateFile(self.state_path, secrets=self._secrets)

    def _secrets(self) -> Iterator[str]:
        """Every secret in memory."""
        yield from self._seen
        yield from (value.reveal() for value in self.store.in_memory())

    @cached_property
    def state(self) -> State:
        """The state as it was read."""
        return self.state_file.read()

    @cached_property
    def store(self) -> PlainStore:
        """The secret store of this state's lineage."""
        return PlainStore(directory_of(self.state_path), self.state.lineage)

    @contextmanager
    def locked(self, timeout: float, command: str) -> Iterator[None]:
        """Hold the lock, and only then read the state."""
        with StateLock(self.state_path, timeout, command, waiting=_waiting):
            yield

    def precheck(self) -> None:
        """See that config and state can be read and go together, before the lock is taken: where they do not, nothing
        is written. The state that counts is read under the lock.
        """
        url = self.config.proxy.url
        check_binding(StateFile(self.state_path).read(), url)

    def bound(self) -> None:
        """See that the state belongs to the configured proxy."""
        url = self.config.proxy.url
        check_binding(self.state, url)

    def in_git(self, *, writing: bool) -> None:
        """Say how the state stands in git; of the sandbox, whose keys are nobody else's, nobody wants to hear.

        :param writing: a state that others have changed upstream is refused.
        :raises StateBehind: it is.
        """
        if self.is_sandbox or not (standing := inspect(self.state_path, hidden=self.config.environment)):
            return
        for warning in warnings_of(standing):
            say(f"warning: {warning}")
        if writing:
            refuse_behind(standing)
        elif standing.behind:
            say(
                f"warning: {standing.upstream} has a newer {standing.path}: what others have applied looks like drift "
                "here. Get it: git pull"
            )

    @cached_property
    def is_sandbox(self) -> bool:
        """Whether the config names the embedded key server."""
        return self.config.proxy.url.startswith(SANDBOX_URL)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection to the configured proxy, closed at the end."""
        connection = self._sandbox() if self.is_sandbox else self._proxy()
        for warning in connection.warnings:
            say(f"warning: {warning}")
        try:
            yield connection
        finally:
            connection.close()

    def _proxy(self) -> Connection:
        proxy = self.config.proxy
        key = resolve_master_key(proxy.master_key, environ=os.environ, directory=self.config.directory)
        self._seen.append(key.get_secret_value())
        return Connection(
            proxy.url,
            key.get_secret_value(),
            timeout=proxy.timeout,
            retries=proxy.retries,
            verify=proxy.verify_tls if isinstance(proxy.verify_tls, bool) else str(proxy.verify_tls),
            headers=proxy.headers,
            log=_log if self.shared.verbose else None,
        )

    def _sandbox(self) -> Connection:
        from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
        from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

        say("note: sandbox:// is the key server embedded in vkstate, for trying and testing; its keys open nothing.")
        adapter = SandboxAdapter(self.sandbox_path())
        return Connection(
            BASE_URL,
            DEFAULT_MASTER_KEY,
            mount=lambda session: session.mount(SCHEME, adapter),
            log=_log if self.shared.verbose else None,
        )

    def sandbox_path(self) -> Path:
        """Where the embedded key server keeps its keys; the directory is made."""
        from vkstate.state.directory import prepare

        directory = directory_of(self.state_path)
        prepare(directory)
        return directory / SANDBOX_NAME


def _enter(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise WrongDirectory(f"-C {directory}: {error.strerror}.", hint=f"mkdir {directory}, or correct -C") from None


def _waiting(holder: Holder | None) -> None:
    say(f"Waiting for the lock, held by {holder or 'a process that left no word'}.")


def _given(pairs: tuple[str, ...]) -> Mapping[str, str]:
    """The variables of ``--var NAME=VALUE``."""
    variables: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise WrongVariable("A variable is given as --var NAME=VALUE.", hint="for example: --var event=ai-workshop")
        variables[name] = value
    return variables


def _log(method: str, path: str, status: int | None, milliseconds: float) -> None:
    print(f"  {method} {path} -> {status or 'no answer'} in {milliseconds:.0f} ms", file=sys.stderr)  # noqa: T201 - -v
