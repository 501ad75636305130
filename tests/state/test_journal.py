from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.state.faults import faults
from tests.state.samples import LINEAGE, NOON, PROXY, clock, key, state, value
from vkstate.executor.ports import ClosingLine, Journal, Rescued
from vkstate.state.durable import WriteFailed
from vkstate.state.file import StateFile
from vkstate.state.journal import FileJournal
from vkstate.state.model import State
from vkstate.state.plain_store import PlainStore
from vkstate.state.serialising import serialise

START = state(key(1), key(2), serial=4)
ONE, TWO, THREE = key(1), key(2), key(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vkstate.state.json"


def begin(path: Path, start: State = START, proxy: str = PROXY) -> FileJournal:
    path.write_text(serialise(start))
    file = StateFile(path)
    store = PlainStore(path.parent / ".vkstate", LINEAGE)
    return FileJournal(file, file.read(), store, proxy=proxy, clock=clock)


def on_disk(path: Path) -> State:
    return StateFile(path).read()


def test_it_fills_the_executors_protocol(path: Path) -> None:
    journal: Journal = begin(path)
    journal.keep_values({ONE.alias: value(1)})
    assert journal.value_of(value(1).token) == value(1)
    journal.drop_values([value(1).token])
    assert journal.value_of(value(1).token) is None


def test_a_run_without_changes_touches_nothing(path: Path) -> None:
    journal = begin(path, proxy="https://elsewhere.example.com")
    before = path.stat()
    journal.save(START.keys)
    journal.save({TWO.alias: key(2), ONE.alias: key(1)})
    assert path.stat() == before
    assert journal.state == START


def test_what_is_not_written_is_no_change(path: Path) -> None:
    start = state(replace(ONE, created_at=NOON))
    journal = begin(path, start)
    before = path.stat()
    journal.save({ONE.alias: replace(ONE, created_at=NOON + timedelta(microseconds=1))})
    assert path.stat() == before


def test_the_serial_rises_once_a_run(path: Path) -> None:
    journal = begin(path)
    for saved in ([ONE, TWO, THREE], [ONE, THREE], [THREE]):
        expected = state(*saved, serial=5)
        journal.save(expected.keys)
        assert on_disk(path) == journal.state == expected


def test_going_back_to_the_start_is_a_change_too(path: Path) -> None:
    journal = begin(path)
    journal.save({})
    journal.save(START.keys)
    assert on_disk(path) == replace(START, serial=5)


def test_the_proxy_is_bound_with_the_first_change(path: Path) -> None:
    journal = begin(path, State.empty(LINEAGE), "HTTPS://LiteLLM.example.com:443/")
    journal.save({})
    assert on_disk(path) == State.empty(LINEAGE)
    journal.save({ONE.alias: ONE})
    assert on_disk(path) == State(LINEAGE, 1, PROXY, {ONE.alias: ONE})


def test_what_the_executor_changes_later_was_not_saved(path: Path) -> None:
    journal = begin(path)
    changing = {ONE.alias: ONE}
    journal.save(changing)
    changing[THREE.alias] = THREE
    assert journal.state == state(ONE, serial=5)
    journal.save(changing)
    assert on_disk(path) == state(ONE, THREE, serial=5)


def test_the_backup_is_what_stood_there_before_the_run(path: Path) -> None:
    journal = begin(path)
    journal.save({})
    journal.save({ONE.alias: ONE})
    assert (path.parent / ".vkstate" / "vkstate.state.json.backup").read_text() == serialise(START)


def test_a_save_that_failed_can_be_rescued_or_tried_again(path: Path) -> None:
    journal = begin(path)
    with faults(4), pytest.raises(WriteFailed):
        journal.save({ONE.alias: ONE})
    assert journal.state == on_disk(path) == START
    rescued = journal.rescue({ONE.alias: ONE})
    assert rescued == Rescued(f"{path}.errored", f"make room or mend the directory, then: mv {path}.errored {path}")
    assert on_disk(Path(rescued.place)) == state(ONE, serial=5)
    journal.save({ONE.alias: ONE})
    assert on_disk(path) == state(ONE, serial=5)


def test_after_a_failure_the_way_back_is_written_too(path: Path) -> None:
    journal = begin(path)
    with faults(4), pytest.raises(WriteFailed):
        journal.save({ONE.alias: ONE})
    journal.save(START.keys)
    assert on_disk(path) == replace(START, serial=5)


def test_no_report_where_none_is_wanted(path: Path) -> None:
    path.write_text(serialise(START))
    file = StateFile(path)
    store = PlainStore(path.parent / ".vkstate", LINEAGE)
    journal = FileJournal(file, file.read(), store, proxy=PROXY, clock=clock, reports=False)
    journal.report([ClosingLine(ONE.alias, value(1).token, None, None, 1.5, None, None, None)])
    assert journal.report_path is None
    assert not (path.parent / "reports").exists()


def test_reports_go_beside_the_state(path: Path) -> None:
    journal = begin(path)
    journal.report([ClosingLine(ONE.alias, value(1).token, None, None, 1.5, None, None, None)])
    place = path.parent / "reports" / "20260301T120000Z.json"
    assert journal.report_path == place
    form = json.loads(place.read_text())
    assert (form["lineage"], form["proxy"], form["total_spend"]) == (LINEAGE, PROXY, 1.5)
