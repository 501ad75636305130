from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.views.markup import code, literal, sentence
from vkstate.views.words import escaped

from .rendered import rendered

HOSTILE = [
    "@everyone",
    "#12",
    "org/repo#3",
    "GH-4",
    "0123456789abcdef0123456789abcdef01234567",
    "https://evil.example.com",
    "www.evil.example.com",
    "someone@example.com",
    "<img src=x onerror=alert(1)>",
    "<!-- -->",
    "&lt;b&gt;",
    "[a](b)",
    "![a](b)",
    "a|b",
    "a\\|b",
    "\\",
    "`",
    "``` sh",
    "a`b``c",
    "**bold**",
    "_a_",
    "~~gone~~",
    ":smile:",
    "$x$ and $y$",
    "1. first",
    "- item",
    "# title",
    "> quote",
    "---",
    "| a | b |\n|---|---|",
    "a\n\nb",
    " leading and trailing ",
    "\x1b[31m\u202e",
    "",
]
some_text = st.text(st.sampled_from("`|\\<>&@#$*_[](){}~!:-+=/. \n'\"0aZé…") | st.characters(), max_size=30)
anything = st.sampled_from(HOSTILE) | some_text


@given(anything)
def test_code_shows_exactly_its_text(text: str) -> None:
    shown = rendered(f"x {code(text)} y")
    assert shown.tags == ["p", "code"]
    assert shown.code == [escaped(text)]
    assert shown.prose.strip() == "x  y"


@given(st.lists(anything, min_size=3, max_size=3))
def test_code_stays_in_its_cell(texts: list[str]) -> None:
    shown = rendered("| a | b | c |\n|---|---|---|\n| " + " | ".join(map(code, texts)) + " |")
    assert shown.rows == [["a", "b", "c"], [escaped(text) for text in texts]]


def test_code_is_readable_where_it_can_be() -> None:
    assert [code(text) for text in ("max_budget=50", "a b", "a|b", "`", " ", "\x1b")] == [
        "`max_budget=50`",
        "`a b`",
        "<code>a&#124;b</code>",
        "<code>&#96;</code>",
        "<code> </code>",
        "<code>&#92;u001b</code>",
    ]


@given(anything)
def test_a_sentence_says_all_its_words_and_sets_no_markup(text: str) -> None:
    shown = rendered(f"**error:** {sentence(text)}")
    assert set(shown.tags) <= {"p", "strong", "code", "br"}
    said = re.sub(r"\s+", "", shown.prose.removeprefix("error:") + "".join(shown.code))
    assert sorted(said) == sorted(re.sub(r"\s+", "", "".join(escaped(word) for word in text.split())))


@given(anything)
def test_outside_of_code_nothing_pings_or_refers(text: str) -> None:
    prose = rendered(f"**error:** {sentence(text)}").prose.removeprefix("error:")
    assert re.findall(r"[@#/$&<>`*_~\[\]\\|]|[0-9]{7}|www|:\w|\w\.\w", prose) == []


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("two keys would be given it.", "two keys would be given it."),
        ("vkstate.yaml:12:3: a would end.", "`vkstate.yaml:12:3`: a would end."),
        ("25 of 1,250 keys, 30 % (here 8).", "25 of 1,250 keys, 30 % (here 8)."),
        ("is lifecycle.prevent_destroy (--exclude a)", "is `lifecycle.prevent_destroy` (`--exclude` a)"),
        ("key's value", "key's value"),
        ("one\n\ntwo\r\nthree", "one<br>two<br>three"),
        ("ask @alice, or see #12!", "ask `@alice`, or see `#12`!"),
        ("my-key, ws-{a,b}", "`my-key`, `ws-{a,b}`"),
    ],
)
def test_a_sentence_reads_well(text: str, markdown: str) -> None:
    assert sentence(text) == markdown


@given(anything.filter(lambda text: "\n" not in text and text.isprintable()))
def test_words_of_ours_are_taken_literally(text: str) -> None:
    shown = rendered(f"x {literal(text)}")
    assert shown.tags == ["p"]
    assert shown.prose.split() == f"x {text}".split()
