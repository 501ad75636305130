"""What a write left undone, and which of two keys came first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.diffs import drifted
from tests.factories import CREATED, ENDS, LINEAGE, NOW, desired, live
from vkstate.attributes import UNSET, Json, Sensitive
from vkstate.canonical import seal
from vkstate.differences import came_later, shortfall
from vkstate.expiry import Lasting, Never, Until
from vkstate.shown import live_value

SECRET = Sensitive("s3cret")


def test_what_the_proxy_can_show_of_a_path() -> None:
    row = live("a", {"max_budget": None, "metadata.x": 1})
    paths = ("max_budget", "metadata.x", "metadata.y", "tags", "tpd_limit", "?")
    shown = {path: live_value(row, path) for path in paths}
    assert {path: value.value if value else None for path, value in shown.items()} == {
        "max_budget": None,
        "metadata.x": 1,
        "metadata.y": UNSET,
        "tags": [],
        "tpd_limit": None,
        "?": None,
    }
    assert {path for path, value in shown.items() if value is None} == {"tpd_limit", "?"}


def test_shortfall_names_what_was_asked_for_and_is_not_there() -> None:
    want = desired(
        "a",
        {
            "duration": "30d",
            "max_budget": 5,
            "models": ["a"],
            "tpd_limit": 1,
            "rpm_limit": 9,
            "metadata.x": SECRET,
            "metadata.y": 1,
            "metadata.z": seal(LINEAGE, SECRET),
        },
        ignore_changes=["rpm_limit"],
    )
    shown: dict[str, Json] = {"max_budget": 50, "models": ["a"], "rpm_limit": 1, "user_id": "x", "team_id": None}
    row = live("a", shown, also={"metadata.z": "s3cret"})
    assert shortfall(want, row, cleared={"user_id", "team_id"}, expiry=None, written_at=CREATED) == (
        drifted("max_budget", 50, 5),
        drifted("metadata.y", UNSET, 1),
        drifted("user_id", "x", UNSET),
    )


@pytest.mark.parametrize(
    ("expiry", "ends", "met"),
    [
        (None, None, True),
        (Lasting(60), CREATED + timedelta(seconds=120), True),
        (Lasting(60), CREATED + timedelta(seconds=121), False),
        (Lasting(60), CREATED, True),
        (Lasting(60), CREATED - timedelta(seconds=1), False),
        (Lasting(60), None, False),
        (Never(), None, True),
        (Never(), ENDS, False),
        (Until(ENDS), ENDS, True),
        (Until(ENDS), ENDS - timedelta(minutes=2), False),
        (Until(CREATED - timedelta(days=1)), CREATED + timedelta(seconds=1), True),
        (Until(ENDS), None, False),
    ],
)
def test_shortfall_of_the_end(expiry: Lasting | Until | Never | None, ends: datetime | None, met: bool) -> None:
    row = live("a", expires_at=ends)
    left = shortfall(desired("a"), row, expiry=expiry, written_at=CREATED)
    assert [diff.path for diff in left] == ([] if met else ["duration"])


def test_an_end_that_was_not_declared_is_nobodys_shortfall() -> None:
    assert shortfall(desired("a", {}), live("a"), expiry=Never(), written_at=CREATED) == ()


def test_the_earlier_of_two_keys_stays() -> None:
    first, second = live("a", created_at=CREATED), live("a", name="x", created_at=NOW)
    assert [came_later(first, [second]), came_later(second, [first]), came_later(first, [])] == [False, True, False]
    low, high = sorted([first, live("a", name="y", created_at=CREATED)], key=lambda row: row.token)
    assert [came_later(low, [high]), came_later(high, [low])] == [False, True]
    unknown = live("a", name="z", created_at=None)
    assert [came_later(first, [unknown]), came_later(unknown, [first])] == [True, False]
