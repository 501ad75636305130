"""How a plan's execution ended, change by change, and how it is watched meanwhile. Values and a protocol only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from vkstate.executor.ports import ClosingLine
from vkstate.plan import Action, Change


@dataclass(frozen=True)
class Applied:
    """The change is done: on the proxy it was verified, in the state it is recorded. ``note`` is a full sentence."""

    change: Change
    note: str | None = None


@dataclass(frozen=True)
class Failed:
    """The change was attempted and is not done. ``detail`` is full sentences, with the proxy's words where it spoke."""

    change: Change
    detail: str
    hint: str | None = None


@dataclass(frozen=True)
class NotAttempted:
    """Nothing was sent for the change. ``why`` is a full sentence."""

    change: Change
    why: str


Result: TypeAlias = Applied | Failed | NotAttempted


@dataclass(frozen=True)
class Outcome:
    """Every change of a plan with what became of it, in the plan's order.

    ``remaining`` counts the keys that a destroy was to delete and that are still on the proxy; None where nobody
    looked. ``notices`` are full sentences about the whole run. ``closed`` are the keys that were verified gone, with
    what they had spent.
    """

    results: tuple[Result, ...]
    interrupted: Literal["SIGINT", "SIGTERM"] | None = None
    notices: tuple[str, ...] = ()
    remaining: int | None = None
    closed: tuple[ClosingLine, ...] = ()

    @property
    def applied(self) -> tuple[Applied, ...]:
        return tuple(result for result in self.results if isinstance(result, Applied))

    @property
    def failed(self) -> tuple[Failed, ...]:
        return tuple(result for result in self.results if isinstance(result, Failed))

    @property
    def not_attempted(self) -> tuple[NotAttempted, ...]:
        return tuple(result for result in self.results if isinstance(result, NotAttempted))

    def count(self, action: Action) -> int:
        """How many changes with this action were applied."""
        return sum(result.change.action is action for result in self.applied)

    @property
    def complete(self) -> bool:
        """Whether every change was applied. An interrupt that came too late to prevent anything leaves it true."""
        return len(self.applied) == len(self.results)


class Observer(Protocol):
    """Watches an execution. One thread calls it; what it raises is not caught."""

    def started(self, total: int) -> None:
        """So many results will come."""

    def answered(self, changes: Sequence[Change]) -> None:
        """The proxy has answered about these changes at once; their results come when they are read back. In a later
        phase it may answer about them again.
        """

    def finished(self, result: Result) -> None:
        """One change has come to its end."""

    def phase(self, text: str) -> None:
        """What is being done now, such as ``reading back``: a few words without a full stop."""

    def ended(self) -> None:
        """Nothing more will come. Called exactly once, also after an error or an interrupt."""


class Silent:
    """An observer that says nothing."""

    def started(self, total: int) -> None:
        """Say nothing."""

    def answered(self, changes: Sequence[Change]) -> None:
        """Say nothing."""

    def finished(self, result: Result) -> None:
        """Say nothing."""

    def phase(self, text: str) -> None:
        """Say nothing."""

    def ended(self) -> None:
        """Say nothing."""
