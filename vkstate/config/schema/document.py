"""The config as a whole."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vkstate.config.schema.base import NameAsWritten, Strict
from vkstate.config.schema.keys import Defaults, Key
from vkstate.config.schema.proxy import Proxy
from vkstate.config.schema.secret_store import Secrets
from vkstate.config.schema.transitions import Moved, Removed, Safety
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
    moved: list[Moved] | None = None
    """Keys and workshops that go on under another name, with the same key values."""
    removed: list[Removed] | None = None
    """Keys that have left the config, where they are to live on."""
    imports: Annotated[list[NameAsWritten] | None, Field(alias="import")] = None
    """Keys that exist on the proxy and become this project's with the next apply: aliases, globs or workshop:NAME, of
    declared keys."""
    secrets: Secrets | None = None
    """Where the key values are kept, and who may read them."""
    safety: Safety | None = None
    """How much a plan may delete or replace unasked."""
