"""What ``vkstate check`` looks at, one finding after the other; it goes on as far as the answers allow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from vkstate.cli.checking_files import exposed_secrets
from vkstate.cli.checking_keys import keys_tried
from vkstate.cli.checking_proxy import proxy_findings
from vkstate.cli.checking_time import timely
from vkstate.cli.findings import Finding, failed, named, warning, well, wrong
from vkstate.cli.project import Project
from vkstate.cli.selecting import handed_out
from vkstate.cli.shared import Shared
from vkstate.cli.showing import reading
from vkstate.errors import VkstateError
from vkstate.keys import Alias, Origin, RecordedKey, Status
from vkstate.litellm.client import Connection
from vkstate.state.git import StateBehind, refuse_behind, unanswered, warnings_of
from vkstate.views.words import counted, verb


class Check:
    """One run of ``vkstate check``.

    :param tried: the targets of ``--as``.
    :param identities: files of whoever may open an encrypted store.
    """

    def __init__(self, shared: Shared, *, tried: Sequence[str] = (), identities: Sequence[Path] = ()) -> None:
        self._heard: list[str] = []
        self._project = Project(shared, identities=identities, warn=self._heard.append, closing=False)
        self._tried = tried

    def findings(self) -> Iterator[Finding]:
        """Everything that can be told, beginning with what the rest depends on.

        :raises NoSuchKey: a target of ``--as`` names no recorded key.
        """
        project = self._project
        try:
            config = project.config
        except VkstateError as error:
            yield failed("config", error)
            return
        yield well("config", f"{config.path} declares {counted(len(config.keys), 'key')}.")
        yield from self._warnings("config")
        try:
            state = project.state
            project.bound()
        except VkstateError as error:
            yield failed("state", error)
            return
        recorded = f"{project.state_path} records {counted(len(state.keys), 'key')}, serial {state.serial}."
        yield well("state", recorded)
        yield from _unsettled(state.keys)
        exposed = list(exposed_secrets(project))
        yield from self._git(clean=not exposed)
        yield from exposed
        yield from self._store()
        yield from self._proxy()

    def _warnings(self, what: str) -> Iterator[Finding]:
        """What the project warned of meanwhile."""
        heard = tuple(self._heard)
        self._heard.clear()
        for sentence in heard:
            yield warning(what, sentence)

    def _git(self, *, clean: bool) -> Iterator[Finding]:
        project = self._project
        if project.is_sandbox:
            return
        standing = project.standing()
        if standing is None and (top := unanswered(project.state_path)):
            said = f"git does not tell how {project.state_path} stands in {top}, as in the checkout of another user."
            yield warning("git", said, f"git -C {quote(str(top))} status tells why")
            return
        if standing is None:
            said = f"{project.state_path} is in no git repository, so that nobody else knows which keys there are."
            yield warning("git", said, f"git init && git add {quote(str(project.state_path))}")
            return
        *sentences, last = ("", *warnings_of(standing))
        for sentence in filter(None, sentences):
            yield warning("git", sentence)
        if last:  # that the key values are in git is what is said last
            yield (wrong if standing.leaked else warning)("git", last)
        try:
            refuse_behind(standing)
        except StateBehind as error:
            yield failed("git", error)
            return
        if not last and clean:
            yield well("git", f"{project.state_path} is committed, and the key values are kept out of git.")

    def _store(self) -> Iterator[Finding]:
        project = self._project
        try:
            store = project.store
            stored = store.tokens()
            project.say_of_store()
        except VkstateError as error:
            yield failed("secret store", error)
            return
        keys = project.state.keys
        unknown = [
            alias for alias, record in keys.items() if record.status is Status.READY and record.token not in stored
        ]
        never = [alias for alias in unknown if keys[alias].origin is not Origin.CREATED]
        lost = [alias for alias in unknown if keys[alias].origin is Origin.CREATED]
        if lost:
            where = os.path.relpath(store.path)
            said = f"{where} does not hold the value of {named(lost)}: nobody can hand it out from here."
            yield warning("secret store", said, f"give it a new value: vkstate apply --replace {quote(lost[0])}")
        else:
            but = f" but {named(never)}, made elsewhere" if never else ""
            yield well("secret store", f"It holds the value of every recorded key{but}.")
        if why := store.why_closed([record.token for record in keys.values() if record.token in stored]):
            hint = "name another identity: --identity FILE"
            yield warning("secret store", why, hint) if project.identities.are_named else well("secret store", why)
        if left := len(stored - {record.token for record in keys.values()}):
            yield well(
                "secret store", f"It holds {counted(left, 'value')} besides, of keys that this state does not record."
            )
        yield from self._warnings("secret store")

    def _proxy(self) -> Iterator[Finding]:
        project = self._project
        given, gone = handed_out(project, list(self._tried)) if self._tried else ([], [])
        try:
            with project.connected() as connection, reading(project, connection):
                yield from self._warnings("connection")
                admitted = yield from proxy_findings(project.config, connection)
                desired = {key.alias: key for key in project.config.keys}
                yield from timely(desired, project.state.keys, connection.now())
                if admitted:
                    yield from self._keys(connection, [*given, *gone])
                else:
                    yield from _untried([*given, *gone])
        except VkstateError as error:
            yield failed("master key", error)
            yield from _untried([*given, *gone])

    def _keys(self, connection: Connection, aliases: Sequence[Alias]) -> Iterator[Finding]:
        try:
            yield from keys_tried(self._project, connection, aliases, self._tried)
        except VkstateError as error:
            yield failed("key", error)


def _untried(aliases: Sequence[Alias]) -> Iterator[Finding]:
    """The keys that were to be tried, where the proxy cannot be asked what they should open."""
    if aliases:
        yield warning("key", f"{named(aliases)} {verb(len(aliases), 'was', 'were')} not tried: see above.")


def _unsettled(keys: Mapping[Alias, RecordedKey]) -> Iterator[Finding]:
    """The keys that an apply left behind half done."""
    if pending := [alias for alias, record in keys.items() if record.status is Status.PENDING]:
        are = verb(len(pending), "is", "are")
        said = f"An apply was interrupted: {named(pending)} {are} recorded, and nobody knows yet whether the proxy has"
        yield warning("state", f"{said} {verb(len(pending), 'it', 'them')}.", "vkstate apply settles it")
