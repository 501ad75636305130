"""``vkstate validate``."""

from __future__ import annotations

import json

from vkstate.cli.options import AsJson
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write


def validate(shared: Shared, as_json: AsJson = False) -> int:
    """Check the config, without proxy and state."""
    from vkstate.cli.project import Project
    from vkstate.views.words import counted

    project = Project(shared)
    keys = project.config.keys
    workshops = {key.member.workshop for key in keys if key.member}
    single = sum(key.member is None for key in keys)
    if as_json:
        write(json.dumps({"valid": True, "keys": len(keys), "single_keys": single, "workshops": sorted(workshops)}))
    else:
        members = f"{counted(len(keys) - single, 'key')} in {counted(len(workshops), 'workshop')}"
        write(f"{project.config_path} is valid: {counted(single, 'single key')}, {members}.")
    return 0
