"""``vkstate state rebuild``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from vkstate.cli.options import AutoApprove, DryRun, LockTimeout
from vkstate.cli.shared import Shared


def rebuild(
    shared: Shared,
    lineage: Annotated[
        str | None,
        typer.Option(
            "--lineage", metavar="LINEAGE", help="The identity of the state, where neither state nor secret store tell."
        ),
    ] = None,
    auto_approve: AutoApprove = False,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
) -> int:
    """Make the state anew from the keys on the proxy.

    For a state that was lost or damaged. Every key carries the lineage of the state that it belongs to; what the proxy
    holds of it now is recorded as applied. No key is changed. What stood in the state's place is kept in .vkstate/.
    """
    from vkstate.cli.lock_timeout import lock_seconds
    from vkstate.cli.project import Project
    from vkstate.cli.rebuilding import carry_out_rebuild

    project = Project(shared)
    timeout = lock_seconds(lock_timeout)
    _ = project.config  # what is wrong with it is said before anything is locked
    with nullcontext() if dry_run else project.locked(timeout, "vkstate state rebuild"):
        return carry_out_rebuild(project, lineage, ask=not auto_approve, dry=dry_run)
