"""The secret store that may be committed: ``vkstate.secrets.json``, each value encrypted to the config's recipients.

Adding a value needs nobody's private key, so that whoever mints need not be able to read; opening one does.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from vkstate.abridged import abridged
from vkstate.age import IDENTITY_VARIABLE, NotDecryptable, Recipient, encrypted, opened
from vkstate.keys import Alias, KeyValue, Token, natural_order
from vkstate.state.age_form import SealedValue, SealedValues, backup_of, damaged, foreign, parsed, text_of
from vkstate.state.directory import prepare
from vkstate.state.durable import durable_write, read_file, sweep_leftovers
from vkstate.state.identities import Identities

_MOST_NAMED: Final = 3
_PRIVATE: Final = 0o600
_HOW: Final = f"--identity FILE, or {IDENTITY_VARIABLE}"


def secrets_path_of(state_path: Path) -> Path:
    """Where the encrypted store of a state lies: beside the state itself, and named after it.

    ``vkstate.state.json`` has ``vkstate.secrets.json``; a state that is reached by a link has its store where the state
    really lies, as its ``.vkstate/`` is.
    """
    path = Path(os.path.realpath(state_path)) if os.path.islink(state_path) else state_path  # noqa: PTH114 - never raises
    return path.with_name(f"{path.name.removesuffix('.json').removesuffix('.state')}.secrets.json")


@dataclass(frozen=True)
class Rekeyed:
    """What became of the entries: those that are encrypted anew, and those that no identity here opens."""

    anew: tuple[Alias, ...] = ()
    closed: tuple[Alias, ...] = ()


class AgeStore:
    """Encrypted key values in a file, read when first asked, and again before each change: nothing is lost.

    A change keeps what it takes the place of in ``.vkstate/``.

    :param path: see :func:`secrets_path_of`.
    :param lineage: the state's; values of another lineage are never touched.
    :param recipients: to whom values are encrypted from now on; entries that are there stay as they are.
    :raises StoreDamaged: :raises StoreTooNew: :raises StoreConflicted: :raises ForeignStore: from every method that
        reads the file.
    """

    encrypted: ClassVar[bool] = True

    def __init__(self, path: Path, lineage: str, recipients: Sequence[Recipient], identities: Identities) -> None:
        self.path = path
        self._lineage = lineage
        self._recipients = tuple(sorted(set(recipients)))
        self._identities = identities
        self._entries: Mapping[Token, SealedValue] | None = None
        self._clear: dict[Token, KeyValue] = {}

    @staticmethod
    def lineage_in(path: Path) -> str | None:
        """The lineage whose values a store holds; None where there is no store."""
        found = _found(path)
        return found.lineage if found else None

    def __repr__(self) -> str:
        return f"AgeStore({str(self.path)!r})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """That entries are encrypted to others than the config names now."""
        stale = len(self.stale)
        if not stale:
            return ()
        what = "1 value is" if stale == 1 else f"{stale:,} values are"
        return (f"In {self.path}, {what} encrypted to other recipients than the config names: vkstate secrets rekey",)

    @property
    def entries(self) -> Mapping[Token, SealedValue]:
        """The entries by token, as they are written."""
        return self._known()

    @property
    def stale(self) -> tuple[Token, ...]:
        """The tokens whose values are encrypted to others than the recipients."""
        return tuple(token for token, entry in self._known().items() if self._is_stale(entry))

    def value_of(self, token: Token) -> KeyValue | None:
        """The value whose sha256 this is: one that this run has minted, or that an identity opens; else None.

        :raises IdentityUnusable: an identity that was named is none.
        :raises StoreDamaged: the entry is damaged, or holds the value of another token.
        """
        entry = self._known().get(token)
        if entry is None:
            return None
        if token not in self._clear:
            text = self._opened(entry)
            if text is None:
                return None
            value = KeyValue(text)
            if value.token != token:
                raise damaged(self.path, f"the value kept for {entry.alias} is not the one that its token stands for")
            self._clear[token] = value
        return self._clear[token]

    def _opened(self, entry: SealedValue) -> str | None:
        identities = self._identities.for_values(entry.recipients)
        try:
            return opened(entry.text, identities)
        except NotDecryptable:
            fault = damaged(self.path, f"the value kept for {entry.alias} is nothing that age opens")
        raise fault

    def tokens(self) -> frozenset[Token]:
        """The tokens whose values are in the store, be it that nobody here can read them."""
        return frozenset(self._known())

    def aliases(self) -> Mapping[Token, Alias]:
        """Whose key each value was kept for."""
        return {token: entry.alias for token, entry in self._known().items()}

    def why_closed(self, tokens: Collection[Token]) -> str | None:
        """Why some of these values cannot be read here though they are in the store; None where all can."""
        known = self._known()
        closed = [known[token] for token in sorted(tokens) if token in known and self.value_of(token) is None]
        if not closed:
            return None
        what = "1 value is" if len(closed) == 1 else f"{len(closed):,} values are"
        recipients = sorted({recipient for entry in closed for recipient in entry.recipients})
        if not any(self._identities.for_values(entry.recipients) for entry in closed):
            return f"{what} encrypted in {self.path}, and there is no identity to open them with: {_HOW}"
        aliases = sorted((entry.alias for entry in closed), key=natural_order)
        return (
            f"No identity at hand opens the value of {abridged(aliases, _MOST_NAMED)} in {self.path}. It takes "
            f"one that belongs to {' or '.join(recipients)}: {_HOW}"
        )

    def in_memory(self) -> Iterable[KeyValue]:
        """The values that this run has minted or opened."""
        return list(self._clear.values())

    def keep(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add values durably, encrypted to the recipients; what is encrypted to them already stays as it is.

        :raises WriteFailed: the disk is full, and so on; what was there is there still.
        """
        before = self._read()
        after = dict(before)
        for alias, value in values.items():
            there = before.get(value.token)
            if there and not self._is_stale(there):
                after[value.token] = replace(there, alias=alias)
            else:
                after[value.token] = self._sealed(alias, value)
            self._clear[value.token] = value
        self._write(before, after)

    def drop(self, tokens: Collection[Token]) -> None:
        """Remove exactly these tokens' values, durably.

        :raises WriteFailed: the disk is full, and so on; what was there is there still.
        """
        before, gone = self._read(), frozenset(tokens)
        self._write(before, {token: entry for token, entry in before.items() if token not in gone})

    def rekey(self) -> Rekeyed:
        """Encrypt to the recipients, durably, what is encrypted to others, as far as an identity opens it.

        :raises WriteFailed: the disk is full, and so on; what was there is there still.
        """
        before = self._entries = self._read()
        after = dict(before)
        closed: list[Alias] = []
        anew: list[Alias] = []
        for token in self.stale:
            alias = before[token].alias
            if value := self.value_of(token):
                after[token] = self._sealed(alias, value)
                anew.append(alias)
            else:
                closed.append(alias)
        self._write(before, after)
        return Rekeyed(tuple(sorted(anew, key=natural_order)), tuple(sorted(closed, key=natural_order)))

    def _is_stale(self, entry: SealedValue) -> bool:
        return set(entry.recipients) != set(self._recipients)

    def _sealed(self, alias: Alias, value: KeyValue) -> SealedValue:
        return SealedValue(alias, self._recipients, encrypted(value.reveal(), self._recipients))

    def _known(self) -> Mapping[Token, SealedValue]:
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _read(self) -> Mapping[Token, SealedValue]:
        found = _found(self.path)
        if found is None:
            return {}
        if found.lineage != self._lineage:
            raise foreign(self.path, found.lineage, self._lineage)
        return found.entries

    def _write(self, before: Mapping[Token, SealedValue], after: Mapping[Token, SealedValue]) -> None:
        if after != before:
            sweep_leftovers(self.path)
            if before:
                kept = backup_of(self.path)
                prepare(kept.parent)
                sweep_leftovers(kept)
                durable_write(kept, self._data(before), mode=_PRIVATE)
            durable_write(self.path, self._data(after))
        self._entries = after

    def _data(self, entries: Mapping[Token, SealedValue]) -> bytes:
        # Half a character, which only JSON can hold, has no UTF-8: it is written as JSON escapes it.
        return text_of(SealedValues(self._lineage, entries)).encode(errors="backslashreplace")


def _found(path: Path) -> SealedValues | None:
    try:
        return parsed(read_file(path).data, path)
    except FileNotFoundError:
        return None
