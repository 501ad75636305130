"""``vkstate show``."""

from __future__ import annotations

import sys

from vkstate.cli.options import AsJson
from vkstate.cli.shared import Shared


def show(shared: Shared, as_json: AsJson = False) -> int:
    """Show which keys this project owns.

    As the state records them: nothing is asked of the proxy.
    """
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
