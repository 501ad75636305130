"""What the proxy shows of a live key at a path, and what it should show and does not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vkstate.attributes import UNSET, Home, Json, Kind, Unset, Value, attribute_of
from vkstate.canonical import is_clear, same
from vkstate.keys import DesiredKey, LiveKey


@dataclass(frozen=True)
class Readable:
    """A value that the proxy shows; UNSET where it shows that there is none."""

    value: Json | Unset

    @property
    def plain(self) -> Json:
        """The value as JSON, in which nothing is null."""
        return None if self.value is UNSET else self.value

    def beside(self, declared: Value) -> Json | Unset:
        """The value as it compares with a declared one: what is declared as none need not be shown as that."""
        return None if declared is None and self.value is UNSET else self.value

    def holds(self, declared: Value) -> bool:
        """Whether this is what is declared."""
        return same(self.beside(declared), declared)


def live_value(live: LiveKey, path: str) -> Readable | None:
    """What the proxy shows at a path, or None where this server cannot show it."""
    if path in live.attributes:
        return Readable(live.attributes[path])
    attribute = attribute_of(path)
    if attribute is None:
        return None
    if attribute.name == "metadata":
        return Readable(UNSET)
    if attribute.name == "extra" and (inside := f"metadata.{path.partition('.')[2]}") in live.attributes:
        return Readable(live.attributes[inside])  # a field that LiteLLM folds into metadata
    return Readable(attribute.empty) if attribute.home is Home.METADATA else None


def unshown(desired: DesiredKey, live: LiveKey) -> Iterator[str]:
    """The declared attributes that a row should show and does not: this LiteLLM does not know and ignores them."""
    for path, value in desired.declared.items():
        attribute = attribute_of(path)
        if attribute is None or attribute.kind is Kind.OPEN or not attribute.updatable or same(value, attribute.empty):
            continue
        if attribute.home is Home.ROW and live_value(live, path) is None:
            yield path


def is_gone(path: str, value: Json | Unset) -> bool:
    """Whether what the proxy shows at a path is what is there once the attribute is cleared."""
    return value is UNSET or is_clear(path, value)
