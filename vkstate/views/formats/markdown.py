"""Keys as Markdown tables, for a wiki."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from vkstate.views.handouts import NO_BASE_URL, READY, UNKNOWN, Handout, HandoutKey, masked_remark
from vkstate.views.markup import code, literal, sentence

_Column = tuple[str, Callable[[HandoutKey], str]]
_NOTHING: Final = "-"


def as_markdown(handout: Handout, *, reveal: bool = False) -> str:
    """A heading and a table for each workshop, ending in a newline: no text of it becomes markup.

    Names stand beside users only where there are any, and the status only where a key is not ready.
    """
    blocks = [block for workshop, keys in handout.by_workshop() for block in _group(workshop, keys, reveal=reveal)]
    base_url = code(handout.api_base_url) if handout.opens else f"none; {sentence(NO_BASE_URL)}"
    remark = None if reveal else masked_remark(handout, code)
    return "\n\n".join((*blocks, f"Base URL: {base_url}", *([remark] if remark else []))) + "\n"


def _group(workshop: str | None, keys: Sequence[HandoutKey], *, reveal: bool) -> Iterator[str]:
    yield f"## {literal('Single keys') if workshop is None else sentence(workshop)}"

    def shown(key: HandoutKey) -> str:
        if reveal:
            return code(value) if (value := key.value(reveal=True)) is not None else literal(UNKNOWN)
        return code(key.key_masked) if key.key_masked else _NOTHING

    columns: list[_Column] = [
        *([("Name", lambda key: sentence(key.name))] if any(_is_named(key) for key in keys) else []),
        ("Alias", lambda key: code(key.alias))
        if workshop is None
        else ("User", lambda key: code(key.user or key.alias)),
        ("Key", shown),
        ("Models", lambda key: ", ".join(map(code, key.models)) or _NOTHING),
        ("Expires", lambda key: literal(key.local_expiry)),
        ("Budget", lambda key: literal(key.budget) if key.budget else _NOTHING),
        *([("Status", _status)] if any(key.status != READY for key in keys) else []),
    ]
    header = [title for title, _ in columns]
    rows = [header, ["---"] * len(header), *([cell(key) for _, cell in columns] for key in keys)]
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _status(key: HandoutKey) -> str:
    return literal(key.status if key.local_opening is None else f"{key.status} until {key.local_opening}")


def _is_named(key: HandoutKey) -> bool:
    return key.name not in (key.user, key.alias)
