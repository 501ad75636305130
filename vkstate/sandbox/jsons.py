"""JSON values as the sandbox keeps them, and typed ways to read one out of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Object: TypeAlias = dict[str, Json]


def text(values: Mapping[str, Json], name: str) -> str | None:
    """The string under ``name``; None when it is absent or no string."""
    value = values.get(name)
    return value if isinstance(value, str) else None


def whole(values: Mapping[str, Json], name: str) -> int | None:
    """The whole number under ``name``; None when it is absent or none."""
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(values: Mapping[str, Json], name: str) -> float | None:
    """The number under ``name`` as a float; None when it is absent or no number."""
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def mapping(values: Mapping[str, Json], name: str) -> Object:
    """The object under ``name``; an empty one when it is absent or no object."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def strings(values: Mapping[str, Json], name: str) -> list[str]:
    """The strings in the list under ``name``; an empty list when it is absent or no list."""
    value = values.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def stored(value: Json) -> Json:
    """``value`` as PostgreSQL's ``jsonb`` gives it back: names in objects ordered by their length, then by bytes."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return {name: stored(value[name]) for name in names}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value
