"""What each key has spent of what it may, as the proxy answers now, and which are near their end. Pure figures.

How they are shown: ``vkstate.views.spend_table``, ``vkstate.views.spend_data``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from vkstate.attributes import Json, Sealed
from vkstate.keys import Alias, LiveKey, Member, RecordedKey, Status, Token, natural_order
from vkstate.spending import Totals, dollars, share, totals

NEAR: Final = Decimal("0.8")
"""The share of its budget from which on a key is said to be near it."""


class Mark(StrEnum):
    """What is to be known of a key besides its figures."""

    MISSING = "missing"
    """It is not on the proxy; what it had spent is not known."""
    PENDING = "pending"
    RETIRED = "retired"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    EXHAUSTED = "budget used up"
    """LiteLLM refuses it from there on (1.72 to 1.105)."""
    NEAR = "near its budget"


@dataclass(frozen=True)
class SpentKey:
    """One key of ours with what it has spent; zero of one that is not on the proxy.

    ``max_budget`` is None where the key has none of its own, or a sensitive one; ``elsewhere`` names the attribute that
    bounds it instead. ``budget_duration`` is the period after which LiteLLM begins to count its spend anew;
    ``lifetime_spend`` goes on (1.105; else None).
    ``last_active`` is when LiteLLM last saw it used, from 1.90 on.
    """

    alias: Alias
    token: Token | None
    member: Member | None
    user_id: str | None
    spend: float
    lifetime_spend: float | None
    max_budget: float | None
    budget_duration: str | None
    is_sensitive: bool
    elsewhere: str | None
    last_active: datetime | None
    expires_at: datetime | None
    marks: tuple[Mark, ...]

    @property
    def workshop(self) -> str | None:
        return self.member.workshop if self.member is not None else None

    @property
    def share(self) -> Decimal | None:
        return share(dollars(self.spend), None if self.max_budget is None else dollars(self.max_budget))

    @property
    def is_there(self) -> bool:
        return Mark.MISSING not in self.marks


@dataclass(frozen=True)
class Spending:
    """The keys that are shown, in their order, with the totals of all that were asked for.

    ``near`` are those that have spent nearly all of their budget or more, ``missing`` those that are not on the proxy,
    shown or not; ``left_out`` counts those that are not shown.
    """

    keys: tuple[SpentKey, ...]
    totals: Totals
    near: tuple[SpentKey, ...]
    missing: tuple[SpentKey, ...]
    left_out: int


def spent_key(record: RecordedKey, live: LiveKey | None, now: datetime) -> SpentKey:
    """A recorded key as the proxy answers it now.

    :param now: the server's clock.
    """
    shown = live.attributes if live is not None else {}
    sealed = {path for path, value in record.applied.items() if isinstance(value, Sealed)}
    budget = None if "max_budget" in sealed else _amount(shown.get("max_budget"))
    user_id = None if "user_id" in sealed else shown.get("user_id")
    period = shown.get("budget_duration")
    spend = live.spend if live is not None else 0.0
    expires_at = live.expires_at if live is not None else record.expires_at
    return SpentKey(
        alias=record.alias,
        token=record.token,
        member=record.member,
        user_id=user_id if isinstance(user_id, str) else None,
        spend=spend,
        lifetime_spend=live.lifetime_spend if live is not None else None,
        max_budget=budget,
        budget_duration=period if budget is not None and isinstance(period, str) else None,
        is_sensitive="max_budget" in sealed,
        elsewhere=_elsewhere(record, shown) if budget is None else None,
        last_active=live.last_active if live is not None else None,
        expires_at=expires_at,
        marks=tuple(_marks(record, live, budget, expires_at, now)),
    )


def _amount(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _elsewhere(record: RecordedKey, shown: Mapping[str, Json]) -> str | None:
    """What bounds a key that has no budget of its own. LiteLLM links one to a row of its own making for its
    ``soft_budget``, which stops nothing (1.72 to 1.105): only a row that we named counts."""
    if record.applied.get("budget_id"):
        return "budget_id"
    return "budget_limits" if shown.get("budget_limits") else None


def _marks(
    record: RecordedKey, live: LiveKey | None, budget: float | None, expires_at: datetime | None, now: datetime
) -> list[Mark]:
    spent = dollars(live.spend) if live is not None else Decimal()
    limit = None if budget is None or live is None else dollars(budget)
    said = {
        Mark.MISSING: live is None,
        Mark.PENDING: record.status is Status.PENDING,
        Mark.RETIRED: record.retired is not None,
        Mark.BLOCKED: live is not None and live.attributes.get("blocked") is True,
        Mark.EXPIRED: live is not None and expires_at is not None and expires_at <= now,
        Mark.EXHAUSTED: limit is not None and spent >= limit,
        Mark.NEAR: limit is not None and limit * NEAR <= spent < limit,
    }
    return [mark for mark, holds in said.items() if holds]


def spending(keys: Sequence[SpentKey], *, by_spend: bool = False, top: int | None = None) -> Spending:
    """The keys by their alias, or by what they have spent, the most first; and their totals.

    :param top: only so many of them, the first in that order.
    """
    ordered = sorted(keys, key=lambda key: natural_order(key.alias))
    if by_spend:
        ordered.sort(key=lambda key: -key.spend)
    shown = ordered if top is None else ordered[:top]
    return Spending(
        keys=tuple(shown),
        totals=totals(key for key in keys if key.is_there),
        near=tuple(key for key in ordered if {Mark.NEAR, Mark.EXHAUSTED} & {*key.marks}),
        missing=tuple(key for key in ordered if not key.is_there),
        left_out=len(ordered) - len(shown),
    )
