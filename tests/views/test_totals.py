from __future__ import annotations

from decimal import Decimal

import pytest

from tests.test_spending import Key
from vkstate.spending import totals
from vkstate.views.totals import figure, share_number, share_text, totals_document, totals_lines


def test_several_groups_have_a_sum() -> None:
    keys = [Key("ai-workshop", 12.3, 50), Key("ai-workshop", 0.00001, 50), Key(None, 1250, 2500)]
    assert totals_lines(totals(keys), width=100) == (
        "  WORKSHOP       KEYS      SPENT     BUDGET  SHARE",
        "  ai-workshop       2     $12.30    $100.00   12 %",
        "  (single keys)     1  $1,250.00  $2,500.00   50 %",
        "  in all            3  $1,262.30  $2,600.00   48 %",
    )


def test_one_group_is_its_own_sum() -> None:
    assert totals_lines(totals([Key("\x1b[2J", 0.00001)]), width=100, indent=0) == (
        "WORKSHOP   KEYS     SPENT  BUDGET  SHARE",
        "\\u001b[2J     1  <$0.0001       -      -",
    )


def test_what_has_no_budget_is_left_out_of_the_share() -> None:
    keys = [Key("ai", 1, 2), Key("ai", 98)]
    assert totals_lines(totals(keys), width=100) == (
        "  WORKSHOP  KEYS   SPENT  BUDGET  SHARE",
        "  ai           2  $99.00   $2.00   50 %",
        "  1 key has no budget shown: SHARE is that of the others.",
    )


def test_what_was_spent_before_a_budget_began_anew_is_told_beside() -> None:
    keys = [Key("ai", 1, 10, 3.5), Key("old", 1, 10), Key(None, 2, 10, 2)]
    assert totals_lines(totals(keys), width=100) == (
        "  WORKSHOP       KEYS  SPENT  LIFETIME  BUDGET  SHARE",
        "  ai                1  $1.00     $3.50  $10.00   10 %",
        "  old               1  $1.00         -  $10.00   10 %",
        "  (single keys)     1  $2.00     $2.00  $10.00   20 %",
        "  in all            3  $4.00         -  $30.00   13 %",
    )


def test_no_column_repeats_what_was_spent() -> None:
    keys = [Key("ai", 0.1 + 0.2, 10, 0.3), Key("old", 1, 10), Key("set-by-hand", 1, 10, 0)]
    assert totals_lines(totals(keys), width=100)[0] == "  WORKSHOP     KEYS  SPENT  BUDGET  SHARE"


def test_a_narrow_terminal_cuts_the_names() -> None:
    assert totals_lines(totals([Key("a-very-long-workshop", 1, 2)]), width=44)[1] == (
        "  a-very-long-w…     1  $1.00   $2.00   50 %"
    )


@pytest.mark.parametrize(
    ("share", "text", "number"),
    [
        (None, "-", None),
        (Decimal(0), "0 %", 0.0),
        (Decimal("0.001"), "<1 %", 0.001),
        (Decimal("0.9999"), "99 %", 0.9999),
        (Decimal(1), "100 %", 1.0),
        (Decimal("12.345"), "1,234 %", 12.345),
        (Decimal("1e26"), "10,000,000,000,000,000,000,000,000,000 %", 1e26),
    ],
)
def test_a_share(share: Decimal | None, text: str, number: float | None) -> None:
    assert (share_text(share), share_number(share)) == (text, number)


def test_a_figure_in_a_column() -> None:
    assert [figure(Decimal(text)) for text in ("0", "0.00009", "0.0042", "12.3")] == [
        "$0.00",
        "<$0.0001",
        "$0.0042",
        "$12.30",
    ]


def test_the_document() -> None:
    assert totals_document(totals([Key("ai", 0.1, 1, 0.7), Key("ai", 0.2, 1, 0.1), Key(None, 1, 3)])) == {
        "keys": 3,
        "spend": 1.3,
        "lifetime_spend": None,
        "max_budget": 5.0,
        "share": 0.26,
        "without_budget": 0,
        "workshops": [
            {
                "workshop": "ai",
                "keys": 2,
                "spend": 0.3,
                "lifetime_spend": 0.8,
                "max_budget": 2.0,
                "share": 0.15,
                "without_budget": 0,
            }
        ],
        "single_keys": {
            "keys": 1,
            "spend": 1.0,
            "lifetime_spend": None,
            "max_budget": 3.0,
            "share": 0.3333,
            "without_budget": 0,
        },
    }
    assert totals_document(totals([Key("ai", 1)]))["single_keys"] is None
