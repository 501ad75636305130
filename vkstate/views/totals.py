"""What keys have spent together, by workshop and in all: as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from vkstate.attributes import Json
from vkstate.spending import Total, Totals
from vkstate.views.tables import table
from vkstate.views.words import counted, escaped, money, spent, verb

_HEADER: Final = ("WORKSHOP", "KEYS", "SPENT", "LIFETIME", "BUDGET", "SHARE")
_FIGURES: Final = (1, 2, 3, 4, 5)
_OPTIONAL: Final = (3,)
_SINGLE: Final = "(single keys)"
_ALL: Final = "in all"


def totals_lines(totals: Totals, *, width: int, indent: int = 2) -> tuple[str, ...]:
    """A table with a row for each workshop, one for single keys, and one for all where there are several rows."""
    named = [(escaped(name), total) for name, total in totals.workshops.items()]
    named += [(_SINGLE, totals.single)] if totals.single is not None else []
    named += [(_ALL, totals.whole)] if len(named) > 1 else []
    lifetimes = lifetime_cells([(total.spend, total.lifetime_spend) for _, total in named])
    rows = [_row(name, total, lifetime) for (name, total), lifetime in zip(named, lifetimes, strict=True)]
    lines = table(_HEADER, rows, width=width, yielding=(0,), indent=indent, right=_FIGURES, optional=_OPTIONAL)
    without = totals.whole.without_budget
    if not 0 < without < totals.whole.keys:
        return lines
    has = verb(without, "has", "have")
    return (*lines, f"{' ' * indent}{counted(without, 'key')} {has} no budget shown: SHARE is that of the others.")


def _row(name: str, total: Total, lifetime: str) -> Sequence[str]:
    budget = "-" if total.budget is None else money(total.budget)
    return (name, f"{total.keys:,}", figure(total.spend), lifetime, budget, share_text(total.share))


def figure(spend: Decimal) -> str:
    """What was spent, as it stands in a column."""
    return spent(spend).replace("less than ", "<")


def lifetime_cells(amounts: Sequence[tuple[Decimal, Decimal | None]]) -> list[str]:
    """What was spent since the keys were made, as it stands in a column; nothing where that is known to be more than
    what was spent in no row: only a budget that began anew makes it so. (It is less where somebody set what a key has
    spent, which LiteLLM does not count.)

    :param amounts: of each row what was spent, and what was spent in all as far as that is known.
    """
    if not any(lifetime is not None and lifetime > spend for spend, lifetime in amounts):
        return [""] * len(amounts)
    return ["-" if lifetime is None else figure(lifetime) for _, lifetime in amounts]


def share_text(share: Decimal | None) -> str:
    """How much of a budget is spent, in whole percents that never say more than there is; ``-`` where there is none."""
    if share is None:
        return "-"
    percents = (share * 100).to_integral_value(ROUND_FLOOR)
    return f"{int(percents):,} %" if percents or not share else "<1 %"


def totals_document(totals: Totals) -> dict[str, Json]:
    """The same as JSON: of all keys, and below it by workshop; ``share`` is 1 where all of the budgets is spent."""
    return {
        **_document(totals.whole),
        "workshops": [{"workshop": name, **_document(total)} for name, total in totals.workshops.items()],
        "single_keys": None if totals.single is None else _document(totals.single),
    }


def _document(total: Total) -> dict[str, Json]:
    return {
        "keys": total.keys,
        "spend": float(total.spend),
        "lifetime_spend": None if total.lifetime_spend is None else float(total.lifetime_spend),
        "max_budget": None if total.budget is None else float(total.budget),
        "share": share_number(total.share),
        "without_budget": total.without_budget,
    }


def share_number(share: Decimal | None) -> float | None:
    """A share as programs read it, to a ten-thousandth."""
    return None if share is None else round(float(share), 4)
