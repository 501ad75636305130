from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from tests.views.samples import ENDS, handout, handout_key, value_of
from vkstate.views.formats.csv import as_csv
from vkstate.views.handouts import Handout


def rows(given: Handout, *, reveal: bool = False) -> list[dict[str, str]]:
    """What a reader of CSV makes of it."""
    return list(csv.DictReader(io.StringIO(as_csv(given, reveal=reveal), newline="")))


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "\tx", " =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"],
)
def test_a_spreadsheet_runs_no_formula(formula: str) -> None:
    key = replace(handout_key("alias", formula, None, details={formula: formula}), alias=formula, models=(formula,))
    [cells] = rows(handout(key), reveal=True)
    assert (cells["alias"], cells["user"], cells["models"], cells[f"'{formula}"]) == (f"'{formula}",) * 4
    assert cells["name"] == f"'{formula}"
    assert cells["key"] == value_of("alias").reveal()


def test_a_carriage_return_starts_no_row() -> None:
    key = replace(handout_key("alias", "one\r=1+1\r\ntwo", None))
    [cells] = rows(handout(key))
    assert cells["user"] == "one\n=1+1\ntwo"
    assert "\r" not in as_csv(handout(key))


def test_columns_of_the_roster_come_last_and_never_hide_ours() -> None:
    keys = [
        handout_key("one", "one", "ws", details={"seat": "1", "status": "vip"}),
        handout_key("two", "two", "ws", details={"table": 'by the "door", left'}),
    ]
    found = rows(handout(*keys))
    assert list(found[0])[-3:] == ["seat", "details.status", "table"]
    assert [(row["seat"], row["details.status"], row["table"], row["status"]) for row in found] == [
        ("1", "vip", "", "ready"),
        ("", "", 'by the "door", left', "ready"),
    ]


def test_a_mail_merge_always_finds_name_and_email() -> None:
    keys = [
        handout_key("ws-one", "one", "ws", details={"name": "Ada", "email": "ada@example.com"}),
        handout_key("ws-two", "two", "ws", details={"name": "Grace"}),
        handout_key("single", "three", None),
    ]
    found = rows(handout(*keys))
    assert list(found[0])[-3:] == ["expires", "name", "email"]
    assert [(row["name"], row["email"], row["expires"]) for row in found] == [
        ("Ada", "ada@example.com", "Tue 1 Dec 2026, 16:00 UTC"),
        ("Grace", "", "Tue 1 Dec 2026, 16:00 UTC"),
        ("three", "", "Tue 1 Dec 2026, 16:00 UTC"),
    ]


def test_a_mail_can_say_when_a_key_is_opened() -> None:
    blocked = replace(handout_key("ws-one", "one", "ws"), status="blocked", opens_at=ENDS)
    assert [row["opens"] for row in rows(handout(blocked, replace(blocked, opens_at=None)))] == [
        "Tue 1 Dec 2026, 16:00 UTC",
        "",
    ]
