"""Many workshops, on a served sandbox: few of them, since each directory costs a start."""

from __future__ import annotations

import pytest

from bench.live import KEY_VARIABLE, LiveProxy
from bench.relay import relayed
from bench.scale import Layout, Taken, Trial, report, trial
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
    assert done.bytes > 0
    assert LiveProxy(front.url, DEFAULT_MASTER_KEY).total_keys() == 0


def test_the_report_counts_by_key() -> None:
    layout = Layout("one directory", 1, 2, 5)
    steps = (Taken(2.0, 14), Taken(0.5, 2), Taken(1.0, 9), Taken(0.5, 7))
    (text,) = report([Trial(layout, steps, 12345)])
    assert text == (
        "one directory: 10 keys           time     a key  requests\n"
        "apply, all new                 2.00 s  200.0 ms        14\n"
        "plan, no change              500.0 ms   50.0 ms         2\n"
        "apply, one workshop changed    1.00 s  100.0 ms         9\n"
        "destroy                      500.0 ms   50.0 ms         7\n"
        "state and secret store: 12,345 bytes, 1234 a key"
    )
