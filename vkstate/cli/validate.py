"""``vkstate validate``."""

from __future__ import annotations

import json

from vkstate.cli.options import AsJson
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write


def validate(shared: Shared, as_json: AsJson = False) -> int:
    """Check the config, without proxy and state."""
    from vkstate.cli.project import Project

    project = Project(shared)
    keys = project.config.keys
    workshops = {key.member.workshop for key in keys if key.member}
    single = sum(key.member is None for key in keys)
    if as_json:
        write(json.dumps({"valid": True, "keys": len(keys), "single_keys": single, "workshops": sorted(workshops)}))
    else:
        found = f"{_counted(single, 'single key')}, {_in(len(keys) - single, len(workshops))}"
        write(f"{project.config_path} is valid: {found}.")
    return 0


def _in(members: int, workshops: int) -> str:
    return f"{_counted(members, 'key')} in {_counted(workshops, 'workshop')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
