"""What git says of a state file and of the secret store beside it. Asks, and changes and fetches nothing.

Two runs of ``git`` (some 5 ms together); a third where the branch and its upstream differ. Nobody is made to use git:
where there is none, or it does not answer, nothing is known and nothing is said.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from vkstate.errors import VkstateError
from vkstate.state.directory import NAME, directory_of

PATIENCE: Final = 5.0
"""Seconds that one run of git may take."""

_UNTRACKED: Final = "?"
_HARMLESS: Final = f"{NAME}/.gitignore"

# Programs that a repository names in its own settings are not started, and neither is anything fetched.
_SETTINGS: Final = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_NOT_OURS: Final = frozenset(
    {
        # Within a git hook these speak of the repository that runs the hook, and of its unfinished index.
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        # These do not go together with literal paths.
        *("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
    }
)


class StateBehind(VkstateError):
    """The upstream branch has a newer state than this clone."""

    summary: ClassVar[str] = "the state in this clone is behind"


@dataclass(frozen=True)
class Standing:
    """How a state file and the ``.vkstate/`` beside it stand in their git repository.

    ``path`` is the state as it was asked for. ``ignored``: it is not tracked, and git would not add it. ``dirty``: it
    is tracked and differs from ``HEAD``. ``behind``: ``upstream`` has commits that change it and that neither ``HEAD``
    nor a merge under way has, as of the last fetch; None where there is no upstream or it cannot be told.
    ``unignored``: a file of ``.vkstate/`` is tracked, or git would add it; ``leaked``: one is tracked.
    """

    path: Path
    tracked: bool
    ignored: bool
    dirty: bool
    behind: bool | None
    unignored: bool
    leaked: bool
    upstream: str | None = None


def inspect(state_path: Path, *, hidden: Collection[str] = ()) -> Standing | None:
    """How a state stands in git; None where that is not known: no git, no repository, or one that does not answer.

    A state that is reached by a link is looked at where it really lies, as its ``.vkstate/`` is. Never raises.
    Whether anybody wants to hear of it is the caller's to decide: for a project on the sandbox nobody does.

    :param hidden: environment variables that are kept from git, and from what a repository may have it run.
    """
    real = Path(os.path.realpath(state_path))
    program = shutil.which("git")
    if program is None:
        return None
    git = _Git(program, real.parent, _NOT_OURS.union(hidden))
    listed = git.answer("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", real.name, NAME)
    if listed is None:
        return None
    said = git.answer(
        *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames", "--no-ahead-behind"),
        *("--", real.name),
    )
    if said is None:
        return None
    tags = {path: tag for tag, _, path in (entry.partition(" ") for entry in _entries(listed))}
    store = {tag for path, tag in tags.items() if path.startswith(f"{NAME}/") and path != _HARMLESS}
    state_tag = tags.get(real.name)
    heads, changes = _divided(said)
    upstream = heads.get("branch.upstream")
    return Standing(
        path=state_path,
        tracked=state_tag not in (None, _UNTRACKED),
        ignored=state_tag is None and os.path.lexists(real),
        dirty=state_tag not in (None, _UNTRACKED) and changes,
        behind=_is_behind(git, real.name, heads.get("branch.ab")),
        unignored=bool(store),
        leaked=bool(store - {_UNTRACKED}),
        upstream=upstream,
    )


def warnings_of(standing: Standing) -> tuple[str, ...]:
    """What people should hear of it before a run, in sentences without a final period where they end in a command."""
    return tuple(_sentences(standing))


def refuse_behind(standing: Standing) -> None:
    """Keep a command from writing that does not know what others have applied.

    :raises StateBehind: the upstream branch, as last fetched, has changed the state.
    """
    if not standing.behind:
        return
    path = shlex.quote(str(standing.path))
    commit = f"git commit -m 'Save the state' {path} && " if standing.dirty else ""
    raise StateBehind(
        f"{standing.upstream} has commits that change {standing.path}, and this clone does not have them. Going on "
        "would make anew, or leave behind, what others have changed meanwhile.",
        hint=f"get them: {commit}git pull",
    )


def _sentences(standing: Standing) -> Iterator[str]:
    name, path = standing.path, shlex.quote(str(standing.path))
    if standing.ignored:
        yield f"{name} is ignored by git, so that no other clone knows the keys: git add -f {path}"
    elif not standing.tracked:
        yield f"{name} is not in git: git add {path}"
    elif standing.dirty:
        yield f"{name} differs from the last commit: commit it, so that others see which keys there are."
    if standing.unignored:
        store = os.path.relpath(directory_of(standing.path))
        if standing.leaked:
            yield (
                f"{store} is in git, and whoever has the repository has the key values: replace the keys, and "
                f"git rm -r --cached {shlex.quote(store)}"
            )
        else:
            yield (
                f"{store} is not ignored by git: the next commit may take the key values along: "
                f"echo '*' > {shlex.quote(os.path.join(store, '.gitignore'))}"  # noqa: PTH118 - of a path as text
            )


def _is_behind(git: _Git, name: str, compared: str | None) -> bool | None:
    """Whether the upstream has changed the file since.

    :param compared: ``+0 -0`` where the branch and its upstream are one; None where there is no upstream.
    """
    if compared is None:
        return None
    if compared == "+0 -0":
        return False
    # The state of a merge under way is what people make of both sides: it is behind neither.
    found = git.answer(
        *("rev-list", "--max-count=1", "--ignore-missing", "@{upstream}", "^HEAD", "^MERGE_HEAD"), *("--", name)
    )
    return None if found is None else bool(found)


def _divided(said: str) -> tuple[dict[str, str], bool]:
    """The headers of a ``git status``, and whether there is any entry besides."""
    heads: dict[str, str] = {}
    changes = False
    for entry in _entries(said):
        if entry.startswith("# "):
            name, _, value = entry.removeprefix("# ").partition(" ")
            heads[name] = value
        else:
            changes = True
    return heads, changes


def _entries(answer: str) -> Sequence[str]:
    return [entry for entry in answer.split("\0") if entry]


@dataclass(frozen=True)
class _Git:
    """The program, in a directory, without some of the environment."""

    program: str
    directory: Path
    hidden: frozenset[str]

    def answer(self, *arguments: str) -> str | None:
        """What it prints; None where it fails in any way."""
        kept = {name: value for name, value in os.environ.items() if name not in self.hidden}
        try:
            done = subprocess.run(  # noqa: S603 - the program of the user's own PATH, and no shell
                [self.program, *_SETTINGS, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=PATIENCE,
                cwd=self.directory,
                env={**kept, **_ENVIRONMENT},
            )
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return done.stdout if done.returncode == 0 else None
