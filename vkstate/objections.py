"""Why a plan cannot be applied, and what must be said with it: every sentence of the planner in one place. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote

from vkstate.differences import declared_of, unshown
from vkstate.keys import Alias, DesiredKey, LiveKey, Member, Recorded, RecordedKey
from vkstate.options import WORKSHOP
from vkstate.plan import Action, Change, Problem


@dataclass
class Objections:
    """Collects problems and warnings while a plan is made.

    ``desired`` and ``recorded`` tell whose a key is; nothing is decided here.
    """

    desired: Mapping[Alias, DesiredKey]
    recorded: Recorded
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def problem(self, alias: Alias, detail: str, hint: str) -> None:
        """Add a problem of one key."""
        self.problems.append(Problem(detail, hint, alias, self._member(alias)))

    def _member(self, alias: Alias) -> Member | None:
        key: DesiredKey | RecordedKey | None = self.desired.get(alias) or self.recorded.keys.get(alias)
        return key.member if key else None

    def protected(self, alias: Alias) -> None:
        self.problem(
            alias,
            f"{alias} is protected by lifecycle.prevent_destroy, and this plan would delete it. The protection is kept "
            "in the state: it outlives an entry that is taken out of the config.",
            f"declare {alias} with prevent_destroy: false and apply, or leave it out: --exclude {quote(alias)}",
        )

    def protected_value(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.alias} is protected by lifecycle.prevent_destroy, and --replace would end its value.",
            f"set prevent_destroy: false for {want.alias} first, or leave it out: --exclude {quote(want.alias)}",
        )

    def past(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} would end at {want.declared['expires_at']}, which has passed.",
            "give it an expires_at in the future",
        )

    def renamed_here(self, want: DesiredKey, owner: Alias, *, stays: bool) -> None:
        """:param stays: whether the config has the owner, under whatever alias."""
        move = f"if it is to go on as {want.alias}, say so in the config: moved: [{{from: {owner}, to: {want.alias}}}]"
        self.problem(
            want.alias,
            f"{want.place}: the alias {want.alias} is borne by the key that the state records as {owner}: it was "
            "renamed outside vkstate.",
            f"settle {owner} first, with --exclude {quote(want.alias)}; then apply again" if stays else move,
        )

    def renamed_away(self, want: DesiredKey, mine: LiveKey) -> None:
        self.problem(
            want.alias,
            f"{want.alias} was renamed to {mine.alias} outside vkstate, and another key bears its alias now.",
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
            f"{want.alias} exists on the proxy and was made by this project, but this state does not know it: the "
            "state is behind.",
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
                f"{want.place}: {want.alias} is to be imported, and belongs to another vkstate project, whose lineage "
                f"{lineage} it carries.",
                "let go of it there first: removed: [{alias: …, destroy: false}], or vkstate state rm",
            )
        else:
            self.problem(
                want.alias,
                f"{want.place}: {want.alias} is to be imported, and {len(others)} keys bear that alias: nobody can say "
                "which is meant.",
                "rename or delete the others in LiteLLM",
            )

    def nothing_to_import(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} is to be imported, and no key bears that alias on the proxy.",
            f"take {want.alias} out of import, and apply makes a new key; or correct the alias",
        )

    def replaced_outside(self, want: DesiredKey, others: Sequence[LiveKey]) -> None:
        self.problem(
            want.alias,
            f"{want.alias} was replaced outside vkstate: the recorded key is gone, and {self.described(others)} bears "
            "its alias. vkstate neither changes nor deletes a key that it did not make.",
            "take the other key over: --adopt-replaced; or delete or rename it in LiteLLM; or "
            f"--exclude {quote(want.alias)}",
        )

    def missing(self, want: DesiredKey) -> None:
        self.problem(
            want.alias,
            f"{want.place}: {want.alias} is missing on the proxy: somebody else deleted it, and its "
            "lifecycle.on_missing is error.",
            f"say on_missing: recreate or forget for {want.alias}, or leave it out: --exclude {quote(want.alias)}",
        )

    def taken_over(self, alias: Alias) -> None:
        self.warnings.append(
            f"{alias}: the key that vkstate made is gone, and another key bears its alias. The record is dropped; "
            "the other key is left alone."
        )

    def expired(self, changes: Iterable[Change], now: datetime) -> None:
        """Name the keys that have expired and that nothing is done about: that is no drift."""
        expired = [
            change.alias
            for change in changes
            if change.action is Action.NO_OP and change.desired and change.live and _has_ended(change.live, now)
        ]
        if expired:
            what = "1 key has expired and stays" if len(expired) == 1 else f"{len(expired)} keys have expired and stay"
            self.warnings.append(
                f"{what} so: {_named(expired)}. --renew gives time again, as does a changed duration or expires_at."
            )

    def unknown(self, changes: Iterable[Change], unknown: Collection[str]) -> None:
        """Name what the config declares in vain, where it is known what this LiteLLM does not know."""
        vain: defaultdict[str, list[Alias]] = defaultdict(list)
        for change in changes:
            for path in declared_of(change.desired, unknown) if change.desired else ():
                vain[path].append(change.alias)
        for path, aliases in sorted(vain.items()):
            self.warnings.append(
                f"this LiteLLM does not know {path}, which {_named(aliases)} would have, and ignores it."
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
            self.warnings.append(
                f"this LiteLLM shows no {path}, which {_named(aliases)} would have: it most likely does not know the "
                "attribute, and ignores it."
            )

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


def _has_ended(live: LiveKey, now: datetime) -> bool:
    return live.expires_at is not None and live.expires_at <= now


def _named(aliases: Sequence[Alias]) -> str:
    return ", ".join(aliases[:5]) + (f" and {len(aliases) - 5} more" if len(aliases) > 5 else "")
