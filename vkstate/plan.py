"""A plan: what would have to change so that the proxy matches the config, and why. Values only; nothing here acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from vkstate.attributes import UNSET, Unset, Value
from vkstate.keys import Alias, DesiredKey, LiveKey, Member, RecordedKey


class Action(StrEnum):
    """What is done about one alias. The action decides; a reason only explains."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    """Drop the record, leave LiteLLM alone."""
    ADOPT = "adopt"
    """Take a live key into the state."""
    NO_OP = "no-op"

    @property
    def done(self) -> str:
        """The word for what was acted upon."""
        return _DONE[self]


_DONE: Final[Mapping[Action, str]] = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.FORGET: "forgotten",
    Action.ADOPT: "adopted",
    Action.NO_OP: "left alone",
}


class Reason(StrEnum):
    """Why an action was chosen, in the words that people read."""

    NEW = "new in the config"
    NOT_DESIRED = "no longer in the config"
    MISSING = "missing on the proxy"
    NEVER_SENT = "its create was never carried out"
    INTERRUPTED = "its create was interrupted"
    STATE_BEHIND = "missing from the state"
    DIFFERS = "attributes differ"
    GONE = "gone from the proxy"
    TAKEN_OVER = "its alias now belongs to another key"
    LOST_RACE = "another key took its alias first"
    UNSETTLED = "its create may still arrive"
    MATCHES = "matches"
    IMPORTED = "imported"
    MOVED = "moved"
    RELEASED = "removed from the config, to live on"
    REPLACED = "asked for by --replace"
    RETIRED = "replaced, and its time is over"
    SHUT = "replaced, and the key in its place is blocked"
    RETIRING = "replaced, and still has time"
    TAKEN = "replaced outside vkstate, and taken over by --adopt-replaced"
    LEFT_MISSING = "missing on the proxy, and left so by on_missing"
    SEEN = "accepted as it is on the proxy"


class Cause(StrEnum):
    """Whose doing a difference is."""

    CONFIG = "config changed"
    OUTSIDE = "changed outside vkstate"
    MOVED = "moved"
    RENEWED = "renewed"
    STARTED = "its workshop has started"


@dataclass(frozen=True)
class AttributeDiff:
    """One attribute that differs. ``before`` and ``after`` are fit to be shown: sensitive values are sealed.

    ``already_live`` says that the proxy holds ``after`` already, so that only the record changes.
    """

    path: str
    before: Value | Unset
    after: Value | Unset
    cause: Cause
    already_live: bool = False


@dataclass(frozen=True)
class Change:
    """What is done about one alias, with everything that was known when it was decided.

    ``recorded`` stands under another alias where the key moves. ``becomes`` is given where nothing but the record
    changes and it is known now what to: it takes the place of ``recorded``. ``retires`` is what a replacement records
    of the old key (``live``), which makes way by bearing another alias. A ``forget`` with a ``live`` key takes our mark
    from it.
    """

    alias: Alias
    action: Action
    reason: Reason
    desired: DesiredKey | None = None
    recorded: RecordedKey | None = None
    live: LiveKey | None = None
    diffs: tuple[AttributeDiff, ...] = ()
    becomes: RecordedKey | None = None
    retires: RecordedKey | None = None

    @property
    def recorded_as(self) -> Alias:
        """The alias under which the state has the key before the change."""
        return self.recorded.alias if self.recorded is not None else self.alias

    @property
    def names(self) -> tuple[Alias, ...]:
        """Every alias that the key goes by: its own, before and after, and that of the key which took its place."""
        records = [record for record in (self.recorded, self.becomes) if record is not None]
        successors = [record.retired.successor for record in records if record.retired is not None]
        return (self.alias, *(record.alias for record in records), *successors)

    @property
    def member(self) -> Member | None:
        """Whose key it is: as the config says, else as it will be or is recorded, else as its stamp says."""
        if self.desired is not None:
            return self.desired.member
        if (record := self.becomes or self.recorded) is not None:
            return record.member
        return self.live.stamp.member if self.live is not None and self.live.stamp is not None else None

    @property
    def needs_request(self) -> bool:
        """Whether the proxy is changed, and not only the state."""
        match self.action:
            case Action.CREATE | Action.REPLACE | Action.DELETE:
                return True
            case Action.UPDATE | Action.ADOPT:
                return any(not diff.already_live for diff in self.diffs)
            case Action.FORGET:
                return self.live is not None
            case _:
                return False


@dataclass(frozen=True)
class Problem:
    """Why a plan cannot be applied. ``detail`` is full sentences; ``hint`` the next command or edit."""

    detail: str
    hint: str
    alias: Alias | None = None
    member: Member | None = None


@dataclass(frozen=True)
class Caution:
    """What must be said with a plan that may be applied all the same.

    ``before``, the aliases and ``after`` make full sentences. One without aliases is about the plan as a whole.
    """

    before: str
    aliases: tuple[Alias, ...] = ()
    after: str = ""


@dataclass(frozen=True)
class Plan:
    """A sorted tuple of changes, one per alias, and what must be said with them.

    ``changes`` holds no-ops too, so that it speaks of every alias that is desired or recorded. ``unmanaged`` counts the
    live keys that are not ours. A plan with ``problems`` cannot be applied.
    """

    lineage: str
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Caution, ...] = ()
    unmanaged: int = 0
    left_out: tuple[Alias, ...] = ()
    """Aliases of which a target left out what is to be done."""
    passed_over: int = 0
    """How many keys a target left out for which nothing is to be done."""
    grace: timedelta | None = None
    """How long the old values of the keys that it replaces work on."""
    counts: Mapping[Action, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", Counter(change.action for change in self.changes))

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that change anything, be it the proxy or only the state."""
        return tuple(change for change in self.changes if change.action is not Action.NO_OP)

    def of(self, *actions: Action) -> tuple[Change, ...]:
        """The changes with one of these actions, in order."""
        return tuple(change for change in self.changes if change.action in actions)


__all__ = ["UNSET", "Action", "AttributeDiff", "Cause", "Caution", "Change", "Plan", "Problem", "Reason"]
