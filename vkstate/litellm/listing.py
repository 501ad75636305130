"""Pages of ``GET /key/list``, in our words.

Default order is newest first, and total (``created_at desc, token desc``; 1.72 to 1.105). Pages are cut by offset, so
that a key that is deleted while they are read makes another one slip between two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vkstate.keys import LiveKey, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.convert import live_key
from vkstate.litellm.errors import BadAnswer, ServerFault
from vkstate.litellm.wire import BulkInfo, ListPage, Row, TokenPage, parse

PATH: Final = "/key/list"
INFO_PATH: Final = "/v2/key/info"
PAGE: Final = 100
"""Keys a page: the most that LiteLLM gives (422 above)."""


@dataclass(frozen=True)
class Page:
    """One page. ``total`` and ``pages`` count all keys that the filters admit."""

    keys: tuple[LiveKey, ...]
    total: int
    pages: int
    incomplete: frozenset[Token] = field(default=frozenset())
    """Those whose row lacks what ``/v2/key/info`` shows."""


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
    page = parse(ListPage, answer, connection.url)
    rows = [(Token(_token(row, connection)), row) for row in page.keys]
    return Page(
        keys=tuple(live_key(row, token) for token, row in rows),
        total=page.total_count,
        pages=page.total_pages,
        incomplete=frozenset(token for token, row in rows if not row.complete),
    )


def read_rows(connection: Connection, tokens: list[Token]) -> list[Row]:
    """The rows of those of at most 500 keys that exist, in LiteLLM's order; from 1.90 on without their tokens."""
    if not tokens:
        return []  # LiteLLM answers 422
    answer = connection.post(INFO_PATH, {"keys": list(tokens)}, repeat=True)
    return parse(BulkInfo, answer, connection.url).info


def read_one(connection: Connection, token: Token) -> LiveKey | None:
    """One key by its token, or None where it does not exist (now: a deleted key is not shown either)."""
    rows = read_rows(connection, [token])
    if len(rows) > 1 or (rows and rows[0].token not in (None, token)):
        raise BadAnswer(f"POST {connection.url}{INFO_PATH} was asked for one key and answered others.")
    return live_key(rows[0], token) if rows else None


def _by_tokens(connection: Connection, params: Mapping[str, str], fault: ServerFault) -> Page:
    try:
        answer = connection.get(PATH, params)
    except ServerFault:
        raise fault from None
    page = parse(TokenPage, answer, connection.url)
    keys = connection.each(lambda token: read_one(connection, Token(token)), page.keys)
    return Page(tuple(key for key in keys if key), page.total_count, page.total_pages)


def _token(row: Row, connection: Connection) -> str:
    if row.token is None:
        raise BadAnswer(f"GET {connection.url}{PATH} answered a key without its token.")
    return row.token
