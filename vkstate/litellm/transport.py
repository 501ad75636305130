"""One HTTP exchange: sent once, answered completely or not at all. Sessions are reused; no two threads share one."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias
from urllib.parse import urlencode

import requests
import requests.auth
import urllib3.exceptions
import urllib3.response

from vkstate.errors import VkstateError
from vkstate.litellm.clock import ServerClock
from vkstate.litellm.errors import NoAnswer, TlsFailed, Unreachable

Mount: TypeAlias = Callable[[requests.Session], None]
"""Prepares each new session: the place to mount an adapter for a scheme of its own."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds; a proxy that takes longer to accept a connection is not there."""

_CHUNK: Final = 1 << 16
_NEVER_CONNECTED: Final = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.LocationParseError,
)
_RESETS: Final = (ConnectionError, urllib3.exceptions.ProtocolError)
_CUT_SHORT: Final = (
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.DecodeError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_CUT_OFF: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class BearerAuth(requests.auth.AuthBase):
    """A key value as a bearer token. As an ``AuthBase``, so that no ``.netrc`` entry can take the header's place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


class _Session(requests.Session):
    """A session that never looks where a redirect leads: requests would read ``.netrc`` for that host even so."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the name is requests' own
        return None


class Reset(NoAnswer):
    """The connection broke after the request was sent, before the answer began: a pooled one may have been stale."""


class Refusal(Unreachable):
    """The connection was refused at once: trying again is cheap, and helps while a proxy restarts."""


@dataclass(frozen=True)
class Request:
    """What is sent: a path below the base url, query parameters without secrets, and a body that may hold some.

    ``bearer`` is the key value to present; without one, the session's own credentials are.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back, whole. The body may hold secrets: it is shown only through ``vkstate.litellm.redaction``."""

    request: Request
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport:
    """Sessions on one base url, handed out to one thread at a time and kept for the next.

    :param base_url: without a trailing slash.
    :param prepare: called once with each new session.
    """

    def __init__(self, base_url: str, prepare: Mount, *, verify: bool | str, clock: ServerClock) -> None:
        self.base_url = base_url
        self._prepare = prepare
        self._verify = verify
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[requests.Session] = []
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        """Close every session that was ever handed out."""
        with self._lock:
            sessions, self._sessions, self._idle = self._sessions, [], []
        for session in sessions:
            session.close()

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = _Session()
            self._prepare(session)
            with self._lock:
                self._sessions.append(session)
        try:
            yield session
        finally:
            with self._lock:
                if session in self._sessions:
                    self._idle.append(session)

    def send(self, request: Request, *, timeout: float) -> Answer:
        """Send once and read the whole answer within ``timeout`` seconds; redirects are answers like others.

        :raises Unreachable: nothing was sent.
        :raises TlsFailed: nothing was sent.
        :raises NoAnswer: it was sent, and no complete answer came.
        """
        url = self.base_url + request.path
        query = f"?{urlencode(request.params)}" if request.params else ""  # requests drops params of unknown schemes
        what = f"{request.method} {url}"
        ends_at = time.monotonic() + timeout
        sent = datetime.now(UTC)
        try:
            with (
                self._session() as session,
                session.request(
                    request.method,
                    url + query,
                    data=request.body,
                    headers={"Content-Type": "application/json"} if request.body is not None else None,
                    auth=BearerAuth(request.bearer) if request.bearer is not None else None,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    allow_redirects=False,
                    verify=self._verify,
                    stream=True,
                ) as response,
            ):
                received = datetime.now(UTC)
                body = _read(response, ends_at, what)
        except requests.exceptions.InvalidHeader:
            raise Unreachable(
                "A header that is to be sent with every request cannot be sent: it holds a line break or a blank at "
                "its start.",
                hint="correct proxy.headers in the config",
            ) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _told_apart(error, what, timeout) from error
        self._clock.note(response.headers.get("Date"), sent, received)
        return Answer(request, response.status_code, response.headers, body)


def _read(response: requests.Response, ends_at: float, what: str) -> bytes:
    """The whole body, within the deadline even where each piece of it comes in time."""
    pieces: list[bytes] = []
    for piece in _pieces(response):
        pieces.append(piece)
        if time.monotonic() > ends_at:
            raise NoAnswer(f"{what}: the answer did not end in time.", hint=_SLOW)
    return b"".join(pieces)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives. ``iter_content`` would wait for whole chunks, however slowly they fill."""
    raw = response.raw
    if not isinstance(raw, urllib3.response.HTTPResponse) or not hasattr(raw, "read1"):
        yield response.content  # an adapter without a socket, or urllib3 before 2.1
        return
    while piece := raw.read1(_CHUNK, decode_content=True):
        yield piece


_SLOW: Final = "look at the proxy's load, or give it more time: proxy.timeout in the config"


def _told_apart(error: Exception, what: str, timeout: float) -> VkstateError:
    """The one cause behind what requests and urllib3 raise in many wrappings."""
    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.SSLError) and not any(isinstance(one, _CUT_OFF) for one in causes):
        return _tls(causes, what)
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable(
            f"{what}: the HTTP proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) does not answer.",
            hint="correct these variables, or name this host in NO_PROXY",
        )
    if any(isinstance(one, _NEVER_CONNECTED) for one in causes) or isinstance(
        error, requests.exceptions.ConnectTimeout
    ):
        return _unreachable(error, causes, what, timeout)
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.ReadTimeoutError):
        return NoAnswer(f"{what}: no answer within {_seconds(timeout)}.", hint=_SLOW)
    if isinstance(error, _CUT_SHORT):
        return NoAnswer(f"{what}: the answer was cut short.", hint="try again; then look at the proxy's log")
    if any(isinstance(one, (*_RESETS, *_CUT_OFF)) for one in causes):
        return Reset(f"{what}: the connection was closed before an answer came.", hint=_LOG)
    if isinstance(error, OSError) and "TLS CA certificate bundle" in str(error):
        return TlsFailed(
            "The file that should hold the trusted certificates cannot be read.",
            hint="correct proxy.ca_file in the config",
        )
    return Unreachable(f"{what}: this url cannot be asked ({type(error).__name__}).", hint=_CHECK_URL)


_LOG: Final = "try again; if it stays so, look at the proxy's log, and at the gateway in front of it"
_CHECK_URL: Final = "check proxy.url in the config"


def _seconds(count: float) -> str:
    return f"{count:.0f} s" if count >= 1 else f"{count:.1f} s"


def _unreachable(error: Exception, causes: list[BaseException], what: str, timeout: float) -> Unreachable:
    if any(isinstance(one, urllib3.exceptions.NameResolutionError) for one in causes):
        return Unreachable(f"{what}: there is no such host.", hint=_CHECK_URL)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        limit = min(CONNECT_TIMEOUT, timeout)
        return Unreachable(
            f"{what}: no connection within {_seconds(limit)}. A firewall may swallow it, or the host is down.",
            hint=_CHECK_URL,
        )
    if any(isinstance(one, ConnectionRefusedError) for one in causes) or "refused" in str(error):
        return Refusal(
            f"{what}: the connection was refused: nothing listens there.",
            hint="start the proxy, or check proxy.url in the config",
        )
    return Unreachable(f"{what}: no connection came about.", hint=_CHECK_URL)


def _tls(causes: list[BaseException], what: str) -> TlsFailed:
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return TlsFailed(
                f"{what}: the server's certificate is not trusted: {one.verify_message.rstrip('.')}.",
                hint="name the certificate authority in the config: proxy.ca_file: path/to/ca.pem",
            )
    return TlsFailed(
        f"{what}: the encrypted connection could not be set up; the server may speak plain HTTP there.",
        hint=_CHECK_URL,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it wraps, in whichever of Python's ways."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
