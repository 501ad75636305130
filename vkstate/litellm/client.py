"""The connection to one proxy: what is asked is repeated where that is safe, and every failure gets its own words."""

from __future__ import annotations

import hashlib
import json as jsons
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import requests

from vkstate import __version__
from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import PARALLELISM, NotSent
from vkstate.litellm.clock import ServerClock
from vkstate.litellm.errors import MasterKeyRefused, NoAnswer, TooBusy, Unreachable
from vkstate.litellm.faults import fault_of
from vkstate.litellm.parallel import Item, Result, Watch, each
from vkstate.litellm.pressure import Gate
from vkstate.litellm.redaction import Redaction
from vkstate.litellm.retry import PASSING, Attempts, Outcome, asked_pause, is_later
from vkstate.litellm.transport import Answer, BearerAuth, Mount, Request, Transport
from vkstate.litellm.verdict import Verdict, redirected, said
from vkstate.urls import is_loopback

Log: TypeAlias = Callable[[str, str, int | None, float], None]
"""Told of every request: method, path, status (None where no answer came) and milliseconds. Never a body."""

Body: TypeAlias = "Mapping[str, Json] | Callable[[], Mapping[str, Json]]"
"""What is sent as JSON; a function where it depends on the moment of sending."""

_ATTEMPTS_WORTH: Final = 3


class Connection:
    """A LiteLLM proxy at a url, asked with one master key. Its methods may be called by several threads at once.

    :param url: the base url; a path in it is kept.
    :param timeout: seconds for one attempt; a call with all its repetitions ends within three times that, not counting
        the time for which the proxy asks to wait.
    :param retries: how often a request that is safe to repeat is repeated.
    :param verify: False to trust any certificate, or the path of a file of trusted ones.
    :param headers: sent with every request, for a gateway in front. Their values are treated as secrets.
    :param mount: called with each new session, to mount an adapter for a scheme of its own.
    :param gate: lets its requests through; by default one that gives up a proxy that lets nothing through for three
        times ``timeout``.
    :param log: told of every request.
    :raises MasterKeyRefused: the master key cannot be sent: it is empty, or holds what a header cannot hold.
    """

    def __init__(
        self,
        url: str,
        master_key: str,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        verify: bool | str = True,
        headers: Mapping[str, str] | None = None,
        mount: Mount | None = None,
        gate: Gate | None = None,
        log: Log | None = None,
    ) -> None:
        if not master_key or not all("!" <= char <= "~" for char in master_key):
            raise MasterKeyRefused(
                "The master key is empty, or holds blanks, line breaks or characters that an HTTP header cannot hold.",
                hint="correct proxy.master_key, or the variable or file that it names",
            )
        self.url = url.rstrip("/")
        self.clock = ServerClock()
        hashed = hashlib.sha256(master_key.encode()).hexdigest()  # LiteLLM names a key it refuses by its hash
        self.redaction = Redaction([master_key, hashed, *(headers or {}).values()])
        self._timeout = timeout
        self._retries = retries
        self._gate = gate or Gate(_ATTEMPTS_WORTH * timeout)
        self._log = log
        self._verify = verify
        self._answered = False
        self._watch: Watch | None = None

        def prepare(session: requests.Session) -> None:
            session.auth = BearerAuth(master_key)
            session.headers.update({"User-Agent": f"vkstate/{__version__}", "Accept": "application/json"})
            session.headers.update(headers or {})
            if mount:
                mount(session)

        self._transport = Transport(self.url, prepare, verify=verify, clock=self.clock)

    def __repr__(self) -> str:
        return f"Connection({self.url!r})"

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sessions, and send away what still waits to be sent."""
        self._gate.close()
        self._transport.close()

    def now(self) -> datetime:
        """The server's time (aware, UTC)."""
        return self.clock.now()

    @property
    def clock_skew(self) -> timedelta | None:
        """Server's clock minus ours, or None before the first answer."""
        return self.clock.offset

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know of how they connect, in full sentences."""
        said: list[str] = []
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            said.append(f"{self.url} is not encrypted: the master key and every key value can be read on the way.")
        if self._verify is False and parts.scheme == "https":
            said.append(f"The certificate of {self.url} is not checked (proxy.verify_tls: false).")
        return tuple(said)

    @contextmanager
    def watched_by(self, watch: Watch) -> Iterator[None]:
        """Tell somebody how reading comes on, as far as it takes several requests."""
        before, self._watch = self._watch, watch
        try:
            yield
        finally:
            self._watch = before

    def left_when(self, too_long: Callable[[float], bool]) -> AbstractContextManager[None]:
        """While this is open, a request that waits to be sent ends with ``NotSent`` once waiting is too long."""
        return self._gate.left_when(too_long)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """GET, repeated where it helps.

        :raises VkstateError: anything but a 2xx answer, told apart by cause (see ``vkstate.litellm.errors``).
        """
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Body, *, repeat: bool, timeout: float = 0.0) -> Answer:
        """POST a JSON body.

        :param repeat: whether the request may be carried out more than once.
        :param timeout: seconds for one attempt, where it needs more than the connection's own.
        :raises Refused: LiteLLM said no to just this request.
        :raises VkstateError: anything else but a 2xx answer, told apart by cause.
        """
        return self.call("POST", path, body=body, repeat=repeat, timeout=timeout)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        repeat: bool = True,
        timeout: float = 0.0,
    ) -> Answer:
        """Ask, and return a 2xx answer; see :meth:`get` and :meth:`post`."""
        answer = self.exchange(method, path, params=params, body=body, repeat=repeat, timeout=timeout)
        if 200 <= answer.status < 300:
            return answer
        raise self.verdict(answer)

    def verdict(self, answer: Answer, secrets: Iterable[str] = ()) -> VkstateError:
        """The cause behind an answer other than 2xx, as the error to raise.

        :param secrets: texts in the request's body that no message may show.
        """
        fault = fault_of(answer)
        words = self.redaction.excerpt(fault.sentence, secrets)
        return Verdict(f"{answer.request.method} {self.url}{answer.request.path}", fault, words, self.database).error()

    def said(self, answer: Answer, secrets: Iterable[str] = ()) -> str:
        """The proxy's words in an answer other than 2xx, in a sentence.

        :param secrets: texts in the request's body that no message may show.
        """
        fault = fault_of(answer)
        return said(fault, self.redaction.excerpt(fault.sentence, secrets))

    def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        repeat: bool = True,
        timeout: float = 0.0,
        bearer: str | None = None,
    ) -> Answer:
        """Ask, and return the answer whatever its status, redirects excepted.

        :param repeat: whether it may be carried out more than once. What was turned away by a 429 was not carried out.
        :param bearer: a key value to present in place of the master key. "Later" is then said to that key, and to
            nobody else.
        :raises Unreachable: nothing was sent.
        :raises TlsFailed: nothing was sent.
        :raises NoAnswer: it was sent, and no complete answer came; of a repeatable request: nor to any repetition.
        :raises Redirected: the answer leads to another url.
        :raises TooBusy: the proxy turned it away, and whatever else it was asked, for as long as patience lasts;
            not where it said that it has no database, which is that answer.
        :raises NotSent: it waited to be sent, and there it was given up; see :meth:`left_when`.
        """
        limit = max(timeout, self._timeout)
        attempts = Attempts(repeat, self._retries, _ATTEMPTS_WORTH * limit)
        while True:
            try:
                with self._gate.place(f"{method} {self.url}{path}") as turn:
                    began = time.monotonic()
                    request = Request(method, path, params or {}, _encoded(body), bearer)
                    outcome = self._attempt(request, min(limit, attempts.seconds))
                    later = bearer is None and is_later(outcome)
                    self._note(outcome, turn, later=later)
                if later:
                    pause = attempts.pause_after_later(outcome, answered=self._answered)
                else:
                    took = time.monotonic() - began
                    pause = attempts.pause_after(outcome, took, self.now(), answered=self._answered)
                if pause is None:
                    return _unfolded(outcome)
                self._gate.rest(pause)
            except NotSent:
                if attempts.doubtful is None:
                    raise
                return _unfolded(attempts.doubtful)
            except TooBusy:
                if isinstance(attempts.doubtful, Answer) and fault_of(attempts.doubtful).no_database:
                    return attempts.doubtful
                raise

    def _note(self, outcome: Outcome, turn: int, *, later: bool) -> None:
        """Tell the gate, and who watches, what the answer says of how much the proxy bears."""
        if not isinstance(outcome, Answer):
            return
        if later:
            self._gate.turned_away(turn, outcome.status, asked_pause(outcome.headers, self.now()))
            if self._watch:
                self._watch.slowed_down()
        elif outcome.status not in PASSING:
            self._answered = True
            self._gate.let_through(turn)

    def _attempt(self, request: Request, timeout: float) -> Outcome:
        """One attempt; what may be worth repeating is returned, whatever it is.

        :raises Redirected: the answer leads to another url.
        :raises TlsFailed: nothing was sent.
        """
        try:
            answer = self._send(request, timeout)
        except (NoAnswer, Unreachable) as error:
            return error
        if 300 <= answer.status < 400:
            raise redirected(self.url, answer)
        return answer

    def _send(self, request: Request, timeout: float) -> Answer:
        started = time.monotonic()
        status: int | None = None
        try:
            answer = self._transport.send(request, timeout=timeout)
            status = answer.status
            return answer
        finally:
            if self._log:
                self._log(request.method, request.path, status, (time.monotonic() - started) * 1000)

    def database(self) -> bool | None:
        """Whether LiteLLM says that it has its database now (``/health/readiness``, all versions); None: it cannot say.

        400 and 401 can come of a database that is away (1.72 to 1.105), so that this is asked before a key or a
        credential is called bad.
        """
        try:
            answer = self._send(Request("GET", "/health/readiness"), self._timeout)
            body: Json = jsons.loads(answer.body)
        except (VkstateError, ValueError, RecursionError):
            return None
        if not isinstance(body, dict):
            return None
        if answer.status == 503 and "detail" in body:
            return False
        said = body.get("db")
        return said == "connected" if isinstance(said, str) else None

    def each(
        self, work: Callable[[Item], Result], items: Iterable[Item], parallelism: int = PARALLELISM
    ) -> list[Result]:
        """The results of ``work`` on every item, in order, so many at a time; the first error stops the rest."""
        return each(work, items, parallelism, self._watch)


def _unfolded(outcome: Outcome) -> Answer:
    if isinstance(outcome, VkstateError):
        raise outcome
    return outcome


def _encoded(body: Body | None) -> bytes | None:
    if body is None:
        return None
    return jsons.dumps(body() if callable(body) else body, separators=(",", ":"), ensure_ascii=False).encode()
