"""``vkstate show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vkstate.cli.options import AsJson
from vkstate.cli.shared import Shared


def show(
    shared: Shared,
    planfile: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="Show this plan of 'vkstate plan --out' instead.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show which keys this project owns, or a saved plan.

    The keys as the state records them: nothing is asked of the proxy.
    """
    if planfile is not None:
        return _show_plan(shared, planfile, as_json=as_json)
    from datetime import UTC, datetime

    from vkstate.cli.project import Project
    from vkstate.cli.showing import width
    from vkstate.keys import Recorded, natural_order
    from vkstate.views.json import dumped
    from vkstate.views.show import state_document, state_text

    project = Project(shared)
    state = project.state
    keys = {alias: state.keys[alias] for alias in sorted(state.keys, key=natural_order)}
    recorded = Recorded(state.lineage, keys, project.store.tokens())
    if as_json:
        sys.stdout.write(dumped(state_document(recorded, proxy=state.proxy, serial=state.serial)))
    else:
        now = datetime.now(UTC)
        sys.stdout.write(state_text(recorded, proxy=state.proxy, serial=state.serial, now=now, width=width()))
    return 0


def _show_plan(shared: Shared, path: Path, *, as_json: bool) -> int:
    from vkstate.cli.project import Project
    from vkstate.cli.saving import load_saved
    from vkstate.views.json import dumped

    Project(shared)  # which enters the directory that -C names
    saved = load_saved(path)
    sys.stdout.write(dumped(saved.document) if as_json else saved.verbose if shared.verbose else saved.text)
    return 0
