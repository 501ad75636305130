"""Pages of ``GET /key/list``, in our words.

Default order is newest first, and total (``created_at desc, token desc``; 1.72 to 1.105). Pages are cut by offset, so
that a key that is deleted while they are read makes another one slip between two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from vkstate.keys import LiveKey, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import BadAnswer, ServerFault
from vkstate.litellm.rows import live_key
from vkstate.litellm.wire import BulkInfo, ListPage, Row, TokenPage, parse

PATH: Final = "/key/list"
INFO_PATH: Final = "/v2/key/info"
PAGE: Final = 100
"""Keys a page: the most that LiteLLM gives (422 above)."""

MOST_KEYS: Final = 10_000_000
"""Keys on one proxy from which on its count is not believed: all rows of so many are some 20 GB."""

_AnyPage = TypeVar("_AnyPage", ListPage, TokenPage)


@dataclass(frozen=True)
class Page:
    """One page. ``total`` and ``pages`` count all keys that the filters admit."""

    keys: tuple[LiveKey, ...]
    total: int
    pages: int
    incomplete: frozenset[Token] = field(default=frozenset())
    """Those whose row lacks what ``/v2/key/info`` shows."""

    @property
    def whole(self) -> bool:
        """Whether nothing is left for another page."""
        return self.total <= len(self.keys)


def read_page(connection: Connection, number: int = 1, filters: Mapping[str, str] | None = None) -> Page:
    """A page of the proxy's keys, from 1.

    A row that LiteLLM itself cannot read (a JSON null in its database) makes the whole page a 500; its page is then
    read key by key, by the tokens alone.

    :param filters: further query parameters of ``/key/list``.
    """
    params = {"page": str(number), "size": str(PAGE), **(filters or {})}
    answer = connection.exchange("GET", PATH, params={**params, "return_full_object": "true"})
    if answer.status >= 300:
        error = connection.verdict(answer)
        if answer.status == 500 and isinstance(error, ServerFault):
            return _by_tokens(connection, params, error)
        raise error
    page = _counted(parse(ListPage, answer, connection.url), connection)
    rows = [(Token(_token(row, connection)), row) for row in page.keys]
    return Page(
        keys=tuple(live_key(row, token) for token, row in rows),
        total=page.total_count,
        pages=page.total_pages,
        incomplete=frozenset(token for token, row in rows if not row.complete),
    )


def read_count(connection: Connection) -> Page:
    """How many keys the proxy has, on a page that shows none of them."""
    answer = connection.get(PATH, {"page": "1", "size": "1"})
    page = _counted(parse(TokenPage, answer, connection.url), connection, 1)
    return Page((), page.total_count, -(-page.total_count // PAGE))


def read_rows(connection: Connection, tokens: list[Token]) -> list[Row]:
    """The rows of those of at most 500 keys that exist, in LiteLLM's order; from 1.90 on without their tokens."""
    if not tokens:
        return []  # LiteLLM answers 422
    answer = connection.post(INFO_PATH, {"keys": list(tokens)}, repeat=True)
    return parse(BulkInfo, answer, connection.url).info


def read_row(connection: Connection, token: Token) -> Row | None:
    """One row by its token, or None where the key does not exist (now: a deleted key is not shown either)."""
    rows = read_rows(connection, [token])
    if len(rows) > 1 or (rows and rows[0].token not in (None, token)):
        raise BadAnswer(f"POST {connection.url}{INFO_PATH} was asked for one key and answered others.")
    return rows[0] if rows else None


def read_one(connection: Connection, token: Token) -> LiveKey | None:
    """One key by its token, as :func:`read_row`."""
    row = read_row(connection, token)
    return live_key(row, token) if row else None


def read_listed(connection: Connection, token: Token) -> LiveKey | None:
    """One key as ``/key/list`` shows it, with its object permission; None where it does not exist."""
    page = read_page(connection, 1, {"key_hash": token})
    return next((key for key in page.keys if key.token == token), None)


def _by_tokens(connection: Connection, params: Mapping[str, str], fault: ServerFault) -> Page:
    try:
        answer = connection.get(PATH, params)
    except ServerFault:
        raise fault from None
    page = _counted(parse(TokenPage, answer, connection.url), connection)
    keys = connection.each(lambda token: read_one(connection, Token(token)), page.keys)
    return Page(tuple(key for key in keys if key), page.total_count, page.total_pages)


def _counted(page: _AnyPage, connection: Connection, size: int = PAGE) -> _AnyPage:
    """A page whose counts go together: LiteLLM divides the one by the size that it is asked for (1.72 to 1.105).

    With others, keys would be missed, or pages asked for without end; as with a count that no proxy has.
    """
    if page.total_count > MOST_KEYS:
        raise BadAnswer(
            f"GET {connection.url}{PATH} counts {page.total_count:,} keys, and no LiteLLM keeps so many.",
            hint="see whether a gateway in front of LiteLLM changes its answers",
        )
    if page.total_count < 0 or page.total_pages != -(-page.total_count // size):
        raise BadAnswer(
            f"GET {connection.url}{PATH} counts {page.total_count} keys on {page.total_pages} pages of {size}.",
            hint="see whether a gateway in front of LiteLLM changes its answers",
        )
    return page


def _token(row: Row, connection: Connection) -> str:
    if row.token is None:
        raise BadAnswer(f"GET {connection.url}{PATH} answered a key without its token.")
    return row.token
