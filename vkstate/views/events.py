"""What became of a plan, as events for programs: one JSON object a line. The shapes are part of vkstate's interface:
fields are only added.
"""

from __future__ import annotations

from vkstate.attributes import Json
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome, Result
from vkstate.plan import Action
from vkstate.spending import totals
from vkstate.views.documents import FORMAT_VERSION, line
from vkstate.views.json import subject_document
from vkstate.views.outcome import Command
from vkstate.views.summary import Kind, has_moved, is_renewed, kind_of
from vkstate.views.totals import totals_document


def result_event(result: Result) -> dict[str, Json]:
    """What became of one change."""
    subject = subject_document(result.change)
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
