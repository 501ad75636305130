"""A request and a response without a transport: what the adapter and the HTTP server share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from vkstate.sandbox.jsons import Json


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower-case; of a repeated query parameter the last one counts, as in LiteLLM."""

    method: str
    origin: str
    """Scheme and authority, as ``http://127.0.0.1:4000``."""
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def to(cls, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
        """The request for ``url``, which may start at the path: then the ``Host`` header names the authority."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(
            method=method.upper(),
            origin=f"{parts.scheme or 'http'}://{parts.netloc or lower.get('host', '')}",
            path=unquote(parts.path) or "/",
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=lower,
            body=body,
        )


@dataclass(frozen=True)
class Response:
    """One response; its headers hold neither length nor connection, which belong to the transport."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False
    """LiteLLM closes the connection after a fault that it did not foresee; so does a server that sends this."""


def json_response(value: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` as LiteLLM writes JSON: compact, and not escaped to ASCII."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status=status, body=body, headers={"content-type": "application/json", **(headers or {})})
