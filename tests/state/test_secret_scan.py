from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.state.secret_scan import find_secret


@pytest.mark.parametrize(
    ("text", "secrets", "place"),
    [
        ('{"a": "sk-1234567"}', [], None),
        ('{"a": "sk-1234567"}', [""], None),
        ('{"a": "sk-1234567"}', ["sk-7654321"], None),
        ('{"a": "sk-1234567"}', ["sk-7654321", "sk-1234567"], 7),
        ('{"a": "xsk-1234567x"}', ["sk-1234567"], 8),
        ('{"a": "sk-sk-1234567"}', ["sk-1234567"], 10),
        ('{"a": "9abcd9"}', ["abcd"], None),
        ('{"a": "abcd"}', ["abcd"], 6),
        ('{"a": "se\\"cret"}', ['se"cret'], 7),
        ('{"a": "second", "b": "first!"}', ["first!", "second"], 7),
    ],
)
def test_finding(text: str, secrets: list[str], place: int | None) -> None:
    assert find_secret(text, secrets) == place


@given(st.text(), st.text(st.characters(codec="utf-8"), min_size=6), st.text(), st.lists(st.text()))
def test_a_secret_is_found_wherever_it_stands(before: str, secret: str, after: str, others: list[str]) -> None:
    text = json.dumps({"value": before + secret + after}, ensure_ascii=False)
    assert find_secret(text, [*others, secret]) is not None
