"""What a config may say of a key's end, and what it means as an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from vkstate.expiry import (
    TOLERANCE,
    Expiry,
    Lasting,
    Never,
    Until,
    end_of,
    expiry_of,
    format_instant,
    format_zoned,
    parse_duration,
    parse_instant,
    same_instant,
)

INSTANTS = st.timedeltas(timedelta(0), timedelta(days=80_000)).map(lambda since: NOW + since)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600), ("007d", 604_800)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("30", "30d or 30h"),
        ("3mo", "90d (months have no fixed length)"),
        ("1d12h", "36h"),
        ("", "30d or 12h"),
        ("1.5h", "30d or 12h"),
        ("-1d", "30d or 12h"),
        ("1D", "30d or 12h"),
        ("1 d", "30d or 12h"),
        ("1d\n", "30d or 12h"),
        ("٣d", "30d or 12h"),
        ("1y", "30d or 12h"),
        ("Never", "30d or 12h"),
        ("9" * 5000, "30d or 12h"),
        ("9" * 5000 + "d", "30d or 12h"),
    ],
)
def test_what_is_no_duration(text: str, suggestion: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_duration(text)
    assert str(caught.value) == (
        f"{text!r} is not a duration: write one whole number and one unit of s, m, h, d or w, such as {suggestion}"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0s", "'0s' would end the key at once: the shortest is 1s, and a key without an end is 'never'"),
        ("36501d", "'36501d' is more than 100 years: a key without an end is 'never'"),
        ("999999999999w", "'999999999999w' is more than 100 years: a key without an end is 'never'"),
    ],
)
def test_durations_out_of_bounds(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_duration(text)
    assert str(caught.value) == words


def test_the_longest_duration_fits() -> None:
    assert parse_duration("36500d") == 36_500 * 86_400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T18:00:00+01:00", datetime(2026, 12, 1, 17, tzinfo=UTC)),
        ("2026-12-01T18:00:00Z", datetime(2026, 12, 1, 18, tzinfo=UTC)),
        ("2026-12-01T18:00:00.250Z", datetime(2026, 12, 1, 18, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_instants(text: str, expected: datetime) -> None:
    assert parse_instant(text) == expected
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow", "'tomorrow' is not an instant: write it as 2026-12-01T18:00:00+01:00"),
        (
            "2026-12-01",
            "'2026-12-01' has no time zone: write it as 2026-12-01T18:00:00+01:00, or with Z for UTC",
        ),
        ("9999-12-31T23:59:59-05:00", "'9999-12-31T23:59:59-05:00' lies outside the years 1 to 9999 in UTC"),
        ("0001-01-01T00:00:00+05:00", "'0001-01-01T00:00:00+05:00' lies outside the years 1 to 9999 in UTC"),
    ],
)
def test_what_is_no_instant(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_instant(text)
    assert str(caught.value) == words


def test_instants_are_written_in_utc_with_milliseconds_only_where_there_are_any() -> None:
    paris = timezone(timedelta(hours=1))
    assert format_instant(datetime(2026, 12, 1, 18, tzinfo=paris)) == "2026-12-01T17:00:00Z"
    assert format_instant(datetime(2026, 12, 1, 18, 0, 0, 999, tzinfo=UTC)) == "2026-12-01T18:00:00Z"
    assert format_instant(datetime(2026, 12, 1, 18, 0, 0, 36_095, tzinfo=UTC)) == "2026-12-01T18:00:00.036Z"


def test_an_instant_in_its_own_zone() -> None:
    paris = timezone(timedelta(hours=1))
    assert format_zoned(datetime(2026, 12, 1, 18, tzinfo=paris)) == "2026-12-01T18:00:00+01:00"
    assert format_zoned(datetime(2026, 12, 1, 18, 0, 0, 5, tzinfo=UTC)) == "2026-12-01T18:00:00Z"


@given(INSTANTS)
def test_an_instant_survives_being_written(instant: datetime) -> None:
    assert instant - parse_instant(format_instant(instant)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, None),
        ({"max_budget": 1}, None),
        ({"duration": None, "expires_at": None}, None),
        ({"duration": "7d"}, Lasting(604_800)),
        ({"duration": "never"}, Never()),
        ({"expires_at": "2026-12-01T18:00:00Z"}, Until(datetime(2026, 12, 1, 18, tzinfo=UTC))),
    ],
)
def test_the_expiry_that_is_declared(declared: dict[str, object], expected: Expiry | None) -> None:
    assert expiry_of(declared) == expected


@pytest.mark.parametrize(
    ("expiry", "end"),
    [
        (Never(), None),
        (Lasting(60), NOW + timedelta(minutes=1)),
        (Until(NOW + timedelta(days=1)), NOW + timedelta(days=1)),
        (Until(NOW - timedelta(days=1)), NOW),
    ],
)
def test_when_a_key_ends(expiry: Expiry, end: datetime | None) -> None:
    assert end_of(expiry, NOW) == end


def test_two_ends_are_the_same_within_the_tolerance() -> None:
    assert same_instant(None, None)
    assert not same_instant(None, NOW)
    assert not same_instant(NOW, None)
    assert same_instant(NOW, NOW + TOLERANCE)
    assert same_instant(NOW + TOLERANCE, NOW)
    assert not same_instant(NOW, NOW + TOLERANCE + timedelta(milliseconds=1))
    assert same_instant(NOW, NOW + timedelta(minutes=1), timedelta(minutes=1))
