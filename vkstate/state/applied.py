"""The declared attributes of a recorded key, as the state file holds them: nested for people, sensitive ones sealed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS, Json, Kind, Sealed, Sensitive, Value
from vkstate.canonical import nest

_KNOWN: Final = ATTRIBUTES.keys() | EXPIRY_PATHS
_OPEN: Final = frozenset(name for name, attribute in ATTRIBUTES.items() if attribute.kind is Kind.OPEN)
_SEALED: Final = "$sensitive"
_SEALED_OR_ESCAPED: Final = re.compile(r"\$+sensitive")


class UnknownAttribute(ValueError):
    """An attribute that this vkstate does not know; the text is its name."""


def nested_form(applied: Mapping[str, Value]) -> dict[str, object]:
    """Applied attributes by name, open objects as objects; plain JSON.

    :raises TypeError: a sensitive value that was not sealed.
    """
    return dict(nest({path: _written(value) for path, value in applied.items()}))


def flat_form(nested: Mapping[str, Json]) -> dict[str, Value]:
    """The inverse of :func:`nested_form`.

    :raises UnknownAttribute: a newer vkstate, or somebody's editor, wrote the file.
    """
    flat: dict[str, Value] = {}
    for name, value in nested.items():
        if name not in _KNOWN:
            raise UnknownAttribute(name)
        if not isinstance(value, dict):
            flat[name] = value
        elif value and name in _OPEN:
            for key, item in value.items():
                flat[f"{name}.{key}"] = _read(item)
        else:
            flat[name] = _read(value)
    return flat


def _written(value: Value) -> Json:
    """A value as the file holds it. An object that looks like a sealed value gets one more ``$``, to stay apart."""
    if isinstance(value, Sealed):
        return {_SEALED: value.digest}
    if isinstance(value, Sensitive):
        raise TypeError("a sensitive value is sealed before it is recorded")
    if isinstance(value, dict) and len(value) == 1:
        [(name, content)] = value.items()
        if _SEALED_OR_ESCAPED.fullmatch(name):
            return {f"${name}": content}
    return value


def _read(written: Json) -> Value:
    """The inverse of :func:`_written`."""
    if isinstance(written, dict) and len(written) == 1:
        [(name, content)] = written.items()
        if name == _SEALED and isinstance(content, str):
            return Sealed(content)
        if _SEALED_OR_ESCAPED.fullmatch(name):
            return {name.removeprefix("$"): content}
    return written
