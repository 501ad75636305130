"""``vkstate extend``."""

from __future__ import annotations

from typing import Annotated

import typer

from vkstate.cli.options import AsJson, AutoApprove, DryRun, LockTimeout, Parallelism
from vkstate.cli.shared import Shared


def extend(
    shared: Shared,
    workshop: Annotated[str, typer.Argument(metavar="WORKSHOP", help="Its name, also as workshop:NAME.")],
    by: Annotated[
        str | None, typer.Argument(metavar="DURATION", help="For how long it goes on beyond its end, such as 2h.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="Until when, such as 2026-12-01T18:00:00+01:00.")
    ] = None,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Give a workshop more time.

    Writes its new end to the config, as ends_at, and applies the workshop. DURATION counts from the end as last
    applied, so that a run repeated after a failure extends nothing twice; a workshop that is over goes on from now.
    The key values stay as they are. Nothing is made to end earlier.
    """
    from vkstate.cli.applying import Run
    from vkstate.cli.extending import Extension
    from vkstate.cli.project import Project

    run = Run(
        "extend",
        "apply",
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        parallelism=parallelism,
        dry=dry_run,
    )
    return Extension.asked(Project(shared), workshop, by, until).carry_out(run)
