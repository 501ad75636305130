"""Many workshops, on a served sandbox: few of them, since each directory costs a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.live import KEY_VARIABLE, LiveProxy
from bench.relay import relayed
from bench.scale import Layout, Sizes, Taken, Trial, changed_lines, report, trial
from tests.front import Front
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.mark.parametrize("layout", [Layout("one directory", 1, 2, 3), Layout("2 directories", 2, 1, 3)])
def test_each_layout_goes_through_every_step(front: Front, monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    monkeypatch.setenv(KEY_VARIABLE, DEFAULT_MASTER_KEY)
    with relayed(front.url) as relay:
        done = trial(layout, relay, "gpt-4")
    created, planned, changed, destroyed = done.steps
    assert created.requests >= 6
    assert planned.requests < changed.requests
    assert destroyed.requests < created.requests + planned.requests
    assert all(taken.cpu > 0 for taken in done.steps)
    assert 0 < done.sizes.packed < done.sizes.state
    assert done.sizes.store > 0
    assert done.sizes.changed_lines == 3 + 1  # the budget of each member of the workshop, and the serial
    assert LiveProxy(front.url, DEFAULT_MASTER_KEY).total_keys() == 0


def test_lines_that_differ_are_counted(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text("a\nb\nc\n")
    after.write_text("a\nx\nc\n")
    assert changed_lines(before, after) == 1


def test_the_report_counts_by_key() -> None:
    layout = Layout("one directory", 1, 2, 5)
    steps = (Taken(2.0, 0.5, 14), Taken(0.5, 0.25, 2), Taken(1.0, 0.5, 9), Taken(0.5, 0.25, 7))
    assert report(Trial(layout, steps, Sizes(12345, 2345, 678, 6))) == (
        "one directory: 10 keys           time     a key   own CPU  requests\n"
        "apply, all new                 2.00 s  200.0 ms  500.0 ms        14\n"
        "plan, no change              500.0 ms   50.0 ms  250.0 ms         2\n"
        "apply, one workshop changed    1.00 s  100.0 ms  500.0 ms         9\n"
        "destroy                      500.0 ms   50.0 ms  250.0 ms         7\n"
        "state: 12,345 bytes, 2,345 compressed; secret store: 678 bytes\n"
        "lines of the state that the changed workshop changed: 6"
    )
