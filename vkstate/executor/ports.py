"""What the executor needs of the world, as protocols that it declares itself.

The proxy (``vkstate.litellm``) and the journal (``vkstate.state``) implement them; tests put others in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Protocol

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.expiry import Expiry
from vkstate.keys import Alias, KeyValue, LiveKey, RecordedKey, Stamp, Token

PARALLELISM: Final = 8
"""Requests at a time: four take nearly all that one LiteLLM process has, and more than eight gain nothing."""


class AnswerLost(VkstateError):
    """A write was sent and no believable answer came: it may have been carried out, or may be still."""

    summary: ClassVar[str] = "the proxy's answer was lost"


class TurnedAway(AnswerLost):
    """The proxy, or a gateway in front of it, asked to come later: most likely it was not carried out. The next request
    waits until it may be sent.
    """

    summary: ClassVar[str] = "the proxy turned the request away"


class NotSent(VkstateError):
    """Nothing was sent: the run was to end while the proxy let it wait."""

    summary: ClassVar[str] = "the request was not sent"


class Refused(VkstateError):
    """The proxy refused this one write; it was not carried out. Others may well succeed."""

    summary: ClassVar[str] = "the proxy refused the request"


class AliasTaken(Refused):
    """A key with this alias exists already (it may be the very key that was sent before)."""

    summary: ClassVar[str] = "the alias is taken on the proxy"


class ClientValuesRefused(Refused):
    """This proxy makes every key value itself (``disable_custom_api_keys``)."""

    summary: ClassVar[str] = "the proxy does not accept key values made by the client"


@dataclass(frozen=True)
class Sought:
    """A key of ours to be read: by its token. ``id`` and ``alias`` help to match rows that come without a token."""

    token: Token
    id: str
    alias: Alias


@dataclass(frozen=True)
class CreateOrder:
    """All that the proxy is told of a key that is to be created.

    ``declared`` is by flat path, revealed and without the expiry. ``value`` is None only where the proxy makes it.
    ``sensitive`` are the values that no message may repeat, whatever the proxy says.
    """

    alias: Alias
    stamp: Stamp
    declared: Mapping[str, Json] = field(repr=False)
    expiry: Expiry
    value: KeyValue | None
    sensitive: tuple[Json, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class UpdateOrder:
    """What is to change on one live key, and nothing else.

    ``assign`` gives the new values by flat path, revealed (``key_alias`` and our own stamp, ``metadata.vkstate``, are
    paths like others here); ``clear`` names the paths that are to be cleared; ``expiry`` is None where it is not to
    move. Metadata is merged into what stands on the proxy at that moment, with our stamp; a ``stamp`` of None takes our
    mark away. ``sensitive`` are the values that no message may repeat, be they to change or not: the proxy also quotes
    what a key holds already.
    """

    sought: Sought
    stamp: Stamp | None
    assign: Mapping[str, Json] = field(repr=False)
    clear: frozenset[str] = frozenset()
    expiry: Expiry | None = None
    sensitive: tuple[Json, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Newest:
    """The proxy's newest keys. ``complete`` says that every key created since the asked instant is among them."""

    keys: tuple[LiveKey, ...]
    complete: bool


class Proxy(Protocol):
    """A LiteLLM proxy, as far as the executor uses it. Every method may be called from several threads at once.

    A proxy that asks to come later is waited for, as long as patience lasts; nothing is raised then but
    :class:`TurnedAway`, where it says so.

    Besides the named errors, each may raise another :class:`VkstateError` (unreachable, master key refused, no
    database): then nothing more is worth starting.
    """

    def now(self) -> datetime:
        """The server's clock, from its ``Date`` headers."""

    def left_when(self, too_long: Callable[[float], bool]) -> AbstractContextManager[None]:
        """While this is open, what waits for the proxy to let it through ends with :class:`NotSent` once so many more
        seconds are said to be too long; 0 where it is another request that has to end first.

        :class:`NotSent` says of a whole call that nothing was changed by it.
        """

    def create(self, order: CreateOrder) -> KeyValue | None:
        """Ask for a key, once: nothing that may have been carried out is repeated inside. Returns the value where the
        proxy made it, else None.

        A return does not prove that the key exists.

        :raises TurnedAway: it was asked to come later; it may have been created all the same.
        :raises AnswerLost: it may have been created.
        :raises AliasTaken: the alias is in use, be it by this very key.
        :raises ClientValuesRefused: the proxy insists on making values itself.
        :raises Refused: the proxy said no, with its words.
        """

    def update(self, order: UpdateOrder) -> LiveKey:
        """Change a key and return it as it is now. Safe to repeat, and repeated inside where an answer is lost.

        :raises Refused: the proxy said no, or the key is gone.
        :raises AnswerLost: repeating did not help.
        """

    def delete(self, tokens: Sequence[Token]) -> None:
        """Ask for the deletion of at most 100 keys. A return does not prove that they are gone.

        :raises AnswerLost: some may be gone.
        :raises Refused: the proxy said no.
        """

    def find(self, sought: Collection[Sought]) -> Mapping[Token, LiveKey]:
        """Those of the sought keys that exist now, read by token."""

    def find_alias(self, alias: Alias) -> tuple[LiveKey, ...]:
        """Every key that bears exactly this alias now."""

    def newest(self, since: datetime, most: int, expected: int = 0) -> Newest:
        """The newest keys of the proxy back to an instant of the server's clock, reading at most ``most`` of them.

        :param expected: so many are surely newer, and may be read at once.
        """


@dataclass(frozen=True)
class ClosingLine:
    """What is kept of a key before it is deleted. ``spend`` and ``lifetime_spend`` are those of the live key.

    ``alias`` is the one that people know the key by; ``replaced`` says that another key has it now, with a new value.
    """

    alias: Alias
    token: Token
    user_id: str | None
    workshop: str | None
    spend: float
    max_budget: float | None
    created_at: datetime | None
    expires_at: datetime | None
    replaced: bool = False
    lifetime_spend: float | None = None


@dataclass(frozen=True)
class Rescued:
    """Where a state is that could not be saved, and the hint by which people put it in its place."""

    place: str
    hint: str


class Journal(Protocol):
    """State, secret store and reports on this machine: every call is durable when it returns. One thread calls it."""

    def keep_values(self, values: Mapping[Alias, KeyValue]) -> None:
        """Add key values to the secret store."""

    def value_of(self, token: Token) -> KeyValue | None:
        """The key value that the secret store holds for a token."""

    def drop_values(self, tokens: Collection[Token]) -> None:
        """Remove from the secret store what was deleted and is verified gone."""

    def save(self, keys: Mapping[Alias, RecordedKey]) -> None:
        """Write the state with exactly these keys. The serial rises once a run; an unchanged state is not written."""

    def rescue(self, keys: Mapping[Alias, RecordedKey]) -> Rescued:
        """Where the state could not be saved: write it to another place, and say which."""

    @property
    def keeps_reports(self) -> bool:
        """Whether closing reports are kept: where they are not, nothing need be read for them."""

    def report(self, lines: Sequence[ClosingLine]) -> None:
        """Keep the closing report of keys that are about to be deleted."""
