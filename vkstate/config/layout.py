"""Where the sections of a YAML text and their entries stand, for edits that leave every other byte as it is.

A place is an index into the text. What cannot be edited in place (an anchor's content, a value that stands elsewhere)
has no form here; whoever edits says so instead of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from vkstate.config.scalars import NULLS

USUAL_STEP: Final = 2
"""How far a level is indented where the text shows no habit of its own."""

_BLANK_LINE: Final = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)\Z")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Form(Enum):
    """How a section is written."""

    NOTHING = "nothing"
    """It holds no entry: nothing, null, {} or []."""
    MAPPING = "mapping"
    """An indented mapping, one entry a line."""
    LIST = "list"
    """A list with a dash for each item."""
    FLOW_LIST = "flow list"
    """A list in brackets."""
    FLOW_MAPPING = "flow mapping"
    """A mapping in braces."""
    SCALAR = "scalar"
    """A text, a number or a flag."""
    OTHER = "other"


@dataclass(frozen=True)
class Section:
    """One section of the top level, or an entry of a mapping within it.

    ``name`` is where its name begins, ``start`` right behind the colon, ``value`` where the value begins, and ``end``
    behind the last thing of it that is no comment (in brackets or braces: behind the last item); ``close`` is behind
    all of it. ``column`` is where the entries of an indented section begin. ``entries`` are those of a mapping by name.
    """

    form: Form
    name: int
    start: int
    value: int
    end: int
    close: int
    column: int = 0
    entries: Mapping[str, Section] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """A text whose top level is an indented mapping, or empty. ``end`` is where a further section may begin.

    ``ends_open`` says that blank lines at the end may belong to a value. ``step`` is how far a level is indented.
    """

    text: str
    sections: Mapping[str, Section]
    column: int
    end: int
    ends_open: bool
    step: int

    @property
    def line_end(self) -> str:
        """What ends a line here: as the first line does."""
        found = _LINE_END.search(self.text)
        return found[0] if found else "\n"

    def below(self, end: int, column: int) -> int:
        """The line below what ends at a place, and below the comments that follow and are indented as far as it."""
        place = end if self.starts_line(end) else end + len(_rest_of_line(self.text, end))
        ahead = place
        while line := _rest_of_line(self.text, ahead):
            is_blank = not line.strip()
            if not is_blank and not (column and _is_comment(line, column)):
                break
            ahead += len(line)
            place = place if is_blank else ahead
        return place

    @property
    def wants_blank_line(self) -> bool:
        """Whether a blank line may, and should, separate a further section from what is above it."""
        above = self.text[: self.end]
        return bool(above.strip()) and not self.ends_open and not _BLANK_LINE.search(above)

    def line_start(self, place: int) -> int:
        """Where the line of a place begins."""
        return max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1

    def starts_line(self, place: int) -> bool:
        """Whether a place is the first of its line."""
        return place == 0 or self.text[place - 1] in "\r\n"


def layout_of(text: str) -> Layout | None:
    """Where the sections of a text stand, or None where its top level is no indented mapping.

    :param text: YAML that can be read, without a byte order mark.
    """
    return _Reader(text).read()


class _Reader:
    """Reads the places of one text from the parser's events."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0  # behind what was read last and is no comment
        self.open = False
        self.last: Event  # the end of the collection that was read last
        self.events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)

    def read(self) -> Layout | None:
        sections: dict[str, Section] = {}
        column = 0
        for event in self.events:
            if isinstance(event, DocumentEndEvent):
                end = event.start_mark.index if event.explicit else len(self.text)
                return self._layout(sections, column, end)
            if isinstance(event, MappingStartEvent) and not event.flow_style and not _is_marked(event):
                column = event.start_mark.column
                sections = dict(self._sections())
            elif isinstance(event, NodeEvent) and not _is_nothing(event):
                return None
        return self._layout(sections, column, len(self.text))

    def _layout(self, sections: Mapping[str, Section], column: int, end: int) -> Layout:
        deeper = [one.column - column for one in sections.values() if one.form in (Form.MAPPING, Form.LIST)]
        step = next((step for step in deeper if step > 0), USUAL_STEP)
        return Layout(self.text, sections, column, end, self.open, step)

    def _sections(self) -> Iterator[tuple[str, Section]]:
        """The entries of a mapping, up to its end."""
        for name in self.events:
            if isinstance(name, CollectionEndEvent):
                self.last = name
                return
            self._pass(name)
            colon = self.text.find(":", self.end)
            section = self._section(name.start_mark.index, next(self.events), colon + 1)
            if isinstance(name, ScalarEvent):
                yield str(name.value), section

    def _section(self, name: int, event: Event, start: int) -> Section:
        value = max(start, event.start_mark.index)
        if not isinstance(event, CollectionStartEvent):
            self._pass(event)
            end = max(start, self.end)
            if _is_marked(event) or not isinstance(event, ScalarEvent):
                return Section(Form.OTHER, name, start, value, end, end)
            return Section(Form.NOTHING if _is_nothing(event) else Form.SCALAR, name, start, value, end, end)
        is_mapping = isinstance(event, MappingStartEvent)
        entries = dict(self._sections()) if is_mapping else {}
        is_empty = not entries
        if not is_mapping:
            is_empty = self._pass_items()
        end = self.end
        self._finish(event, self.last)
        form = _form(event, is_empty=is_empty, is_mapping=is_mapping)
        if form is Form.NOTHING:
            end = self.end
        return Section(form, name, start, value, end, self.end, event.start_mark.column, entries)

    def _pass_items(self) -> bool:
        """Go past the items of a list, up to its end, and say whether there are none."""
        is_empty = True
        for inner in self.events:
            if isinstance(inner, CollectionEndEvent):
                self.last = inner
                break
            is_empty = False
            self._pass(inner)
        return is_empty

    def _pass(self, event: Event) -> None:
        """Go past one value."""
        if isinstance(event, CollectionStartEvent):
            for inner in self.events:
                if isinstance(inner, CollectionEndEvent):
                    self._finish(event, inner)
                    return
                self._pass(inner)
        elif isinstance(event, ScalarEvent) and event.style in ("|", ">"):
            self._pass_block(event)
        elif event.end_mark.index > event.start_mark.index:
            self.end, self.open = event.end_mark.index, False

    def _finish(self, start: CollectionStartEvent, end: Event) -> None:
        if start.flow_style:
            self.end, self.open = end.end_mark.index, False

    def _pass_block(self, event: ScalarEvent) -> None:
        """Go past a block scalar; the blank lines below it belong to it only where its header says so (``+``)."""
        start, end = event.start_mark.index, event.end_mark.index
        keeps = "+" in _rest_of_line(self.text, start)
        if not keeps:
            words = start + len(self.text[start:end].rstrip())
            end = words + len(_rest_of_line(self.text, words))
        self.end, self.open = end, keeps


def _rest_of_line(text: str, place: int) -> str:
    """What follows a place in its line, the line end included."""
    found = _LINE_END.search(text, place)
    return text[place : found.end() if found else len(text)]


def _is_comment(line: str, column: int) -> bool:
    """Whether a line is a comment that is indented at least so far."""
    words = line.lstrip(" ")
    return words.startswith("#") and len(line) - len(words) >= column


def _is_marked(event: Event) -> bool:
    """Whether a value has an anchor or a tag, which something else may depend on."""
    return getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None


def _form(event: CollectionStartEvent, *, is_empty: bool, is_mapping: bool) -> Form:
    if _is_marked(event):
        return Form.OTHER
    if is_empty:
        return Form.NOTHING
    if event.flow_style:
        return Form.FLOW_MAPPING if is_mapping else Form.FLOW_LIST
    return Form.MAPPING if is_mapping else Form.LIST


def _is_nothing(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and not event.style and event.value in NULLS
