"""``vkstate apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vkstate.cli.options import AllowDeletes, AsJson, AutoApprove, Exclude, LockTimeout, Parallelism, Target
from vkstate.cli.shared import Shared

if TYPE_CHECKING:
    from vkstate.cli.planning import Planned


def apply(
    shared: Shared,
    target: Target = None,
    exclude: Exclude = None,
    allow_deletes: AllowDeletes = None,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    secrets_out: Annotated[
        Path | None,
        typer.Option(
            "--secrets-out", metavar="FILE", help="Write the new key values to FILE (JSON, mode 0600) as well."
        ),
    ] = None,
    accept_lost_values: Annotated[
        bool, typer.Option("--accept-lost-values", help="In CI: make keys although their values die with the runner.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make the proxy match the config.

    Plans, shows the plan, asks, and carries out what was shown.
    """
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.planning import Wish
    from vkstate.cli.project import Project
    from vkstate.targets import Selection

    project = Project(shared)
    run = Run(
        command="apply",
        wish=Wish(False, Selection(tuple(target or ()), tuple(exclude or ())), allow_deletes),
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        parallelism=parallelism,
        secrets_out=secrets_out,
        accept_lost_values=accept_lost_values,
    )

    def question(result: Planned) -> str:
        count = len(result.plan.effective)
        return f"Make {'this change' if count == 1 else f'these {count} changes'} on {project.config.proxy.url}?"

    return carry_out(project, run, question)
