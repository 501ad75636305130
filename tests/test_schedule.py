"""The clock of a workshop: what is desired at an instant, what a plan says of it, and what extends an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import CREATED, DECLARED, ENDS, NOW, desired, live, participant, planned, recorded
from vkstate.attributes import Value
from vkstate.fingerprint import fingerprint
from vkstate.keys import Alias, DesiredKey, LiveKey, RecordedKey
from vkstate.plan import Action, AttributeDiff, Cause, Caution, Plan, Problem
from vkstate.schedule import CannotExtend, blocked_until, desired_at, extended_end, recorded_end

START = NOW + timedelta(days=1)
PROXY = "https://litellm.example.com"
CET = timezone(timedelta(hours=1))


def scheduled(
    alias: str = "w-user1",
    *,
    starts_at: datetime | None = START,
    ends_at: datetime | None = None,
    expires_at: str | None = None,
    blocked: bool | None = None,
    number: int = 1,
) -> DesiredKey:
    """A member of a workshop that starts tomorrow."""
    declared = {path: value for path, value in DECLARED.items() if path != "duration"} if expires_at else DECLARED
    also: dict[str, Value] = {"expires_at": expires_at} if expires_at else {}
    also |= {} if blocked is None else {"blocked": blocked}
    return replace(
        desired(alias, declared, member=participant(number), also=also), starts_at=starts_at, ends_at=ends_at
    )


def applied(*, blocked: bool, by_hand: bool = False) -> tuple[RecordedKey, LiveKey]:
    """The same key, as it was applied before or after the start."""
    member = participant(1)
    record = recorded("w-user1", member=member, blocked=blocked)
    row = live("w-user1", member=member, blocked=blocked)
    return replace(record, awaits_start=blocked and not by_hand), row


def before_and_after(have: Sequence[RecordedKey], rows: Sequence[LiveKey]) -> tuple[Plan, Plan]:
    """The plan a moment before the start, and that of the very moment."""
    moment = timedelta(microseconds=1)
    return (
        planned([scheduled()], have, rows, now=START - moment),
        planned([scheduled()], have, rows, now=START),
    )


def test_a_new_key_is_blocked_until_the_start() -> None:
    early, late = before_and_after([], [])
    (blocked,), (opened,) = early.changes, late.changes
    assert (blocked.action, opened.action) == (Action.CREATE, Action.CREATE)
    assert blocked.desired is not None
    assert opened.desired is not None
    assert (blocked.desired.declared["blocked"], opened.desired.declared["blocked"]) == (True, False)
    assert (blocked_until(blocked.desired), blocked_until(opened.desired)) == (START, None)


def test_the_first_plan_after_the_start_opens_the_key() -> None:
    record, row = applied(blocked=True)
    early, late = before_and_after([record], [row])
    assert early.effective == ()
    (change,) = late.effective
    assert change.diffs == (AttributeDiff("blocked", True, False, Cause.STARTED),)


@pytest.mark.parametrize("found_open", [False, True])
def test_a_block_that_is_lifted_is_not_explained_by_the_start(found_open: bool) -> None:
    record, _ = applied(blocked=True, by_hand=True)
    row = live("w-user1", member=participant(1), blocked=not found_open)
    _, late = before_and_after([record], [row])
    (change,) = late.effective
    assert change.diffs == (AttributeDiff("blocked", True, False, Cause.CONFIG, already_live=found_open),)


def test_a_start_that_was_put_off_blocks_again() -> None:
    record, row = applied(blocked=False)
    early, late = before_and_after([record], [row])
    (change,) = early.effective
    assert change.diffs == (AttributeDiff("blocked", False, True, Cause.CONFIG),)
    assert late.effective == ()


def test_a_key_that_somebody_opened_before_the_start_is_blocked_again() -> None:
    record, _ = applied(blocked=True)
    early, late = before_and_after([record], [live("w-user1", member=participant(1), blocked=False)])
    assert early.effective[0].diffs == (AttributeDiff("blocked", False, True, Cause.OUTSIDE),)
    assert late.effective[0].diffs == (AttributeDiff("blocked", True, False, Cause.STARTED, already_live=True),)


def test_a_start_that_is_taken_out_opens_the_key() -> None:
    record, row = applied(blocked=True)
    (change,) = planned([scheduled(starts_at=None)], [record], [row]).effective
    assert [(diff.path, diff.cause, diff.already_live) for diff in change.diffs] == [("blocked", Cause.CONFIG, False)]


INSTANTS = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(now=INSTANTS, start=INSTANTS, zone=ZONES, by_hand=st.none() | st.booleans())
def test_what_is_desired_at_an_instant(now: datetime, start: datetime, zone: timezone, by_hand: bool | None) -> None:
    """Blocked before the start and open from it on, in whatever zone it is written, and whatever was said before."""
    key = scheduled(starts_at=start.astimezone(zone), blocked=by_hand)
    there = desired_at(now, {key.alias: key})
    assert there[key.alias].declared["blocked"] is (now < start)
    assert desired_at(now, there) == there
    assert replace(there[key.alias], declared=key.declared) == key


@given(now=INSTANTS, by_hand=st.none() | st.booleans())
def test_without_a_start_nothing_is_decided(now: datetime, by_hand: bool | None) -> None:
    key = scheduled(starts_at=None, blocked=by_hand)
    assert desired_at(now, {key.alias: key}) == {key.alias: key}


@given(now=INSTANTS, later=INSTANTS, existing=st.booleans(), blocked=st.booleans())
def test_time_alone_changes_a_fingerprint_only_at_the_start(
    now: datetime, later: datetime, existing: bool, blocked: bool
) -> None:
    record, row = applied(blocked=blocked)
    record, row = replace(record, expires_at=None), replace(row, expires_at=None)
    have, rows = ([record], [row]) if existing else ([], [])
    one, other = (
        planned([replace(scheduled(), declared={**DECLARED, "duration": "never"})], have, rows, now=at)
        for at in (now, later)
    )
    same_side = (now < START) is (later < START)
    assert (fingerprint(one, PROXY) == fingerprint(other, PROXY)) is same_side


EARLY = "the workshop w starts at 2026-03-19T12:00:00Z, and these keys end before that: "
SHORT = "the workshop w ends at 2026-03-20T12:00:00Z, and these keys end before that: "
LAST = NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("key", "row", "warnings"),
    [
        pytest.param(scheduled(ends_at=LAST, expires_at="2026-03-20T12:00:00Z"), None, (), id="ends with it"),
        pytest.param(scheduled(ends_at=LAST, expires_at="2026-03-20T11:59:30Z"), None, (), id="within the slack"),
        pytest.param(
            scheduled(ends_at=LAST, expires_at="2026-03-20T11:00:00Z"),
            None,
            (Caution(SHORT, (Alias("w-user1"),), "."),),
            id="an override ends early",
        ),
        pytest.param(
            scheduled(ends_at=LAST, expires_at="2026-03-19T11:00:00Z"),
            None,
            (Caution(EARLY, (Alias("w-user1"),), "."),),
            id="ends before the start",
        ),
        pytest.param(scheduled(ends_at=None), None, (), id="a duration that is long enough"),
        pytest.param(
            replace(scheduled(), declared={**DECLARED, "duration": "12h"}),
            None,
            (Caution(EARLY, (Alias("w-user1"),), "."),),
            id="a duration that is over before the start",
        ),
        pytest.param(
            scheduled(starts_at=None, ends_at=LAST),
            live("w-user1", member=participant(1), expires_at=NOW + timedelta(hours=3)),
            (),
            id="an end that is about to be made good",
        ),
    ],
)
def test_keys_that_end_too_early_are_named(key: DesiredKey, row: LiveKey | None, warnings: tuple[Caution, ...]) -> None:
    have = [recorded("w-user1", member=participant(1))] if row else []
    assert planned([key], have, [row] if row else []).warnings == warnings


def test_a_key_that_stays_short_is_named_too() -> None:
    """A duration that was applied: the key's own end counts, and not what the duration would be from now."""
    member = participant(1)
    record = recorded("w-user1", member=member, expires_at=NOW + timedelta(hours=3))
    row = live("w-user1", member=member, expires_at=NOW + timedelta(hours=3))
    plan = planned([scheduled(starts_at=None, ends_at=LAST)], [record], [row])
    assert plan.effective == ()
    assert plan.warnings == (Caution(SHORT, (Alias("w-user1"),), "."),)


def test_an_end_that_has_passed_says_how_to_go_on() -> None:
    over = NOW - timedelta(hours=1)
    plan = planned([scheduled(starts_at=None, ends_at=over, expires_at="2026-03-18T11:00:00Z")])
    assert plan.problems == (
        Problem(
            "vkstate.yaml:12:3: w-user1 would end at 2026-03-18T11:00:00Z, which has passed.",
            "give its workshop an ends_at in the future, as by: vkstate extend w 2h",
            Alias("w-user1"),
            participant(1),
        ),
    )


def test_expired_keys_are_told_what_gives_them_time_again() -> None:
    """A key that ends with its workshop gets more time by nothing but a later end of that."""
    over, end = NOW - timedelta(hours=1), "2026-03-18T11:00:00Z"
    want = scheduled(starts_at=None, ends_at=over, expires_at=end)
    other = replace(scheduled("w-user2", starts_at=None, number=2), ends_at=over)
    have = [recorded(key.alias, key.declared, member=key.member, expires_at=over) for key in (want, other)]
    rows = [live(key.alias, member=key.member, expires_at=over) for key in (want, other)]
    stay = "expired keys stay as they are: "
    assert [warning for warning in planned([want, other], have, rows).warnings if warning.before == stay] == [
        Caution(stay, (want.alias,), ". Their workshop has ended; this gives it time again: vkstate extend w 2h."),
        Caution(stay, (other.alias,), ". --renew gives time again, as does a changed duration or expires_at."),
    ]


TWO = timedelta(hours=2)


@pytest.mark.parametrize(
    ("ends", "declared", "end"),
    [
        pytest.param([ENDS, ENDS], ENDS, (ENDS + TWO, False), id="beyond the end"),
        pytest.param([ENDS, ENDS - TWO], None, (ENDS + TWO, False), id="beyond the latest of durations"),
        pytest.param([ENDS, ENDS], ENDS + TWO, (ENDS + TWO, True), id="written, and nothing applied"),
        pytest.param([ENDS, ENDS + TWO], ENDS + TWO, (ENDS + TWO, True), id="applied in part"),
        pytest.param([ENDS - TWO, ENDS + TWO], ENDS + TWO, (ENDS + TWO, True), id="applied to the latest"),
        pytest.param(
            [ENDS, ENDS], ENDS + timedelta(minutes=5), (ENDS + TWO, False), id="written by hand, and too short"
        ),
        pytest.param([CREATED], CREATED, (NOW + TWO, False), id="over: from now"),
        pytest.param([CREATED], NOW + TWO, (NOW + TWO, True), id="over, written, and nothing applied"),
        pytest.param(
            [ENDS + timedelta(milliseconds=1)],
            None,
            (ENDS + TWO + timedelta(seconds=1), False),
            id="whole seconds, and nothing lost",
        ),
    ],
)
def test_extended(ends: list[datetime | None], declared: datetime | None, end: tuple[datetime, bool]) -> None:
    assert extended_end(ends, declared, NOW, TWO) == end


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([], "no key of it is recorded, so that it has no end to count from."),
        ([ENDS, None], "it has keys that do not end."),
    ],
    ids=["nobody", "never"],
)
def test_not_extended(ends: list[datetime | None], words: str) -> None:
    with pytest.raises(CannotExtend) as caught:
        extended_end(ends, ENDS, NOW, TWO)
    assert str(caught.value) == words


@given(
    offsets=st.lists(st.integers(-100, 100), min_size=1, max_size=5),
    done=st.lists(st.booleans(), min_size=5, max_size=5),
    by=st.integers(1, 50),
)
def test_a_repeated_extension_is_the_same(offsets: list[int], done: list[bool], by: int) -> None:
    """However much of an extension was applied, doing it again ends at the same instant, unless all of it was."""
    ends = [NOW + timedelta(hours=offset) for offset in offsets]
    lasting = timedelta(hours=by)
    end, kept = extended_end(ends, None, NOW, lasting)
    assert not kept
    assert end >= max(*ends, NOW) + lasting
    then = [end if made else old for made, old in zip(done, ends, strict=False)]
    if all(made for made, _ in zip(done, ends, strict=False)):
        assert extended_end(then, end, NOW, lasting) == (end + lasting, False)
    else:
        assert extended_end(then, end, NOW, lasting) == (end, True)


def test_the_recorded_end_is_the_instant_that_was_declared() -> None:
    exact = {**DECLARED, "expires_at": "2026-04-01T10:00:00Z"}
    del exact["duration"]
    assert recorded_end(recorded("a", exact, expires_at=ENDS)) == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert recorded_end(recorded("a", expires_at=ENDS)) == ENDS
    assert recorded_end(recorded("a", {**DECLARED, "duration": "never"}, expires_at=None)) is None
