from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from vkstate.spending import Total, dollars, share, totals


@dataclass(frozen=True)
class Key:
    workshop: str | None
    spend: float
    max_budget: float | None = None
    lifetime_spend: float | None = None


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (5, "5"),
        (0.00144, "0.00144"),
        (0.00144 * 3, "0.00432"),
        (1e-10, "1E-10"),
        (1.23e-11, "0"),
        (5e-324, "0"),
        (1234.56789012345, "1234.5678901234"),  # the fifteenth digit of a float is its last sure one
        (1e22, "1E+22"),
        (-0.3, "-0.3"),
    ],
)
def test_an_amount_is_as_people_add_it(amount: float, exact: str) -> None:
    assert dollars(amount) == Decimal(exact)


def test_sums_carry_no_noise() -> None:
    found = totals([Key("ai", 0.1)] * 3 + [Key("ai", 0.7)])
    assert (found.whole.spend, float(found.whole.spend)) == (Decimal("1.0"), 1.0)


def test_totals_are_by_workshop_in_natural_order() -> None:
    found = totals([Key("ai10", 1, 2), Key(None, 4, 8), Key("ai2", 0.5), Key("ai10", 3, 6)])
    assert [*found.workshops] == ["ai2", "ai10"]
    assert found.workshops["ai2"] == Total(1, Decimal("0.5"), None, None, Decimal(), 1)
    assert found.workshops["ai10"] == Total(2, Decimal(4), None, Decimal(8), Decimal(4), 0)
    assert found.single == Total(1, Decimal(4), None, Decimal(8), Decimal(4), 0)
    assert found.whole == Total(4, Decimal("8.5"), None, Decimal(16), Decimal(8), 1)
    assert [total.share for total in (found.workshops["ai2"], found.whole)] == [None, Decimal("0.5")]


def test_nothing_is_nothing() -> None:
    found = totals([])
    assert found.whole == Total(0, Decimal(), Decimal(), None, Decimal(), 0)
    assert (found.workshops, found.single) == ({}, None)


def test_what_was_spent_in_all_is_known_of_all_or_of_none() -> None:
    found = totals([Key("ai", 0.1, None, 0.7), Key("ai", 0.2, None, 0.1), Key("old", 1), Key("old", 1, None, 2)])
    assert found.workshops["ai"].lifetime_spend == Decimal("0.8")
    assert (found.workshops["old"].lifetime_spend, found.whole.lifetime_spend) == (None, None)


@pytest.mark.parametrize(
    ("spend", "budget", "expected"), [(1, None, None), (1, 0, None), (0, 4, Decimal(0)), (5, 4, Decimal("1.25"))]
)
def test_a_share_of_nothing_is_none(spend: int, budget: int | None, expected: Decimal | None) -> None:
    assert share(Decimal(spend), None if budget is None else Decimal(budget)) == expected
