"""Reads the live keys that a plan needs, in the cheapest correct way: the cost follows what we own, never how many keys
the proxy holds.

- Our keys are read by token, 500 a request, and meanwhile all keys of the proxy are counted.
- Where there are new aliases, or nothing is recorded, one page of the newest keys comes first, unless we have more keys
  than it holds: it counts as well, and where all keys are on it, it answers nearly everything.
- Nothing counts as missing before it was asked for by token.
- Only a listing shows what an object permission holds: of the keys that have one, it is looked up as well.
- Keys under an alias are sought by prefix (where the server can), by alias one by one, or in a full listing, whichever
  costs least. A full listing counts only when it is complete.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Final

from vkstate.executor.ports import PARALLELISM, Sought
from vkstate.keys import Alias, Live, LiveKey, Token
from vkstate.litellm.capabilities import searches_by_prefix
from vkstate.litellm.listing import PAGE, Page, read_count, read_listed, read_page
from vkstate.litellm.matching import Found
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.rows import permits

_PAGE_COST: Final = 5
"""A full page costs about as much time as this many look-ups of one alias (beside 20,000 keys, all versions)."""

_SHORTEST_PREFIX: Final = 3
_PAGES_AHEAD: Final = 8
"""Pages that each thread reads before it is looked at what they show."""

_LISTINGS: Final = 2
"""How often an incomplete listing is read before the aliases are looked up one by one instead."""

_NONE: Final = Found({}, frozenset())
_LAST_WORD: Final = re.compile(r"[A-Za-z0-9]*$")
_LITERAL_START: Final = re.compile(r"[^*?\[\\]*")
"""What a glob begins with; up to a backslash, by which LiteLLM's search escapes what follows."""


@dataclass(frozen=True)
class Matching:
    """The keys under the aliases that were asked for, with all that the proxy shows of them.

    ``total`` counts all keys of the proxy; ``seen`` are the aliases that were met on the way.
    """

    keys: tuple[LiveKey, ...]
    total: int
    seen: frozenset[str]


def read_live(
    proxy: LiteLLMProxy,
    known: Collection[Sought],
    new_aliases: Collection[Alias],
    *,
    parallelism: int = PARALLELISM,
) -> Live:
    """Our keys, and every row under an alias that is newly asked for or that one of our keys should bear and does not.

    :param known: every recorded key whose token is known.
    :param new_aliases: the aliases that the config asks for and no token is recorded for.
    :raises VkstateError: the proxy cannot be asked, told apart by cause (see ``vkstate.litellm.errors``).
    """
    return _Reading(proxy, parallelism).read(known, new_aliases)


def read_all(proxy: LiteLLMProxy, *, parallelism: int = PARALLELISM) -> tuple[LiveKey, ...] | None:
    """Every key of the proxy, as ``/key/list`` shows it; None where keys came and went faster than they were listed.

    :raises VkstateError: the proxy cannot be asked, told apart by cause (see ``vkstate.litellm.errors``).
    """
    return _Reading(proxy, parallelism).all()


def read_matching(
    proxy: LiteLLMProxy, aliases: Collection[Alias], globs: Collection[str], *, parallelism: int = PARALLELISM
) -> Matching | None:
    """Every key under one of these aliases, or whose alias one of these globs matches (or is, to the letter); None
    where keys came and went faster than they were listed.

    :raises VkstateError: the proxy cannot be asked, told apart by cause (see ``vkstate.litellm.errors``).
    """
    return _Reading(proxy, parallelism).matching(aliases, globs)


@dataclass
class _Reading:
    proxy: LiteLLMProxy
    parallelism: int
    rows: dict[Token, LiveKey] = field(default_factory=dict)

    def read(self, known: Collection[Sought], new_aliases: Collection[Alias]) -> Live:
        by_token = bool(known) and (not new_aliases or len(known) > PAGE)
        first, found = self._at_once(known) if by_token else self._by_turns(known)
        ours = self._ours(known, found, first)
        self.rows |= ours
        if not first.whole:
            astray = [one.alias for one in known if one.token not in ours or ours[one.token].alias != one.alias]
            self._add_aliases({*new_aliases, *astray}, first)
        wanted = {one.token for one in known}
        asked = {*new_aliases, *(one.alias for one in known)}
        keys = [key for key in self.rows.values() if key.token in wanted or key.alias in asked]
        return Live(tuple(sorted(keys, key=lambda key: key.token)), first.total)

    def _by_turns(self, known: Collection[Sought]) -> tuple[Page, Found]:
        """The first page, and then those of our keys that it does not show, or not with all there is.

        Both ways show the same of a key, or what is drift would hang on how many keys others have.
        """
        first = read_page(self.proxy.connection)
        if first.whole:
            self._add(first.keys)
        asked = [one for one in known if one.token not in self.rows.keys() - first.incomplete]
        return first, self.proxy.look_up(asked) if asked else _NONE

    def _at_once(self, known: Collection[Sought]) -> tuple[Page, Found]:
        """How many keys there are, on a page that shows none, and ours."""
        counts: list[Page] = []
        found = self.proxy.look_up(known, beside=lambda: counts.append(read_count(self.proxy.connection)))
        return counts[0], found

    def all(self) -> tuple[LiveKey, ...] | None:
        complete = self._add_listing(read_page(self.proxy.connection))
        return tuple(sorted(self.rows.values(), key=lambda key: key.token)) if complete else None

    def matching(self, aliases: Collection[Alias], globs: Collection[str]) -> Matching | None:
        first = read_page(self.proxy.connection)
        if first.whole:
            self._add(first.keys)
        elif not self._add_matching(aliases, globs, first):
            return None
        named = {*aliases, *globs}
        keys = [
            key
            for key in self.rows.values()
            if key.alias and (key.alias in named or any(fnmatchcase(key.alias, glob) for glob in globs))
        ]
        seen = frozenset(key.alias for key in self.rows.values() if key.alias)
        return Matching(tuple(sorted(self._in_full(keys), key=lambda key: key.token)), first.total, seen)

    def _add_matching(self, aliases: Collection[Alias], globs: Collection[str], first: Page) -> bool:
        """Add every row under these aliases and globs, where the first page is not all; False where a listing stayed
        incomplete. What globs begin with is searched for where the server can, else all keys are listed."""
        starts = {start[0] for glob in globs if (start := _LITERAL_START.match(glob))}
        narrow = len(starts) < first.pages and all(len(start) >= _SHORTEST_PREFIX for start in starts)
        if globs and not (
            narrow and searches_by_prefix(self.proxy.connection) and all(map(self._add_containing, sorted(starts)))
        ):
            return self._add_listing(first)
        self._add_aliases(aliases, first)
        return True

    def _add_containing(self, text: str) -> bool:
        """Add all rows whose alias contains a text; False where the listing stayed incomplete."""
        filters = _containing(text)
        return self._add_listing(read_page(self.proxy.connection, 1, filters), filters)

    def _in_full(self, keys: Collection[LiveKey]) -> Iterator[LiveKey]:
        """Rows of a listing with what only ``/v2/key/info`` shows, where they lack it: the budget, before 1.105."""
        lacking = [
            Sought(key.token, key.stamp.id if key.stamp else "", Alias(key.alias or ""))
            for key in keys
            if "soft_budget" not in key.attributes
        ]
        found = self.proxy.look_up(lacking).keys if lacking else {}
        for key in keys:
            whole = found.get(key.token)
            yield replace(whole, attributes={**whole.attributes, **permits(key)}) if whole else key

    def _ours(self, known: Collection[Sought], found: Found, first: Page) -> Mapping[Token, LiveKey]:
        """Our keys by token: from a listing of every key, as far as its rows show all there is, or looked up."""
        listed = self._listed(found.permits_unseen, first)
        looked_up = {
            token: replace(key, attributes={**key.attributes, **permits(listed[token])}) if token in listed else key
            for token, key in found.keys.items()
        }
        complete = self.rows.keys() - first.incomplete
        return {one.token: self.rows[one.token] for one in known if one.token in complete} | looked_up

    def _listed(self, tokens: Collection[Token], first: Page) -> Mapping[Token, LiveKey]:
        """Keys as a listing shows them: on the page that was read, else in a full listing or one by one."""
        listed = {key.token: key for key in first.keys}
        left = [token for token in tokens if token not in listed]
        if left and (first.pages - 1) * _PAGE_COST <= len(left) and self._add_listing(first):
            return self.rows
        rows = self.proxy.connection.each(
            lambda token: read_listed(self.proxy.connection, token), left, self.parallelism
        )
        return listed | {key.token: key for key in rows if key}

    def _add_aliases(self, aliases: Collection[Alias], first: Page) -> None:
        """Add every row under these aliases, where the first page is not all."""
        if not aliases:
            return
        groups, single = _by_prefix(aliases)
        by_listing, by_prefix = (first.pages - 1) * _PAGE_COST, len(groups) * _PAGE_COST + len(single)
        if by_prefix < min(by_listing, len(aliases)) and searches_by_prefix(self.proxy.connection):
            for prefix, members in groups.items():
                if not self._add_prefix(prefix, members):
                    single += members
        elif by_listing <= len(aliases) and self._add_listing(first):
            return
        else:
            single = sorted(aliases)
        for keys in self.proxy.connection.each(self.proxy.find_alias, single, self.parallelism):
            self._add(keys)

    def _add(self, keys: Iterable[LiveKey]) -> None:
        """Add rows of a listing; what was read by token shows more, and stays."""
        for key in keys:
            self.rows.setdefault(key.token, key)

    def _add_listing(self, first: Page, filters: Mapping[str, str] | None = None) -> bool:
        """Add all rows that the filters admit, by pages in parallel; False where the listing stayed incomplete."""
        for _ in range(_LISTINGS):
            if len(first.keys) < min(PAGE, first.total):
                first = read_page(self.proxy.connection, 1, filters)
            keys = {key.token: key for key in first.keys}
            last = self._add_pages(keys, first, filters)
            complete = last is not None and len(keys) == first.total == last.total
            again = first if complete and first.pages <= 1 else read_page(self.proxy.connection, 1, filters)
            if complete and _same(first, again):
                self._add(keys.values())
                return True
            first = again
        return False

    def _add_pages(self, keys: dict[Token, LiveKey], first: Page, filters: Mapping[str, str] | None) -> Page | None:
        """Add the keys of the pages after the first, and return the last of them.

        None as soon as it is clear that they are not all: a page before the last is not full, or shows only what others
        showed. A proxy that counts more than it has is thus not asked for all that it counts.
        """
        last, ahead = first, _PAGES_AHEAD * self.parallelism
        for start in range(2, first.pages + 1, ahead):
            numbers = range(start, min(start + ahead, first.pages + 1))
            for number, page in zip(
                numbers,
                self.proxy.connection.each(
                    lambda number: read_page(self.proxy.connection, number, filters), numbers, self.parallelism
                ),
                strict=True,
            ):
                new = {key.token: key for key in page.keys if key.token not in keys}
                if number < first.pages and (len(page.keys) < PAGE or not new):
                    return None
                keys |= new
                last = page
        return last

    def _add_prefix(self, prefix: str, members: list[Alias]) -> bool:
        """Add all rows whose alias contains the prefix; False where so many do that look-ups are cheaper.

        LiteLLM reads ``%`` and ``_`` in it as wildcards, and ignores case: more rows come, never fewer.
        """
        filters = _containing(prefix)
        first = read_page(self.proxy.connection, 1, filters)
        if (first.pages - 1) * _PAGE_COST > len(members):
            return False
        return self._add_listing(first, filters)


def _same(first: Page, again: Page) -> bool:
    """Whether the first page is what it was before the others were read.

    LiteLLM reads and counts a page's rows in two queries: a count may be newer than its rows, so that counts agree
    although a key was deleted, and with it one that slipped to the page before was missed (seen on 1.72.9).
    """
    return first.total == again.total and [key.token for key in first.keys] == [key.token for key in again.keys]


def _containing(text: str) -> Mapping[str, str]:
    """The filters of ``/key/list`` for aliases that contain a text."""
    return {"key_alias": text, "substring_matching": "true"}


def _by_prefix(aliases: Collection[Alias]) -> tuple[dict[str, list[Alias]], list[Alias]]:
    """Aliases that differ in their last word only, by all that they share; and those that stand alone."""
    groups: defaultdict[str, list[Alias]] = defaultdict(list)
    for alias in sorted(aliases):
        groups[_LAST_WORD.sub("", alias)].append(alias)
    worth = {
        _shared_start(members): members
        for stem, members in groups.items()
        if len(members) > _PAGE_COST and len(stem) >= _SHORTEST_PREFIX
    }
    grouped = {alias for members in worth.values() for alias in members}
    return worth, [alias for alias in sorted(aliases) if alias not in grouped]


def _shared_start(texts: Collection[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
