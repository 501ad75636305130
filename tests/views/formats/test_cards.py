"""The page of cards: what it holds, and what a real browser makes of it on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.views.handouts import CET, member, sandboxed, single, workshop_day
from tests.views.samples import WORKSHOP, handout, value_of
from vkstate.keys import KeyValue
from vkstate.views.formats.cards import PerPage, as_cards
from vkstate.views.handouts import Handout

from .browser import Browser, needs_browser, needs_scanner, scanned, sizes

HOSTILE = "</h2><script>alert(1)</script><img src=x onerror=alert(1)>&\"'\x00\x1b[31m\u202e"
A4 = (210, 297)
LONG = KeyValue("sk-" + "W" * 197)
OVERFLOWING = """
[...document.querySelectorAll(".card, .card *, .foot, .sheet")].filter(one => !one.closest("svg")).filter(one => {
  const card = one.closest(".card")?.getBoundingClientRect(), box = one.getBoundingClientRect(), slack = 0.6
  const cut = !one.matches(".clamp, .foot span") &&
    (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1) && one.clientWidth > 0
  const out = card && (box.left < card.left - slack || box.right > card.right + slack ||
    box.top < card.top - slack || box.bottom > card.bottom + slack)
  return cut || out
}).map(one => one.className + ": " + one.textContent.slice(0, 40))
"""
"""The elements that are cut off, or reach out of their card. What is clamped on purpose may be."""
_LOADING = ("src", "href", "srcset", "action", "data", "poster", "background")
_TEXTS = ("h2", "dt", "dd")
LINES_OF_KEYS = '[...document.querySelectorAll(".key code")].map(one => one.getClientRects()[0].height)'


class Page(HTMLParser):
    """The elements of a page, attributes that load or run something, names on cards, and the rows below the keys."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.language: str | None = None
        self.names: list[str] = []
        self.rows: list[str] = []
        self.codes = 0
        self._texts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.links += [name for name in given if name in _LOADING or name.startswith("on")]
        self.language = given.get("lang", self.language)
        self.codes += given.get("role") == "img"
        if tag in _TEXTS:
            self._texts = self.names if tag == "h2" else self.rows
            self._texts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in _TEXTS:
            self._texts = None

    def handle_data(self, data: str) -> None:
        if self._texts is not None:
            self._texts[-1] += data


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def extremes() -> Handout:
    """Keys of which each has something that is hard to set."""
    plain = member(1)
    many = tuple(f"openai/a-model-with-a-long-name-{number}" for number in range(60))
    names = [
        "Ada 👩‍💻🎉",
        "مشاركة في الورشة الأولى",
        "長い名前の参加者さん東京都からの参加",
        "A rather long name of a person with several given names and a double-barrelled surname",
        "W" * 120,
        HOSTILE,
    ]
    keys = [
        *(replace(plain, alias=f"{WORKSHOP}-{number}", details={"name": name}) for number, name in enumerate(names)),
        replace(plain, models=many, status="blocked"),
        replace(plain, models=("m" * 200, "n" * 200)),
        replace(plain, alias="a" * 250, workshop="w" * 200),
        replace(plain, key=LONG),
        replace(
            plain,
            alias="W" * 250,
            workshop="W" * 250,
            details={"name": "W" * 250},
            key=LONG,
            models=("W" * 250, "W"),
            status="blocked",
            max_budget=123456789.123456,
        ),
        replace(plain, workshop=None, alias="participant1", key=None),
        single(),
        replace(single(), models=(), expires_at=plain.expires_at),
    ]
    return handout(*keys)


def members(number: int) -> Handout:
    return handout(*(replace(member(n), key=value_of(str(n))) for n in range(1, number + 1)))


@pytest.mark.parametrize("per_page", PerPage)
@pytest.mark.parametrize("reveal", [False, True], ids=["masked", "revealed"])
def test_nothing_is_loaded_and_nothing_runs(per_page: PerPage, reveal: bool) -> None:
    text = as_cards(extremes(), reveal=reveal, per_page=per_page)
    page = read(text)
    assert page.links == []
    assert page.language == "en"
    assert page.tags == {
        *("html", "head", "meta", "title", "style", "body", "div", "h1", "p", "section", "ul", "li", "header", "h2"),
        *("svg", "path", "span", "code", "dl", "dt", "dd"),
    }
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_a_name_is_shown_as_it_is() -> None:
    page = read(as_cards(extremes(), reveal=True))
    assert page.names[:3] == ["Ada 👩‍💻🎉", "مشاركة في الورشة الأولى", "長い名前の参加者さん東京都からの参加"]
    assert page.names[5] == HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\u202e", "")


def test_a_card_says_what_a_member_needs() -> None:
    page = read(as_cards(handout(member(1, name="Person 1")), reveal=True))
    assert (page.names, page.codes) == (["Person 1"], 1)
    assert page.rows == [
        *("Base URL", "https://llm.example.com/v1"),
        *("Models", "gpt-3.5-turbo, gpt-4"),
        *("Expires", "Tue 1 Dec 2026, 17:00 CET (UTC+1)"),
        *("Budget", "$50.00"),
    ]


def test_a_card_of_an_expired_key_says_so() -> None:
    ended = replace(single(), expires_at=member(1).expires_at)
    page = read(as_cards(sandboxed(handout(ended)), reveal=True))
    assert page.rows == [
        *("Base URL", "none; sandbox:// is embedded in vkstate, and its keys open nothing"),
        *("Models", "all models of the proxy"),
        *("Expired", "Tue 1 Dec 2026, 17:00 CET (UTC+1)"),
    ]


def test_a_card_of_a_key_that_is_opened_later_says_when() -> None:
    key = replace(member(1), status="blocked", max_budget=None)
    assert read(as_cards(handout(key))).rows[4:] == [
        "Expires",
        "Tue 1 Dec 2026, 17:00 CET (UTC+1)",
        "Status",
        "blocked",
    ]
    starting = replace(key, opens_at=datetime(2026, 11, 30, 9, tzinfo=CET))
    assert read(as_cards(handout(starting))).rows[4:] == [
        *("Opens", "Mon 30 Nov 2026, 09:00 CET (UTC+1)"),
        *("Expires", "Tue 1 Dec 2026, 17:00 CET (UTC+1)"),
    ]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (3, "gpt-0, gpt-1, gpt-2"),
        (21, ", ".join(f"gpt-{n}" for n in range(16)) + ", and 5 more"),
        (1000, ", ".join(f"gpt-{n}" for n in range(16)) + ", and 984 more"),
    ],
)
def test_of_many_models_some_are_counted(number: int, said: str) -> None:
    key = replace(member(1), models=tuple(f"gpt-{n}" for n in range(number)))
    assert [row for row in read(as_cards(handout(key))).rows if row.startswith("gpt")] == [said]


def test_a_value_that_is_not_shown_has_no_code() -> None:
    day = replace(workshop_day(), revealed_by="vkstate output --format cards --out cards.html")
    masked, revealed = read(as_cards(day)), read(as_cards(day, reveal=True))
    assert (masked.codes, revealed.codes) == (0, 3)


def test_a_code_too_fine_to_print_is_left_out() -> None:
    keys = [replace(member(1), key=KeyValue(f"sk-{'x' * length}")) for length in (297, 298, 5000)]
    assert [read(as_cards(handout(key), reveal=True)).codes for key in keys] == [1, 0, 0]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


@needs_browser
@pytest.mark.parametrize(
    ("number", "per_page", "pages"),
    [
        (1, PerPage.EIGHT, 1),
        (8, PerPage.EIGHT, 1),
        (25, PerPage.EIGHT, 4),
        (100, PerPage.EIGHT, 13),
        (4, PerPage.FOUR, 1),
        (25, PerPage.FOUR, 7),
    ],
)
def test_the_pages_on_paper(number: int, per_page: PerPage, pages: int, browser: Browser) -> None:
    assert sizes(browser.printed(as_cards(members(number), reveal=True, per_page=per_page))) == [A4] * pages


@needs_browser
@needs_scanner
@pytest.mark.parametrize("per_page", PerPage)
def test_a_telephone_reads_the_keys_from_the_paper(per_page: PerPage, browser: Browser) -> None:
    given = members(9)
    long = replace(member(1), key=LONG)
    given = replace(given, keys=(*given.keys, long))
    expected = [key.key.reveal() for key in given.keys if key.key]
    found = scanned(browser.printed(as_cards(given, reveal=True, per_page=per_page)))
    assert [sorted(page) for page in found] == [
        sorted(expected[start : start + per_page]) for start in range(0, len(expected), per_page)
    ]


@needs_browser
@pytest.mark.parametrize("per_page", PerPage)
@pytest.mark.parametrize("base_url", ["https://llm.example.com", f"https://{'w' * 60}.example.com/{'path/' * 30}"])
def test_nothing_is_cut_off(per_page: PerPage, base_url: str, browser: Browser) -> None:
    given = replace(extremes(), base_url=base_url)
    assert browser.answer(as_cards(given, reveal=True, per_page=per_page), OVERFLOWING) == []


@needs_browser
@pytest.mark.parametrize("per_page", PerPage)
def test_a_value_of_ours_stands_on_one_line(per_page: PerPage, browser: Browser) -> None:
    wide = KeyValue("sk-" + "W" * 32)
    given = handout(*(replace(member(1), key=key) for key in (wide, KeyValue("sk-x"))))
    one, other = browser.answer(as_cards(given, reveal=True, per_page=per_page), LINES_OF_KEYS)
    assert one == other


def test_a_sheet_takes_little_room() -> None:
    text = as_cards(members(100), reveal=True)
    assert text.count('<li class="card">') == 100
    assert len(text) < 300_000
