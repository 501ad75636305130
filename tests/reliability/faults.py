"""What a network and a proxy do to requests: breaks, hangs, answers of others."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal, TypeAlias

from tests.reliability.gateway import Doing, Drop, Exchange, Pass, Say, head
from vkstate.sandbox.exchange import Response


@dataclass(frozen=True)
class Cut:
    """The server does what is asked, and the connection breaks within its answer.

    ``how``: the body ends in the middle; or all of it comes, and fewer bytes than were announced; or it breaks within a
    chunk; or the end of the chunks is missing.
    """

    how: Literal["half", "one byte", "chunk", "last chunk"]
    reset: bool = False

    def meet(self, exchange: Exchange) -> None:
        answer = exchange.forwarded()
        body, half = answer.body, answer.body[: len(answer.body) // 2]
        match self.how:
            case "half":
                exchange.write(_head(answer, "content-length", str(len(body) + 1)) + half)
            case "one byte":
                exchange.write(_head(answer, "content-length", str(len(body) + 1)) + body)
            case "chunk":
                exchange.write(_head(answer, "transfer-encoding", "chunked") + b"%x\r\n" % (len(body) + 1) + half)
            case "last chunk":
                exchange.write(_head(answer, "transfer-encoding", "chunked") + b"%x\r\n%b\r\n" % (len(body), body))
        exchange.hang_up(reset=self.reset)


def _head(answer: Response, name: str, value: str) -> bytes:
    return head(answer.status, {**answer.headers, name: value})


@dataclass(frozen=True)
class Hang:
    """Nothing comes for so many seconds, then the connection is closed. ``acts`` says when the server does what is
    asked: at once, when the time is over (the client has long gone), or never.
    """

    seconds: float
    acts: Literal["at once", "late", "never"]

    def meet(self, exchange: Exchange) -> None:
        if self.acts == "at once":
            exchange.forwarded()
        time.sleep(self.seconds)
        if self.acts == "late":
            exchange.forwarded()
        exchange.hang_up()


@dataclass(frozen=True)
class Drip:
    """The answer comes in small pieces, over so many seconds."""

    seconds: float

    def meet(self, exchange: Exchange) -> None:
        answer = exchange.forwarded()
        exchange.write(_head(answer, "content-length", str(len(answer.body))))
        size = max(1, len(answer.body) // 12)
        pieces = [answer.body[start : start + size] for start in range(0, len(answer.body), size)]
        for piece in pieces:
            time.sleep(self.seconds / len(pieces))
            exchange.write(piece)


@dataclass(frozen=True)
class Restart:
    """The proxy goes away with all its connections, and is back after so many seconds."""

    seconds: float
    done: bool

    def meet(self, exchange: Exchange) -> None:
        if self.done:
            exchange.forwarded()
        exchange.leave(self.seconds)


Dice: TypeAlias = random.Random


@dataclass(frozen=True)
class Fault:
    """A sort of fault. ``doing`` draws one, for a client that waits so many seconds for an answer."""

    name: str
    weight: int
    doing: Callable[[Dice, float], Doing]


HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}
PAGE = b"<!doctype html><html><head><title>Please sign in</title></head><body></body></html>"


def _said(kind: str, status: int, message: str) -> bytes:
    """An error as LiteLLM words it."""
    error = {"message": message, "type": kind, "param": "None", "code": str(status)}
    return json.dumps({"error": error}).encode()


def _later(dice: Dice, _: float) -> Doing:
    asked = dice.choice(("0", "1", format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True), "3600"))
    return Say(429, _said("throttling_error", 429, "slow down"), {**JSON, "retry-after": asked})


def _gateway(dice: Dice, _: float) -> Doing:
    return Say(dice.choice((502, 503, 504)), PAGE, HTML, done=dice.random() < 0.5)


def _server(dice: Dice, _: float) -> Doing:
    body, headers = dice.choice(
        (
            (b"Internal Server Error", {"content-type": "text/plain"}),
            (_said("internal_server_error", 500, "Internal server error"), JSON),
            (_said("internal_server_error", 500, "Internal Server Error."), JSON),
            (_said("no_db_connection", 500, "DB not connected"), JSON),
        )
    )
    return Say(500, body, headers, done=dice.random() < 0.5)


def _nonsense(dice: Dice, _: float) -> Doing:
    body = dice.choice((b"", b"null", b"[]", b"{}", b'"ok"', b'{"key": "sk-0123', b"\xff\xfe\x00garbage", b"[" * 5000))
    return Say(dice.choice((200, 200, 500)), body, JSON, done=dice.random() < 0.7)


def _page(dice: Dice, _: float) -> Doing:
    status = dice.choice((200, 200, 404, 408, 413))
    return Say(status, PAGE, HTML, done=status in (200, 408) and dice.random() < 0.5)


FAULTS = (
    Fault("broken before it was sent on", 4, lambda dice, _: Drop(done=False, reset=dice.random() < 0.5)),
    Fault("broken before the answer", 7, lambda dice, _: Drop(done=True, reset=dice.random() < 0.5)),
    Fault(
        "cut answer",
        4,
        lambda dice, _: Cut(dice.choice(("half", "one byte", "chunk", "last chunk")), reset=dice.random() < 0.3),
    ),
    Fault("no JSON, or another one", 3, _nonsense),
    Fault("a page", 3, _page),
    Fault(
        "encoded badly", 1, lambda *_: Say(200, b"\x1f\x8b\x08broken", {**JSON, "content-encoding": "gzip"}, done=True)
    ),
    Fault("429", 3, _later),
    Fault("500", 3, _server),
    Fault("502, 503, 504", 4, _gateway),
    Fault("redirect", 1, lambda *_: Say(302, b"", {"location": "https://sso.invalid/login"})),
    Fault("hang", 4, lambda dice, limit: Hang(limit + 0.3, dice.choice(("at once", "late", "never")))),
    Fault("drip, in time", 1, lambda *_: Drip(0.1)),
    Fault("drip, too slow", 1, lambda _, limit: Drip(limit + 0.3)),
    Fault("closed while idle", 2, lambda *_: Pass(last=True)),
    Fault("restart", 2, lambda dice, _: Restart(dice.uniform(0.0, 0.3), done=dice.random() < 0.5)),
)
"""Every sort, with how often it comes compared with the others."""
