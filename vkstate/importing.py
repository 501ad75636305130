"""Taking keys that others made into a project: what is recorded of them, and what a config says of them. Pure.

An imported key stays as it is but for our mark. What the config asks otherwise is the next plan's business; an entry
that is made for the key asks nothing otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from vkstate.attributes import ALWAYS_SENSITIVE, ATTRIBUTES, EXPIRY_PATHS, Attribute, Home, Json, Kind, attribute_of
from vkstate.canonical import is_clear, same
from vkstate.differences import STAMP_PATH, WORKSHOP_PATH, Comparison, compare
from vkstate.expiry import NEVER, format_instant
from vkstate.keys import Capabilities, DesiredKey, LiveKey
from vkstate.shown import live_value
from vkstate.unchanged import as_live

MARK_PATHS: Final = frozenset({STAMP_PATH, WORKSHOP_PATH})
"""All that an import changes of a key."""

_MADE_BY_LITELLM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""The id of a budget that nobody named. LiteLLM makes such a one for every ``soft_budget`` (``/key/generate``, 1.72 to
1.105)."""

_ROUTES_OF: Final[Mapping[str, list[Json]]] = {
    "llm_api": ["llm_api_routes"],
    "management": ["management_routes"],
    "read_only": ["info_routes"],
}
"""The ``allowed_routes`` that a ``key_type`` stands for (``/key/generate``, 1.80 to 1.105)."""

PAIR: Final = frozenset({"auto_rotate", "rotation_interval"})
"""Half of it is no rotation: LiteLLM drops one without the other, and a config takes both or none."""

_FIRST: Final = ("user_id", "models")
_PLAIN: Final = tuple(
    ATTRIBUTES[name]
    for name in (*_FIRST, *(name for name in ATTRIBUTES if name not in _FIRST))
    if ATTRIBUTES[name].kind is not Kind.OPEN
)
_FOLDED: Final = frozenset(item.name for item in _PLAIN if item.home is Home.METADATA)


def as_found(wanted: DesiredKey, live: LiveKey) -> DesiredKey:
    """A key of the config as it is recorded once it is imported: with the values that it has on the proxy.

    What is set only when a key is created, and not shown later, is taken as given: nobody could tell or change it.
    """
    found = as_live(wanted, live)
    given = {
        path: value
        for path, value in wanted.declared.items()
        if (attribute := attribute_of(path)) and not attribute.updatable and live_value(live, path) is None
    }
    return replace(found, declared={**found.declared, **given})


def disputed(wanted: DesiredKey, live: LiveKey, lineage: str, now: datetime) -> frozenset[str]:
    """Where the config asks something else of a key than what it has; our mark apart."""
    diffs, _ = compare(Comparison(lineage, wanted, None, live, Capabilities(), now))
    return frozenset(diff.path for diff in diffs if not diff.already_live) - MARK_PATHS


@dataclass(frozen=True)
class Terms:
    """What the config that is to hold an entry makes of it; each is found out by trying.

    ``refused`` are paths that the config cannot say as the key has them. ``inherited`` are paths that its ``defaults``,
    or what is built in, say otherwise; of these ``stubborn`` ones cannot be said otherwise in an entry. ``ignored`` is
    what the ``defaults`` leave alone already, under ``lifecycle.ignore_changes``.
    """

    refused: frozenset[str] = frozenset()
    inherited: frozenset[str] = frozenset()
    stubborn: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def disputing(self, paths: frozenset[str]) -> Terms:
        """These terms, once an entry left paths in dispute: they are to be said, or if that did not help, ignored."""
        closed = self.refused | self.inherited
        stubborn = {path for path in paths if path in closed or not _can_be_said_otherwise(path)}
        return replace(self, inherited=self.inherited | paths, stubborn=self.stubborn | stubborn)


def _can_be_said_otherwise(path: str) -> bool:
    """Whether an entry can say of an inherited attribute that the key has none: not of the keys of an open object."""
    attribute = attribute_of(path)
    return attribute is not None and attribute.kind is not Kind.OPEN


@dataclass(frozen=True)
class Entry:
    """What a config says of a key, in the order in which it is written, and what it does not say.

    ``hidden`` are paths that may hold credentials: they are never written. ``unsaid`` are paths that the config cannot
    say. ``ignored`` are paths that ``lifecycle.ignore_changes`` leaves alone, since ``defaults`` say otherwise.
    """

    fields: Mapping[str, Json] = field(repr=False)
    hidden: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def entry_of(live: LiveKey, terms: Terms = Terms()) -> Entry:
    """The entry of a key under which a plan finds nothing to do.

    Every attribute that has a value is declared, folded ones once, under their own names. The expiry is always
    declared, and the user id wherever it is not the alias, which it would be otherwise. Our mark, and what only a newer
    LiteLLM knows (``extra``), is not.
    """
    return _Writing(live, terms).entry()


@dataclass
class _Writing:
    live: LiveKey
    terms: Terms
    hidden: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)

    def entry(self) -> Entry:
        fields = dict(self._attributes())
        for name in ("object_permission", "metadata"):
            if parts := self._parts(ATTRIBUTES[name], fields):
                fields[name] = parts
        fields |= dict.fromkeys(sorted(self._declined(fields)))
        if self.terms.stubborn:
            fields["lifecycle"] = {"ignore_changes": [*sorted(self.terms.stubborn | self.terms.ignored)]}
        unsaid = (path for path in self.unsaid if path not in self.terms.stubborn)
        return Entry(fields, tuple(self.hidden), tuple(unsaid), tuple(sorted(self.terms.stubborn)))

    def _attributes(self) -> Iterator[tuple[str, Json]]:
        for attribute in _PLAIN:
            name, value = attribute.name, self.live.attributes.get(attribute.name)
            if name == "user_id" and value is None and self._may_say(name):
                yield name, None
            elif self._has_value(attribute) and not self._left_out(name, value) and self._says(name):
                yield name, value
            if name == _FIRST[-1]:
                yield self._expiry()

    def _has_value(self, attribute: Attribute) -> bool:
        value = self.live.attributes.get(attribute.name)
        return value is not None and not same(value, attribute.empty)

    def _expiry(self) -> tuple[str, Json]:
        end = self.live.expires_at
        return ("expires_at", format_instant(end)) if end else ("duration", NEVER)

    def _left_out(self, name: str, value: Json) -> bool:
        """Whether a value goes without saying, or is said in another way: where nothing else would be inherited."""
        if name in self.terms.inherited:
            return False
        match name:
            case "user_id":
                return value == self.live.alias
            case "budget_id":
                return self._has_own_budget()
            case "soft_budget":
                return self._has_value(ATTRIBUTES["budget_id"]) and not self._has_own_budget()
            case "allowed_routes":
                return self._routes_follow()
            case "key_type":
                return self._has_value(ATTRIBUTES["allowed_routes"]) and not self._routes_follow()
            case _:
                return False

    def _has_own_budget(self) -> bool:
        """Whether the key's budget is only what LiteLLM made of a soft limit."""
        budget = str(self.live.attributes.get("budget_id"))
        return self._has_value(ATTRIBUTES["soft_budget"]) and _MADE_BY_LITELLM.fullmatch(budget) is not None

    def _routes_follow(self) -> bool:
        """Whether the entry says the key's routes by its type."""
        kind, routes = str(self.live.attributes.get("key_type")), self.live.attributes.get("allowed_routes")
        told = self._may_say("key_type") and "allowed_routes" not in self.terms.inherited
        return told and kind in _ROUTES_OF and same(routes, _ROUTES_OF[kind])

    def _says(self, path: str) -> bool:
        """Whether an attribute is written under its own name; where it is not, it is noted why."""
        if path in ALWAYS_SENSITIVE:
            self.hidden.append(path)
            return False
        if self._may_say(path):
            return True
        if path not in _FOLDED:  # a folded one may be said under metadata
            self.unsaid.append(path)
        return False

    def _may_say(self, path: str) -> bool:
        return path not in self.terms.refused and path not in self.terms.stubborn

    def _parts(self, attribute: Attribute, fields: Mapping[str, Json]) -> dict[str, Json]:
        """The keys of an open object that the entry says."""
        parts: dict[str, Json] = {}
        prefix = f"{attribute.name}."
        for path in sorted(path for path in self.live.attributes if path.startswith(prefix)):
            key, value = path.removeprefix(prefix), self.live.attributes[path]
            folded = ATTRIBUTES.get(key) if attribute.name == "metadata" and key in _FOLDED else None
            if is_clear(path, value) or (folded and (key in fields or not self._has_value(folded))):
                continue
            if self._says(path):
                parts[key] = value
        return parts

    def _declined(self, fields: Mapping[str, Json]) -> frozenset[str]:
        """The inherited attributes of which the entry has to say that the key has none.

        Half of a pair is declined even where it is ignored: no config takes one half alone. So is a soft limit, which
        none takes beside a budget.
        """
        inherited = self.terms.inherited - (self.terms.stubborn - PAIR - {"soft_budget"}) - EXPIRY_PATHS
        return frozenset(path for path in inherited if path not in fields and path not in ALWAYS_SENSITIVE)
