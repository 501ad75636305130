"""The config as a whole."""

from __future__ import annotations

from vkstate.config.schema.base import Strict
from vkstate.config.schema.keys import Defaults, Key
from vkstate.config.schema.proxy import Proxy
from vkstate.config.schema.variables import Variable
from vkstate.config.schema.workshops import Workshop


class Document(Strict):
    """Which LiteLLM keys should exist, on which proxy."""

    proxy: Proxy
    """Where the LiteLLM proxy is, and how to talk to it."""
    variables: dict[str, Variable | str | int | float | bool | None] | None = None
    """Variables by name, each with a default and a description, or just its default."""
    defaults: Defaults | None = None
    """What every key and workshop starts from."""
    keys: dict[str, Key | None] | None = None
    """Single keys by alias."""
    workshops: dict[str, Workshop | None] | None = None
    """Groups of keys that differ only by person, by name."""
