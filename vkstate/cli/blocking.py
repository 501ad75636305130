"""The way of ``vkstate block`` and ``vkstate unblock``: where in the config a block stands, and what is edited for it.

A block stands where the target points: at a key, at a workshop, or under the overrides of a member. What the config
says elsewhere (``defaults``, a roster's column, the workshop of a member) is learnt from the config itself: it is read
with the edit in it, and what is not yet as it should be is said for each key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from vkstate.cli.applying import Run
from vkstate.cli.editing import Draft, Editing
from vkstate.cli.planning import NothingTargeted
from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.config.editing import ConfigNotEdited, Put, Take
from vkstate.errors import ExitCode
from vkstate.expiry import format_zoned
from vkstate.keys import DesiredKey
from vkstate.litellm.client import Connection
from vkstate.options import WORKSHOP
from vkstate.schedule import BLOCKED, blocked_until, desired_at
from vkstate.targets import Selection
from vkstate.views.grouping import listing

_LAG: Final = "note: Where the proxy runs several workers without Redis, the others may take up to 60 s to learn of it."


@dataclass(frozen=True)
class Blocking:
    """One run of either command."""

    project: Project
    targets: Sequence[str]
    blocked: bool

    def carry_out(self, run: Run) -> int:
        """Plan and execute under the lock, and return the exit code."""
        deed = f"{'block' if self.blocked else 'open'} {', '.join(self.targets)}"
        editing = Editing(self.project, self.targets, self._edit, deed, frozenset({BLOCKED}))
        code = editing.carry_out(run)
        if code == ExitCode.OK and editing.effective and not run.dry:
            say(_LAG)
        return code

    def _edit(self, draft: Draft, connection: Connection) -> None:
        now = connection.now()
        keys = self._named(draft)
        whole = self._workshops(keys)
        single = [key for key in keys if key.member is None or key.member.workshop not in whole]
        if self.blocked:
            for workshop in whole:
                self._say(draft, draft.path("workshops", workshop, BLOCKED))
        else:
            for workshop in whole:
                self._lift(draft, "workshops", workshop)
            for key in keys:
                self._lift(draft, *_home(key))
            for workshop in whole:
                if all(_is_blocked(key) for key in self._named(draft) if _is_of(key, workshop)):
                    self._say(draft, draft.path("workshops", workshop, BLOCKED))
        drafted = {key.alias: key for key in draft.config.keys}
        if not self.blocked:  # a single member is opened at once, and a workshop when it starts
            drafted |= desired_at(now, {key.alias: drafted[key.alias] for key in single})
        contrary = [key for key in keys if _is_blocked(drafted[key.alias]) is not self.blocked]
        self._say(draft, *(draft.path(*_home(key), BLOCKED) for key in contrary))
        if not self.blocked:
            _say_waiting(draft, keys, now)

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

    def _workshops(self, keys: Iterable[DesiredKey]) -> list[str]:
        """The workshops that a target names as a whole."""
        globs = [target.removeprefix(WORKSHOP) for target in self.targets if target.startswith(WORKSHOP)]
        names = dict.fromkeys(key.member.workshop for key in keys if key.member)
        return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]

    def _say(self, draft: Draft, *paths: tuple[str, ...]) -> None:
        draft.edit(Put(path, self.blocked) for path in paths)

    def _lift(self, draft: Draft, *home: str) -> None:
        """Take a block out of the config where it stands; say the contrary where it cannot be taken out."""
        if draft.value(home[0], home[1], *home[2:], BLOCKED) is not True:
            return
        path = draft.path(home[0], home[1], *home[2:], BLOCKED)
        try:
            draft.edit([Take(path, kept=2)])
        except ConfigNotEdited:
            self._say(draft, path)


def _home(key: DesiredKey) -> tuple[str, ...]:
    """Where the config says what is true of one key alone: the section, the name in it, and the names below."""
    if key.member is None:
        return ("keys", key.alias)
    return ("workshops", key.member.workshop, "overrides", key.member.user)


def _is_of(key: DesiredKey, workshop: str) -> bool:
    return key.member is not None and key.member.workshop == workshop


def _is_blocked(key: DesiredKey) -> bool:
    return key.declared.get(BLOCKED) is True


def _say_waiting(draft: Draft, keys: Iterable[DesiredKey], now: datetime) -> None:
    """Name the keys that stay blocked until their workshop starts."""
    named = {key.alias for key in keys}
    drafted = desired_at(now, {key.alias: key for key in draft.config.keys if key.alias in named})
    waiting: dict[datetime, list[DesiredKey]] = {}
    for key in drafted.values():
        if (starts_at := blocked_until(key)) is not None and key.starts_at is not None:
            waiting.setdefault(starts_at, []).append(key)
    for starts_at, some in waiting.items():
        members = {key.alias: key.member for key in some if key.member}
        say(
            f"note: these keys stay blocked until {format_zoned(starts_at)}, when their workshop starts: "
            f"{listing(members, members)}. To open them now, take starts_at out of the config and run: vkstate apply; "
            "or open a single member: vkstate unblock workshop:NAME/MEMBER"
        )
