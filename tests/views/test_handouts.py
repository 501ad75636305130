from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from vkstate.views.handouts import Handout, as_csv, as_env, as_json, as_table

from .samples import PROXY, WORKSHOP, handout, handout_key, value_of

Golden = Callable[[str, str], None]


def workshop_day() -> Handout:
    return handout(
        *(
            handout_key(
                f"{WORKSHOP}-participant{number}",
                f"participant{number}",
                WORKSHOP,
                known=number != 2,
                details={"name": f"Person {number}", "seat": f"A{number}"},
            )
            for number in range(1, 4)
        ),
        replace(
            handout_key("my-dev-project", "my-dev-project", None),
            user_id=None,
            models=("all-proxy-models",),
            duration="never",
            expires_at=None,
            max_budget=None,
            status="expired",
        ),
    )


@pytest.mark.parametrize("reveal", [False, True], ids=["masked", "revealed"])
@pytest.mark.parametrize(
    ("formatter", "ending"), [(as_table, "txt"), (as_json, "json"), (as_csv, "csv"), (as_env, "env")]
)
def test_every_format(formatter: Callable[..., str], ending: str, reveal: bool, golden: Golden) -> None:
    name = f"handout_{'revealed' if reveal else 'masked'}.{ending}"
    golden(name, formatter(workshop_day(), reveal=reveal))


@pytest.mark.parametrize("formatter", [as_table, as_json, as_csv, as_env])
def test_no_value_leaves_unless_revealed(formatter: Callable[..., str]) -> None:
    day = workshop_day()
    values = [key.key.reveal() for key in day.keys if key.key is not None]
    assert [value for value in values if value in formatter(day)] == []
    assert [value for value in values if value not in formatter(day, reveal=True)] == []
    assert [value for value in values if value in repr(day)] == []


def test_a_revealed_value_is_never_cut() -> None:
    text = as_table(workshop_day(), reveal=True, width=20)
    assert value_of(f"{WORKSHOP}-participant1").reveal() in text


def test_a_table_fits_its_terminal() -> None:
    long = handout(replace(handout_key("a" * 90, "user", None), models=tuple(f"model-{n}" for n in range(20))))
    assert max(len(line) for line in as_table(long, width=100).splitlines()[:3]) == 100


def test_a_key_that_is_not_created_yet_has_no_expiry_yet() -> None:
    pending = replace(handout_key("key", "user", None), expires_at=None, key_masked=None, status="pending")
    assert as_table(handout(pending)).splitlines()[2] == (
        "  key    -    gpt-3.5-turbo, gpt-4  -        50      pending"
    )


def test_no_keys_at_all() -> None:
    assert as_table(handout()) == "Base URL: https://llm.example.com/v1\n"
    assert as_env(handout()) == "OPENAI_BASE_URL=https://llm.example.com/v1\n"
    assert json.loads(as_json(handout())) == {
        "proxy": PROXY,
        "api_endpoint": "https://llm.example.com",
        "api_base_url": "https://llm.example.com/v1",
        "user_count": 0,
        "state": "present",
        "changed": False,
        "keys": [],
    }


def test_one_key_gives_what_openai_clients_read() -> None:
    only = handout(handout_key("my-dev-project", "developer", None))
    assert as_env(only, reveal=True) == (
        "# my-dev-project\n"
        f"OPENAI_API_KEY={value_of('my-dev-project').reveal()}\n"
        "OPENAI_BASE_URL=https://llm.example.com/v1\n"
    )
    assert as_env(only) == (
        "# my-dev-project\n"
        f"# OPENAI_API_KEY is {value_of('my-dev-project').masked}; `vkstate output --reveal` shows it\n"
        "OPENAI_BASE_URL=https://llm.example.com/v1\n"
    )


def test_two_aliases_never_share_a_variable() -> None:
    text = as_env(handout(*(handout_key(alias, "user", None) for alias in ("a-b", "a_b", "a-c"))), reveal=True)
    variables = [line.partition("=")[0] for line in text.splitlines() if "_KEY=" in line]
    assert variables == ["A_B_D44362D6_KEY", "A_B_648FA9B3_KEY", "A_C_KEY"]


def test_a_shell_reads_back_exactly_the_values() -> None:
    hostile = ["x\n; touch /tmp/nope #", "2024-$(id)", "ends-with-é"]
    day = replace(
        handout(*(handout_key(alias, "user", None) for alias in hostile)), base_url="https://host/'$(id)'; id"
    )
    script = as_env(day, reveal=True) + "\nset -o posix; set"
    ran = subprocess.run(["bash", "--norc", "-eu", "-c", script], capture_output=True, text=True, check=True, env={})
    assert ran.stderr == ""
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "_KEY=" in line)
    assert found == {
        "X___TOUCH__TMP_NOPE___KEY": value_of(hostile[0]).reveal(),
        "_2024___ID__KEY": value_of(hostile[1]).reveal(),
        "ENDS_WITH___KEY": value_of(hostile[2]).reveal(),
    }


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "\tx", " =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"],
)
def test_a_spreadsheet_runs_no_formula(formula: str) -> None:
    key = replace(handout_key("alias", formula, None, details={formula: formula}), alias=formula, models=(formula,))
    header, row = csv.reader(io.StringIO(as_csv(handout(key), reveal=True), newline=""))
    cells = dict(zip(header, row, strict=True))
    assert (cells["alias"], cells["user"], cells["models"], cells[f"'{formula}"]) == (f"'{formula}",) * 4
    assert cells["key"] == value_of("alias").reveal()


def test_a_carriage_return_starts_no_row() -> None:
    key = replace(handout_key("alias", "one\r=1+1\r\ntwo", None))
    header, row = csv.reader(io.StringIO(as_csv(handout(key)), newline=""))
    assert dict(zip(header, row, strict=True))["user"] == "one\n=1+1\ntwo"
    assert "\r" not in as_csv(handout(key))


def test_columns_of_the_roster_come_last_and_never_hide_ours() -> None:
    keys = [
        handout_key("one", "one", "ws", details={"seat": "1", "status": "vip"}),
        handout_key("two", "two", "ws", details={"table": 'by the "door", left'}),
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(handout(*keys)))))
    assert list(rows[0])[-3:] == ["seat", "details.status", "table"]
    assert [(row["seat"], row["details.status"], row["table"], row["status"]) for row in rows] == [
        ("1", "vip", "", "ready"),
        ("", "", 'by the "door", left', "ready"),
    ]


def test_no_control_character_reaches_the_terminal() -> None:
    evil = "evil\x1b[31m\nx"
    key = replace(handout_key(evil, evil, evil), models=(evil,), key_masked=evil)
    text = as_table(replace(handout(key), base_url=evil))
    assert [line for line in text.splitlines() if not line.isprintable()] == []
