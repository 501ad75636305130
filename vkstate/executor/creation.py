"""One create, carried out by a worker: sent, and where the answer is lost settled by reading, then sent again.

With a value that we made, the token is known before anything is sent, so that a lost answer costs one read and never a
second key. Where the proxy makes the value, a key whose answer was lost is found by our id, and deleted: nobody has its
value.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from vkstate.executor.ports import AliasTaken, AnswerLost, CreateOrder, NotSent, Proxy, Refused, Sought, TurnedAway
from vkstate.executor.stop import Stop
from vkstate.keys import KeyValue

ATTEMPTS: Final = 4
_FIRST_PAUSE: Final = 0.5


@dataclass(frozen=True)
class Answered:
    """A create that was answered or found; believed only when it is read back."""

    order: CreateOrder
    value: KeyValue


def create_once(proxy: Proxy, order: CreateOrder, stop: Stop) -> Answered:
    """Create a key exactly once.

    :raises Refused: it was not created; the words are the proxy's, or say whose the alias is.
    :raises AnswerLost: after several attempts it is not there, but one of them may still arrive.
    :raises NotSent: nothing was sent before the stop.
    :raises VkstateError: the proxy cannot be worked with at all.
    """
    sending = _Sending(proxy, order)
    for attempt in range(ATTEMPTS):
        if attempt and stop.wait(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter
            break
        try:
            made = sending.send()
        except AnswerLost as error:
            sending.lost = error
            with _settling(order):
                if settled := _settle(proxy, order):
                    return settled
                _remove_valueless(proxy, order)
        except AliasTaken as error:
            with _settling(order):
                if settled := _settle(proxy, order):
                    return settled
                taken = None if _remove_valueless(proxy, order) else _whose(proxy, order, error)
            if taken:
                raise (_still_lost(sending.lost, taken) if sending.lost else taken) from error
            sending.lost = AnswerLost(f"An earlier answer to the create of {order.alias} was lost.")
        except Refused as error:
            if sending.lost is None:
                raise
            raise _still_lost(sending.lost, error) from error
        else:
            return Answered(order, made or _own(order))
    assert sending.lost is not None  # noqa: S101 - every attempt that goes on has lost its answer
    raise sending.lost


@dataclass
class _Sending:
    """A create as it is sent. ``lost`` is the last sign that it may have been carried out, and nobody was told."""

    proxy: Proxy
    order: CreateOrder
    lost: AnswerLost | None = None

    def send(self) -> KeyValue | None:
        """Send it until the proxy lets it through. Had it been carried out although the proxy asked to come later, its
        alias would be taken, by this very key.
        """
        while True:
            try:
                return self.proxy.create(self.order)
            except TurnedAway as error:
                self.lost = error
            except NotSent:
                if self.lost is None:
                    raise
                raise self.lost from None


def _still_lost(lost: AnswerLost, error: Refused) -> AnswerLost:
    """A refusal does not undo what was sent before it: that one may still arrive."""
    return AnswerLost(f"{lost.detail} When it was sent again: {error.detail}", hint=error.hint)


@contextmanager
def _settling(order: CreateOrder) -> Iterator[None]:
    """A refusal to read or to delete says nothing about the create, nor does a stop before it: its key may exist."""
    try:
        yield
    except (Refused, NotSent) as error:
        detail = f"The proxy does not let it be known whether {order.alias} was created: {error.detail}"
        raise AnswerLost(detail, hint=error.hint) from error


def _own(order: CreateOrder) -> KeyValue:
    if order.value is None:
        raise AnswerLost("The proxy answered without the key value that it made.")
    return order.value


def _settle(proxy: Proxy, order: CreateOrder) -> Answered | None:
    """The key, where it exists after all; only a value that we made tells its token."""
    if order.value is None:
        return None
    token = order.value.token
    found = proxy.find([Sought(token, order.stamp.id, order.alias)])
    return Answered(order, order.value) if token in found else None


def _remove_valueless(proxy: Proxy, order: CreateOrder) -> bool:
    """Delete a key of this order whose value the proxy made and nobody has; returns whether there was one."""
    if order.value is not None:
        return False
    ours = [
        row.token
        for row in proxy.find_alias(order.alias)
        if row.stamp and (row.stamp.lineage, row.stamp.id) == (order.stamp.lineage, order.stamp.id)
    ]
    if ours:
        proxy.delete(ours)
    return bool(ours)


def _whose(proxy: Proxy, order: CreateOrder, error: AliasTaken) -> Refused:
    rows = proxy.find_alias(order.alias)
    owners = (str(row.attributes["user_id"]) for row in rows if row.attributes.get("user_id"))
    owner = next((owner for owner in owners if owner != order.alias), None)  # the alias itself tells nothing more
    whose = f" Its user_id is {owner}." if owner else ""
    return AliasTaken(
        f"Another key has taken the alias {order.alias} since the plan was made.{whose} {error.detail}",
        hint="plan again: vkstate plan",
    )
