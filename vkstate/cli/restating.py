"""The plans of ``state mv`` and ``state rm``: recorded keys are desired as they are, but for what is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import ClassVar, Final

from vkstate.attributes import EXPIRY_PATHS
from vkstate.cli.planning import Planned, asked_and_made, known_here, read
from vkstate.cli.project import Project
from vkstate.cli.selecting import NoSuchKey
from vkstate.cli.showing import reading
from vkstate.config.aliases import alias_problem
from vkstate.differences import ALIAS_PATH, STAMP_PATH, WORKSHOP_PATH
from vkstate.errors import ExitCode, VkstateError
from vkstate.keys import Alias, DesiredKey, Recorded
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.moves import resolve
from vkstate.options import WORKSHOP, Move, Options, Removed
from vkstate.plan import Action, Caution, Change, Reason
from vkstate.planner import plan as make_plan
from vkstate.unchanged import as_recorded

_MOVING: Final = frozenset({ALIAS_PATH, STAMP_PATH, WORKSHOP_PATH})
"""What a move changes of a key; drift in anything else is left to the next plan."""


class CannotMove(VkstateError):
    """What ``state mv`` was asked for cannot be."""

    summary: ClassVar[str] = "the key cannot be moved"


class MixedMove(VkstateError):
    """A key is to become a workshop, or the other way round."""

    summary: ClassVar[str] = "a key moves to a key, and a workshop to a workshop"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def planned_move(project: Project, connection: Connection, move: Move) -> Planned:
    """The plan that renames recorded keys, on the proxy and in the state.

    :raises NoSuchKey: the source is not recorded.
    :raises CannotMove: the target is, or no member can move.
    :raises MixedMove: one side is a workshop, and the other is not.
    """
    recorded = known_here(project)
    declared = {key.alias: key for key in project.config.keys}
    desired = _as_moved(move, declared, recorded, str(project.state_path))
    moving = set(resolve((move,), desired, recorded.keys).sources.values())
    retired = {alias for alias, key in recorded.keys.items() if key.retired and key.retired.successor in moving}
    result = _narrow(project, connection, recorded, moving | retired, desired, Options(moves=(move,)))
    changes = [_renaming(change) for change in result.plan.changes if change.alias in desired or change.becomes]
    return replace(result, plan=replace(result.plan, changes=tuple(changes)))


def _renaming(change: Change) -> Change:
    """A change without what a move does not do. Of a key that is not there only the record is renamed."""
    if change.recorded is None or change.action in (Action.UPDATE, Action.ADOPT, Action.NO_OP):
        # What an interrupted create has left another end is given its own now: no later plan would know of that.
        kept = _MOVING | EXPIRY_PATHS if change.action is Action.ADOPT else _MOVING
        return replace(change, diffs=tuple(diff for diff in change.diffs if diff.path in kept))
    renamed = replace(change.recorded, alias=change.alias)
    return Change(change.alias, Action.UPDATE, Reason.MOVED, recorded=change.recorded, becomes=renamed)


def _as_moved(
    move: Move, declared: Mapping[Alias, DesiredKey], recorded: Recorded, state: str
) -> dict[Alias, DesiredKey]:
    """The keys that move, desired as they are under their new aliases."""
    if move.source.startswith(WORKSHOP) != move.target.startswith(WORKSHOP):
        raise MixedMove(f"{move.source} and {move.target} are not of one kind.", hint="vkstate state mv --help")
    if move.source.startswith(WORKSHOP):
        sources = resolve((move,), declared, recorded.keys).sources
        if not sources:
            raise CannotMove(
                f"No member of {move.source} is recorded whom the config declares in {move.target}.",
                hint=f"declare {move.target.removeprefix(WORKSHOP)} under workshops first, with the same members",
            )
    else:
        source, target = Alias(move.source), Alias(move.target)
        if source not in recorded.keys:
            raise NoSuchKey(f"{state} records no key {source}.", hint="vkstate state list shows what is recorded")
        if target in recorded.keys:
            raise CannotMove(f"{state} records a key {target} already.", hint="choose another alias for one of them")
        if retired := recorded.keys[source].retired:
            raise CannotMove(
                f"{source} is retired: {retired.successor} has a new value, and it goes where that key goes.",
                hint=f"vkstate state mv {quote(retired.successor)} {quote(target)}",
            )
        if target not in declared and (why := alias_problem(target)):
            raise CannotMove(f"{target} {why}.", hint="choose another alias")
        sources = {target: source}
    return {
        new: replace(
            as_recorded(recorded.keys[old], alias=new),
            member=declared[new].member if new in declared else recorded.keys[old].member,
        )
        for new, old in sources.items()
    }


def planned_release(project: Project, connection: Connection, aliases: Collection[Alias]) -> Planned:
    """The plan that drops records, and takes our mark off the keys."""
    recorded = known_here(project)
    removed = tuple(Removed(alias, destroy=False, place="vkstate state rm") for alias in aliases)
    result = _narrow(project, connection, recorded, aliases, {}, Options(removed=removed))
    stay = [alias for alias, key in recorded.keys.items() if key.retired and key.retired.successor in aliases]
    said = (*_declared_still(project, aliases), *_staying(stay, aliases))
    return replace(result, plan=replace(result.plan, warnings=(*result.plan.warnings, *said)))


def _declared_still(project: Project, aliases: Collection[Alias]) -> Iterator[Caution]:
    """That the config asks for what is let go of: the next plan would meet it as somebody else's."""
    if declared := tuple(key.alias for key in project.config.keys if key.alias in aliases):
        yield Caution(f"{project.config_path} still declares ", declared, ": take that out as well.")


def _staying(retired: Collection[Alias], aliases: Collection[Alias]) -> Iterator[Caution]:
    """That the old keys of what is let go of are still ours, and are deleted in their time."""
    if left := tuple(alias for alias in retired if alias not in aliases):
        after = ". To let go of one as well: vkstate state rm ALIAS"
        yield Caution("old values still work, and their keys stay this project's until they are deleted: ", left, after)


def _narrow(
    project: Project,
    connection: Connection,
    recorded: Recorded,
    chosen: Collection[Alias],
    desired: Mapping[Alias, DesiredKey],
    options: Options,
) -> Planned:
    """A plan about some records only. The others stay as they are, and nothing is said of the rest of the proxy."""
    some = replace(recorded, keys={alias: key for alias, key in recorded.keys.items() if alias in chosen})
    proxy = LiteLLMProxy(connection)
    with reading(project, connection):
        live = read(proxy, some, desired, project.config.proxy.parallelism)
    plan, _ = asked_and_made(connection, lambda able: make_plan(desired, some, live, able, connection.now(), options))
    return Planned(replace(plan, unmanaged=0), project.state, recorded, proxy)
