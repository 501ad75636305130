"""``vkstate init``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say
from vkstate.errors import VkstateError

if TYPE_CHECKING:
    from vkstate.cli.project import Project

IGNORED: Final = (".vkstate/",)
"""What git must not see: the secret store, the backup, the lock and the sandbox."""


class StateInGit(VkstateError):
    """A new state is asked for where git has one, whose keys it would not know."""

    summary: ClassVar[str] = "this project has a state already"


def init(shared: Shared) -> int:
    """Begin a project in this directory.

    Writes a commented vkstate.yaml, an empty state with its lineage, the private directory .vkstate/, and lines for
    .gitignore. What exists is left as it is, so that it is safe to repeat, and adds a state to a config that has none.
    """
    from vkstate.cli.project import Project
    from vkstate.state.directory import directory_of, prepare

    project = Project(shared)
    _refuse_second(project.state_path)
    _write_config(project)
    _write_state(project)
    prepare(directory_of(project.state_path))
    _ignore(project.state_path.parent / ".gitignore")
    say("\nNext: vkstate plan, vkstate apply, vkstate output. Commit the config and the state, both.")
    return 0


def _refuse_second(state_path: Path) -> None:
    from vkstate.state.durable import exists
    from vkstate.state.git import bringing_back

    if not exists(state_path) and (command := bringing_back(state_path)):
        raise StateInGit(
            f"{state_path} does not exist, but git has it. A new state would not know the keys of that one. Nothing "
            "was written.",
            hint=f"bring it back: {command}; to begin anew all the same, commit its removal first",
        )


def _write_config(project: Project) -> None:
    from vkstate.state.durable import durable_write, exists

    if exists(project.config_path):
        say(f"{project.config_path} exists and is left as it is.")
        return
    text = resources.files("vkstate.cli").joinpath("starter.yaml").read_bytes()
    durable_write(project.config_path, text)
    say(f"{project.config_path} was written: two keys and a workshop of 25 on the sandbox, to be changed by you.")


def _write_state(project: Project) -> None:
    from vkstate.state.durable import exists
    from vkstate.state.file import StateFile
    from vkstate.state.model import State, mint_lineage

    if exists(project.state_path):
        say(f"{project.state_path} exists and is left as it is (lineage {project.state.lineage}).")
        return
    state = State.empty(mint_lineage())
    StateFile(project.state_path).write(state)
    say(f"{project.state_path} was written: an empty state, lineage {state.lineage}.")


def _ignore(path: Path) -> None:
    """Add what is missing to ``.gitignore``."""
    from vkstate.state.durable import durable_write, exists, read_file

    text = read_file(path).data.decode(errors="surrogateescape") if exists(path) else ""
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if missing:
        joined = text if not text or text.endswith("\n") else f"{text}\n"
        durable_write(path, (joined + "\n".join(missing) + "\n").encode(errors="surrogateescape"))
        say(f"{path} was extended: {', '.join(missing)}.")
