from __future__ import annotations

import json
from collections.abc import Callable
from typing import ClassVar

from vkstate.attributes import UNSET, Json, Sensitive
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome
from vkstate.keys import Alias
from vkstate.plan import Action, Change, Problem, Reason
from vkstate.views.json import dumped, error_document, line, outcome_events, plan_document, result_event, summary_event

from .samples import (
    LINEAGE,
    PROXY,
    SEALED,
    create,
    delete,
    desired,
    diff,
    everything,
    live,
    participant,
    plan_of,
    recorded,
    token_of,
    unchanged,
    update,
)

Golden = Callable[[str, str], None]


def test_a_plan_in_full(golden: Golden) -> None:
    golden("plan.json", dumped(plan_document(everything(), proxy=PROXY)))


def test_a_plan_without_changes_counts_what_matches() -> None:
    problem = Problem("It cannot be.", "do otherwise", Alias("key"))
    plan = plan_of(
        unchanged("quiet", max_budget=1), problems=[problem], warnings=["careful"], unmanaged=7, left_out=["other"]
    )
    assert plan_document(plan, proxy=PROXY) == {
        "format_version": 1,
        "proxy": PROXY,
        "lineage": LINEAGE,
        "applicable": False,
        "summary": {"create": 0, "update": 0, "replace": 0, "delete": 0, "forget": 0, "adopt": 0, "no-op": 1},
        "changes": [],
        "problems": [{"alias": "key", "detail": "It cannot be.", "hint": "do otherwise"}],
        "warnings": ["careful"],
        "unmanaged": 7,
        "left_out": ["other"],
        "exposure": {
            "max_total": 1,
            "max_per_duration": {},
            "without_budget": [],
            "limited_elsewhere": [],
            "budget_not_shown": [],
            "never_expires": [],
            "all_models": [],
        },
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
        "reason": "missing from the state",
        "needs_request": False,
        "token": token_of("key"),
        "diffs": [],
        "declared": {},
        "applied": None,
        "prevent_destroy": False,
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
    member: dict[str, Json] = {"workshop": "ai-workshop-2024"}
    single: dict[str, Json] = {"workshop": None, "user": None}
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
            "failed": 1,
            "not_attempted": 1,
            "remaining": 1,
            "notices": ["A notice."],
        },
    ]
    text = outcome_events(outcome)
    assert text.endswith("}\n")
    assert [json.loads(event) for event in text.splitlines()] == events
    assert [result_event(result) for result in outcome.results] == events[:-1]
    assert summary_event(outcome, "destroy") == {**events[-1], "command": "destroy"}


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
