"""What every route of the sandbox works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vkstate.sandbox.auth import Caller
from vkstate.sandbox.exchange import Request, Response
from vkstate.sandbox.settings import Settings
from vkstate.sandbox.store import Store


@dataclass(frozen=True)
class Context:
    """The file and the switches of one sandbox."""

    store: Store
    settings: Settings


Route: TypeAlias = Callable[[Context, Request, Caller], Response]
"""What answers a request whose caller is known. Raises RefusalError, HttpError or InvalidError instead of answering."""
