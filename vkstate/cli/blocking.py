"""The way of ``vkstate block`` and ``vkstate unblock``: where in the config a block stands, and what is edited for it.

A block stands where the target points: at a key, at a workshop, or under the overrides of a member. What the config
says elsewhere (``defaults``, a roster's column, the workshop of a member) is learnt from the config itself: it is read
with the edit in it, and what is not yet as it should be is said for each key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from shlex import quote
from typing import ClassVar, Final

from vkstate.cli.applying import Run
from vkstate.cli.editing import Draft, Editing, left_alone
from vkstate.cli.planning import NothingTargeted
from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.config.editing import ConfigNotEdited, Put, Take
from vkstate.errors import ExitCode, VkstateError
from vkstate.expiry import format_zoned
from vkstate.keys import Alias, DesiredKey, Member
from vkstate.litellm.client import Connection
from vkstate.options import WORKSHOP
from vkstate.schedule import BLOCKED, blocked_until, desired_at
from vkstate.targets import Selection
from vkstate.views.grouping import listing
from vkstate.views.words import verb

_LAG: Final = "note: Where the proxy runs several workers without Redis, the others may take up to 60 s to learn of it."


class NotFollowed(VkstateError):
    """Keys would stay as they are, whatever the config says."""

    summary: ClassVar[str] = "the keys would stay as they are"


@dataclass(frozen=True)
class Blocking:
    """One run of either command."""

    project: Project
    targets: Sequence[str]
    blocked: bool

    def carry_out(self, run: Run) -> int:
        """Plan and execute under the lock, and return the exit code."""
        deed = f"{'block' if self.blocked else 'open'} {', '.join(self.targets)}"
        editing = Editing(self.project, self.targets, self._edit, deed)
        code = editing.carry_out(run)
        if code == ExitCode.OK and editing.effective and not run.dry:
            say(_LAG)
        return code

    def _edit(self, draft: Draft, connection: Connection) -> None:
        keys = self._named(draft)
        self._refuse_ignoring(keys)
        if not self.blocked:
            self._open(draft, keys, connection.now())
            return
        for workshop in self._workshops(keys):
            self._say(draft, draft.path("workshops", workshop, BLOCKED))
        self._contradict(draft, keys, {key.alias: key for key in draft.config.keys})

    def _open(self, draft: Draft, keys: Sequence[DesiredKey], now: datetime) -> None:
        before = {key.alias: key for key in draft.config.keys}
        whole = self._workshops(keys)
        for workshop in whole:
            self._lift(draft, "workshops", workshop)
        lifted = {key.alias for key in keys if self._lift(draft, *_home(key))}
        for workshop in whole:
            if all(_is_blocked(key) for key in self._named(draft) if _is_of(key, workshop)):
                self._say(draft, draft.path("workshops", workshop, BLOCKED))
        drafted = {key.alias: key for key in draft.config.keys}
        # What this run lifts, and a whole workshop, is left to the start. Who names a member that only the start blocks
        # means now.
        single = [key for key in keys if key.member is None or key.member.workshop not in whole]
        drafted |= desired_at(now, {key.alias: drafted[key.alias] for key in single if key.alias not in lifted})
        self._contradict(draft, keys, drafted)
        _say_early(draft, keys, before, now)
        named = {key.alias for key in keys}
        desired = desired_at(now, {key.alias: key for key in draft.config.keys if key.alias in named})
        _say_waiting(desired.values(), whole, self.targets)

    def _contradict(self, draft: Draft, keys: Iterable[DesiredKey], drafted: Mapping[Alias, DesiredKey]) -> None:
        """Say it of each key that is not as it should be yet."""
        contrary = [key for key in keys if _is_blocked(drafted[key.alias]) is not self.blocked]
        self._say(draft, *(draft.path(*_home(key), BLOCKED) for key in contrary))

    def _named(self, draft: Draft) -> list[DesiredKey]:
        """The keys of the config that the targets name.

        :raises NothingTargeted: a target names none.
        """
        keys = draft.config.keys
        for target in self.targets:
            if not any(Selection((target,)).selects(key.alias, key.member) for key in keys):
                raise NothingTargeted(
                    f"{target} names no key of {draft.config.path}.",
                    hint="vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
                )
        selection = Selection(tuple(self.targets))
        return [key for key in keys if selection.selects(key.alias, key.member)]

    def _refuse_ignoring(self, keys: Iterable[DesiredKey]) -> None:
        if ignoring := left_alone(keys, {BLOCKED}):
            names = listing(ignoring, {alias: key.member for alias, key in ignoring.items() if key.member})
            raise NotFollowed(
                f"lifecycle.ignore_changes leaves blocked of these keys alone: {names}. Nothing was changed.",
                hint=f"take blocked out of ignore_changes of {names}",
            )

    def _workshops(self, keys: Iterable[DesiredKey]) -> list[str]:
        """The workshops that a target names as a whole."""
        globs = [target.removeprefix(WORKSHOP) for target in self.targets if target.startswith(WORKSHOP)]
        names = dict.fromkeys(key.member.workshop for key in keys if key.member)
        return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]

    def _say(self, draft: Draft, *paths: tuple[str, ...]) -> None:
        draft.edit(Put(path, self.blocked) for path in paths)

    def _lift(self, draft: Draft, *home: str) -> bool:
        """Take a block out of the config where it stands, and say whether it was.

        What would be left empty goes with it where it can; where not even the block can go, the contrary is said.
        """
        if draft.value(home[0], home[1], *home[2:], BLOCKED) is not True:
            return False
        path = draft.path(home[0], home[1], *home[2:], BLOCKED)
        for kept in sorted({2, len(home)}):
            try:
                draft.edit([Take(path, kept)])
            except ConfigNotEdited:
                continue
            return True
        self._say(draft, path)
        return False


def _home(key: DesiredKey) -> tuple[str, ...]:
    """Where the config says what is true of one key alone: the section, the name in it, and the names below."""
    if key.member is None:
        return ("keys", key.alias)
    return ("workshops", key.member.workshop, "overrides", key.member.user)


def _is_of(key: DesiredKey, workshop: str) -> bool:
    return key.member is not None and key.member.workshop == workshop


def _is_open(key: DesiredKey) -> bool:
    """Whether a key is open, whatever the time is."""
    return key.starts_at is None and not _is_blocked(key)


def _is_blocked(key: DesiredKey) -> bool:
    return key.declared.get(BLOCKED) is True


def _say_early(draft: Draft, keys: Iterable[DesiredKey], before: Mapping[Alias, DesiredKey], now: datetime) -> None:
    """Name the members that this run opens although their workshop has not started."""
    after = {key.alias: key for key in draft.config.keys}
    starts = {
        key.member.workshop: key.starts_at
        for key in (*before.values(), *after.values())
        if key.member and key.starts_at
    }
    early: dict[datetime, dict[Alias, Member]] = {}
    for alias, member in ((key.alias, key.member) for key in keys):
        start = starts.get(member.workshop) if member else None
        if member and start is not None and now < start and _is_open(after[alias]) and not _is_open(before[alias]):
            early.setdefault(start, {})[alias] = member
    for start, members in early.items():
        opened = f"{verb(len(members), 'is', 'are')} opened before {verb(len(members), 'its', 'their')} workshop starts"
        say(f"note: {listing(members, members)} {opened}, which is at {format_zoned(start)}.")


def _say_waiting(keys: Iterable[DesiredKey], whole: Collection[str], targets: Iterable[str]) -> None:
    """Name the keys that stay blocked until their workshop starts.

    :param keys: what is desired of them now.
    :param whole: the workshops that a target names as a whole. Of another member a block of its own was lifted, so that
        the same command opens it when it is given again.
    """
    waiting: dict[tuple[datetime, bool], dict[Alias, Member]] = {}
    for key in keys:
        if (starts_at := blocked_until(key)) is not None and key.member is not None:
            waiting.setdefault((starts_at, key.member.workshop in whole), {})[key.alias] = key.member
    for (starts_at, as_whole), members in waiting.items():
        who, start = listing(members, members), format_zoned(starts_at)
        if as_whole:
            one = next(iter(members.values()))
            single = quote(f"{WORKSHOP}{one.workshop}/{one.user}")
            say(
                f"note: these keys stay blocked until {start}, when their workshop starts: {who}. To open them now, "
                "take starts_at out of the config and run: vkstate apply; or open a single member: vkstate unblock "
                f"{single}"
            )
        else:
            stay = verb(len(members), "stays", "stay")
            them, their = verb(len(members), "it", "them"), verb(len(members), "its", "their")
            say(
                f"note: {who} {stay} blocked until {start}, when {their} workshop starts: this lifts the block by hand "
                f"only. To open {them} now, run once more: vkstate unblock {' '.join(map(quote, targets))}"
            )
