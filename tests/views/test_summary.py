from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.golden import GOLDEN
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Cause, Caution, Change, Plan, Problem, Reason
from vkstate.views.documents import dumped
from vkstate.views.human import render_plan
from vkstate.views.json import plan_document
from vkstate.views.summary import (
    Kind,
    Mode,
    ToldProblem,
    cautions,
    has_moved,
    is_renewed,
    kind_of,
    refusal_line,
    remarks,
    shown_fingerprint,
    summary_line,
    told_problems,
)

from .samples import (
    GRACE_ENDS,
    PROXY,
    WORKSHOP,
    accepted,
    create,
    delete,
    diff,
    everything,
    imported,
    left_missing,
    moved,
    occasions,
    participant,
    plan_of,
    recorded,
    released,
    replaced,
    seen,
    still_retired,
    transitions,
    unchanged,
    update,
)

Golden = Callable[[str, str], None]
FINGERPRINT = "5f" * 32


def gone(alias: str) -> Change:
    return Change(Alias(alias), Action.FORGET, Reason.GONE, recorded=recorded(alias, {}))


def test_every_transition_compact(golden: Golden) -> None:
    golden("plan_transitions.txt", render_plan(transitions(), proxy=PROXY, fingerprint=FINGERPRINT))


def test_every_transition_verbose(golden: Golden) -> None:
    golden("plan_transitions_verbose.txt", render_plan(transitions(), proxy=PROXY, verbose=True))


def test_a_refresh(golden: Golden) -> None:
    text = render_plan(accepted(), proxy=PROXY, mode="refresh", fingerprint=FINGERPRINT)
    golden("plan_refresh.txt", text)


def test_drift_and_intent_side_by_side(golden: Golden) -> None:
    plan = plan_of(
        update("intended", diff("max_budget", 999, 10)),
        update("drifted", diff("max_budget", 999, 10, Cause.OUTSIDE)),
        update("both", diff("max_budget", 999, 10, Cause.OUTSIDE), diff("rpm_limit", 60, 30)),
    )
    golden("plan_drift.txt", render_plan(plan, proxy=PROXY, fingerprint=FINGERPRINT))


@pytest.mark.parametrize(
    ("mode", "changes", "line"),
    [
        ("apply", [], "No changes. The proxy matches the configuration."),
        ("refresh", [], "No changes. The state matches the proxy."),
        ("import", [], "Nothing to import."),
        ("destroy", [], "Nothing to destroy: no key is recorded."),
        ("destroy", [unchanged("a")], "Nothing to destroy."),
        ("destroy", [delete(participant(1))], "Plan: 0 to create, 0 to update, 0 to replace, 1 to delete."),
        ("import", [imported("a"), imported("b")], "Plan: 2 to import."),
        ("import", [imported("a"), gone("b")], "Plan: 1 to import, 1 to forget."),
        (
            "apply",
            [imported("a"), released("b"), gone("c"), replace(imported("d"), reason=Reason.TAKEN)],
            (
                "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to import, 1 to adopt, 1 to forget, "
                "1 to release."
            ),
        ),
        ("refresh", [seen("a")], "Plan: the state would accept 1 change."),
        ("refresh", [gone("a"), gone("b")], "Plan: the state would forget 2 keys."),
        ("refresh", [seen("a"), seen("b"), gone("c")], "Plan: the state would accept 2 changes and forget 1 key."),
        (
            "refresh",
            [seen("a"), replace(imported("b"), reason=Reason.INTERRUPTED), gone("c")],
            "Plan: the state would accept 1 change, adopt 1 key and forget 1 key.",
        ),
    ],
)
def test_the_line_that_sums_up(mode: Mode, changes: list[Change], line: str) -> None:
    assert summary_line(plan_of(*changes), mode=mode) == line


def test_what_a_change_counts_as() -> None:
    kinds = {change.alias: kind_of(change) for change in everything().effective if change.member is None}
    assert kinds == {
        "batch-jobs": Kind.UPDATE,
        "half-made": Kind.ADOPT,
        "handed-out": Kind.REPLACE,
        "my-dev-project": Kind.CREATE,
        "reaped": Kind.FORGET,
    }
    assert [kind_of(change) for change in (imported("a"), released("a"), delete(participant(1)))] == [
        Kind.IMPORT,
        Kind.RELEASE,
        Kind.DELETE,
    ]


def test_which_changes_move_and_which_renew() -> None:
    renewed = update("key", diff("duration", "a", "b", Cause.RENEWED))
    assert [has_moved(change) for change in (moved("a", "b"), update("a"), create(participant(1)))] == [
        True,
        False,
        False,
    ]
    assert [is_renewed(renewed), is_renewed(update("key", diff("duration", "a", "b")))] == [True, False]


@pytest.mark.parametrize(
    ("plan", "mode", "shown"),
    [
        (plan_of(update("a", diff("max_budget", 1, 2))), "apply", FINGERPRINT),
        (plan_of(update("a", diff("max_budget", 1, 2))), "refresh", FINGERPRINT),
        (plan_of(update("a", diff("max_budget", 1, 2))), "destroy", None),
        (plan_of(update("a", diff("max_budget", 1, 2))), "import", None),
        (plan_of(unchanged("a")), "apply", None),
        (plan_of(update("a"), problems=[Problem("No.", "mend it")]), "apply", None),
    ],
)
def test_a_fingerprint_is_shown_of_a_plan_that_can_be_applied_and_changes_anything(
    plan: Plan, mode: Mode, shown: str | None
) -> None:
    assert shown_fingerprint(plan, FINGERPRINT, mode) == shown
    assert shown_fingerprint(plan, None, mode) is None
    text = render_plan(plan, proxy=PROXY, mode=mode, fingerprint=FINGERPRINT)
    assert [line for line in text.splitlines() if FINGERPRINT in line] == ([f"Fingerprint: {shown}"] if shown else [])
    assert plan_document(plan, proxy=PROXY, mode=mode, fingerprint=FINGERPRINT)["fingerprint"] == shown


def test_with_options_the_whole_command_is_shown() -> None:
    plan = plan_of(update("a", diff("max_budget", 1, 2)))
    arguments = ("--target", "a*", "--grace", "1h")
    text = render_plan(plan, proxy=PROXY, fingerprint=FINGERPRINT, arguments=arguments)
    command = f"vkstate apply --target 'a*' --grace 1h --expect {FINGERPRINT}"
    assert text.splitlines()[-2:] == [f"Fingerprint: {FINGERPRINT}", f"To apply this very plan: {command}"]
    text = render_plan(plan, proxy=PROXY, mode="refresh", fingerprint=FINGERPRINT, arguments=())
    assert text.splitlines()[-1] == f"To apply this very plan: vkstate apply --refresh-only --expect {FINGERPRINT}"
    assert render_plan(plan, proxy=PROXY, fingerprint=FINGERPRINT, arguments=()).endswith(
        f"Fingerprint: {FINGERPRINT}\n"
    )


def test_a_warning_names_its_keys_in_groups() -> None:
    plan = plan_of(
        *(create(participant(number)) for number in range(1, 4)),
        warnings=[
            Caution("here: ", tuple(Alias(f"{WORKSHOP}-participant{number}") for number in range(1, 4)), "."),
            Caution("all is lost."),
        ],
    )
    assert cautions(plan) == (f"here: {WORKSHOP}-participant{{1..3}}.", "all is lost.")


def test_a_refresh_that_accepts_nothing_does_not_say_that_all_is_well() -> None:
    plan = plan_of(unchanged("a"), warnings=[Caution("renamed: ", (Alias("a"),), ".")])
    assert summary_line(plan, mode="refresh") == "No changes that the state could accept."


def test_a_plan_with_problems_is_refused_in_a_sentence() -> None:
    problem, other = Problem("No.", "mend it"), Problem("Neither.", "mend it")
    alike = [Problem(f"{alias} is broken.", "mend it", Alias(alias)) for alias in ("a", "b")]
    assert [refusal_line(plan_of(problems=problems)) for problems in ([], [problem], alike, [problem, other])] == [
        None,
        "This plan cannot be applied: 1 problem must be solved first.",
        "This plan cannot be applied: 1 problem must be solved first.",
        "This plan cannot be applied: 2 problems must be solved first.",
    ]


def test_nothing_is_remarked_where_there_is_nothing_to_remark() -> None:
    assert remarks(plan_of(create(participant(1)))) == ()


def test_retired_keys_that_end_together() -> None:
    changes = [still_retired(f"{WORKSHOP}-participant{number}", member=participant(number)) for number in range(1, 4)]
    assert remarks(plan_of(*changes)) == (
        f"3 retired keys still have time: {WORKSHOP}-participant{{1..3}}.retired-* until 2026-11-29T17:00:00Z.",
    )


def test_retired_keys_that_end_apart() -> None:
    one, other = still_retired("one"), still_retired("other", GRACE_ENDS + timedelta(hours=2))
    assert remarks(plan_of(one, other)) == (
        (
            f"2 retired keys still have time: {one.alias}, {other.alias}, the first until 2026-11-29T17:00:00Z, the "
            "last until 2026-11-29T19:00:00Z."
        ),
    )


def test_retired_keys_that_wait_for_their_successors() -> None:
    one, other = still_retired("one", None), still_retired("other", None)
    assert remarks(plan_of(one)) == (f"1 retired key stays until the key that takes its place works: {one.alias}.",)
    assert remarks(plan_of(one, other)) == (
        f"2 retired keys stay until the keys that take their places work: {one.alias}, {other.alias}.",
    )


def test_a_retired_key_is_not_told_twice_where_its_replacement_goes_on() -> None:
    going_on = replace(replaced("key", ends=GRACE_ENDS), reason=Reason.INTERRUPTED)
    assert remarks(plan_of(going_on, still_retired("key"))) == ()


def test_keys_that_are_left_missing() -> None:
    assert remarks(plan_of(left_missing("one", known=True), left_missing("two", known=True))) == (
        "2 keys are missing on the proxy and left so: one, two.",
    )
    assert remarks(plan_of(left_missing("one"))) == (), "the line of the change says it"


def test_members_that_object_alike_are_told_together() -> None:
    members = [Member("ws", f"user{number}", number) for number in (1, 2, 3)]
    problems = [
        Problem(
            f"vkstate.yaml:{number}:5: the alias ws-{one.user} is not ours: a key (user_id {one.user}@example.com).",
            f"vkstate import workshop:ws, or --exclude ws-{one.user}",
            Alias(f"ws-{one.user}"),
            one,
        )
        for number, one in enumerate(members, start=7)
    ]
    known = {Alias(f"ws-{one.user}"): one for one in members}
    assert told_problems(problems, known) == (
        ToldProblem(
            "vkstate.yaml:7:5: the alias ws-user{1..3} is not ours: a key (user_id …@example.com).",
            "vkstate import workshop:ws, or --exclude ws-user1 (and so for the other 2)",
        ),
    )
    assert told_problems(problems[:1], known)[0].detail == problems[0].detail


# -- nothing is left to the imagination --------------------------------------------------------------------------------


def test_every_occasion(golden: Golden) -> None:
    golden("plan_occasions.txt", render_plan(occasions(), proxy=PROXY))
    golden("plan_occasions.json", dumped(plan_document(occasions(), proxy=PROXY)))


def test_every_action_reason_and_cause_is_shown_somewhere() -> None:
    """Of keys that nothing is done about, people are told why, unless all is as it should be."""
    changes = [
        change
        for path in (GOLDEN / "views").glob("plan*.json")
        for change in json.loads(path.read_text(encoding="utf-8")).get("changes", [])
    ]
    texts = [path.read_text(encoding="utf-8") for path in (GOLDEN / "views").glob("plan*.txt")]
    untold = {Reason.MATCHES, Reason.UNSETTLED}
    assert {change["action"] for change in changes} == {str(action) for action in Action} - {"no-op"}
    assert {change["reason"] for change in changes} == {str(reason) for reason in Reason} - {*map(str, untold)}
    assert {diff["cause"] for change in changes for diff in change["diffs"]} == {str(cause) for cause in Cause}
    told = {cause: [text for text in texts if f"({cause})" in text] for cause in (*Cause, Reason.UNSETTLED)}
    assert [cause for cause, where in told.items() if not where] == []
