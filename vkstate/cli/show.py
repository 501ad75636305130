"""``vkstate show``."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated, ClassVar

import typer

from vkstate.cli.options import AsJson
from vkstate.cli.plan import Format
from vkstate.cli.shared import Shared
from vkstate.errors import ExitCode, VkstateError


class NoMarkdown(VkstateError):
    """The keys of a project are to be written as markdown, which only plans are."""

    summary: ClassVar[str] = "only a saved plan is written as markdown"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def show(
    shared: Shared,
    planfile: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="Show this plan of 'vkstate plan --out' instead.")
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="How to write it; markdown only of a plan.")
    ] = Format.TEXT,
    as_json: AsJson = False,
) -> int:
    """Show which keys this project owns, or a saved plan.

    The keys as the state records them: nothing is asked of the proxy.
    """
    from vkstate.cli.formats import chosen

    written = chosen(format_, as_json=as_json, usual=Format.TEXT, json=Format.JSON)
    if planfile is not None:
        return _show_plan(shared, planfile, written)
    if written is Format.MARKDOWN:
        raise NoMarkdown(
            "Without a PLANFILE the keys are shown, as text or as JSON.", hint="vkstate show --format json"
        )
    from datetime import UTC, datetime

    from vkstate.cli.project import Project
    from vkstate.cli.screen import width
    from vkstate.keys import Recorded, natural_order
    from vkstate.views.documents import dumped
    from vkstate.views.show import state_document, state_text

    project = Project(shared)
    state = project.state
    keys = {alias: state.keys[alias] for alias in sorted(state.keys, key=natural_order)}
    recorded = Recorded(state.lineage, keys, project.store.tokens())
    if written is Format.JSON:
        sys.stdout.write(dumped(state_document(recorded, proxy=state.proxy, serial=state.serial)))
    else:
        now = datetime.now(UTC)
        sys.stdout.write(state_text(recorded, proxy=state.proxy, serial=state.serial, now=now, width=width()))
    return 0


def _show_plan(shared: Shared, path: Path, written: Format) -> int:
    from vkstate.cli.project import Project
    from vkstate.cli.saving import load_saved
    from vkstate.views.documents import dumped

    Project(shared)  # which enters the directory that -C names
    saved = load_saved(path, otherwise=f"one key is shown by: vkstate state show {quote(str(path))}")
    match written:
        case Format.JSON:
            sys.stdout.write(dumped(saved.document))
        case Format.MARKDOWN:
            sys.stdout.write(saved.markdown)
        case Format.TEXT:
            sys.stdout.write(saved.verbose if shared.verbose else saved.text)
    return 0
