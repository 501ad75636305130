"""Whether a text holds a secret: the last look before anything is written that may be committed to git."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from json.encoder import encode_basestring

_HEAD = 3
_BY_CHANCE = 6


def find_secret(text: str, secrets: Iterable[str]) -> int | None:
    """Where in a JSON text the first of these secrets stands, or None.

    A secret of fewer than 6 characters is looked for as a whole string only: within other words it stands by chance.
    The cost follows the text's length, hardly the number of secrets: key values all begin alike.
    """
    by_head: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for secret in secrets:
        quoted = encode_basestring(secret)  # a quote or a backslash in it stands escaped in the text
        sought = quoted if len(secret) < _BY_CHANCE else quoted[1:-1]
        if secret:
            by_head[sought[:_HEAD]][len(sought)].add(sought)
    places = [place for head, sought in by_head.items() if (place := _find(text, head, sought)) is not None]
    return min(places, default=None)


def _find(text: str, head: str, sought: dict[int, set[str]]) -> int | None:
    place = text.find(head)
    while place >= 0:
        if any(text[place : place + length] in whole for length, whole in sought.items()):
            return place
        place = text.find(head, place + 1)
    return None
