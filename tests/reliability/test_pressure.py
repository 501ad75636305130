"""Proxies and gateways that ask to come later: the run waits as told, and does all that it was to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.front import Front, everything_passes, fronted, rows_of
from tests.reliability.throttle import Throttle, hurry, outage, portions
from tests.workspace import Workspace

COUNT = 200
CONFIG = f"proxy: {{url: '%s', timeout: 30s}}\nworkshops:\n  event: {{count: {COUNT}, models: [gpt-4]}}\n"


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@dataclass(frozen=True)
class Way:
    """A way to ask for patience."""

    admits: Callable[[], Callable[[float], bool]]
    status: int
    retry_after: str | None = None
    done: bool = False

    def throttle(self) -> Throttle:
        return Throttle(self.admits(), self.status, self.retry_after, done=self.done)


WAYS = {
    "429_told": Way(lambda: portions(10, 1.0), 429, "1"),
    "503_none_at_once": Way(lambda: portions(1, 0.2), 503),
    "503_for_ten_seconds_and_done": Way(lambda: outage(after=100, seconds=10), 503, done=True),
}
MORE_WAYS = {
    "429_none_at_once": Way(lambda: portions(1, 0.2), 429),
    "429_not_told": Way(lambda: portions(5, 1.0), 429),
    "429_told_nothing": Way(lambda: portions(5, 1.0), 429, "0"),
    "503_told": Way(lambda: portions(10, 1.0), 503, "1"),
    "503_for_ten_seconds": Way(lambda: outage(after=100, seconds=10), 503),
    "429_for_a_minute_told": Way(lambda: outage(after=100, seconds=60), 429, "20"),
}
CASES = [
    *(pytest.param(way, id=name) for name, way in WAYS.items()),
    *(pytest.param(way, id=name, marks=pytest.mark.sweep) for name, way in MORE_WAYS.items()),
]


@pytest.mark.parametrize("way", CASES)
def test_all_is_made_in_one_run(way: Way, workspace: Workspace, tmp_path: Path) -> None:
    with fronted(tmp_path / "throttled.sqlite", throttle := way.throttle()) as front:
        workspace.configure(CONFIG % front.url)
        ran = workspace.ok("apply", "--auto-approve")
        assert ran.last_line == f"Apply complete! {COUNT} created, 0 updated, 0 replaced, 0 deleted."
        assert "slower: the proxy is busy" in ran.stderr
        made_once(front, throttle, done=way.done)
        assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
        assert len(workspace.tokens) == COUNT
        assert {record["status"] for record in workspace.keys.values()} == {"ready"}
        front.rule = everything_passes
        workspace.converged()


def test_all_else_is_done_in_one_run_too(workspace: Workspace, tmp_path: Path) -> None:
    with fronted(tmp_path / "throttled.sqlite") as front:
        workspace.configure(CONFIG % front.url)
        workspace.ok("apply", "--auto-approve")
        workspace.configure(CONFIG.replace("[gpt-4]", "[gpt-4], max_budget: 5") % front.url)
        front.rule = WAYS["503_none_at_once"].throttle()
        ran = workspace.ok("apply", "--auto-approve")
        assert ran.last_line == f"Apply complete! 0 created, {COUNT} updated, 0 replaced, 0 deleted."
        workspace.converged()
        workspace.ok("destroy", "--auto-approve")
        assert (rows_of(front.sandbox), workspace.keys) == ({}, {})


def test_a_proxy_that_never_lets_anything_through_again(workspace: Workspace, tmp_path: Path) -> None:
    """It is given up in the end; what was done is recorded, and what was not is made by the next run."""
    with fronted(tmp_path / "throttled.sqlite", Throttle(outage(after=100, seconds=1e9), 429)) as front:
        workspace.configure(CONFIG % front.url)
        ran = workspace.run("apply", "--auto-approve")
        assert ran.code == 1, "nothing that was answered could be read back"
        assert "the proxy has let nothing through for" in ran.stdout + ran.stderr
        assert len(front.seen) < 160, "it was left alone"
        front.rule = everything_passes
        made = {alias: row["token"] for alias, row in rows_of(front.sandbox).items()}
        assert made.items() <= workspace.tokens.items()
        assert workspace.apply().last_line.startswith("Apply complete!")
        assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
        assert len(workspace.tokens) == COUNT
        workspace.converged()


def made_once(front: Front, throttle: Throttle, *, done: bool) -> None:
    """Every request is accounted for, and no create passed twice, unless what was turned away was done as well."""
    assert throttle.passed + throttle.turned_away == Counter(seen.path for seen in front.seen)
    assert sum(throttle.turned_away.values()) > 0
    if not done:
        assert throttle.passed["/key/generate"] == COUNT
