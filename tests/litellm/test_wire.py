"""LiteLLM's answers: what is read, and which shapes are impossible."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from tests.litellm.fake import URL, row, value_of
from vkstate.attributes import Json
from vkstate.litellm.errors import BadAnswer, NotLiteLLM
from vkstate.litellm.transport import Answer, Request
from vkstate.litellm.wire import BulkInfo, Generated, ListPage, Row, parse


def _answer(body: object, path: str = "/key/list") -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(Request("GET", path), 200, {}, data)


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2030-01-04T05:06:36.095000Z", 95_000),
        ("2030-01-04T05:06:36.095000+00:00", 95_000),
        ("2030-01-04T05:06:36.095331Z", 95_000),
        ("2030-01-04T05:06:36Z", 0),
        ("2030-01-04T05:06:36", 0),
        ("2030-01-04T06:06:36.095+01:00", 95_000),
    ],
)
def test_every_spelling_of_an_instant(text: str, microsecond: int) -> None:
    made = Row.model_validate_json(json.dumps({"expires": text}))
    assert made.expires == datetime(2030, 1, 4, 5, 6, 36, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"models": "gpt-4"}, "models"),
        ({"models": [1]}, "models.0"),
        ({"max_budget": "5"}, "max_budget"),
        ({"spend": True}, "spend"),
        ({"expires": 17}, "expires"),
        ({"expires": "soon"}, "expires"),
        ({"metadata": []}, "metadata"),
        ({"blocked": "yes"}, "blocked"),
        ({"tpm_limit": 1.5}, "tpm_limit"),
        ({"litellm_budget_table": []}, "litellm_budget_table"),
        ({"key_alias": 5}, "key_alias"),
    ],
)
def test_an_impossible_shape_fails_loudly_and_names_its_place(fields: dict[str, Json], place: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        parse(BulkInfo, _answer({"info": [row("a"), {**row("b"), **fields}]}), URL)
    assert caught.value.detail.startswith(
        f"GET {URL}/key/list answered 200 in a shape that this vkstate does not know: info.1.{place}: "
    )


@pytest.mark.parametrize("body", [{}, [], "x", {"keys": None}, {"keys": [], "total_count": "3", "total_pages": 1}])
def test_an_answer_that_is_not_a_list_of_keys(body: Json) -> None:
    with pytest.raises(BadAnswer):
        parse(ListPage, _answer(body), URL)


@pytest.mark.parametrize("body", [b"<html></html>", b"", b"\xff\xfe", b'{"keys"'])
def test_an_answer_that_is_no_json_is_not_litellms(body: bytes) -> None:
    with pytest.raises(NotLiteLLM) as caught:
        parse(ListPage, _answer(body), URL)
    assert caught.value.detail == (
        f"GET {URL}/key/list: the answer is a web page or something else, not LiteLLM's JSON."
    )


def test_unknown_fields_are_fine() -> None:
    page = parse(
        ListPage, _answer({"keys": [{**row("a"), "shiny": 1}], "total_count": 1, "total_pages": 1, "x": 2}), URL
    )
    assert page.keys[0].model_extra == {"shiny": 1}


def test_a_key_value_does_not_show_in_an_error_or_a_repr() -> None:
    secret = value_of("a").reveal()
    assert secret not in repr(parse(Generated, _answer({"key": secret}), URL))
    with pytest.raises(BadAnswer) as caught:
        parse(Generated, _answer({"key": [secret]}), URL)
    assert secret not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


def test_a_row_knows_whether_it_shows_all_there_is() -> None:
    def complete(fields: dict[str, Json]) -> bool:
        return Row.model_validate_json(json.dumps(fields)).complete

    assert not complete({})
    assert complete({"budget_id": None})
    assert not complete({"budget_id": "b", "litellm_budget_table": None})
    assert complete({"budget_id": "b", "litellm_budget_table": {}})


def test_a_thousand_rows_are_read_fast() -> None:
    many: list[Json] = [
        {**row(f"k{number}"), **{f"team_{field}": None for field in range(40)}} for number in range(1000)
    ]
    answer = _answer({"info": many})
    started = time.process_time()
    assert len(parse(BulkInfo, answer, URL).info) == 1000
    assert time.process_time() - started < 1.0
