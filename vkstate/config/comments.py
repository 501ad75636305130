"""The comments of a YAML text, told by the scanner, so that a hash sign within a value is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.tokens import ScalarToken

_COMMENT: Final = re.compile(r"#[^\r\n]*")


@dataclass(frozen=True)
class Comment:
    """A comment: the index of its hash sign, and its text up to its last character."""

    place: int
    text: str


def comments_of(text: str) -> list[Comment]:
    """The comments in their order.

    :param text: YAML that can be read, without a byte order mark.
    """
    found: list[Comment] = []
    end = 0
    for token in YAML(typ="safe", pure=True).scan(text):
        start = token.start_mark.index
        found += _between(text, end, start)
        end = max(end, token.end_mark.index)
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            sign, *_ = text[start:end].splitlines()  # which a comment may follow, before the text begins
            found += _between(text, start, start + len(sign))
    return [*found, *_between(text, end, len(text))]


def _between(text: str, start: int, end: int) -> Iterator[Comment]:
    """The comments of what stands between two values."""
    for comment in _COMMENT.finditer(text, start, end):
        yield Comment(comment.start(), comment[0].rstrip())
