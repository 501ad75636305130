"""What a Markdown reader makes of a text: the tags that it sets, and the words that stand outside of code."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@dataclass
class Rendered:
    """``tags`` in their order, opening ones only; ``code`` each stretch of code; ``prose`` everything else."""

    tags: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    prose: str = ""
    rows: list[list[str]] = field(default_factory=list)
    """The cells of tables as text, a row a list."""


class _Listener(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Rendered()
        self._in_code = False
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.tags.append(tag)
        if tag == "code":
            self._in_code = True
            self.seen.code.append("")
        elif tag == "tr":
            self.seen.rows.append([])
        elif tag in ("td", "th"):
            self._in_cell = True
            self.seen.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.seen.code[-1] += data
        else:
            self.seen.prose += data
        if self._in_cell:
            self.seen.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.seen.tags.append("!--")


def rendered(markdown: str) -> Rendered:
    """What a reader of CommonMark with tables shows of a text."""
    listener = _Listener()
    listener.feed(_READER.render(markdown))
    listener.close()
    return listener.seen
