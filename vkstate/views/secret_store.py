"""What a secret store holds, without a value: as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vkstate.attributes import Json
from vkstate.keys import natural_order
from vkstate.views.documents import FORMAT_VERSION
from vkstate.views.tables import table
from vkstate.views.words import counted, escaped

_SHOWN = 8
_UNRECORDED = "(not recorded)"


@dataclass(frozen=True)
class KeptValue:
    """One value: whose it is, the status of the key that is recorded with this token (None: none is), to whom it is
    encrypted (empty: it is plain), whether these are the recipients of the config, and whether it can be read here.
    """

    alias: str
    token: str
    status: str | None
    recipients: tuple[str, ...]
    current: bool
    readable: bool


@dataclass(frozen=True)
class StoreListing:
    """A store: its kind (``plain`` or ``age``), its file, the recipients of the config, and what it holds."""

    store: str
    path: str
    recipients: tuple[str, ...]
    values: Sequence[KeptValue]

    @property
    def sorted_values(self) -> Sequence[KeptValue]:
        return sorted(self.values, key=lambda kept: (natural_order(kept.alias), kept.token))


def store_document(listing: StoreListing) -> dict[str, Json]:
    """A listing as one document of JSON."""
    return {
        "format_version": FORMAT_VERSION,
        "store": listing.store,
        "path": listing.path,
        "recipients": list(listing.recipients),
        "values": [
            {
                "alias": kept.alias,
                "token": kept.token,
                "status": kept.status,
                "recipients": list(kept.recipients),
                "current": kept.current,
                "readable": kept.readable,
            }
            for kept in listing.sorted_values
        ],
    }


def store_lines(listing: StoreListing, *, width: int) -> Iterator[str]:
    """A listing as lines for people."""
    count = counted(len(listing.values), "value")
    if listing.store == "plain":
        yield f"{listing.path} holds {count}, in clear and on this machine alone."
    else:
        yield f"{listing.path} holds {count}. The config has them encrypted to:"
        yield from (f"  {recipient}" for recipient in listing.recipients)
    if not listing.values:
        return
    yield ""
    encrypted = listing.store == "age"
    header = ["ALIAS", "TOKEN", "KEY", *(["ENCRYPTED TO", "READABLE HERE"] if encrypted else [])]
    rows = [
        [
            escaped(kept.alias),
            kept.token[:_SHOWN],
            kept.status or _UNRECORDED,
            *(["these" if kept.current else "others", "yes" if kept.readable else "no"] if encrypted else []),
        ]
        for kept in listing.sorted_values
    ]
    yield from table(header, rows, width=width, yielding=(0,))
