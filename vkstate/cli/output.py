"""``vkstate output``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vkstate.cli.options import Exclude, Globs
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say, write
from vkstate.errors import ExitCode


class Format(StrEnum):
    """How keys are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ENV = "env"


def output(
    shared: Shared,
    targets: Globs = None,
    exclude: Exclude = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the key values instead of masking them.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to FILE (mode 0600) instead, with the key values."),
    ] = None,
) -> int:
    """Show the keys, or hand them out.

    Key values are masked; --reveal or --out FILE gives them. Reads the state and the secret store, and asks nothing of
    the proxy. Exits 3 where a value was asked for that this machine does not know.
    """
    from vkstate.cli.handing_out import handout
    from vkstate.cli.project import Project
    from vkstate.cli.selecting import handed_out
    from vkstate.cli.showing import width
    from vkstate.state.durable import durable_write
    from vkstate.views.handouts import as_csv, as_env, as_table
    from vkstate.views.handouts import as_json as to_json

    project = Project(shared)
    given = handout(project, project.state, handed_out(project, targets, exclude))
    show_values = reveal or out is not None
    match Format.JSON if as_json else format_:
        case Format.JSON:
            text = to_json(given, reveal=show_values)
        case Format.CSV:
            text = as_csv(given, reveal=show_values)
        case Format.ENV:
            text = as_env(given, reveal=show_values)
        case Format.TABLE:
            text = as_table(given, reveal=show_values, width=10_000 if out else width())
    if out:
        durable_write(out, text.encode(), mode=0o600)
        say(f"{len(given.keys)} keys were written to {out} (mode 0600), with their values.")
    else:
        write(text.rstrip("\n"))
    unknown = [key.alias for key in given.keys if key.key is None]
    if show_values and unknown:
        named = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        say(f"warning: the secret store of this machine does not hold the value of {named}.")
        return ExitCode.PARTIAL
    return ExitCode.OK
