"""What the sections that are lists share: ``moved``, ``removed`` and ``import``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vkstate.config.places import Problems, looks_like_key
from vkstate.config.tree import Node

_GLOB: Final = re.compile(r"[*?\[]")


def is_glob(target: str) -> bool:
    """Whether a target may name several keys by one pattern."""
    return _GLOB.search(target) is not None


def is_discreet(node: Node) -> bool:
    """Whether a name must not be repeated in a sentence: it came from the environment, or looks like a key value."""
    return node.tainted or looks_like_key(str(node.value))


def entries_of(node: Node | None, problems: Problems, *, each: str) -> Iterator[Node]:
    """The items of a section that is a list, or none where it is missing or empty.

    :param each: what there is one item for, in the sentence where the section is no list.
    """
    if node is None:
        return
    if not isinstance(node.value, list | None):
        problems.add(node.where, f"must be a list, with one item for each {each}")
        return
    yield from node.children.values()
