"""``vkstate refresh``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vkstate.cli.options import AsJson, AutoApprove, DryRun, Exclude, LockTimeout, Target
from vkstate.cli.shared import Shared

if TYPE_CHECKING:
    from vkstate.plan import Plan


def refresh(
    shared: Shared,
    target: Target = None,
    exclude: Exclude = None,
    auto_approve: AutoApprove = False,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Accept what is on the proxy into the state.

    What somebody changed outside vkstate is no drift any more, and what somebody deleted is forgotten. The proxy is not
    touched. Where the config asks something else, the next plan says so. The same as 'vkstate apply --refresh-only'.
    """
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.planning import Wish, planned
    from vkstate.cli.project import Project
    from vkstate.targets import Selection

    project = Project(shared)
    wish = Wish(selection=Selection(tuple(target or ()), tuple(exclude or ())), refresh_only=True)
    run = Run(
        name="refresh",
        command="refresh",
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        dry=dry_run,
    )
    return carry_out(project, run, lambda connection: planned(project, connection, wish), question)


def question(plan: Plan) -> str:
    """What is asked before the state accepts anything."""
    from vkstate.views.words import counted

    return f"Accept {counted(len(plan.effective), 'change')} into the state?"
