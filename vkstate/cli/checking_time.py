"""What ``vkstate check`` says of what time has done to the keys, and of what gives them time again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from shlex import quote

from vkstate.cli.findings import Finding, named, warning
from vkstate.keys import Alias, DesiredKey, RecordedKey, Status
from vkstate.options import WORKSHOP
from vkstate.schedule import Extend, TimeAgain, time_again
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
    ended: defaultdict[TimeAgain | Extend | None, list[Alias]] = defaultdict(list)
    for alias, record in keys.items():
        if record.status is Status.READY and alias not in retired and record.expires_at and record.expires_at <= now:
            ended[_time_again(desired.get(alias), record, now)].append(alias)
    for again, aliases in ended.items():
        said = f"{named(aliases)} {verb(len(aliases), 'has', 'have')} expired."
        yield warning(_WHAT, said, _hint(again, aliases))


def hint_for_expired(key: DesiredKey | None, record: RecordedKey, now: datetime) -> str:
    """What is to be done about one key that has expired; None: the config does not declare it."""
    return _hint(_time_again(key, record, now), [record.alias])


def _time_again(key: DesiredKey | None, record: RecordedKey, now: datetime) -> TimeAgain | Extend | None:
    return None if key is None else time_again(key, record, now)


def _hint(again: TimeAgain | Extend | None, aliases: Sequence[Alias]) -> str:
    """What is to be done about expired keys; None: the config does not declare them."""
    match again:
        case None:
            return (
                f"vkstate plan says what is to be done: the config does not declare {verb(len(aliases), 'it', 'them')}"
            )
        case Extend(workshop):
            destroy = f"vkstate destroy --target {quote(WORKSHOP + workshop)}"
            their = verb(len(aliases), "its", "their")
            return f"vkstate extend {quote(workshop)} 2h gives {their} workshop time again; where it is over: {destroy}"
        case TimeAgain.EDIT:
            them = verb(len(aliases), "it", "them")
            return f"give {them} an expires_at in the future, or take {them} out of the config"
        case TimeAgain.APPLY:
            return f"vkstate apply gives {verb(len(aliases), 'it', 'them')} the end that the config says"
        case TimeAgain.RENEW:
            return f"vkstate apply --renew {quote(aliases[0])}{and_others(len(aliases))} gives time again"
