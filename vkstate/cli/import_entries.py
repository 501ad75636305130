"""The config with entries for keys that it does not declare: found by trying, and written where it stands.

An entry has to leave nothing to do, whatever the config's ``defaults`` say. What the config refuses, or asks otherwise
all the same, is learnt from the config itself: it is read with the entries in it until they fit.
"""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final

from vkstate.attributes import ATTRIBUTES, Home, Json, Kind
from vkstate.cli.project import Project
from vkstate.cli.rewriting import Rewritten, bytes_of, check_writable, loaded
from vkstate.config.aliases import alias_problem
from vkstate.config.config import Config
from vkstate.config.places import ConfigError, Located, child_path, looks_like_key, redacted
from vkstate.config.tree import unfit
from vkstate.config.writing import with_keys
from vkstate.errors import VkstateError
from vkstate.importing import PAIR, Entry, Terms, disputed, entry_of
from vkstate.keys import Alias, DesiredKey, LiveKey, natural_order
from vkstate.views.grouping import listing

_MOST_TRIES: Final = 12
_WRITABLE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_DEEPEST: Final = 30

_HIDDEN: Final = "may hold credentials, and is not written to the config"
_UNSAID: Final = "cannot be said in a config as it is; it stays undeclared, and is left alone"
_IGNORED: Final = "differs from what defaults say; the entry leaves it alone, by lifecycle.ignore_changes"


class EntryImpossible(VkstateError):
    """No entry of a config leaves a key as it is."""

    summary: ClassVar[str] = "the config cannot declare the key as it is"


@dataclass(frozen=True)
class Extended(Rewritten):
    """A config with entries added: what it says then, and the file as it was and is to be."""

    entries: Mapping[Alias, Entry]

    def remarks(self) -> Iterator[str]:
        """What the entries do not say, in full sentences."""
        said: defaultdict[tuple[str, str], list[Alias]] = defaultdict(list)
        for alias, entry in self.entries.items():
            for words, paths in ((_HIDDEN, entry.hidden), (_UNSAID, entry.unsaid), (_IGNORED, entry.ignored)):
                for path in paths:
                    said[path, words].append(alias)
        for (path, words), aliases in sorted(said.items()):
            yield f"{listing(aliases, {})}: {redacted(path)} {words}."


def with_entries(
    project: Project, rows: Mapping[Alias, LiveKey], lineage: str, now: datetime, *, then: str = "vkstate plan"
) -> Extended:
    """The project's config with an entry for each of these keys, under which a plan finds nothing to do but our mark.

    :param now: the server's clock.
    :param then: the command to run once somebody has added the entries by hand.
    :raises EntryImpossible: there is no such entry.
    :raises ConfigNotExtended: entries cannot be added in this config's form; says what to add by hand.
    :raises ConfigNotWritable: the file may not be written.
    """
    path = project.config_path
    before = bytes_of(path)
    check_writable(path, "--write-config is to add entries to it")
    trial = _Trial(project, before.decode(), rows, lineage, now, then)
    text, config, entries = trial.fitting()
    return Extended(path, config, before, text.encode(), entries)


@dataclass
class _Trial:
    """Reads the config with entries in it, and makes them fit what it says to them."""

    project: Project
    text: str
    rows: Mapping[Alias, LiveKey]
    lineage: str
    now: datetime
    then: str
    terms: dict[Alias, Terms] = field(init=False)

    def __post_init__(self) -> None:
        self.terms = {alias: Terms(frozenset(_unwritable(row))) for alias, row in self.rows.items()}

    def fitting(self) -> tuple[str, Config, dict[Alias, Entry]]:
        odd = [alias for alias in self.rows if alias_problem(alias)]
        left = ""
        for _ in range(_MOST_TRIES):
            entries = {
                alias: entry_of(self.rows[alias], self.terms[alias]) for alias in sorted(self.rows, key=natural_order)
            }
            fields: Mapping[str, Mapping[str, Json]] = {alias: entry.fields for alias, entry in entries.items()}
            text = with_keys(self.text, fields, imports=odd, then=self.then)
            known = dict(self.terms)
            try:
                config = loaded(self.project, text)
            except ConfigError as error:
                left = "\n".join(f"{problem.where.path}: {problem.sentence}" for problem in error.problems)
                self._learn_from(error.problems, entries)
            else:
                disputes = self._disputes(config)
                if not any(disputes.values()):
                    return text, config, entries
                left = "\n".join(f"{alias}: {', '.join(sorted(paths))}" for alias, paths in disputes.items() if paths)
            if self.terms == known:
                break
        raise EntryImpossible(left, hint="write the entry by hand, then run the command without --write-config")

    def _disputes(self, config: Config) -> dict[Alias, frozenset[str]]:
        """Where the config asks something else of the keys than what they have; the terms take note of it."""
        declared: dict[Alias, DesiredKey] = {key.alias: key for key in config.keys}
        found: dict[Alias, frozenset[str]] = {}
        for alias, row in self.rows.items():
            found[alias] = disputed(declared[alias], row, self.lineage, self.now)
            if found[alias]:
                known = replace(self.terms[alias], ignored=declared[alias].ignore_changes)
                self.terms[alias] = known.disputing(found[alias])
        return found

    def _learn_from(self, problems: Iterable[Located], entries: Mapping[Alias, Entry]) -> None:
        """Take note of what the config's problems say about the entries."""
        places = {
            place: (alias, path)
            for alias, entry in entries.items()
            for path, place in _places(child_path("keys", alias), entry.fields)
        }
        for problem in problems:
            where = problem.where.path
            if where.startswith("defaults."):
                for alias, entry in entries.items():
                    self.terms[alias] = _agreeing(self.terms[alias], where.removeprefix("defaults."), entry)
            for place in _enclosing(where):
                if place in places:
                    alias, path = places[place]
                    self.terms[alias] = _refusing(self.terms[alias], path, entries[alias])


def _enclosing(where: str) -> Iterator[str]:
    """The dotted paths of a field and of all that it stands in."""
    yield where
    yield from (where[:end] for end, character in enumerate(where) if character in ".[")


def _refusing(terms: Terms, path: str, entry: Entry) -> Terms:
    """The terms of a config that does not take an attribute as an entry says it."""
    if path == "allowed_routes" and "key_type" not in {*entry.fields, *terms.inherited}:
        return replace(terms, inherited=terms.inherited | {"key_type"})  # it is inherited, and sets the routes itself
    return replace(terms, refused=terms.refused | {path})


def _agreeing(terms: Terms, path: str, entry: Entry) -> Terms:
    """The terms of a config whose defaults do not go together with what an entry says."""
    if (path in PAIR and path not in entry.fields) or path in ("allowed_routes", "soft_budget"):
        return replace(terms, inherited=terms.inherited | {path})
    name = path.removeprefix("metadata.")
    if name != path and name in entry.fields and ATTRIBUTES[name].home is Home.METADATA:
        return replace(terms, refused=terms.refused | {name})  # to be said under metadata, as the defaults do
    return terms


def _places(base: str, fields: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """The flat paths of what an entry says, each with its place in the config."""
    for name, value in fields.items():
        place = child_path(base, name)
        if (attribute := ATTRIBUTES.get(name)) and attribute.kind is Kind.OPEN and isinstance(value, dict):
            for key in value:
                yield f"{name}.{key}", child_path(place, key)
        elif name != "lifecycle":
            yield name, place


def _unwritable(row: LiveKey) -> Iterator[str]:
    """The attributes that cannot stand in a config whatever it says: above all what looks like a key value."""
    for path, value in row.attributes.items():
        _, dot, key = path.partition(".")
        if (dot and _bad_text(key, name=True)) or _holds_unwritable(value, _DEEPEST):
            yield path


def _holds_unwritable(value: Json, depth: int) -> bool:
    if depth == 0:
        return True
    match value:
        case str():
            return _bad_text(value, name=False)
        case list():
            return any(_holds_unwritable(inner, depth - 1) for inner in value)
        case dict():
            return any(
                _bad_text(name, name=True) or _holds_unwritable(inner, depth - 1) for name, inner in value.items()
            )
        case _:
            return False


def _bad_text(text: str, *, name: bool) -> bool:
    return (name and not text) or looks_like_key(text) or unfit(text) is not None
