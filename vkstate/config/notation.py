"""How values are written in a config: YAML that reads back as the very same values, as people would write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from vkstate.attributes import Json
from vkstate.config.scalars import resolve

WIDTH: Final = 120
"""Lists and mappings that fit into a line of this width are written in one."""

_LONGEST_NAME: Final = 1000
"""YAML finds the colon behind a name only within 1024 characters; a longer one is marked as a name."""

_PLAIN: Final = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./@-]*|[0-9]+[a-z]+"
    r"|[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{3})?(Z|[+-][0-9]{2}:[0-9]{2})"  # an instant
)
_FLAG_ELSEWHERE: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """A text as it is written where interpolation is read: a dollar sign is doubled."""
    return text.replace("$", "$$")


def written(value: Json) -> str:
    """A value in one line."""
    match value:
        case str():
            return _text(literal(value))
        case dict():
            return f"{{{', '.join(f'{_name(name)}: {written(inner)}' for name, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)


def entry(name: str, value: Mapping[str, Json], column: int, step: int) -> Iterator[str]:
    """The lines of an entry: its name, and below it one field a line; with indentation.

    Within what is given, as for a name that is too long, a line ends with a line feed.
    """
    if not value:
        yield f"{_named(name, column)} {{}}"
        return
    yield _named(name, column)
    for field, inner in value.items():
        yield from field_lines(field, inner, column + step, step)


def item(value: Json, column: int) -> str:
    """The line of one item of a list."""
    return f"{' ' * column}- {written(value)}"


def field_lines(name: str, value: Json, column: int, step: int) -> Iterator[str]:
    """The lines of a field and its value; with indentation. Within what is given, a line ends as in :func:`entry`."""
    one_line = f"{_named(name, column)} {written(value)}"
    if not value or not isinstance(value, list | dict) or len(one_line) <= WIDTH:
        yield one_line
    elif isinstance(value, dict):
        yield from entry(name, value, column, step)
    else:
        yield _named(name, column)
        for inner in value:
            yield item(inner, column + step)


def _named(name: str, column: int) -> str:
    pad = " " * column
    text = _text(literal(name))
    return f"{pad}{text}:" if len(text) <= _LONGEST_NAME else f"{pad}? {text}\n{pad}:"


def _name(name: str) -> str:
    text = _text(literal(name))
    return text if len(text) <= _LONGEST_NAME else f"? {text} "


def _text(text: str) -> str:
    """A text, in quotes unless it is a plain word to every reader of YAML 1.2, and no flag to an older one."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _FLAG_ELSEWHERE and isinstance(resolve(text), str):
        return text
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
