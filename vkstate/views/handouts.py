"""What members are given: key value, base URL, models, expiry.

The nouns; :mod:`vkstate.views.formats` turns them into text. A value is written only where ``reveal`` is true;
otherwise it is masked as LiteLLM masks it, or left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vkstate.expiry import NEVER, TOLERANCE, format_instant
from vkstate.keys import KeyValue, Token
from vkstate.views.words import budget

NAME: Final = "name"
EMAIL: Final = "email"
READY: Final = "ready"
PENDING: Final = "pending"
EXPIRED: Final = "expired"
BLOCKED: Final = "blocked"
RETIRED: Final = "retired"

UNKNOWN: Final = "(not known here)"
"""What stands in place of a value that this machine does not know."""
NO_BASE_URL: Final = "sandbox:// is embedded in vkstate, and its keys open nothing"
"""What is said instead of a base URL."""

_EMBEDDED: Final = "sandbox://"


@dataclass(frozen=True)
class HandoutKey:
    """One key as it is handed out.

    ``key`` is None where this machine does not know the value; ``key_masked`` is then what the proxy shows of it, if
    anything. ``key_id`` is the token. ``expires_at`` is aware, as read back, in the zone in which people are to read
    it; ``max_budget`` in US dollars, which begins anew after each ``budget_duration``. ``status`` is a word for people,
    such as ``ready`` or ``expired``. ``details`` are the roster's own columns and its ``email``. ``opens_at`` (aware,
    as ``expires_at``) is when a blocked key is to be opened by the start of its workshop.
    """

    alias: str
    user: str | None
    user_id: str | None
    key: KeyValue | None
    key_masked: str | None
    key_id: Token | None
    models: tuple[str, ...]
    duration: str | None
    expires_at: datetime | None
    max_budget: float | None
    workshop: str | None
    status: str
    details: Mapping[str, str] = field(default_factory=dict)
    opens_at: datetime | None = None
    budget_duration: str | None = None

    def value(self, *, reveal: bool) -> str | None:
        """The key value, where it is to be shown and known."""
        return self.key.reveal() if reveal and self.key is not None else None

    @property
    def name(self) -> str:
        """What the person is called: the roster's column ``name``, however it is written, else the user or alias."""
        named = next((cell for column, cell in self.details.items() if column.casefold() == NAME), None)
        return named or self.user or self.alias

    @property
    def expiry(self) -> str:
        """When the key ends, as RFC 3339 in UTC; ``never``; or ``-`` where that is not known."""
        return format_instant(self.expires_at) if self.expires_at else self._without_instant

    @property
    def local_expiry(self) -> str:
        """The same as people read it, in their zone: ``Tue 1 Dec 2026, 17:00 CET (UTC+1)``."""
        return local_time(self.expires_at) if self.expires_at else self._without_instant

    @property
    def budget(self) -> str | None:
        """What the key may spend, as people read it; None where nothing is said of it."""
        return None if self.max_budget is None else budget(self.max_budget, self.budget_duration)

    @property
    def local_opening(self) -> str | None:
        """When a key that is blocked until its workshop starts is opened, as people read it."""
        return local_time(self.opens_at) if self.opens_at else None

    @property
    def _without_instant(self) -> str:
        return "never" if self.duration in {None, NEVER} else "-"


@dataclass(frozen=True)
class Handout:
    """Keys with the proxy that they open.

    ``proxy`` is the url that vkstate talks to, ``base_url`` the one that members use. ``state`` and ``changed`` say
    what the run did, in Ansible's sense. ``revealed_by`` is the command that gives the same with the key values.
    """

    proxy: str
    base_url: str
    keys: tuple[HandoutKey, ...]
    state: str = "present"
    changed: bool = False
    revealed_by: str = ""

    @property
    def opens(self) -> bool:
        """Whether there is a server behind the base URL that clients can reach."""
        return not self.base_url.startswith(_EMBEDDED)

    @property
    def api_endpoint(self) -> str:
        return self.base_url if self.base_url.endswith("://") else self.base_url.rstrip("/")

    @property
    def api_base_url(self) -> str:
        """What OpenAI clients are given as their base URL."""
        return f"{self.api_endpoint}/v1"

    def by_workshop(self) -> Iterator[tuple[str | None, tuple[HandoutKey, ...]]]:
        """The keys of each workshop, in the order in which the workshops come; None is those of none."""
        groups: dict[str | None, list[HandoutKey]] = {}
        for key in self.keys:
            groups.setdefault(key.workshop, []).append(key)
        yield from ((workshop, tuple(keys)) for workshop, keys in groups.items())


def masked_remark(handout: Handout, code: Callable[[str], str]) -> str | None:
    """What is said where key values are known and not shown: the command that shows them.

    :param code: how a command is set off from the words around it.
    """
    known = sum(key.key is not None for key in handout.keys)
    if not known:
        return None
    what, how = ("key value is", "shows it") if known == 1 else ("key values are", "shows them")
    return f"The {what} masked; {code(handout.revealed_by)} {how}."


def plain_amount(amount: float) -> int | float:
    """An amount without needless decimals."""
    return int(amount) if float(amount).is_integer() else amount


def local_time(instant: datetime) -> str:
    """An aware instant in its own zone, named and with its offset: ``Tue 1 Dec 2026, 17:00 CET (UTC+1)``.

    To the minute; what lacks no more than LiteLLM may lose of an instant counts as a full one.
    """
    with suppress(OverflowError):  # at the end of the calendar
        instant += TOLERANCE
    offset = instant.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    sign = "-" if offset < timedelta() else "+"
    shift = f"UTC{sign}{hours}{f':{minutes:02d}' if minutes else ''}" if offset else "UTC"
    zone = instant.tzname() or ""
    named = f"{zone} ({shift})" if zone.isalpha() and zone != "UTC" else shift
    return f"{instant:%a} {instant.day} {instant:%b %Y, %H:%M} {named}"
