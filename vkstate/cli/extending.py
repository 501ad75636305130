"""The way of ``vkstate extend``: which end a workshop gets, and the edit that gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape
from typing import ClassVar

from vkstate.attributes import EXPIRY_PATHS
from vkstate.cli.applying import Run
from vkstate.cli.editing import Draft, Editing, left_alone
from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.config.editing import Put
from vkstate.config.places import did_you_mean
from vkstate.errors import ExitCode, VkstateError
from vkstate.expiry import format_instant, format_zoned, parse_duration, parse_instant
from vkstate.keys import DesiredKey, Status
from vkstate.litellm.client import Connection
from vkstate.options import WORKSHOP
from vkstate.schedule import CannotExtend, extended_end, recorded_end
from vkstate.views.grouping import listing


class WrongExtension(VkstateError):
    """What ``extend`` is asked for is no duration or instant, or both, or neither."""

    summary: ClassVar[str] = "for how long is not clear"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class NoSuchWorkshop(VkstateError):
    """The config has no workshop of that name."""

    summary: ClassVar[str] = "there is no such workshop"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class NotExtended(VkstateError):
    """A workshop cannot be given the time that is asked for."""

    summary: ClassVar[str] = "the workshop cannot be extended"


@dataclass(frozen=True)
class Extension:
    """One run of the command: ``by`` is for how long, ``until`` (aware) until when."""

    project: Project
    workshop: str
    by: timedelta | None
    until: datetime | None

    @classmethod
    def asked(cls, project: Project, workshop: str, by: str | None, until: str | None) -> Extension:
        """The run that the command line asks for.

        :raises WrongExtension: it does not say for how long.
        """
        if (by is None) == (until is None):
            raise WrongExtension(
                "extend takes a DURATION or --until, and one of them.",
                hint=f"for example: vkstate extend {workshop} 2h",
            )
        try:
            lasting = None if by is None else timedelta(seconds=parse_duration(by))
            end = None if until is None else _parsed(until)
        except ValueError as error:
            raise WrongExtension(f"{error}.", hint=f"for example: vkstate extend {workshop} 2h") from None
        return cls(project, workshop.removeprefix(WORKSHOP), lasting, end)

    def carry_out(self, run: Run) -> int:
        """Plan and execute under the lock, and return the exit code."""
        target = f"{WORKSHOP}{escape(self.workshop)}"
        deed = f"give {self.workshop} its new end"
        return Editing(self.project, [target], self._edit, deed).carry_out(run)

    def _edit(self, draft: Draft, connection: Connection) -> None:
        keys = [key for key in draft.config.keys if key.member and key.member.workshop == self.workshop]
        if not keys:
            known = {key.member.workshop for key in draft.config.keys if key.member}
            guess = did_you_mean(self.workshop, known) or "."
            raise NoSuchWorkshop(
                f"{draft.config.path} declares no workshop {self.workshop}{guess}",
                hint="vkstate extend takes the name of a workshop of the config",
            )
        self._say_ignoring(keys)
        declared = keys[0].ends_at
        end = self._new_end(keys, declared, connection.now())
        if end == declared:
            return
        path = draft.path("workshops", self.workshop, "ends_at")
        beside = (name for name in sorted(EXPIRY_PATHS) if draft.value("workshops", self.workshop, name) is not None)
        zone = (declared or keys[0].starts_at or end).tzinfo or UTC
        draft.edit([Put(path, format_zoned(end if self.until else end.astimezone(zone)), instead=next(beside, None))])

    def _say_ignoring(self, keys: Sequence[DesiredKey]) -> None:
        """Name the keys that do not follow the workshop's end.

        :raises NotExtended: none does.
        """
        ignoring = left_alone(keys, EXPIRY_PATHS)
        if len(ignoring) == len(keys):
            raise NotExtended(
                f"{self.workshop}: lifecycle.ignore_changes leaves the end of every key as it is. Nothing was changed.",
                hint=f"take duration and expires_at out of ignore_changes of {self.workshop}",
            )
        if ignoring:
            members = {alias: key.member for alias, key in ignoring.items() if key.member}
            say(f"warning: lifecycle.ignore_changes leaves these keys as they are: {listing(ignoring, members)}.")

    def _new_end(self, keys: Sequence[DesiredKey], declared: datetime | None, now: datetime) -> datetime:
        """The end that the workshop gets: that of the config, where it is to stay."""
        ends = self._recorded_ends(keys, declared)
        if self.until is not None:
            if self.until <= now:
                raise NotExtended(
                    f"{format_zoned(self.until)} has passed. Nothing was changed.", hint="name a later instant"
                )
            latest = max((end for end in (declared, *ends) if end is not None), default=now)
            if None in ends or self.until < latest:
                does = "never does" if None in ends else f"ends at {format_zoned(latest.astimezone(self.until.tzinfo))}"
                raise NotExtended(
                    f"{self.workshop} would end at {format_zoned(self.until)}, and now {does}. Nothing was changed.",
                    hint="to end it earlier, write ends_at to the config and run: vkstate apply",
                )
            return self.until
        assert self.by is not None  # noqa: S101 - one of both is given
        try:
            end, kept = extended_end(ends, declared, now, self.by)
        except CannotExtend as reason:
            raise NotExtended(
                f"{self.workshop}: {reason}", hint="write ends_at to the config, then run: vkstate apply"
            ) from None
        if kept:
            what = f"{self.workshop} is to end at {format_zoned(end)} as the config says"
            say(f"note: {what}, and not all keys do so yet: this run goes on with that, and extends nothing twice.")
        return end

    def _recorded_ends(self, keys: Sequence[DesiredKey], declared: datetime | None) -> list[datetime | None]:
        """When the recorded keys end that end with the workshop.

        Those that are gone, and stay so, get no end any more.
        """
        own = None if declared is None else format_instant(declared)
        follow = [key for key in keys if own is None or key.declared.get("expires_at") == own]
        records = [
            self.project.state.keys.get(key.alias) for key in follow if key.ignore_changes.isdisjoint(EXPIRY_PATHS)
        ]
        return [recorded_end(record) for record in records if record is not None and record.status is not Status.GONE]


def _parsed(text: str) -> datetime:
    parse_instant(text)
    return datetime.fromisoformat(text)
