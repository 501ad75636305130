"""Which recorded keys the targets of a reading command name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from vkstate.cli.project import Project
from vkstate.errors import ExitCode, VkstateError
from vkstate.keys import Alias, RecordedKey, Status
from vkstate.targets import Selection, matches, unmatched


class NoSuchKey(VkstateError):
    """A target names no recorded key."""

    summary: ClassVar[str] = "no recorded key is named so"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class NothingToHandOut(VkstateError):
    """Every key that was asked for is gone."""

    summary: ClassVar[str] = "there is no key to hand out"


def selected(project: Project, targets: list[str] | None, exclude: list[str] | None = None) -> list[Alias]:
    """The aliases of the recorded keys that the targets name; all where there is no target.

    :raises NoSuchKey: a target matches nothing.
    """
    selection = Selection(tuple(targets or ()), tuple(exclude or ()))
    members = {alias: record.member for alias, record in project.state.keys.items()}
    if missed := unmatched(selection, list(members.items())):
        raise NoSuchKey(
            f"{project.state_path} records no key that matches {', '.join(missed)}.",
            hint="vkstate state list shows what is recorded",
        )
    return [alias for alias, member in members.items() if selection.selects(alias, member)]


def handed_out(
    project: Project, targets: list[str] | None, exclude: list[str] | None = None
) -> tuple[list[Alias], list[Alias]]:
    """The aliases of the recorded keys that are given to people, and of those that are left out since they are gone.

    A retired key is given only where a target names nothing but retired ones.

    :raises NoSuchKey: a target matches nothing.
    :raises NothingToHandOut: targets name only keys that are gone.
    """
    keys = project.state.keys
    meant = {alias for target in targets or () for alias in _retired_alone(keys, target)}
    chosen = [alias for alias in selected(project, targets, exclude) if keys[alias].retired is None or alias in meant]
    gone = [alias for alias in chosen if keys[alias].status is Status.GONE]
    given = [alias for alias in chosen if keys[alias].status is not Status.GONE]
    if targets and gone and not given:
        more = f", and so {len(gone) - 1:,} more" if len(gone) > 1 else ""
        raise NothingToHandOut(
            f"{gone[0]} was deleted on the proxy{more}, and on_missing: forget in the config leaves it so.",
            hint="to make it anew, take on_missing: forget out of the config, then: vkstate apply",
        )
    return given, gone


def _retired_alone(keys: Mapping[Alias, RecordedKey], target: str) -> list[Alias]:
    """The keys that a target names, where all of them are retired; else none."""
    found = [record for alias, record in keys.items() if matches(target, alias, record.member)]
    return [record.alias for record in found] if all(record.retired for record in found) else []
