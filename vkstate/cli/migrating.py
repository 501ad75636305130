"""The way of ``secrets migrate``: from one store to the other, without an instant at which a value is in neither."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar, Literal

from vkstate.age import Recipient
from vkstate.attributes import Json
from vkstate.cli.lock_timeout import lock_seconds
from vkstate.cli.project import Project
from vkstate.cli.rekeying import ValuesClosed, given_recipient
from vkstate.cli.rewriting import Rewritten, bytes_of, check_writable, loaded
from vkstate.cli.terminal import say, write
from vkstate.config.recipients import with_age_store, with_plain_store
from vkstate.errors import ExitCode, VkstateError
from vkstate.keys import Alias, KeyValue, natural_order
from vkstate.state.secret_store import SecretStore
from vkstate.views.documents import FORMAT_VERSION, dumped
from vkstate.views.grouping import listing
from vkstate.views.words import counted, verb


class WrongMigration(VkstateError):
    """The recipients that were given do not go with the store, or with the config."""

    summary: ClassVar[str] = "the recipients do not go with this"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass
class Migration:
    """One run, as it was asked for. ``recipients`` are for a config that keeps the values plain so far."""

    project: Project
    to: Literal["plain", "age"]
    recipients: tuple[str, ...]
    dry: bool
    lock_timeout: str
    as_json: bool

    def carry_out(self) -> int:
        """Move the values, and return the exit code.

        Each is kept in its new place first, then the config names that place, then the old one lets go of it: a run
        that dies leaves all of them readable, and the same command completes it.
        """
        project = self.project
        timeout = lock_seconds(self.lock_timeout)
        recipients = self._recipients()
        with nullcontext() if self.dry else project.locked(timeout, "vkstate secrets migrate"):
            project.in_git(writing=not self.dry)
            rewritten = self._rewritten(recipients)
            settings = (rewritten.config if rewritten else project.config).secrets
            lineage = project.state.lineage
            plain, age = project.plain_store(lineage), project.age_store(lineage, settings.recipients)
            old: SecretStore = plain if self.to == "age" else age
            new: SecretStore = age if self.to == "age" else plain
            values = _values(old)
            if not self.dry:
                if rewritten:
                    check_writable(rewritten.path, "vkstate secrets migrate is to edit it")
                for batch in _by_alias(values):
                    new.keep(batch)
                if rewritten:
                    rewritten.write()
                old.drop(old.tokens())
        aliases = sorted({alias for alias, _ in values}, key=natural_order)
        self._say(old, new, rewritten, aliases, len(values))
        return ExitCode.OK

    def _recipients(self) -> tuple[Recipient, ...]:
        """Those that were given, for the config to name.

        :raises WrongMigration: there are none where some are needed, or some where none are.
        """
        given = tuple(dict.fromkeys(map(given_recipient, self.recipients)))
        named = self.project.config.secrets.recipients
        if self.to == "plain" and given:
            raise WrongMigration("Plain values have no recipients.", hint="leave --recipient out")
        if self.to == "age" and named and given:
            raise WrongMigration(
                f"{self.project.config_path} names its recipients already.",
                hint="leave --recipient out; to add one: vkstate secrets add-recipient RECIPIENT",
            )
        if self.to == "age" and not (named or given):
            raise WrongMigration(
                "The values are to be encrypted, and nobody is named who may read them.",
                hint="make a pair with age-keygen -o FILE, then give the recipient that it prints: --recipient age1…",
            )
        return given

    def _rewritten(self, recipients: Sequence[Recipient]) -> Rewritten | None:
        """The config as it is to be; None where it names the store already."""
        project = self.project
        if project.config.secrets.store == self.to:
            return None
        before = bytes_of(project.config_path)
        text = before.decode()
        after = with_age_store(text, recipients) if self.to == "age" else with_plain_store(text)
        return Rewritten(project.config_path, loaded(project, after), before, after.encode())

    def _say(
        self, old: SecretStore, new: SecretStore, rewritten: Rewritten | None, aliases: Sequence[Alias], count: int
    ) -> None:
        if self.as_json:
            document: dict[str, Json] = {
                "format_version": FORMAT_VERSION,
                "store": self.to,
                "path": str(new.path),
                "config_changed": rewritten is not None,
                "moved": [*aliases],
                "dry_run": self.dry,
            }
            write(dumped(document).rstrip("\n"))
            return
        if rewritten:
            write("\n".join(rewritten.difference()))
        tense = "would be" if self.dry else verb(count, "is", "are")
        whose = f": {listing(aliases, {})}" if aliases else ""
        there, where = (os.path.relpath(store.path) for store in (old, new))
        write(f"{counted(count, 'value')} {tense} moved from {there} to {where}{whose}.")
        if self.dry:
            return
        if self.to == "age":
            say(f"Next: commit {self.project.config_path}{f' and {where}' if count else ''}.")
        else:
            say(f"Next: commit {self.project.config_path} and {there}, which holds no value any more.")


def _values(store: SecretStore) -> list[tuple[Alias, KeyValue]]:
    """All that a store holds.

    :raises ValuesClosed: some of it cannot be opened here.
    """
    if why := store.why_closed(store.tokens()):
        raise ValuesClosed(f"{why}. Nothing was changed.", hint="name an identity that opens them all: --identity FILE")
    found = ((alias, store.value_of(token)) for token, alias in store.aliases().items())
    return [(alias, value) for alias, value in found if value is not None]


def _by_alias(values: Sequence[tuple[Alias, KeyValue]]) -> list[dict[Alias, KeyValue]]:
    """Batches in which no alias is twice: an old value of a key may be kept beside the new one."""
    batches: list[dict[Alias, KeyValue]] = []
    for alias, value in values:
        batch = next((batch for batch in batches if alias not in batch), None)
        if batch is None:
            batches.append(batch := {})
        batch[alias] = value
    return batches
