"""The way of ``secrets list``, ``add-recipient``, ``remove-recipient`` and ``rekey``: who may read the values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from vkstate.age import NotARecipient, Recipient, recipient_of
from vkstate.attributes import Json
from vkstate.cli.lock_timeout import lock_seconds
from vkstate.cli.project import Project
from vkstate.cli.rewriting import Rewritten, bytes_of, check_writable, loaded
from vkstate.cli.terminal import say, write
from vkstate.config.editing import ConfigNotEdited
from vkstate.config.recipients import with_recipient, without_recipient
from vkstate.errors import ExitCode, VkstateError
from vkstate.keys import Alias, natural_order
from vkstate.state.age_store import AgeStore
from vkstate.views.documents import FORMAT_VERSION, dumped
from vkstate.views.grouping import listing as named
from vkstate.views.secret_store import KeptValue, StoreListing
from vkstate.views.words import counted, escaped, verb

_HISTORY: Final = (
    "note: What is committed already stays readable, in git's history, for whoever holds that key. To shut somebody "
    "out, give the keys new values: vkstate apply --replace '*' --allow-deletes {}"
)
"""What has to be said when a recipient goes."""

Change: TypeAlias = Callable[[str, Sequence[Recipient]], str | None]
"""From a config's text, and the recipients that it names, to the text that it is to be; None: it says so already."""


class WrongRecipient(VkstateError):
    """What was given is no recipient, or not one of those that are there. A secret key is not repeated."""

    summary: ClassVar[str] = "this is not a recipient"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class NotEncrypted(VkstateError):
    """The config keeps the values plain, so that there are no recipients."""

    summary: ClassVar[str] = "the values are not encrypted"


class ValuesClosed(VkstateError):
    """Values are to be encrypted anew, and nobody here can open them."""

    summary: ClassVar[str] = "the values cannot be opened"


def given_recipient(text: str) -> Recipient:
    """A recipient as the command line names it.

    :raises WrongRecipient: it is none.
    """
    try:
        return recipient_of(text)
    except NotARecipient as error:
        fault = WrongRecipient(
            f"What was given {error}.", hint="age-keygen -o FILE makes a pair, and prints its recipient"
        )
    raise fault


def adding(text: str) -> Change:
    """A config with one more recipient."""
    recipient = given_recipient(text)
    return lambda config, there: None if recipient in there else with_recipient(config, recipient)


def removing(text: str) -> Change:
    """A config with one recipient fewer, and at least one."""
    recipient = given_recipient(text)

    def change(config: str, there: Sequence[Recipient]) -> str | None:
        if recipient not in there:
            raise WrongRecipient(
                f"{recipient} is none of the config's recipients. They are: {', '.join(there)}.",
                hint="vkstate secrets list shows them",
            )
        if len(there) == 1:
            raise WrongRecipient(
                "It is the only recipient of the config: without it nobody could read the values.",
                hint="add another one first, or keep the values plain: vkstate secrets migrate --to plain",
            )
        return without_recipient(config, recipient)

    return change


@dataclass
class Rekeying:
    """One run of such a command, as it was asked for."""

    project: Project
    dry: bool
    lock_timeout: str
    as_json: bool

    def carry_out(self, name: str, change: Change | None, *, shuts_out: bool = False) -> int:
        """Change the config, encrypt anew what is encrypted to others than it names then, and return the exit code.

        :param shuts_out: whether somebody is to read the values no longer: what that takes is said.

        The config comes first: a run that dies in between leaves one whose next plan says what remains.
        """
        project = self.project
        timeout = lock_seconds(self.lock_timeout)
        if project.config.secrets.store != "age":
            raise NotEncrypted(
                f"{project.config_path} keeps the key values plain, on this machine alone.",
                hint="have them encrypted: vkstate secrets migrate --to age --recipient RECIPIENT",
            )
        with nullcontext() if self.dry else project.locked(timeout, f"vkstate secrets {name}"):
            project.in_git(writing=not self.dry)
            rewritten = self._rewritten(change) if change else None
            recipients = (rewritten.config if rewritten else project.config).secrets.recipients
            store = project.age_store(project.state.lineage, recipients)
            stale = [store.aliases()[token] for token in store.stale]
            closed = _closed(store)
            if closed and len(closed) == len(stale):
                which = "another" if project.identities.are_named else "an"
                raise ValuesClosed(
                    f"{store.why_closed(store.stale)}. Nothing was changed.",
                    hint=f"name {which} identity: --identity FILE",
                )
            anew = sorted({*stale} - {*closed}, key=natural_order)
            if not self.dry:
                if rewritten:
                    check_writable(rewritten.path, f"vkstate secrets {name} is to edit it")
                    rewritten.write()
                done = store.rekey()
                anew, closed = [*done.anew], [*done.closed]
        self._say(store, rewritten, anew, closed)
        if shuts_out:
            say(_HISTORY.format(sum(record.retired is None for record in project.state.keys.values())))
        return ExitCode.PARTIAL if closed else ExitCode.OK

    def _rewritten(self, change: Change) -> Rewritten | None:
        """The config as it is to be; None where it says so already."""
        project = self.project
        before = bytes_of(project.config_path)
        text = before.decode()
        there = loaded(project, text).secrets.recipients
        after = change(text, there)
        if after is None:
            return None
        config = loaded(project, after)
        if set(config.secrets.recipients) == set(there):
            raise ConfigNotEdited(
                f"The recipients of {project.config_path} come from variables.", hint="change them where they are given"
            )
        return Rewritten(project.config_path, config, before, after.encode())

    def _say(
        self, store: AgeStore, rewritten: Rewritten | None, anew: Sequence[Alias], closed: Sequence[Alias]
    ) -> None:
        recipients = (rewritten.config if rewritten else self.project.config).secrets.recipients
        if closed:
            say(f"warning: {escaped(store.why_closed(store.stale) or '')}")
        if self.as_json:
            document: dict[str, Json] = {
                "format_version": FORMAT_VERSION,
                "store": "age",
                "path": str(store.path),
                "recipients": [*recipients],
                "config_changed": rewritten is not None,
                "encrypted_anew": [*anew],
                "closed": [*closed],
                "dry_run": self.dry,
            }
            write(dumped(document).rstrip("\n"))
            return
        if rewritten:
            write("\n".join(rewritten.difference()))
        if not (anew or closed or rewritten):
            to_whom = counted(len(recipients), "recipient")
            write(f"{store.path} is encrypted to the {to_whom} of the config already: there is nothing to do.")
            return
        tense = "would be" if self.dry else verb(len(anew), "is", "are")
        whose = f": {named(anew, {})}" if anew else ""
        write(
            f"{counted(len(anew), 'value')} {tense} encrypted anew, to {counted(len(recipients), 'recipient')}{whose}."
        )
        if not self.dry:
            files = " and ".join(
                [*([str(self.project.config_path)] if rewritten else []), *([str(store.path)] if anew else [])]
            )
            say(f"Next: commit {files}.")


def _closed(store: AgeStore) -> list[Alias]:
    """Whose values are encrypted to others than the recipients, and cannot be opened here."""
    aliases = store.aliases()
    return sorted((aliases[token] for token in store.stale if store.value_of(token) is None), key=natural_order)


def listing_of(project: Project) -> StoreListing:
    """What the secret store holds."""
    store, settings = project.store, project.config.secrets
    statuses = {record.token: record.status.value for record in project.state.keys.values() if record.token}
    entries = store.entries if isinstance(store, AgeStore) else {}
    stale = set(store.stale) if isinstance(store, AgeStore) else set()
    return StoreListing(
        settings.store,
        str(store.path),
        settings.recipients,
        [
            KeptValue(
                alias=alias,
                token=token,
                status=statuses.get(token),
                recipients=entries[token].recipients if token in entries else (),
                current=token not in stale,
                readable=store.value_of(token) is not None,
            )
            for token, alias in store.aliases().items()
        ],
    )
