"""Where key values live on this machine, behind the small protocol that an encrypted store can fill as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from vkstate.keys import Alias, KeyValue, Token


class SecretStore(Protocol):
    """Key values by token. A change is durable when its call returns; one thread calls, under the state's lock."""

    @property
    def encrypted(self) -> bool:
        """Whether the values survive outside this machine: the store may be committed, and needs no trust in a disk."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should hear of the store as it was found, in full sentences."""

    def value_of(self, token: Token) -> KeyValue | None:
        """The value whose sha256 this is, or None where this machine does not know it."""

    def tokens(self) -> frozenset[Token]:
        """The tokens whose values are in the store."""

    def in_memory(self) -> Iterable[KeyValue]:
        """Every value that this process knows in clear, so that what it writes elsewhere can be checked for them."""

    def keep(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add values; none that is there is dropped."""

    def drop(self, tokens: Collection[Token]) -> None:
        """Remove exactly these tokens' values."""
