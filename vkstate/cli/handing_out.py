"""From state and secret store to what members are given."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vkstate.attributes import Sealed, Value
from vkstate.cli.project import Project
from vkstate.expiry import parse_instant
from vkstate.keys import Alias, DesiredKey, RecordedKey, Status, natural_order
from vkstate.state.durable import durable_write
from vkstate.state.file import StateFile
from vkstate.state.model import State
from vkstate.views.formats.json import as_json
from vkstate.views.handouts import BLOCKED, EXPIRED, READY, RETIRED, Handout, HandoutKey

_SENSITIVE: Final = "(sensitive)"


def handout(project: Project, state: State, aliases: Collection[Alias], *, revealed_by: str = "") -> Handout:
    """The handout of these recorded keys. Nothing is asked of the proxy: it is what the last apply recorded.

    :param revealed_by: the command that gives the same with the key values, where they may be left out.
    """
    records = [state.keys[alias] for alias in sorted(aliases, key=natural_order)]
    desired = {key.alias: key for key in project.config.keys}
    keys = tuple(_row(project, record, desired.get(record.alias), datetime.now(UTC)) for record in records)
    proxy = project.config.proxy
    return Handout(proxy.url, proxy.public_url or proxy.url, keys, revealed_by=revealed_by)


def _row(project: Project, record: RecordedKey, desired: DesiredKey | None, now: datetime) -> HandoutKey:
    status = _status(record, now)
    starts_at = desired.starts_at if desired and status == BLOCKED else None
    expires_at = _expiry(record)
    value = project.store.value_of(record.token) if record.token else None
    member = record.member
    return HandoutKey(
        alias=record.alias,
        user=member.user if member else None,
        user_id=_text(record.applied.get("user_id")),
        key=value,
        key_masked=value.masked if value else None,
        key_id=record.token,
        models=_models(record.applied.get("models")),
        duration=_text(record.applied.get("duration")),
        expires_at=expires_at and _in_our_zone(expires_at),
        max_budget=_amount(record.applied.get("max_budget")),
        workshop=member.workshop if member else None,
        status=status,
        details=desired.details if desired else {},
        budget_duration=_text(record.applied.get("budget_duration")),
        opens_at=_in_our_zone(starts_at) if starts_at and starts_at > now else None,
    )


def _expiry(record: RecordedKey) -> datetime | None:
    """When a key ends: as read back, or as declared where it has not been read back yet."""
    declared = record.applied.get("expires_at")
    return record.expires_at or (parse_instant(declared) if isinstance(declared, str) else None)


def _in_our_zone(instant: datetime) -> datetime:
    try:
        return instant.astimezone()
    except OverflowError:  # at the end of the calendar
        return instant


def _status(record: RecordedKey, now: datetime) -> str:
    if record.status is not Status.READY:
        return record.status.value
    if record.retired is not None:
        return RETIRED
    if record.expires_at and record.expires_at <= now:
        return EXPIRED
    return BLOCKED if record.applied.get("blocked") is True else READY


def _text(value: Value) -> str | None:
    """A text as it may be handed out; a sensitive one is not."""
    return _SENSITIVE if isinstance(value, Sealed) else value if isinstance(value, str) else None


def _models(value: Value) -> tuple[str, ...]:
    """Models as they may be handed out; for sensitive ones never none, which LiteLLM reads as all."""
    if isinstance(value, Sealed):
        return (_SENSITIVE,)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _amount(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def write_created(project: Project, aliases: Collection[Alias], path: Path) -> int:
    """Write the values of those keys that are recorded now, as ``output --format json`` would; returns how many."""
    state = StateFile(project.state_path).read()
    recorded = [alias for alias in aliases if alias in state.keys]
    if recorded:
        text = as_json(handout(project, state, recorded), reveal=True)
        durable_write(path, text.encode(), mode=0o600)
    return len(recorded)
