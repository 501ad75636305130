"""``vkstate check``: whether git has, or would take, the files that open everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from vkstate.cli.findings import Finding, warning, wrong
from vkstate.cli.project import Project
from vkstate.config.master_key import FromFile
from vkstate.state.exposed import exposure

_NEW_MASTER_KEY = "give the proxy a new master key"
_NEW_IDENTITY = (
    "make a new identity, vkstate secrets add-recipient it and remove-recipient the old one, and give the keys new "
    "values with vkstate apply --replace"
)


def exposed_secrets(project: Project) -> Iterator[Finding]:
    """A finding for each file with the master key or an age identity that git tracks, or would add."""
    config = project.config
    if isinstance(config.proxy.master_key, FromFile):
        yield from _exposed(project, config.directory / config.proxy.master_key.path, "the master key", _NEW_MASTER_KEY)
    if config.secrets.store == "age":
        for path in project.identities.files_in_use:
            yield from _exposed(project, path, "an age identity", _NEW_IDENTITY)


def _exposed(project: Project, path: Path, what: str, remedy: str) -> Iterator[Finding]:
    found = exposure(path, hidden=project.hidden) if path.is_file() else None
    if found is None or not (_is_named(project, path) or _real(project.state_path).is_relative_to(found.top)):
        return
    if found.ignoring is None:
        said = f"{os.path.relpath(path)} holds {what}, and git does not tell whether it would add it."
        yield warning("git", said, f"git -C {quote(str(found.top))} status tells why")
    elif found.tracked:
        yield wrong(
            "git",
            f"{found.tracked} holds {what} and is in git: whoever has the repository has it, and keeps it.",
            f"git rm --cached {quote(found.tracked)} && {found.ignoring}; then {remedy}",
        )
    else:
        said = f"{os.path.relpath(path)} holds {what} and is not ignored by git: the next commit may take it along."
        yield warning("git", said, found.ignoring)


def _is_named(project: Project, path: Path) -> bool:
    """Whether somebody named the file: of the usual ssh key, git is asked only where it lies in the project's tree."""
    return project.identities.are_named or path not in project.identities.files_in_use


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
