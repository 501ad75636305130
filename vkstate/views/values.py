"""How one attribute value is shown to people, and the colours that changes are shown in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from vkstate.attributes import ATTRIBUTES, Json, Sealed, Sensitive, Unset, Value
from vkstate.plan import Action
from vkstate.views.words import escaped

COMPACT: Final = 48
"""Characters that one value takes at most in compact form."""

_BARE: Final = re.compile(r"""[^\s"'\\,\[\]{}()=…→]+""")
_LITERAL: Final = re.compile(r"-|true|false|null|[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
_FIRST: Final = ("models", "max_budget", "budget_duration", "duration", "expires_at")
_RANK: Final = {name: rank for rank, name in enumerate((*_FIRST, *(name for name in ATTRIBUTES if name not in _FIRST)))}


def value_text(value: Value | Unset, *, full: bool = False) -> str:
    """A value as people read it.

    ``-`` is not declared, ``(none)`` declared as nothing, ``(sensitive)`` a value that is not shown. A string stands in
    quotes only where it would read as something else. What is long is shortened, unless ``full``.
    """
    if isinstance(value, Unset):
        return "-"
    if isinstance(value, Sensitive | Sealed):
        return "(sensitive)"
    if value is None:
        return "(none)"
    return _json_text(value, None if full else COMPACT)


def assignment(path: str, value: Value | Unset, *, full: bool = False) -> str:
    """``models=[gpt-4]``."""
    return f"{escaped(path)}={value_text(value, full=full)}"


def change_text(before: Value | Unset, after: Value | Unset, *, full: bool = False) -> str:
    """``999 → 10``. Of a long list, what comes and what goes: ``+gpt-4o,-gpt-4 (18 stay)``.

    Two values that differ never read alike because they were shortened.
    """
    whole = [value_text(side, full=True) for side in (before, after)]
    short = [value_text(side) for side in (before, after)]
    if full or short == whole:
        return " → ".join(whole)
    if isinstance(before, list) and isinstance(after, list):
        gone, come = (
            [_json_text(item, COMPACT) for item in one if item not in other]
            for one, other in ((before, after), (after, before))
        )
        if gone or come:
            moves = [*(f"+{item}" for item in come), *(f"-{item}" for item in gone)]
            return f"{shortened(moves, COMPACT)} ({len(after) - len(come):,} stay)"
    return " → ".join(whole if short[0] == short[1] else short)


def _json_text(value: Json, room: int | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return string_text(value, room)
        case list():
            return f"[{shortened([_json_text(item, room) for item in value], room)}]"
        case dict():
            return f"{{{shortened([f'{_name(key)}:{_json_text(item, room)}' for key, item in value.items()], room)}}}"
        case _:
            return repr(value)


def string_text(text: str, room: int | None = None) -> str:
    """A string: bare where that is clear, else in quotes as in JSON; what does not print is escaped."""
    short = text if room is None or len(text) <= room else text[: room - 1] + "…"
    if text.isprintable() and _BARE.fullmatch(text) and not _LITERAL.fullmatch(text):
        return short
    return '"' + escaped(short.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _name(key: str) -> str:
    return json.dumps(key) if ":" in key else string_text(key)


def shortened(items: Sequence[str], room: int | None, weights: Sequence[int] | None = None) -> str:
    """Items joined by commas; what does not fit into ``room`` characters is counted: ``a,b,… 12 more``.

    :param weights: how many things each item stands for; one each by default.
    """
    whole = ",".join(items)
    if room is None or len(whole) <= room:
        return whole
    kept, length = 1, len(items[0])
    while kept < len(items) - 1 and length + 1 + len(items[kept]) <= room - len(",… 999 more"):
        length += 1 + len(items[kept])
        kept += 1
    if kept == len(items):
        return whole
    more = sum(weights[kept:]) if weights is not None else len(items) - kept
    return f"{','.join(items[:kept])},… {more:,} more"


def in_order(paths: Iterable[str]) -> list[str]:
    """Paths as people look for them: models, money and time first, the others as LiteLLM's own table has them."""
    return sorted(paths, key=lambda path: (_RANK.get(path.partition(".")[0], len(_RANK)), path))


class Tone(Enum):
    """What a piece of text is, which decides its colour."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    ADOPT = "adopt"
    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"
    FAINT = "faint"
    STRONG = "strong"


@dataclass(frozen=True)
class Palette:
    """Colours by tone: SGR parameters of a terminal, or none at all."""

    codes: Mapping[Tone, str]

    def paint(self, tone: Tone, text: str) -> str:
        """The text in the tone's colour, and back to the terminal's own; as it is where the tone has no colour."""
        code = self.codes.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


PLAIN: Final = Palette({})
ANSI: Final = Palette(
    {
        Tone.CREATE: "32",
        Tone.UPDATE: "33",
        Tone.REPLACE: "35",
        Tone.DELETE: "31",
        Tone.FORGET: "2",
        Tone.ADOPT: "36",
        Tone.ERROR: "1;31",
        Tone.WARNING: "1;33",
        Tone.HINT: "1;36",
        Tone.FAINT: "2",
        Tone.STRONG: "1",
    }
)

SIGNS: Final[Mapping[Action, str]] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.FORGET: ".",
    Action.ADOPT: "<",
    Action.NO_OP: "=",
}
"""The sign that stands before a changed alias."""

TONES: Final[Mapping[Action, Tone]] = {
    Action.CREATE: Tone.CREATE,
    Action.UPDATE: Tone.UPDATE,
    Action.REPLACE: Tone.REPLACE,
    Action.DELETE: Tone.DELETE,
    Action.FORGET: Tone.FORGET,
    Action.ADOPT: Tone.ADOPT,
    Action.NO_OP: Tone.FAINT,
}
"""The tone of each action."""
