"""Words from the other side, made fit to be shown: LiteLLM's error bodies can hold key values and the caller's own key
(1.72 to 1.90: 422 bodies, refused keys; every version: echoes of the input)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from vkstate.attributes import Json

MASK: Final = "***"
LONGEST_EXCERPT: Final = 400
"""Characters of a foreign text that are worth showing."""

_KEY_VALUE: Final = re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{4,}", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?i)\bbearer\s+[^\s'\",}]{8,}")
SHORTEST_SECRET: Final = 6
"""Characters from which on a secret is masked within words too."""


class Redaction:
    """Masks key values by their form, and the given secrets by their text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long_enough = {text for text in secrets if len(text) >= SHORTEST_SECRET}
        self._secrets = tuple(sorted(long_enough, key=len, reverse=True))

    def __repr__(self) -> str:
        return f"Redaction({len(self._secrets)} secrets)"

    def mask(self, text: str, also: Iterable[str] = ()) -> str:
        """The text without secrets, whole.

        :param also: further secrets, of this one request; short ones are masked where they stand as words.
        """
        for secret in sorted({*self._secrets, *also} - {""}, key=lambda one: (-len(one), one)):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, MASK)
            else:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
        return _KEY_VALUE.sub(MASK, _BEARER.sub(f"Bearer {MASK}", text))

    def excerpt(self, text: str, also: Iterable[str] = ()) -> str:
        """The text on one line, without secrets, and no longer than people read. Masked before it is cut."""
        line = " ".join("".join(char if char.isprintable() else " " for char in self.mask(text, also)).split())
        return line if len(line) <= LONGEST_EXCERPT else line[: LONGEST_EXCERPT - 1] + "…"


def texts_in(value: Json, *, numbers: bool = False) -> Iterator[str]:
    """Every string inside a JSON value, object keys excepted.

    :param numbers: numbers too, as JSON writes them; a whole one also as the float that LiteLLM may take it for.
    """
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts_in(item, numbers=numbers)
        case dict():
            for item in value.values():
                yield from texts_in(item, numbers=numbers)
        case int() | float() if numbers and not isinstance(value, bool):
            yield str(value)
            if isinstance(value, int):
                yield f"{value}.0"
            elif value.is_integer():
                yield str(int(value))
        case _:
            pass
