"""What keys have spent of what they may: amounts without the noise of floats, and totals by workshop. Pure.

LiteLLM adds up spend in floats (1.72 to 1.105), and answers ``0.30000000000000004`` where three calls cost ten cents
each. Here it is a decimal of at most ten places: a ten-billionth of a dollar is less than any token costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from vkstate.keys import natural_order

_PLACES: Final = 10


class Spender(Protocol):
    """What totals are made of: a key that has spent something, in US dollars."""

    @property
    def workshop(self) -> str | None:
        """The workshop that the key belongs to; None for a single key."""

    @property
    def spend(self) -> float: ...

    @property
    def lifetime_spend(self) -> float | None:
        """What it has spent since it was made, also before its budget began anew; None where that is not known."""

    @property
    def max_budget(self) -> float | None:
        """None where the key has no budget of its own, or one that is not to be shown."""


@dataclass(frozen=True)
class Total:
    """Several keys together, in US dollars.

    ``lifetime_spend`` is None where that of any of them is not known. ``budget`` is None where none of them has one;
    ``of_budget`` is what those have spent that have one, and ``without_budget`` counts the others.
    """

    keys: int
    spend: Decimal
    lifetime_spend: Decimal | None
    budget: Decimal | None
    of_budget: Decimal
    without_budget: int

    @property
    def share(self) -> Decimal | None:
        """How much of their budgets is spent, 1 for all of it; None where there is no budget, or one of nothing."""
        return share(self.of_budget, self.budget)


@dataclass(frozen=True)
class Totals:
    """The totals of each workshop, by its name in natural order, of the keys in none, and of all."""

    workshops: Mapping[str, Total]
    single: Total | None
    whole: Total


def dollars(amount: float) -> Decimal:
    """An amount as people add it."""
    exact = Decimal(repr(float(amount)))
    exponent = exact.as_tuple().exponent
    # A float has 17 digits: one with more than ten places is small enough to be rounded to them.
    return round(exact, _PLACES).normalize() if isinstance(exponent, int) and exponent < -_PLACES else exact


def share(spend: Decimal, budget: Decimal | None) -> Decimal | None:
    """How much of a budget is spent, 1 for all of it; None where there is none, or one of nothing."""
    return spend / budget if budget else None


def totals(spenders: Iterable[Spender]) -> Totals:
    """The totals of some keys."""
    everyone = list(spenders)
    groups: defaultdict[str | None, list[Spender]] = defaultdict(list)
    for one in everyone:
        groups[one.workshop].append(one)
    single = groups.pop(None, [])
    named = {name: _total(together) for name, together in groups.items() if name is not None}
    return Totals(
        workshops={name: named[name] for name in sorted(named, key=natural_order)},
        single=_total(single) if single else None,
        whole=_total(everyone),
    )


def _total(spenders: Iterable[Spender]) -> Total:
    everyone = list(spenders)
    together = [(dollars(one.spend), None if one.max_budget is None else dollars(one.max_budget)) for one in everyone]
    lifetimes = [dollars(one.lifetime_spend) for one in everyone if one.lifetime_spend is not None]
    budgets = [budget for _, budget in together if budget is not None]
    return Total(
        keys=len(together),
        spend=sum((spend for spend, _ in together), Decimal()),
        lifetime_spend=sum(lifetimes, Decimal()) if len(lifetimes) == len(everyone) else None,
        budget=sum(budgets, Decimal()) if budgets else None,
        of_budget=sum((spend for spend, budget in together if budget is not None), Decimal()),
        without_budget=len(together) - len(budgets),
    )
