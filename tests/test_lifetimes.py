"""When a key ends: config, record and proxy compared; and what an interrupted create must have given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from tests.diffs import changed, differences, drifted, recorded_only
from tests.factories import CREATED, ENDS, NOW, desired, live, pending, recorded
from vkstate.attributes import UNSET, Value
from vkstate.plan import AttributeDiff

SOON = NOW + timedelta(days=3)
UNTIL_SOON: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-21T12:00:00Z"}
NEVER_ENDS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "never"}
THIRTY_DAYS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "30d"}


@pytest.mark.parametrize(
    ("want", "applied", "expires_at", "live_expires_at", "expected"),
    [
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, ENDS, None),
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, ENDS + timedelta(seconds=2), None),
        (
            THIRTY_DAYS,
            THIRTY_DAYS,
            ENDS,
            ENDS + timedelta(seconds=3),
            drifted("expires_at", "2026-04-16T12:00:03Z", "2026-04-16T12:00:00Z"),
        ),
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, None, drifted("expires_at", "never", "2026-04-16T12:00:00Z")),
        (NEVER_ENDS, NEVER_ENDS, None, ENDS, drifted("expires_at", "2026-04-16T12:00:00Z", "never")),
        (NEVER_ENDS, NEVER_ENDS, None, None, None),
        ({**THIRTY_DAYS, "duration": "720h"}, THIRTY_DAYS, ENDS, ENDS, None),
        ({**THIRTY_DAYS, "duration": "7d"}, THIRTY_DAYS, ENDS, ENDS, changed("duration", "30d", "7d")),
        (
            {**THIRTY_DAYS, "duration": "7d"},
            THIRTY_DAYS,
            ENDS,
            CREATED + timedelta(days=7),
            changed("duration", "30d", "7d"),
        ),
        (NEVER_ENDS, THIRTY_DAYS, ENDS, ENDS, changed("duration", "30d", "never")),
        (NEVER_ENDS, THIRTY_DAYS, ENDS, None, recorded_only("duration", "30d", "never")),
        (THIRTY_DAYS, NEVER_ENDS, None, None, changed("duration", "never", "30d")),
        (UNTIL_SOON, THIRTY_DAYS, ENDS, ENDS, changed("expires_at", "30d", "2026-03-21T12:00:00Z")),
        (UNTIL_SOON, THIRTY_DAYS, ENDS, SOON, recorded_only("expires_at", "30d", "2026-03-21T12:00:00Z")),
        (UNTIL_SOON, UNTIL_SOON, SOON, SOON, None),
        (
            UNTIL_SOON,
            UNTIL_SOON,
            SOON,
            ENDS,
            drifted("expires_at", "2026-04-16T12:00:00Z", "2026-03-21T12:00:00Z"),
        ),
        (THIRTY_DAYS, THIRTY_DAYS, CREATED, CREATED, None),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, ENDS, ENDS, recorded_only("duration", UNSET, "30d")),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, SOON, SOON, changed("duration", UNSET, "30d")),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, None, None, changed("duration", UNSET, "30d")),
        ({"models": ["gpt-4"]}, {"models": ["gpt-4"]}, ENDS, None, None),
    ],
)
def test_when_a_key_ends(
    want: Mapping[str, Value],
    applied: Mapping[str, Value],
    expires_at: datetime | None,
    live_expires_at: datetime | None,
    expected: AttributeDiff | None,
) -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=live_expires_at)
    actual = differences(desired("a", want), recorded("a", applied, expires_at=expires_at), row)
    assert actual == ((expected,) if expected else ())


@pytest.mark.parametrize("ignored", ["duration", "expires_at"])
def test_an_ignored_end_differs_never(ignored: str) -> None:
    want = desired("a", duration="7d", ignore_changes=[ignored])
    assert differences(want, recorded("a"), live("a", expires_at=None)) == ()


@pytest.mark.parametrize(
    ("applied", "live_expires_at", "expected"),
    [
        (THIRTY_DAYS, ENDS + timedelta(seconds=59), None),
        (THIRTY_DAYS, None, changed("duration", "never", "30d")),
        (THIRTY_DAYS, SOON, changed("duration", "2026-03-21T12:00:00Z", "30d")),
        (NEVER_ENDS, None, None),
        (NEVER_ENDS, ENDS, changed("duration", "2026-04-16T12:00:00Z", "never")),
        (UNTIL_SOON, SOON, None),
    ],
)
def test_an_interrupted_create_must_have_given_the_end_that_was_asked(
    applied: Mapping[str, Value], live_expires_at: datetime | None, expected: AttributeDiff | None
) -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=live_expires_at)
    actual = differences(desired("a", applied), pending("a", applied), row)
    assert actual == ((expected,) if expected else ())


def test_a_key_that_the_state_does_not_know_is_compared_as_if_nothing_had_been_applied() -> None:
    assert differences(desired("a"), None, live("a")) == (
        recorded_only("duration", UNSET, "30d"),
        recorded_only("max_budget", UNSET, 50),
        recorded_only("models", UNSET, ["gpt-4"]),
        recorded_only("user_id", UNSET, "a@example.com"),
    )
    assert differences(desired("a", max_budget=1), None, live("a"))[1:2] == (changed("max_budget", 50, 1),)
