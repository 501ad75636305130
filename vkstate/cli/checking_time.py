"""What ``vkstate check`` says of what time has done to the keys, and of what gives them time again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from shlex import quote

from vkstate.attributes import EXPIRY_PATHS
from vkstate.cli.findings import Finding, named, warning
from vkstate.differences import declared_expiry
from vkstate.expiry import expiry_of
from vkstate.keys import Alias, DesiredKey, RecordedKey, Status
from vkstate.options import WORKSHOP
from vkstate.schedule import ended_by, has_passed
from vkstate.views.words import and_others, verb

_WHAT = "keys"


def timely(desired: Mapping[Alias, DesiredKey], keys: Mapping[Alias, RecordedKey], now: datetime) -> Iterator[Finding]:
    """The keys whose time is over.

    :param desired: what the config declares.
    :param keys: what the state records.
    :param now: the server's clock as far as that is known.
    """
    retired = {
        alias: record.retired
        for alias, record in keys.items()
        if record.retired is not None and record.status is not Status.PENDING
    }
    due = [alias for alias, aside in retired.items() if aside.delete_after is None or aside.delete_after <= now]
    if due:
        said = (
            f"{named(due)} {verb(len(due), 'was', 'were')} replaced, and {verb(len(due), 'its', 'their')} time is over."
        )
        yield warning(_WHAT, said, f"vkstate apply deletes {verb(len(due), 'it', 'them')}")
    ended: defaultdict[tuple[_Again, str | None], list[Alias]] = defaultdict(list)
    for alias, record in keys.items():
        if record.status is Status.READY and alias not in retired and record.expires_at and record.expires_at <= now:
            ended[_again(desired.get(alias), record, now)].append(alias)
    for (again, workshop), aliases in ended.items():
        said = f"{named(aliases)} {verb(len(aliases), 'has', 'have')} expired."
        yield warning(_WHAT, said, _hint(again, workshop, aliases))


class _Again(Enum):
    """What there is to be done about an expired key: what the planner would say of it."""

    PLAN = auto()
    """The config does not declare it."""
    EXTEND = auto()
    """It ended with its workshop."""
    EDIT = auto()
    """It ended at an instant of its own."""
    APPLY = auto()
    """The config gives it another end already."""
    RENEW = auto()


def _again(want: DesiredKey | None, record: RecordedKey, now: datetime) -> tuple[_Again, str | None]:
    """What is to be done about a key, and the workshop that it ended with."""
    if want is None:
        return _Again.PLAN, None
    if has_passed(want, now):
        workshop = ended_by(want)
        return (_Again.EDIT, None) if workshop is None else (_Again.EXTEND, workshop)
    follows = want.ignore_changes.isdisjoint(EXPIRY_PATHS)
    changed = follows and declared_expiry(want) != expiry_of(record.applied)
    return (_Again.APPLY if changed else _Again.RENEW), None


def _hint(again: _Again, workshop: str | None, aliases: Sequence[Alias]) -> str:
    match again:
        case _Again.PLAN:
            return (
                f"vkstate plan says what is to be done: the config does not declare {verb(len(aliases), 'it', 'them')}"
            )
        case _Again.EXTEND:
            name = workshop or ""
            destroy = f"vkstate destroy --target {quote(WORKSHOP + name)}"
            return f"vkstate extend {quote(name)} 2h gives their workshop time again; where it is over: {destroy}"
        case _Again.EDIT:
            them = verb(len(aliases), "it", "them")
            return f"give {them} an expires_at in the future, or take {them} out of the config"
        case _Again.APPLY:
            return f"vkstate apply gives {verb(len(aliases), 'it', 'them')} the end that the config says"
        case _Again.RENEW:
            return f"vkstate apply --renew {quote(aliases[0])}{and_others(len(aliases))} gives time again"
