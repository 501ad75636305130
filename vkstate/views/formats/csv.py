"""Keys as CSV, for a spreadsheet or a mail merge."""

from __future__ import annotations

import csv
import io
import re
from itertools import chain
from typing import Final

from vkstate.attributes import Json
from vkstate.views.formats.json import key_document
from vkstate.views.handouts import EMAIL, NAME, Handout

_COLUMNS: Final = (
    "alias",
    "user",
    "user_id",
    "key",
    "key_masked",
    "key_id",
    "models",
    "duration",
    "expires_at",
    "max_budget",
    "workshop",
    "status",
    "api_endpoint",
    "api_base_url",
    "opens",
    "expires",
    NAME,
    EMAIL,
)
_MERGED: Final = (NAME, EMAIL)
"""Columns of ours that hold what the roster says under the same name."""
_FORMULA: Final = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\n]")


def as_csv(handout: Handout, *, reveal: bool = False) -> str:
    """The keys as CSV with a header; the roster's own columns come last.

    ``expires`` is ``expires_at`` as people read it, ``opens`` when the workshop of a blocked key starts, ``name`` what
    the person is called; ``email`` is empty where the roster has none. Several models stand in one cell, with ``, ``
    between them. A cell that a spreadsheet would take for a formula has a ``'`` before it. A roster column with another
    name of ours is called ``details.<name>``.
    """
    details = [name for name in dict.fromkeys(chain(*(key.details for key in handout.keys))) if name not in _MERGED]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    named = (f"details.{name}" if name in _COLUMNS else name for name in details)
    writer.writerow([*_COLUMNS, *(harmless(name) for name in named)])
    for key in handout.keys:
        cells: dict[str, Json] = {
            **key_document(key, reveal=reveal),
            "models": ", ".join(key.models),
            "api_endpoint": handout.api_endpoint,
            "api_base_url": handout.api_base_url,
            "opens": key.local_opening,
            "expires": key.local_expiry,
            NAME: key.name,
            EMAIL: key.details.get(EMAIL),
        }
        own = ("" if cells[name] is None else str(cells[name]) for name in _COLUMNS)
        writer.writerow(harmless(cell) for cell in (*own, *(key.details.get(name, "") for name in details)))
    return text.getvalue()


def harmless(cell: str) -> str:
    """A cell that stays one cell and stays text in a spreadsheet: what begins like a formula, be it with a full-width
    sign, runs as one; and a carriage return of its own starts a row, as Python's writer does not quote it."""
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{cell}" if _FORMULA.match(cell) else cell
