"""Whether a run told the truth: what it says of each change, held against the proxy's rows and the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.reliability.invariants import Broken, Guard, Row, lineage_of, steady
from tests.workspace import Ran

Event = Mapping[str, Any]

_SHOWN = ("max_budget", "models", "user_id")
"""Attributes that a plan declares under the names that a row has."""


@dataclass(frozen=True)
class Expected:
    """What was there before a run, and what that run was to do."""

    changes: Mapping[str, Event]
    """The plan's changes by alias."""
    rows: Mapping[str, Row]
    state: Event


def expected(guard: Guard, arguments: tuple[str, ...]) -> Expected:
    """Look before a command is run: at the plan that it will make, the proxy and the state."""
    command, *options = (word for word in arguments if word not in ("--auto-approve", "--json"))
    asked = {"apply": [], "destroy": ["--destroy"], "refresh": ["--refresh-only"]}[command]
    plan = guard.workspace.ok("plan", "--json", *asked, *options).document
    assert plan["problems"] == []
    return Expected({change["alias"]: change for change in plan["changes"]}, _rows(guard), guard.workspace.state)


def held_to(before: Expected, ran: Ran, guard: Guard) -> None:
    """See that a run with ``--json`` told the truth, and all of it.

    :raises Broken: with all that is not so.
    """
    *results, last = ran.events
    now = _rows(guard)
    if last["type"] == "error":
        broken = list(_nothing_done(before, ran, now, guard.workspace.state))
    else:
        broken = [*_complete(before, ran, results, last), *_told(before, results, now, guard)]
    if broken:
        raise Broken("\n".join([*broken, ran.stdout, ran.stderr]))


def _rows(guard: Guard) -> dict[str, Row]:
    return {row["token"]: steady(row) for row in guard.rows()}


def _nothing_done(before: Expected, ran: Ran, now: Mapping[str, Row], state: Event) -> Iterator[str]:
    """A run that ends with an error has not begun."""
    if ran.code != 1 or len(ran.events) != 1:
        yield f"an error is all that is told, and exit code {ran.code} came with {len(ran.events)} events"
    if now != before.rows:
        yield "an error is all that is told, and something on the proxy has changed"
    if state != before.state:
        yield "an error is all that is told, and the state has changed"


def _complete(before: Expected, ran: Ran, results: list[Event], summary: Event) -> Iterator[str]:
    told = [(result["alias"], result["action"]) for result in results]
    planned = [(alias, change["action"]) for alias, change in before.changes.items()]
    if told != planned:
        yield f"planned was {planned}, and told is {told}"
    counts = {
        kind: sum(result["type"] == kind for result in results) for kind in ("applied", "failed", "not_attempted")
    }
    complete = counts["applied"] == len(results)
    code = 0 if complete else 3 if counts["applied"] else 1
    if (ran.code, summary["complete"]) != (code, complete):
        yield f"{counts}, and exit code {ran.code}, complete {summary['complete']}"
    done = sum(summary[name] for name in ("created", "updated", "replaced", "deleted", "forgotten", "adopted"))
    done += summary["imported"] + summary["released"] - _counted_twice(summary)
    if (done, summary["failed"], summary["not_attempted"]) != tuple(counts.values()):
        yield f"{counts}, and the summary counts {summary}"


def _counted_twice(summary: Event) -> int:
    """Imports are adoptions, and releases are forgotten."""
    return int(summary["imported"] + summary["released"])


def _told(before: Expected, results: list[Event], now: Mapping[str, Row], guard: Guard) -> Iterator[str]:
    touched: set[str] = set()
    keys = guard.workspace.keys
    for result in results:
        alias, change = result["alias"], before.changes[result["alias"]]
        touched |= {token for token in (change["token"], keys.get(alias, {}).get("token")) if token}
        match result["type"]:
            case "applied":
                wrong = list(_not_so(change, result, before, now, guard))
            case "failed":
                wrong = [] if result["detail"] else ["no word about why"]
            case _:
                wrong = list(_sent_all_the_same(change, before, now, guard))
                wrong += [] if result["why"] else ["no word about why"]
        yield from (f"{result['type']} is told of {change['action']} {alias}: {text}" for text in wrong)
    for token, row in before.rows.items():
        if token not in touched and now.get(token) != row:
            yield f"{row['key_alias']} has changed, and no change was about it"


def _not_so(change: Event, result: Event, before: Expected, now: Mapping[str, Row], guard: Guard) -> Iterator[str]:
    """Why a change that is told as applied is not."""
    alias, token, keys = change["alias"], change["token"], guard.workspace.keys
    record = keys.get(alias)
    if change["action"] in ("delete", "forget"):
        stays = token in now and lineage_of(now[token]) is None
        if record or (token in now if change["action"] == "delete" else not stays):
            yield f"the row is {now.get(token)}, in the state: {bool(record)}"
        return
    row = now.get(record["token"]) if record else None
    if record is None or record["status"] != "ready" or row is None or row["key_alias"] != alias:
        yield f"the record is {record}, the row {row}"
        return
    if change["becomes"]:
        if row != before.rows[token]:
            yield "the proxy was not to be touched"
        yield from _differs(record["applied"], row)
        return
    yield from _differs(change["declared"], row)
    if lineage_of(row) != guard.lineage:
        yield "it does not carry our mark"
    if change["action"] == "replace":
        yield from _old_is_there(result["retires"], record, now, keys)
    elif token and record["token"] != token:
        yield "it is another key than before"


def _differs(asked: Event, row: Row) -> Iterator[str]:
    live = {name: row[name] for name in _SHOWN if name in asked}
    if live != {name: asked[name] for name in live}:
        yield f"asked is {asked}, and there is {live}"


def _old_is_there(retires: Event, record: Event, now: Mapping[str, Row], keys: Mapping[str, Event]) -> Iterator[str]:
    """What of the old key of a replacement is not as it should be."""
    if record["token"] == retires["token"]:
        yield "the value is the old one"
    old = now.get(retires["token"])
    if retires["delete_after"] is None:
        if old or retires["alias"] in keys:
            yield f"the old row is {old}, in the state: {retires['alias'] in keys}"
        return
    ends = datetime.fromisoformat(retires["delete_after"]) + timedelta(seconds=2)
    if old is None or old["key_alias"] != retires["alias"] or datetime.fromisoformat(old["expires"]) > ends:
        yield f"the old row is {old}"


def _sent_all_the_same(change: Event, before: Expected, now: Mapping[str, Row], guard: Guard) -> Iterator[str]:
    """Why a change that is told as not attempted was."""
    token = change["token"]
    if token and now.get(token) != before.rows.get(token):
        yield f"the row was {before.rows.get(token)}, and is {now.get(token)}"
    if change["action"] == "create" and any(row["key_alias"] == change["alias"] for row in now.values()):
        yield "it is there"
