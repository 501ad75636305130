"""The table of the attributes."""

from __future__ import annotations

import pytest

from vkstate.attributes import ATTRIBUTES, Kind, attribute_of


@pytest.mark.parametrize(
    ("path", "name"),
    [("max_budget", "max_budget"), ("metadata.a.b", "metadata"), ("extra.x", "extra"), ("duration", None), ("x", None)],
)
def test_which_attribute_a_path_belongs_to(path: str, name: str | None) -> None:
    attribute = attribute_of(path)
    assert (attribute.name if attribute else None) == name


def test_what_clears_an_attribute_is_never_null_for_a_list_or_an_object() -> None:
    empties = {kind: {repr(item.empty) for item in ATTRIBUTES.values() if item.kind is kind} for kind in Kind}
    assert empties == {
        Kind.STRING: {"None"},
        Kind.NUMBER: {"None"},
        Kind.INTEGER: {"None"},
        Kind.BOOLEAN: {"False"},
        Kind.SET: {"[]"},
        Kind.LIST: {"[]"},
        Kind.OBJECT: {"{}"},
        Kind.OPEN: {"{}"},
    }


def test_only_the_key_type_needs_a_new_key() -> None:
    assert [name for name, attribute in ATTRIBUTES.items() if not attribute.updatable] == ["key_type"]
