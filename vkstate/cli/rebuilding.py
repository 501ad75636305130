"""The way of ``state rebuild``: what is left of the state, which lineage it is, what the proxy makes of it, and writing
that down.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from vkstate.cli.project import Project
from vkstate.cli.showing import reading
from vkstate.cli.terminal import ask_yes, say, write
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.ports import Sought
from vkstate.expiry import format_instant
from vkstate.keys import Alias, LiveKey, Member, RecordedKey, Status
from vkstate.litellm.capabilities import prove_admin
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_all, read_live
from vkstate.rebuild import Candidate, Rebuilt, candidates, ours, rebuilt
from vkstate.schedule import desired_at
from vkstate.state.file import StateMissing
from vkstate.state.model import State
from vkstate.state.parsing import StateAmbiguous, StateConflicted, StateDamaged
from vkstate.urls import canonical_url
from vkstate.views.grouping import listing
from vkstate.views.words import counted, escaped, prose, verb

_ROOM: Final = 1000
"""Characters that a list of aliases may take: all are named, unless they are very many and unlike each other."""


class LineageUnknown(VkstateError):
    """Nothing here says which keys on the proxy are this project's."""

    summary: ClassVar[str] = "the lineage is not known"


class LineagesDiffer(VkstateError):
    """What is known of the lineage does not agree."""

    summary: ClassVar[str] = "the lineages do not agree"


class NothingToRebuild(VkstateError):
    """No key on the proxy carries the lineage."""

    summary: ClassVar[str] = "there is nothing to rebuild from"


class ProxyUnsteady(VkstateError):
    """The keys of the proxy could not be listed completely."""

    summary: ClassVar[str] = "the proxy's keys changed while they were listed"


@dataclass(frozen=True)
class _Outcome:
    """The records that the proxy makes of a lineage, and the state that they would be; ``before`` what was there."""

    rebuilt: Rebuilt
    state: State
    before: State | None

    @property
    def members(self) -> Mapping[Alias, Member]:
        """Who is a member of what, among the records that were and that would be."""
        records = {**(self.before.keys if self.before else {}), **self.state.keys}
        return {alias: record.member for alias, record in records.items() if record.member}

    @property
    def code(self) -> ExitCode:
        return ExitCode.PARTIAL if self.rebuilt.problems else ExitCode.OK


def carry_out_rebuild(project: Project, asked: str | None, *, ask: bool, dry: bool) -> int:
    """Rebuild the state, and return the exit code. Where something is to be written, the lock is held.

    :param asked: the lineage as ``--lineage`` gives it.
    :raises LineageUnknown: :raises LineagesDiffer: :raises NothingToRebuild: :raises ProxyUnsteady: as they say.
    """
    old = _readable(project)
    lineage = _lineage(project, asked, old)
    if old is not None and old.lineage == lineage:
        project.in_git(writing=not dry)
    with project.connected() as connection, reading(project, connection):
        outcome = _outcome(project, connection, lineage, old)
    project.store = project.store_of(outcome.state.lineage)
    for warning in project.store.warnings:
        say(f"warning: {warning}")
    for line in _shown(project, outcome):
        write(line)
    if outcome.state == old:
        write(f"\n{project.state_path} says so already: there is nothing to do.")
        return outcome.code
    if dry:
        return outcome.code
    count = len(outcome.state.keys)
    if ask:
        ask_yes(f"Write {counted(count, 'record')} to {project.state_path}?", changes="state")
    project.state_file.write(outcome.state)
    write(f"\nRebuild complete! {counted(count, 'key')} recorded (serial {outcome.state.serial}).")
    if project.state_file.kept:
        say(f"What was there before is in {os.path.relpath(project.state_file.kept)}.")
    say(f"Next: vkstate plan; then commit {project.state_path}.")
    return outcome.code


def _readable(project: Project) -> State | None:
    """The state as it is; None, and a word about it, where it is missing or damaged.

    :raises VkstateError: what stands there is another file than a state, or a newer vkstate's.
    """
    try:
        return project.state_file.read()
    except StateMissing:
        say(f"note: {project.state_path} does not exist.")
    except (StateDamaged, StateConflicted, StateAmbiguous) as error:
        say(f"note: {error.summary}. {error.detail}")
    return None


def _lineage(project: Project, asked: str | None, old: State | None) -> str | None:
    """The lineage to rebuild: as it is asked for, else as the secret store has it, else the state; None is unknown."""
    stored = project.stored_lineage
    if asked is not None and stored not in (None, asked):
        store = project.store_of(stored or "").path
        aside = store.with_name(f"{store.stem}.other.json")
        raise LineagesDiffer(
            f"--lineage is {asked}, and {store} holds the key values of lineage {stored}. Nothing was touched.",
            hint="leave --lineage out, or keep that store aside while you work here: "
            f"mv -n {shlex.quote(str(store))} {shlex.quote(str(aside))}",
        )
    if asked is None and stored is not None and old is not None and old.lineage != stored:
        raise LineagesDiffer(
            f"{project.state_path} has lineage {old.lineage}, and the secret store beside it {stored}. Nothing was "
            "touched.",
            hint=f"if it is the secret store's: vkstate state rebuild --lineage {shlex.quote(stored)}",
        )
    return asked or stored or (old.lineage if old is not None else None)


def _outcome(project: Project, connection: Connection, lineage: str | None, old: State | None) -> _Outcome:
    config = project.config
    prove_admin(connection)  # another key is shown some keys only, and the rest would seem gone
    proxy = LiteLLMProxy(connection, parallelism=config.proxy.parallelism)
    listed = read_all(proxy, parallelism=config.proxy.parallelism)
    if listed is None:
        raise ProxyUnsteady(
            f"Keys came and went on {config.proxy.url} while they were listed, so that the list may lack some of ours. "
            "Nothing was written.",
            hint="run the command again",
        )
    if lineage is None:
        raise _unknown(config.proxy.url, listed)
    same = old if old is not None and old.lineage == lineage else None
    found = ours(listed, lineage, same.keys if same else None)
    if not found:
        raise _nothing(config.proxy.url, lineage, listed)
    rows = _as_planned(proxy, found, config.proxy.parallelism)
    desired = desired_at(proxy.now(), {key.alias: key for key in config.keys})
    result = rebuilt(lineage, rows, desired, same.keys if same else None)
    url = canonical_url(config.proxy.url)
    if same and same.proxy == url and same.keys == result.records:
        return _Outcome(result, same, old)
    return _Outcome(result, State(lineage, same.serial + 1 if same else 1, url, result.records), old)


def _as_planned(proxy: LiteLLMProxy, rows: Sequence[LiveKey], parallelism: int) -> list[LiveKey]:
    """Keys as a plan will see them, or what a list shows otherwise would be recorded, and be drift in the next plan."""
    named = [row for row in rows if row.alias]
    asked = [Sought(row.token, row.stamp.id if row.stamp else "", Alias(row.alias or "")) for row in named]
    live = read_live(proxy, asked, (), parallelism=parallelism)
    return [*live.keys, *(row for row in rows if not row.alias)]


def _unknown(url: str, rows: Sequence[LiveKey]) -> LineageUnknown:
    found = candidates(rows)
    if not found:
        return LineageUnknown(
            f"Neither a state nor a secret store tells it, and no key on {url} carries one.",
            hint="begin a project here: vkstate init",
        )
    lines = [f"Neither a state nor a secret store tells it. The keys on {url} carry:", *map(_described, found)]
    which = shlex.quote(found[0].lineage) if len(found) == 1 else "LINEAGE"
    return LineageUnknown("\n".join(lines), hint=f"if it is this project's: vkstate state rebuild --lineage {which}")


def _nothing(url: str, lineage: str, rows: Sequence[LiveKey]) -> NothingToRebuild:
    found = candidates(rows)
    others = [" The keys there carry:", *map(_described, found)] if found else [""]
    return NothingToRebuild(
        f"No key on {url} carries the lineage {lineage}." + "\n".join(others),
        hint="see that proxy.url is right, and the lineage",
    )


def _described(candidate: Candidate) -> str:
    newest = f", the last made {format_instant(candidate.newest)}" if candidate.newest else ""
    names = [*map(escaped, candidate.aliases), *(["…"] if candidate.keys > len(candidate.aliases) else [])]
    return f"{escaped(candidate.lineage)} ({counted(candidate.keys, 'key')}{newest}): {', '.join(names)}"


def _shown(project: Project, outcome: _Outcome) -> Iterator[str]:
    """What would be written, line by line."""
    result, state, before = outcome.rebuilt, outcome.state, outcome.before
    count = counted(len(state.keys), "record")
    yield f"The keys of lineage {escaped(state.lineage)} on {project.config.proxy.url} make {count}:"
    yield ""
    yield from _differences(outcome)
    yield ""
    yield "What is recorded as applied is what the proxy holds now, whatever was applied before."
    if before is not None and before.lineage != state.lineage:
        yield (
            f"The state so far is of another lineage, {escaped(before.lineage)}, and gives way with all that it "
            f"records: {_named(before.keys, outcome) or 'no key'}."
        )
    elif before is not None and before.proxy not in (None, state.proxy):
        yield f"The state was bound to {before.proxy}, and is bound to {state.proxy} now."
    yield from map(prose, result.remarks)
    if unknown := _without_value(project, state.keys.values()):
        several = f"The values of {len(unknown):,} keys are" if len(unknown) > 1 else "The value of 1 key is"
        yield f"{several} not known on this machine: {_named(unknown, outcome)}."
    for problem in result.problems:
        yield f"error: {prose(problem.detail)}"
        yield f"hint: {prose(problem.hint)}"


def _differences(outcome: _Outcome) -> Iterator[str]:
    after = outcome.state.keys
    same = outcome.before is not None and outcome.before.lineage == outcome.state.lineage
    before = outcome.before.keys if outcome.before is not None and same else {}
    both = after.keys() & before.keys()
    stay = {alias for alias in both if after[alias] == before[alias]}
    groups = (
        ("+", after.keys() - before.keys(), "new"),
        ("~", both - stay, "changed"),
        ("-", before.keys() - after.keys(), "dropped"),
    )
    for sign, aliases, word in groups:
        if aliases:
            yield f"{sign} {_named(aliases, outcome)}  ({word})"
    if stay:
        yield f"{counted(len(stay), 'record')} {verb(len(stay), 'stays as it is', 'stay as they are')}."


def _named(aliases: Iterable[Alias], outcome: _Outcome) -> str:
    return listing(aliases, outcome.members, _ROOM)


def _without_value(project: Project, records: Iterable[RecordedKey]) -> list[Alias]:
    known = project.store.tokens()
    return [record.alias for record in records if record.status is Status.READY and record.token not in known]
