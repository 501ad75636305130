"""``vkstate version``."""

from __future__ import annotations

import json
import platform
from typing import Annotated

import typer

from vkstate import __version__
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write


def version(
    shared: Shared,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Print the version."""
    del shared
    document = {"vkstate": __version__, "python": platform.python_version()}
    write(json.dumps(document) if as_json else f"vkstate {__version__}")
    return 0
