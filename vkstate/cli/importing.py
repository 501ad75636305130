"""The way of ``vkstate import``: which keys are meant, the plan that takes them in, and what is written besides."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import ClassVar, Final

from vkstate.cli.applying import Run, carry_out
from vkstate.cli.declared_secrets import refuse_secrets
from vkstate.cli.import_entries import Extended, with_entries
from vkstate.cli.import_values import Values
from vkstate.cli.planning import Planned, asked_and_made, known_here
from vkstate.cli.project import Project
from vkstate.cli.rebuilding import ProxyUnsteady
from vkstate.cli.showing import reading
from vkstate.cli.terminal import say, write
from vkstate.config.entries import is_glob
from vkstate.config.places import similar
from vkstate.errors import ExitCode, VkstateError
from vkstate.importing import as_found
from vkstate.keys import Alias, DesiredKey, KeyValue, Live, LiveKey, Recorded, Token, natural_order
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import Matching, read_matching
from vkstate.options import WORKSHOP, Options
from vkstate.plan import Caution, Change, Plan, Problem
from vkstate.planner import plan as make_plan
from vkstate.targets import matches
from vkstate.views.grouping import listing
from vkstate.views.words import counted, verb

_PLACE: Final = "vkstate import"
"""Where a key is asked for that the config does not declare."""

_PATTERN: Final = re.compile(r"[*?\[]|\Aw")
"""What means more than itself in a target: the characters of a glob, and what ``workshop:`` begins with."""

_QUOTE: Final = "aliases are case-sensitive; quote a glob, so that the shell leaves it alone"
_UNMADE: Final = "vkstate apply makes the keys that a workshop declares"


class NothingNamedSo(VkstateError):
    """What is to be imported does not exist."""

    summary: ClassVar[str] = "no key on the proxy is named so"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass
class Import:
    """One run of the command.

    ``targets`` are aliases and globs of the proxy, or ``workshop:NAME`` for the members that the config declares and
    the proxy has. With ``enter``, keys that the config does not declare get an entry.
    """

    project: Project
    targets: Sequence[str]
    enter: bool = False
    values: Values | None = None
    _extended: Extended | None = None
    _kept: Mapping[Alias, KeyValue] = field(default_factory=dict)
    _imported: Mapping[Alias, Token] = field(default_factory=dict)

    def carry_out(self, run: Run) -> int:
        """Plan and execute under the lock, and return the exit code.

        What else is written comes before the state and the proxy: an entry for a key that is not imported yet, and a
        value that is kept for it, do no harm, while a recorded key without its entry would be deleted by the next plan.
        """

        def make(connection: Connection) -> Planned:
            result = self.planned(connection)
            self._imported = {change.alias: change.live.token for change in result.plan.effective if change.live}
            if self._extended and not run.as_json and (run.dry or self.project.shared.verbose):
                write("\n".join([*self._extended.difference(), ""]))
            return result

        code = carry_out(self.project, run, make, self._question, beforehand=self._write)
        if not run.dry:
            self._say_unknown()
        return code

    def planned(self, connection: Connection) -> Planned:
        """The plan that takes the keys in, and changes nothing of them but our mark.

        :raises NothingNamedSo: a target names no key.
        """
        project = self.project
        recorded = known_here(project)
        proxy = LiteLLMProxy(connection, parallelism=project.config.proxy.parallelism)
        found = self._read(proxy)
        named = self._named(found)
        mine = {record.token: record.alias for record in recorded.keys.values()}
        known = {alias: rows[0] for alias, rows in named.items() if len(rows) == 1 and rows[0].token in mine}
        new = {alias: rows for alias, rows in named.items() if alias not in known}
        if known:
            aliases = [mine[row.token] for row in known.values()]
            say(f"note: {listing(aliases, {})} {verb(len(aliases), 'is', 'are')} in the state already.")
        desired, problems = self._desired(new, recorded, connection)
        live = Live(tuple(row for alias in desired for row in new[alias]), found.total)
        options = Options(imports=tuple(map(_to_the_letter, desired)))
        some = replace(recorded, keys={})
        plan, _ = asked_and_made(
            connection, lambda able: make_plan(desired, some, live, able, connection.now(), options)
        )
        tokens = {row.token: alias for alias, rows in named.items() if len(rows) == 1 for row in rows}
        self._kept = self.values.of(tokens) if self.values else {}
        plan = replace(
            plan,
            changes=tuple(map(_told_of_the_mark, plan.changes)),
            problems=tuple(sorted((*plan.problems, *problems), key=lambda one: natural_order(one.alias or ""))),
            warnings=(*plan.warnings, *map(Caution, self._remarks(tokens))),
            unmanaged=0,
        )
        refuse_secrets(plan, (*project.secrets(), *(value.reveal() for value in self._kept.values())))
        return Planned(plan, project.state, recorded, proxy)

    def _read(self, proxy: LiteLLMProxy) -> Matching:
        members = {alias for target in self.targets for alias in self._members(target)}
        globs = [target for target in self.targets if is_glob(target) and not target.startswith(WORKSHOP)]
        aliases = [*members, *(Alias(target) for target in self.targets if target not in globs)]
        with reading(self.project, proxy.connection):
            found = read_matching(proxy, aliases, globs, parallelism=self.project.config.proxy.parallelism)
        if found is None:
            raise ProxyUnsteady(
                f"Keys came and went on {self._url} while they were listed, so that some may be missed. Nothing was "
                "written.",
                hint="run the command again",
            )
        return found

    def _members(self, target: str) -> list[Alias]:
        """The aliases that the config declares for a target such as ``workshop:NAME``."""
        if not target.startswith(WORKSHOP):
            return []
        return [key.alias for key in self.project.config.keys if matches(target, key.alias, key.member)]

    @property
    def _url(self) -> str:
        return self.project.config.proxy.url

    def _named(self, found: Matching) -> dict[Alias, list[LiveKey]]:
        """The keys that are meant, by alias. A target that is an alias to the letter means that key alone."""
        rows: defaultdict[Alias, list[LiveKey]] = defaultdict(list)
        for row in found.keys:
            rows[Alias(row.alias or "")].append(row)
        named: dict[Alias, list[LiveKey]] = {}
        missed: list[str] = []
        for target in self.targets:
            if target in rows:
                hits = [Alias(target)]
            elif target.startswith(WORKSHOP):
                hits = [alias for alias in self._members(target) if alias in rows]
            else:
                hits = [alias for alias in rows if fnmatchcase(alias, target)]
            named |= {alias: rows[alias] for alias in hits}
            missed += [] if hits else [target]
        if missed:
            sentences = [self._missing(target, found) for target in missed]
            raise NothingNamedSo("\n".join(sentences), hint=self._hint(missed[0]))
        return {alias: named[alias] for alias in sorted(named, key=natural_order)}

    def _missing(self, target: str, found: Matching) -> str:
        if target.startswith(WORKSHOP) and not self._members(target):
            workshops = {f"{WORKSHOP}{key.member.workshop}" for key in self.project.config.keys if key.member}
            near = similar(target, workshops)
            return f"{self.project.config_path} declares no {target}." + (f" Did you mean {near}?" if near else "")
        if target.startswith(WORKSHOP):
            return f"No key on {self._url} bears the alias that the config gives to a member of {target}."
        if is_glob(target):
            return f"No key on {self._url} matches {target}."
        near = similar(target, found.seen)
        return f"No key on {self._url} is called {target}." + (f" Did you mean {near}?" if near else "")

    def _hint(self, missed: str) -> str:
        if not missed.startswith(WORKSHOP):
            return _QUOTE
        if self._members(missed):
            return _UNMADE
        aliases = shlex.quote(f"{missed.removeprefix(WORKSHOP)}-*")
        enter = f"vkstate import {aliases} --write-config"
        return f"declare it under workshops first; or, to have its keys entered one by one: {enter}"

    def _desired(
        self, new: Mapping[Alias, Sequence[LiveKey]], recorded: Recorded, connection: Connection
    ) -> tuple[dict[Alias, DesiredKey], list[Problem]]:
        """The keys as they are to be recorded, and why some of them cannot be; the planner finds further reasons."""
        declared = {key.alias: key for key in self.project.config.keys}
        desired: dict[Alias, DesiredKey] = {}
        problems: list[Problem] = []
        undeclared: dict[Alias, LiveKey] = {}
        importable = True
        for alias, rows in new.items():
            if len(rows) > 1 or _belongs_elsewhere(rows[0], recorded.lineage):
                desired[alias] = declared.get(alias) or DesiredKey(alias, {}, _PLACE)
                importable = False
            elif alias in recorded.keys:
                problems.append(_recorded_otherwise(alias))
            elif alias in declared:
                desired[alias] = as_found(declared[alias], rows[0])
            elif self.enter:
                undeclared[alias] = rows[0]
            else:
                problems.append(self._undeclared(alias))
        if undeclared and importable and not problems:
            self._extended = with_entries(
                self.project, undeclared, recorded.lineage, connection.now(), then=self._without_writing
            )
            declared = {key.alias: key for key in self._extended.config.keys}
        for alias, row in undeclared.items():
            desired[alias] = as_found(declared.get(alias) or DesiredKey(alias, {}, _PLACE), row)
        return desired, problems

    @property
    def _without_writing(self) -> str:
        """The command that imports the same keys once the config declares them."""
        values = ["--values", str(self.values.file)] if self.values else []
        return shlex.join(["vkstate", "import", *values, *self.targets])

    def _undeclared(self, alias: Alias) -> Problem:
        return Problem(
            f"nothing in {self.project.config_path} declares {alias}, so that the next plan would delete it.",
            f"have an entry written: vkstate import {shlex.quote(alias)} --write-config",
            alias,
        )

    def _remarks(self, tokens: Mapping[Token, Alias]) -> Iterator[str]:
        if self._extended:
            yield from self._extended.remarks()
        if self.values and (strangers := self.values.strangers(tokens)):
            belong = verb(strangers, "belongs", "belong")
            yield f"{counted(strangers, 'key value')} of {self.values.file} {belong} to no key that is imported."

    def _question(self, plan: Plan) -> str:
        what = f"Import {counted(len(plan.effective), 'key')} from {self._url}"
        if self._extended:
            what += f", and add {_entries(len(self._extended.entries))} to {self._extended.path}"
        return f"{what}?"

    def _write(self) -> None:
        if self._extended:
            self._extended.write()
            entries = self._extended.entries
            say(f"{_entries(len(entries))} added to {self._extended.path}: {listing(entries, {})}.")
        if self._kept:
            self.project.store.keep(self._kept)
            number = len(self._kept)
            say(f"{counted(number, 'key value')} {verb(number, 'is', 'are')} kept in the secret store.")

    def _say_unknown(self) -> None:
        store = self.project.store
        unknown = [alias for alias, token in self._imported.items() if store.value_of(token) is None]
        if unknown:
            keys = counted(len(unknown), "imported key")
            values = "value of {} is" if len(unknown) == 1 else "values of {} are"
            say(
                f"note: The {values.format(keys)} not known here: {listing(unknown, {})}. To have them kept: --values "
                "FILE.csv."
            )


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _recorded_otherwise(alias: Alias) -> Problem:
    return Problem(
        f"the state records {alias}, and the key that bears the alias now is another one.",
        f"see what the next apply would do about it: vkstate plan --target {shlex.quote(alias)}",
        alias,
    )


def _belongs_elsewhere(row: LiveKey, lineage: str) -> bool:
    return row.stamp is not None and row.stamp.lineage != lineage


def _to_the_letter(alias: Alias) -> str:
    """A target that names one alias and no other, whatever characters it holds."""
    return _PATTERN.sub(lambda found: f"[{found[0]}]", alias)


def _told_of_the_mark(change: Change) -> Change:
    """A change without what the proxy holds already: all of it does, and only our mark is new."""
    return replace(change, diffs=tuple(diff for diff in change.diffs if not diff.already_live))
