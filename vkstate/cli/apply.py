"""``vkstate apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from vkstate.cli.options import (
    AdoptReplaced,
    AllowDeletes,
    AsJson,
    AutoApprove,
    Exclude,
    Grace,
    LockTimeout,
    NoReport,
    Parallelism,
    RefreshOnly,
    Renew,
    Replace,
    Target,
)
from vkstate.cli.shared import Shared
from vkstate.errors import ExitCode, VkstateError

if TYPE_CHECKING:
    from vkstate.plan import Plan


class PlanIsGiven(VkstateError):
    """A saved plan is to be applied, and options ask for another."""

    summary: ClassVar[str] = "a saved plan brings its own options"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def apply(
    shared: Shared,
    planfile: Annotated[
        Path | None,
        typer.Argument(metavar="[PLANFILE]", help="Apply this plan of 'vkstate plan --out', and only this one."),
    ] = None,
    target: Target = None,
    exclude: Exclude = None,
    allow_deletes: AllowDeletes = None,
    replace: Replace = None,
    grace: Grace = None,
    renew: Renew = None,
    adopt_replaced: AdoptReplaced = False,
    refresh_only: RefreshOnly = False,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="FINGERPRINT", help="Apply only the plan with this fingerprint; else exit 6."),
    ] = None,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    secrets_out: Annotated[
        Path | None,
        typer.Option(
            "--secrets-out", metavar="FILE", help="Write the new key values to FILE (JSON, mode 0600) as well."
        ),
    ] = None,
    no_report: NoReport = False,
    accept_lost_values: Annotated[
        bool, typer.Option("--accept-lost-values", help="In CI: make keys although their values die with the runner.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make the proxy match the config.

    Plans, shows the plan, asks, and carries out what was shown. With a PLANFILE or --expect nothing is asked: that very
    plan was reviewed, and any other is refused (exit 6).
    """
    from vkstate.cli import refresh
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.expecting import expected_fingerprint
    from vkstate.cli.planning import planned
    from vkstate.cli.project import Project
    from vkstate.cli.wishing import mode_of, wish

    asked = wish(target, exclude, allow_deletes, replace, grace, renew, adopt_replaced, refresh_only)
    expected = expected_fingerprint(expect) if expect is not None else None
    project = Project(shared)
    if planfile is not None:
        from vkstate.cli.saving import load_plan

        if expected or asked != wish():
            raise PlanIsGiven(
                f"{planfile} says what is planned for, so that no option may say something else.",
                hint=f"vkstate apply {planfile}; or plan again with the options",
            )
        asked, expected = load_plan(planfile)
    mode = mode_of(asked)
    run = Run(
        name="apply",
        command=mode,
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        parallelism=parallelism,
        reports=not no_report,
        secrets_out=secrets_out,
        accept_lost_values=accept_lost_values,
        expected=expected,
    )

    def question(plan: Plan) -> str:
        if asked.refresh_only:
            return refresh.question(plan)
        count = len(plan.effective)
        return f"Make {'this change' if count == 1 else f'these {count} changes'} on {project.config.proxy.url}?"

    return carry_out(project, run, lambda connection: planned(project, connection, asked), question)
