"""Plans, outcomes and errors as JSON for programs. The shapes are part of vkstate's interface: fields are only added.

Attribute values are given by flat path (``metadata.cost_center``). A field that is missing was not declared; null was
declared as nothing; ``{"$sensitive": true}`` stands for every value that is not shown. Instants are RFC 3339 in UTC,
amounts US dollars. The text is ASCII, so that no terminal is moved by what a proxy answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from vkstate.attributes import Json, Sealed, Sensitive, Unset, Value
from vkstate.differences import is_protected
from vkstate.errors import VkstateError
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome, Result
from vkstate.expiry import format_instant
from vkstate.keys import DesiredKey, RecordedKey
from vkstate.plan import Action, AttributeDiff, Change, Plan, Reason
from vkstate.renames import likely_renames
from vkstate.schedule import blocked_until
from vkstate.spending import totals
from vkstate.views.exposure import exposure_document, exposure_of
from vkstate.views.outcome import Command
from vkstate.views.summary import Kind, Mode, cautions, has_moved, is_renewed, kind_of, shown_fingerprint
from vkstate.views.totals import totals_document

FORMAT_VERSION: Final = 1
"""Of every document here; raised only when a field changes its meaning or goes."""


def dumped(document: Mapping[str, Json]) -> str:
    """One document as indented JSON, ending in a newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def line(event: Mapping[str, Json]) -> str:
    """One event as one line of JSON, ending in a newline."""
    return json.dumps(event, separators=(",", ":"), allow_nan=False) + "\n"


def value_document(value: Value) -> Json:
    """A value as it may be shown: a sensitive one is not even told by its digest."""
    return {"$sensitive": True} if isinstance(value, Sensitive | Sealed) else value


def values_document(values: Mapping[str, Value]) -> dict[str, Json]:
    """Values by flat path, in the order of their paths."""
    return {path: value_document(values[path]) for path in sorted(values)}


def plan_document(plan: Plan, *, proxy: str, mode: Mode = "apply", fingerprint: str | None = None) -> dict[str, Json]:
    """A plan in full. No-ops are counted in ``summary`` and left out of ``changes``.

    :param proxy: the proxy's url, without credentials.
    :param mode: what the plan is for.
    :param fingerprint: told of a plan that can be applied and changes anything, else null.
    """
    return {
        "format_version": FORMAT_VERSION,
        "mode": mode,
        "proxy": proxy,
        "lineage": plan.lineage,
        "applicable": not plan.problems,
        "summary": {str(action): plan.counts[action] for action in Action},
        "changes": [_change_document(change) for change in plan.effective],
        "problems": [
            {"alias": problem.alias, "detail": problem.detail, "hint": problem.hint} for problem in plan.problems
        ],
        "warnings": [*cautions(plan)],
        "unmanaged": plan.unmanaged,
        "left_out": [*plan.left_out],
        "left_missing": [change.alias for change in _kept(plan, Reason.LEFT_MISSING)],
        "retiring": [
            {"alias": change.alias, **retired_document(change.recorded)}
            for change in _kept(plan, Reason.RETIRING)
            if change.recorded is not None
        ],
        "likely_renames": [{"from": rename.old, "to": rename.new} for rename in likely_renames(plan)],
        "exposure": exposure_document(exposure_of(plan)),
        "fingerprint": shown_fingerprint(plan, fingerprint, mode),
    }


def _kept(plan: Plan, reason: Reason) -> list[Change]:
    """The keys that nothing is done about, for this reason."""
    return [change for change in plan.of(Action.NO_OP) if change.reason is reason]


def _change_document(change: Change) -> dict[str, Json]:
    """``declared`` is what the config asks, ``applied`` what was last applied; null where there is no such side."""
    desired, recorded = change.desired, change.recorded
    return {
        **_subject(change),
        "reason": str(change.reason),
        "needs_request": change.needs_request,
        "token": _token(change),
        "diffs": [_diff_document(diff) for diff in change.diffs],
        "declared": values_document(desired.declared) if desired is not None else None,
        "applied": values_document(recorded.applied) if recorded is not None else None,
        "prevent_destroy": desired is not None and is_protected(desired, recorded),
        "blocked_until": _opening(desired),
        "becomes": _becomes_document(change.becomes),
    }


def _opening(desired: DesiredKey | None) -> str | None:
    """When the workshop's start opens a key; null where it is open, or where something else decides."""
    starts_at = blocked_until(desired) if desired is not None else None
    return None if starts_at is None else format_instant(starts_at)


def _subject(change: Change) -> dict[str, Json]:
    member = change.member
    return {
        "alias": change.alias,
        "action": str(change.action),
        "workshop": member.workshop if member is not None else None,
        "user": member.user if member is not None else None,
        "moved_from": change.recorded_as if has_moved(change) else None,
        "retires": _retires_document(change),
    }


def _retires_document(change: Change) -> dict[str, Json] | None:
    """The old key of a replacement; ``spend`` is what it had spent when the plan was made."""
    aside = change.retires
    if aside is None:
        return None
    return {
        "alias": aside.alias,
        "token": aside.token,
        "delete_after": retired_document(aside)["delete_after"],
        "spend": change.live.spend if change.live is not None else None,
    }


def retired_document(record: RecordedKey) -> dict[str, Json]:
    """Which key took the place of a retired one, and until when the retired one works; null where it is not known."""
    retired = record.retired
    ends = retired.delete_after if retired is not None else None
    return {
        "successor": retired.successor if retired is not None else None,
        "delete_after": None if ends is None else format_instant(ends),
    }


def _becomes_document(record: RecordedKey | None) -> dict[str, Json] | None:
    """What is recorded where nothing but the record changes."""
    return None if record is None else {"status": record.status.value, **retired_document(record)}


def _token(change: Change) -> str | None:
    """The token that is recorded; of a key without a record, the live one."""
    if change.recorded is not None:
        return change.recorded.token
    return change.live.token if change.live is not None else None


def _diff_document(diff: AttributeDiff) -> dict[str, Json]:
    document: dict[str, Json] = {"path": diff.path}
    for side, value in (("before", diff.before), ("after", diff.after)):
        if not isinstance(value, Unset):
            document[side] = value_document(value)
    document["cause"] = str(diff.cause)
    document["already_live"] = diff.already_live
    return document


def result_event(result: Result) -> dict[str, Json]:
    """What became of one change."""
    subject = _subject(result.change)
    match result:
        case Applied(note=note):
            return {"type": "applied", **subject, "note": note}
        case Failed(detail=detail, hint=hint):
            return {"type": "failed", **subject, "detail": detail, "hint": hint}
        case NotAttempted(why=why):
            return {"type": "not_attempted", **subject, "why": why}


def summary_event(outcome: Outcome, command: Command = "apply", report: str | None = None) -> dict[str, Json]:
    """The last event of a run. ``moved`` and what follows it is counted among the actions before it.

    :param report: where the closing report is; None where none was kept: then nothing is said of what was spent.
    """
    return {
        "type": "summary",
        "format_version": FORMAT_VERSION,
        "command": command,
        "complete": outcome.complete,
        "interrupted": outcome.interrupted,
        **{action.done: outcome.count(action) for action in Action if action is not Action.NO_OP},
        "moved": sum(has_moved(result.change) for result in outcome.applied),
        "renewed": sum(is_renewed(result.change) for result in outcome.applied),
        "imported": _count(outcome, Kind.IMPORT),
        "released": _count(outcome, Kind.RELEASE),
        "failed": len(outcome.failed),
        "not_attempted": len(outcome.not_attempted),
        "remaining": outcome.remaining,
        "report": report,
        "closed": None if report is None else totals_document(totals(outcome.closed)),
        "notices": [*outcome.notices],
    }


def _count(outcome: Outcome, kind: Kind) -> int:
    return sum(kind_of(result.change) is kind for result in outcome.applied)


def outcome_events(outcome: Outcome, command: Command = "apply", report: str | None = None) -> str:
    """An outcome as one JSON object a line: every change in the plan's order, then the summary."""
    events = [result_event(result) for result in outcome.results]
    return "".join(line(event) for event in (*events, summary_event(outcome, command, report)))


def error_document(error: VkstateError) -> dict[str, Json]:
    """An error that ended a command: the same three parts as in the text, and the exit code."""
    return {
        "type": "error",
        "format_version": FORMAT_VERSION,
        "summary": error.summary,
        "detail": error.detail,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
