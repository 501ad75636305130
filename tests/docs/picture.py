"""Draws the pictures of cards that the pages show: ``python -m tests.docs.picture``."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.docs.pages import ROOT
from tests.views.formats.browser import Browser
from tests.views.samples import value_of
from vkstate.keys import KeyValue
from vkstate.views.formats.cards import as_cards
from vkstate.views.handouts import Handout, HandoutKey

IMAGES: Final = ROOT / "docs" / "images"
_NAMES: Final = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth")
_DAY: Final = datetime(2030, 12, 3, tzinfo=timezone(timedelta(hours=1), "CET"))
_DOTS: Final = 100
"""Of an inch."""
_SHEET: Final = (8.27, 11.69)
"""A4, in inches."""


def _key(user: str, name: str = "") -> HandoutKey:
    alias = f"prompt-course-{user}"
    return HandoutKey(
        alias=alias,
        user=user,
        user_id=f"{user}@example.com",
        key=KeyValue(value_of(alias).reveal()),
        key_masked=None,
        key_id=None,
        models=("gpt-3.5-turbo", "gpt-4"),
        duration=None,
        expires_at=_DAY.replace(hour=17),
        max_budget=10,
        workshop="prompt-course",
        status="ready",
        details={"name": f"{name} Participant"} if name else {},
    )


def _draw(name: str, keys: Sequence[HandoutKey], *, across: float, down: float) -> None:
    """Write the picture of a sheet with these keys: the part at its upper left, in shares of its width and height."""
    handout = Handout("https://litellm.example.com", "https://llm.example.com", tuple(keys))
    size = tuple(str(round(inches * share * _DOTS)) for inches, share in zip(_SHEET, (across, down), strict=True))
    with TemporaryDirectory() as place:
        paper = Browser(Path(place)).printed(as_cards(handout, reveal=True))
        part = ("-x", "0", "-y", "0", "-W", size[0], "-H", size[1])
        target = IMAGES / name
        IMAGES.mkdir(exist_ok=True)
        subprocess.run(["pdftoppm", "-png", "-gray", "-singlefile", "-r", str(_DOTS), *part, paper, target], check=True)


def draw() -> None:
    """Write the pictures: half a sheet; a sheet before the workshop starts; a single card."""
    members = [_key(f"p{number:02d}", name) for number, name in enumerate(_NAMES, 1)]
    _draw("cards", members, across=1, down=0.5185)
    blocked = [
        replace(key, status="blocked", opens_at=_DAY.replace(hour=9))
        for key in (*members[:5], _key("spare1"), _key("spare2"))
    ]
    _draw("workshop-cards", blocked, across=1, down=1)
    _draw("workshop-card", members[2:3], across=0.53, down=0.28)


if __name__ == "__main__":
    draw()
