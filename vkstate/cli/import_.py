"""``vkstate import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vkstate.cli.options import AsJson, AutoApprove, DryRun, LockTimeout
from vkstate.cli.shared import Shared


def import_keys(
    shared: Shared,
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET", help="The keys on the proxy: aliases, globs, or workshop:NAME.")
    ],
    write_config: Annotated[
        bool,
        typer.Option("--write-config", help="Add an entry to the config for each key that it does not declare yet."),
    ] = False,
    values: Annotated[
        Path | None,
        typer.Option(
            "--values",
            metavar="FILE",
            help="Keep the key values in FILE: a CSV file with a column key, or what --secrets-out wrote.",
        ),
    ] = None,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Take keys that exist on the proxy into the state.

    Nothing of them changes but our mark, which says whose they are; what the config asks otherwise is left to the next
    apply. With --write-config, entries are added to the config that ask nothing otherwise. A key value is known here
    only where --values gives it. To have everybody's next apply do it, name the keys in the config, under import.
    """
    from vkstate.cli.applying import Run
    from vkstate.cli.import_values import read_values
    from vkstate.cli.importing import Import
    from vkstate.cli.project import Project

    given = read_values(values) if values else None
    run = Run("import", "import", auto_approve=auto_approve, as_json=as_json, lock_timeout=lock_timeout, dry=dry_run)
    return Import(Project(shared), targets, write_config, given).carry_out(run)
