"""What ``vkstate check`` says of keys whose time is over: what it hints at is what the planner would take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.factories import DECLARED, NOW, desired, participant, pending, planned, recorded
from tests.factories import live as live_key
from vkstate.attributes import Value
from vkstate.cli.checking_time import timely
from vkstate.cli.findings import warning
from vkstate.keys import Alias, DesiredKey, RecordedKey, Retired, Status
from vkstate.options import Options
from vkstate.plan import Action

OVER = NOW - timedelta(hours=1)
PASSED: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-18T11:00:00Z"}
LATER: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-18T13:00:00Z"}


def expired(alias: str, applied: Mapping[str, Value] | None = None) -> RecordedKey:
    return recorded(alias, applied, expires_at=OVER)


def of_workshop(number: int, declared: Mapping[str, Value], ends_at: str) -> DesiredKey:
    key = desired(f"the w-user{number}", declared, member=participant(number, "the w"))
    return replace(key, ends_at=datetime.fromisoformat(ends_at))


def said(want: Sequence[DesiredKey], have: Sequence[RecordedKey]) -> list[tuple[str, str | None]]:
    found = list(timely({key.alias: key for key in want}, {key.alias: key for key in have}, NOW))
    assert found == [warning("keys", finding.detail, finding.hint) for finding in found]
    return [(finding.detail, finding.hint) for finding in found]


def test_keys_that_have_time_are_not_told_of() -> None:
    have = [recorded("a"), recorded("never", expires_at=None), pending("b")]
    assert said([desired("a"), desired("never"), desired("b")], have) == []


@pytest.mark.parametrize("status", [Status.GONE, Status.PENDING])
def test_what_is_not_there_is_given_no_time(status: Status) -> None:
    assert said([desired("a")], [replace(expired("a"), status=status)]) == []


def test_a_key_with_a_duration_is_renewed() -> None:
    assert said([desired("a b")], [expired("a b")]) == [
        ("a b has expired.", "vkstate apply --renew 'a b' gives time again")
    ]
    wants = [desired(alias, ignore_changes=["duration"]) for alias in "ab"]
    assert said(wants, [expired("a", {**DECLARED, "duration": "3d"}), expired("b")]) == [
        ("a, b have expired.", "vkstate apply --renew a (and so for the other 1) gives time again")
    ]


def test_a_key_that_the_config_ends_is_not_renewed() -> None:
    """As the planner says: no renewal moves an instant."""
    edit = "give it an expires_at in the future, or take it out of the config"
    assert said([desired("a", PASSED)], [expired("a", PASSED)]) == [("a has expired.", edit)]
    row = live_key("a", expires_at=OVER)
    renewed = planned([desired("a", PASSED)], [expired("a", PASSED)], [row], options=Options(renew=("a",)))
    assert [problem.hint for problem in renewed.problems] == ["give it an expires_at in the future"]
    [kept] = planned([desired("a", PASSED)], [expired("a", PASSED)], [row]).warnings
    assert kept.after == ". An expires_at in the future gives time again."


def test_a_key_that_ended_with_its_workshop() -> None:
    wants = [of_workshop(number, PASSED, "2026-03-18T11:00:00+00:00") for number in (1, 2)]
    destroy = "vkstate destroy --target 'workshop:the w'"
    hint = f"vkstate extend 'the w' 2h gives their workshop time again; where it is over: {destroy}"
    assert said(wants, [replace(expired(key.alias, PASSED), member=key.member) for key in wants]) == [
        ("the w-user1, the w-user2 have expired.", hint)
    ]


def test_an_end_that_was_put_off_is_applied() -> None:
    want = of_workshop(1, LATER, "2026-03-18T13:00:00+00:00")
    apply = "vkstate apply gives them the end that the config says"
    assert said([want, desired("b", duration="60d")], [expired(want.alias, PASSED), expired("b")]) == [
        ("the w-user1, b have expired.", apply)
    ]


def test_an_end_that_was_put_off_and_is_ignored_is_for_renewal() -> None:
    """The plan says so, too, and not that the workshop has ended."""
    want = replace(
        of_workshop(1, LATER, "2026-03-18T13:00:00+00:00"), ignore_changes=frozenset({"expires_at", "duration"})
    )
    have = replace(expired(want.alias, PASSED), member=want.member)
    assert said([want], [have]) == [
        ("the w-user1 has expired.", "vkstate apply --renew 'the w-user1' gives time again")
    ]
    row = live_key(want.alias, member=want.member, expires_at=OVER)
    stay = "expired keys stay as they are: "
    [after] = [caution.after for caution in planned([want], [have], [row]).warnings if caution.before == stay]
    assert after == ". --renew gives time again, as does a changed duration or expires_at."
    renewed = planned([want], [have], [row], options=Options(renew=(want.alias,)))
    assert ([change.action for change in renewed.effective], renewed.problems) == ([Action.UPDATE], ())


def test_what_the_config_does_not_declare_is_left_to_the_plan() -> None:
    plan = "vkstate plan says what is to be done: the config does not declare it"
    assert said([], [expired("a")]) == [("a has expired.", plan)]


@pytest.mark.parametrize("after", [None, OVER, NOW])
def test_a_retired_key_whose_time_is_over_is_deleted(after: datetime | None) -> None:
    old = replace(expired("a.retired-01234567"), retired=Retired(Alias("a"), after))
    assert said([desired("a")], [old]) == [
        ("a.retired-01234567 was replaced, and its time is over.", "vkstate apply deletes it")
    ]
