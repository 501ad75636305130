from __future__ import annotations

import gc
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.samples import key, state
from vkstate.errors import VkstateError
from vkstate.state.parsing import (
    NotAState,
    StateAmbiguous,
    StateConflicted,
    StateImpossible,
    StateNotJson,
    StateTooNew,
    parse,
)
from vkstate.state.serialising import serialise

RESTORE = "go back to the version in git: git restore my.json, or make it anew from the proxy: vkstate state rebuild"
GOOD = serialise(state(key(1)))
STATUSES = "input should be 'pending', 'ready' or 'gone'"


def told(text: str) -> VkstateError:
    with pytest.raises(VkstateError) as caught:
        parse(text, place="my.json")
    assert gc.isenabled()
    return caught.value


def parts(error: VkstateError) -> tuple[type[VkstateError], str, str | None]:
    return type(error), error.detail, error.hint


def changed(**fields: Any) -> str:
    """The good state with fields of its key changed; ``...`` takes one out."""
    document = json.loads(GOOD)
    record = document["keys"]["key-1"]
    record |= fields
    document["keys"]["key-1"] = {name: value for name, value in record.items() if value is not ...}
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "my.json is empty."),
        (" \n", "my.json is empty."),
        (GOOD[:40], "my.json:4:12: the file was cut short here."),
        (GOOD[:-3], "my.json:19:14: the file was cut short here."),
        ('{"format": 1,\n "lineage" "x"}', "my.json:2:12: this is not JSON."),
        ("\ufeff{}", "my.json:1:1: this is not JSON."),
        (GOOD + "x", "my.json:21:1: this is not JSON."),
        ('{"format": NaN}', "my.json holds a number that JSON does not have."),
        ('{"format": 1e999}', "my.json holds a number that JSON does not have."),
        ('{"format": ' + "1" * 5000 + "}", "my.json holds a number that JSON does not have."),
        ("[" * 100_000, "my.json is nested deeper than anything that vkstate writes."),
    ],
)
def test_what_is_no_json(text: str, detail: str) -> None:
    assert parts(told(text)) == (StateNotJson, detail, RESTORE)


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> other", "||||||| base"])
def test_git_conflict_markers(marker: str) -> None:
    lines = GOOD.splitlines()
    text = "\n".join([*lines[:5], marker, *lines[5:]])
    assert parts(told(text)) == (
        StateConflicted,
        "my.json:6: both sides of a merge stand here, with git's markers between them.",
        (
            "take one side whole: git checkout --ours my.json (or --theirs), then vkstate plan; or make the state anew "
            "from the proxy: vkstate state rebuild"
        ),
    )


def test_a_name_that_stands_twice() -> None:
    text = GOOD.replace('"key-1": {', '"key-1": {}, "key-1": {')
    assert parts(told(text)) == (
        StateAmbiguous,
        (
            'In my.json, "key-1" stands twice in one object, and nobody can say which is meant. A merge of two '
            "branches can leave that behind."
        ),
        (
            "remove the wrong one from my.json, then vkstate plan; or make the state anew from the proxy: vkstate "
            "state rebuild"
        ),
    )


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"version": 4}', '{"format": "1"}', '{"format": true}', "null"])
def test_json_of_another_kind(text: str) -> None:
    assert parts(told(text)) == (
        NotAState,
        "my.json is JSON, but carries no format number of a state.",
        "name the state file: --state FILE",
    )


def test_a_newer_format_is_refused_before_anything_else_is_looked_at() -> None:
    assert parts(told('{"format": 2, "whatever": []}')) == (
        StateTooNew,
        "my.json has format 2; this vkstate reads format 1.",
        "upgrade vkstate: pip install --upgrade vkstate",
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"status": "lost"}, f"keys.key-1.status: {STATUSES}"),
        ({"origin": 1}, "keys.key-1.origin: input should be 'created', 'adopted' or 'imported'"),
        ({"token": "abc"}, "keys.key-1.token: this is not a sha256 in hex"),
        ({"token": ...}, "keys.key-1.token: the field is missing, although the key is ready"),
        ({"token": ..., "status": "gone"}, "keys.key-1.token: the field is missing, although the key is gone"),
        ({"id": ...}, "keys.key-1.id: the field is missing"),
        ({"id": ""}, "keys.key-1.id: string should have at least 1 character"),
        ({"retiring": {}}, "keys.key-1.retiring: this vkstate does not know the field"),
        ({"retired": []}, "keys.key-1.retired: an object belongs here"),
        ({"retired": {}}, "keys.key-1.retired.successor: the field is missing"),
        ({"retired": {"successor": ""}}, "keys.key-1.retired.successor: string should have at least 1 character"),
        ({"retired": {"successor": "key-1"}}, "keys.key-1.retired.successor: no key takes its own place"),
        (
            {"retired": {"successor": "x", "delete_after": 5}},
            "keys.key-1.retired.delete_after: an instant is a text such as 2026-12-01T17:00:00Z",
        ),
        (
            {"retired": {"successor": "x", "token": "y"}},
            "keys.key-1.retired.token: this vkstate does not know the field",
        ),
        ({"applied": []}, "keys.key-1.applied: an object belongs here"),
        ({"applied": {"colour": 1}}, "keys.key-1.applied.colour: this vkstate does not know the attribute"),
        ({"prevent_destroy": 1}, "keys.key-1.prevent_destroy: input should be a valid boolean"),
        ({"created_at": 5}, "keys.key-1.created_at: an instant is a text such as 2026-12-01T17:00:00Z"),
        (
            {"expires_at": "2026-01-01T00:00:00"},
            (
                "keys.key-1.expires_at: '2026-01-01T00:00:00' has no time zone: write it as 2026-12-01T18:00:00+01:00, "
                "or with Z for UTC"
            ),
        ),
        ({"workshop": "w"}, "keys.key-1: workshop and user belong together"),
        ({"user_number": 1}, "keys.key-1: workshop and user belong together"),
        ({"user_number": "1"}, "keys.key-1.user_number: input should be a valid integer"),
        (
            {"id": 1, "status": 1},
            f"keys.key-1.status: {STATUSES}; keys.key-1.id: input should be a valid string",
        ),
    ],
)
def test_impossible_shapes_name_key_and_field(fields: dict[str, Any], fault: str) -> None:
    assert parts(told(changed(**fields))) == (
        StateImpossible,
        f"vkstate cannot have written my.json like this: {fault}.",
        RESTORE,
    )


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('"serial": 1', '"serial": -1', "serial: input should be greater than or equal to 0"),
        ('"serial": 1', '"serial": true', "serial: input should be a valid integer"),
        ('"serial": 1', '"serial": 1, "extra": 1', "extra: this vkstate does not know the field"),
        ('"key-1": {', '"key-0": 5, "key-1": {', "keys.key-0: an object belongs here"),
        ('"lineage"', '"linage"', "lineage: the field is missing; linage: this vkstate does not know the field"),
    ],
)
def test_impossible_heads(before: str, after: str, fault: str) -> None:
    error = told(GOOD.replace(before, after))
    assert parts(error) == (StateImpossible, f"vkstate cannot have written my.json like this: {fault}.", RESTORE)


def test_a_value_that_is_nested_too_deeply() -> None:
    nested: Any = 1
    for _ in range(400):
        nested = [nested]
    assert told(changed(applied={"metadata": {"x": nested}})).detail == (
        "vkstate cannot have written my.json like this: keys.key-1.applied.metadata: this is nested deeper than "
        "anything that vkstate writes."
    )


def test_many_faults_are_counted() -> None:
    document = json.loads(serialise(state(*(key(number) for number in range(7)))))
    for record in document["keys"].values():
        record["status"] = "?"
    named = "; ".join(f"keys.key-{number}.status: {STATUSES}" for number in range(5))
    assert told(json.dumps(document)).detail == f"vkstate cannot have written my.json like this: {named}; and 2 more."


def test_what_was_found_is_never_quoted() -> None:
    error = told(changed(origin="sk-canary-0123456789abcdef", token="sk-canary-0123456789abcdef"))
    assert "canary" not in f"{error}{error!r}{error.hint}"


@given(st.text() | st.builds(lambda cut, junk: GOOD[:cut] + junk + GOOD[cut:], st.integers(0, len(GOOD)), st.text()))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(VkstateError):
        parse(text, place="my.json")
