"""From a state to its text: the same bytes for the same state, whoever writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from json.encoder import encode_basestring

from vkstate.expiry import format_instant
from vkstate.keys import Alias, RecordedKey, Retired
from vkstate.state.applied import nested_form
from vkstate.state.model import FORMAT, State


@dataclass
class Serialiser:
    """Turns states into text; remembers each key's own text, so that a later state costs what changed since."""

    _drawn: dict[Alias, tuple[RecordedKey, str]] = field(default_factory=dict, repr=False)

    def text(self, state: State) -> str:
        """The state's file: sorted, indented by two spaces, absent fields left out, one final newline.

        :raises TypeError: a sensitive value was recorded without being sealed.
        """
        self._drawn = {alias: self._draw(alias, state.keys[alias]) for alias in sorted(state.keys)}
        keys = ",".join([f"\n    {encode_basestring(alias)}: {text}" for alias, (_, text) in self._drawn.items()])
        rest = {"lineage": state.lineage, "proxy": state.proxy, "serial": state.serial}
        fields = {"format": str(FORMAT), "keys": f"{{{keys}\n  }}" if keys else "{}"}
        fields |= {name: _quoted(value) for name, value in rest.items() if value is not None}
        text = "{" + ",".join([f'\n  "{name}": {value}' for name, value in fields.items()]) + "\n}\n"
        # Half a surrogate pair, which only JSON can hold, has no UTF-8: it is written as JSON escapes it.
        return text if _encodes(text) else text.encode("utf-8", "backslashreplace").decode()

    def _draw(self, alias: Alias, key: RecordedKey) -> tuple[RecordedKey, str]:
        known = self._drawn.get(alias)
        # Records are frozen: the very same object has the very same text.
        return known if known and known[0] is key else (key, _indented(_form(key), "\n    "))


def serialise(state: State) -> str:
    """The text of a state's file: see :meth:`Serialiser.text`."""
    return Serialiser().text(state)


def _form(key: RecordedKey) -> dict[str, object]:
    """A key's fields, those that are absent left out."""
    form: dict[str, object] = {
        "status": key.status.value,
        "id": key.id,
        "token": key.token,
        "origin": key.origin.value,
        "applied": nested_form(key.applied),
        "created_at": _instant(key.created_at),
        "expires_at": _instant(key.expires_at),
        "prevent_destroy": key.prevent_destroy or None,
        "pending_since": _instant(key.pending_since),
        "awaits_start": key.awaits_start or None,
        "server_defaults": dict(key.server_defaults) or None,
        "retired": _retired(key.retired),
    }
    if key.member:
        form |= {"workshop": key.member.workshop, "user": key.member.user, "user_number": key.member.number}
    return {name: value for name, value in form.items() if value is not None}


def _retired(retired: Retired | None) -> dict[str, object] | None:
    if retired is None:
        return None
    end = _instant(retired.delete_after)
    return {"successor": retired.successor} | ({} if end is None else {"delete_after": end})


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


_quoted = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _indented(value: object, line: str) -> str:
    """JSON as ``json.dumps(indent=2, sort_keys=True)`` writes it, in half its time; ``line`` begins a line there."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        inner = line + "  "
        items = [f"{inner}{encode_basestring(name)}: {_indented(value[name], inner)}" for name in sorted(value)]
        return "{" + ",".join(items) + line + "}" if items else "{}"
    if isinstance(value, list):
        inner = line + "  "
        items = [inner + _indented(item, inner) for item in value]
        return "[" + ",".join(items) + line + "]" if items else "[]"
    return _quoted(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
