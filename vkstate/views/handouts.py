"""What members are given: key value, base URL, models, expiry. The one place where a key value becomes text.

A value is written only where ``reveal`` is true; otherwise it is masked as LiteLLM masks it, or left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vkstate.attributes import Json
from vkstate.expiry import NEVER, format_instant
from vkstate.keys import KeyValue, Token
from vkstate.views.tables import table
from vkstate.views.values import value_text
from vkstate.views.words import counted, escaped

WIDTH: Final = 100
_UNKNOWN: Final = "(not known here)"


@dataclass(frozen=True)
class HandoutKey:
    """One key as it is handed out.

    ``key`` is None where this machine does not know the value; ``key_masked`` is then what the proxy shows of it, if
    anything. ``key_id`` is the token. ``expires_at`` is aware, as read back; ``max_budget`` in US dollars. ``status``
    is a word for people, such as ``ready`` or ``expired``. ``details`` are the roster's own columns.
    """

    alias: str
    user: str | None
    user_id: str | None
    key: KeyValue | None
    key_masked: str | None
    key_id: Token | None
    models: tuple[str, ...]
    duration: str | None
    expires_at: datetime | None
    max_budget: float | None
    workshop: str | None
    status: str
    details: Mapping[str, str] = field(default_factory=dict)

    def value(self, *, reveal: bool) -> str | None:
        """The key value, where it is to be shown and known."""
        return self.key.reveal() if reveal and self.key is not None else None


@dataclass(frozen=True)
class Handout:
    """Keys with the proxy that they open.

    ``proxy`` is the url that vkstate talks to, ``base_url`` the one that members use. ``state`` and ``changed`` say
    what the run did, in Ansible's sense.
    """

    proxy: str
    base_url: str
    keys: tuple[HandoutKey, ...]
    state: str = "present"
    changed: bool = False

    @property
    def api_endpoint(self) -> str:
        return self.base_url if self.base_url.endswith("://") else self.base_url.rstrip("/")

    @property
    def api_base_url(self) -> str:
        """What OpenAI clients are given as their base URL."""
        return f"{self.api_endpoint}/v1"


def as_table(handout: Handout, *, reveal: bool = False, width: int = WIDTH) -> str:
    """A table for a terminal, grouped by workshop, ending in a newline. A revealed value is never cut."""
    groups: dict[str | None, list[HandoutKey]] = {}
    for key in handout.keys:
        groups.setdefault(key.workshop, []).append(key)
    sections = [_group(workshop, keys, reveal=reveal, width=width) for workshop, keys in groups.items()]
    return "\n\n".join("\n".join(section) for section in (*sections, _remarks(handout, reveal=reveal))) + "\n"


def _group(workshop: str | None, keys: Sequence[HandoutKey], *, reveal: bool, width: int) -> list[str]:
    title = "Single keys" if workshop is None else escaped(workshop)
    header = ("ALIAS" if workshop is None else "USER", "KEY", "MODELS", "EXPIRES", "BUDGET", "STATUS")
    rows = [
        (
            escaped((key.user if workshop is not None else None) or key.alias),
            _shown_key(key, reveal=reveal),
            escaped(", ".join(key.models)),
            _expiry(key),
            "-" if key.max_budget is None else value_text(_plain(key.max_budget)),
            key.status,
        )
        for key in keys
    ]
    return [f"{title}: {counted(len(keys), 'key')}", *table(header, rows, width=width, yielding=(2, 0))]


def _shown_key(key: HandoutKey, *, reveal: bool) -> str:
    if reveal:
        return key.value(reveal=True) or _UNKNOWN
    return escaped(key.key_masked or "-")


def _expiry(key: HandoutKey) -> str:
    if key.expires_at is not None:
        return format_instant(key.expires_at)
    return "never" if key.duration in {None, NEVER} else "-"


def _remarks(handout: Handout, *, reveal: bool) -> list[str]:
    lines = [f"Base URL: {escaped(handout.api_base_url)}"]
    unknown = sum(key.key is None for key in handout.keys)
    if unknown:
        verb = "is" if unknown == 1 else "are"
        lines.append(f"{counted(unknown, 'key value')} {verb} not known on this machine.")
    if not reveal and unknown < len(handout.keys):
        lines.append("The key values are masked; `vkstate output --reveal` shows them.")
    return lines


def as_json(handout: Handout, *, reveal: bool = False) -> str:
    """The keys as one JSON document, in the shape of the Ansible collection's result, ending in a newline.

    ``key`` is null unless it is revealed and known.
    """
    document: dict[str, Json] = {
        "proxy": handout.proxy,
        "api_endpoint": handout.api_endpoint,
        "api_base_url": handout.api_base_url,
        "user_count": len(handout.keys),
        "state": handout.state,
        "changed": handout.changed,
        "keys": [_key_document(key, reveal=reveal) for key in handout.keys],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _key_document(key: HandoutKey, *, reveal: bool) -> dict[str, Json]:
    return {
        "alias": key.alias,
        "user": key.user,
        "user_id": key.user_id,
        "key": key.value(reveal=reveal),
        "key_masked": key.key_masked,
        "key_id": key.key_id,
        "models": [*key.models],
        "duration": key.duration,
        "expires_at": None if key.expires_at is None else format_instant(key.expires_at),
        "max_budget": None if key.max_budget is None else _plain(key.max_budget),
        "workshop": key.workshop,
        "status": key.status,
    }


def _plain(amount: float) -> int | float:
    return int(amount) if float(amount).is_integer() else amount


_COLUMNS: Final = (
    "alias",
    "user",
    "user_id",
    "key",
    "key_masked",
    "key_id",
    "models",
    "duration",
    "expires_at",
    "max_budget",
    "workshop",
    "status",
    "api_endpoint",
    "api_base_url",
)
_FORMULA: Final = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\n]")


def as_csv(handout: Handout, *, reveal: bool = False) -> str:
    """The keys as CSV with a header, for a mail merge; the roster's own columns come last.

    Several models stand in one cell, with ``, `` between them. A cell that a spreadsheet would take for a formula has a
    ``'`` before it. A roster column with a name of ours is called ``details.<name>``.
    """
    details = list(dict.fromkeys(name for key in handout.keys for name in key.details))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    named = (f"details.{name}" if name in _COLUMNS else name for name in details)
    writer.writerow([*_COLUMNS, *(_harmless(name) for name in named)])
    for key in handout.keys:
        cells: dict[str, Json] = {
            **_key_document(key, reveal=reveal),
            "models": ", ".join(key.models),
            "api_endpoint": handout.api_endpoint,
            "api_base_url": handout.api_base_url,
        }
        own = ("" if cells[name] is None else str(cells[name]) for name in _COLUMNS)
        writer.writerow(_harmless(cell) for cell in (*own, *(key.details.get(name, "") for name in details)))
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that stays one cell and stays text in a spreadsheet: what begins like a formula, be it with a full-width
    sign, runs as one; and a carriage return of its own starts a row, as Python's writer does not quote it."""
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_env(handout: Handout, *, reveal: bool = False) -> str:
    """Assignments for a shell or a ``.env`` file.

    One key gives ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``, which OpenAI clients read. Several give the base URL once
    and each key as ``<ALIAS>_KEY``. A value that is not shown is a comment, so that nobody loads a mask as a key.
    """
    base_url = f"OPENAI_BASE_URL={shlex.quote(handout.api_base_url)}\n"
    if len(handout.keys) == 1:
        return _env_block(handout.keys[0], "OPENAI_API_KEY", reveal=reveal) + base_url
    variables = _variables([key.alias for key in handout.keys])
    blocks = [_env_block(key, variables[key.alias], reveal=reveal) for key in handout.keys]
    return "\n".join((base_url, *blocks))


def _env_block(key: HandoutKey, variable: str, *, reveal: bool) -> str:
    value = key.value(reveal=reveal)
    if value is not None:
        assigned = f"{variable}={shlex.quote(value)}"
    elif key.key is None:
        assigned = f"# {variable} is not known on this machine"
    else:
        assigned = f"# {variable} is {key.key.masked}; `vkstate output --reveal` shows it"
    return f"# {escaped(key.alias)}\n{assigned}\n"


def _variables(aliases: Sequence[str]) -> dict[str, str]:
    """A variable name for each alias. Where two would share one, both carry a digest of their alias, so that a name
    never comes to mean another key because a key was added."""
    stems = {alias: re.sub(r"[^A-Z0-9]", "_", alias.upper()) for alias in aliases}
    stems = {alias: f"_{stem}" if stem[:1].isdigit() else stem for alias, stem in stems.items()}
    shared = Counter(stems.values())
    return {
        alias: f"{stem}_KEY" if shared[stem] == 1 else f"{stem}_{_digest(alias)}_KEY" for alias, stem in stems.items()
    }


def _digest(alias: str) -> str:
    return hashlib.sha256(alias.encode(errors="surrogatepass")).hexdigest()[:8].upper()
