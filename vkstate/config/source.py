"""Reading a YAML file: bytes to text, and text to the tree of what is written.

The tree is built from the parser's events: they carry positions and anchors, and cost a fraction of what ruamel.yaml's
round-trip loader does. Merge keys (``<<``) are carried out here; types, interpolation and duplicate names are the
business of :mod:`vkstate.config.tree`, since ``${var.x}`` may stand in a name too.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from vkstate.config.places import ConfigError, ConfigMissing, Located, Where
from vkstate.config.raw import LARGEST, Raw, RawList, RawMapping, RawScalar
from vkstate.config.scalars import NULLS
from vkstate.config.syntax import conflict_marker, explain

DEEPEST: Final = 50
"""How deep values may be nested; a config needs six levels."""

_MERGE: Final = "<<"


def read_text(path: Path, *, hint: str, fault: type[ConfigMissing] = ConfigMissing) -> str:
    """The text of a file, without a byte order mark.

    :param hint: the next command where there is no such file.
    :param fault: what is raised where it cannot be read.
    :raises ConfigError: there is no such file, it is a directory or unreadable, or it is not UTF-8.
    """
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise fault([Located(Where(str(path)), "there is no such file")], hint=hint) from None
        reason = "this is a directory" if error.errno == errno.EISDIR else f"cannot be read: {error.strerror or error}"
        raise fault([Located(Where(str(path)), reason)], hint=f"ls -ld {path}") from None


def decode(data: bytes, file: str) -> str:
    """The text of a file's bytes, without a byte order mark.

    :raises ConfigError: they are not UTF-8; with the place of the first byte that is not.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(data[: error.start].decode("utf-8", errors="replace"))
        problem = Located(Where(file, line, column), "this is not UTF-8: save the file as UTF-8 text")
        raise ConfigError([problem], hint=f"file {file}, which tells the encoding; then save it as UTF-8") from None


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def parse(text: str, file: str) -> Raw | None:
    """The tree of a YAML text, or None where it holds no value at all.

    :raises ConfigError: it is not YAML, or more than one document. It names one place: what follows an error of syntax
        cannot be read.
    """
    reader = _Reader(file)
    if marker := conflict_marker(text):
        raise reader.error("a git conflict marker stands here: resolve the conflict first", marker, 1)
    try:
        return reader.read(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        line, column, sentence = explain(error, text)
    except ReaderError as error:
        line, column = _position(text[: error.position])
        sentence = "a control character stands here, which YAML does not take"
    except (YAMLError, ValueError, OverflowError):
        # ruamel.yaml lets some faults through unmarked, such as an escape beyond the last character of Unicode.
        line, column, sentence = reader.line, reader.column, "what follows this place cannot be read as YAML"
    raise reader.error(sentence, line, column)


class _Reader:
    """Builds the tree of one text from its events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.line = 1
        self.column = 1
        self._anchors: dict[str, Raw | None] = {}
        self._depth = 0
        self._merges = 0

    def error(self, sentence: str, line: int, column: int) -> ConfigError:
        problem = Located(Where(self.file, line, column), sentence)
        return ConfigError([problem], hint=f"correct {self.file}, then run: vkstate validate")

    def _error_here(self, sentence: str) -> ConfigError:
        return self.error(sentence, self.line, self.column)

    def read(self, events: Iterator[Event]) -> Raw | None:
        root: Raw | None = None
        for event in events:
            self._stand_at(event)
            if isinstance(event, DocumentStartEvent) and root is not None:
                raise self._error_here("a second document begins here (---): a config is one document")
            if isinstance(event, NodeEvent):
                root = self._value(event, events)
        nothing = isinstance(root, RawScalar) and root.plain and root.text in NULLS
        return None if nothing else root

    def _stand_at(self, event: Event) -> None:
        self.line, self.column = event.start_mark.line + 1, event.start_mark.column + 1

    def _value(self, event: Event, events: Iterator[Event]) -> Raw:
        self._stand_at(event)
        match event:
            case AliasEvent():
                return self._alias(event.anchor)
            case ScalarEvent():
                scalar = RawScalar(_joined(event.value), not event.style, event.tag, self.line, self.column)
                if event.anchor is not None:
                    self._anchors[event.anchor] = scalar
                return scalar
            case _:
                assert isinstance(event, CollectionStartEvent)  # noqa: S101 - a value begins with no other event
                return self._collection(event, events)

    def _alias(self, name: str) -> Raw:
        if name not in self._anchors:
            raise self._error_here(
                f"*{name} refers to an anchor &{name} that is not above; a text that begins with * is written in quotes"
            )
        if (anchored := self._anchors[name]) is None:
            raise self._error_here(f"*{name} stands within its own anchor &{name}, so that it would hold itself")
        return anchored

    def _collection(self, event: CollectionStartEvent, events: Iterator[Event]) -> Raw:
        if self._depth == DEEPEST:
            raise self._error_here(f"values are nested more than {DEEPEST} deep here")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._depth += 1
        line, column = self.line, self.column
        node: Raw
        if isinstance(event, SequenceStartEvent):
            items = [self._value(inner, events) for inner in _until_end(events)]
            node = RawList(items, event.tag, line, column)
        else:
            node = self._mapping(event.tag, events, line, column)
        self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _mapping(self, tag: str | None, events: Iterator[Event], line: int, column: int) -> RawMapping:
        mapping = RawMapping([], [], tag, line, column)
        for event in _until_end(events):
            name = self._value(event, events)
            at = self.line, self.column
            value = self._value(next(events), events)
            if isinstance(name, RawScalar) and name.plain and name.text == _MERGE:
                for merged in self._merged(value, *at):
                    self._count_merges(len(merged.entries) + len(merged.merged), *at)
                    mapping.merged += merged.entries + merged.merged
            else:
                mapping.entries.append((name, value))
        return mapping

    def _count_merges(self, more: int, line: int, column: int) -> None:
        """Refuse merges of merges that double what they hold at each step."""
        self._merges += more
        if self._merges > LARGEST:
            raise self.error(f"<< has merged more than {LARGEST} values by here", line, column)

    def _merged(self, value: Raw, line: int, column: int) -> list[RawMapping]:
        values = value.items if isinstance(value, RawList) else [value]
        mappings = [one for one in values if isinstance(one, RawMapping)]
        if len(mappings) != len(values):
            raise self.error("<< merges mappings: write <<: *anchor or <<: [*one, *other]", line, column)
        return mappings


def _joined(text: str) -> str:
    """A text in which surrogate pairs, as JSON escapes characters beyond the first 65,536, are characters again."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="surrogatepass")


def _until_end(events: Iterator[Event]) -> Iterator[Event]:
    """The events that begin the values of one collection; the caller reads each value to its end."""
    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event
