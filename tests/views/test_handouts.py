"""What is said of keys that are handed out, and that no format gives a value unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from vkstate.views.formats.cards import as_cards
from vkstate.views.formats.cards_style import STYLE
from vkstate.views.formats.csv import as_csv
from vkstate.views.formats.env import as_env, env_files
from vkstate.views.formats.json import as_json
from vkstate.views.formats.kubernetes import as_kubernetes
from vkstate.views.formats.markdown import as_markdown
from vkstate.views.formats.table import as_table
from vkstate.views.formats.txt import as_txt
from vkstate.views.handouts import local_time, masked_remark

from .handouts import sandboxed, workshop_day
from .samples import handout, handout_key

Golden = Callable[[str, str], None]
Formatter = Callable[..., str]
FORMATS: list[tuple[Formatter, str]] = [
    (as_table, "table.txt"),
    (as_json, "json.json"),
    (as_csv, "csv.csv"),
    (as_env, "env.env"),
    (as_txt, "txt.txt"),
    (as_markdown, "markdown.md"),
    (as_kubernetes, "kubernetes.yaml"),
    (as_cards, "cards.html"),
]
each_format = pytest.mark.parametrize(("formatter", "name"), FORMATS, ids=[name for _, name in FORMATS])


@each_format
@pytest.mark.parametrize("reveal", [False, True], ids=["masked", "revealed"])
def test_every_format(formatter: Formatter, name: str, reveal: bool, golden: Golden) -> None:
    text = formatter(workshop_day(), reveal=reveal).replace(STYLE, "")
    golden(f"handouts/{'revealed' if reveal else 'masked'}_{name}", text)


@each_format
def test_no_value_leaves_unless_revealed(formatter: Formatter, name: str) -> None:
    day = workshop_day()
    values = [key.key.reveal() for key in day.keys if key.key is not None]
    assert [value for value in values if value in formatter(day)] == []
    assert [value for value in values if value not in formatter(day, reveal=True)] == []
    assert [value for value in values if value in repr(day)] == []


@each_format
def test_no_keys_at_all(formatter: Formatter, name: str, golden: Golden) -> None:
    golden(f"handouts/empty_{name}", formatter(handout()).replace(STYLE, ""))


@each_format
def test_of_the_sandbox_it_is_said_that_it_opens_nothing(formatter: Formatter, name: str) -> None:
    text = formatter(sandboxed(workshop_day()), reveal=True)
    if name in ("json.json", "csv.csv"):  # for programs, whose columns hold what they always hold
        assert "sandbox:///v1" in text
    else:
        assert "sandbox:///v1" not in text
        assert "sandbox:// is embedded in vkstate, and its keys open nothing" in text.replace("`", "")


def test_a_file_for_each_key_whose_value_is_known() -> None:
    day = workshop_day()
    assert env_files(day) == {
        f"{key.alias}.env": as_env(replace(day, keys=(key,)), reveal=True) for key in day.keys if key.key is not None
    }


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (UTC, "Tue 1 Dec 2026, 16:05 UTC"),
        (timezone(timedelta(hours=1), "CET"), "Tue 1 Dec 2026, 17:05 CET (UTC+1)"),
        (timezone(timedelta(hours=-8), "PST"), "Tue 1 Dec 2026, 08:05 PST (UTC-8)"),
        (timezone(timedelta(hours=5, minutes=30), "IST"), "Tue 1 Dec 2026, 21:35 IST (UTC+5:30)"),
        (timezone(timedelta(hours=-3, minutes=-30), "NST"), "Tue 1 Dec 2026, 12:35 NST (UTC-3:30)"),
        (timezone(timedelta(hours=9), "+09"), "Wed 2 Dec 2026, 01:05 UTC+9"),
        (timezone(timedelta(0), "GMT"), "Tue 1 Dec 2026, 16:05 GMT (UTC)"),
    ],
)
def test_an_instant_as_people_read_it(zone: timezone, said: str) -> None:
    assert local_time(datetime(2026, 12, 1, 16, 5, tzinfo=UTC).astimezone(zone)) == said


@pytest.mark.parametrize(("second", "said"), [(0, "16:05"), (57, "16:05"), (58, "16:06"), (59, "16:06")])
def test_a_minute_that_lacks_a_moment_is_full(second: int, said: str) -> None:
    assert local_time(datetime(2026, 12, 1, 16, 5, second, tzinfo=UTC)) == f"Tue 1 Dec 2026, {said} UTC"


def test_the_calendar_ends() -> None:
    assert local_time(datetime.max.replace(tzinfo=UTC)) == "Fri 31 Dec 9999, 23:59 UTC"


def test_a_person_is_called_as_the_roster_says() -> None:
    key = handout_key("ws-p1", "p1", "ws")
    assert [
        replace(key, details=details).name
        for details in ({}, {"seat": "A"}, {"name": "Ada"}, {"seat": "A", "Name": "Eve"})
    ] == ["p1", "p1", "Ada", "Eve"]
    assert replace(key, user=None).name == "ws-p1"


def test_the_remark_on_masks_counts() -> None:
    key, unknown = handout_key("one", "one", None), handout_key("two", "two", None, known=False)
    given = replace(handout(key), revealed_by="vkstate output one --reveal")
    assert masked_remark(given, "<{}>".format) == "The key value is masked; <vkstate output one --reveal> shows it."
    both = replace(given, keys=(key, replace(key, alias="other")), revealed_by="C")
    assert masked_remark(both, str) == "The key values are masked; C shows them."
    assert masked_remark(handout(unknown), str) is None
