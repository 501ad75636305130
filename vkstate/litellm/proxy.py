"""The proxy as the executor uses it: :class:`vkstate.executor.ports.Proxy` over LiteLLM's key API (1.72 to 1.105)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from typing import Final

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import (
    PARALLELISM,
    AliasTaken,
    AnswerLost,
    ClientValuesRefused,
    CreateOrder,
    Newest,
    NotSent,
    Refused,
    Sought,
    TurnedAway,
    UpdateOrder,
)
from vkstate.keys import Alias, KeyValue, LiveKey, Token
from vkstate.litellm.client import Connection
from vkstate.litellm.convert import generate_body, hidden_texts, needs_current, update_body
from vkstate.litellm.errors import BadAnswer, NoAnswer, NoDatabase, NotLiteLLM, ServerFault
from vkstate.litellm.faults import fault_of
from vkstate.litellm.listing import PAGE, Page, read_listed, read_one, read_page
from vkstate.litellm.matching import Found, find_keys
from vkstate.litellm.refusals import explained, unknown
from vkstate.litellm.retry import is_later
from vkstate.litellm.rows import live_key, permits
from vkstate.litellm.teams import has_team
from vkstate.litellm.transport import Answer
from vkstate.litellm.wire import BudgetRows, Generated, Row, parse

_CLOCK_TOLERANCE: Final = timedelta(seconds=2)
_DELETE_TIMEOUT: Final = 60.0
_AGAIN: Final = "run vkstate apply again"
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
        self._teams: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"LiteLLMProxy({self.connection.url!r})"

    def now(self) -> datetime:
        """The server's clock, from its ``Date`` headers."""
        return self.connection.now()

    def left_when(self, too_long: Callable[[float], bool]) -> AbstractContextManager[None]:
        """See :meth:`vkstate.executor.ports.Proxy.left_when`."""
        return self.connection.left_when(too_long)

    def create(self, order: CreateOrder) -> KeyValue | None:
        """``POST /key/generate``, once, unless it is surely not carried out (429). See
        :meth:`vkstate.executor.ports.Proxy.create`.

        A 500 is an answer lost even where it is LiteLLM's way to refuse bad input: its words are kept, and reading back
        decides. A team is looked up first: LiteLLM makes a key for one that does not exist (1.72 to 1.105), and from
        1.90 on never changes it again.
        """
        team = order.declared.get("team_id")
        if isinstance(team, str) and not self._has_team(team):
            detail, hint = unknown("team_id", order.alias)
            raise Refused(detail, hint=hint)
        sent: dict[str, Json] = {}

        def body() -> Mapping[str, Json]:
            """Made when it is sent: a duration counts from that moment, and the proxy may have let it wait."""
            sent.update(generate_body(order, self.now()))
            return sent

        with _answer_or_lost():
            answer = self.connection.exchange("POST", "/key/generate", body=body, repeat=False)
        if answer.status >= 300:
            with _sent_already():
                raise self._refusal(answer, order.alias, sent, hidden_texts(sent, order.sensitive))
        try:
            made = KeyValue(parse(Generated, answer, self.connection.url).key.get_secret_value())
        except (BadAnswer, NotLiteLLM) as error:
            raise AnswerLost(error.detail, hint=error.hint) from error
        return None if order.value and made.token == order.value.token else made

    def _refusal(self, answer: Answer, alias: Alias, body: Mapping[str, Json], secrets: Sequence[str]) -> VkstateError:
        fault = fault_of(answer)
        if is_later(answer):
            what = f"{answer.request.method} {self.connection.url}{answer.request.path}"
            return TurnedAway(f"{what}: {self.connection.said(answer, secrets)}", hint=_AGAIN)
        error = explained(self.connection.verdict(answer, secrets), fault, alias, body)
        if fault.alias_taken:
            return AliasTaken(error.detail, hint=error.hint)
        if fault.client_values_refused:
            return ClientValuesRefused(error.detail, hint=error.hint)
        if fault.bare and self._lacks_budget(body.get("budget_id")):
            detail, hint = unknown("budget_id", alias)
            return Refused(detail, hint=hint)
        told = fault.enterprise or fault.reference or answer.status in _SURELY_NOT_DONE
        unclear = isinstance(error, Refused) and not told
        return AnswerLost(error.detail, hint=error.hint) if unclear or isinstance(error, _PASSING) else error

    def _has_team(self, team_id: str) -> bool:
        """Whether a team exists, asked once; True where that cannot be told."""
        if team_id not in self._teams:
            self._teams[team_id] = has_team(self.connection, team_id)
        return self._teams[team_id]

    def _lacks_budget(self, budget_id: Json) -> bool:
        """Whether a budget surely does not exist (``/budget/info``, 1.72 to 1.105)."""
        if not isinstance(budget_id, str):
            return False
        answer = self.connection.exchange("POST", "/budget/info", body={"budgets": [budget_id]})
        return answer.status < 300 and not parse(BudgetRows, answer, self.connection.url).root

    def update(self, order: UpdateOrder) -> LiveKey:
        """``POST /key/update``, and the key as its answer shows it. See :meth:`vkstate.executor.ports.Proxy.update`."""
        current = self._current(order) if needs_current(order) else None
        sent: dict[str, Json] = {}

        def body() -> Mapping[str, Json]:
            """Made anew for each attempt: a duration counts from the moment of sending."""
            sent.update(update_body(order, current, self.now()))
            return sent

        with _answer_or_lost():
            answer = self.connection.exchange("POST", "/key/update", body=body)
        if answer.status >= 300:
            fault = fault_of(answer)
            if fault.no_such_key:
                raise _gone(order)
            error = self.connection.verdict(answer, hidden_texts(sent, order.sensitive))
            if fault.alias_taken:
                raise AliasTaken(error.detail, hint=error.hint)
            error = explained(error, fault, order.sought.alias, sent)
            raise AnswerLost(error.detail, hint=error.hint) if isinstance(error, ServerFault) else error
        with _sent_already():
            return self._updated(order, answer)

    def _updated(self, order: UpdateOrder, answer: Answer) -> LiveKey:
        """The key as it is after an update, read once more as far as the answer does not show it."""
        token = order.sought.token
        row = self._answered_row(answer)
        if row is None:
            return self._current(order)
        answered = live_key(row, token)
        attributes = dict(answered.attributes)
        if _touches("soft_budget", order) and not row.complete:
            attributes |= self._current(order).attributes  # the answer never holds the budget row (1.72 to 1.105)
        if _touches("object_permission", order) and row.permits_unseen:
            attributes |= permits(read_listed(self.connection, token))
        return replace(answered, attributes=attributes)

    def _answered_row(self, answer: Answer) -> Row | None:
        """The row in the answer of an update, or None where it holds none.

        :raises AnswerLost: it does not even name a key, as LiteLLM's always does: somebody else answered.
        """
        row = parse(Row, answer, self.connection.url)
        if row.token is None and "key" not in row.__pydantic_extra__:
            what = f"{answer.request.method} {self.connection.url}{answer.request.path}"
            raise AnswerLost(f"{what} was answered, but not by LiteLLM.", hint=_AGAIN)
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
        """Those of the sought keys that exist now, by ``/v2/key/info``, 500 a request."""
        return self.look_up(sought).keys

    def look_up(self, sought: Collection[Sought], *, beside: Callable[[], object] | None = None) -> Found:
        """As :meth:`find`, and which of them have an object permission that these rows do not show.

        :param beside: another request, sent at the same time.
        """
        return find_keys(self.connection, sought, self.parallelism, beside=beside)

    def find_alias(self, alias: Alias) -> tuple[LiveKey, ...]:
        """Every key that bears exactly this alias now, by ``/key/list?key_alias=``; filtered here once more."""
        found: dict[Token, LiveKey] = {}
        number = 1
        while True:
            page = read_page(self.connection, number, {"key_alias": alias})
            new = {key.token: key for key in page.keys if key.token not in found}
            found |= new
            if number >= page.pages or not new:
                return tuple(key for key in found.values() if key.alias == alias)
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


def _touches(name: str, order: UpdateOrder) -> bool:
    return any(path.partition(".")[0] == name for path in (*order.assign, *order.clear))


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


@contextmanager
def _sent_already() -> Iterator[None]:
    """What follows a write that was answered: to go away from the gate then leaves open what was done."""
    try:
        yield
    except NotSent as error:
        raise AnswerLost(f"The answer came, and more was to be read: {error.detail}", hint=_AGAIN) from error
