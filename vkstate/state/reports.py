"""Closing reports: what is kept of keys that are about to be deleted, in ``reports/`` beside the state file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from vkstate.executor.ports import ClosingLine
from vkstate.expiry import format_instant
from vkstate.keys import Token, natural_order
from vkstate.spending import dollars, totals
from vkstate.state.durable import durable_write, make_directory

FORMAT: Final = 1
DIRECTORY: Final = "reports"


class ClosingReport:
    """The one report of a run: begun with the first lines, written anew with all of them whenever some are added.

    :param state_path: the report lies in ``reports/`` beside this file, named after the instant it was begun.
    :param clock: gives aware instants.
    """

    def __init__(self, state_path: Path, lineage: str, proxy: str, clock: Callable[[], datetime]) -> None:
        self._directory = Path(os.path.realpath(state_path)).parent / DIRECTORY
        self._lineage = lineage
        self._proxy = proxy
        self._clock = clock
        self._lines: dict[Token, ClosingLine] = {}
        self.path: Path | None = None
        """Where the report is; None as long as there is none."""

    def add(self, lines: Sequence[ClosingLine]) -> None:
        """Add lines; a key that is there already is replaced. Durable when it returns.

        :raises WriteFailed: the disk is full, and so on; a report that was there is there still.
        """
        if not lines:
            return
        self._lines |= {line.token: line for line in lines}
        now = self._clock()
        make_directory(self._directory)
        path = self.path or _unused(self._directory, now)
        durable_write(path, self._text(now).encode("utf-8", "backslashreplace"))
        self.path = path

    def _text(self, now: datetime) -> str:
        lines = sorted(self._lines.values(), key=lambda line: (natural_order(line.alias), line.token))
        whole = totals(lines).whole
        form = {
            "format": FORMAT,
            "lineage": self._lineage,
            "proxy": self._proxy,
            "written_at": format_instant(now),
            "keys": [_form(line) for line in lines],
            "total_spend": float(whole.spend),
            "total_lifetime_spend": None if whole.lifetime_spend is None else float(whole.lifetime_spend),
        }
        return json.dumps(form, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _form(line: ClosingLine) -> dict[str, object]:
    return {
        "alias": line.alias,
        "token": line.token,
        "user_id": line.user_id,
        "workshop": line.workshop,
        "spend": float(dollars(line.spend)),
        "lifetime_spend": None if line.lifetime_spend is None else float(dollars(line.lifetime_spend)),
        "max_budget": line.max_budget,
        "created_at": None if line.created_at is None else format_instant(line.created_at),
        "expires_at": None if line.expires_at is None else format_instant(line.expires_at),
        "replaced": line.replaced,
    }


def _unused(directory: Path, now: datetime) -> Path:
    """A name after the instant that nothing stands at: whoever writes reports holds the state's lock."""
    stem = format_instant(now.replace(microsecond=0)).replace("-", "").replace(":", "")
    path, number = directory / f"{stem}.json", 1
    while os.path.lexists(path):
        number += 1
        path = directory / f"{stem}-{number}.json"
    return path
