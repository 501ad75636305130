"""The sandbox's SQLite file: keys, the archive of deleted ones, and the rows that keys point to.

A row is kept as JSON; the columns that are searched or sorted by are generated from it, so there is one truth. Each
transaction opens its own connection: nothing is shared between threads, processes or forks, and nothing is left open.
What a transaction has committed survives the death of the process; it is not forced to the disk: this is a sandbox.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vkstate.errors import VkstateError
from vkstate.sandbox.jsons import Json, Object

_SEARCHED = (
    "key_alias",
    "user_id",
    "team_id",
    "organization_id",
    "project_id",
    "agent_id",
    "spend",
    "max_budget",
    "created_at",
    "updated_at",
    "expires",
    "blocked",
)
_GENERATED = ", ".join(f"{name} GENERATED ALWAYS AS (json_extract(row, '$.{name}')) VIRTUAL" for name in _SEARCHED)
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS keys (token TEXT PRIMARY KEY, row TEXT NOT NULL, {_GENERATED})",
    "CREATE INDEX IF NOT EXISTS keys_by_alias ON keys (key_alias)",
    "CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_at, token)",
    f"CREATE TABLE IF NOT EXISTS deleted_keys (number INTEGER PRIMARY KEY, token TEXT, row TEXT, {_GENERATED})",
    "CREATE INDEX IF NOT EXISTS deleted_by_token ON deleted_keys (token)",
    "CREATE TABLE IF NOT EXISTS budgets (id TEXT PRIMARY KEY, row TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS permissions (id TEXT PRIMARY KEY, row TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS teams (id TEXT PRIMARY KEY, row TEXT NOT NULL)",
)
_PATIENCE_SECONDS = 30.0
_VARIABLES_AT_ONCE = 500


class SandboxStorageError(VkstateError):
    """The sandbox's file cannot be opened, read or written."""

    summary: ClassVar[str] = "the sandbox cannot use its file"


@dataclass(frozen=True)
class Search:
    """What to look for: SQL conditions with their values, an order, and a page."""

    conditions: Sequence[str]
    values: Sequence[Json]
    order: str
    limit: int
    offset: int
    deleted: bool = False
    """Search the archive instead of the live keys."""


class Tables:
    """The tables, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def key(self, token: str) -> Object | None:
        """The live key with this token."""
        return self._one("SELECT row FROM keys WHERE token = ?", token)

    def keys(self, tokens: Sequence[str]) -> list[Object]:
        """The live keys among ``tokens``, the most expensive first; unknown ones are left out, doubles collapse."""
        wanted = list(dict.fromkeys(tokens))
        found: list[Object] = []
        for start in range(0, len(wanted), _VARIABLES_AT_ONCE):
            part = wanted[start : start + _VARIABLES_AT_ONCE]
            marks = ", ".join("?" * len(part))
            found += self._many(f"SELECT row FROM keys WHERE token IN ({marks})", *part)  # noqa: S608 - marks only
        return sorted(found, key=lambda row: -float(str(row["spend"])))

    def tokens_of(self, aliases: Sequence[str]) -> list[str]:
        """The tokens of all live keys with one of these aliases."""
        found: list[str] = []
        for alias in aliases:
            cursor = self._connection.execute("SELECT token FROM keys WHERE key_alias = ? ORDER BY token", (alias,))
            found += [str(token) for (token,) in cursor]
        return found

    def insert(self, row: Object) -> Object:
        """Insert a key unless its token exists; the row that is there afterwards."""
        token = str(row["token"])
        self._connection.execute(
            "INSERT INTO keys (token, row) VALUES (?, ?) ON CONFLICT (token) DO NOTHING", (token, json.dumps(row))
        )
        return self.key(token) or row

    def save(self, row: Object) -> None:
        """Write back a live key."""
        self._connection.execute("UPDATE keys SET row = ? WHERE token = ?", (json.dumps(row), row["token"]))

    def archive(self, row: Object) -> None:
        """Move a live key to the archive; ``row`` is what the archive keeps."""
        self._connection.execute("DELETE FROM keys WHERE token = ?", (row["token"],))
        self._connection.execute("INSERT INTO deleted_keys (token, row) VALUES (?, ?)", (row["token"], json.dumps(row)))

    def archived(self, token: str) -> Object | None:
        """What the archive kept at the latest deletion of this token."""
        return self._one("SELECT row FROM deleted_keys WHERE token = ? ORDER BY number DESC LIMIT 1", token)

    def search(self, wanted: Search) -> tuple[int, list[Object]]:
        """How many keys match, and one page of them."""
        table = "deleted_keys" if wanted.deleted else "keys"
        where = " AND ".join(wanted.conditions) or "1"
        # Conditions and order are this package's own text; every value of a caller is bound.
        counted = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", wanted.values)  # noqa: S608
        (total,) = counted.fetchone()
        statement = f"SELECT row FROM {table} WHERE {where} ORDER BY {wanted.order} LIMIT ? OFFSET ?"  # noqa: S608
        return int(total), self._many(statement, *wanted.values, wanted.limit, wanted.offset)

    def budget(self, budget_id: Json) -> Object | None:
        """The budget with this id; none for null."""
        return self._one("SELECT row FROM budgets WHERE id = ?", budget_id)

    def save_budget(self, row: Object) -> None:
        """Insert or replace a budget."""
        self._connection.execute("REPLACE INTO budgets (id, row) VALUES (?, ?)", (row["budget_id"], json.dumps(row)))

    def permission(self, permission_id: Json) -> Object | None:
        """The object permission with this id; none for null."""
        return self._one("SELECT row FROM permissions WHERE id = ?", permission_id)

    def save_permission(self, row: Object) -> None:
        """Insert or replace an object permission."""
        self._connection.execute(
            "REPLACE INTO permissions (id, row) VALUES (?, ?)", (row["object_permission_id"], json.dumps(row))
        )

    def team(self, team_id: str) -> Object | None:
        """The team with this id."""
        return self._one("SELECT row FROM teams WHERE id = ?", team_id)

    def teams(self) -> list[Object]:
        """All teams, the newest first."""
        return self._many("SELECT row FROM teams ORDER BY json_extract(row, '$.created_at') DESC, rowid DESC")

    def save_team(self, row: Object) -> None:
        """Insert or replace a team."""
        self._connection.execute("REPLACE INTO teams (id, row) VALUES (?, ?)", (row["team_id"], json.dumps(row)))

    def drop_team(self, team_id: str) -> None:
        """Delete a team."""
        self._connection.execute("DELETE FROM teams WHERE id = ?", (team_id,))

    def tokens_of_team(self, team_id: str) -> list[str]:
        """The tokens of all live keys of a team."""
        cursor = self._connection.execute("SELECT token FROM keys WHERE team_id = ?", (team_id,))
        return [str(token) for (token,) in cursor]

    def _one(self, statement: str, value: Json) -> Object | None:
        found = self._many(statement, value)
        return found[0] if found else None

    def _many(self, statement: str, *values: Json) -> list[Object]:
        rows: list[Object] = [json.loads(text) for (text,) in self._connection.execute(statement, values)]
        return rows


class Store:
    """The file. ``reading`` and ``writing`` give the tables for one transaction, to threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writers = threading.Lock()  # SQLite makes writers wait by polling; within a process this is faster
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unusable(error) from error
        with self._transaction("BEGIN IMMEDIATE") as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """One consistent view."""
        with self._transaction("BEGIN") as connection:
            yield Tables(connection)

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """Changes that are all made, or none when the block raises. Other writers wait."""
        with self._writers, self._transaction("BEGIN IMMEDIATE") as connection:
            yield Tables(connection)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a mistake of this package, not of the file
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            connection.close()

    def _unusable(self, error: Exception) -> SandboxStorageError:
        return SandboxStorageError(
            f"{self._path} could not be used as the sandbox's SQLite file: {error}.",
            hint=f"move {self._path} away; the sandbox starts with an empty file (its keys are for trying only)",
        )
