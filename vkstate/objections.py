"""Why a plan cannot be applied, and what must be said with it: every sentence of the planner in one place. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote

from vkstate.differences import declared_of
from vkstate.expiry import format_zoned
from vkstate.keys import Alias, DesiredKey, LiveKey, Member, Recorded, RecordedKey
from vkstate.options import WORKSHOP
from vkstate.plan import Action, Caution, Change, Problem, Reason
from vkstate.schedule import Extend, TimeAgain, ended_by, time_again, too_early
from vkstate.shown import unshown


@dataclass
class Objections:
    """Collects problems and warnings while a plan is made.

    ``desired`` and ``recorded`` tell whose a key is; nothing is decided here.
    """

    desired: Mapping[Alias, DesiredKey]
    recorded: Recorded
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Caution] = field(default_factory=list)

    def problem(self, alias: Alias, detail: str, hint: str) -> None:
        """Add a problem of one key."""
        self.problems.append(Problem(detail, hint, alias, self._member(alias)))

    def _member(self, alias: Alias) -> Member | None:
        key: DesiredKey | RecordedKey | None = self.desired.get(alias) or self.recorded.keys.get(alias)
        return key.member if key else None

    def protected(self, alias: Alias) -> None:
        self.problem(
            alias,
            f"this plan would delete {alias}, which lifecycle.prevent_destroy protects. The protection is kept in the "
            "state: it outlives an entry that is taken out of the config.",
            f"declare {alias} with prevent_destroy: false and apply, or leave it out: --exclude {quote(alias)}",
        )

    def protected_value(self, want: DesiredKey, *, single: bool) -> None:
        """:param single: whether --replace names this key, and not others with it."""
        others = "" if single else f"; or leave it out: --exclude {quote(want.alias)}"
        self.problem(
            want.alias,
            f"--replace would end the value of {want.alias}, which lifecycle.prevent_destroy protects.",
            f"set prevent_destroy: false for {want.alias} in the config, then run the command again{others}",
        )

    def taken_alias(self, want: DesiredKey, successor: Alias) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} is what the old key of {successor} is called, since that got a new value; no "
            "other key can be declared under it.",
            f"take {want.alias} out of the config, or choose another alias",
        )

    def past(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} would end at {want.declared['expires_at']}, which has passed.",
            self._in_the_future(want),
        )

    def _in_the_future(self, want: DesiredKey) -> str:
        workshop = ended_by(want)
        if workshop is None:
            return "give it an expires_at in the future"
        return f"give its workshop an ends_at in the future, as by: vkstate extend {quote(workshop)} 2h"

    def renamed_here(self, want: DesiredKey, owner: Alias, *, can_move: bool) -> None:
        """:param can_move: whether a move could make the owner's key the desired one."""
        entry = f"- {{from: {owner}, to: {want.alias}}}"
        move = f"if it is to go on as {want.alias}, say so in the config, under moved: {entry}"
        self.problem(
            want.alias,
            f"{want.place}: the alias {want.alias} is borne by the key that the state records as {owner}: it was "
            "renamed outside vkstate.",
            move if can_move else f"settle {owner} first, with --exclude {quote(want.alias)}; then apply again",
        )

    def renamed_away(self, want: DesiredKey, mine: LiveKey) -> None:
        self.problem(
            want.alias,
            f"somebody renamed {want.alias} to {mine.alias} outside vkstate, and another key bears its alias now.",
            f"rename or delete the other key in LiteLLM, or leave this one out: --exclude {quote(want.alias)}",
        )

    def target_taken(self, want: DesiredKey, have: RecordedKey, others: Sequence[LiveKey]) -> None:
        self.problem(
            want.alias,
            f"{have.alias} cannot move to {want.alias}: {self.described(others)} bears that alias on the proxy.",
            f"rename or delete the other key in LiteLLM, or leave this one out: --exclude {quote(want.alias)}",
        )

    def state_behind(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"this project has made {want.alias} on the proxy, and this state does not know that: the state is behind.",
            "get the newest state (git pull), then plan again; a state that is lost is made anew by: vkstate state "
            "rebuild",
        )

    def not_ours(self, want: DesiredKey, others: Sequence[LiveKey]) -> None:
        whole = f"{WORKSHOP}{want.member.workshop}" if want.member else want.alias
        foreign = self._another_project(others)
        ways = "have that project let go of it" if foreign else f"take it over: vkstate import {quote(whole)}"
        self.problem(
            want.alias,
            f"{want.place}: the alias {want.alias} exists on the proxy and is not ours: {self.described(others)}.",
            f"choose another alias, or {ways}, or leave it out: --exclude {quote(want.alias)}",
        )

    def not_importable(self, want: DesiredKey, others: Sequence[LiveKey]) -> None:
        if lineage := self._another_project(others):
            self.problem(
                want.alias,
                f"{want.place}: {want.alias} cannot be imported: the key carries the mark of another vkstate project, "
                f"whose lineage is {lineage}.",
                "let go of it there first: removed: [{alias: …, destroy: false}], or vkstate state rm",
            )
        else:
            self.problem(
                want.alias,
                f"{want.place}: {want.alias} cannot be imported: {len(others)} keys bear that alias, and nobody can "
                "say which is meant.",
                "rename or delete the others in LiteLLM",
            )

    def nothing_to_import(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} cannot be imported: no key bears that alias on the proxy.",
            f"take {want.alias} out of import, and apply makes a new key; or correct the alias",
        )

    def replaced_outside(self, want: DesiredKey, others: Sequence[LiveKey]) -> None:
        self.problem(
            want.alias,
            f"somebody replaced {want.alias} outside vkstate: the recorded key is gone, and {self.described(others)} "
            "bears its alias. vkstate neither changes nor deletes a key that it did not make.",
            "take the other key over: --adopt-replaced; or delete or rename it in LiteLLM; or "
            f"--exclude {quote(want.alias)}",
        )

    def missing(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: somebody else deleted {want.alias} on the proxy, and its lifecycle.on_missing is error.",
            f"say on_missing: recreate or forget for {want.alias}, or leave it out: --exclude {quote(want.alias)}",
        )

    def expired(self, changes: Iterable[Change], now: datetime) -> None:
        """Name the keys that have expired and that nothing is done about: that is no drift."""
        expired: defaultdict[str, list[Alias]] = defaultdict(list)
        for change in changes:
            if change.action is not Action.NO_OP or change.live is None or not _has_ended(change.live, now):
                continue
            if change.desired and change.recorded:
                expired[_said_of(time_again(change.desired, change.recorded, now))].append(change.alias)
        for again, aliases in expired.items():
            self.warnings.append(Caution("expired keys stay as they are: ", tuple(aliases), f". {again}."))

    def untimely(self, changes: Iterable[Change], now: datetime) -> None:
        """Name the keys that end before their workshop starts, or before it ends."""
        early: defaultdict[tuple[str, str, datetime], list[Alias]] = defaultdict(list)
        for change in changes:
            if change.member and (found := too_early(change, now)):
                early[change.member.workshop, *found].append(change.alias)
        for (workshop, event, instant), aliases in sorted(early.items()):
            when = f"the workshop {workshop} {event} at {format_zoned(instant)}, and these keys end before that: "
            self.warnings.append(Caution(when, tuple(aliases), "."))

    def unknown(self, changes: Iterable[Change], unknown: Collection[str]) -> None:
        """Name what the config declares in vain, where it is known what this LiteLLM does not know."""
        vain: defaultdict[str, list[Alias]] = defaultdict(list)
        for change in changes:
            for path in declared_of(change.desired, unknown) if change.desired else ():
                vain[path].append(change.alias)
        for path, aliases in sorted(vain.items()):
            self.warnings.append(
                Caution(f"this LiteLLM does not know {path}, which ", tuple(aliases), " would have, and ignores it.")
            )

    def unshown(self, changes: Iterable[Change], unknown: Collection[str] = ()) -> None:
        """Name what the config declares in vain as far as the rows tell, apart from what is known to be unknown."""
        vain: defaultdict[str, list[Alias]] = defaultdict(list)
        for change in changes:
            if change.desired and change.live and change.recorded and change.recorded.retired is None:
                for path in unshown(change.desired, change.live):
                    if path not in unknown:
                        vain[path].append(change.alias)
        for path, aliases in sorted(vain.items()):
            guess = " would have: it most likely does not know the attribute, and ignores it."
            self.warnings.append(Caution(f"this LiteLLM shows no {path}, which ", tuple(aliases), guess))

    def described(self, rows: Sequence[LiveKey]) -> str:
        """Whose the keys under an alias are, as far as the proxy tells; of several, that of a foreign one."""
        row = next((row for row in rows if not self.made_here(row)), rows[0])
        known = [f"created by {row.created_by}"] if row.created_by else []
        if user_id := row.attributes.get("user_id"):
            known.append(f"user_id {user_id}")
        if row.stamp and not self.made_here(row):
            known.append(f"managed by another vkstate project, lineage {row.stamp.lineage}")
        count = "a key" if len(rows) == 1 else f"{len(rows)} keys"
        return f"{count} ({', '.join(known)})" if known else count

    def made_here(self, row: LiveKey) -> bool:
        """Whether a key carries this project's mark."""
        return row.stamp is not None and row.stamp.lineage == self.recorded.lineage

    def _another_project(self, rows: Iterable[LiveKey]) -> str | None:
        return next((row.stamp.lineage for row in rows if row.stamp and not self.made_here(row)), None)


def taken_over(changes: Iterable[Change]) -> tuple[Caution, ...]:
    """That the records of keys go, while others that bear their aliases stay."""
    aliases = tuple(change.alias for change in changes if change.reason is Reason.TAKEN_OVER)
    said = (
        ": the key that vkstate made is gone, and another key bears its alias. The record is dropped; the other key is "
        "left alone."
    )
    return (Caution("", aliases, said),) if aliases else ()


def _said_of(again: TimeAgain | Extend) -> str:
    """What gives an expired key time again, in words."""
    match again:
        case Extend(workshop):
            return f"Their workshop has ended; this gives it time again: vkstate extend {quote(workshop)} 2h"
        case TimeAgain.EDIT:
            return "An expires_at in the future gives time again"
        case TimeAgain.APPLY | TimeAgain.RENEW:
            return "--renew gives time again, as does a changed duration or expires_at"


def _has_ended(live: LiveKey, now: datetime) -> bool:
    return live.expires_at is not None and live.expires_at <= now
