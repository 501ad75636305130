"""``vkstate schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say, write


def schema(
    shared: Shared,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to FILE instead.")] = None,
) -> int:
    """Print the JSON Schema of vkstate.yaml.

    Editors complete and check the config with it.
    """
    from vkstate.cli.project import Project
    from vkstate.config.schema_json import json_schema

    project = Project(shared, warn=lambda _: None)  # what may be wrong with the config is not asked here
    text = json.dumps(json_schema(), indent=2)
    if out:
        from vkstate.cli.own_files import refuse_own
        from vkstate.state.durable import durable_write

        refuse_own(project, out)
        durable_write(out, f"{text}\n".encode())
        say(f"The schema was written to {out}. Name it in the first line of vkstate.yaml:")
        say(f"  # yaml-language-server: $schema={out}")
    else:
        write(text)
    return 0
