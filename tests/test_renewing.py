"""``--renew``: time again for a key, with the same value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from tests.factories import CREATED, ENDS, NOW, desired, foreign, live, participant, pending, planned, recorded
from vkstate.attributes import Value
from vkstate.executor.orders import update_order
from vkstate.expiry import Lasting, Never, Until
from vkstate.keys import Alias, Capabilities
from vkstate.options import Options
from vkstate.plan import Action, AttributeDiff, Cause, Problem, Reason

RENEW = Options(renew=("a",))
PAST = NOW - timedelta(hours=1)
THIRTY_DAYS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "30d"}
NEVER_ENDS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "never"}
UNTIL: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-21T12:00:00Z"}
SOON = NOW + timedelta(days=3)


def renewed(before: str, path: str, after: str) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.RENEWED)


@pytest.mark.parametrize(
    ("declared", "applied", "ends", "expected"),
    [
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, renewed("2026-04-16T12:00:00Z", "duration", "30d")),
        (THIRTY_DAYS, THIRTY_DAYS, PAST, renewed("2026-03-18T11:00:00Z", "duration", "30d")),
        (THIRTY_DAYS, THIRTY_DAYS, None, renewed("never", "duration", "30d")),
        (THIRTY_DAYS, NEVER_ENDS, None, renewed("never", "duration", "30d")),
        (NEVER_ENDS, NEVER_ENDS, None, None),
        (NEVER_ENDS, NEVER_ENDS, PAST, renewed("2026-03-18T11:00:00Z", "duration", "never")),
        (UNTIL, UNTIL, SOON, None),
        (UNTIL, UNTIL, PAST, renewed("2026-03-18T11:00:00Z", "expires_at", "2026-03-21T12:00:00Z")),
    ],
)
def test_what_renewing_gives(
    declared: Mapping[str, Value],
    applied: Mapping[str, Value],
    ends: datetime | None,
    expected: AttributeDiff | None,
) -> None:
    want, have = desired("a", declared), recorded("a", applied, expires_at=ends)
    result = planned([want], [have], [live("a", {"models": ["gpt-4"]}, expires_at=ends)], options=RENEW)
    assert result.problems == ()
    [change] = result.changes
    assert change.diffs == ((expected,) if expected else ())
    assert change.action is (Action.UPDATE if expected else Action.NO_OP)


@pytest.mark.parametrize(
    ("applied", "recorded_end", "before"),
    [
        (NEVER_ENDS, PAST, "2026-03-18T11:00:00Z"),
        (THIRTY_DAYS, PAST, "2026-03-18T11:00:00Z"),
        (THIRTY_DAYS, None, "never"),
    ],
    ids=["as after a lost answer", "and changed in the config", "only changed in the config"],
)
def test_what_was_given_already_is_recorded(
    applied: Mapping[str, Value], recorded_end: datetime | None, before: str
) -> None:
    have = recorded("a", applied, expires_at=recorded_end)
    row = live("a", {"models": ["gpt-4"]}, expires_at=None)
    [change] = planned([desired("a", NEVER_ENDS)], [have], [row], options=RENEW).changes
    assert change.action is Action.UPDATE
    assert change.diffs == (AttributeDiff("duration", before, "never", Cause.RENEWED, already_live=True),)


@pytest.mark.parametrize(
    ("declared", "expected"), [(THIRTY_DAYS, Lasting(30 * 86_400)), (NEVER_ENDS, Never()), (UNTIL, Until(SOON))]
)
def test_what_is_sent_is_what_is_declared_now(declared: Mapping[str, Value], expected: object) -> None:
    have = recorded("a", declared, expires_at=PAST)
    row = live("a", {"models": ["gpt-4"]}, expires_at=PAST - timedelta(days=1))
    [change] = planned([desired("a", declared)], [have], [row], options=RENEW).changes
    assert update_order(change, have, "lineage", change.diffs).expiry == expected


def test_a_key_that_drifted_is_renewed_and_not_repaired() -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=SOON)
    [change] = planned([desired("a", THIRTY_DAYS)], [recorded("a", THIRTY_DAYS)], [row], options=RENEW).changes
    assert [(diff.path, diff.cause) for diff in change.diffs] == [("duration", Cause.RENEWED)]


@pytest.mark.parametrize("ignored", ["duration", "expires_at"])
def test_renewing_is_done_although_the_end_is_ignored_otherwise(ignored: str) -> None:
    want = desired("a", ignore_changes=[ignored])
    [change] = planned([want], [recorded("a")], [live("a")], options=RENEW).changes
    assert [diff.cause for diff in change.diffs] == [Cause.RENEWED]


@pytest.mark.parametrize("declared", [NEVER_ENDS, {**NEVER_ENDS, "duration": "30d"}])
def test_renewing_asks_no_more_of_a_server_than_it_can(declared: Mapping[str, Value]) -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=PAST)
    problems = planned(
        [desired("a", declared)],
        [recorded("a", declared, expires_at=PAST)],
        [row],
        options=RENEW,
        capabilities=Capabilities(clear_expiry=False),
    ).problems
    words = "a: this LiteLLM cannot take the expiry from an existing key (1.80 and later can)."
    assert [problem.detail for problem in problems] == ([words] if declared["duration"] == "never" else [])


@pytest.mark.parametrize(
    ("renew", "named"),
    [
        (("a",), True),
        (("*",), True),
        (("workshop:w",), True),
        (("workshop:w/user1",), True),
        (("b",), False),
        ((), False),
    ],
)
def test_what_renew_names(renew: Sequence[str], named: bool) -> None:
    member = participant(1)
    plan = planned(
        [desired("a", member=member)],
        [recorded("a", member=member)],
        [live("a", member=member)],
        options=Options(renew=tuple(renew)),
    )
    assert bool(plan.effective) is named


def test_a_key_without_a_declared_end_has_none_to_be_given_again() -> None:
    want, have = desired("a", {"models": ["gpt-4"]}), recorded("a", {"models": ["gpt-4"]})
    assert planned([want], [have], [live("a", {"models": ["gpt-4"]})], options=RENEW).effective == ()


def test_an_end_that_has_passed_cannot_be_given_again() -> None:
    passed: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-18T11:00:00Z"}
    have = recorded("a", passed, expires_at=PAST)
    row = live("a", {"models": ["gpt-4"]}, expires_at=PAST)
    assert planned([desired("a", passed)], [have], [row]).problems == ()
    assert planned([desired("a", passed)], [have], [row], options=RENEW).problems == (
        Problem(
            "vkstate.yaml:12:3: a would end at 2026-03-18T11:00:00Z, which has passed.",
            "give it an expires_at in the future",
            Alias("a"),
        ),
    )


def test_an_interrupted_create_is_renewed_with_its_adoption() -> None:
    [change] = planned([desired("a")], [pending("a")], [live("a", expires_at=CREATED)], options=RENEW).changes
    assert (change.action, change.reason) == (Action.ADOPT, Reason.INTERRUPTED)
    assert [(diff.path, diff.cause) for diff in change.diffs] == [("duration", Cause.RENEWED)]


def test_what_is_new_here_has_nothing_to_be_renewed() -> None:
    plain = planned([desired("a")])
    assert planned([desired("a")], options=RENEW) == plain
    options = Options(imports=("a",), renew=("a",))
    assert planned([desired("a")], [], [foreign("a")], options=options) == planned(
        [desired("a")], [], [foreign("a")], options=Options(imports=("a",))
    )


def test_an_expired_key_that_is_renewed_is_no_longer_said_to_stay_so() -> None:
    have, row = recorded("a", expires_at=PAST), live("a", expires_at=PAST)
    assert len(planned([desired("a")], [have], [row]).warnings) == 1
    assert planned([desired("a")], [have], [row], options=RENEW).warnings == ()
