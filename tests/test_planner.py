"""The truth table, row by row, and what a plan says besides its changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.factories import (
    CREATED,
    ENDS,
    FOREIGN_LINEAGE,
    NOW,
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
    warned,
)
from vkstate.attributes import Value
from vkstate.keys import Alias, DesiredKey, LiveKey, OnMissing, RecordedKey, Status, Token
from vkstate.options import NO_OPTIONS, Move, Options, Removed
from vkstate.plan import Action, Caution, Plan, Problem, Reason

STATE_BEHIND = Problem(
    "this project has made a on the proxy, and this state does not know that: the state is behind.",
    "get the newest state (git pull), then plan again; a state that is lost is made anew by: vkstate state rebuild",
    Alias("a"),
)
REPLACED = Problem(
    "somebody replaced a outside vkstate: the recorded key is gone, and a key (created by alice, user_id "
    "a@example.com) bears its alias. vkstate neither changes nor deletes a key that it did not make.",
    "take the other key over: --adopt-replaced; or delete or rename it in LiteLLM; or --exclude a",
    Alias("a"),
)
NOT_OURS = Problem(
    "vkstate.yaml:12:3: the alias a exists on the proxy and is not ours: a key (created by alice, user_id "
    "a@example.com).",
    "choose another alias, or take it over: vkstate import a, or leave it out: --exclude a",
    Alias("a"),
)
PROTECTED = Problem(
    "this plan would delete a, which lifecycle.prevent_destroy protects. The protection is kept in the state: it "
    "outlives an entry that is taken out of the config.",
    "declare a with prevent_destroy: false and apply, or leave it out: --exclude a",
    Alias("a"),
)
NOT_THERE = Problem(
    "vkstate.yaml:12:3: a cannot be imported: no key bears that alias on the proxy.",
    "take a out of import, and apply makes a new key; or correct the alias",
    Alias("a"),
)
MISSED = Problem(
    "vkstate.yaml:12:3: somebody else deleted a on the proxy, and its lifecycle.on_missing is error.",
    "say on_missing: recreate or forget for a, or leave it out: --exclude a",
    Alias("a"),
)
TAKEN = (
    "a: the key that vkstate made is gone, and another key bears its alias. The record is dropped; the other key is "
    "left alone."
)

WANT = desired("a")
READY = recorded("a")
PENDING = pending("a")
TOKENLESS = pending("a", no_token=True)
OURS = live("a")
THEIRS = foreign("a")
THEIRS_FIRST = foreign("a", created_at=CREATED - timedelta(milliseconds=1))
THEIRS_LATER = foreign("a", created_at=CREATED + timedelta(milliseconds=1))
THEIRS_LOWER, THEIRS_HIGHER = (replace(THEIRS, token=Token(digit * 64)) for digit in "0f")
STAMPED = live("a", name="made by the proxy")
"""Carries our lineage and the record's id, and has another token than the record."""
ARRIVED = (Action.ADOPT, Reason.STATE_BEHIND)
OURS_UNKNOWN = live("a", name="of another clone", key_id="ffffffffffffffff")
PROTECTED_KEY = recorded("a", prevent_destroy=True)
GONE_KEY = gone("a")
LEFT = desired("a", on_missing=OnMissing.FORGET)
MISSED_BY_SOMEBODY = desired("a", on_missing=OnMissing.ERROR)
RETIRED = retired("b", "old")
ASIDE = aside("b", "old")
SUCCESSOR, SUCCESSOR_LIVE = recorded("b"), live("b")
IMPORTING = Options(imports=("a",))


@dataclass(frozen=True)
class Row:
    """One row of the truth table: what there is, and what becomes of it."""

    name: str
    want: DesiredKey | None
    have: RecordedKey | None
    rows: Sequence[LiveKey] = ()
    values: Sequence[str] = ()
    expected: tuple[Action, Reason] | Problem | None = None
    unmanaged: int = 0
    warning: str | None = None
    options: Options = NO_OPTIONS
    besides: RecordedKey | None = None
    """Another record, of whose change nothing is said here."""


DELETE = (Action.DELETE, Reason.NOT_DESIRED)
GONE = (Action.FORGET, Reason.GONE)
KEPT = (Action.NO_OP, Reason.UNSETTLED)
UPDATE = (Action.UPDATE, Reason.DIFFERS)
LOST = (Action.DELETE, Reason.LOST_RACE)
SAME = (Action.NO_OP, Reason.MATCHES)
RESUME = (Action.ADOPT, Reason.INTERRUPTED)
REPLACE = (Action.REPLACE, Reason.INTERRUPTED)
RELEASE = (Action.FORGET, Reason.RELEASED)
KEPT_FOR_NOW = (Action.NO_OP, Reason.RETIRING)
IMPORT = (Action.ADOPT, Reason.IMPORTED)
LEFT_MISSING = (Action.FORGET, Reason.LEFT_MISSING)
STAYS_MISSING = (Action.NO_OP, Reason.LEFT_MISSING)
ANEW = (Action.CREATE, Reason.MISSING)
LIVE_ON = Options(removed=(Removed("a", destroy=False, place="vkstate.yaml:40:3"),))
WANT_B = desired("b")
MOVE = (Action.UPDATE, Reason.MOVED)
MOVING = Options(moves=(Move("b", "a", "vkstate.yaml:30:3"),))
REPLACING = Options(replace=("a",))
TAKE_OVER = (Action.ADOPT, Reason.TAKEN)
TAKING = Options(adopt_replaced=True)
ASKED = (Action.REPLACE, Reason.REPLACED)
AGAIN = (Action.REPLACE, Reason.MISSING)
GOES_ON = (Action.REPLACE, Reason.NEW)
MADE_WAY = aside("a", "old")
HALF = retired("a", "old")
TIMED = retired("a", "old", until=NOW + timedelta(hours=1))
TIMED_ASIDE = aside("a", "old", expires_at=NOW + timedelta(hours=1))
B_PENDING, B_LIVE = pending("b"), live("b")
PARKED = replace(retired("b", "a"), alias=Alias("a"), status=Status.PENDING, pending_since=NOW)
LATE = live("b", name="a", key_id=id_of("a"))
WITHDRAWN = (Action.DELETE, Reason.RETIRED)
PARKED_A = replace(HALF, status=Status.PENDING, pending_since=NOW)
EARLIER = live("a", name="old", key_id=id_of("old"))
STILL_THERE = aside("a", "old", under="a")

TABLE = [
    Row("no, no, nothing", None, None),
    Row("no, no, yes", None, None, [THEIRS], unmanaged=1),
    Row("no, no, our own lineage", None, None, [OURS], unmanaged=1),
    Row("no, ready, its token", None, READY, [OURS], expected=DELETE),
    Row("no, ready, its token renamed", None, READY, [live("b", name="a")], expected=DELETE),
    Row("no, ready, its token and its alias", None, READY, [OURS, THEIRS], (), DELETE, 1),
    Row("no, ready, protected", None, PROTECTED_KEY, [OURS], expected=PROTECTED),
    Row("no, ready, protected but gone", None, PROTECTED_KEY, expected=GONE),
    Row("no, ready, nothing", None, READY, expected=GONE),
    Row("no, ready, its alias", None, READY, [THEIRS], (), (Action.FORGET, Reason.TAKEN_OVER), 1, TAKEN),
    Row("no, ready, its token, to live on", None, READY, [OURS], (), RELEASE, options=LIVE_ON),
    Row("no, ready, nothing, to live on", None, READY, expected=GONE, options=LIVE_ON),
    Row("no, ready, protected, to live on", None, PROTECTED_KEY, [OURS], (), RELEASE, options=LIVE_ON),
    Row("no, pending, its token, to live on", None, PENDING, [OURS], (), RELEASE, options=LIVE_ON),
    Row("no, gone, nothing", None, GONE_KEY, expected=GONE),
    Row("no, gone, its token", None, GONE_KEY, [OURS], expected=DELETE),
    Row("no, gone, its alias", None, GONE_KEY, [THEIRS], (), (Action.FORGET, Reason.TAKEN_OVER), 1, TAKEN),
    Row("no, pending, its token", None, PENDING, [OURS], expected=DELETE),
    Row("no, pending, its token, protected", None, pending("a", prevent_destroy=True), [OURS], expected=PROTECTED),
    Row("no, pending, its stamp", None, TOKENLESS, [STAMPED], expected=DELETE),
    Row("no, pending, nothing", None, PENDING, expected=KEPT),
    Row("no, pending, its alias", None, PENDING, [THEIRS], (), KEPT, 1),
    Row(
        "no, pending, nothing for long",
        None,
        pending("a", since=NOW - timedelta(minutes=10)),
        expected=(Action.FORGET, Reason.NEVER_SENT),
    ),
    Row(
        "no, pending, nothing for almost long",
        None,
        pending("a", since=NOW - timedelta(minutes=10) + timedelta(milliseconds=1)),
        expected=KEPT,
    ),
    Row("no, pending, since ever", None, pending("a", since=None), expected=(Action.FORGET, Reason.NEVER_SENT)),
    Row("no, retired, nothing", WANT_B, RETIRED, [SUCCESSOR_LIVE], (), GONE, besides=SUCCESSOR),
    Row(
        "no, retired, its token, time over",
        WANT_B,
        RETIRED,
        [ASIDE, SUCCESSOR_LIVE],
        (),
        (Action.DELETE, Reason.RETIRED),
        besides=SUCCESSOR,
    ),
    Row("no, retired, its token, successor missing", WANT_B, RETIRED, [ASIDE], (), KEPT_FOR_NOW, besides=SUCCESSOR),
    Row("no, parked, nothing", WANT_B, PARKED, [SUCCESSOR_LIVE], (), KEPT, besides=SUCCESSOR),
    Row("no, parked, its token", WANT_B, PARKED, [LATE, SUCCESSOR_LIVE], (), WITHDRAWN, besides=SUCCESSOR),
    Row("no, parked, its token, successor pending", WANT_B, PARKED, [LATE, B_LIVE], (), WITHDRAWN, besides=B_PENDING),
    Row("no, parked, its token, successor missing", WANT_B, PARKED, [LATE], (), KEPT_FOR_NOW, besides=SUCCESSOR),
    Row("yes, pending, nothing, its alias parked", WANT, PENDING, [EARLIER], (), REPLACE, besides=PARKED_A),
    Row("yes, pending, its token, its alias parked", WANT, PENDING, [OURS, EARLIER], (), RESUME, besides=PARKED_A),
    Row("yes, no, nothing", WANT, None, expected=(Action.CREATE, Reason.NEW)),
    Row("yes, no, nothing, imported", WANT, None, expected=NOT_THERE, options=IMPORTING),
    Row("yes, no, its alias, imported", WANT, None, [THEIRS], (), IMPORT, options=IMPORTING),
    Row("yes, no, its alias", WANT, None, [THEIRS], (), NOT_OURS, 1),
    Row("yes, no, ours", WANT, None, [OURS], ["a"], (Action.ADOPT, Reason.STATE_BEHIND)),
    Row("yes, no, ours without its value", WANT, None, [OURS], (), STATE_BEHIND, 1),
    Row("yes, ready, its token", WANT, READY, [OURS], expected=SAME),
    Row("yes, ready, its token, differs", desired("a", max_budget=5), READY, [OURS], (), UPDATE),
    Row("yes, ready, its token renamed", WANT, READY, [live("b", name="a")], (), UPDATE),
    Row("yes, ready, its token and its alias", WANT, READY, [OURS, THEIRS_FIRST], (), SAME, 1),
    Row("yes, ready, nothing", WANT, READY, expected=(Action.CREATE, Reason.MISSING)),
    Row("yes, ready, nothing, left so", LEFT, READY, expected=LEFT_MISSING),
    Row("yes, ready, nothing, an error", MISSED_BY_SOMEBODY, READY, expected=MISSED),
    Row("yes, ready, its token, replaced", WANT, READY, [OURS], (), ASKED, options=REPLACING),
    Row("yes, ready, its token, moved", WANT, recorded("b", name="a"), [OURS], (), MOVE, options=MOVING),
    Row("yes, gone, its token", LEFT, GONE_KEY, [OURS], (), UPDATE),
    Row("yes, gone, nothing", WANT, GONE_KEY, expected=ANEW),
    Row("yes, gone, nothing, left so", LEFT, GONE_KEY, expected=STAYS_MISSING),
    Row("yes, gone, nothing, an error", MISSED_BY_SOMEBODY, GONE_KEY, expected=MISSED),
    Row("yes, gone, its alias", LEFT, GONE_KEY, [THEIRS], (), REPLACED, 1),
    Row("yes, ready, its alias, taken over", WANT, READY, [THEIRS], (), TAKE_OVER, options=TAKING),
    Row("yes, ready, its alias", WANT, READY, [THEIRS], (), REPLACED, 1),
    Row("yes, ready, its alias in our name", WANT, READY, [OURS_UNKNOWN], (), STATE_BEHIND, 1),
    Row("yes, pending, its token", WANT, PENDING, [OURS], expected=RESUME),
    Row("yes, pending, both, ours first", WANT, PENDING, [OURS, THEIRS_LATER], (), RESUME, 1),
    Row("yes, pending, both at once, ours lower", WANT, PENDING, [OURS, THEIRS_HIGHER], (), RESUME, 1),
    Row("yes, pending, both at once, ours higher", WANT, PENDING, [OURS, THEIRS_LOWER], (), LOST, 1),
    Row("yes, pending, both, theirs first", WANT, PENDING, [OURS, THEIRS_FIRST], (), LOST, 1),
    Row("yes, pending, nothing", WANT, PENDING, expected=(Action.CREATE, Reason.NEVER_SENT)),
    Row("yes, pending, nothing, no token", WANT, TOKENLESS, expected=(Action.CREATE, Reason.NEVER_SENT)),
    Row("yes, pending, its alias", WANT, PENDING, [THEIRS], (), NOT_OURS, 1),
    Row("yes, pending, its alias, imported", WANT, PENDING, [THEIRS], (), IMPORT, options=IMPORTING),
    Row("yes, pending, its alias, retired", WANT, PENDING, [STILL_THERE], (), REPLACE, besides=HALF),
    Row("yes, pending, nothing, but retired", WANT, PENDING, [MADE_WAY], (), REPLACE, besides=HALF),
    Row("yes, pending, its token, and retired", WANT, PENDING, [OURS, MADE_WAY], (), RESUME, besides=HALF),
    Row("yes, no, its alias, retired", WANT, None, [STILL_THERE], (), GOES_ON, besides=HALF),
    Row("yes, ready, its alias, retired", WANT, READY, [STILL_THERE], (), AGAIN, besides=HALF),
    Row("yes, ready, nothing, but retired", WANT, READY, [TIMED_ASIDE], (), ANEW, besides=TIMED),
    Row("yes, ready, nothing, but retired, time over", WANT, READY, [MADE_WAY], (), AGAIN, besides=HALF),
    Row("yes, no, nothing, but retired", WANT, None, [TIMED_ASIDE], (), (Action.CREATE, Reason.NEW), besides=TIMED),
    Row("yes, no, nothing, but retired, time over", WANT, None, [MADE_WAY], (), GOES_ON, besides=HALF),
    Row("yes, pending, its stamp, no token", WANT, TOKENLESS, [STAMPED], (), REPLACE),
    Row("yes, pending with a token, its stamp", WANT, PENDING, [STAMPED], (), STATE_BEHIND, 1),
    Row("yes, pending, another of ours with its value", WANT, PENDING, [OURS_UNKNOWN], ["of another clone"], ARRIVED),
    Row("yes, pending, two of ours", WANT, PENDING, [OURS_UNKNOWN, STAMPED], ["of another clone"], STATE_BEHIND, 2),
    Row("yes, pending, its stamp, value known", WANT, TOKENLESS, [STAMPED], ["made by the proxy"], RESUME),
    Row("yes, pending, its stamp and its alias", WANT, TOKENLESS, [STAMPED, THEIRS], (), LOST, 1),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_truth_table(row: Row) -> None:
    have = [record for record in (row.have, row.besides) if record]
    result = planned([row.want] if row.want else [], have, row.rows, values=row.values, options=row.options)
    others = {row.besides.alias} if row.besides else set()
    actual = [(change.action, change.reason) for change in result.changes if change.alias not in others]
    assert actual == ([row.expected] if isinstance(row.expected, tuple) else [])
    assert result.problems == ((row.expected,) if isinstance(row.expected, Problem) else ())
    assert warned(result) == ((row.warning,) if row.warning else ())
    assert result.unmanaged == row.unmanaged


def test_a_change_carries_all_that_was_known_when_it_was_decided() -> None:
    [change] = planned([WANT], [READY], [OURS]).changes
    assert (change.desired, change.recorded, change.live) == (WANT, READY, OURS)
    [change] = planned([], [READY], [OURS]).changes
    assert (change.desired, change.recorded, change.live) == (None, READY, OURS)


def test_the_live_key_of_a_stamp_is_that_of_the_change() -> None:
    [change] = planned([WANT], [TOKENLESS], [STAMPED, THEIRS]).changes
    assert change.live == STAMPED


def test_an_update_without_a_request_is_no_request() -> None:
    [change] = planned([desired("a", max_budget=5)], [READY], [live("a", max_budget=5)]).changes
    assert (change.action, change.needs_request) == (Action.UPDATE, False)


def test_two_keys_of_others_under_one_alias_are_both_counted() -> None:
    [problem] = planned([WANT], [], [THEIRS, foreign("a", name="second")]).problems
    assert problem.detail == (
        "vkstate.yaml:12:3: the alias a exists on the proxy and is not ours: 2 keys (created by alice, user_id "
        "a@example.com)."
    )


def test_of_two_keys_the_foreign_one_is_described() -> None:
    for name in ("x", "y", "z"):
        [problem] = planned([WANT], [], [OURS, foreign("a", name=name)]).problems
        assert problem.detail.endswith("not ours: 2 keys (created by alice, user_id a@example.com).")


def test_a_key_of_another_project_is_named_as_such() -> None:
    other = live("a", {}, name="x", lineage=FOREIGN_LINEAGE, created_by=None)
    [problem] = planned([WANT], [], [other]).problems
    assert problem.detail.endswith(f"not ours: a key (managed by another vkstate project, lineage {FOREIGN_LINEAGE}).")
    bare = replace(other, stamp=None)
    [problem] = planned([WANT], [], [bare]).problems
    assert problem.detail.endswith("not ours: a key.")


def test_our_key_under_an_alias_that_another_desired_key_wants_is_not_adopted_twice() -> None:
    renamed = live("b", name="a")
    result = planned([desired("a"), desired("b")], [READY], [renamed], values=["a"])
    assert [(change.alias, change.action) for change in result.changes] == [("a", Action.UPDATE)]
    words = "the alias b is borne by the key that the state records as a: it was renamed outside vkstate."
    hint = "settle a first, with --exclude b; then apply again"
    assert result.problems == (Problem(f"vkstate.yaml:12:3: {words}", hint, Alias("b")),)


def test_a_key_that_was_renamed_to_what_the_config_calls_it_now_is_to_be_moved_and_not_deleted() -> None:
    renamed = live("b", name="a", key_id=id_of("a"))
    result = planned([desired("b")], [READY], [renamed], values=["a"])
    assert [(change.alias, change.action) for change in result.changes] == [("a", Action.DELETE)]
    words = "the alias b is borne by the key that the state records as a: it was renamed outside vkstate."
    hint = "if it is to go on as b, say so in the config, under moved: - {from: a, to: b}"
    assert result.problems == (Problem(f"vkstate.yaml:12:3: {words}", hint, Alias("b")),)


def test_a_key_that_was_renamed_to_what_is_recorded_too_cannot_be_moved_there() -> None:
    """Its hint leads out: a move would be refused, since the state has a key under that alias."""
    renamed = live("b", name="a", key_id=id_of("a"))
    result = planned([desired("b")], [READY, recorded("b")], [renamed], values=["a", "b"])
    words = "the alias b is borne by the key that the state records as a: it was renamed outside vkstate."
    hint = "settle a first, with --exclude b; then apply again"
    assert result.problems == (Problem(f"vkstate.yaml:12:3: {words}", hint, Alias("b")),)


def test_an_alias_that_a_shell_would_split_is_quoted_in_a_hint() -> None:
    odd = "team a's key"
    [problem] = planned([desired(odd)], [], [foreign(odd)]).problems
    name = """'team a'"'"'s key'"""
    take_over, leave = f"take it over: vkstate import {name}", f"leave it out: --exclude {name}"
    assert problem.hint == f"choose another alias, or {take_over}, or {leave}"


def test_keys_that_swapped_their_aliases_are_a_problem_each() -> None:
    rows = [live("b", name="a"), live("a", name="b")]
    result = planned([desired("a"), desired("b")], [recorded("a"), recorded("b")], rows)
    assert result.changes == ()
    assert [problem.detail for problem in result.problems] == [
        "somebody renamed a to b outside vkstate, and another key bears its alias now.",
        "somebody renamed b to a outside vkstate, and another key bears its alias now.",
    ]
    assert result.unmanaged == 0


@pytest.mark.parametrize("have", [READY, PENDING], ids=["ready", "pending"])
def test_a_renamed_key_whose_alias_was_taken_is_a_problem(have: RecordedKey) -> None:
    [problem] = planned([WANT], [have], [live("b", name="a"), THEIRS]).problems
    assert problem == Problem(
        "somebody renamed a to b outside vkstate, and another key bears its alias now.",
        "rename or delete the other key in LiteLLM, or leave this one out: --exclude a",
        WANT.alias,
    )


def test_problems_are_collected_and_name_whose_key_it_is() -> None:
    member = participant(2)
    rows = [foreign("w-user2"), foreign("a"), live("z")]
    result = planned(
        [desired("w-user2", member=member), desired("a")], [recorded("z", member=member, prevent_destroy=True)], rows
    )
    assert [(problem.alias, problem.member) for problem in result.problems] == [
        ("a", None),
        ("w-user2", member),
        ("z", member),
    ]


def test_changes_are_in_natural_order() -> None:
    wanted = [desired(f"w-user{number}") for number in (10, 2, 1)]
    result = planned(wanted, [recorded("w-user3"), recorded("a")], [live("w-user3")])
    assert [change.alias for change in result.changes] == ["a", "w-user1", "w-user2", "w-user3", "w-user10"]


def test_unmanaged_keys_are_those_of_the_whole_proxy_that_are_not_ours() -> None:
    rows = [live("a"), live("b"), THEIRS_FIRST]
    assert planned([desired("a")], [READY, recorded("b"), recorded("gone")], rows, total=1000).unmanaged == 998
    assert planned([], [], [], total=0).unmanaged == 0
    assert planned([WANT], [READY], [OURS], total=0).unmanaged == 0  # counted while keys were being deleted


def test_counts() -> None:
    result = planned([desired("a"), desired("b")], [recorded("b"), recorded("c")], [live("b"), live("c")])
    assert dict(result.counts) == {Action.CREATE: 1, Action.NO_OP: 1, Action.DELETE: 1}
    assert [change.alias for change in result.effective] == ["a", "c"]
    assert [change.alias for change in result.of(Action.DELETE, Action.NO_OP)] == ["b", "c"]


# -- the end of a key, as far as the planner itself decides ------------------------------------------------------------

UNTIL_YESTERDAY: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-17T12:00:00Z"}
PASSED_AWAY = "expired keys stay as they are: a. An expires_at in the future gives time again."
PASSED = Problem(
    "vkstate.yaml:12:3: a would end at 2026-03-17T12:00:00Z, which has passed.",
    "give it an expires_at in the future",
    WANT.alias,
)


@pytest.mark.parametrize(
    ("have", "rows", "values"),
    [
        ([], [], []),
        ([READY], [], []),
        ([PENDING], [], []),
        ([READY], [OURS], []),
        ([], [OURS], ["a"]),
        ([PENDING], [OURS], []),
    ],
    ids=["new", "missing", "never sent", "changed to it", "adopted", "changed to it and interrupted"],
)
def test_no_key_is_given_an_end_that_has_passed(
    have: list[RecordedKey], rows: list[LiveKey], values: list[str]
) -> None:
    assert planned([desired("a", UNTIL_YESTERDAY)], have, rows, values=values).problems == (PASSED,)


def test_an_end_that_passes_is_no_problem_for_a_key_that_has_it() -> None:
    end = NOW - timedelta(days=1)
    result = planned(
        [desired("a", UNTIL_YESTERDAY)], [recorded("a", UNTIL_YESTERDAY, expires_at=end)], [live("a", expires_at=end)]
    )
    assert result.problems == ()
    assert warned(result) == (PASSED_AWAY,)


def test_what_others_did_to_an_expired_key_is_no_problem_either() -> None:
    end = NOW - timedelta(days=1)
    result = planned(
        [desired("a", UNTIL_YESTERDAY)], [recorded("a", UNTIL_YESTERDAY, expires_at=end)], [live("a", expires_at=ENDS)]
    )
    assert (result.problems, [change.action for change in result.changes]) == ((), [Action.UPDATE])


def test_expired_keys_are_named_together() -> None:
    end = NOW
    aliases = [f"u{number}" for number in range(1, 8)]
    result = planned(
        map(desired, aliases),
        [recorded(alias, expires_at=end) for alias in aliases],
        [live(alias, expires_at=end) for alias in aliases],
    )
    assert {change.action for change in result.changes} == {Action.NO_OP}
    [warning] = result.warnings
    assert warning == Caution(
        "expired keys stay as they are: ",
        tuple(map(Alias, aliases)),
        ". --renew gives time again, as does a changed duration or expires_at.",
    )


def test_destroy_is_the_planner_with_nothing_desired() -> None:
    result: Plan = planned([], [recorded("a"), recorded("b"), pending("c")], [live("a"), foreign("x")])
    assert [(change.alias, change.action) for change in result.changes] == [
        ("a", Action.DELETE),
        ("b", Action.FORGET),
        ("c", Action.NO_OP),
    ]


def test_a_stamp_of_another_record_settles_nothing() -> None:
    other = live("a", name="x", key_id=id_of("another"))
    assert planned([WANT], [TOKENLESS], [other]).problems == (STATE_BEHIND,)
    theirs = live("a", name="x", lineage=FOREIGN_LINEAGE)
    assert planned([], [TOKENLESS], [theirs]).changes[0].reason is Reason.UNSETTLED


# -- what is declared in vain ------------------------------------------------------------------------------------------


def test_an_attribute_that_the_server_does_not_know_is_said() -> None:
    declared: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "30d", "tpd_limit": 5}
    row = live("a", {"models": ["gpt-4"]})
    plan = planned([desired("a", declared)], [recorded("a", declared)], [row])
    assert [change.action for change in plan.changes] == [Action.NO_OP]
    [warning] = warned(plan)
    assert warning == (
        "this LiteLLM shows no tpd_limit, which a would have: it most likely does not know the attribute, and ignores "
        "it."
    )
    known = live("a", {"models": ["gpt-4"], "tpd_limit": 5})
    assert planned([desired("a", declared)], [recorded("a", declared)], [known]).warnings == ()
