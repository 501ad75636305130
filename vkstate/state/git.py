"""What git says of a state file and of the secret store beside it. Asks, and changes and fetches nothing.

Two runs of ``git`` (some 5 ms together); a third where the branch and its upstream differ. Where git does not answer
nothing is known and nothing is said.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from vkstate.errors import VkstateError
from vkstate.state.directory import NAME, directory_of
from vkstate.state.git_program import Git, entries, git_in, work_tree

_UNTRACKED: Final = "?"
_HARMLESS: Final = f"{NAME}/.gitignore"
_NEEDED: Final = frozenset({"HOME", "PATH", "USER", "XDG_CONFIG_HOME"})


class StateBehind(VkstateError):
    """The upstream branch has a newer state than this clone."""

    summary: ClassVar[str] = "the state in this clone is behind"


class StoreMissing(VkstateError):
    """The encrypted store is gone from where it was, and git has it."""

    summary: ClassVar[str] = "the encrypted key values are gone"


@dataclass(frozen=True)
class StandingStore:
    """How an encrypted secret store, which belongs into git, stands there; as :class:`Standing` says it of the state.
    One that does not exist, and never was in git, is neither tracked nor ignored nor ``present``.
    """

    path: Path
    present: bool
    tracked: bool
    ignored: bool
    dirty: bool


@dataclass(frozen=True)
class Standing:
    """How a state file and the ``.vkstate/`` beside it stand in their git repository.

    ``path`` is the state as it was asked for. ``ignored``: it is not tracked, and git would not add it. ``dirty``: it
    is tracked and differs from ``HEAD``. ``behind``: ``upstream`` has commits that change it and that neither ``HEAD``
    nor a merge under way has, as of the last fetch; None where there is no upstream or it cannot be told.
    ``unignored``: a file of ``.vkstate/`` is tracked, or git would add it; ``leaked``: one is tracked. ``encrypted`` is
    the encrypted store, where that was asked for; ``behind`` then speaks of both.
    """

    path: Path
    tracked: bool
    ignored: bool
    dirty: bool
    behind: bool | None
    unignored: bool
    leaked: bool
    upstream: str | None = None
    encrypted: StandingStore | None = None


def inspect(state_path: Path, *, hidden: Collection[str] = (), encrypted: Path | None = None) -> Standing | None:
    """How a state stands in git; None where that is not known: no git, no repository, or one that does not answer.

    A state that is reached by a link is looked at where it really lies, as its ``.vkstate/`` is. Never raises.
    Whether anybody wants to hear of it is the caller's to decide: for a project on the sandbox nobody does.

    :param hidden: environment variables that are kept from git, and from what a repository may have it run.
    :param encrypted: the encrypted store, in the directory where the state really lies; None where there is none.
    """
    real = Path(os.path.realpath(state_path))
    git = git_in(real.parent, hidden)
    if git is None:
        return None
    names = [real.name, *([encrypted.name] if encrypted else [])]
    listed = git.answer("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", *names, NAME)
    if listed is None:
        return None
    said = git.answer(
        *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames", "--no-ahead-behind"),
        *("--", *names),
    )
    if said is None:
        return None
    tags = {path: tag for tag, _, path in (entry.partition(" ") for entry in entries(listed))}
    store = {tag for path, tag in tags.items() if path.startswith(f"{NAME}/") and path != _HARMLESS}
    state_tag = tags.get(real.name)
    heads, changes = _divided(said)
    dirty = {name for name in names if any(change.endswith((f" {name}", f"/{name}")) for change in changes)}
    upstream = heads.get("branch.upstream")
    return Standing(
        path=state_path,
        tracked=state_tag not in (None, _UNTRACKED),
        ignored=state_tag is None and os.path.lexists(real),
        dirty=state_tag not in (None, _UNTRACKED) and real.name in dirty,
        behind=_is_behind(git, names, heads.get("branch.ab")),
        unignored=bool(store),
        leaked=bool(store - {_UNTRACKED}),
        upstream=upstream,
        encrypted=_standing_store(encrypted, tags.get(encrypted.name), encrypted.name in dirty) if encrypted else None,
    )


def unanswered(state_path: Path) -> Path | None:
    """The work tree in which a state lies of which :func:`inspect` knows nothing although git is installed; else None.

    Git says nothing of the checkout of another user, as a job in a container may find it.
    """
    parent = Path(os.path.realpath(state_path)).parent
    return work_tree(parent) if git_in(parent) else None


def _standing_store(path: Path, tag: str | None, changed: bool) -> StandingStore:
    present = os.path.lexists(path)
    tracked = tag not in (None, _UNTRACKED)
    return StandingStore(path, present, tracked, ignored=present and tag is None, dirty=tracked and changed)


def bringing_back(path: Path) -> str | None:
    """The command by which git brings back a file that is gone from where it was; None where git does not have it.

    No config has said yet which environment variables hold secrets: git sees none but its own and those it needs.
    """
    hidden = [name for name in os.environ if name not in _NEEDED and not name.startswith("GIT_")]
    git, quoted = git_in(path.parent, hidden), shlex.quote(str(path))
    if git is None:
        return None
    if git.answer("ls-files", "-z", "--cached", "--", path.name):
        return f"git restore {quoted}"
    if git.answer("ls-tree", "-z", "HEAD", "--", path.name):
        return f"git checkout HEAD -- {quoted}"  # its removal is staged, which restore does not undo
    return None


def warnings_of(standing: Standing) -> tuple[str, ...]:
    """What people should hear of it before a run, in sentences without a final period where they end in a command."""
    return tuple(_sentences(standing))


def refuse_behind(standing: Standing) -> None:
    """Keep a command from writing that does not know what others have applied.

    :raises StateBehind: the upstream branch, as last fetched, has changed the state.
    """
    if not standing.behind:
        return
    path, what = shlex.quote(str(standing.path)), str(standing.path)
    if store := standing.encrypted:
        path, what = f"{path} {shlex.quote(str(store.path))}", f"{what} or {store.path}"
    unsaved = standing.dirty or (store is not None and store.dirty)
    commit = f"git commit -m 'Save the state' {path} && " if unsaved else ""
    raise StateBehind(
        f"{standing.upstream} has commits that change {what}, and this clone does not have them. Going on "
        "would make anew, or leave behind, what others have changed meanwhile.",
        hint=f"get them: {commit}git pull",
    )


def refuse_missing(standing: Standing) -> None:
    """Keep a command from beginning an encrypted store anew where git has the one that is gone.

    :raises StoreMissing: it is gone.
    """
    store = standing.encrypted
    if store and store.tracked and not store.present:
        raise StoreMissing(
            f"{store.path} is gone, and git has it. Going on would begin an empty one, without the key values.",
            hint=f"git restore {shlex.quote(str(store.path))}; if they are to be lost: git rm --cached "
            f"{shlex.quote(str(store.path))}",
        )


def _sentences(standing: Standing) -> Iterator[str]:
    name, path = standing.path, shlex.quote(str(standing.path))
    if standing.ignored:
        yield f"{name} is ignored by git, so that no other clone knows the keys: git add -f {path}"
    elif not standing.tracked:
        yield f"{name} is not in git: git add {path}"
    elif standing.dirty:
        yield f"{name} differs from the last commit: commit it, so that others see which keys there are."
    if standing.encrypted:
        yield from _of_store(standing.encrypted)
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


def _of_store(store: StandingStore) -> Iterator[str]:
    path = shlex.quote(str(store.path))
    if store.tracked and not store.present:
        yield f"{store.path} is gone, and git has it: git restore {path}"
    elif store.ignored:
        yield f"{store.path} is ignored by git, so that no other clone has the key values: git add -f {path}"
    elif store.present and not store.tracked:
        yield f"{store.path} is not in git: git add {path}"
    elif store.dirty:
        yield f"{store.path} differs from the last commit: commit it with the state, or others lack the key values."


def _is_behind(git: Git, names: Sequence[str], compared: str | None) -> bool | None:
    """Whether the upstream has changed one of the files since.

    :param compared: ``+0 -0`` where the branch and its upstream are one; None where there is no upstream.
    """
    if compared is None:
        return None
    if compared == "+0 -0":
        return False
    # The state of a merge under way is what people make of both sides: it is behind neither.
    found = git.answer(
        *("rev-list", "--max-count=1", "--ignore-missing", "@{upstream}", "^HEAD", "^MERGE_HEAD"), *("--", *names)
    )
    return None if found is None else bool(found)


def _divided(said: str) -> tuple[dict[str, str], Sequence[str]]:
    """The headers of a ``git status``, and the entries besides, each of which ends in a path."""
    heads: dict[str, str] = {}
    changes: list[str] = []
    for entry in entries(said):
        if entry.startswith("# "):
            name, _, value = entry.removeprefix("# ").partition(" ")
            heads[name] = value
        else:
            changes.append(entry)
    return heads, changes
