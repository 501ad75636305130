"""``vkstate sandbox serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say

SANDBOX_NAME: Final = "sandbox.sqlite"


def serve(
    shared: Shared,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 4000,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
) -> int:
    """Serve the sandbox over HTTP.

    Offers this project's sandbox to curl and other tools, for trying and testing only.
    """
    from vkstate.cli.project import Project
    from vkstate.sandbox.server import serve as listen
    from vkstate.sandbox.settings import DEFAULT_MASTER_KEY
    from vkstate.state.directory import directory_of

    def announce(url: str) -> None:
        say("The sandbox imitates LiteLLM's key API, for trying and testing; its keys open nothing else.")
        say(f"Listening on {url}, master key {DEFAULT_MASTER_KEY}. Ctrl-C ends it.")
        say(f"  curl -H 'Authorization: Bearer {DEFAULT_MASTER_KEY}' {url}/key/list")

    listen(sandbox_path(directory_of(Project(shared).state_path)), host, port, announce=announce)
    return 0


def sandbox_path(directory: Path) -> Path:
    """Where the embedded key server keeps its keys; the directory is made."""
    from vkstate.state.directory import prepare

    prepare(directory)
    return directory / SANDBOX_NAME
