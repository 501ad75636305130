"""``defaults`` and ``keys``."""

from __future__ import annotations

from vkstate.config.schema.attributes import KeyAttributes


class Defaults(KeyAttributes):
    """What every key and workshop below starts from."""


class Key(KeyAttributes):
    """One key; its name here is its alias."""
