"""Keys desired as they are, on the proxy or in the state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from tests.factories import CREATED, ENDS, LINEAGE, NOW, desired, live, participant, planned, recorded
from vkstate.attributes import Sealed, Sensitive, Value
from vkstate.canonical import seal
from vkstate.keys import Alias, OnMissing
from vkstate.options import Options
from vkstate.plan import Action
from vkstate.unchanged import as_live, as_recorded, ends_by, live_expiry

SECRET = Sensitive("s3cret")


def test_a_record_as_a_wish_is_no_difference() -> None:
    have = recorded("a", member=participant(1), prevent_destroy=True, also={"metadata.x": seal(LINEAGE, SECRET)})
    want = as_recorded(have)
    assert (want.alias, want.declared, want.member, want.prevent_destroy) == ("a", have.applied, have.member, None)
    assert isinstance(want.declared["metadata.x"], Sealed)
    row = live("a", member=participant(1), also={"metadata.x": "s3cret"})
    assert planned([want], [have], [row]).effective == ()


def test_a_record_may_be_wished_under_another_alias_and_with_another_end() -> None:
    want = as_recorded(recorded("a"), alias=Alias("b"), ends=NOW)
    assert want.alias == "b"
    assert want.declared == {
        "max_budget": 50,
        "models": ["gpt-4"],
        "user_id": "a@example.com",
        "expires_at": "2026-03-18T12:00:00Z",
    }
    until = as_recorded(recorded("a", {"expires_at": "2026-03-19T12:00:00Z"}), ends=NOW)
    assert until.declared == {"expires_at": "2026-03-18T12:00:00Z"}


@pytest.mark.parametrize(
    ("declared", "ends", "expected"),
    [
        ({"duration": "30d"}, ENDS, {"duration": "30d"}),
        ({"duration": "30d"}, ENDS + timedelta(seconds=60), {"duration": "30d"}),
        ({"duration": "30d"}, ENDS + timedelta(seconds=61), {"expires_at": "2026-04-16T12:01:01Z"}),
        ({"duration": "30d"}, None, {"duration": "never"}),
        ({"duration": "never"}, None, {"duration": "never"}),
        ({"duration": "never"}, ENDS, {"expires_at": "2026-04-16T12:00:00Z"}),
        ({"expires_at": "2026-04-16T14:00:00+02:00"}, ENDS, {"expires_at": "2026-04-16T14:00:00+02:00"}),
        ({"expires_at": "2026-04-17T12:00:00Z"}, ENDS, {"expires_at": "2026-04-16T12:00:00Z"}),
        ({}, ENDS, {"expires_at": "2026-04-16T12:00:00Z"}),
        ({}, None, {"duration": "never"}),
    ],
)
def test_when_a_live_key_ends_as_a_config_says_it(
    declared: Mapping[str, Value], ends: datetime | None, expected: Mapping[str, Value]
) -> None:
    assert live_expiry(live("a", expires_at=ends), declared) == expected


def test_of_a_key_whose_age_is_not_known_the_end_is_given_exactly() -> None:
    row = live("a", created_at=None, expires_at=ENDS)
    assert live_expiry(row, {"duration": "30d"}) == {"expires_at": "2026-04-16T12:00:00Z"}


def test_a_live_key_as_a_wish_has_what_the_proxy_holds_of_what_was_asked() -> None:
    asked = desired(
        "a",
        {
            "duration": "7d",
            "max_budget": 5,
            "models": ["claude"],
            "tpd_limit": 1,
            "metadata.x": SECRET,
            "metadata.y": "absent",
            "metadata.z": "old",
        },
        member=participant(1),
        prevent_destroy=True,
        on_missing=OnMissing.ERROR,
    )
    want = as_live(asked, live("a", also={"metadata.x": "theirs", "metadata.z": "new"}, rpm_limit=3))
    assert want.declared == {
        "max_budget": 50,
        "models": ["gpt-4"],
        "metadata.z": "new",
        "expires_at": "2026-04-16T12:00:00Z",
    }
    assert (want.alias, want.place, want.member) == ("a", asked.place, asked.member)
    assert (want.prevent_destroy, want.on_missing) == (True, OnMissing.ERROR)


def test_a_live_key_as_a_wish_is_imported_without_a_change_but_our_mark() -> None:
    row = live("a", lineage=None)
    want = as_live(desired("a", max_budget=5), row)
    [change] = planned([want], [], [row], options=Options(imports=("a",))).changes
    assert change.action is Action.ADOPT
    assert [diff.path for diff in change.diffs if not diff.already_live] == ["metadata.vkstate"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (None, False),
        (NOW, True),
        (CREATED, True),
        (NOW + timedelta(seconds=60), True),
        (NOW + timedelta(seconds=61), False),
    ],
)
def test_what_ends_by_an_instant(end: datetime | None, expected: bool) -> None:
    assert ends_by(end, NOW) is expected
