"""What keys have spent together, by workshop and in all: as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from vkstate.attributes import Json
from vkstate.spending import Total, Totals
from vkstate.views.tables import table
from vkstate.views.words import counted, escaped, money, spent, verb

_HEADER: Final = ("WORKSHOP", "KEYS", "SPENT", "BUDGET", "SHARE")
_FIGURES: Final = (1, 2, 3, 4)
_SINGLE: Final = "(single keys)"
_ALL: Final = "in all"


def totals_lines(totals: Totals, *, width: int, indent: int = 2) -> tuple[str, ...]:
    """A table with a row for each workshop, one for single keys, and one for all where there are several rows."""
    rows = [_row(escaped(name), total) for name, total in totals.workshops.items()]
    rows += [_row(_SINGLE, totals.single)] if totals.single is not None else []
    rows += [_row(_ALL, totals.whole)] if len(rows) > 1 else []
    lines = table(_HEADER, rows, width=width, yielding=(0,), indent=indent, right=_FIGURES)
    without = totals.whole.without_budget
    if not 0 < without < totals.whole.keys:
        return lines
    has = verb(without, "has", "have")
    return (*lines, f"{' ' * indent}{counted(without, 'key')} {has} no budget shown: SHARE is that of the others.")


def _row(name: str, total: Total) -> Sequence[str]:
    budget = "-" if total.budget is None else money(total.budget)
    return (name, f"{total.keys:,}", figure(total.spend), budget, share_text(total.share))


def figure(spend: Decimal) -> str:
    """What was spent, as it stands in a column."""
    return spent(spend).replace("less than ", "<")


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
        "max_budget": None if total.budget is None else float(total.budget),
        "share": share_number(total.share),
        "without_budget": total.without_budget,
    }


def share_number(share: Decimal | None) -> float | None:
    """A share as programs read it, to a ten-thousandth."""
    return None if share is None else round(float(share), 4)
