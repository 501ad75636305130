from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.state.faults import faults
from tests.state.samples import LINEAGE, NOON, PROXY, clock, value
from vkstate.executor.ports import ClosingLine
from vkstate.keys import Alias
from vkstate.state.durable import WriteFailed
from vkstate.state.reports import ClosingReport


@pytest.fixture
def report(tmp_path: Path) -> ClosingReport:
    return ClosingReport(tmp_path / "state.json", LINEAGE, PROXY, clock)


def line(number: int, spend: float = 0.0) -> ClosingLine:
    return ClosingLine(Alias(f"user{number}"), value(number).token, f"user{number}@x", "ai", spend, 10, NOON, None)


def test_a_report_is_exactly_this(report: ClosingReport, tmp_path: Path) -> None:
    report.add([line(10, 0.1), line(2, 0.2)])
    expected = {
        "format": 1,
        "lineage": LINEAGE,
        "proxy": PROXY,
        "written_at": "2026-03-01T12:00:00Z",
        "keys": [
            {
                "alias": f"user{number}",
                "token": value(number).token,
                "user_id": f"user{number}@x",
                "workshop": "ai",
                "spend": spend,
                "lifetime_spend": None,
                "max_budget": 10,
                "created_at": "2026-03-01T12:00:00Z",
                "expires_at": None,
                "replaced": False,
            }
            for number, spend in ((2, 0.2), (10, 0.1))
        ],
        "total_spend": 0.3,
        "total_lifetime_spend": None,
    }
    assert report.path == tmp_path / "reports" / "20260301T120000Z.json"
    assert report.path.read_text() == json.dumps(expected, indent=2) + "\n"


def test_one_run_has_one_report(tmp_path: Path) -> None:
    now = NOON
    report = ClosingReport(tmp_path / "state.json", LINEAGE, PROXY, lambda: now)
    report.add([line(1, 1)])
    now += timedelta(seconds=90)
    report.add([line(2, 2), line(1, 4)])
    assert [entry.name for entry in (tmp_path / "reports").iterdir()] == ["20260301T120000Z.json"]
    assert report.path is not None
    form = json.loads(report.path.read_text())
    assert [(entry["alias"], entry["spend"]) for entry in form["keys"]] == [("user1", 4), ("user2", 2)]
    assert (form["total_spend"], form["written_at"]) == (6, "2026-03-01T12:01:30Z")


def test_what_was_spent_before_a_budget_began_anew_is_in_the_lifetime_total(report: ClosingReport) -> None:
    report.add([replace(line(1, 0.1), lifetime_spend=2.5), replace(line(2, 0.2), lifetime_spend=0.7)])
    assert report.path is not None
    form = json.loads(report.path.read_text())
    assert (form["total_spend"], form["total_lifetime_spend"]) == (0.3, 3.2)


def test_figures_are_as_people_add_them(report: ClosingReport) -> None:
    report.add([replace(line(1, 0.1 + 0.2), lifetime_spend=0.7 + 0.1), line(2, 1e-07), line(3, 1e22)])
    assert report.path is not None
    form = json.loads(report.path.read_text())
    assert [entry["spend"] for entry in form["keys"]] == [0.3, 1e-07, 1e22]
    assert (form["keys"][0]["lifetime_spend"], form["total_spend"]) == (0.8, 1e22)


def test_no_report_is_overwritten(report: ClosingReport, tmp_path: Path) -> None:
    for _ in range(2):
        ClosingReport(tmp_path / "state.json", LINEAGE, PROXY, clock).add([line(1)])
    (tmp_path / "reports" / "20260301T120000Z-3.json").symlink_to("nowhere")
    report.add([line(2)])
    assert sorted(entry.name for entry in (tmp_path / "reports").iterdir()) == [
        "20260301T120000Z-2.json",
        "20260301T120000Z-3.json",
        "20260301T120000Z-4.json",
        "20260301T120000Z.json",
    ]


def test_nothing_to_report_leaves_nothing(report: ClosingReport, tmp_path: Path) -> None:
    report.add([])
    assert report.path is None
    assert [*tmp_path.iterdir()] == []


def test_a_report_that_cannot_be_written_is_an_error_and_tried_anew(report: ClosingReport, tmp_path: Path) -> None:
    with faults(0), pytest.raises(WriteFailed):
        report.add([line(1)])
    report.add([line(2)])
    assert report.path is not None
    assert [entry["alias"] for entry in json.loads(report.path.read_text())["keys"]] == ["user1", "user2"]
