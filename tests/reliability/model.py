"""What the machine knows: a config as a value, a project with its proxy as they are seen from outside, and a command.

Everything here is small on purpose: a key has a handful of attributes, and each can be said, unsaid, or said otherwise.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from tests.workspace import Workspace

Json: TypeAlias = Any
Row: TypeAlias = Mapping[str, Any]
"""A key of the proxy, as it lies in the sandbox's file: instants are milliseconds since 1970."""
Record: TypeAlias = Mapping[str, Any]
"""A key of the state, as it lies in its file."""
Declared: TypeAlias = Mapping[str, Json]
"""What a config says of a key, by flat path."""

UNSAID: Final = "unsaid"
EXPIRY: Final = frozenset({"duration", "expires_at"})
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOVING: Final = frozenset({"updated_at", "updated_by", "settings_updated_at"})
"""Columns that every write touches."""


@dataclass(frozen=True)
class Entry:
    """What a config says of a key, or of all keys of a workshop. ``life`` is a duration, ``never`` or an instant."""

    budget: int | Literal["unsaid"] | None = 5
    team: str = UNSAID
    life: str = "1d"
    protect: bool | None = None
    missing: str = "recreate"
    ignores: bool = False

    @property
    def declared(self) -> dict[str, Json]:
        """By flat path; without the user, who depends on the alias."""
        until = self.life[:1].isdigit() and "T" in self.life
        said: dict[str, Json] = {"models": ["gpt-4"], "expires_at" if until else "duration": self.life}
        said |= {} if self.budget == UNSAID else {"max_budget": self.budget}
        return said | ({} if self.team == UNSAID else {"metadata.team": self.team})

    @property
    def form(self) -> dict[str, Json]:
        """As it stands in a config."""
        said = {name: value for name, value in self.declared.items() if name != "models" and "." not in name}
        if self.team != UNSAID:
            said["metadata"] = {"team": self.team}
        life: dict[str, Json] = {} if self.protect is None else {"prevent_destroy": self.protect}
        life |= {} if self.missing == "recreate" else {"on_missing": self.missing}
        life |= {"ignore_changes": ["max_budget"]} if self.ignores else {}
        return said | ({"lifecycle": life} if life else {})


@dataclass(frozen=True)
class Want:
    """A key that is desired. ``member`` is its workshop and user."""

    alias: str
    declared: Declared
    member: tuple[str, str] | None = None
    protect: bool | None = None
    missing: str = "recreate"
    ignored: frozenset[str] = frozenset()

    def says(self, path: str) -> bool:
        """Whether a path is compared at all."""
        return path not in self.ignored


@dataclass(frozen=True)
class Config:
    """A whole config. Workshops have their members' names and one entry for all."""

    keys: Mapping[str, Entry] = field(default_factory=dict)
    workshops: Mapping[str, tuple[tuple[str, ...], Entry]] = field(default_factory=dict)
    moved: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, bool], ...] = ()
    imports: tuple[str, ...] = ()

    @property
    def wants(self) -> dict[str, Want]:
        """What is desired, by alias."""
        found = {alias: _want(alias, alias, None, entry) for alias, entry in self.keys.items()}
        for workshop, (members, entry) in self.workshops.items():
            for user in members:
                alias = f"{workshop}-{user}"
                found[alias] = _want(alias, f"{user}@example.com", (workshop, user), entry)
        return found

    @property
    def text(self) -> str:
        """The file."""
        document: dict[str, Json] = {
            "proxy": {"url": "sandbox://"},
            "defaults": {"models": ["gpt-4"]},
            "safety": {"max_delete_percent": 100},
            "keys": {alias: entry.form for alias, entry in self.keys.items()},
            "workshops": {
                name: {"members": list(members), **entry.form} for name, (members, entry) in self.workshops.items()
            },
            "moved": [{"from": source, "to": target} for source, target in self.moved],
            "removed": [{"alias": target, "destroy": destroy} for target, destroy in self.removed],
            "import": list(self.imports),
        }
        lines = (f"{name}: {json.dumps(section)}\n" for name, section in document.items() if section)
        return "".join(lines)

    def tidy(self) -> Config:
        """Without what would make it invalid: moves from, and removals of, what is declared; circles; and the like."""
        wants = self.wants
        moved: dict[str, str] = {}
        for source, target in self.moved:
            declared = source.removeprefix("workshop:") in self.workshops if ":" in source else source in wants
            if not declared and source not in moved and not _leads_back(source, target, moved):
                moved[source] = target
        removed = dict(self.removed)
        kept = [
            (target, destroy)
            for target, destroy in removed.items()
            if not any(matches(target, alias, want.member) for alias, want in wants.items())
        ]
        imports = [alias for alias in dict.fromkeys(self.imports) if alias in wants]
        return replace(self, moved=tuple(moved.items()), removed=tuple(kept), imports=tuple(imports))


def _want(alias: str, user: str, member: tuple[str, str] | None, entry: Entry) -> Want:
    ignored = frozenset({"max_budget"}) if entry.ignores else frozenset[str]()
    return Want(alias, {**entry.declared, "user_id": user}, member, entry.protect, entry.missing, ignored)


def _leads_back(source: str, target: str, moved: Mapping[str, str]) -> bool:
    while target in moved:
        target = moved[target]
    return target == source


def matches(target: str, alias: str, member: tuple[str, str] | None) -> bool:
    """Whether a target names a key."""
    if not target.startswith("workshop:"):
        return fnmatchcase(alias, target)
    workshop, _, user = target.removeprefix("workshop:").partition("/")
    return member is not None and fnmatchcase(member[0], workshop) and fnmatchcase(member[1], user or "*")


@dataclass(frozen=True)
class World:
    """A project and its proxy at one moment."""

    lineage: str
    records: Mapping[str, Record]
    rows: Mapping[str, Row]
    raw: Mapping[str, str] = field(repr=False)
    """The rows byte by byte."""
    values: frozenset[str] = frozenset()
    """The tokens whose values are in the secret store."""
    state: str = field(default="", repr=False)
    reported: frozenset[str] = frozenset()

    def live(self, record: Record) -> Row | None:
        """The key that a record stands for, where it exists."""
        return self.rows.get(record.get("token") or "")

    def bearing(self, alias: str) -> list[Row]:
        """The keys under an alias."""
        return [row for token, row in sorted(self.rows.items()) if row["key_alias"] == alias]

    def is_ours(self, row: Row) -> bool:
        """Whether a key carries our lineage."""
        return mark_of(row).get("lineage") == self.lineage


def seen(workspace: Workspace) -> World:
    """The project as it lies on the disk, and the sandbox's keys."""
    text = workspace.state_path.read_text(encoding="utf-8")
    state = json.loads(text)
    raw = rows_in(workspace.path / ".vkstate" / "sandbox.sqlite")
    reports = (json.loads(path.read_text(encoding="utf-8")) for path in workspace.path.glob("reports/[!.]*"))
    return World(
        lineage=state["lineage"],
        records=state["keys"],
        rows={token: json.loads(row) for token, row in raw.items()},
        raw=raw,
        values=frozenset(workspace.stored),
        state=text,
        reported=frozenset(line["token"] for report in reports for line in report["keys"]),
    )


def rows_in(path: Path) -> dict[str, str]:
    """Every key of a sandbox by token, as its text."""
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute("SELECT token, row FROM keys"))
    except sqlite3.OperationalError:  # nobody has asked the sandbox yet
        return {}
    finally:
        connection.close()


def mark_of(row: Row) -> dict[str, Json]:
    """Our mark on a key, or another project's; empty where there is none."""
    mark = row["metadata"].get("vkstate")
    return dict(mark) if isinstance(mark, dict) else {}


def member_of(record: Record) -> tuple[str, str] | None:
    """Whose key it is, as the state says."""
    return (record["workshop"], record["user"]) if "workshop" in record else None


def applied_of(record: Record) -> dict[str, Json]:
    """What a record says was applied, by flat path."""
    flat = {name: value for name, value in record["applied"].items() if name != "metadata"}
    return flat | {f"metadata.{key}": value for key, value in record["applied"].get("metadata", {}).items()}


def value_at(row: Row, path: str) -> Json:
    """What a key has at a path; :data:`UNSAID` where it has nothing."""
    if path.startswith("metadata."):
        return row["metadata"].get(path.removeprefix("metadata."), UNSAID)
    if path == "models":
        return row["models"] or ["all-proxy-models"]
    return row[path]


def fields_for(row: Row, values: Declared, cleared: Iterable[str] = ()) -> dict[str, Json]:
    """The columns of a row once these paths have these values, and others are cleared."""
    metadata = dict(row["metadata"])
    fields: dict[str, Json] = {}
    for path in cleared:
        if path.startswith("metadata."):
            metadata.pop(path.removeprefix("metadata."), None)
        else:
            fields[path] = [] if path == "models" else None
    for path, value in values.items():
        if path.startswith("metadata."):
            metadata[path.removeprefix("metadata.")] = value
        else:
            fields[path] = value
    return fields | {"metadata": metadata}


def instant(text: str) -> datetime:
    """An instant as the state and a config write it."""
    return datetime.fromisoformat(text)


def ends(row: Row) -> datetime | None:
    """When a key ends."""
    return None if row["expires"] is None else datetime.fromtimestamp(row["expires"] / 1000, UTC)


def born(row: Row) -> datetime:
    """When a key was made."""
    return datetime.fromtimestamp(row["created_at"] / 1000, UTC)


def end_of(declared: Declared, start: datetime) -> datetime | None:
    """When a key ends that is given its declared expiry at an instant; None is never."""
    if "expires_at" in declared:
        return instant(declared["expires_at"])
    text = declared["duration"]
    return None if text == "never" else start + timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
