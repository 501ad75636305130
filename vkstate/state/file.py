"""The keeper of the state file: reads it, and writes it only over the very version that was read."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from vkstate.errors import VkstateError
from vkstate.state.directory import beside, prepare
from vkstate.state.durable import WriteFailed, durable_write, read_file, sweep_leftovers
from vkstate.state.git import bringing_back
from vkstate.state.model import State
from vkstate.state.parsing import REBUILD, StateDamaged, StateNotText, parse, restoring
from vkstate.state.secret_scan import find_secret
from vkstate.state.serialising import Serialiser

_PRIVATE: Final = 0o600
_ALIAS_LINE: Final = re.compile(r'^ {4}"(?P<alias>.+)": \{$', re.MULTILINE)


class StateMissing(VkstateError):
    """There is no state file."""

    summary: ClassVar[str] = "there is no state"


class StateChanged(VkstateError):
    """The file is not the one that was read: it was left alone."""

    summary: ClassVar[str] = "the state was changed meanwhile"


class SecretInState(VkstateError):
    """A secret was about to be written where it may be committed to git: nothing was written."""

    summary: ClassVar[str] = "a secret would have been written to the state"


class StateFile:
    """One state file. Whoever writes holds its lock (``vkstate.state.lock``).

    :param path: the file; errors name it as it is given here.
    :param secrets: every secret in memory, asked for before each write.
    """

    def __init__(self, path: Path, *, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self.path = path
        self.backup = beside(path, ".backup")
        self._secrets = secrets
        self._serialiser = Serialiser()
        # What may stand on disk without anybody else having been there: what was read or written last, and what a
        # write that failed on its last step may have put there. None is "no file".
        self._ours: set[str | None] = {None}
        self._first_write = True
        self._lineage: str | None = None
        self._refused = False
        self.kept: Path | None = None
        """Where the version is that the first write since the last :meth:`read` took the place of."""

    def read(self) -> State:
        """The state, and a note of the exact bytes for the next :meth:`write`, also where they are no state.

        :raises StateMissing: there is no such file.
        :raises StateNotText: it is not UTF-8; see :func:`vkstate.state.parsing.parse` for what else it may be.
        :raises NotAFile: :raises ReadFailed: it cannot be read.
        """
        data = self._on_disk()
        self._ours = {_digest(data)}
        self._first_write = True
        self._lineage = None
        self.kept = None
        if data is None:
            raise self._missing()
        try:
            state = _parse(data, str(self.path))
        except StateDamaged as error:
            if self._backup_is_sound():
                error.hint = (
                    f"go back to the version before the last change: {self._bringing_back()}, or make it anew from the "
                    f"proxy: {REBUILD}"
                )
            raise
        self._lineage = state.lineage
        return state

    def text_of(self, state: State) -> str:
        """The text that :meth:`write` would write."""
        return self._serialiser.text(state)

    def write(self, state: State) -> None:
        """Write the state durably. The first write after a read keeps what was read in ``.vkstate/``: see :attr:`kept`.

        What is no state, or one of another lineage, does not take the place of the backup there: it may be all that is
        left of something. A file that already holds exactly this is left untouched. Without a read before, there must
        be no file.

        :raises StateChanged: the file is not the one that was read or last written.
        :raises SecretInState: the text holds a secret.
        :raises WriteFailed: :raises NotAFile: the disk is full, and so on.
        """
        data = self._checked(state).encode()
        on_disk = self._on_disk()
        if _digest(on_disk) not in self._ours:
            self._refuse_changed(on_disk)
        if on_disk == data and len(self._ours) == 1:
            return
        if self._first_write:
            sweep_leftovers(self.path)
            if on_disk is not None:
                self._keep(on_disk, state)
            self._first_write = False
        self._ours.add(_digest(data))
        durable_write(self.path, data)
        self._ours = {_digest(data)}

    def rescue(self, state: State) -> Path:
        """Write a state that could not be saved beside its file, or else among the temporary files; where it is now.

        Nothing is overwritten.

        :raises SecretInState: the text holds a secret.
        :raises WriteFailed: neither place can be written to.
        """
        data = self._checked(state).encode()
        name = f"{self.path.name}.errored"
        with suppress(VkstateError):
            path = _free(self.path.with_name(name))
            durable_write(path, data)
            return path
        try:
            path = Path(tempfile.mkdtemp(prefix="vkstate-")) / name
        except OSError as error:
            raise WriteFailed(
                f"The state could not be written to {self.path}, nor beside it, nor among the temporary files."
            ) from error
        durable_write(path, data)
        return path

    def repair(self, rescued: Path) -> str:
        """The hint by which people put a rescued state in the place of the file."""
        here, there = shlex.quote(str(self.path)), shlex.quote(str(rescued))
        if os.path.isdir(self.path):  # noqa: PTH112 - never raises
            return f"mv {here} {here}.aside && mv {there} {here}"
        target = os.path.realpath(self.path) if os.path.islink(self.path) else self.path  # noqa: PTH114 - as above
        move = f"mv {there} {shlex.quote(str(target))}"
        if not os.path.lexists(self.path):
            return move
        if self._refused:
            return f"see what differs: diff {here} {there}; where the rescued one is true: {move}"
        return f"make room or mend the directory, then: {move}"

    def _keep(self, data: bytes, successor: State) -> None:
        prepare(self.backup.parent)
        same = self._lineage == successor.lineage
        kept = self.backup if same else _free(beside(self.path, ".replaced"))
        durable_write(kept, data, mode=_PRIVATE)
        self.kept = kept

    def _on_disk(self) -> bytes | None:
        try:
            return read_file(self.path).data
        except FileNotFoundError:
            return None

    def _checked(self, state: State) -> str:
        text = self.text_of(state)
        secrets = list(self._secrets())
        if (place := find_secret(text, secrets)) is not None:
            raise SecretInState(
                f"{_where(text, place, secrets)} holds a secret (a key value or the master key), and {self.path} is a "
                "file for git. Nothing was written.",
                hint="take the secret out of the config; where a value must hold it, write it as ${env.NAME}",
            )
        return text

    def _refuse_changed(self, on_disk: bytes | None) -> None:
        self._refused = True
        quoted = shlex.quote(str(self.path))
        if self._ours == {None}:
            raise StateChanged(
                f"{self.path} exists already, and this run has not read it: it was left alone.",
                hint=f"look at it: cat {quoted}",
            )
        what = "has been removed" if on_disk is None else "has been changed by somebody else"
        raise StateChanged(
            f"{self.path} {what} since this run read it. It was left as it is.",
            hint=f"see what changed: git diff {quoted}; then run the command again",
        )

    def _missing(self) -> StateMissing:
        """A state that was here before is to be brought back: a new one would not know the keys of the old."""
        ways: dict[str, str] = {}
        if command := bringing_back(self.path):
            ways["git has it"] = command
        if self._backup_is_sound():
            ways[f"{self.backup} holds the version before its last change"] = self._bringing_back()
        if not ways:
            return StateMissing(
                f"{self.path} does not exist.",
                hint=f"begin a project here: vkstate init; or, where its keys are on the proxy already: {REBUILD}",
            )
        return StateMissing(
            f"{self.path} does not exist, though a project was here: {', and '.join(ways)}.",
            hint=f"bring it back: {', or: '.join(ways.values())}, or make it anew from the proxy: {REBUILD}",
        )

    def _bringing_back(self) -> str:
        return f"cp {shlex.quote(str(self.backup))} {shlex.quote(str(self.path))}"

    def _backup_is_sound(self) -> bool:
        try:
            parse(read_file(self.backup).data.decode(), place=str(self.backup))
        except (OSError, UnicodeDecodeError, VkstateError):
            return False
        return True


def _parse(data: bytes, place: str) -> State:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = StateNotText(f"{place}:{line}: the bytes here are not UTF-8.", hint=restoring(place))
    else:
        return parse(text, place=place)
    raise fault


def _where(text: str, place: int, secrets: Iterable[str]) -> str:
    """Whose record a place in the text belongs to; an alias that holds a secret itself is not named."""
    end = text.index("\n", place)
    if not text.startswith("    ", text.rindex("\n", 0, place) + 1):
        return "The head of the state"
    alias = [*_ALIAS_LINE.finditer(text, 0, end + 1)][-1]["alias"]
    return "The record of one key" if find_secret(f'"{alias}"', secrets) is not None else f"The record of {alias}"


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _free(path: Path) -> Path:
    """This path, or the first with a number after it that nothing stands at."""
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
