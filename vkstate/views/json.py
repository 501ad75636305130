"""Plans as JSON for programs. The shapes are part of vkstate's interface: fields are only added. What their values look
like: ``vkstate.views.documents``.
"""

from __future__ import annotations

from vkstate.attributes import Json, Unset
from vkstate.differences import is_protected
from vkstate.expiry import format_instant
from vkstate.keys import DesiredKey, RecordedKey
from vkstate.plan import Action, AttributeDiff, Change, Plan, Reason
from vkstate.renames import likely_renames
from vkstate.schedule import blocked_until
from vkstate.views.documents import FORMAT_VERSION, retired_document, value_document, values_document
from vkstate.views.exposure import exposure_document, exposure_of
from vkstate.views.summary import Mode, cautions, has_moved, shown_fingerprint


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
        **subject_document(change),
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


def subject_document(change: Change) -> dict[str, Json]:
    """Which key a change is about, and what is done about it."""
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
