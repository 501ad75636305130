"""Reads the live keys that a plan needs, in the cheapest correct way: the cost follows what we own, never how many keys
the proxy holds.

- One page of the newest keys comes first: it counts all keys, and proves the url and the master key. Where all keys are
  on it, it answers nearly everything.
- Our keys are read by token, 500 a request. Nothing counts as missing before it was asked for by token.
- Keys under an alias are sought by prefix (where the server can), by alias one by one, or in a full listing, whichever
  costs least. A full listing counts only when it is complete.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from vkstate.executor.ports import Sought
from vkstate.keys import Alias, Live, LiveKey, Token
from vkstate.litellm.capabilities import searches_by_prefix
from vkstate.litellm.client import PARALLELISM
from vkstate.litellm.listing import Page, read_page
from vkstate.litellm.proxy import LiteLLMProxy

_PAGE_COST: Final = 5
"""A full page costs about as much time as this many look-ups of one alias (beside 20,000 keys, all versions)."""

_SHORTEST_PREFIX: Final = 3
_LISTINGS: Final = 2
"""How often an incomplete listing is read before the aliases are looked up one by one instead."""

_LAST_WORD: Final = re.compile(r"[A-Za-z0-9]*$")


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


@dataclass
class _Reading:
    proxy: LiteLLMProxy
    parallelism: int
    rows: dict[Token, LiveKey] = field(default_factory=dict)

    def read(self, known: Collection[Sought], new_aliases: Collection[Alias]) -> Live:
        first = read_page(self.proxy.connection)
        whole = first.pages <= 1
        if whole:
            self.rows = {key.token: key for key in first.keys}
        ours = self._ours(known, first if whole else None)
        self.rows |= ours
        if not whole:
            astray = [one.alias for one in known if one.token not in ours or ours[one.token].alias != one.alias]
            self._add_aliases({*new_aliases, *astray}, first)
        wanted = {one.token for one in known}
        asked = {*new_aliases, *(one.alias for one in known)}
        keys = [key for key in self.rows.values() if key.token in wanted or key.alias in asked]
        return Live(tuple(sorted(keys, key=lambda key: key.token)), first.total)

    def _ours(self, known: Collection[Sought], whole: Page | None) -> Mapping[Token, LiveKey]:
        """Our keys by token: from the one page that holds every key, as far as its rows show all there is.

        Both ways show the same of a key, or what is drift would hang on how many keys others have.
        """
        if whole is None:
            return self.proxy.find(known)
        listed = {key.token: _as_by_token(key) for key in whole.keys if key.token not in whole.incomplete}
        asked = [one for one in known if one.token not in listed]
        found = self.proxy.find(asked) if asked else {}
        return {one.token: listed[one.token] for one in known if one.token in listed} | dict(found)

    def _add_aliases(self, aliases: Collection[Alias], first: Page) -> None:
        """Add every row under these aliases, on a proxy with more than one page."""
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
            numbers = range(2, first.pages + 1)
            rest = self.proxy.connection.each(
                lambda number: read_page(self.proxy.connection, number, filters), numbers, self.parallelism
            )
            pages = [first, *rest]
            keys = {key.token: key for page in pages for key in page.keys}
            if len(keys) == pages[0].total == pages[-1].total:
                self._add(keys.values())
                return True
            first = read_page(self.proxy.connection, 1, filters)
        return False

    def _add_prefix(self, prefix: str, members: list[Alias]) -> bool:
        """Add all rows whose alias contains the prefix; False where so many do that look-ups are cheaper.

        LiteLLM reads ``%`` and ``_`` in it as wildcards, and ignores case: more rows come, never fewer.
        """
        filters = {"key_alias": prefix, "substring_matching": "true"}
        first = read_page(self.proxy.connection, 1, filters)
        if (first.pages - 1) * _PAGE_COST > len(members):
            return False
        return self._add_listing(first, filters)


def _as_by_token(key: LiveKey) -> LiveKey:
    """A key of ``/key/list`` as ``/v2/key/info`` shows it: of ``object_permission`` it has only the id."""
    shown = {path: value for path, value in key.attributes.items() if not path.startswith("object_permission.")}
    return replace(key, attributes=shown)


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
