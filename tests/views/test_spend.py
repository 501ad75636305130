from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from vkstate.attributes import Json
from vkstate.keys import Alias, RecordedKey, Status
from vkstate.views.spend import Mark, SpentKey, spending, spent_key
from vkstate.views.spend_data import spend_csv, spend_document
from vkstate.views.spend_table import spend_text
from vkstate.views.values import ANSI

from .samples import NOW, PROXY, SEALED, live, participant, recorded, retiring

Golden = Callable[[str, str], None]


def key(alias: str, spend: float | None, budget: float | None = 10, **attributes: Json) -> SpentKey:
    """A single key; ``spend`` is None where it is not on the proxy."""
    found = None if spend is None else live(alias, {"max_budget": budget, **attributes}, spend=spend)
    return spent_key(recorded(alias, {}), found, NOW)


def member(number: int, spend: float, record: RecordedKey | None = None) -> SpentKey:
    person = participant(number)
    alias = f"{person.workshop}-{person.user}"
    return spent_key(record or recorded(alias, {}, person), live(alias, {"max_budget": 50}, person, spend=spend), NOW)


def everything() -> list[SpentKey]:
    """One of everything that there is to say."""
    late = replace(live("late", {"max_budget": 1}, spend=0.2), expires_at=NOW)
    old = retiring("bot")
    return [
        *(member(number, number * 5.05) for number in range(1, 11)),
        key("bot", 3.3, budget_duration="30d"),
        spent_key(old, replace(live("bot", {"max_budget": 10}, spend=1), alias=old.alias), NOW),
        key("bounded", 4, None, budget_limits=[{"budget_duration": "1d"}]),
        spent_key(recorded("by-row", {"budget_id": "team"}), live("by-row", {}, spend=7), NOW),
        key("gone", None),
        spent_key(recorded("hidden", {"max_budget": SEALED}), live("hidden", {"max_budget": 3}, spend=2.9), NOW),
        spent_key(recorded("late", {}), late, NOW),
        spent_key(recorded("new", {}, status=Status.PENDING), live("new", {"blocked": True}), NOW),
        key("unlimited", 0.00001, None),
    ]


def test_one_of_everything(golden: Golden) -> None:
    golden("spend.txt", spend_text(spending(everything())))


def test_on_a_terminal(golden: Golden) -> None:
    golden("spend_ansi.txt", spend_text(spending(everything(), by_spend=True, top=6), palette=ANSI))


def test_as_csv(golden: Golden) -> None:
    golden("spend.csv", spend_csv(spending(everything())))


@pytest.mark.parametrize(
    ("spend", "budget", "marks"),
    [
        (7.99, 10, ()),
        (8, 10, (Mark.NEAR,)),
        (0.1 + 0.2, 0.3, (Mark.EXHAUSTED,)),
        (9.999, 10, (Mark.NEAR,)),
        (10, 10, (Mark.EXHAUSTED,)),
        (11, 10, (Mark.EXHAUSTED,)),
        (0, 0, (Mark.EXHAUSTED,)),
        (1000, None, ()),
    ],
)
def test_how_near_a_key_is_to_its_budget(spend: float, budget: float | None, marks: tuple[Mark, ...]) -> None:
    assert key("a", spend, budget).marks == marks


def test_marks_are_told_together() -> None:
    row = replace(live("a", {"max_budget": 1, "blocked": True}, spend=1), expires_at=NOW - timedelta(seconds=1))
    assert spent_key(recorded("a", {}), row, NOW).marks == (Mark.BLOCKED, Mark.EXPIRED, Mark.EXHAUSTED)
    assert key("a", None).marks == (Mark.MISSING,)


def test_a_sensitive_budget_is_told_by_nothing() -> None:
    hidden = spent_key(
        recorded("a", {"max_budget": SEALED, "user_id": SEALED}),
        live("a", {"max_budget": 3, "user_id": "somebody", "budget_duration": "30d"}, spend=3),
        NOW,
    )
    assert (hidden.max_budget, hidden.budget_duration, hidden.share, hidden.marks) == (None, None, None, ())
    assert (hidden.user_id, hidden.is_sensitive) == (None, True)
    assert spending([hidden]).totals.whole.budget is None


def test_the_row_of_a_soft_budget_bounds_nothing() -> None:
    """LiteLLM links a key to a row of its own making for it."""
    assert spent_key(recorded("a", {}), live("a", {"budget_id": "made-by-litellm"}), NOW).elsewhere is None


def test_what_was_spent_before_a_budget_began_anew_is_told_beside() -> None:
    again = replace(key("again", 1, budget_duration="30d"), lifetime_spend=7.5)
    text = spend_text(spending([again, replace(key("once", 2), lifetime_spend=2), key("old", 3)]))
    assert [line.rstrip() for line in text.splitlines()[:4]] == [
        "ALIAS  SPENT  LIFETIME          BUDGET  SHARE  LAST USED",
        "again  $1.00     $7.50  $10.00 per 30d   10 %  2026-11-28T17:00:00Z",
        "old    $3.00         -          $10.00   30 %  2026-11-28T17:00:00Z",
        "once   $2.00     $2.00          $10.00   20 %  2026-11-28T17:00:00Z",
    ]


def test_the_most_spent_come_first_and_those_that_spent_alike_by_their_alias() -> None:
    keys = [key("user10", 1), key("user2", 1), key("b", 3), key("gone", None), key("a", 0)]
    found = spending(keys, by_spend=True, top=4)
    assert [one.alias for one in found.keys] == ["b", "user2", "user10", "a"]
    assert (found.left_out, found.totals.whole.keys, [one.alias for one in found.missing]) == (1, 4, ["gone"])
    assert [one.alias for one in spending(keys).keys] == ["a", "b", "gone", "user2", "user10"]


def test_nothing_is_nothing() -> None:
    found = spending([])
    assert spend_text(found) == "No keys are recorded.\n"
    assert spend_csv(found).splitlines() == [
        "alias,workshop,user,user_id,spend,lifetime_spend,max_budget,budget_duration,share,last_active,expires_at,marks,key_id"
    ]
    assert spend_document(found, proxy=PROXY, now=NOW)["keys"] == []


def test_keys_of_which_none_is_there() -> None:
    assert spend_text(spending([key("a", None), key("b", None)])).splitlines()[-1] == (
        "2 keys are not on the proxy, and what they had spent is unknown: a, b. vkstate plan says what is to be done."
    )


def test_a_cell_is_no_formula() -> None:
    odd = replace(recorded("a", {}), alias=Alias("=HYPERLINK(1)"))
    [row] = csv.DictReader(io.StringIO(spend_csv(spending([spent_key(odd, live("a", {"user_id": "@x"}), NOW)]))))
    assert (row["alias"], row["user_id"], row["spend"]) == ("'=HYPERLINK(1)", "'@x", "0.0")


def test_what_does_not_print_is_escaped() -> None:
    odd = replace(recorded("a", {}), alias=Alias("a\x1b[2J"))
    text = spend_text(spending([spent_key(odd, live("a", {"max_budget": 1, "budget_duration": "\x1b"}, spend=1), NOW)]))
    assert "\x1b" not in text


def test_the_document() -> None:
    document = spend_document(spending([member(2, 0.1 + 0.2)]), proxy=PROXY, now=NOW)
    assert document["keys"] == [
        {
            "alias": "ai-workshop-2024-participant2",
            "key_id": recorded("ai-workshop-2024-participant2", {}).token,
            "workshop": "ai-workshop-2024",
            "user": "participant2",
            "user_id": None,
            "spend": 0.3,
            "lifetime_spend": None,
            "max_budget": 50.0,
            "budget_duration": None,
            "budget_sensitive": False,
            "limited_by": None,
            "share": 0.006,
            "last_active": "2026-11-28T17:00:00Z",
            "expires_at": "2026-12-01T16:00:00Z",
            "marks": [],
        }
    ]
    assert {name: value for name, value in document.items() if name not in ("keys", "totals")} == {
        "format_version": 1,
        "proxy": PROXY,
        "read_at": "2026-11-28T17:00:00Z",
        "left_out": 0,
        "near_budget": [],
        "missing": [],
    }
