"""One project directory: where its config and state lie, and what is reached through them.

What reads them is imported where it is asked for: most commands need a part of it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vkstate.cli.elsewhere import from_here
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say
from vkstate.errors import ExitCode, VkstateError

if TYPE_CHECKING:
    from vkstate.age import Recipient
    from vkstate.config.config import Config
    from vkstate.litellm.client import Connection
    from vkstate.state.age_store import AgeStore
    from vkstate.state.file import StateFile
    from vkstate.state.git import Standing
    from vkstate.state.holder import Holder
    from vkstate.state.identities import Identities
    from vkstate.state.model import State
    from vkstate.state.plain_store import PlainStore
    from vkstate.state.secret_store import SecretStore

CONFIG_NAME: Final = "vkstate.yaml"
STATE_NAME: Final = "vkstate.state.json"
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
    """A project as the shared options name it. Nothing is read before it is asked for.

    :param identities: files of whoever may open an encrypted store, as the command line names them.
    :param warn: told of what people should hear, in full sentences.
    :param closing: whether a secret store that others may read is closed to them.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        identities: Sequence[Path] = (),
        warn: Callable[[str], None] | None = None,
        closing: bool = True,
    ) -> None:
        if shared.chdir:
            _enter(shared.chdir)
        self.shared = shared
        self._warn = warn or self._say
        self._closing = closing
        self._seen: list[str] = []
        self.config_path = shared.config or Path(CONFIG_NAME)
        self.state_path = shared.state or self.config_path.parent / STATE_NAME
        self._identities = identities

    @cached_property
    def secrets_path(self) -> Path:
        """Where the encrypted store lies, or would."""
        from vkstate.state.age_store import secrets_path_of

        return secrets_path_of(self.state_path)

    @cached_property
    def identities(self) -> Identities:
        """Whoever may open an encrypted store."""
        from vkstate.state.identities import Identities

        return Identities(self._identities, os.environ)

    def _say(self, sentence: str) -> None:
        directory = self.shared.chdir
        say(f"warning: {from_here(sentence, None if directory is None else str(directory))}")

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What ``--var-file`` and ``--var`` give, the latter before the former."""
        variables: dict[str, str] = {}
        for path in self.shared.var_file:
            from vkstate.config.variables import load_var_file

            variables |= load_var_file(path)
        return {**variables, **_given(self.shared.var)}

    @cached_property
    def config(self) -> Config:
        """The config, with its warnings said once."""
        from vkstate.config.loader import load

        config = load(self.config_path, variables=self.variables, environ=os.environ)
        for warning in config.warnings:
            self._warn(warning)
        return config

    def go_on_with(self, config: Config) -> None:
        """Take another config for that of the file, which is about to be written."""
        self.config = config

    @cached_property
    def state_file(self) -> StateFile:
        """The keeper of the state: what it read is what it may overwrite, and never with a secret in it."""
        from vkstate.state.file import StateFile

        return StateFile(self.state_path, secrets=self.secrets)

    def secrets(self) -> Iterator[str]:
        """Every secret in memory: the master key, once it was fetched, and the key values that are in clear."""
        yield from self._seen
        yield from (value.reveal() for value in self.store.in_memory())

    @cached_property
    def state(self) -> State:
        """The state as it was read."""
        return self.state_file.read()

    @cached_property
    def store(self) -> SecretStore:
        """The secret store of this state's lineage."""
        return self.store_of(self.state.lineage)

    def store_of(self, lineage: str) -> SecretStore:
        """The secret store that the config names, for the values of a lineage."""
        encrypted = self.config.secrets.store == "age"
        return self.age_store(lineage) if encrypted else self.plain_store(lineage)

    def plain_store(self, lineage: str) -> PlainStore:
        """The store of this machine, whatever the config names."""
        from vkstate.state.directory import directory_of
        from vkstate.state.plain_store import PlainStore

        return PlainStore(directory_of(self.state_path), lineage, closing=self._closing)

    def age_store(self, lineage: str, recipients: Sequence[Recipient] | None = None) -> AgeStore:
        """The encrypted store, whatever the config names; what is added is for these, or for the config's."""
        from vkstate.state.age_store import AgeStore

        given = self.config.secrets.recipients if recipients is None else recipients
        return AgeStore(self.secrets_path, lineage, given, self.identities)

    @property
    def stored_lineage(self) -> str | None:
        """The lineage whose values the secret store holds; None where there is no store."""
        if self.config.secrets.store == "age":
            from vkstate.state.age_store import AgeStore

            return AgeStore.lineage_in(self.secrets_path)
        from vkstate.state.directory import directory_of
        from vkstate.state.plain_store import PlainStore

        return PlainStore.lineage_in(directory_of(self.state_path))

    def say_of_store(self) -> None:
        """Say what people should hear of the secret store, and that the other one still holds values."""
        encrypted = self.store.encrypted
        for warning in (*self.store.warnings, *(self.identities.warnings if encrypted else ())):
            self._warn(warning)
        lineage = self.state.lineage
        other = self.plain_store(lineage) if encrypted else self.age_store(lineage, ())
        with suppress(VkstateError):  # it is not in use: whatever is wrong with it stands in nobody's way
            if left := len(other.tokens()):
                values = "1 key value" if left == 1 else f"{left:,} key values"
                where = os.path.relpath(other.path) if encrypted else other.path
                self._warn(
                    f"{where} holds {values}, and the config names the other store: vkstate secrets migrate "
                    f"--to {'age' if encrypted else 'plain'}"
                )

    @property
    def hidden(self) -> frozenset[str]:
        """The environment variables that hold secrets: other programs do not see them."""
        from vkstate.age import IDENTITY_VARIABLE

        return self.config.environment | {IDENTITY_VARIABLE}

    @contextmanager
    def locked(self, timeout: float, command: str) -> Iterator[None]:
        """Hold the lock, and only then read the state."""
        from vkstate.state.lock import StateLock

        with StateLock(self.state_path, timeout, command, waiting=_waiting):
            yield

    def precheck(self) -> None:
        """See that config and state can be read and go together, before the lock is taken: where they do not, nothing
        is written. The state that counts is read under the lock.
        """
        from vkstate.state.binding import check_binding
        from vkstate.state.file import StateFile

        url = self.config.proxy.url
        check_binding(StateFile(self.state_path).read(), url)

    def bound(self) -> None:
        """See that the state belongs to the configured proxy."""
        from vkstate.state.binding import check_binding

        url = self.config.proxy.url
        check_binding(self.state, url)

    def standing(self) -> Standing | None:
        """How the state stands in git; None where that is not known, or where nobody wants to hear of it: the keys of
        the sandbox are nobody else's.
        """
        if self.is_sandbox:
            return None
        from vkstate.state.git import inspect

        encrypted = self.secrets_path if self.config.secrets.store == "age" else None
        return inspect(self.state_path, hidden=self.hidden, encrypted=encrypted)

    def in_git(self, *, writing: bool) -> None:
        """Say how the state stands in git.

        :param writing: a state that others have changed upstream is refused.
        :raises StateBehind: it is.
        :raises StoreMissing: the encrypted store is gone, and git has it.
        """
        if self.is_sandbox:
            return
        from vkstate.state.git import refuse_behind, refuse_missing, unanswered, warnings_of

        standing = self.standing()
        if standing is None:
            if top := unanswered(self.state_path):
                self._warn(
                    f"git does not tell how {self.state_path} stands in {top}, nor whether others have a newer one: "
                    f"git -C {shlex.quote(str(top))} status"
                )
            return
        for warning in warnings_of(standing):
            self._warn(warning)
        if writing:
            refuse_missing(standing)
            refuse_behind(standing)
        elif standing.behind:
            self._warn(
                f"{standing.upstream} has a newer {standing.path}: what others have applied looks like drift here. Get "
                "it: git pull"
            )

    @cached_property
    def is_sandbox(self) -> bool:
        """Whether the config names the embedded key server."""
        return self.config.proxy.url.startswith(SANDBOX_URL)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection to the configured proxy, closed at the end."""
        from vkstate.cli.connecting import proxy_connection, sandbox_connection
        from vkstate.state.directory import directory_of

        verbose = self.shared.verbose
        if self.is_sandbox:
            connection = sandbox_connection(directory_of(self.state_path), verbose=verbose)
        else:
            connection = proxy_connection(self.config, self._seen, verbose=verbose)
        for warning in connection.warnings:
            self._warn(warning)
        try:
            yield connection
        finally:
            connection.close()


def _enter(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        hint = f"make the directory {directory}, or correct -C"
        raise WrongDirectory(f"-C {directory}: {error.strerror}.", hint=hint) from None


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
