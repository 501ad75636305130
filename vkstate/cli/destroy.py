"""``vkstate destroy``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vkstate.cli.options import AsJson, AutoApprove, Exclude, LockTimeout, NoReport, Parallelism, Target
from vkstate.cli.shared import Shared

if TYPE_CHECKING:
    from vkstate.plan import Plan


def destroy(
    shared: Shared,
    target: Target = None,
    exclude: Exclude = None,
    auto_approve: AutoApprove = False,
    no_report: NoReport = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Delete every key of this project.

    Then reads back that they are gone, and says how many remain. Keys of others are not touched. What each key had
    spent is shown by workshop, and kept in reports/.
    """
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.planning import Wish, planned
    from vkstate.cli.project import Project
    from vkstate.targets import Selection

    project = Project(shared)
    wish = Wish(destroy=True, selection=Selection(tuple(target or ()), tuple(exclude or ())))
    run = Run(
        name="destroy",
        command="destroy",
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        parallelism=parallelism,
        reports=not no_report,
    )

    def question(plan: Plan) -> str:
        return f"Delete {_named(plan)} from {project.config.proxy.url}? Their holders are locked out at once."

    return carry_out(project, run, lambda connection: planned(project, connection, wish), question)


def _named(plan: Plan) -> str:
    """What is about to go: by workshop, and the single keys."""
    from vkstate.plan import Action
    from vkstate.views.words import counted

    records = [change.recorded for change in plan.of(Action.DELETE) if change.recorded]
    workshops = Counter(record.member.workshop for record in records if record.member)
    single = len(records) - workshops.total()
    parts = [f"{counted(count, 'key')} of the workshop {name}" for name, count in sorted(workshops.items())]
    return " and ".join([*parts, *([counted(single, "key")] if single or not parts else [])])
