"""Which aliases a new key may have."""

from __future__ import annotations

import re
from typing import Final

SHORTEST: Final = 2
LONGEST: Final = 230
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_./@-]")
_RULE: Final = (
    f"an alias has {SHORTEST} to {LONGEST} of A-Z a-z 0-9 _ . / @ -, begins and ends with a letter or digit, and "
    "neither holds ../ nor ends as the alias of a replaced key does, in .retired- and 8 hexadecimal digits"
)
_RETIRED: Final = re.compile(r"\.retired-[0-9a-f]{8}\Z")
"""How the alias of a replaced key ends, see :func:`vkstate.keys.retired_alias`."""
_EDGES: Final = re.compile(r"[A-Za-z0-9](?:.*[A-Za-z0-9])?", re.DOTALL)


def alias_problem(alias: str, *, discreet: bool = False) -> str | None:
    """Why a new key cannot have this alias, as a sentence; None where it can.

    :param discreet: say nothing of its characters.

    The rule is what every LiteLLM from 1.72 to 1.105 accepts, its optional format check included (2 to 255 characters,
    no ``../``), with room for a suffix.
    """
    reason = _reason(alias)
    return f"is no alias: {_RULE}" if reason and discreet else reason


def _reason(alias: str) -> str | None:
    if strange := sorted(set(_STRANGE.findall(alias))):
        holds = " and ".join(repr(character) for character in strange[:3])
        return f"is no alias, since it holds {holds}: an alias is made of A-Z a-z 0-9 _ . / @ and -"
    if not SHORTEST <= len(alias) <= LONGEST:
        length = f"{len(alias)} character{'' if len(alias) == 1 else 's'}"
        return f"is no alias, since it has {length}: an alias has {SHORTEST} to {LONGEST}"
    if not _EDGES.fullmatch(alias):
        return "is no alias, since it does not begin and end with a letter or digit"
    if "../" in alias:
        return "is no alias, since it holds ../"
    if _RETIRED.search(alias):
        return (
            "is no alias for a new key: it ends as that of a replaced one does, in .retired- and 8 hexadecimal digits"
        )
    return None
