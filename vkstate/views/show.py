"""What the state says of keys, and what the proxy answers of them where it was asked: as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vkstate.attributes import ALWAYS_SENSITIVE, UNSET, Json, Sealed, Sensitive, Value
from vkstate.expiry import format_instant
from vkstate.keys import LiveKey, Member, Recorded, RecordedKey, Retired, Status
from vkstate.views.documents import FORMAT_VERSION, retired_document, values_document
from vkstate.views.tables import cells, table
from vkstate.views.values import PLAIN, Palette, Tone, in_order, value_text
from vkstate.views.words import counted, escaped, expiry_text, money, spent

WIDTH: Final = 100


@dataclass(frozen=True)
class ShownKey:
    """One key from both sides. At least one of ``recorded`` and ``live`` is there.

    ``asked`` says that the proxy was asked, so that a missing ``live`` means that the key is gone. ``value_known`` says
    that the secret store holds the key's value.
    """

    recorded: RecordedKey | None
    live: LiveKey | None = None
    asked: bool = False
    value_known: bool = False

    @property
    def alias(self) -> str | None:
        if self.recorded is not None:
            return self.recorded.alias
        return self.live.alias if self.live is not None else None

    @property
    def member(self) -> Member | None:
        if self.recorded is not None:
            return self.recorded.member
        return self.live.stamp.member if self.live is not None and self.live.stamp is not None else None

    @property
    def token(self) -> str | None:
        if self.recorded is not None:
            return self.recorded.token
        return self.live.token if self.live is not None else None

    @property
    def expires_at(self) -> datetime | None:
        """As the proxy answers, else as recorded."""
        if self.live is not None:
            return self.live.expires_at
        return self.recorded.expires_at if self.recorded is not None else None

    @property
    def created_at(self) -> datetime | None:
        if self.recorded is not None and self.recorded.created_at is not None:
            return self.recorded.created_at
        return self.live.created_at if self.live is not None else None


def alias_list(keys: Sequence[RecordedKey]) -> str:
    """The recorded aliases, one a line and nothing else: for pipes."""
    return "".join(f"{escaped(key.alias)}\n" for key in keys)


def state_text(recorded: Recorded, *, proxy: str | None, serial: int, now: datetime, width: int = WIDTH) -> str:
    """The whole state as a table, ending in a newline. The keys come in the order in which they are given.

    An alias is never cut: it is what the next command is told.
    """
    bound = "not bound to a proxy yet" if proxy is None else f"for {escaped(proxy)}"
    title = f"State {recorded.lineage}, serial {serial}, {bound}"
    if not recorded.keys:
        return f"{title}\n\nNo keys are recorded.\n"
    rows = [
        (
            escaped(key.alias),
            _standing(key, now),
            escaped(key.member.workshop) if key.member is not None else "-",
            _end(key, now),
            "known" if key.token in recorded.known_values else "not known here",
        )
        for key in recorded.keys.values()
    ]
    lines = table(("ALIAS", "STATUS", "WORKSHOP", "EXPIRES", "VALUE"), rows, width=width, yielding=(2,), indent=0)
    return "\n".join((title, "", *lines, "", f"{counted(len(rows), 'key')}.")) + "\n"


def _standing(key: RecordedKey, now: datetime) -> str:
    """One word for how a recorded key stands."""
    if key.retired is not None:
        return "retired"
    if key.status is Status.READY and key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return key.status.value


def _end(key: RecordedKey, now: datetime) -> str:
    if key.status is Status.GONE:
        return "-"
    if (end := _last_instant(key)) is None:
        return "-" if key.created_at is None else "never"
    return format_instant(end) + (" (expired)" if end <= now else "")


def _last_instant(key: RecordedKey) -> datetime | None:
    """When a key's value works no longer: when it expires, or once its time is over, when it was replaced."""
    ends = [end for end in (key.expires_at, key.retired.delete_after if key.retired is not None else None) if end]
    return min(ends) if ends else None


def key_text(
    key: ShownKey, *, now: datetime, verbose: bool = False, palette: Palette = PLAIN, width: int = WIDTH
) -> str:
    """One key with all that is known of it, ending in a newline; the attributes as recorded beside the live ones.

    :param verbose: every value in full, however wide that becomes.
    """
    facts = _facts(key, now)
    size = max(cells(label) for label in facts)
    lines = [palette.paint(Tone.STRONG, escaped(key.alias or "(no alias)"))]
    lines += [f"  {label}{' ' * (size - len(label))}  {text}" for label, text in facts.items()]
    header = ("ATTRIBUTE", "RECORDED", "LIVE") if key.live is not None else ("ATTRIBUTE", "RECORDED")
    rows = [row[: len(header)] for row in _attribute_rows(key, full=verbose)]
    if rows:
        lines += ["", *table(header, rows, width=width, yielding=() if verbose else range(1, len(header)))]
    return "\n".join(lines) + "\n"


def _facts(key: ShownKey, now: datetime) -> dict[str, str]:
    recorded, live = key.recorded, key.live
    facts = {"status": _status(key)}
    if key.token is not None:
        facts["token"] = escaped(key.token)
    facts["value"] = "known" if key.value_known else "not known here"
    if key.member is not None:
        facts["workshop"] = f"{escaped(key.member.workshop)}, user {escaped(key.member.user)}"
    if recorded is not None:
        facts["origin"] = recorded.origin.value
    if key.created_at is not None:
        facts["created"] = format_instant(key.created_at)
    if live is not None or key.created_at is not None or key.expires_at is not None:
        facts["expires"] = expiry_text(key.expires_at, now)
    if recorded is not None and recorded.retired is not None:
        facts["works until"] = _works_until(recorded.retired, now)
    if recorded is not None and recorded.pending_since is not None:
        facts["pending since"] = format_instant(recorded.pending_since)
    if live is not None:
        facts["spend"] = _spend(live)
        if live.last_active is not None:
            facts["last used"] = format_instant(live.last_active)
        if live.created_by is not None:
            facts["created by"] = escaped(live.created_by)
    if recorded is not None:
        facts |= _restraints(recorded)
    return facts


def _restraints(recorded: RecordedKey) -> dict[str, str]:
    said = {
        "protected": "prevent_destroy" if recorded.prevent_destroy else "",
        "blocked": "until its workshop starts, and somebody applies" if recorded.awaits_start else "",
    }
    return {name: text for name, text in said.items() if text}


def _works_until(retired: Retired, now: datetime) -> str:
    if retired.delete_after is None:
        return f"{escaped(retired.successor)} works"
    return expiry_text(retired.delete_after, now)


def _status(key: ShownKey) -> str:
    """How a key stands, with what the proxy answered where it was asked."""
    recorded = key.recorded
    if recorded is None:
        return "not managed here"
    if recorded.status is Status.GONE and key.live is None:
        return "gone: somebody else deleted it, and on_missing leaves it so"
    successor = recorded.retired.successor if recorded.retired is not None else None
    words = recorded.status.value if successor is None else f"retired: {escaped(successor)} has a new value"
    return f"{words}, gone from the proxy" if key.asked and key.live is None else words


def _spend(live: LiveKey) -> str:
    budget = live.attributes.get("max_budget")
    limit = f" of {money(budget)}" if isinstance(budget, int | float) and not isinstance(budget, bool) else ""
    return spent(live.spend) + limit


def _attribute_rows(key: ShownKey, *, full: bool) -> list[tuple[str, str, str]]:
    """Every attribute that is recorded, and every live one that holds anything."""
    applied: Mapping[str, Value] = key.recorded.applied if key.recorded is not None else {}
    live = _live_values(key)
    shown = {path for path, value in live.items() if not _is_empty(value)} | applied.keys()
    return [
        (
            escaped(path),
            value_text(applied.get(path, UNSET), full=full),
            value_text(live.get(path, UNSET), full=full),
        )
        for path in in_order(shown)
    ]


def _live_values(key: ShownKey) -> dict[str, Value]:
    """The live attributes by path. What we recorded as sensitive, or stands where secrets stand, is not shown."""
    if key.live is None:
        return {}
    applied: Mapping[str, Value] = key.recorded.applied if key.recorded is not None else {}
    sealed = {path for path, value in applied.items() if isinstance(value, Sealed | Sensitive)} | ALWAYS_SENSITIVE
    return {
        path: Sensitive(None) if path in sealed and not _is_empty(value) else value
        for path, value in key.live.attributes.items()
    }


def _is_empty(value: Value) -> bool:
    """Whether a value is what LiteLLM gives a key that nobody set it on. Zero is not: it is a limit."""
    return value is None or value is False or value == [] or value == {}


def state_document(recorded: Recorded, *, proxy: str | None, serial: int) -> dict[str, Json]:
    """The whole state as JSON, each key as in :func:`key_document`; the proxy is not asked."""
    return {
        "format_version": FORMAT_VERSION,
        "proxy": proxy,
        "lineage": recorded.lineage,
        "serial": serial,
        "keys": [
            key_document(ShownKey(key, value_known=key.token in recorded.known_values))
            for key in recorded.keys.values()
        ],
    }


def key_document(key: ShownKey) -> dict[str, Json]:
    """One key as JSON. ``on_proxy`` is null where nobody asked; ``live`` is null where there is no answer."""
    recorded, live = key.recorded, key.live
    return {
        "alias": key.alias,
        "status": recorded.status.value if recorded is not None else "unmanaged",
        "on_proxy": live is not None if key.asked or live is not None else None,
        "id": recorded.id if recorded is not None else None,
        "token": key.token,
        "value_known": key.value_known,
        "workshop": key.member.workshop if key.member is not None else None,
        "user": key.member.user if key.member is not None else None,
        "origin": recorded.origin.value if recorded is not None else None,
        "created_at": _instant(key.created_at),
        "expires_at": _instant(key.expires_at),
        "pending_since": _instant(recorded.pending_since) if recorded is not None else None,
        "prevent_destroy": recorded.prevent_destroy if recorded is not None else False,
        "awaits_start": recorded.awaits_start if recorded is not None else False,
        "retired": retired_document(recorded) if recorded is not None and recorded.retired is not None else None,
        "applied": values_document(recorded.applied) if recorded is not None else None,
        "live": _live_document(key),
    }


def _live_document(key: ShownKey) -> dict[str, Json] | None:
    if key.live is None:
        return None
    return {
        "attributes": values_document(_live_values(key)),
        "spend": key.live.spend,
        "created_by": key.live.created_by,
        "last_active": _instant(key.live.last_active),
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
