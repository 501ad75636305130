"""``vkstate state rebind``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar, Final

from vkstate.cli.options import AutoApprove, DryRun, LockTimeout
from vkstate.cli.shared import Shared
from vkstate.errors import VkstateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vkstate.cli.project import Project
    from vkstate.keys import RecordedKey
    from vkstate.litellm.client import Connection
    from vkstate.state.model import State

_MOST_NAMED: Final = 5


class OtherKeys(VkstateError):
    """The configured proxy has not the keys that the state records."""

    summary: ClassVar[str] = "the recorded keys are not on this proxy"


def rebind(
    shared: Shared, auto_approve: AutoApprove = False, dry_run: DryRun = False, lock_timeout: LockTimeout = "0s"
) -> int:
    """Bind the state to proxy.url, where the same proxy has a new url.

    First sees that every recorded key exists there. No key is changed.
    """
    from vkstate.cli.lock_timeout import lock_seconds
    from vkstate.cli.project import Project
    from vkstate.state.file import StateFile

    project = Project(shared)
    timeout = lock_seconds(lock_timeout)
    StateFile(project.state_path).read()  # what is wrong with it is said before anything is locked
    project.in_git(writing=not dry_run)
    with nullcontext() if dry_run else project.locked(timeout, "vkstate state rebind"):
        return _rebound(project, project.state, ask=not auto_approve, dry=dry_run)


def _rebound(project: Project, state: State, *, ask: bool, dry: bool) -> int:
    from dataclasses import replace

    from vkstate.cli.terminal import ask_yes, write
    from vkstate.urls import canonical_url
    from vkstate.views.words import counted

    new = canonical_url(project.config.proxy.url)
    old = state.proxy if state.proxy is None else canonical_url(state.proxy)
    if not state.keys:
        write(f"{project.state_path} records no key: it goes with any proxy, and there is nothing to do.")
        return 0
    if old == new:
        write(f"{project.state_path} is bound to {new} already: there is nothing to do.")
        return 0
    from vkstate.cli.showing import reading

    project.say_of_store()
    with project.connected() as connection, reading(project, connection):
        found = _existing(connection, state, new, project.config.proxy.parallelism)
    where = f"on {old}" if old else "without saying where"
    write(f"{project.state_path} records {counted(len(state.keys), 'key')} {where}. {found} at {new}.")
    if dry:
        return 0
    if ask:
        ask_yes(f"Bind {project.state_path} to {new}?", changes="state")
    project.state_file.write(replace(state, proxy=new, serial=state.serial + 1))
    write(f"It is bound to {new} now (serial {state.serial + 1}): commit it together with the config.")
    return 0


def _existing(connection: Connection, state: State, url: str, parallelism: int) -> str:
    """See that the proxy is the one that the state speaks of, and say how that is known.

    :raises OtherKeys: a key that should exist does not, or none is there by which the proxy could be known.
    """
    from vkstate.executor.orders import sought
    from vkstate.keys import Status
    from vkstate.litellm.proxy import LiteLLMProxy
    from vkstate.views.words import counted, verb

    ready = [record for record in state.keys.values() if record.status is Status.READY]
    asked = [item for record in ready if (item := sought(record))]
    there = LiteLLMProxy(connection, parallelism=parallelism).find(asked)
    if missing := [record for record in ready if record.token not in there]:
        raise OtherKeys(
            f"Of the {counted(len(ready), 'key')} that the state records as made, {len(missing):,} "
            f"{verb(len(missing), 'does', 'do')} not exist at {url}: {_named(missing)}.",
            hint="set proxy.url to where they live; if this is that proxy and they were deleted: vkstate state rebuild",
        )
    pending = [record for record in state.keys.values() if record.status is Status.PENDING]
    if pending and not ready:
        raise OtherKeys(
            f"Of the keys that the state records, none is known to exist, so that nothing shows whether {url} is the "
            f"proxy that was asked to make {_named(pending)}.",
            hint="set proxy.url back, apply there, and rebind after that",
        )
    if not ready:
        return "None of them exists any more, so that none can be looked for"
    return f"{'It exists' if len(ready) == 1 else f'All {len(ready):,} that were made exist'}"


def _named(records: Sequence[RecordedKey]) -> str:
    from vkstate.abridged import abridged
    from vkstate.keys import natural_order

    return abridged(sorted((record.alias for record in records), key=natural_order), _MOST_NAMED)
