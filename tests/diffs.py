"""The differences of one key, and short words for them."""

from __future__ import annotations

from tests.factories import planned
from vkstate.attributes import Unset, Value
from vkstate.keys import Capabilities, DesiredKey, LiveKey, RecordedKey
from vkstate.plan import AttributeDiff, Cause


def differences(
    want: DesiredKey, have: RecordedKey | None, row: LiveKey, **capabilities: bool
) -> tuple[AttributeDiff, ...]:
    """The differences of one key; there must be no problems."""
    able = Capabilities(**capabilities)  # type: ignore[arg-type]  # only flags are given
    result = planned([want], [have] if have else [], [row], values=["a"], capabilities=able)
    assert result.problems == ()
    [change] = result.changes
    return change.diffs


def changed(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.CONFIG)


def recorded_only(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.CONFIG, already_live=True)


def drifted(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.OUTSIDE)
