"""What keys have spent, as JSON and CSV for programs. Amounts are US dollars."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from decimal import Decimal
from typing import Final

from vkstate.attributes import Json
from vkstate.expiry import format_instant
from vkstate.spending import dollars
from vkstate.views.documents import FORMAT_VERSION
from vkstate.views.formats.csv import harmless
from vkstate.views.spend import Spending, SpentKey
from vkstate.views.totals import share_number, totals_document


def spend_document(spending: Spending, *, proxy: str, now: datetime) -> dict[str, Json]:
    """The keys and their totals as JSON.

    :param now: the server's clock when it was asked.
    """
    return {
        "format_version": FORMAT_VERSION,
        "proxy": proxy,
        "read_at": format_instant(now),
        "keys": [_key_document(key) for key in spending.keys],
        "left_out": spending.left_out,
        "totals": totals_document(spending.totals),
        "near_budget": [key.alias for key in spending.near],
        "missing": [key.alias for key in spending.missing],
    }


def _key_document(key: SpentKey) -> dict[str, Json]:
    return {
        "alias": key.alias,
        "key_id": key.token,
        "workshop": key.workshop,
        "user": key.member.user if key.member is not None else None,
        "user_id": key.user_id,
        "spend": float(dollars(key.spend)) if key.is_there else None,
        "lifetime_spend": None if key.lifetime_spend is None else float(dollars(key.lifetime_spend)),
        "max_budget": key.max_budget,
        "budget_duration": key.budget_duration,
        "budget_sensitive": key.is_sensitive,
        "limited_by": key.elsewhere,
        "share": share_number(key.share) if key.is_there else None,
        "last_active": None if key.last_active is None else format_instant(key.last_active),
        "expires_at": None if key.expires_at is None else format_instant(key.expires_at),
        "marks": [*key.marks],
    }


_COLUMNS: Final = (
    "alias",
    "workshop",
    "user",
    "user_id",
    "spend",
    "lifetime_spend",
    "max_budget",
    "budget_duration",
    "share",
    "last_active",
    "expires_at",
    "marks",
    "key_id",
)


def spend_csv(spending: Spending) -> str:
    """The keys as CSV with a header, one row a key and no totals; several marks stand in one cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for key in spending.keys:
        document = {**_key_document(key), "marks": ", ".join(key.marks)}
        writer.writerow([_cell(document[column]) for column in _COLUMNS])
    return text.getvalue()


def _cell(value: Json) -> str:
    match value:
        case None:
            return ""
        case str():
            return harmless(value)
        case _:
            return f"{Decimal(repr(value)):f}"  # a spreadsheet need not know 1e-07
