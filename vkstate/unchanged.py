"""A key desired as it is, so that nothing is changed but what is meant, such as its alias or our mark. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vkstate.attributes import EXPIRY_PATHS, UNSET, Sensitive, Value
from vkstate.differences import WRITE_SLACK, ends_as_ordered
from vkstate.expiry import NEVER, expiry_of, format_instant
from vkstate.keys import Alias, DesiredKey, LiveKey, RecordedKey
from vkstate.shown import live_value


def as_recorded(record: RecordedKey, *, alias: Alias | None = None, ends: datetime | None = None) -> DesiredKey:
    """A recorded key, desired as it was last applied.

    :param alias: another alias to desire it under.
    :param ends: another end to desire.
    """
    declared = dict(record.applied)
    if ends is not None:
        declared = {path: value for path, value in declared.items() if path not in EXPIRY_PATHS}
        declared["expires_at"] = format_instant(ends)
    return DesiredKey(alias or record.alias, declared, "the state", record.member)


def as_live(wanted: DesiredKey, live: LiveKey) -> DesiredKey:
    """A desired key with the values that the live one has already, for what it declares.

    What the proxy cannot show, and what is sensitive, is left out: the next plan compares it as newly declared.
    """
    declared: dict[str, Value] = {}
    for path, value in wanted.declared.items():
        current = live_value(live, path)
        if path in EXPIRY_PATHS or current is None or isinstance(value, Sensitive):
            continue
        if (shown := current.beside(value)) is not UNSET:
            declared[path] = shown
    declared |= live_expiry(live, wanted.declared)
    return DesiredKey(
        wanted.alias, declared, wanted.place, wanted.member, wanted.prevent_destroy, on_missing=wanted.on_missing
    )


def live_expiry(live: LiveKey, declared: Mapping[str, Value]) -> dict[str, Value]:
    """The expiry that a live key has, as it is declared: as the config says it where the key ends so, else exactly."""
    wanted = expiry_of(declared)
    if wanted is not None and live.created_at and ends_as_ordered(live.expires_at, wanted, live.created_at):
        return {path: value for path, value in declared.items() if path in EXPIRY_PATHS}
    return {"expires_at": format_instant(live.expires_at)} if live.expires_at else {"duration": NEVER}


def ends_by(end: datetime | None, instant: datetime) -> bool:
    """Whether a key ends at an instant or before, give or take the time of sending."""
    return end is not None and end - instant <= WRITE_SLACK
