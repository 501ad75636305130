"""``vkstate spend``."""

from __future__ import annotations

import sys
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vkstate.cli.options import Exclude, Globs, Target
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say

if TYPE_CHECKING:
    from datetime import datetime

    from vkstate.cli.project import Project
    from vkstate.keys import Alias
    from vkstate.views.spend import Spending, SpentKey


class Format(StrEnum):
    """How it is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


class Sort(StrEnum):
    """What the keys are sorted by."""

    ALIAS = "alias"
    SPEND = "spend"


def spend(
    shared: Shared,
    targets: Globs = None,
    target: Target = None,
    exclude: Exclude = None,
    sort: Annotated[
        Sort | None, typer.Option("--sort", help="By alias, or the most spent first. Default: alias.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top", metavar="N", min=1, help="Only the first N keys; by spend, unless --sort says otherwise."
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to FILE instead.")] = None,
) -> int:
    """Show what each key has spent of its budget.

    With the totals of each workshop and of all. Asks the proxy for the keys of this project only, 500 a request, and
    changes nothing.
    """
    from vkstate.cli.formats import chosen
    from vkstate.cli.own_files import refuse_own
    from vkstate.cli.project import Project
    from vkstate.cli.selecting import selected
    from vkstate.state.durable import durable_write
    from vkstate.views.spend import spending
    from vkstate.views.words import counted

    written = chosen(format_, as_json=as_json, usual=Format.TEXT, json=Format.JSON)
    project = Project(shared)
    if out is not None:
        refuse_own(project, out)
    project.bound()
    aliases = selected(project, [*(targets or ()), *(target or ())], exclude)
    keys, now = _read(project, aliases)
    found = spending(keys, by_spend=top is not None if sort is None else sort is Sort.SPEND, top=top)
    text = _text(project, found, now, written, in_file=out is not None)
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        durable_write(out, text.encode())
        say(f"What {counted(len(aliases), 'key')} had spent was written to {out}.")
    return 0


def _text(project: Project, found: Spending, now: datetime, form: Format, *, in_file: bool) -> str:
    """What keys have spent, in one of the formats."""
    from vkstate.cli.screen import palette, width
    from vkstate.views.documents import dumped
    from vkstate.views.spend_data import spend_csv, spend_document
    from vkstate.views.spend_table import spend_text

    match form:
        case Format.CSV:
            return spend_csv(found)
        case Format.JSON:
            return dumped(spend_document(found, proxy=project.config.proxy.url, now=now))
        case Format.TEXT if in_file:
            return spend_text(found)
        case Format.TEXT:
            return spend_text(found, palette=palette(project), width=width())


def _read(project: Project, aliases: Collection[Alias]) -> tuple[list[SpentKey], datetime]:
    """The keys as the proxy answers them, and its clock."""
    from vkstate.cli.showing import reading
    from vkstate.executor.orders import sought
    from vkstate.keys import Status
    from vkstate.litellm.capabilities import prove_admin
    from vkstate.litellm.proxy import LiteLLMProxy
    from vkstate.views.spend import spent_key

    records = [project.state.keys[alias] for alias in aliases]
    known = [item for record in records if (item := sought(record))]
    with project.connected() as connection:
        with reading(project, connection):
            live = LiteLLMProxy(connection, parallelism=project.config.proxy.parallelism).find(known)
        if any(record.status is Status.READY and record.token not in live for record in records):
            prove_admin(connection)  # to a key that does not see all, ours look gone
        now = connection.now()
    return [spent_key(record, live.get(record.token) if record.token else None, now) for record in records], now
