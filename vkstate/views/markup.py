"""Text as Markdown that shows exactly that text: no word of it becomes a link, a mention, HTML or a table's border.

Read alike by CommonMark and by GitHub's and GitLab's dialects of it, in paragraphs and in cells of tables. Whatever is
not a plain word stands as code, where neither pings anybody (``@name``), refers to anything (``#12``, ``user/repo``) or
sets formulas (``$``).
"""

from __future__ import annotations

import re
from typing import Final

from vkstate.views.words import escaped

_PLAIN: Final = re.compile(r"[(]?(?:[^\W\d_]+(?:'[^\W\d_]+)?|[0-9]{1,6}(?:,[0-9]{3})*|%|→)[).,;:?!…]*")
_AROUND: Final = re.compile(r"([(]?)(.*?)([).,;:?!]*)", re.DOTALL)
_SPAN: Final = re.compile(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?")
_MARKUP: Final = re.compile(r"[^0-9A-Za-z ]", re.ASCII)
_ACTIVE: Final = re.compile(r"[\\`*_\[\]<>#|~&$@]")


def code(text: str) -> str:
    """A text as code on one line."""
    shown = escaped(text)
    if _SPAN.fullmatch(shown):
        return f"`{shown}`"
    # A backtick ends a span and a pipe a cell, whatever stands before them: here each is a character reference.
    return f"<code>{_MARKUP.sub(_reference, shown)}</code>"


def literal(text: str) -> str:
    """Words of our own, spaces included, with what could be markup escaped."""
    return _ACTIVE.sub(r"\\\g<0>", text)


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if found[0].isascii() else found[0]


def sentence(text: str) -> str:
    """Running text, whose plain words stay as they are; its own line breaks stay."""
    return "<br>".join(" ".join(_word(word) for word in line.split()) for line in text.splitlines() if line.strip())


def _word(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    found = _AROUND.fullmatch(word)
    if found is None or not found[2]:
        return code(word)
    return f"{found[1]}{code(found[2])}{found[3]}"
