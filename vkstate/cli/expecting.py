"""Holding a run to the plan that was reviewed: by its fingerprint, or by a saved plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from vkstate.errors import ExitCode, VkstateError
from vkstate.fingerprint import Entry, differences_between, entries, fingerprint
from vkstate.keys import Alias
from vkstate.plan import Plan
from vkstate.urls import canonical_url
from vkstate.views.words import counted, verb

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_MOST_NAMED: Final = 10


class PlanStale(VkstateError):
    """The plan would now be another one than the one that was reviewed."""

    summary: ClassVar[str] = "this is not the plan that was reviewed"
    exit_code: ClassVar[ExitCode] = ExitCode.STALE


class WrongFingerprint(VkstateError):
    """``--expect`` was given something else than a fingerprint."""

    summary: ClassVar[str] = "this is not a fingerprint"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass(frozen=True)
class Origin:
    """What a saved plan was made for, and what it does about each key."""

    proxy: str
    lineage: str
    entries: Mapping[Alias, Entry]

    def foreign(self, plan: Plan, proxy: str) -> str | None:
        """That it was made for something else than this, in a sentence."""
        if canonical_url(self.proxy) != canonical_url(proxy):
            return f"It was saved for another proxy, {self.proxy}."
        if self.lineage != plan.lineage:
            return f"It was saved for another state, with the lineage {self.lineage}."
        return None

    def differences(self, plan: Plan) -> list[str]:
        """Where a plan differs, the first of many."""
        sentences = differences_between(self.entries, entries(plan))
        more = len(sentences) - _MOST_NAMED
        return [*sentences[:_MOST_NAMED], *([f"And {more} more."] if more > 0 else [])]


@dataclass(frozen=True)
class Expected:
    """The plan that may be carried out, and no other.

    ``origin`` is the saved plan itself, to say where another differs; None where only the fingerprint is known.
    """

    fingerprint: str
    origin: Origin | None = field(default=None, repr=False)

    def check(self, plan: Plan, proxy: str) -> None:
        """Let this very plan pass.

        :param proxy: the proxy's url.
        :raises PlanStale: it is another; nothing was sent.
        """
        now = fingerprint(plan, proxy)
        if now != self.fingerprint or plan.problems:  # none had a problem when it was reviewed
            raise PlanStale(self._detail(plan, proxy, now), hint=self._hint())

    def _hint(self) -> str:
        again = "plan again, and have that one reviewed: vkstate plan"
        if self.origin:
            return again
        return f"give apply the options that the plan was made with, such as --target, --replace or --var; or {again}"

    def _detail(self, plan: Plan, proxy: str, now: str) -> str:
        foreign = self.origin.foreign(plan, proxy) if self.origin else None
        if foreign:
            return f"{foreign} Nothing was sent."
        if plan.problems:
            stand = f"{counted(len(plan.problems), 'problem')} {verb(len(plan.problems), 'stands', 'stand')} in its way"
            return f"It cannot be applied any more: {stand}, as said above. Nothing was sent."
        if not plan.effective:
            words = "There is nothing to do any more" if self.origin else "With these options there is nothing to do"
            return f"{words}: perhaps it was applied already. Nothing was sent."
        if self.origin is None:
            return f"The plan that would be carried out now is the one above, with the fingerprint {now}."
        return "\n".join(["It would now be another one. Nothing was sent.", *self.origin.differences(plan)])


def expected_fingerprint(text: str) -> Expected:
    """What ``--expect`` asks for.

    :raises WrongFingerprint: it is no fingerprint.
    """
    given = text.strip().lower()
    if not _FINGERPRINT.fullmatch(given):
        raise WrongFingerprint(
            "--expect takes the 64 hexadecimal digits that vkstate plan prints.", hint="look at them: vkstate plan"
        )
    return Expected(given)
