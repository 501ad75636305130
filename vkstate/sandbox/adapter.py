"""The sandbox as a ``requests`` adapter: a session talks to it in its own process."""

from __future__ import annotations

import io
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import requests
from requests.adapters import BaseAdapter
from requests.utils import get_encoding_from_headers

from vkstate.sandbox.app import SandboxApp
from vkstate.sandbox.exchange import Request
from vkstate.sandbox.settings import Settings

SCHEME = "http+sandbox://"
"""Where to mount the adapter. The scheme begins with ``http`` for a reason: with any other, ``requests`` leaves the URL
as it is and drops ``params`` without a word. Mounting on ``sandbox://`` works too, with the query in the URL.
"""

BASE_URL = f"{SCHEME}local"
"""A base URL of the sandbox; which authority it names does not matter."""


class SandboxAdapter(BaseAdapter):
    """Answers every request from the SQLite file at ``path``; threads and sessions may share it.

    Timeouts, certificates and proxies mean nothing here. Closing it does nothing, since it holds nothing open. Raises
    SandboxStorageError, now or from a request, when the file cannot be used.
    """

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        super().__init__()
        self._app = SandboxApp(path, settings)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the parameters are those of every adapter
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002 - as above
        verify: bool | str = True,  # noqa: ARG002 - as above
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002 - as above
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - as above
    ) -> requests.Response:
        """The sandbox's response to a prepared request."""
        body = request.body or b""
        answer = self._app.respond(
            Request.to(
                request.method or "GET",
                request.url or "/",
                request.headers,
                body.encode() if isinstance(body, str) else body,
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.reason = HTTPStatus(answer.status).phrase
        response.headers.update(answer.headers)
        response.headers["content-length"] = str(len(answer.body))
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = io.BytesIO(answer.body)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Nothing to close."""
