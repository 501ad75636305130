"""Connections to the proxy of a project: a LiteLLM over HTTP, or the embedded key server.

Apart from the project, so that a command which asks nobody does not import what talks HTTP.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from vkstate.cli.terminal import say
from vkstate.config.config import Config
from vkstate.config.master_key import resolve_master_key
from vkstate.litellm.client import Connection


def proxy_connection(config: Config, secrets: list[str], *, verbose: bool) -> Connection:
    """A connection to the configured proxy.

    :param secrets: the master key is added to these.
    :param verbose: whether every request is told on stderr.
    :raises VkstateError: there is no master key to be had.
    """
    proxy = config.proxy
    key = resolve_master_key(proxy.master_key, environ=os.environ, directory=config.directory)
    secrets.append(key.get_secret_value())
    return Connection(
        proxy.url,
        key.get_secret_value(),
        timeout=proxy.timeout,
        retries=proxy.retries,
        verify=proxy.verify_tls if isinstance(proxy.verify_tls, bool) else str(proxy.verify_tls),
        headers=proxy.headers,
        log=_log if verbose else None,
    )


def sandbox_connection(directory: Path, *, verbose: bool) -> Connection:
    """A connection to the embedded key server, which keeps its keys in this directory; says that it is no LiteLLM."""
    from vkstate.cli.sandbox import sandbox_path
    from vkstate.sandbox.adapter import BASE_URL, SCHEME, SandboxAdapter
    from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

    say("note: sandbox:// is the key server embedded in vkstate, for trying and testing; its keys open nothing.")
    adapter = SandboxAdapter(sandbox_path(directory))
    return Connection(
        BASE_URL,
        DEFAULT_MASTER_KEY,
        mount=lambda session: session.mount(SCHEME, adapter),
        log=_log if verbose else None,
    )


def _log(method: str, path: str, status: int | None, milliseconds: float) -> None:
    # In one piece: several threads write at once.
    sys.stderr.write(f"  {method} {path} -> {status or 'no answer'} in {milliseconds:.0f} ms\n")
