"""``vkstate plan``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vkstate.cli.options import (
    AdoptReplaced,
    AllowDeletes,
    AsJson,
    Exclude,
    Grace,
    RefreshOnly,
    Renew,
    Replace,
    Target,
)
from vkstate.cli.shared import Shared
from vkstate.errors import ExitCode


class Format(StrEnum):
    """How a plan is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def plan(
    shared: Shared,
    target: Target = None,
    exclude: Exclude = None,
    allow_deletes: AllowDeletes = None,
    replace: Replace = None,
    grace: Grace = None,
    renew: Renew = None,
    adopt_replaced: AdoptReplaced = False,
    refresh_only: RefreshOnly = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan what 'vkstate destroy' would do.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PLANFILE", help="Save the plan for 'vkstate apply PLANFILE'.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where the plan holds changes, 0 where it holds none.")
    ] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="How to write it; markdown is for a comment on a pull request.")
    ] = Format.TEXT,
    as_json: AsJson = False,
) -> int:
    """Show what would have to change.

    Compares the config, the state and the proxy, and changes none of them.
    """
    from vkstate.cli.formats import chosen
    from vkstate.cli.own_files import refuse_own
    from vkstate.cli.planning import planned, read_beside_others
    from vkstate.cli.project import Project
    from vkstate.cli.saving import check_place, options_of, save_plan
    from vkstate.cli.showing import show_plan, show_plan_as_markdown, show_plan_document
    from vkstate.cli.terminal import say
    from vkstate.cli.wishing import mode_of, wish

    written = chosen(format_, as_json=as_json, usual=Format.TEXT, json=Format.JSON)
    asked = wish(target, exclude, allow_deletes, replace, grace, renew, adopt_replaced, refresh_only, destroy)
    project = Project(shared)
    if out:
        check_place(out)
        refuse_own(project, out)
    read_beside_others(project)
    project.in_git(writing=False)
    with project.connected() as connection:
        result = planned(project, connection, asked, writing=False)
    mode, arguments = mode_of(asked), options_of(asked).arguments
    match written:
        case Format.TEXT:
            show_plan(project, result.plan, mode, arguments=None if out else arguments)  # a saved plan has a command
        case Format.MARKDOWN:
            show_plan_as_markdown(project, result.plan, mode, arguments)
        case Format.JSON:
            show_plan_document(project, result.plan, mode)
    if result.plan.problems:
        if out:
            say("The plan was not saved, since it cannot be applied.")
        return ExitCode.ERROR
    if out:
        save_plan(project, result.plan, asked, out)
    return ExitCode.CHANGES if detailed_exitcode and result.plan.effective else ExitCode.OK
