"""When a workshop starts and ends: what that means for the keys of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vkstate.attributes import EXPIRY_PATHS, Sensitive, Value
from vkstate.config.layers import Layer
from vkstate.config.places import Problems
from vkstate.config.schema.workshops import Workshop
from vkstate.config.tree import Node
from vkstate.expiry import format_instant

_BLOCKED: Final = "blocked"


@dataclass(frozen=True)
class Hours:
    """When a workshop starts and ends (aware, in the zones that the config writes them in)."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


ALWAYS: Final = Hours()
"""Those of a key whose config says nothing of them."""


def hours_of(model: Workshop, node: Node, problems: Problems) -> Hours:
    """The hours of a workshop; what contradicts them is a problem."""
    hours = Hours(_instant(model.starts_at), _instant(model.ends_at))
    if hours.ends_at is not None:
        for path in sorted(EXPIRY_PATHS & model.model_fields_set):
            sentence = f"cannot stand beside {path}, which says otherwise when the keys end: keep one of them"
            problems.add(node.children["ends_at"].where, sentence)
        if hours.starts_at is not None and hours.ends_at <= hours.starts_at:
            problems.add(node.children["ends_at"].where, "must be later than starts_at")
    return hours


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def with_end(hours: Hours, node: Node, layer: Layer) -> Layer:
    """What a workshop declares of each key, its end included."""
    if hours.ends_at is None:
        return layer
    values = {path: value for path, value in layer.values.items() if path not in EXPIRY_PATHS}
    values["expires_at"] = format_instant(hours.ends_at)
    return replace(layer, values=values, places={**layer.places, "expires_at": node.children["ends_at"].where})


def opened_by_the_start(shared: Mapping[str, Value], *own: Layer) -> bool:
    """Whether the start of the workshop decides if a key is blocked.

    It does not where all keys are blocked by hand, and where something is said for this member alone.

    :param shared: what is declared of all members.
    :param own: what is declared of this member.
    """
    for_all = shared.get(_BLOCKED)
    by_hand = for_all is True or isinstance(for_all, Sensitive)
    return not by_hand and not any(_BLOCKED in layer.values for layer in own)
