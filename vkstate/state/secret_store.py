"""Where key values live, behind the small protocol that the plain store and the encrypted one both fill."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from vkstate.errors import VkstateError
from vkstate.keys import Alias, KeyValue, Token


class StoreDamaged(VkstateError):
    """The secret store is not as vkstate wrote it. Never quotes what stands in it."""

    summary: ClassVar[str] = "the secret store is damaged"


class StoreTooNew(VkstateError):
    """The store's format is newer than this program."""

    summary: ClassVar[str] = "the secret store was written by a newer vkstate"


class ForeignStore(VkstateError):
    """The store holds the key values of another project's state, which must not be mixed with this one's or lost."""

    summary: ClassVar[str] = "the secret store belongs to another state"


class SecretStore(Protocol):
    """Key values by token. A change is durable when its call returns; one thread calls, under the state's lock."""

    @property
    def encrypted(self) -> bool:
        """Whether the values survive outside this machine: the store may be committed, and needs no trust in a disk."""

    @property
    def path(self) -> Path:
        """The file that the values are kept in."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should hear of the store as it was found, in full sentences."""

    def value_of(self, token: Token) -> KeyValue | None:
        """The value whose sha256 this is, or None where this process cannot tell it."""

    def tokens(self) -> frozenset[Token]:
        """The tokens whose values are in the store, whether they can be read here or not."""

    def aliases(self) -> Mapping[Token, Alias]:
        """Whose key each value was kept for."""

    def why_closed(self, tokens: Collection[Token]) -> str | None:
        """Why values that are in the store cannot be read here, and how they can be, in a sentence; None: all can."""

    def in_memory(self) -> Iterable[KeyValue]:
        """Every value that this process knows in clear, so that what it writes elsewhere can be checked for them."""

    def keep(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add values; none that is there is dropped."""

    def drop(self, tokens: Collection[Token]) -> None:
        """Remove exactly these tokens' values."""
