"""Answers of a key server that are not what they should be: other values, other shapes, other bytes, other headers."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.reliability.gateway import Upstream
from tests.reliability.odd import BENDS, JSONS, TEXTS, bent, written
from vkstate.attributes import Json
from vkstate.sandbox.exchange import Request, Response

EVERYWHERE = "*"
PATHS = (
    "/key/list",
    "/v2/key/info",
    "/key/info",
    "/key/generate",
    "/key/update",
    "/key/delete",
    "/v1/models",
    "/user/list",
    "/health/liveliness",
    "/health/readiness",
    "/health/readiness/details",
    "/openapi.json",
    "/v2/team/list",
    "/budget/info",
    "/routes",
    EVERYWHERE,
)
"""What vkstate asks, and what it might."""
STATUSES = (
    200,
    200,
    201,
    204,
    207,
    300,
    301,
    302,
    307,
    308,
    400,
    400,
    401,
    402,
    403,
    404,
    405,
    408,
    409,
    413,
    418,
    422,
    422,
    429,
    451,
    500,
    500,
    501,
    502,
    503,
    504,
    599,
    600,
    999,
)
MESSAGES = (
    "{[]: 1}",
    "{(1, 2): 3}",
    "{1: b'x'}",
    "{'error': {1, 2}}",
    "{'a': 1is 2}",
    "{'\\d': '\\d'}",
    "{" * 500,
    "{'error': " * 90,
    "{'error': 'No keys found'}",
    "Authentication Error, ",
    "Internal Server Error.",
    "Database not connected",
    "Not Found",
    "Key with alias 'one' already exists. Unique key aliases across all keys are required.",
    "No api key passed in.",
    "Custom API key values are disabled by your administrator.",
    "Only proxy admin can be used",
    "Key is blocked.",
    "This feature is only available for LiteLLM Enterprise users: tags.",
    "Team doesn't exist in db",
    "\0",
    "",
    "end_user_budget_id=x does not match any budget",
    "{'error': None}",
    "{}",
    "{'message': ['x']}",
    "\ud800",
)
DATES = (
    "Mon, 01 Jan 0001 00:00:00 +2300",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "now",
    "0",
    "",
    "Mon, 01 Jan 2026 00:00:00 -9999",
    "Tue, 30 Feb 2026 00:00:00 GMT",
    "Wed, 01 Jan 99999 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -1200",
    "Sat, 01 Jan 2050 00:00:00 GMT",
)
HEADERS: st.SearchStrategy[tuple[str, str]] = st.one_of(
    st.tuples(st.just("date"), st.sampled_from(DATES)),
    st.tuples(st.just("retry-after"), st.sampled_from(["0", "-1", "9" * 400, "1e9", "nan", "²", *DATES])),
    st.tuples(
        st.just("location"),
        st.sampled_from(
            ["", "http://[", "http://x:99999/", "//", "http://u:p@x/?q#f", "/key/list/", "ftp://x", "é", "\t"]
        ),
    ),
    st.tuples(st.just("content-encoding"), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, gzip", "x", ""])),
    st.tuples(
        st.just("content-type"), st.sampled_from(["", "text/html", "application/json; charset=utf-99", "a/b;charset="])
    ),
    st.tuples(st.just("transfer-encoding"), st.just("identity")),
    st.tuples(st.just("x-odd"), st.sampled_from(["a" * 5000, "\xff", ""])),
)
"""As latin-1, which is how headers go over the wire."""

Twist = Callable[[Response], Response]


@dataclass(frozen=True)
class Bent:
    """The true document with a few other values."""

    bends: list[tuple[float, int, Json, str | float]]

    def __call__(self, answer: Response) -> Response:
        return replace(answer, body=written(bent(_document(answer), self.bends)).encode())


@dataclass(frozen=True)
class Replaced:
    """Something else altogether."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def __call__(self, _: Response) -> Response:
        return Response(self.status, self.body, self.headers)


CODINGS: Mapping[str, tuple[Callable[[bytes], bytes], str | None]] = {
    "utf-16": (lambda body: body.decode().encode("utf-16"), None),
    "utf-32": (lambda body: body.decode().encode("utf-32"), None),
    "byte order mark": (lambda body: b"\xef\xbb\xbf" + body, None),
    "cut short": (lambda body: body[: len(body) // 2], None),
    "doubled": (lambda body: body + body, None),
    "one bad byte": (lambda body: body[:3] + b"\xff" + body[3:], None),
    "gzip": (gzip.compress, "gzip"),
    "gzip cut short": (lambda body: gzip.compress(body)[:-9], "gzip"),
    "gzip junk": (lambda body: b"\x1f\x8b\x08" + body, "gzip"),
    "no gzip": (lambda body: body, "gzip"),
    "gzip twice": (lambda body: gzip.compress(gzip.compress(body)), "gzip, gzip"),
    "deflate": (zlib.compress, "deflate"),
    "huge": (lambda body: gzip.compress(b" " * 2_000_000 + body), "gzip"),
}
"""Other bytes for a body, by name, and the encoding that the answer then says it has."""


@dataclass(frozen=True)
class Recoded:
    """The true body in other bytes."""

    coding: str

    def __call__(self, answer: Response) -> Response:
        code, name = CODINGS[self.coding]
        headers = {**answer.headers, "content-encoding": name} if name else answer.headers
        return replace(answer, body=code(answer.body), headers=headers)


@dataclass(frozen=True)
class Headed:
    """The true answer with other headers, and perhaps another status."""

    status: int
    headers: Mapping[str, str]

    def __call__(self, answer: Response) -> Response:
        return replace(answer, status=self.status, headers={**answer.headers, **self.headers})


@dataclass(frozen=True)
class Rows:
    """The true rows, doubled, without their tokens, or counted otherwise."""

    field: str
    value: Json
    times: int

    def __call__(self, answer: Response) -> Response:
        document = _document(answer)
        if isinstance(document, dict):
            for name in ("keys", "info", "data", "users"):
                rows = document.get(name)
                if isinstance(rows, list):
                    document[name] = [self._row(row) for row in rows] * self.times
            if self.field in ("total_count", "total_pages", "total", "current_page"):
                document[self.field] = self.value
        return replace(answer, body=written(document).encode())

    def _row(self, row: Json) -> Json:
        return {**row, self.field: self.value} if isinstance(row, dict) and self.field in row else row


INSTANTS = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "",
    0,
    1e18,
    "2026-02-30T00:00:00Z",
    "2026-01-01",
    "now",
    -1,
    "2026-01-01T00:00:00",
    None,
)
ROWS = st.one_of(
    st.builds(
        Rows, st.sampled_from(["created_at", "expires", "last_active"]), st.sampled_from(INSTANTS), st.integers(1, 2)
    ),
    st.builds(
        Rows,
        st.sampled_from(["total_count", "total_pages", "total", "current_page"]),
        st.sampled_from([0, -1, 2, 3, 10**9, 10**30, 1.5, None, "3", True]),
        st.integers(0, 3),
    ),
    st.builds(
        Rows,
        st.sampled_from(
            ["token", "key_alias", "metadata", "spend", "max_budget", "models", "budget_id", "object_permission_id"]
        ),
        st.sampled_from(
            [None, "", "x", "a" * 64, 10**400, 1e308, {}, [], {"vkstate": {"lineage": "x", "id": "y"}}, ["x"]]
        ),
        st.integers(0, 3),
    ),
)


def _error(message: str, kind: str, param: str | None, form: int) -> bytes:
    match form:
        case 0:
            return written({"error": {"message": message, "type": kind, "param": param, "code": "400"}}).encode()
        case 1:
            return written({"detail": message}).encode()
        case 2:
            return written({"detail": {"error": message}}).encode()
        case 3:
            return written(
                {"detail": [{"type": kind, "loc": ["body", param], "msg": message, "input": {}}, param]}
            ).encode()
        case 4:
            return written({"error": message}).encode()
        case _:
            return message.encode(errors="replace")


KINDS = ("auth_error", "token_not_found_in_db", "expired_key", "no_db_connection", "bad_request_error", "None", "")
ERRORS = st.builds(
    _error,
    st.sampled_from(MESSAGES) | TEXTS,
    st.sampled_from(KINDS),
    st.sampled_from([None, "None", "key", "key_alias", "substring_matching"]),
    st.integers(0, 5),
)
BODIES = (
    ERRORS
    | JSONS.map(written).map(str.encode)
    | st.binary(max_size=40)
    | st.sampled_from(
        [
            b"",
            b"null",
            b"[" * 100_000,
            b'{"error":' * 100_000,
            b"9" * 6000,
            b"1e999",
            b"NaN",
            b"[NaN]",
            b'"\\ud800"',
            b"<html>",
        ]
    )
)
TWISTS: st.SearchStrategy[Twist] = st.one_of(
    st.builds(Bent, BENDS),
    st.builds(Bent, BENDS),
    ROWS,
    st.builds(Replaced, st.sampled_from(STATUSES), BODIES, st.lists(HEADERS, max_size=1).map(dict)),
    st.builds(Headed, st.sampled_from(STATUSES), st.lists(HEADERS, min_size=1, max_size=2).map(dict)),
    st.builds(Recoded, st.sampled_from(sorted(CODINGS))),
)


@dataclass
class Twisted:
    """A key server of which one endpoint answers otherwise: each time, or the first time only."""

    server: Upstream
    path: str
    twist: Twist
    once: bool = False
    _done: bool = False

    def respond(self, request: Request) -> Response:
        answer = self.server.respond(request)
        return self.turned(request.path, answer)

    def turned(self, path: str, answer: Response) -> Response:
        """An answer as it is given in its place."""
        if self.path not in (path, EVERYWHERE) or (self.once and self._done):
            return answer
        self._done = True
        return self.twist(answer)


def _document(answer: Response) -> Json:
    try:
        document: Json = json.loads(answer.body)
    except ValueError:
        return {}
    return document
