"""Words and figures as people read them: counts, money, instants, running text."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Final

from vkstate.expiry import format_instant
from vkstate.spending import dollars

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_CENTS: Final = 2
_FINEST: Final = 4
_HUGE: Final = 10**15
"""Beyond this a float holds no fractions of a cent."""


def escaped(text: str) -> str:
    """Text on one line that cannot move the cursor, change colours or reorder what stands beside it.

    Whatever does not print is written as in JSON: ``\\n``, ``\\u001b``, ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def prose(text: str, indent: str = "  ") -> str:
    """Running text, escaped; its own line breaks stay, and what follows one is indented."""
    return f"\n{indent}".join(escaped(line) for line in text.splitlines() if line)


def counted(number: int, noun: str) -> str:
    """``1 key``, ``1,250 keys``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def verb(number: int, one: str, several: str) -> str:
    """The form of a verb that goes with so many things."""
    return one if number == 1 else several


def and_others(number: int) -> str:
    """What follows a command that is told for the first of so many: it is to be typed once for each."""
    return f" (and so for the other {number - 1:,})" if number > 1 else ""


def money(amount: Decimal | float) -> str:
    """US dollars, exact: cents always, more digits only where there are any."""
    exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    exponent = exact.normalize().as_tuple().exponent
    digits = max(_CENTS, -exponent) if isinstance(exponent, int) else _CENTS
    return f"${exact:,.{digits}f}"


def budget(amount: Decimal | float, period: str | None) -> str:
    """A budget, and after what it begins anew: ``$5.00``, ``$5.00 per 30d``.

    :param period: a duration; None where it never does.
    """
    return f"{money(amount)} per {period}" if period else money(amount)


def spent(amount: Decimal | float) -> str:
    """US dollars that were spent: LiteLLM counts them to far more digits than anybody reads."""
    exact = amount if isinstance(amount, Decimal) else dollars(amount)
    if 0 < exact < Decimal(1).scaleb(-_FINEST):
        return f"less than {money(Decimal(1).scaleb(-_FINEST))}"
    return money(round(exact, _FINEST) if exact < _HUGE else exact)


def expiry_text(instant: datetime | None, now: datetime) -> str:
    """When a key ends, and how far that is: ``2026-12-01T17:00:00Z (in 3 days)``, ``never``."""
    if instant is None:
        return "never"
    seconds = (instant - now).total_seconds()
    distance = _distance(abs(seconds))
    return f"{format_instant(instant)} ({f'in {distance}' if seconds > 0 else f'expired {distance} ago'})"


def _distance(seconds: float) -> str:
    if seconds < _MINUTE:
        return "less than a minute"
    for unit, noun in ((_DAY, "day"), (_HOUR, "hour")):
        if seconds >= 1.5 * unit:
            return counted(round(seconds / unit), noun)
    return counted(round(seconds / _MINUTE), "minute")
