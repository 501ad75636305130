"""A real LiteLLM behind a gateway that turns requests away: see ``tests.reliability.test_pressure``."""

from __future__ import annotations

from typing import Final

import pytest

from tests.contract.proxies import MODEL, Proxy
from tests.reliability.gateway import Gateway, Remote
from tests.reliability.invariants import all_rows
from tests.reliability.throttle import Throttle, hurry, portions
from tests.workspace import Workspace

pytestmark = pytest.mark.live

COUNT: Final = 20
CONFIG: Final = "proxy: {url: '%s', timeout: 60s}\nworkshops:\n  %sevent: {count: %d, models: [%s]}\n"


@pytest.mark.parametrize(("status", "retry_after"), [(429, "1"), (429, None), (503, None)])
def test_all_is_made_in_one_run(
    status: int, retry_after: str | None, workspace: Workspace, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    throttle = Throttle(portions(5, 2.0), status, retry_after)
    gateway = Gateway(Remote(proxy.base_url), throttle)
    with gateway.listening():
        workspace.configure(CONFIG % (gateway.url, proxy.prefix, COUNT, MODEL))
        ran = workspace.ok("apply", "--auto-approve")
        assert ran.last_line == f"Apply complete! {COUNT} created, 0 updated, 0 replaced, 0 deleted."
        assert throttle.passed["/key/generate"] == COUNT
        assert sum(throttle.turned_away.values()) > 0
        mine = [row for row in all_rows(proxy) if (row["key_alias"] or "").startswith(proxy.prefix)]
        assert sorted((row["key_alias"], row["token"]) for row in mine) == sorted(workspace.tokens.items())
        workspace.converged()
        workspace.ok("destroy", "--auto-approve")
    assert workspace.keys == {}
