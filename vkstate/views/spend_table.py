"""What keys have spent, as text for people: a table of the keys, one of the totals, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from vkstate.expiry import format_instant
from vkstate.spending import dollars
from vkstate.views.grouping import listing
from vkstate.views.spend import NEAR, Mark, Spending, SpentKey
from vkstate.views.tables import table
from vkstate.views.totals import figure, lifetime_cells, share_text, totals_lines
from vkstate.views.values import PLAIN, Palette, Tone
from vkstate.views.words import budget, counted, escaped, verb

WIDTH: Final = 100


def spend_text(spending: Spending, *, palette: Palette = PLAIN, width: int = WIDTH) -> str:
    """A table of the keys and one of the totals, then what is to be said of them; ends in a newline."""
    if not spending.keys and not spending.left_out:
        return "No keys are recorded.\n"
    sections = [
        _table(spending.keys, palette, width) if spending.keys else [],
        totals_lines(spending.totals, width=width, indent=0) if spending.totals.whole.keys else [],
        _remarks(spending),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


_HEADER: Final = ("ALIAS", "SPENT", "LIFETIME", "BUDGET", "SHARE", "LAST USED", "STATUS")
_FIGURES: Final = (1, 2, 3, 4)
_OPTIONAL: Final = (2, 5, 6)
"""Columns that are left out where they would be empty: LiteLLM before 1.90 does not say when a key was last used."""


def _table(keys: Sequence[SpentKey], palette: Palette, width: int) -> list[str]:
    lifetimes = lifetime_cells([(dollars(key.spend), _lifetime(key)) for key in keys])
    rows = [
        (
            escaped(key.alias),
            figure(dollars(key.spend)) if key.is_there else "-",
            lifetime,
            _budget_text(key),
            share_text(key.share) if key.is_there else "-",
            "" if key.last_active is None else format_instant(key.last_active.replace(microsecond=0)),
            ", ".join(key.marks),
        )
        for key, lifetime in zip(keys, lifetimes, strict=True)
    ]
    header, *lines = table(_HEADER, rows, width=width, indent=0, right=_FIGURES, optional=_OPTIONAL)
    return [header, *(_painted(line, key, palette) for line, key in zip(lines, keys, strict=True))]


def _lifetime(key: SpentKey) -> Decimal | None:
    return None if key.lifetime_spend is None else dollars(key.lifetime_spend)


def _painted(line: str, key: SpentKey, palette: Palette) -> str:
    if {Mark.MISSING, Mark.EXHAUSTED} & {*key.marks}:
        return palette.paint(Tone.ERROR, line)
    return palette.paint(Tone.WARNING, line) if Mark.NEAR in key.marks else line


def _budget_text(key: SpentKey) -> str:
    if key.is_sensitive:
        return "(sensitive)"
    if key.max_budget is None:
        return f"({key.elsewhere})" if key.elsewhere else "-"
    return escaped(budget(dollars(key.max_budget), key.budget_duration))


def _remarks(spending: Spending) -> list[str]:
    lines = []
    if spending.near:
        number = len(spending.near)
        lines.append(
            f"{counted(number, 'key')} {verb(number, 'has', 'have')} spent {NEAR * 100:.0f} % of "
            f"{verb(number, 'its', 'their')} budget or more: {_names(spending.near)}."
        )
    if spending.missing:
        number = len(spending.missing)
        gone = (
            f"{verb(number, 'is', 'are')} not on the proxy, and what {verb(number, 'it', 'they')} had spent is unknown"
        )
        lines.append(
            f"{counted(number, 'key')} {gone}: {_names(spending.missing)}. vkstate plan says what is to be done."
        )
    if spending.left_out:
        number = len(spending.keys)
        lines.append(f"{number:,} of {counted(number + spending.left_out, 'key')} are shown; the totals are of all.")
    if spending.totals.whole.keys and not spending.totals.whole.spend:
        lines.append("Nothing was spent, as far as LiteLLM has written it down: it does so up to 20 seconds late.")
    return lines


def _names(keys: Sequence[SpentKey]) -> str:
    return listing((key.alias for key in keys), {key.alias: key.member for key in keys if key.member is not None})
