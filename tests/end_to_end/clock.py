"""A key server whose clock can be put forward, so that keys expire and times of grace end without anybody waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from tests.front import Front, fronted
from vkstate.sandbox.settings import Settings


@dataclass
class Clock:
    """This machine's clock, or so much ahead of it."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **units: float) -> None:
        """Let time pass: ``forward(hours=1)``."""
        self.ahead += timedelta(**units)


@dataclass(frozen=True)
class Timed:
    """A gateway as any other, and the clock of the server behind it."""

    front: Front
    clock: Clock

    def opens(self, value: str) -> bool:
        """Whether a key value opens the proxy now; a refusal must be that of a key."""
        answer = requests.get(
            f"{self.front.url}/v1/models", headers={"Authorization": f"Bearer {value}"}, timeout=10
        ).status_code
        assert answer in (200, 401)
        return answer == 200


@contextmanager
def timed(path: Path, *, server_makes_values: bool = False) -> Iterator[Timed]:
    """A sandbox in the SQLite file at ``path``, over HTTP, with a clock of its own."""
    clock = Clock()
    with fronted(path, settings=Settings(clock=clock, disable_custom_api_keys=server_makes_values)) as front:
        yield Timed(front, clock)
