"""A new value under the same alias, and what becomes of the key that had the old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.factories import (
    CREATED,
    ENDS,
    LINEAGE,
    NOW,
    aside,
    desired,
    foreign,
    gone,
    live,
    participant,
    pending,
    planned,
    recorded,
    retired,
    token_of,
)
from vkstate.attributes import Sealed, Sensitive
from vkstate.canonical import seal
from vkstate.executor.orders import update_order
from vkstate.expiry import Until
from vkstate.keys import Alias, Capabilities, LiveKey, OnMissing, Origin, RecordedKey, Retired, Status
from vkstate.options import Options
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Problem, Reason
from vkstate.targets import Selection, restrict

WANT, HAVE, THERE = desired("a"), recorded("a"), live("a")
REPLACE = Options(replace=("a",))
GRACE = timedelta(hours=24)
WITH_GRACE = Options(replace=("a",), grace=GRACE)
ASIDE = f"a.retired-{token_of('a')[:8]}"


def of(plan: Plan, alias: str) -> Change:
    assert plan.problems == ()
    [change] = [change for change in plan.changes if change.alias == alias]
    return change


# -- asked for ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        (REPLACE, None),
        (WITH_GRACE, NOW + GRACE),
        (Options(replace=("a",), grace=timedelta(0)), None),
    ],
    ids=["at once", "with grace", "without any"],
)
def test_a_replacement_says_what_is_recorded_of_the_old_key(options: Options, ends: datetime | None) -> None:
    change = of(planned([WANT], [HAVE], [THERE], options=options), "a")
    assert (change.action, change.reason, change.recorded, change.live) == (
        Action.REPLACE,
        Reason.REPLACED,
        HAVE,
        THERE,
    )
    assert change.retires is not None
    assert change.retires == replace(HAVE, alias=Alias(ASIDE), retired=Retired(Alias("a"), ends))


@pytest.mark.parametrize(
    ("own", "ends"),
    [
        (NOW + timedelta(hours=25), NOW + GRACE),
        (NOW + timedelta(minutes=5, microseconds=7), NOW + timedelta(minutes=5, microseconds=7)),
        (NOW, None),
        (NOW - timedelta(days=1), None),
    ],
    ids=["later", "sooner", "now", "over"],
)
def test_grace_lengthens_no_life(own: datetime, ends: datetime | None) -> None:
    plan = planned([WANT], [HAVE], [live("a", expires_at=own)], options=WITH_GRACE)
    retires = of(plan, "a").retires
    assert retires is not None
    assert retires.retired == Retired(Alias("a"), ends)


def test_the_end_of_the_grace_has_whole_seconds() -> None:
    now = NOW + timedelta(microseconds=7)
    change = of(planned([WANT], [HAVE], [THERE], options=WITH_GRACE, now=now), "a")
    assert change.retires is not None
    assert change.retires.retired == Retired(Alias("a"), NOW + GRACE)


@pytest.mark.parametrize(
    ("targets", "named"),
    [(("a",), True), (("*",), True), (("workshop:w/user1",), True), (("b",), False), ((), False)],
)
def test_what_replace_names(targets: Sequence[str], named: bool) -> None:
    member = participant(1)
    plan = planned(
        [desired("a", member=member)],
        [recorded("a", member=member)],
        [live("a", member=member)],
        options=Options(replace=tuple(targets)),
    )
    assert bool(plan.of(Action.REPLACE)) is named


def test_a_replacement_tells_what_differs_besides() -> None:
    change = of(planned([desired("a", max_budget=5)], [HAVE], [THERE], options=REPLACE), "a")
    assert change.diffs == (AttributeDiff("max_budget", 50, 5, Cause.CONFIG),)


def test_a_new_key_can_be_given_what_an_old_one_cannot() -> None:
    want, have = desired("a", duration="never", soft_budget=5), recorded("a", soft_budget=4)
    unable = Capabilities(clear_expiry=False, update_soft_budget=False)
    row = live("a", soft_budget=4)
    assert len(planned([want], [have], [row], capabilities=unable).problems) == 2
    assert of(planned([want], [have], [row], capabilities=unable, options=REPLACE), "a").action is Action.REPLACE


@pytest.mark.parametrize(
    ("in_config", "in_state", "refused"),
    [
        (True, False, True),
        (True, True, True),
        (None, True, True),
        (None, False, False),
        (False, True, False),
        (False, False, False),
    ],
)
def test_a_protected_key_keeps_its_value(in_config: bool | None, in_state: bool, refused: bool) -> None:
    want, have = desired("a", prevent_destroy=in_config), recorded("a", prevent_destroy=in_state)
    plan = planned([want], [have], [THERE], options=REPLACE)
    problem = Problem(
        "--replace would end the value of a, which lifecycle.prevent_destroy protects.",
        "set prevent_destroy: false for a in the config, then run the command again",
        Alias("a"),
    )
    assert plan.problems == ((problem,) if refused else ())
    others = replace(problem, hint=f"{problem.hint}; or leave it out: --exclude a")
    asked = Options(replace=("*", "a"))
    assert planned([want], [have], [THERE], options=asked).problems == ((others,) if refused else ())
    assert len(plan.changes) == (0 if refused else 1)
    retires = plan.changes[0].retires if plan.changes else None
    assert refused or (retires is not None and not retires.prevent_destroy)


def test_an_expired_key_may_be_replaced() -> None:
    past = NOW - timedelta(hours=1)
    have, row = recorded("a", expires_at=past), live("a", expires_at=past)
    plan = planned([WANT], [have], [row], options=REPLACE)
    assert of(plan, "a").action is Action.REPLACE
    assert plan.warnings == ()


def test_no_new_value_is_made_that_would_have_ended() -> None:
    want = desired("a", {"models": ["gpt-4"], "expires_at": "2026-03-17T12:00:00Z"})
    [problem] = planned([want], [HAVE], [THERE], options=REPLACE).problems
    assert problem.detail == "vkstate.yaml:12:3: a would end at 2026-03-17T12:00:00Z, which has passed."


@pytest.mark.parametrize(
    ("have", "rows", "expected"),
    [
        ([], [], (Action.CREATE, Reason.NEW)),
        ([HAVE], [], (Action.CREATE, Reason.MISSING)),
        ([pending("a")], [THERE], (Action.ADOPT, Reason.INTERRUPTED)),
        ([pending("a")], [], (Action.CREATE, Reason.NEVER_SENT)),
    ],
    ids=["new", "missing", "interrupted", "never sent"],
)
def test_what_gets_a_value_anyway_is_not_replaced(
    have: Sequence[RecordedKey], rows: Sequence[LiveKey], expected: tuple[Action, Reason]
) -> None:
    change = of(planned([WANT], have, rows, options=REPLACE), "a")
    assert (change.action, change.reason) == expected


def test_a_key_that_was_gone_and_is_back_is_retired_as_one_that_is_there() -> None:
    change = of(planned([WANT], [gone("a")], [THERE], options=REPLACE), "a")
    assert change.retires is not None
    assert (change.action, change.retires.status) == (Action.REPLACE, Status.READY)


def test_what_was_imported_is_retired_as_such() -> None:
    have = replace(HAVE, origin=Origin.IMPORTED)
    change = of(planned([WANT], [have], [THERE], options=REPLACE), "a")
    assert change.retires is not None
    assert change.retires.origin is Origin.IMPORTED


@pytest.mark.parametrize("elsewhere", ["x", None])
def test_a_key_that_was_renamed_is_replaced_under_its_own_alias(elsewhere: str | None) -> None:
    row = live(elsewhere, name="a", key_id=HAVE.id)
    change = of(planned([WANT], [HAVE], [row], options=REPLACE), "a")
    assert (change.action, change.live) == (Action.REPLACE, row)
    [problem] = planned([WANT], [HAVE], [row, foreign("a")], options=REPLACE).problems
    assert problem.detail == f"somebody renamed a to {elsewhere} outside vkstate, and another key bears its alias now."


def test_a_key_may_be_replaced_again_while_its_first_value_has_time() -> None:
    first = retired("a", "first", until=NOW + GRACE)
    rows = [THERE, aside("a", "first", expires_at=NOW + GRACE)]
    plan = planned([WANT], [HAVE, first], rows, options=WITH_GRACE)
    assert of(plan, "a").action is Action.REPLACE
    assert of(plan, first.alias).action is Action.NO_OP
    assert of(plan, first.alias).alias != ASIDE


# -- resumed: killed between two of its steps --------------------------------------------------------------------------

NEW_VALUE = pending("a", token=token_of("new"))
HALF = retired("a", "old")
OLD_UNDER_ALIAS = aside("a", "old", under="a")
OLD = aside("a", "old")
NEW = live("a", name="new", key_id=NEW_VALUE.id)


def test_killed_before_the_rename_it_goes_on_with_the_rename() -> None:
    plan = planned([WANT], [NEW_VALUE, HALF], [OLD_UNDER_ALIAS], values=["new", "old"])
    change = of(plan, "a")
    assert (change.action, change.reason) == (Action.REPLACE, Reason.INTERRUPTED)
    assert (change.recorded, change.live, change.retires) == (NEW_VALUE, OLD_UNDER_ALIAS, HALF)
    assert (of(plan, HALF.alias).action, of(plan, HALF.alias).reason) == (Action.NO_OP, Reason.RETIRING)


def test_killed_after_the_rename_it_goes_on_with_the_create() -> None:
    plan = planned([WANT], [NEW_VALUE, HALF], [OLD], values=["new", "old"])
    change = of(plan, "a")
    assert (change.action, change.reason, change.retires) == (Action.REPLACE, Reason.INTERRUPTED, HALF)


def test_killed_after_the_create_it_is_recorded_and_the_old_key_goes() -> None:
    plan = planned([WANT], [NEW_VALUE, HALF], [OLD, NEW], values=["new", "old"])
    assert (of(plan, "a").action, of(plan, "a").reason) == (Action.ADOPT, Reason.INTERRUPTED)
    assert (of(plan, HALF.alias).action, of(plan, HALF.alias).reason) == (Action.DELETE, Reason.RETIRED)


@pytest.mark.parametrize("first", [True, False])
def test_killed_in_a_race_for_the_alias_the_old_key_stays_until_that_is_settled(first: bool) -> None:
    """Both would be gone otherwise: the new key withdraws where another came first."""
    rival = foreign("a", created_at=CREATED + timedelta(seconds=-1 if first else 1))
    plan = planned([WANT], [NEW_VALUE, HALF], [OLD, NEW, rival], values=["new", "old"])
    assert of(plan, "a").reason is (Reason.LOST_RACE if first else Reason.INTERRUPTED)
    assert of(plan, HALF.alias).action is Action.NO_OP


def test_killed_after_the_record_the_old_key_goes() -> None:
    plan = planned([WANT], [recorded("a", name="new"), HALF], [OLD, replace(NEW, stamp=THERE.stamp)])
    assert of(plan, "a").action is Action.NO_OP
    assert (of(plan, HALF.alias).action, of(plan, HALF.alias).reason) == (Action.DELETE, Reason.RETIRED)


def test_killed_with_grace_it_goes_on_and_the_old_key_keeps_its_time() -> None:
    half = retired("a", "old", until=NOW + GRACE)
    change = of(planned([WANT], [NEW_VALUE, half], [OLD]), "a")
    assert (change.action, change.retires) == (Action.REPLACE, half)
    plan = planned([WANT], [NEW_VALUE, half], [OLD, NEW])
    assert (of(plan, half.alias).action, of(plan, half.alias).reason) == (Action.UPDATE, Reason.RETIRING)


def test_what_the_proxy_made_for_it_and_nobody_knows_is_made_again_first() -> None:
    """And the old key goes once that is there: with the plan after it."""
    have = pending("a", no_token=True)
    row = live("a", name="made by the proxy")
    plan = planned([WANT], [have, HALF], [OLD, row])
    assert (of(plan, "a").action, of(plan, "a").live, of(plan, "a").retires) == (Action.REPLACE, row, None)
    assert of(plan, HALF.alias).action is Action.NO_OP


def test_of_several_old_keys_the_one_that_has_yet_to_make_way_goes_first() -> None:
    older = retired("a", "older", until=NOW + GRACE)
    rows = [aside("a", "older", expires_at=NOW + GRACE), OLD_UNDER_ALIAS]
    for records in ([NEW_VALUE, older, HALF], [HALF, NEW_VALUE, older]):
        assert of(planned([WANT], records, rows), "a").retires == HALF
    half = retired("a", "old", until=NOW + 2 * GRACE)
    for records in ([NEW_VALUE, older, half], [half, NEW_VALUE, older]):
        assert of(planned([WANT], records, [rows[0], OLD]), "a").retires == half
    assert of(planned([WANT], [NEW_VALUE, older, HALF], [rows[0], OLD]), "a").retires == HALF


def test_of_several_old_keys_the_oldest_goes_although_the_newest_has_yet_to_make_way() -> None:
    """Two replacements, each killed half way: the key that took the first one's place works still."""
    older = retired("a", "older")
    first = replace(aside("a", "older"), created_at=CREATED - timedelta(days=1))
    plan = planned([WANT], [NEW_VALUE, older, HALF], [first, OLD_UNDER_ALIAS], values=["new", "old", "older"])
    assert of(plan, "a").retires == HALF
    assert (of(plan, older.alias).action, of(plan, older.alias).reason) == (Action.DELETE, Reason.RETIRED)
    assert of(plan, HALF.alias).action is Action.NO_OP


def test_a_foreign_key_that_took_the_alias_meanwhile_is_a_problem() -> None:
    plan = planned([WANT], [NEW_VALUE, HALF], [OLD, foreign("a")])
    assert [problem.alias for problem in plan.problems] == ["a"]
    assert [(change.alias, change.action) for change in plan.changes] == [(HALF.alias, Action.NO_OP)]


def test_an_old_key_that_somebody_gave_its_alias_back_makes_way_again() -> None:
    """Its successor was deleted by hand, and the old key renamed."""
    change = of(planned([WANT], [HAVE, HALF], [OLD_UNDER_ALIAS]), "a")
    assert (change.action, change.reason, change.retires) == (Action.REPLACE, Reason.MISSING, HALF)
    change = of(planned([WANT], [HALF], [OLD_UNDER_ALIAS]), "a")
    assert (change.action, change.reason, change.recorded) == (Action.REPLACE, Reason.NEW, None)
    left = desired("a", on_missing=OnMissing.FORGET)
    assert of(planned([left], [HAVE, HALF], [OLD_UNDER_ALIAS]), "a").action is Action.FORGET


# -- what becomes of retired keys --------------------------------------------------------------------------------------

LATER = NOW + timedelta(hours=1)
ENDED = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("have", "rows"),
    [
        ([HAVE], [THERE]),
        ([HAVE], []),
        ([gone("a")], []),
        ([gone("a")], [THERE]),
        ([pending("a")], [THERE]),
    ],
    ids=["there", "left missing from now on", "left missing", "back", "created, not confirmed"],
)
def test_a_retired_key_goes_when_its_place_is_taken_and_its_time_is_over(
    have: Sequence[RecordedKey], rows: Sequence[LiveKey]
) -> None:
    want = desired("a", on_missing=OnMissing.FORGET)
    for until in (None, ENDED, NOW):
        old = retired("a", "old", until=until)
        change = of(planned([want], [*have, old], [*rows, OLD]), old.alias)
        assert change == Change(old.alias, Action.DELETE, Reason.RETIRED, recorded=old, live=OLD)
    old = retired("a", "old", until=LATER)
    row = aside("a", "old", expires_at=LATER)
    change = of(planned([want], [*have, old], [*rows, row]), old.alias)
    assert change == Change(old.alias, Action.NO_OP, Reason.RETIRING, recorded=old, live=row)


def test_a_retired_key_goes_when_the_key_in_its_place_is_blocked() -> None:
    old = retired("a", "old", until=LATER)
    row = aside("a", "old", expires_at=LATER)
    shut = desired("a", also={"blocked": True})
    change = of(planned([shut], [HAVE, old], [THERE, row]), old.alias)
    assert change == Change(old.alias, Action.DELETE, Reason.SHUT, recorded=old, live=row)
    waiting = replace(WANT, starts_at=LATER)
    ignoring = replace(shut, ignore_changes=frozenset({"blocked"}))
    blocked = replace(row, attributes={**row.attributes, "blocked": True})
    for want, one in ((waiting, row), (ignoring, row), (shut, blocked)):
        change = of(planned([want], [HAVE, old], [THERE, one]), old.alias)
        assert change == Change(old.alias, Action.NO_OP, Reason.RETIRING, recorded=old, live=one)
    assert of(planned([shut], [old], [row]), old.alias).action is Action.NO_OP, "its place is not taken yet"


def test_what_is_replaced_and_blocked_at_once_gets_no_grace() -> None:
    shut = desired("a", also={"blocked": True})
    for row, grace in ((THERE, None), (live("a", blocked=True), NOW + timedelta(hours=1))):
        options = Options(replace=("a",), grace=timedelta(hours=1))
        retires = of(planned([shut], [HAVE], [row], options=options), "a").retires
        assert retires is not None
        assert retires.retired == Retired(Alias("a"), grace)


@pytest.mark.parametrize(
    "have", [[HAVE], [pending("a")], [pending("a", no_token=True)], []], ids=["missing", "pending", "no token", "none"]
)
@pytest.mark.parametrize("until", [None, ENDED, LATER])
def test_a_retired_key_stays_until_another_has_taken_its_place(
    have: Sequence[RecordedKey], until: datetime | None
) -> None:
    old = replace(retired("a", "old"), retired=Retired(Alias("a"), until))
    change = of(planned([WANT], [*have, old], [OLD]), old.alias)
    assert change == Change(old.alias, Action.NO_OP, Reason.RETIRING, recorded=old, live=OLD)


@pytest.mark.parametrize(
    ("have", "why"),
    [([HAVE], Reason.MISSING), ([gone("a")], Reason.MISSING), ([], Reason.NEW), ([pending("a")], Reason.INTERRUPTED)],
    ids=["missing", "left missing until now", "none", "pending"],
)
@pytest.mark.parametrize("until", [None, ENDED, NOW])
def test_a_retired_key_whose_time_is_over_goes_with_the_create_that_it_waited_for(
    have: Sequence[RecordedKey], why: Reason, until: datetime | None
) -> None:
    """Once that is read back: in the one plan, and not only in the next."""
    old = retired("a", "old", until=until)
    plan = planned([WANT], [*have, old], [OLD])
    mine = next(iter(have), None)
    assert of(plan, "a") == Change(Alias("a"), Action.REPLACE, why, WANT, mine, OLD, retires=HALF)
    assert of(plan, old.alias) == Change(old.alias, Action.NO_OP, Reason.RETIRING, recorded=old, live=OLD)


@pytest.mark.parametrize("have", [[HAVE], []], ids=["missing", "none"])
def test_a_retired_key_that_has_time_is_left_by_the_create_of_its_successor(have: Sequence[RecordedKey]) -> None:
    """Unless it ends too late, or its successor is to be blocked: that would be for the next plan else."""
    old = retired("a", "old", until=LATER)
    row = aside("a", "old", expires_at=LATER)
    plan = planned([WANT], [*have, old], [row])
    assert (of(plan, "a").action, of(plan, "a").retires) == (Action.CREATE, None)
    assert of(plan, old.alias).action is Action.NO_OP
    shut = desired("a", also={"blocked": True})
    for want, there, retires in ((WANT, OLD, old), (shut, row, HALF), (shut, OLD, HALF)):
        plan = planned([want], [*have, old], [there])
        assert (of(plan, "a").action, of(plan, "a").live, of(plan, "a").retires) == (Action.REPLACE, there, retires)
        assert of(plan, old.alias).action is Action.NO_OP


def test_of_several_retired_keys_the_latest_waits_for_the_create_and_the_others_go() -> None:
    """Whichever was promised more time: what was replaced later took the place of the others."""
    first = replace(aside("a", "first"), created_at=CREATED - timedelta(days=1))
    for ends in (ENDED, NOW):
        older, old = retired("a", "first", until=ends), retired("a", "old", until=ENDED)
        plan = planned([WANT], [HAVE, older, old], [first, OLD])
        assert (of(plan, "a").live, of(plan, "a").retires) == (OLD, HALF)
        assert (of(plan, older.alias).action, of(plan, older.alias).reason) == (Action.DELETE, Reason.RETIRED)
        assert of(plan, old.alias).action is Action.NO_OP
    older = retired("a", "first", until=LATER)
    plan = planned([WANT], [HAVE, older, HALF], [replace(first, expires_at=LATER), OLD])
    assert (of(plan, "a").live, of(plan, "a").retires) == (OLD, HALF)
    assert of(plan, older.alias).action is Action.NO_OP


@pytest.mark.parametrize(
    ("have", "row", "options", "why"),
    [
        pytest.param([], live("a", name="new"), Options(), Reason.STATE_BEHIND, id="state behind"),
        pytest.param([], foreign("a"), Options(imports=("a",)), Reason.IMPORTED, id="imported"),
        pytest.param([HAVE], foreign("a"), Options(adopt_replaced=True), Reason.TAKEN, id="taken over"),
    ],
)
def test_a_retired_key_goes_when_a_key_that_is_there_is_taken_in_its_place(
    have: Sequence[RecordedKey], row: LiveKey, options: Options, why: Reason
) -> None:
    for until in (None, ENDED):
        old = retired("a", "old", until=until)
        plan = planned([WANT], [*have, old], [row, OLD], values=["new"], options=options)
        assert (of(plan, "a").action, of(plan, "a").reason) == (Action.ADOPT, why)
        assert of(plan, old.alias) == Change(old.alias, Action.DELETE, Reason.RETIRED, recorded=old, live=OLD)
    old = retired("a", "old", until=LATER)
    for there, action in ((OLD, Action.UPDATE), (aside("a", "old", expires_at=LATER), Action.NO_OP)):
        plan = planned([WANT], [*have, old], [row, there], values=["new"], options=options)
        assert (of(plan, old.alias).action, of(plan, old.alias).reason) == (action, Reason.RETIRING)


def test_a_retired_key_whose_place_nobody_will_take_goes_in_its_time() -> None:
    """As it is left by ``state rm`` of its successor."""
    other = desired("other")
    assert of(planned([other], [HALF], [OLD]), HALF.alias).reason is Reason.RETIRED
    old = retired("a", "old", until=LATER)
    row = aside("a", "old", expires_at=LATER)
    assert of(planned([other], [old], [row]), old.alias).reason is Reason.RETIRING


@pytest.mark.parametrize("until", [None, LATER])
def test_a_retired_key_goes_with_its_successor(until: datetime | None) -> None:
    old = replace(HALF, retired=Retired(Alias("a"), until))
    for wanted in ([desired("other")], []):
        plan = planned(wanted, [HAVE, old], [THERE, OLD])
        assert (of(plan, "a").action, of(plan, "a").reason) == (Action.DELETE, Reason.NOT_DESIRED)
        assert (of(plan, old.alias).action, of(plan, old.alias).reason) == (Action.DELETE, Reason.NOT_DESIRED)


def test_a_retired_key_whose_successor_is_protected_is_left_out_with_it() -> None:
    have = recorded("a", prevent_destroy=True)
    plan = planned([desired("other")], [have, HALF], [THERE, OLD])
    assert [problem.alias for problem in plan.problems] == ["a"]
    rest = restrict(plan, Selection(excludes=("a",)))
    assert (rest.problems, [change.alias for change in rest.changes]) == ((), ["other"])


def test_a_retired_key_that_is_gone_is_forgotten() -> None:
    for rows in ([THERE], []):
        change = of(planned([WANT], [HAVE, HALF], rows), HALF.alias)
        assert (change.action, change.reason) == (Action.FORGET, Reason.GONE)


@pytest.mark.parametrize("elsewhere", ["x", None])
def test_a_retired_key_that_was_renamed_is_still_known(elsewhere: str | None) -> None:
    row = live(elsewhere, name="old", key_id=HALF.id)
    assert of(planned([WANT], [HAVE, HALF], [THERE, row]), HALF.alias).action is Action.DELETE
    old = retired("a", "old", until=LATER)
    row = replace(row, expires_at=LATER)
    assert of(planned([WANT], [HAVE, old], [THERE, row]), old.alias).action is Action.NO_OP


@pytest.mark.parametrize(
    ("ends", "shortened"),
    [
        (ENDS, True),
        (None, True),
        (LATER + timedelta(seconds=61), True),
        (LATER + timedelta(seconds=60), False),
        (LATER, False),
        (NOW + timedelta(minutes=1), False),
    ],
)
def test_a_retired_key_ends_with_its_grace_at_the_latest(ends: datetime | None, shortened: bool) -> None:
    old = retired("a", "old", until=LATER)
    row = replace(OLD, expires_at=ends)
    change = of(planned([WANT], [HAVE, old], [THERE, row]), old.alias)
    assert (change.action, change.reason) == (Action.UPDATE if shortened else Action.NO_OP, Reason.RETIRING)
    if shortened:
        before = "never" if ends is None else change.diffs[0].before
        assert change.diffs == (AttributeDiff("expires_at", before, "2026-03-18T13:00:00Z", Cause.CONFIG),)
        order = update_order(change, old, LINEAGE, change.diffs)
        assert (order.expiry, order.assign, order.clear) == (Until(LATER), {}, frozenset())


def test_nothing_else_of_a_retired_key_is_put_right() -> None:
    """Nobody declares it any more: what somebody does to it by hand, such as blocking it, stays."""
    old = retired("a", "old", until=LATER, also={"blocked": False})
    row = replace(aside("a", "old", under="x"), attributes={"blocked": True}, stamp=None)
    change = of(planned([WANT], [HAVE, old], [THERE, row]), old.alias)
    assert [diff.path for diff in change.diffs] == ["expires_at"]


def test_what_is_sensitive_of_a_retired_key_is_known_by_its_digest_and_is_not_sent() -> None:
    secret = Sensitive("s3cret")
    old = retired("a", "old", until=LATER, also={"metadata.x": seal(LINEAGE, secret)})
    want = desired("a", also={"metadata.x": secret})
    have = recorded("a", also={"metadata.x": seal(LINEAGE, secret)})
    change = of(planned([want], [have, old], [THERE, OLD]), old.alias)
    assert change.desired is not None
    assert isinstance(change.desired.declared["metadata.x"], Sealed)
    assert update_order(change, old, LINEAGE, change.diffs).assign == {}


@pytest.mark.parametrize("imports", [(), (HALF.alias,)])
def test_nobody_declares_a_key_under_the_alias_of_a_retired_one(imports: tuple[str, ...]) -> None:
    plan = planned([WANT, desired(HALF.alias)], [HAVE, HALF], [THERE, OLD], options=Options(imports=imports))
    assert [change.alias for change in plan.changes] == ["a"]
    assert plan.problems == (
        Problem(
            f"vkstate.yaml:12:3: {HALF.alias} is what the old key of a is called, since that got a new value; no other "
            "key can be declared under it.",
            f"take {HALF.alias} out of the config, or choose another alias",
            HALF.alias,
        ),
    )


def test_a_key_of_others_under_such_an_alias_may_be_imported() -> None:
    plan = planned([desired(HALF.alias)], [], [foreign(HALF.alias)], options=Options(imports=(HALF.alias,)))
    assert [(change.action, change.reason) for change in plan.changes] == [(Action.ADOPT, Reason.IMPORTED)]
    assert plan.problems == ()


def test_targets_name_a_retired_key_with_its_successor() -> None:
    member = participant(1)
    old = retired("a", "old", member=member)
    plan = planned(
        [desired("a", member=member), desired("b")],
        [recorded("a", member=member), old],
        [live("a", member=member), OLD],
    )
    for target in ("a", "workshop:w", str(old.alias), "*.retired-*"):
        assert old.alias in [change.alias for change in restrict(plan, Selection(targets=(target,))).changes]
        assert old.alias in restrict(plan, Selection(excludes=(target,))).left_out
    assert restrict(plan, Selection(targets=("b",))).left_out == (old.alias,)
