"""Keys as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vkstate.views.handouts import NO_BASE_URL, UNKNOWN, Handout, HandoutKey, masked_remark
from vkstate.views.tables import table
from vkstate.views.words import counted, escaped, verb

WIDTH: Final = 100


def as_table(handout: Handout, *, reveal: bool = False, width: int = WIDTH) -> str:
    """A table for a terminal, grouped by workshop, ending in a newline. A revealed value is never cut."""
    sections = [_group(workshop, keys, reveal=reveal, width=width) for workshop, keys in handout.by_workshop()]
    return "\n\n".join("\n".join(section) for section in (*sections, _remarks(handout, reveal=reveal))) + "\n"


def _group(workshop: str | None, keys: Sequence[HandoutKey], *, reveal: bool, width: int) -> list[str]:
    title = "Single keys" if workshop is None else escaped(workshop)
    header = ("ALIAS" if workshop is None else "USER", "KEY", "MODELS", "EXPIRES", "BUDGET", "STATUS")
    rows = [
        (
            escaped((key.user if workshop is not None else None) or key.alias),
            _shown_key(key, reveal=reveal),
            escaped(", ".join(key.models)),
            key.expiry,
            escaped(key.budget or "-"),
            key.status,
        )
        for key in keys
    ]
    return [f"{title}: {counted(len(keys), 'key')}", *table(header, rows, width=width, yielding=(2, 0))]


def _shown_key(key: HandoutKey, *, reveal: bool) -> str:
    if reveal:
        return key.value(reveal=True) or UNKNOWN
    return escaped(key.key_masked or "-")


def _remarks(handout: Handout, *, reveal: bool) -> list[str]:
    lines = [f"Base URL: {escaped(handout.api_base_url) if handout.opens else f'none; {NO_BASE_URL}'}"]
    unknown = sum(key.key is None for key in handout.keys)
    if unknown:
        lines.append(f"{counted(unknown, 'key value')} {verb(unknown, 'is', 'are')} not known on this machine.")
    masked = None if reveal else masked_remark(handout, "`{}`".format)
    return [*lines, masked] if masked else lines
