from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from vkstate.views.words import and_others, counted, escaped, expiry_text, money, prose, spent, verb

NOW = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Zoë 日本", "Zoë 日本"),
        ("\x1b[2J", "\\u001b[2J"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x9b31m", "\\u009b31m"),
        ("left\u202eright", "left\\u202eright"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("\x7f", "\\u007f"),
    ],
)
def test_escaped_text_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_prose_keeps_its_own_line_breaks_and_nothing_else() -> None:
    assert prose("one\n\ntwo\x1b[31m\r\nthree") == "one\n  two\\u001b[31m\n  three"


def test_counts_are_words() -> None:
    assert [counted(number, "key") for number in (0, 1, 2, 1250)] == ["0 keys", "1 key", "2 keys", "1,250 keys"]


def test_a_verb_goes_with_its_number() -> None:
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def test_a_command_for_several_says_for_how_many_more() -> None:
    assert [and_others(1), and_others(25)] == ["", " (and so for the other 24)"]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0.00"),
        (50, "$50.00"),
        (1250.5, "$1,250.50"),
        (0.1 + 0.2, "$0.30000000000000004"),
        (Decimal("0.30"), "$0.30"),
        (0.001, "$0.001"),
        (1e-7, "$0.0000001"),
        (1e6, "$1,000,000.00"),
    ],
)
def test_money_is_exact(amount: Decimal | float, shown: str) -> None:
    assert money(amount) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0.0, "$0.00"), (0.00001, "less than $0.0001"), (0.123456, "$0.1235"), (1234.5, "$1,234.50")],
)
def test_spend_is_rounded(amount: float, shown: str) -> None:
    assert spent(amount) == shown


@pytest.mark.parametrize(
    ("distance", "shown"),
    [
        (timedelta(days=3) - timedelta(milliseconds=1), "2026-12-01T16:59:59.999Z (in 3 days)"),
        (timedelta(hours=36), "2026-11-30T05:00:00Z (in 2 days)"),
        (timedelta(hours=35), "2026-11-30T04:00:00Z (in 35 hours)"),
        (timedelta(minutes=90), "2026-11-28T18:30:00Z (in 2 hours)"),
        (timedelta(minutes=89), "2026-11-28T18:29:00Z (in 89 minutes)"),
        (timedelta(minutes=1), "2026-11-28T17:01:00Z (in 1 minute)"),
        (timedelta(seconds=59), "2026-11-28T17:00:59Z (in less than a minute)"),
        (timedelta(0), "2026-11-28T17:00:00Z (expired less than a minute ago)"),
        (timedelta(days=-2), "2026-11-26T17:00:00Z (expired 2 days ago)"),
    ],
)
def test_an_expiry_says_how_far_it_is(distance: timedelta, shown: str) -> None:
    assert expiry_text(NOW + distance, NOW) == shown


def test_no_expiry_is_never() -> None:
    assert expiry_text(None, NOW) == "never"
