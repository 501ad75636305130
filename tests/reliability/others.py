"""What other people do to the keys of a proxy, past vkstate: in LiteLLM's own interface, or with another tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from tests.reliability.model import Row
from tests.reliability.session import Session

FOREIGN: Final = "00000000-0000-4000-8000-000000000000"
"""The lineage of another project."""


def makes(session: Session, alias: str, **body: Any) -> None:
    """Somebody makes a key, if the alias is free."""
    answer = session.stand.proxy.generate({"key_alias": alias, **body})
    if answer.status_code == 200:
        session.counted["deeds of others"] += 1
        session.story.append(f"# somebody makes {alias} {body or ''}")


def does(session: Session, what: str, alias: str) -> None:
    """Somebody does something to the first key under an alias, if there is one and it can be done."""
    rows = session.world.bearing(alias)
    if rows:
        session.counted["deeds of others"] += 1
        session.story.append(f"# somebody {what} {alias} ({rows[0]['token'][:8]})")
        DEEDS[what](session, rows[0])


def _update(session: Session, row: Row, **body: Any) -> None:
    answer = session.stand.proxy.update(row["token"], **body)
    taken = answer.status_code == 400 and "already exists" in answer.text
    assert answer.status_code == 200 or taken, answer.text


def _delete(session: Session, row: Row) -> None:
    assert session.stand.proxy.post("/key/delete", {"keys": [row["token"]]}).status_code == 200


def _replace(session: Session, row: Row) -> None:
    _delete(session, row)
    session.stand.proxy.generate({"key_alias": row["key_alias"], "models": ["gpt-4"], "max_budget": 2})


def _metadata(session: Session, row: Row, **changes: Any) -> None:
    """Change metadata; what is None goes."""
    after = {**row["metadata"], **changes}
    _update(session, row, metadata={name: value for name, value in after.items() if value is not None})


def _claim(session: Session, row: Row) -> None:
    _metadata(session, row, vkstate={"lineage": FOREIGN, "id": "0123456789abcdef"})


def _swap(session: Session, row: Row) -> None:
    """Give a key and the next one each other's alias."""
    rows = sorted(session.world.rows.values(), key=lambda one: str(one["key_alias"]))
    other = rows[(rows.index(row) + 1) % len(rows)]
    if other is not row:
        _update(session, row, key_alias="in-between")
        _update(session, other, key_alias=row["key_alias"])
        _update(session, row, key_alias=other["key_alias"])


def _double(session: Session, row: Row) -> None:
    session.stand.double(row, older=False)
    session.doubled.add(row["key_alias"])


def _forerun(session: Session, row: Row) -> None:
    session.stand.double(row, older=True)
    session.doubled.add(row["key_alias"])


_Deed: TypeAlias = Callable[[Session, Row], None]

ATTRIBUTES: Final[Mapping[str, _Deed]] = {
    "gives a budget to": lambda session, row: _update(session, row, max_budget=77),
    "gives other models to": lambda session, row: _update(session, row, models=["gpt-3.5-turbo"]),
    "gives a team to": lambda session, row: _metadata(session, row, team="x"),
    "adds a note to": lambda session, row: _metadata(session, row, note="mine"),
    "blocks": lambda session, row: _update(session, row, blocked=True),
    "unblocks": lambda session, row: _update(session, row, blocked=False),
    "prolongs": lambda session, row: _update(session, row, duration="9d"),
    "cuts short": lambda session, row: _update(session, row, duration="3m"),
    "makes endless": lambda session, row: _update(session, row, duration="-1"),
}
EXISTENCE: Final[Mapping[str, _Deed]] = {"deletes": _delete, "replaces": _replace}
NAMES: Final[Mapping[str, _Deed]] = {
    "renames": lambda session, row: _update(session, row, key_alias=f"{row['key_alias']}-astray"),
    "renames to three:": lambda session, row: _update(session, row, key_alias="three"),
    "swaps with the next one": _swap,
    "makes a twin of": _double,
    "makes an older twin of": _forerun,
}
MARKS: Final[Mapping[str, _Deed]] = {
    "wipes the metadata of": lambda session, row: _update(session, row, metadata={}),
    "takes our mark off": lambda session, row: _metadata(session, row, vkstate=None),
    "claims for another project": _claim,
}
DEEDS: Final = {**ATTRIBUTES, **EXISTENCE, **NAMES, **MARKS}
"""By what is told of it."""
