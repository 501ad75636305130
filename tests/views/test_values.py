from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Unset, Value
from vkstate.plan import Action
from vkstate.views.values import (
    ANSI,
    COMPACT,
    PLAIN,
    SIGNS,
    TONES,
    Tone,
    assignment,
    change_text,
    in_order,
    shortened,
    string_text,
    value_text,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (UNSET, "-"),
        (None, "(none)"),
        (Sensitive("canary"), "(sensitive)"),
        (Sealed("sha256:00"), "(sensitive)"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (50, "50"),
        (0.5, "0.5"),
        ("3d", "3d"),
        ("gpt-4", "gpt-4"),
        ("openai/gpt-4o:free", "openai/gpt-4o:free"),
        ("*", "*"),
        ("2026-12-01T17:00:00Z", "2026-12-01T17:00:00Z"),
        ("4711", '"4711"'),
        ("1e5", '"1e5"'),
        ("true", '"true"'),
        ("null", '"null"'),
        ("-", '"-"'),
        ("", '""'),
        ("two words", '"two words"'),
        ("(none)", '"(none)"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("a\x1b[31m", '"a\\u001b[31m"'),
        ([], "[]"),
        (["gpt-4"], "[gpt-4]"),
        (["gpt-3.5-turbo", "gpt-4"], "[gpt-3.5-turbo,gpt-4]"),
        (["a,b", "c d"], '["a,b","c d"]'),
        ({}, "{}"),
        ({"a": 1, "b": {"c": [None, True]}}, "{a:1,b:{c:[null,true]}}"),
        ({"a:b": "x", "c d": "y:z"}, '{"a:b":x,"c d":y:z}'),
    ],
)
def test_every_value_reads_as_what_it_is(value: Value | Unset, shown: str) -> None:
    assert value_text(value) == shown
    assert value_text(value, full=True) == shown


def test_a_long_string_is_cut_in_compact_form_only() -> None:
    text = "x" * 100
    assert value_text(text) == "x" * (COMPACT - 1) + "…"
    assert value_text(text, full=True) == text


def test_a_long_list_counts_its_rest_in_compact_form_only() -> None:
    models: list[Json] = [f"model-{number}" for number in range(20)]
    assert value_text(models) == "[model-0,model-1,model-2,model-3,… 16 more]"
    assert value_text(models, full=True) == "[" + ",".join(f"model-{number}" for number in range(20)) + "]"


def test_a_long_object_counts_its_rest() -> None:
    limits: dict[str, Json] = {f"model-{number}": number for number in range(9)}
    assert value_text(limits) == "{model-0:0,model-1:1,model-2:2,… 6 more}"


def test_an_assignment_names_its_path() -> None:
    assert assignment("models", ["gpt-4"]) == "models=[gpt-4]"
    assert assignment("metadata.a\nb", 1) == "metadata.a\\nb=1"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (999, 10, "999 → 10"),
        (UNSET, 10, "- → 10"),
        (10, UNSET, "10 → -"),
        (10, None, "10 → (none)"),
        (Sealed("one"), Sealed("other"), "(sensitive) → (sensitive)"),
        (["a"], ["a", "b"], "[a] → [a,b]"),
        (
            [f"model-{number}" for number in range(20)],
            [f"model-{number}" for number in range(1, 21)],
            "+model-20,-model-0 (19 stay)",
        ),
        ("x" * 60, "y" * 60, "x" * 47 + "… → " + "y" * 47 + "…"),
        ("x" * 60 + "1", "x" * 60 + "2", "x" * 60 + "1 → " + "x" * 60 + "2"),
        (
            ["long-name"] * 9,
            ["long-name"] * 10,
            "[long-name,long-name,long-name,… 6 more] → [long-name,long-name,long-name,… 7 more]",
        ),
        (
            [*(f"model-{number}" for number in range(9)), "a", "b"],
            [*(f"model-{number}" for number in range(9)), "b", "a"],
            (
                "[model-0,model-1,model-2,model-3,model-4,model-5,model-6,model-7,model-8,a,b] → "
                "[model-0,model-1,model-2,model-3,model-4,model-5,model-6,model-7,model-8,b,a]"
            ),
        ),
    ],
)
def test_two_values_that_differ_never_read_alike(before: Value | Unset, after: Value | Unset, shown: str) -> None:
    assert change_text(before, after) == shown


def test_a_change_in_full_hides_nothing() -> None:
    before: list[Json] = [f"model-{number}" for number in range(20)]
    assert change_text(before, UNSET, full=True) == f"[{','.join(str(model) for model in before)}] → -"


def test_what_is_shortened_is_counted_by_weight() -> None:
    items = [f"{number}00..{number}49" for number in range(1, 10)]
    assert shortened(items, 48, [50] * 9) == "100..149,200..249,300..349,400..449,… 250 more"
    assert shortened(["x" * 99], 48) == "x" * 99
    assert shortened(["x" * 99, "y"], 48) == "x" * 99 + ",… 1 more"


def test_paths_come_in_the_order_in_which_people_look() -> None:
    paths = ["metadata.b", "user_id", "duration", "extra.new", "max_budget", "metadata.a", "models", "unheard_of"]
    assert in_order(paths) == [
        "models",
        "max_budget",
        "duration",
        "user_id",
        "metadata.a",
        "metadata.b",
        "extra.new",
        "unheard_of",
    ]


def test_the_plain_palette_changes_nothing() -> None:
    assert [PLAIN.paint(tone, "text") for tone in Tone] == ["text"] * len(Tone)


def test_the_colours_of_actions() -> None:
    painted = {action: ANSI.paint(TONES[action], SIGNS[action]) for action in Action}
    assert painted == {
        Action.CREATE: "\x1b[32m+\x1b[0m",
        Action.UPDATE: "\x1b[33m~\x1b[0m",
        Action.REPLACE: "\x1b[35m-/+\x1b[0m",
        Action.DELETE: "\x1b[31m-\x1b[0m",
        Action.FORGET: "\x1b[2m.\x1b[0m",
        Action.ADOPT: "\x1b[36m<\x1b[0m",
        Action.NO_OP: "\x1b[2m=\x1b[0m",
    }
    assert ANSI.paint(Tone.ERROR, "") == ""


@given(st.text())
def test_any_string_prints_on_one_line_and_can_be_read_back(text: str) -> None:
    shown = string_text(text)
    assert shown.isprintable()
    assert (json.loads(shown) if shown.startswith('"') else shown) == text


json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_any_value_prints_on_one_line(value: Json) -> None:
    assert value_text(value).isprintable()
    assert value_text(value, full=True).isprintable()
