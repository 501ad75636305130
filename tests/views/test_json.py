from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, cast

import pytest

from vkstate.attributes import UNSET, Json, Sensitive
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome
from vkstate.executor.ports import ClosingLine
from vkstate.keys import Alias
from vkstate.plan import Action, Cause, Caution, Change, Plan, Problem, Reason
from vkstate.spending import totals
from vkstate.views.documents import dumped, error_document, line
from vkstate.views.events import outcome_events, result_event, summary_event
from vkstate.views.json import plan_document
from vkstate.views.totals import totals_document

from .samples import (
    GRACE_ENDS,
    LINEAGE,
    PROXY,
    SEALED,
    accepted,
    create,
    delete,
    desired,
    diff,
    everything,
    imported,
    left_missing,
    live,
    moved,
    participant,
    plan_of,
    recorded,
    released,
    replaced,
    retiring,
    still_retired,
    token_of,
    transitions,
    unchanged,
    update,
)

Golden = Callable[[str, str], None]


FINGERPRINT = "5f" * 32


def test_a_plan_in_full(golden: Golden) -> None:
    golden("plan.json", dumped(plan_document(everything(), proxy=PROXY, fingerprint=FINGERPRINT)))


def test_every_transition_in_full(golden: Golden) -> None:
    golden("plan_transitions.json", dumped(plan_document(transitions(), proxy=PROXY, fingerprint=FINGERPRINT)))


def test_a_refresh_says_what_it_is() -> None:
    document = plan_document(accepted(), proxy=PROXY, mode="refresh", fingerprint=FINGERPRINT)
    assert (document["mode"], document["fingerprint"]) == ("refresh", FINGERPRINT)
    assert [(change["alias"], change["needs_request"], change["becomes"]) for change in changes_of(document)] == [
        ("ai-workshop-2024-participant1", False, READY),
        ("ai-workshop-2024-participant2", False, READY),
        ("ai-workshop-2024-participant3", False, READY),
        ("arrived", False, {**READY, "status": "pending"}),
        ("batch-jobs", False, READY),
        ("reaped", False, None),
        ("returned", False, {**READY, "status": "gone"}),
    ]


READY: dict[str, Json] = {"status": "ready", "successor": None, "delete_after": None}


def changes_of(document: Mapping[str, Json]) -> list[dict[str, Json]]:
    return cast("list[dict[str, Json]]", document["changes"])


@pytest.mark.parametrize(
    "plan",
    [plan_of(unchanged("a")), plan_of(update("a"), problems=[Problem("No.", "mend it")])],
    ids=["quiet", "stuck"],
)
def test_a_fingerprint_is_told_where_it_can_be_expected(plan: Plan) -> None:
    assert plan_document(plan, proxy=PROXY, fingerprint=FINGERPRINT)["fingerprint"] is None


def test_what_a_replacement_retires() -> None:
    aside = retiring("key").alias
    plan = plan_of(replaced("key", ends=GRACE_ENDS, spend=1.23), replaced("other"), update("third"))
    ends = "2026-11-29T17:00:00Z"
    assert [change["retires"] for change in changes_of(plan_document(plan, proxy=PROXY))] == [
        {"alias": aside, "token": token_of("key"), "delete_after": ends, "spend": 1.23},
        {"alias": retiring("other").alias, "token": token_of("other"), "delete_after": None, "spend": 0.0},
        None,
    ]


def test_what_stays_retired_or_missing_is_told_though_it_does_not_change() -> None:
    plan = plan_of(still_retired("a"), still_retired("b", None), left_missing("c", known=True), unchanged("d"))
    document = plan_document(plan, proxy=PROXY)
    assert (document["changes"], document["left_missing"], document["retiring"]) == (
        [],
        ["c"],
        [
            {"alias": retiring("a").alias, "successor": "a", "delete_after": "2026-11-29T17:00:00Z"},
            {"alias": retiring("b").alias, "successor": "b", "delete_after": None},
        ],
    )


def test_a_moved_key_says_what_it_was_called() -> None:
    document = plan_document(plan_of(moved("old", "new"), update("other")), proxy=PROXY)
    assert [change["moved_from"] for change in changes_of(document)] == ["old", None]


def test_a_protection_counts_though_it_is_only_recorded() -> None:
    change = Change(
        Alias("key"),
        Action.NO_OP,
        Reason.MATCHES,
        replace(desired("key", {}), prevent_destroy=None),
        recorded("key", {}, prevent_destroy=True),
        live("key", {}),
    )
    plans = [plan_of(replace(one, action=Action.UPDATE)) for one in (change, replace(change, recorded=None))]
    told = [changes_of(plan_document(plan, proxy=PROXY))[0]["prevent_destroy"] for plan in plans]
    assert told == [True, False]


def test_a_plan_without_changes_counts_what_matches() -> None:
    problem = Problem("It cannot be.", "do otherwise", Alias("key"))
    plan = plan_of(
        unchanged("quiet", max_budget=1),
        problems=[problem],
        warnings=[Caution("careful")],
        unmanaged=7,
        left_out=["other"],
    )
    assert plan_document(plan, proxy=PROXY) == {
        "format_version": 1,
        "mode": "apply",
        "proxy": PROXY,
        "lineage": LINEAGE,
        "applicable": False,
        "summary": {"create": 0, "update": 0, "replace": 0, "delete": 0, "forget": 0, "adopt": 0, "no-op": 1},
        "changes": [],
        "problems": [{"alias": "key", "detail": "It cannot be.", "hint": "do otherwise"}],
        "warnings": ["careful"],
        "unmanaged": 7,
        "left_out": ["other"],
        "left_missing": [],
        "retiring": [],
        "likely_renames": [],
        "exposure": {
            "max_total": 1,
            "max_per_duration": {},
            "without_budget": [],
            "limited_elsewhere": [],
            "budget_not_shown": [],
            "never_expires": [],
            "all_models": [],
            "retired": {
                "keys": [],
                "max_total": None,
                "max_per_duration": {},
                "without_budget": [],
                "limited_elsewhere": [],
                "budget_not_shown": [],
            },
        },
        "fingerprint": None,
    }


def test_unset_null_and_sensitive_are_three_things() -> None:
    change = update(
        "key",
        diff("max_budget", UNSET, None),
        diff("tpm_limit", 5, UNSET, already_live=True),
        diff("metadata.logging", SEALED, Sensitive("canary")),
    )
    document = json.loads(dumped(plan_document(plan_of(change), proxy=PROXY)))
    assert document["changes"][0]["diffs"] == [
        {"path": "max_budget", "after": None, "cause": "config changed", "already_live": False},
        {"path": "tpm_limit", "before": 5, "cause": "config changed", "already_live": True},
        {
            "path": "metadata.logging",
            "before": {"$sensitive": True},
            "after": {"$sensitive": True},
            "cause": "config changed",
            "already_live": False,
        },
    ]


def test_the_canary_and_digests_stay_out() -> None:
    canary = "canary-7c1f"
    change = Change(
        Alias("key"),
        Action.UPDATE,
        Reason.DIFFERS,
        desired("key", {"metadata.logging": Sensitive({"secret": canary})}),
        recorded("key", {"metadata.logging": SEALED}),
        live("key", {"metadata.logging": canary}),
        (diff("metadata.logging", SEALED, SEALED),),
    )
    text = dumped(plan_document(plan_of(change), proxy=PROXY))
    assert [secret for secret in (canary, SEALED.digest) if secret in text] == []


def test_a_key_without_a_record_is_told_by_its_live_token() -> None:
    member = participant(1)
    change = Change(Alias("key"), Action.ADOPT, Reason.STATE_BEHIND, desired("key", {}, member), None, live("key", {}))
    document = json.loads(dumped(plan_document(plan_of(change, update("other")), proxy=PROXY)))
    assert document["changes"][0] == {
        "alias": "key",
        "action": "adopt",
        "workshop": "ai-workshop-2024",
        "user": "participant1",
        "moved_from": None,
        "retires": None,
        "reason": "missing from the state",
        "needs_request": False,
        "token": token_of("key"),
        "diffs": [],
        "declared": {},
        "applied": None,
        "prevent_destroy": False,
        "blocked_until": None,
        "becomes": None,
    }


def test_events_are_one_object_a_line_and_end_in_a_summary() -> None:
    outcome = Outcome(
        (
            Applied(create(participant(1))),
            Applied(update("batch-jobs"), "The proxy forces a budget."),
            Failed(delete(participant(2)), "The proxy refused.\nNo.", "vkstate plan"),
            NotAttempted(update("later"), "The run was interrupted."),
        ),
        interrupted="SIGINT",
        notices=("A notice.",),
        remaining=1,
    )
    still: dict[str, Json] = {"moved_from": None, "retires": None}
    member: dict[str, Json] = {"workshop": "ai-workshop-2024", **still}
    single: dict[str, Json] = {"workshop": None, "user": None, **still}
    events: list[dict[str, Json]] = [
        {
            "type": "applied",
            "alias": "ai-workshop-2024-participant1",
            "action": "create",
            **member,
            "user": "participant1",
            "note": None,
        },
        {
            "type": "applied",
            "alias": "batch-jobs",
            "action": "update",
            **single,
            "note": "The proxy forces a budget.",
        },
        {
            "type": "failed",
            "alias": "ai-workshop-2024-participant2",
            "action": "delete",
            **member,
            "user": "participant2",
            "detail": "The proxy refused.\nNo.",
            "hint": "vkstate plan",
        },
        {"type": "not_attempted", "alias": "later", "action": "update", **single, "why": "The run was interrupted."},
        {
            "type": "summary",
            "format_version": 1,
            "command": "apply",
            "complete": False,
            "interrupted": "SIGINT",
            "created": 1,
            "updated": 1,
            "replaced": 0,
            "deleted": 0,
            "adopted": 0,
            "forgotten": 0,
            "moved": 0,
            "renewed": 0,
            "imported": 0,
            "released": 0,
            "failed": 1,
            "not_attempted": 1,
            "remaining": 1,
            "report": None,
            "closed": None,
            "notices": ["A notice."],
        },
    ]
    text = outcome_events(outcome)
    assert text.endswith("}\n")
    assert [json.loads(event) for event in text.splitlines()] == events
    assert [result_event(result) for result in outcome.results] == events[:-1]
    assert summary_event(outcome, "destroy") == {**events[-1], "command": "destroy"}


def test_what_deleted_keys_had_spent_is_told_with_their_report() -> None:
    gone = [ClosingLine(Alias("a"), token_of("a"), None, "ai", 1.5, 3, None, None)]
    outcome = Outcome((Applied(delete(participant(1))),), remaining=0, closed=tuple(gone))
    event = summary_event(outcome, "destroy", "reports/20261128T170000Z.json")
    assert (event["report"], event["closed"]) == (
        "reports/20261128T170000Z.json",
        totals_document(totals(gone)),
    )
    unreported = summary_event(outcome, "destroy")
    assert (unreported["report"], unreported["closed"]) == (None, None)


def test_what_is_special_is_counted_among_the_rest() -> None:
    changes = [
        moved("a", "b"),
        update("c", diff("duration", "x", "30d", Cause.RENEWED)),
        imported("d"),
        released("e"),
        replaced("f", ends=GRACE_ENDS, spend=2),
    ]
    outcome = Outcome(tuple(Applied(change) for change in changes))
    counts = {name: number for name, number in summary_event(outcome).items() if number and isinstance(number, int)}
    assert counts == {
        "format_version": 1,
        "complete": True,
        "updated": 2,
        "replaced": 1,
        "adopted": 1,
        "forgotten": 1,
        "moved": 1,
        "renewed": 1,
        "imported": 1,
        "released": 1,
    }
    told = [(event["moved_from"], event["retires"]) for event in map(result_event, outcome.results)]
    assert told == [
        ("a", None),
        *[(None, None)] * 3,
        (
            None,
            {
                "alias": retiring("f").alias,
                "token": token_of("f"),
                "delete_after": "2026-11-29T17:00:00Z",
                "spend": 2,
            },
        ),
    ]


class Unwell(VkstateError):
    summary: ClassVar[str] = "the proxy is unwell"
    exit_code: ClassVar[ExitCode] = ExitCode.PARTIAL


def test_an_error_has_its_three_parts_and_its_exit_code() -> None:
    assert error_document(Unwell("It coughs.", hint="wait")) == {
        "type": "error",
        "format_version": 1,
        "summary": "the proxy is unwell",
        "detail": "It coughs.",
        "hint": "wait",
        "exit_code": 3,
    }
    assert error_document(VkstateError("It failed."))["hint"] is None


def test_json_is_ascii_so_that_no_terminal_is_moved() -> None:
    assert line({"text": "\x9b2J é"}) == '{"text":"\\u009b2J \\u00e9"}\n'
    assert dumped({"text": "é"}) == '{\n  "text": "\\u00e9"\n}\n'
