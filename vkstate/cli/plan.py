"""``vkstate plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from vkstate.cli.options import AllowDeletes, AsJson, Exclude, Target
from vkstate.cli.shared import Shared
from vkstate.errors import ExitCode


def plan(
    shared: Shared,
    target: Target = None,
    exclude: Exclude = None,
    allow_deletes: AllowDeletes = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan what 'vkstate destroy' would do.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where the plan holds changes, 0 where it holds none.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show what would have to change.

    Compares the config, the state and the proxy, and changes none of them.
    """
    from vkstate.cli.planning import Wish, planned
    from vkstate.cli.project import Project
    from vkstate.cli.showing import show_plan
    from vkstate.targets import Selection

    project = Project(shared)
    wish = Wish(destroy, Selection(tuple(target or ()), tuple(exclude or ())), allow_deletes)
    project.bound()
    with project.connected() as connection:
        result = planned(project, connection, wish)
    show_plan(project, result.plan, destroy=destroy, as_json=as_json)
    if result.plan.problems:
        return ExitCode.ERROR
    return ExitCode.CHANGES if detailed_exitcode and result.plan.effective else ExitCode.OK
