"""What the state accepts of what is live, and what the next plan makes of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.factories import (
    CREATED,
    ENDS,
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    SHOWN,
    aside,
    desired,
    foreign,
    gone,
    id_of,
    live,
    participant,
    pending,
    planned,
    recorded,
    retired,
    token_of,
    warned,
)
from vkstate.attributes import UNSET, Json, Sensitive, Unset, Value
from vkstate.canonical import seal
from vkstate.keys import Alias, DesiredKey, Live, LiveKey, OnMissing, Recorded, RecordedKey, Status
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Reason
from vkstate.refresh import refresh

HAVE, THERE = recorded("a"), live("a")
LATER = ENDS + timedelta(days=1)


def refreshed(have: Iterable[RecordedKey], rows: Iterable[LiveKey], wanted: Iterable[DesiredKey] = ()) -> Plan:
    keys = tuple(rows)
    return refresh(
        Recorded(LINEAGE, {key.alias: key for key in have}),
        Live(keys, len(keys)),
        {key.alias: key for key in wanted},
    )


def accepted(have: RecordedKey, row: LiveKey, wanted: Iterable[DesiredKey] = ()) -> RecordedKey:
    """What the record becomes."""
    [change] = refreshed([have], [row], wanted).changes
    return change.becomes or have


def seen(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.OUTSIDE, already_live=True)


def left(have: Iterable[RecordedKey], plan: Plan) -> list[RecordedKey]:
    """The records as a run of the plan leaves them."""
    records = {record.alias: record for record in have}
    for change in plan.effective:
        del records[change.recorded_as]
        if change.becomes is not None:
            records[change.becomes.alias] = change.becomes
    return list(records.values())


# -- row by row --------------------------------------------------------------------------------------------------------

FORGOTTEN = desired("a", on_missing=OnMissing.FORGET)
TAKEN = (
    "a: the key that vkstate made is gone, and another key bears its alias. The record is dropped; the other key is "
    "left alone."
)


@pytest.mark.parametrize(
    ("have", "rows", "wanted", "action", "reason", "warning"),
    [
        (HAVE, [THERE], [], Action.NO_OP, Reason.MATCHES, None),
        (HAVE, [live("a", max_budget=7)], [], Action.UPDATE, Reason.SEEN, None),
        (HAVE, [THERE, foreign("a")], [], Action.NO_OP, Reason.MATCHES, None),
        (HAVE, [], [], Action.FORGET, Reason.GONE, None),
        (HAVE, [], [desired("a")], Action.FORGET, Reason.GONE, None),
        (HAVE, [], [FORGOTTEN], Action.FORGET, Reason.LEFT_MISSING, None),
        (HAVE, [foreign("a")], [FORGOTTEN], Action.FORGET, Reason.TAKEN_OVER, TAKEN),
        (recorded("a", prevent_destroy=True), [], [], Action.FORGET, Reason.GONE, None),
        (pending("a"), [THERE], [], Action.UPDATE, Reason.SEEN, None),
        (pending("a"), [], [], Action.NO_OP, Reason.UNSETTLED, None),
        (pending("a"), [foreign("a")], [], Action.NO_OP, Reason.UNSETTLED, None),
        (pending("a", no_token=True), [THERE], [], Action.NO_OP, Reason.UNSETTLED, None),
        (gone("a"), [], [], Action.NO_OP, Reason.LEFT_MISSING, None),
        (gone("a"), [foreign("a")], [], Action.NO_OP, Reason.LEFT_MISSING, None),
        (gone("a"), [THERE], [], Action.UPDATE, Reason.SEEN, None),
    ],
)
def test_what_is_accepted(
    have: RecordedKey,
    rows: Sequence[LiveKey],
    wanted: Sequence[DesiredKey],
    action: Action,
    reason: Reason,
    warning: str | None,
) -> None:
    plan = refreshed([have], rows, wanted)
    [change] = plan.changes
    assert (change.alias, change.action, change.reason) == ("a", action, reason)
    assert not change.needs_request
    assert warned(plan) == ((warning,) if warning else ())
    assert (plan.problems, plan.lineage) == ((), LINEAGE)


def test_a_retired_key_that_is_gone_is_forgotten_and_one_that_is_there_stays_retired() -> None:
    old = retired("a", "old", until=ENDS)
    plan = refreshed([HAVE, old], [THERE])
    assert [(change.alias, change.reason) for change in plan.effective] == [(old.alias, Reason.GONE)]
    row = aside("a", "old", under="a-renamed", expires_at=LATER)
    [change] = refreshed([HAVE, old], [THERE, row], [desired("a-renamed")]).effective
    assert change.becomes == replace(old, expires_at=LATER)


def test_changes_are_in_natural_order_and_what_is_not_ours_is_counted() -> None:
    have = [recorded(f"w-user{number}") for number in (10, 2)]
    plan = refreshed(have, [live("w-user2"), foreign("x"), foreign("w-user10")])
    assert [change.alias for change in plan.changes] == ["w-user2", "w-user10"]
    assert plan.unmanaged == 2


# -- attributes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("applied", "shown", "diff"),
    [
        ({"max_budget": 50}, {"max_budget": 50}, None),
        ({"max_budget": 50}, {"max_budget": 7}, seen("max_budget", 50, 7)),
        ({"max_budget": 50}, {"max_budget": None}, seen("max_budget", 50, None)),
        ({"max_budget": 50}, {}, None),
        ({}, {"max_budget": 7}, None),
        ({"metadata.x": "1"}, {}, seen("metadata.x", "1", UNSET)),
        ({"metadata.x": "1"}, {"metadata.x": "2"}, seen("metadata.x", "1", "2")),
        ({"metadata.x": True}, {"metadata.x": 1}, seen("metadata.x", True, 1)),
        ({"tags": ["a"]}, {}, seen("tags", ["a"], [])),
        ({"metadata.x": seal(LINEAGE, Sensitive("s"))}, {"metadata.x": "other"}, None),
        ({"tpd_limit": 5}, {}, None),
    ],
)
def test_which_attributes_are_accepted(
    applied: Mapping[str, Value], shown: Mapping[str, Json], diff: AttributeDiff | None
) -> None:
    have = recorded("a", {**applied, "duration": "30d"})
    [change] = refreshed([have], [live("a", shown)]).changes
    assert change.diffs == ((diff,) if diff else ())
    after = accepted(have, live("a", shown)).applied
    kept = {path: value for path, value in have.applied.items() if not diff or path != diff.path}
    assert after == kept | ({diff.path: diff.after} if diff and not isinstance(diff.after, Unset) else {})


def test_a_default_of_the_server_is_nothing_that_somebody_did_until_somebody_does() -> None:
    have = recorded("a", server_defaults={"max_budget": 100})
    assert accepted(have, live("a", max_budget=100)) is have
    after = accepted(have, live("a", max_budget=7))
    assert (after.applied["max_budget"], after.server_defaults) == (7, {})


def test_what_else_is_recorded_stays_as_it_is() -> None:
    have = recorded("a", member=participant(1), prevent_destroy=True)
    row = live("a", member=None, lineage=None, max_budget=7)
    assert accepted(have, row) == replace(have, applied={**have.applied, "max_budget": 7})


# -- the end of a key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "ends", "expected"),
    [
        ({"duration": "30d"}, ENDS, None),
        ({"duration": "30d"}, ENDS + timedelta(seconds=2), None),
        ({"duration": "30d"}, LATER, {"duration": "30d"}),
        ({"duration": "30d"}, None, {"duration": "never"}),
        ({"expires_at": "2026-04-16T12:00:00Z"}, LATER, {"expires_at": "2026-04-17T12:00:00Z"}),
        ({"expires_at": "2026-04-16T12:00:00Z"}, None, {"duration": "never"}),
        ({"duration": "never"}, LATER, {"expires_at": "2026-04-17T12:00:00Z"}),
        ({}, LATER, {}),
    ],
)
def test_which_end_is_accepted(
    declared: Mapping[str, Value], ends: datetime | None, expected: Mapping[str, Value] | None
) -> None:
    have = recorded("a", declared)
    [change] = refreshed([have], [live("a", SHOWN, expires_at=ends)]).changes
    assert (change.becomes is None) is (expected is None)
    if change.becomes is not None:
        after = "never" if ends is None else "2026-04-17T12:00:00Z"
        assert change.diffs == (seen("expires_at", "2026-04-16T12:00:00Z", after),)
        assert (change.becomes.applied, change.becomes.expires_at) == (expected, ends)


def test_an_interrupted_create_is_accepted_as_it_is() -> None:
    have = pending("a", {"duration": "7d", "max_budget": 5}, member=participant(1))
    after = accepted(have, THERE)
    assert after == replace(
        have,
        status=Status.READY,
        applied={"duration": "7d", "max_budget": 50},
        created_at=CREATED,
        expires_at=ENDS,
        pending_since=None,
    )
    assert (after.token, after.id) == (token_of("a"), id_of("a"))


def test_a_key_that_is_back_is_ready_again() -> None:
    assert accepted(gone("a"), live("a", expires_at=LATER)) == replace(HAVE, expires_at=LATER)


# -- another alias -----------------------------------------------------------------------------------------------------

RENAMED = live("b", name="a", key_id=id_of("a"))


def test_another_alias_is_accepted_where_the_config_has_followed_it() -> None:
    [change] = refreshed([HAVE], [RENAMED], [desired("b")]).changes
    assert (change.alias, change.action, change.reason) == ("a", Action.UPDATE, Reason.SEEN)
    assert change.diffs == (seen("key_alias", "a", "b"),)
    assert change.becomes == replace(HAVE, alias=Alias("b"))
    assert change.names == ("a", "a", "b")
    assert planned([desired("b")], [change.becomes], [RENAMED]).effective == ()


@pytest.mark.parametrize("wanted", [[], ["a"], ["a", "b"], ["c"]])
def test_another_alias_is_left_to_the_next_plan_otherwise(wanted: Sequence[str]) -> None:
    assert refreshed([HAVE], [RENAMED], map(desired, wanted)).effective == ()


def test_a_rename_that_the_config_does_not_follow_never_ends_the_key() -> None:
    after = left([HAVE], refreshed([HAVE], [RENAMED], [desired("a")]))
    [change] = planned([desired("a")], after, [RENAMED]).changes
    assert (change.action, [diff.path for diff in change.diffs]) == (Action.UPDATE, ["key_alias"])


def test_no_alias_is_accepted_that_belongs_to_another_record() -> None:
    rows = [live("b", name="a", key_id=id_of("a")), live("c", name="b", key_id=id_of("b"))]
    assert refreshed([HAVE, recorded("b")], rows, [desired("b")]).effective == ()


def test_an_alias_that_another_record_is_about_to_leave_is_accepted_at_once() -> None:
    row = live("a", name="b", key_id=id_of("b"))
    plan = refreshed([HAVE, recorded("b")], [row], [desired("a")])
    assert [(change.alias, change.reason) for change in plan.effective] == [
        ("a", Reason.TAKEN_OVER),
        ("b", Reason.SEEN),
    ]
    [after] = left([HAVE, recorded("b")], plan)
    assert after == replace(recorded("b"), alias=Alias("a"))
    assert refreshed([after], [row], [desired("a")]).effective == ()
    waiting = refreshed([pending("a"), recorded("b")], [row], [desired("a")])
    assert waiting.effective == ()


def test_no_alias_is_accepted_that_several_keys_bear() -> None:
    have = [HAVE, recorded("x")]
    rows = [RENAMED, live("b", name="x", key_id=id_of("x"))]
    assert refreshed(have, rows, [desired("b")]).effective == ()
    assert refreshed([HAVE], [RENAMED, foreign("b")], [desired("b")]).effective == ()


def test_a_key_without_an_alias_keeps_the_one_that_is_recorded() -> None:
    assert refreshed([HAVE], [live(None, name="a", key_id=id_of("a"))], [desired("b")]).effective == ()


# -- and the plan after it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "paths"),
    [
        (live("a", max_budget=7), ["max_budget"]),
        (live("a", models=["claude"], also={"metadata.x": "theirs"}), ["models"]),
        (live("a", expires_at=None), ["duration"]),
        (live("a", expires_at=LATER), []),
        (live("a", user_id=None), ["user_id"]),
    ],
)
def test_what_was_accepted_and_the_config_does_not_ask_is_the_configs_doing(row: LiveKey, paths: list[str]) -> None:
    want = desired("a")
    after = left([HAVE], refreshed([HAVE], [row], [want]))
    [change] = planned([want], after, [row], now=NOW).changes
    assert [(diff.path, diff.cause) for diff in change.diffs] == [(path, Cause.CONFIG) for path in paths]


def test_our_mark_is_put_back_all_the_same() -> None:
    row = live("a", lineage=None, max_budget=7)
    after = left([HAVE], refreshed([HAVE], [row]))
    [change] = planned([desired("a", max_budget=7)], after, [row]).changes
    assert [(diff.path, diff.cause) for diff in change.diffs] == [("metadata.vkstate", Cause.OUTSIDE)]


def test_a_key_that_was_forgotten_so_that_it_stays_missing_is_not_made_anew() -> None:
    after = left([HAVE], refreshed([HAVE], [], [FORGOTTEN]))
    assert [record.status for record in after] == [Status.GONE]
    assert planned([FORGOTTEN], after).effective == ()
    assert [change.action for change in planned([FORGOTTEN], []).changes] == [Action.CREATE]


def test_a_change_of_a_refresh_carries_what_it_was_made_from() -> None:
    row = live("a", max_budget=7)
    [change] = refreshed([HAVE], [row], [desired("a")]).changes
    assert change == Change(
        Alias("a"),
        Action.UPDATE,
        Reason.SEEN,
        None,
        HAVE,
        row,
        (seen("max_budget", 50, 7),),
        becomes=replace(HAVE, applied={**HAVE.applied, "max_budget": 7}),
    )


# -- what is not accepted ----------------------------------------------------------------------------------------------


def test_a_rename_that_the_config_does_not_follow_is_said() -> None:
    plan = refreshed([HAVE], [live("b", name="a", key_id=HAVE.id)], [desired("a")])
    assert [change.action for change in plan.changes] == [Action.NO_OP]
    assert warned(plan) == (
        (
            "what was renamed on the proxy is not accepted: a. The next apply gives back the recorded alias; where the "
            "new one is to stay, declare the key under it in the config, and refresh again."
        ),
    )
    assert refreshed([HAVE], [live("b", name="a", key_id=HAVE.id)], [desired("b")]).warnings == ()
    assert refreshed([HAVE], [live("b", name="a", key_id=HAVE.id)], []).warnings == ()


@pytest.mark.parametrize("lineage", [None, FOREIGN_LINEAGE])
def test_a_mark_that_others_changed_is_said(lineage: str | None) -> None:
    row = live("a", lineage=lineage, max_budget=7)
    plan = refreshed([HAVE], [row], [desired("a")])
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    assert warned(plan) == (
        (
            "our mark was changed or taken off on the proxy, and that is not accepted: a. The next apply puts it back; "
            "to let go of a key instead: vkstate state rm ALIAS"
        ),
    )
