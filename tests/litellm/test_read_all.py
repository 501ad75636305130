"""Every key of the proxy, or none: what a state is rebuilt from."""

from __future__ import annotations

import json

import pytest
import requests
import responses

from tests.litellm.fake import URL, FakeLiteLLM, row, token_of
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import BadAnswer
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_all


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (350, 4)])
def test_all_pages_are_read_once(connection: Connection, fake: FakeLiteLLM, count: int, pages: int) -> None:
    fake.fill(count)
    keys = read_all(LiteLLMProxy(connection))
    assert keys is not None
    assert [key.token for key in keys] == sorted(token_of(f"foreign-{number}") for number in range(count))
    assert fake.asked == {"list": pages + (pages > 1)}, "of several, the first once more in the end"


def test_a_listing_that_changes_while_it_is_read_is_read_again(connection: Connection, fake: FakeLiteLLM) -> None:
    fake.fill(350)
    fake.deletes_while_reading = [token_of(f"foreign-{number}") for number in range(5)]
    keys = read_all(LiteLLMProxy(connection))
    assert {key.alias for key in keys or ()} == {f"foreign-{number}" for number in range(5, 350)}


def test_a_listing_that_stays_incomplete_is_none(connection: Connection, answers: responses.RequestsMock) -> None:
    """A server that repeats rows of one page on the next and leaves others out, every time."""
    rows = [row(f"k{number}") for number in range(150)]
    for _ in range(2):
        answers.add("GET", f"{URL}/key/list", json={"keys": rows[:100], "total_count": 150, "total_pages": 2})
        answers.add("GET", f"{URL}/key/list", json={"keys": rows[50:100], "total_count": 150, "total_pages": 2})
    answers.add("GET", f"{URL}/key/list", json={"keys": rows[:100], "total_count": 150, "total_pages": 2})
    assert read_all(LiteLLMProxy(connection, parallelism=1), parallelism=1) is None


def test_a_row_that_litellm_cannot_read_hides_no_other(connection: Connection, fake: FakeLiteLLM) -> None:
    fake.fill(120)
    fake.poisoned = token_of("foreign-7")
    keys = read_all(LiteLLMProxy(connection))
    assert {key.alias for key in keys or ()} == {f"foreign-{number}" for number in range(120)}


def test_a_count_that_no_proxy_has_is_not_believed(connection: Connection, answers: responses.RequestsMock) -> None:
    rows = [row(f"k{number}") for number in range(100)]
    count = {"total_count": 10**15, "total_pages": 10**13}
    answers.add("GET", f"{URL}/key/list", json={"keys": rows, **count})
    with pytest.raises(BadAnswer) as caught:
        read_all(LiteLLMProxy(connection))
    assert caught.value.detail == (
        f"GET {URL}/key/list counts 1,000,000,000,000,000 keys, and no LiteLLM keeps so many."
    )


@pytest.mark.parametrize("later", ["first", "half", "none"])
def test_a_proxy_that_counts_more_than_it_has_is_not_asked_for_all_of_it(
    connection: Connection, answers: responses.RequestsMock, later: str
) -> None:
    """Pages that repeat the first, or that are not full, or empty, prove that more of them would tell nothing."""
    count = {"total_count": 9_000_000, "total_pages": 90_000}
    shown = {"first": slice(0, 100), "half": slice(100, 150), "none": slice(0, 0)}[later]

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        first = "page=1&" in (request.url or "")
        rows = [row(f"k{number}") for number in range(150)][slice(0, 100) if first else shown]
        return 200, {}, json.dumps({"keys": rows, **count})

    answers.add_callback("GET", f"{URL}/key/list", callback=answer)
    assert read_all(LiteLLMProxy(connection, parallelism=2), parallelism=2) is None
    assert len(answers.calls) == 1 + 16 + 1 + 16 + 1
