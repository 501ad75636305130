"""Scenes of the reliability tests on a real proxy: each behind a gateway of its own, and under a prefix of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.contract.proxies import Proxy, new_key
from tests.reliability.gateway import Gateway, Remote
from tests.reliability.invariants import Guard, all_rows
from tests.reliability.scenes import Scene, Stage, guarded
from tests.workspace import Workspace


@contextmanager
def staged(scene: Scene, place: Path, proxy: Proxy) -> Iterator[tuple[Stage, Guard, Gateway]]:
    """Set a scene's stage in a directory, which is the working directory; what is left of it is deleted at the end.

    ``place`` must have a name that no other stage of the test has.
    """
    mine = replace(proxy, prefix=f"{proxy.prefix}{place.name}-", made=[])
    gateway = Gateway(Remote(proxy.base_url))
    with gateway.listening():
        stage = Stage(Workspace(place), mine, gateway.url, mine.prefix)
        try:
            guard = guarded(scene, stage)
            guard.valueless = refuses_values(mine)
            yield stage, guard, gateway
        finally:
            gateway.settle()
            mine.made[:] = [row["token"] for row in all_rows(mine) if (row["key_alias"] or "").startswith(mine.prefix)]
            mine.clean_up()


def refuses_values(proxy: Proxy) -> bool:
    """Whether the proxy makes every key value itself (``disable_custom_api_keys``, LiteLLM 1.105)."""
    return proxy.generate({"key_alias": proxy.alias("probe"), "key": new_key()}).status_code == 403
