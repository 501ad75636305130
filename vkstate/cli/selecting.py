"""Which recorded keys the targets of a reading command name."""

from __future__ import annotations

from typing import ClassVar

from vkstate.cli.project import Project
from vkstate.errors import ExitCode, VkstateError
from vkstate.keys import Alias
from vkstate.targets import Selection, unmatched


class NoSuchKey(VkstateError):
    """A target names no recorded key."""

    summary: ClassVar[str] = "no recorded key is named so"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR


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


def handed_out(project: Project, targets: list[str] | None, exclude: list[str] | None = None) -> list[Alias]:
    """The aliases of the recorded keys that are given to people: a retired key only where it is named itself.

    :raises NoSuchKey: a target matches nothing.
    """
    keys = project.state.keys
    chosen = selected(project, targets, exclude)
    return [alias for alias in chosen if keys[alias].retired is None or alias in (targets or ())]
