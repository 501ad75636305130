"""A relay that admits so many requests a second, and turns the others away: with 429 or 503, telling when to come back
or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import requests

from bench.bare import TIMEOUT
from bench.relay import serving

_PASSED_ON: Final = ("authorization", "content-type", "accept")


class Bucket:
    """Admits so many requests a second, and at most ``burst`` at once after a while without any.

    :param clock: seconds that never go back.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()

    def admits(self) -> bool:
        """Whether a request that comes now is admitted."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttle(ThreadingHTTPServer):
    """``url`` is where to send requests to instead of the server; those that came are counted."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, server: str, bucket: Bucket, status: int, retry_after: str | None) -> None:
        self.forwards_to = server.rstrip("/")
        self.status = status
        self.retry_after = retry_after
        self.admitted = 0
        self.turned_away = 0
        self._bucket = bucket
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def admits(self) -> bool:
        """Whether this request is admitted; it is counted."""
        with self._guard:
            admitted = self._bucket.admits()
            self.admitted += admitted
            self.turned_away += not admitted
        return admitted


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Throttle
    upstream: requests.Session

    def setup(self) -> None:
        super().setup()
        self.upstream = requests.Session()
        self.upstream.trust_env = False

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if not self.server.admits():
            headers = {"Retry-After": self.server.retry_after} if self.server.retry_after else {}
            self._answer(self.server.status, b"later", headers)
            return
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        answer = self.upstream.request(
            self.command, f"{self.server.forwards_to}{self.path}", data=body, headers=headers, timeout=TIMEOUT
        )
        passed = {"Content-Type": answer.headers.get("content-type", "application/json")}
        self._answer(answer.status_code, answer.content, passed)

    do_GET = do_POST = _respond  # noqa: N815 - http.server looks them up by these names

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)  # with the Date that vkstate goes by
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def throttled(
    server: str, bucket: Bucket, status: int = 429, retry_after: str | None = None
) -> AbstractContextManager[Throttle]:
    """Such a relay before this server, as long as this is open."""
    return serving(Throttle(server, bucket, status, retry_after))
