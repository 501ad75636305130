"""Keys that exist already and become ours: by ``import``, and by ``--adopt-replaced``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.diffs import changed, recorded_only
from tests.factories import (
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    desired,
    foreign,
    gone,
    live,
    participant,
    pending,
    planned,
    recorded,
    token_of,
)
from vkstate.attributes import UNSET, Json
from vkstate.executor.orders import adopted_record
from vkstate.keys import Alias, LiveKey, OnMissing, Origin, RecordedKey, Status
from vkstate.options import Move, Options
from vkstate.plan import Action, Change, Plan, Problem, Reason

IMPORT = Options(imports=("a",))
TAKE = Options(adopt_replaced=True)
WANT = desired("a")
THEIRS = foreign("a")
ELSEWHERE = live("a", name="of another project", lineage=FOREIGN_LINEAGE)
OURS = live("a")
MARK: dict[str, Json] = {"lineage": LINEAGE, "id": THEIRS.token[:16]}


def only(plan: Plan) -> Change:
    assert plan.problems == ()
    [change] = plan.changes
    return change


def test_an_import_is_compared_as_if_nothing_had_been_applied_and_puts_our_mark_on_the_key() -> None:
    change = only(planned([desired("a", max_budget=5)], [], [THEIRS], options=IMPORT))
    assert (change.action, change.reason, change.live, change.recorded) == (
        Action.ADOPT,
        Reason.IMPORTED,
        THEIRS,
        None,
    )
    assert change.diffs == (
        recorded_only("duration", UNSET, "30d"),
        changed("max_budget", 50, 5),
        changed("metadata.vkstate", UNSET, MARK),
        recorded_only("models", UNSET, ["gpt-4"]),
        recorded_only("user_id", UNSET, "a@example.com"),
    )
    assert change.needs_request


def test_an_import_that_would_change_nothing_else_needs_a_request_for_our_mark() -> None:
    change = only(planned([WANT], [], [THEIRS], options=IMPORT))
    assert [diff.path for diff in change.diffs if not diff.already_live] == ["metadata.vkstate"]


@pytest.mark.parametrize(
    ("imports", "named"),
    [
        (("a",), True),
        (("*",), True),
        (("b", "a"), True),
        (("workshop:w",), True),
        (("workshop:w/user1",), True),
        (("b",), False),
        ((), False),
        (("workshop:v",), False),
    ],
)
def test_what_an_import_names(imports: Sequence[str], named: bool) -> None:
    plan = planned([desired("a", member=participant(1))], [], [THEIRS], options=Options(imports=tuple(imports)))
    assert (len(plan.changes), len(plan.problems)) == ((1, 0) if named else (0, 1))


@pytest.mark.parametrize(
    ("rows", "detail", "hint"),
    [
        (
            [ELSEWHERE],
            (
                "a cannot be imported: the key carries the mark of another vkstate project, whose lineage is "
                f"{FOREIGN_LINEAGE}."
            ),
            "let go of it there first: removed: [{alias: …, destroy: false}], or vkstate state rm",
        ),
        (
            [THEIRS, foreign("a", name="second")],
            "a cannot be imported: 2 keys bear that alias, and nobody can say which is meant.",
            "rename or delete the others in LiteLLM",
        ),
        (
            [THEIRS, OURS],
            "a cannot be imported: 2 keys bear that alias, and nobody can say which is meant.",
            "rename or delete the others in LiteLLM",
        ),
        (
            [THEIRS, ELSEWHERE],
            (
                "a cannot be imported: the key carries the mark of another vkstate project, whose lineage is "
                f"{FOREIGN_LINEAGE}."
            ),
            "let go of it there first: removed: [{alias: …, destroy: false}], or vkstate state rm",
        ),
        (
            [],
            "a cannot be imported: no key bears that alias on the proxy.",
            "take a out of import, and apply makes a new key; or correct the alias",
        ),
    ],
    ids=["another project's", "two", "ours and theirs", "theirs and another project's", "none"],
)
def test_what_cannot_be_imported(rows: Sequence[LiveKey], detail: str, hint: str) -> None:
    for order in (rows, rows[::-1]):
        plan = planned([WANT], [], order, values=["a"], options=IMPORT)
        assert plan.problems == (Problem(f"vkstate.yaml:12:3: {detail}", hint, Alias("a")),)
        assert plan.changes == ()


def test_a_glob_that_imports_makes_what_is_not_there() -> None:
    change = only(planned([WANT], options=Options(imports=("*",))))
    assert (change.action, change.reason) == (Action.CREATE, Reason.NEW)


def test_an_alias_that_looks_like_a_glob_is_named_to_the_letter() -> None:
    odd = "team [x]"
    change = only(planned([desired(odd)], [], [foreign(odd)], options=Options(imports=(odd,))))
    assert change.reason is Reason.IMPORTED
    [problem] = planned([desired(odd)], options=Options(imports=(odd,))).problems
    assert problem.detail.endswith("no key bears that alias on the proxy.")


def test_our_own_key_that_the_state_lost_is_imported_without_its_value() -> None:
    change = only(planned([WANT], [], [OURS], options=IMPORT))
    assert (change.action, change.reason) == (Action.ADOPT, Reason.STATE_BEHIND)
    assert not change.needs_request


@pytest.mark.parametrize("have", [recorded("a"), pending("a"), gone("a")], ids=lambda have: have.status)
def test_an_import_that_was_made_means_nothing_more(have: RecordedKey) -> None:
    rows = [live("a", name="a", key_id=have.id)]
    assert planned([WANT], [have], rows, options=IMPORT) == planned([WANT], [have], rows)


def test_what_is_imported_in_place_of_a_key_that_was_never_created_is_not_compared_with_that() -> None:
    for have in (pending("a", {"max_budget": 7}), pending("a", {"max_budget": 7}, no_token=True)):
        change = only(planned([WANT], [have], [THEIRS], options=IMPORT))
        assert (change.action, change.reason, change.recorded) == (Action.ADOPT, Reason.IMPORTED, have)
        assert change.diffs == only(planned([WANT], [], [THEIRS], options=IMPORT)).diffs


@pytest.mark.parametrize("end", ["2026-03-17T12:00:00Z", "2026-03-18T12:00:00Z"])
def test_no_key_is_imported_to_end_in_the_past(end: str) -> None:
    want = desired("a", {"models": ["gpt-4"], "expires_at": end})
    [problem] = planned([want], [], [THEIRS], options=IMPORT).problems
    assert problem.detail == f"vkstate.yaml:12:3: a would end at {end}, which has passed."


# -- keys that were replaced outside -----------------------------------------------------------------------------------


def test_what_took_the_place_of_a_key_of_ours_is_taken_over_where_that_is_asked_for() -> None:
    change = only(planned([WANT], [recorded("a")], [THEIRS], options=TAKE))
    assert (change.action, change.reason, change.live) == (Action.ADOPT, Reason.TAKEN, THEIRS)
    assert change.diffs == only(planned([WANT], [], [THEIRS], options=IMPORT)).diffs


@pytest.mark.parametrize("protected", [True, False])
def test_what_is_taken_over_is_recorded_as_it_is_and_stays_protected(protected: bool) -> None:
    want = desired("a", prevent_destroy=None)
    have = recorded("a", {"max_budget": 7}, prevent_destroy=protected, member=participant(1))
    change = only(planned([want], [have], [THEIRS], options=TAKE))
    record = adopted_record(change, LINEAGE)
    assert (record.alias, record.status, record.token) == ("a", Status.READY, THEIRS.token)
    assert (record.id, record.origin) == (THEIRS.token[:16], Origin.IMPORTED)
    assert record.applied == {"max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"}
    assert (record.prevent_destroy, record.member) == (protected, None)


def test_what_takes_the_place_of_a_key_that_moves_ends_the_old_record() -> None:
    options = Options(adopt_replaced=True, moves=(Move("old", "a", "vkstate.yaml:30:3"),))
    change = only(planned([WANT], [recorded("old")], [THEIRS], options=options))
    assert (change.alias, change.recorded_as, change.reason) == ("a", "old", Reason.TAKEN)
    assert adopted_record(change, LINEAGE).alias == "a"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ELSEWHERE], "the mark of another vkstate project"),
        ([THEIRS, foreign("a", name="second")], "2 keys bear that alias"),
        ([live("a", name="of another clone")], "the state is behind"),
    ],
)
def test_what_cannot_be_taken_over(rows: Sequence[LiveKey], words: str) -> None:
    [problem] = planned([WANT], [recorded("a")], rows, options=TAKE).problems
    assert words in problem.detail


def test_taking_over_concerns_only_what_is_gone() -> None:
    for have, rows in ((recorded("a"), [OURS, THEIRS]), (recorded("a"), []), (gone("a"), [OURS])):
        assert planned([WANT], [have], rows, options=TAKE) == planned([WANT], [have], rows)
    [problem] = planned([WANT], [], [THEIRS], options=TAKE).problems
    assert "is not ours" in problem.detail


def test_a_key_that_was_left_missing_may_be_taken_over() -> None:
    want = desired("a", on_missing=OnMissing.FORGET)
    assert only(planned([want], [gone("a")], [THEIRS], options=TAKE)).reason is Reason.TAKEN


# -- how it is recorded ------------------------------------------------------------------------------------------------


def test_an_import_is_recorded_as_it_is_until_its_update_is_made() -> None:
    change = only(planned([desired("a", max_budget=5, member=participant(1))], [], [THEIRS], options=IMPORT))
    assert adopted_record(change, LINEAGE) == RecordedKey(
        alias=Alias("a"),
        status=Status.READY,
        id=THEIRS.token[:16],
        token=token_of("theirs a"),
        origin=Origin.IMPORTED,
        applied={"max_budget": 50, "models": ["gpt-4"], "user_id": "a@example.com"},
        created_at=THEIRS.created_at,
        expires_at=THEIRS.expires_at,
    )


def test_an_import_that_was_recorded_and_not_marked_goes_on() -> None:
    change = only(planned([WANT], [], [THEIRS], options=IMPORT))
    have = adopted_record(change, LINEAGE)
    following = only(planned([WANT], [have], [THEIRS], now=NOW + timedelta(minutes=1)))
    assert following.action is Action.UPDATE
    assert [diff.path for diff in following.diffs if not diff.already_live] == ["metadata.vkstate"]
