"""The nouns of vkstate: what a key is called, what the config desires, the state records and the proxy answers.

They are plain frozen values without behaviour of their own; every other module is about turning one into another.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from vkstate.attributes import Json, Value

Alias = NewType("Alias", str)
"""LiteLLM's ``key_alias``: unique on a proxy, and the address of a key everywhere in vkstate."""

Token = NewType("Token", str)
"""The sha256 hex of a key value: LiteLLM's own id of a key. Not a secret."""

_NUMBERS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class KeyValue:
    """A key value, the ``sk-…`` string: a secret. Its text leaves through :meth:`reveal` only."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, for the request that mints it, the store that keeps it and the handout that gives it."""
        return self._text

    @property
    def token(self) -> Token:
        # Half a character, which only a damaged file can hold, makes a token too: an error here would quote the text.
        return Token(hashlib.sha256(self._text.encode(errors="surrogatepass")).hexdigest())

    @property
    def masked(self) -> str:
        """As LiteLLM's ``key_name`` shows it: ``sk-...`` and the last four characters."""
        return f"sk-...{self._text[-4:]}"


def mint_value() -> KeyValue:
    """A new key value: 35 characters that every LiteLLM from 1.72 to 1.105 accepts."""
    return KeyValue("sk-" + secrets.token_urlsafe(24))


def mint_id() -> str:
    """A new 16-digit id for a key's stamp."""
    return secrets.token_hex(8)


def retired_alias(alias: Alias, token: Token) -> Alias:
    """The alias that a key bears once another has taken its place: the same one whenever it is asked for."""
    return Alias(f"{alias}.retired-{token[:8]}")


def natural_order(alias: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which user2 comes before user10; total, so that no two aliases are equal.

    Runs of ASCII digits count as numbers: by their length without leading zeros first, then digit by digit.
    """
    parts: list[tuple[int, int, str]] = []
    for place, part in enumerate(_NUMBERS.split(alias)):
        if place % 2:  # between two texts stands a number
            digits = part.lstrip("0")
            parts.append((0, len(digits), digits))
        elif part:
            parts.append((1, 0, part))
    return (*parts, (-1, 0, alias))


@dataclass(frozen=True)
class Member:
    """Whose key it is within a workshop. ``number`` only where the workshop counts its members."""

    workshop: str
    user: str
    number: int | None = None


@dataclass(frozen=True)
class Stamp:
    """Our own mark in a live key's metadata: whose a key is, and which record it belongs to."""

    lineage: str
    id: str
    member: Member | None = None

    def form(self) -> dict[str, Json]:
        """As it stands in the key's metadata, under ``vkstate``; what is absent is left out."""
        form: dict[str, Json] = {"lineage": self.lineage, "id": self.id}
        if self.member:
            form |= {"workshop": self.member.workshop, "user": self.member.user}
            if self.member.number is not None:
                form["user_number"] = self.member.number
        return form


class OnMissing(StrEnum):
    """What becomes of a key of ours that somebody else has deleted."""

    RECREATE = "recreate"
    """It is made anew, with a new value."""
    FORGET = "forget"
    """It stays away, although the config has it."""
    ERROR = "error"
    """The plan has a problem, and somebody decides."""


@dataclass(frozen=True)
class DesiredKey:
    """What the config asks of one key.

    ``declared`` is by flat path, canonical (see ``vkstate.canonical``), the expiry included as ``duration`` or
    ``expires_at``. ``place`` is where it stands in the config, as ``vkstate.yaml:12:3``. ``prevent_destroy`` is None
    where nothing is said of it: then what was recorded goes on. ``details`` are the roster's own columns, carried to
    the handout. ``starts_at`` (aware, in the zone that the config writes it in) decides whether the key is blocked, see
    :mod:`vkstate.schedule`; None where nothing does but ``declared``. ``ends_at`` (aware) is when its workshop ends,
    which a key of it may do earlier.
    """

    alias: Alias
    declared: Mapping[str, Value]
    place: str
    member: Member | None = None
    prevent_destroy: bool | None = None
    ignore_changes: frozenset[str] = frozenset()
    details: Mapping[str, str] = field(default_factory=dict)
    on_missing: OnMissing = OnMissing.RECREATE
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Status(StrEnum):
    """Whether a recorded key is known to exist."""

    PENDING = "pending"
    """Recorded before its create was sent; resolved by its token on the next run."""
    READY = "ready"
    GONE = "gone"
    """Somebody else deleted it, and ``on_missing: forget`` leaves it so: remembered, or the next plan would make it."""


class Origin(StrEnum):
    """How a key came into the state."""

    CREATED = "created"
    ADOPTED = "adopted"
    IMPORTED = "imported"


@dataclass(frozen=True)
class Retired:
    """A key whose place another has taken: its value works on until ``delete_after`` (aware, UTC).

    It is deleted by a later run, once ``successor`` is on the proxy; without ``delete_after`` as soon as that is so.
    """

    successor: Alias
    delete_after: datetime | None = None


@dataclass(frozen=True)
class RecordedKey:
    """What the state says of one key that we own.

    ``applied`` holds the declared attributes as last applied, by flat path, sensitive ones sealed. ``token`` is None
    only while a key whose value the proxy makes is pending. ``server_defaults`` holds, by path, the value that the
    proxy forces in place of a declared one. A ``retired`` key stands under an alias of its own, see
    :func:`retired_alias`. ``awaits_start`` says that nobody's hand has blocked the key, but the start of its workshop
    (see :mod:`vkstate.schedule`); it only explains. Instants are aware, UTC.
    """

    alias: Alias
    status: Status
    id: str
    token: Token | None
    origin: Origin
    applied: Mapping[str, Value]
    member: Member | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    prevent_destroy: bool = False
    pending_since: datetime | None = None
    server_defaults: Mapping[str, Json] = field(default_factory=dict)
    retired: Retired | None = None
    awaits_start: bool = False


@dataclass(frozen=True)
class LiveKey:
    """What the proxy answers now of one key.

    ``attributes`` holds what this server can show, by flat path, canonical (without our stamp); an attribute that is
    missing there is one that this server does not have. ``metadata`` is the object as it stands on the proxy, our stamp
    and folded attributes included. Neither is in the repr: the proxy shows sensitive values too. ``spend`` is in US
    dollars, since LiteLLM last began to count anew; ``lifetime_spend`` never begins anew (1.105; else None).
    """

    token: Token
    alias: str | None
    attributes: Mapping[str, Json] = field(repr=False)
    metadata: Mapping[str, Json] = field(repr=False)
    stamp: Stamp | None
    created_at: datetime | None
    expires_at: datetime | None
    spend: float
    created_by: str | None = None
    key_name: str | None = None
    last_active: datetime | None = None
    lifetime_spend: float | None = None


@dataclass(frozen=True)
class Recorded:
    """What this machine knows: the state, and for which tokens the secret store holds the value."""

    lineage: str
    keys: Mapping[Alias, RecordedKey]
    known_values: frozenset[Token] = frozenset()


@dataclass(frozen=True)
class Live:
    """What was read of the proxy: our keys by token, and every row under an alias that the config newly asks for.

    ``total`` counts all keys of the proxy, ours included.
    """

    keys: tuple[LiveKey, ...]
    total: int


@dataclass(frozen=True)
class Capabilities:
    """What this server can do, found by probing and never by its version string."""

    clear_expiry: bool = True
    """``/key/update`` can make a key non-expiring (LiteLLM 1.80 and later)."""
    clear_budget_duration: bool = True
    """``/key/update`` can clear ``budget_duration`` (LiteLLM 1.90 and later)."""
    update_soft_budget: bool = True
    """``/key/update`` can change and clear ``soft_budget`` (seen on 1.105)."""
    fixed: frozenset[str] = frozenset()
    """The attributes that only a create can set here: ``/key/update`` ignores them without a word."""
    unknown: frozenset[str] = frozenset()
    """The attributes that this LiteLLM does not know at all, and ignores without a word."""
