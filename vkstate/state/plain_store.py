"""The secret store of one machine: ``.vkstate/keys.json``, readable by its owner alone and ignored by git."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vkstate.errors import VkstateError
from vkstate.keys import Alias, KeyValue, Token
from vkstate.state.directory import examine, prepare
from vkstate.state.durable import Content, ReadFailed, durable_write, read_file, sweep_leftovers
from vkstate.state.secret_store import ForeignStore, StoreDamaged, StoreTooNew
from vkstate.state.strict_json import NotStrictJson, load_strictly

FORMAT: Final = 1
_PRIVATE: Final = 0o600


@dataclass(frozen=True)
class _Entry:
    alias: Alias
    value: KeyValue


class PlainStore:
    """Key values in clear in a private file, read when first asked, and again before each change: nothing is lost.

    :param directory: ``.vkstate/``; see ``vkstate.state.directory``.
    :param lineage: the state's; values of another lineage are never touched.
    :param closing: whether what others may read is closed to them when it is read; else that is only warned of.
    :raises StoreDamaged: :raises StoreTooNew: :raises ForeignStore: from every method that reads the file.
    :raises UnsafeDirectory: the directory is not ours alone.
    """

    encrypted: ClassVar[bool] = False

    def __init__(self, directory: Path, lineage: str, *, closing: bool = True) -> None:
        self.path = directory / "keys.json"
        self._closing = closing
        self._lineage = lineage
        self._entries: dict[Token, _Entry] | None = None
        self._warnings: list[str] = []

    @classmethod
    def lineage_in(cls, directory: Path) -> str | None:
        """The lineage whose values the store in a directory holds; None where there is no store."""
        store = cls(directory, "")
        content = store._content()
        return None if content is None else store._parsed(content.data).lineage

    def __repr__(self) -> str:
        return f"PlainStore({str(self.path)!r})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should hear of the file's permissions as they were found."""
        self._known()
        return tuple(self._warnings)

    def value_of(self, token: Token) -> KeyValue | None:
        """The value whose sha256 this is, or None."""
        entry = self._known().get(token)
        return entry.value if entry else None

    def tokens(self) -> frozenset[Token]:
        """The tokens whose values are in the store."""
        return frozenset(self._known())

    def aliases(self) -> Mapping[Token, Alias]:
        """Whose key each value was kept for."""
        return {token: entry.alias for token, entry in self._known().items()}

    def why_closed(self, _tokens: Collection[Token]) -> None:
        """Nothing is closed here."""

    def in_memory(self) -> Iterable[KeyValue]:
        """Every value in the store."""
        return [entry.value for entry in self._known().values()]

    def keep(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add values durably.

        :raises WriteFailed: the disk is full, and so on; what was there is there still.
        """
        before = self._read()
        self._write(before, before | {value.token: _Entry(alias, value) for alias, value in values.items()})

    def drop(self, tokens: Collection[Token]) -> None:
        """Remove exactly these tokens' values, durably.

        :raises WriteFailed: the disk is full, and so on; what was there is there still.
        """
        before, gone = self._read(), frozenset(tokens)
        self._write(before, {token: entry for token, entry in before.items() if token not in gone})

    def _known(self) -> dict[Token, _Entry]:
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _read(self) -> dict[Token, _Entry]:
        content = self._content()
        if content is None:
            return {}
        if content.mode & ~_PRIVATE:
            self._close(content.mode)
        form = self._parsed(content.data)
        if form.lineage != self._lineage:
            whose = "".join(character for character in form.lineage[:8] if character.isalnum()) or "other"
            aside = self.path.with_name(f"keys.{whose}.json")
            raise ForeignStore(
                f"{self.path} holds the key values of lineage {form.lineage}, and this state has lineage "
                f"{self._lineage}. It was left alone.",
                hint=f"keep it aside while you work here: mv -n {_quoted(self.path)} {_quoted(aside)}",
            )
        entries: dict[Token, _Entry] = {}
        for text, entry in form.keys.items():
            value = KeyValue(entry.key)
            if value.token != text:
                raise StoreDamaged(
                    f"In {self.path}, the value kept for {entry.alias} is not the one that its token stands for.",
                    hint=f"take the entry of {entry.alias} out of {self.path}, or restore the file from a backup",
                )
            entries[value.token] = _Entry(Alias(entry.alias), value)
        return entries

    def _content(self) -> Content | None:
        if not examine(self.path.parent, closing=self._closing):
            return None
        try:
            return read_file(self.path)
        except FileNotFoundError:
            return None

    def _close(self, mode: int) -> None:
        if not self._closing:
            self._warnings.append(
                f"{self.path} can be read by others (mode {mode:04o}). If somebody may have looked, replace the keys. "
                f"Close it: chmod 600 {_quoted(self.path)}"
            )
            return
        try:
            self.path.chmod(_PRIVATE)
        except OSError as error:
            raise ReadFailed(
                f"{self.path} may be read by others (mode {mode:04o}), and its mode could not be changed: "
                f"{os.strerror(error.errno or 0).lower()}.",
                hint=f"chmod 600 {_quoted(self.path)}",
            ) from error
        self._warnings.append(
            f"{self.path} could be read by others (mode {mode:04o}). It is closed to them now; if somebody may have "
            "looked, replace the keys."
        )

    def _parsed(self, data: bytes) -> _StoreForm:
        # Every error is raised apart from its cause: the causes quote the file, and the file is full of secrets.
        try:
            document = load_strictly(data.decode())
            newer = document.get("format") if isinstance(document, dict) else None
            if isinstance(newer, int) and newer > FORMAT:
                fault: VkstateError = StoreTooNew(
                    f"{self.path} has format {newer}; this vkstate reads format {FORMAT}.",
                    hint="upgrade vkstate: pip install --upgrade vkstate",
                )
            else:
                return _StoreForm.model_validate(document)
        except UnicodeDecodeError:
            fault = self._damaged("it is not UTF-8 text")
        except NotStrictJson as flaw:
            place = f" (line {flaw.line}, column {flaw.column})" if flaw.line else ""
            fault = self._damaged(f"it is not valid JSON{place}")
        except ValidationError as error:
            fault = self._damaged(f"{error.error_count()} of its fields are missing, unknown or of the wrong kind")
        raise fault

    def _damaged(self, why: str) -> StoreDamaged:
        return StoreDamaged(
            f"{self.path} is not as vkstate wrote it: {why}. It was left alone.",
            hint=f"restore it from a backup; without one, set it aside (mv -n {_quoted(self.path)} "
            f"{_quoted(self.path.with_name('keys.damaged.json'))}): the keys stay, their values are unknown here",
        )

    def _write(self, before: dict[Token, _Entry], after: dict[Token, _Entry]) -> None:
        if after != before:
            prepare(self.path.parent)
            sweep_leftovers(self.path)
            keys = {token: {"alias": entry.alias, "key": entry.value.reveal()} for token, entry in after.items()}
            form = {"format": FORMAT, "lineage": self._lineage, "keys": keys}
            text = json.dumps(form, indent=2, sort_keys=True, ensure_ascii=False)
            # Half a character, which only JSON can hold, has no UTF-8: it is written as JSON escapes it.
            durable_write(self.path, f"{text}\n".encode(errors="backslashreplace"), mode=_PRIVATE)
        self._entries = after


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _EntryForm(_Form):
    alias: str
    key: str = Field(repr=False)


class _StoreForm(_Form):
    format: Annotated[int, Field(ge=1)]
    lineage: str
    keys: dict[str, _EntryForm]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
