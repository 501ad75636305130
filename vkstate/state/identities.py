"""Whose private keys open the encrypted store: those that are named, or what lies where people have them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from vkstate.age import IDENTITY_PREFIX, IDENTITY_VARIABLE, Identity, NotAnIdentity, identities_in, is_ssh
from vkstate.errors import VkstateError

USUAL: Final = "~/.ssh/id_ed25519"
"""What is tried where no identity is named, and something is encrypted to an ssh key."""


class IdentityUnusable(VkstateError):
    """An identity that was named cannot be read, or is none. Never quotes what stands in it."""

    summary: ClassVar[str] = "the identity cannot be used"


@dataclass
class Identities:
    """The identities of one run, read when they are first needed.

    :param files: as they were named; without any the variable counts, and without that the usual ssh key.
    :param environ: the environment; ``HOME`` of it says where the ssh key lies.
    """

    files: Sequence[Path] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    _named: tuple[Identity, ...] | None = field(default=None, init=False, repr=False)
    _usual: tuple[Identity, ...] | None = field(default=None, init=False, repr=False)

    @property
    def are_named(self) -> bool:
        """Whether anybody said which identity to use."""
        return bool(self.files or self.environ.get(IDENTITY_VARIABLE))

    @property
    def files_in_use(self) -> tuple[Path, ...]:
        """The files that hold the identities, be they there or not: those that are named, or the usual ssh key."""
        if self.files:
            return tuple(self.files)
        variable = self.environ.get(IDENTITY_VARIABLE, "")
        if _holds_identity(variable):
            return ()
        if variable:
            return (_path_in(variable),)
        home = self.environ.get("HOME")
        return (Path(USUAL.replace("~", home)),) if home else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """That others may read a file that was named, in full sentences."""
        return tuple(_open_to_others(self.files_in_use)) if self.are_named else ()

    def for_values(self, recipients: Iterable[str]) -> tuple[Identity, ...]:
        """What may open a value that is encrypted to these.

        :raises IdentityUnusable: one that was named cannot be used.
        """
        if self.are_named:
            if self._named is None:
                self._named = tuple(self._read_named())
            return self._named
        if not any(map(is_ssh, recipients)):
            return ()
        if self._usual is None:
            self._usual = self._read_usual()
        return self._usual

    def _read_named(self) -> list[Identity]:
        variable = self.environ.get(IDENTITY_VARIABLE, "")
        if not self.files and _holds_identity(variable):
            return list(
                _parsed(
                    variable.encode(errors="surrogateescape"), f"The value of {IDENTITY_VARIABLE}", IDENTITY_VARIABLE
                )
            )
        paths = self.files or [_path_in(variable)]
        return [identity for path in paths for identity in _from_file(path)]

    def _read_usual(self) -> tuple[Identity, ...]:
        home = self.environ.get("HOME")
        try:
            return identities_in(Path(USUAL.replace("~", home)).read_bytes()) if home else ()
        except (OSError, ValueError):  # nobody has asked for this one
            return ()


def _holds_identity(variable: str) -> bool:
    return variable.lstrip().upper().startswith(IDENTITY_PREFIX)


def _path_in(variable: str) -> Path:
    return Path(os.path.expanduser(variable))  # noqa: PTH111 - pathlib's raises without a home


def _open_to_others(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        with suppress(OSError, ValueError):  # reading it says what is wrong with it
            status = path.stat()
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISREG(status.st_mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                yield (
                    f"others on this machine can read the identity {path} (mode {mode:04o}): "
                    f"chmod 600 {shlex.quote(str(path))}"
                )


def _from_file(path: Path) -> tuple[Identity, ...]:
    try:
        data = path.read_bytes()  # be it a pipe, so that the key need not lie anywhere
    except OSError as error:
        why = (error.strerror or "it fails").lower()
        raise IdentityUnusable(f"{path}: {why}.", hint="name a file that holds an age identity or an ssh key") from None
    return _parsed(data, str(path), shlex.quote(str(path)))


def _parsed(data: bytes, what: str, quoted: str) -> tuple[Identity, ...]:
    try:
        return identities_in(data)
    except NotAnIdentity as error:
        fault = IdentityUnusable(f"{what} {error}.", hint=_remedy(data, quoted))
    raise fault


def _remedy(data: bytes, quoted: str) -> str:
    if data.startswith(b"-----BEGIN OPENSSH"):
        return f"take an age identity, or a copy of the key without a passphrase: ssh-keygen -p -f {quoted}"
    if data.startswith((b"age-encryption.org/", b"-----BEGIN AGE")):
        return f"have age open it for this one command: --identity <(age --decrypt {quoted})"
    return "age-keygen -o FILE makes an identity, and prints the recipient that belongs to it"
