"""The proxy as the executor uses it: :class:`vkstate.executor.ports.Proxy` over LiteLLM's key API (1.72 to 1.105)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from typing import Final

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import (
    AliasTaken,
    AnswerLost,
    ClientValuesRefused,
    CreateOrder,
    Newest,
    Refused,
    Sought,
    UpdateOrder,
)
from vkstate.keys import Alias, KeyValue, LiveKey, Token
from vkstate.litellm.client import PARALLELISM, Connection
from vkstate.litellm.convert import generate_body, hidden_texts, live_key, needs_current, update_body
from vkstate.litellm.errors import BadAnswer, NoAnswer, NoDatabase, NotLiteLLM, ServerFault
from vkstate.litellm.faults import fault_of
from vkstate.litellm.listing import PAGE, Page, read_one, read_page, read_rows
from vkstate.litellm.transport import Answer
from vkstate.litellm.wire import Generated, Row, parse

BATCH: Final = 500
"""Keys a ``/v2/key/info`` request: 0.2 to 0.3 s."""

_CLOCK_TOLERANCE: Final = timedelta(seconds=2)
_DELETE_TIMEOUT: Final = 60.0
_READ_AGAIN: Final = 2

_SURELY_NOT_DONE: Final = frozenset({400, 403, 404, 413, 422})
"""Statuses with which LiteLLM refuses a create that it has not carried out (1.72 to 1.105). Others, such as a gateway's
408 or 409, may come after it was: reading back decides."""

_PASSING: Final = (ServerFault, NoDatabase)
"""After these a create or a delete may have been done. A busy LiteLLM, too, says for a moment that its database is gone
(1.105): what is true is told by reading back, which fails by its own name where the database is really away."""


class LiteLLMProxy:
    """A LiteLLM proxy behind a connection. Every method may be called from several threads at once.

    :param parallelism: requests at a time, where one call needs several.
    """

    def __init__(self, connection: Connection, *, parallelism: int = PARALLELISM) -> None:
        self.connection = connection
        self.parallelism = parallelism

    def __repr__(self) -> str:
        return f"LiteLLMProxy({self.connection.url!r})"

    def now(self) -> datetime:
        """The server's clock, from its ``Date`` headers."""
        return self.connection.now()

    def create(self, order: CreateOrder) -> KeyValue | None:
        """``POST /key/generate``, once. See :meth:`vkstate.executor.ports.Proxy.create`.

        A 500 is an answer lost even where it is LiteLLM's way to refuse bad input (an unknown ``budget_id``): its words
        are kept, and reading back decides.
        """
        body = generate_body(order, self.now())
        with _answer_or_lost():
            answer = self.connection.exchange("POST", "/key/generate", body=body, repeat=False)
        if answer.status >= 300:
            raise self._refusal(answer, hidden_texts(body, order.sensitive))
        try:
            made = KeyValue(parse(Generated, answer, self.connection.url).key.get_secret_value())
        except (BadAnswer, NotLiteLLM) as error:
            raise AnswerLost(error.detail, hint=error.hint) from error
        return None if order.value and made.token == order.value.token else made

    def _refusal(self, answer: Answer, secrets: Sequence[str]) -> VkstateError:
        fault = fault_of(answer)
        error = self.connection.verdict(answer, secrets)
        if fault.alias_taken:
            return AliasTaken(error.detail, hint=error.hint)
        if fault.client_values_refused:
            return ClientValuesRefused(error.detail, hint=error.hint)
        unclear = isinstance(error, Refused) and not fault.enterprise and answer.status not in _SURELY_NOT_DONE
        return AnswerLost(error.detail, hint=error.hint) if unclear or isinstance(error, _PASSING) else error

    def update(self, order: UpdateOrder) -> LiveKey:
        """``POST /key/update``, and the key as its answer shows it. See :meth:`vkstate.executor.ports.Proxy.update`."""
        token = order.sought.token
        current = self._current(order) if needs_current(order) else None
        secrets: list[str] = []

        def body() -> Mapping[str, Json]:
            """Made anew for each attempt: a duration counts from the moment of sending."""
            made = update_body(order, current, self.now())
            secrets[:] = hidden_texts(made, order.sensitive)
            return made

        with _answer_or_lost():
            answer = self.connection.exchange("POST", "/key/update", body=body)
        if answer.status >= 300:
            fault = fault_of(answer)
            if fault.no_such_key:
                raise _gone(order)
            error = self.connection.verdict(answer, secrets)
            if fault.alias_taken:
                raise AliasTaken(error.detail, hint=error.hint)
            raise AnswerLost(error.detail, hint=error.hint) if isinstance(error, ServerFault) else error
        row = self._answered_row(answer)
        if row is None:
            return self._current(order)
        answered = live_key(row, token)
        if not _blind(order, row):
            return answered
        again = self._current(order)  # which lacks what only the answer shows, such as object_permission
        return replace(again, attributes={**answered.attributes, **again.attributes})

    def _answered_row(self, answer: Answer) -> Row | None:
        """The row in the answer of an update, or None where it holds none."""
        row = parse(Row, answer, self.connection.url)
        return row if "models" in row.model_fields_set else None

    def _current(self, order: UpdateOrder) -> LiveKey:
        key = read_one(self.connection, order.sought.token)
        if key is None:
            raise _gone(order)
        return key

    def delete(self, tokens: Sequence[Token]) -> None:
        """``POST /key/delete`` by token. See :meth:`vkstate.executor.ports.Proxy.delete`.

        Its answer lists what was asked for, not what was deleted; 404 says that none of them existed.
        """
        if not tokens:
            return
        body: dict[str, Json] = {"keys": list(tokens)}
        with _answer_or_lost():
            answer = self.connection.exchange("POST", "/key/delete", body=body, timeout=_DELETE_TIMEOUT)
        if answer.status >= 300 and not fault_of(answer).no_such_key:
            error = self.connection.verdict(answer)
            raise AnswerLost(error.detail, hint=error.hint) if isinstance(error, _PASSING) else error

    def find(self, sought: Collection[Sought]) -> Mapping[Token, LiveKey]:
        """Those of the sought keys that exist now, by ``/v2/key/info``, 500 a request.

        Rows come without their token from 1.90 on. Such a row is matched by our id in its metadata and its alias
        together, where both sides are unique; for rows that cannot be matched so (renamed, metadata wiped) the keys
        that are left are asked for one by one, which needs no matching.
        """
        wanted = list(sought)
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        found: dict[Token, LiveKey] = {}
        for batch in self.connection.each(self._find_batch, batches, self.parallelism):
            found |= batch
        return found

    def _find_batch(self, sought: Sequence[Sought]) -> dict[Token, LiveKey]:
        rows = read_rows(self.connection, [one.token for one in sought])
        found, unmatched = _matched(sought, rows)
        if not unmatched:
            return found
        left = [one.token for one in sought if one.token not in found]
        keys = self.connection.each(lambda token: read_one(self.connection, token), left, self.parallelism)
        return found | {key.token: key for key in keys if key}

    def find_alias(self, alias: Alias) -> tuple[LiveKey, ...]:
        """Every key that bears exactly this alias now, by ``/key/list?key_alias=``; filtered here once more."""
        found: dict[Token, LiveKey] = {}
        number = 1
        while True:
            page = read_page(self.connection, number, {"key_alias": alias})
            found |= {key.token: key for key in page.keys if key.alias == alias}
            if number >= page.pages or not page.keys:
                return tuple(found.values())
            number += 1

    def newest(self, since: datetime, most: int, expected: int = 0) -> Newest:
        """The newest keys of the proxy back to an instant of the server's clock, reading at most ``most`` of them.

        Where keys were deleted while the pages were read, one may have slipped between them: they are read again.

        :param expected: so many are surely newer; their pages are read at once.
        """
        newest = Newest((), complete=False)
        for _ in range(_READ_AGAIN):
            newest, steady = self._newest_once(since - _CLOCK_TOLERANCE, most, expected)
            if steady:
                return newest
        return replace(newest, complete=False)

    def _newest_once(self, since: datetime, most: int, expected: int) -> tuple[Newest, bool]:
        found: dict[Token, LiveKey] = {}
        total: int | None = None
        steady = True
        for number, page in enumerate(self._pages(max(1, ceil(min(expected, most) / PAGE))), start=1):
            steady = steady and (total is None or page.total >= total)
            total = page.total
            found |= {key.token: key for key in page.keys}
            older = any(key.created_at is not None and key.created_at < since for key in page.keys)
            if older or number >= page.pages or not page.keys:
                return Newest(tuple(found.values()), complete=True), steady
            if number * PAGE >= most:
                break
        return Newest(tuple(found.values()), complete=False), steady

    def _pages(self, ahead: int) -> Iterator[Page]:
        """The pages of the proxy's keys from the first on; so many of them are read at once."""
        yield from self.connection.each(self._page, range(1, ahead + 1), self.parallelism)
        yield from map(self._page, count(ahead + 1))

    def _page(self, number: int) -> Page:
        return read_page(self.connection, number)


def _matched(sought: Sequence[Sought], rows: Sequence[Row]) -> tuple[dict[Token, LiveKey], bool]:
    """The rows that are surely one of the sought keys, by token; and whether there are rows left over."""
    asked = {one.token: one for one in sought}
    by_mark = Counter((one.id, one.alias) for one in sought)
    token_of = {(one.id, str(one.alias)): one.token for one in sought if by_mark[one.id, one.alias] == 1}
    keys = [live_key(row, Token(row.token or "")) for row in rows]
    rows_by_mark = Counter(mark for key in keys if (mark := _mark(key)))
    found: dict[Token, LiveKey] = {}
    unmatched = False
    for key in keys:
        if key.token:
            if key.token in asked:
                found[key.token] = key
            continue
        mark = _mark(key)
        token = token_of.get(mark) if mark and rows_by_mark[mark] == 1 else None
        if token is None:
            unmatched = True
        else:
            found[token] = replace(key, token=token)
    return found, unmatched


def _mark(key: LiveKey) -> tuple[str, str] | None:
    """What tells a row without its token: our id and the alias."""
    return (key.stamp.id, key.alias) if key.stamp and key.alias is not None else None


def _blind(order: UpdateOrder, row: Row) -> bool:
    """Whether the answer cannot show what was asked: it never holds the budget row (1.72 to 1.105)."""
    return "soft_budget" in {*order.assign, *order.clear} and not row.complete


def _gone(order: UpdateOrder) -> Refused:
    return Refused(
        f"The key {order.sought.alias} is gone from the proxy: somebody deleted it since it was read.",
        hint="plan again: vkstate plan",
    )


@contextmanager
def _answer_or_lost() -> Iterator[None]:
    """A write that was sent and got no complete answer, or "later" to all its repetitions, may have been done."""
    try:
        yield
    except (NoAnswer, ServerFault) as error:
        raise AnswerLost(error.detail, hint=error.hint) from error
