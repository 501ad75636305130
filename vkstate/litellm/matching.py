"""Our keys by token, although ``/v2/key/info`` answers rows without it from LiteLLM 1.90 on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from vkstate.executor.ports import Sought
from vkstate.keys import LiveKey, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.listing import read_row, read_rows
from vkstate.litellm.rows import live_key, stamp_of
from vkstate.litellm.wire import Row

BATCH: Final = 500
"""Keys a ``/v2/key/info`` request: 0.2 to 0.3 s."""


@dataclass(frozen=True)
class Found:
    """Those of the sought keys that exist.

    ``permits_unseen`` are those with an object permission, of which these rows show no more than that there is one.
    """

    keys: Mapping[Token, LiveKey]
    permits_unseen: frozenset[Token]


def find_keys(
    connection: Connection, sought: Collection[Sought], parallelism: int, *, beside: Callable[[], object] | None = None
) -> Found:
    """Those of the sought keys that exist now, by ``/v2/key/info``.

    A row without its token is matched by our id in its metadata and its alias together, where both sides are unique;
    for rows that cannot be matched so (renamed, metadata wiped) the keys that are left are asked for one by one, which
    needs no matching.

    :param beside: another request, sent at the same time.
    """
    wanted = list(sought)
    found: dict[Token, LiveKey] = {}
    unseen: set[Token] = set()

    def find(batch: Sequence[Sought]) -> None:
        rows = _batch(connection, batch, parallelism)
        found.update({token: live_key(row, token) for token, row in rows.items()})
        unseen.update(token for token, row in rows.items() if row.permits_unseen)

    asks: list[Callable[[], object]] = [beside] if beside else []
    asks += [partial(find, wanted[start : start + BATCH]) for start in range(0, len(wanted), BATCH)]
    connection.each(lambda ask: ask(), asks, parallelism)
    return Found(found, frozenset(unseen))


def _batch(connection: Connection, sought: Sequence[Sought], parallelism: int) -> dict[Token, Row]:
    rows = read_rows(connection, [one.token for one in sought])
    found, unmatched = _matched(sought, rows)
    if not unmatched:
        return found
    left = [one.token for one in sought if one.token not in found]
    single = connection.each(lambda token: read_row(connection, token), left, parallelism)
    return found | {token: row for token, row in zip(left, single, strict=True) if row}


def _matched(sought: Sequence[Sought], rows: Sequence[Row]) -> tuple[dict[Token, Row], bool]:
    """The rows that are surely one of the sought keys, by token; and whether there are rows left over."""
    asked = {one.token for one in sought}
    found = {Token(row.token): row for row in rows if row.token and row.token in asked}
    nameless = [(row, _mark(row)) for row in rows if not row.token]
    by_mark = Counter((one.id, one.alias) for one in sought)
    token_of = {(one.id, str(one.alias)): one.token for one in sought if by_mark[one.id, one.alias] == 1}
    rows_by_mark = Counter(mark for _, mark in nameless)
    unmatched = False
    for row, mark in nameless:
        token = token_of.get(mark) if mark and rows_by_mark[mark] == 1 else None
        if token is None or token in found:
            unmatched = True
        else:
            found[token] = row
    return found, unmatched


def _mark(row: Row) -> tuple[str, str] | None:
    """What tells a row without its token: our id and the alias."""
    stamp = stamp_of(row)
    return (stamp.id, row.key_alias) if stamp and row.key_alias is not None else None
