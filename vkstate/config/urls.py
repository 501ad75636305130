"""The one form of a proxy's url: by it a state knows its proxy again."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

SANDBOX: Final = "sandbox://"

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NOT_ADMIN: Final = {
    "v1": "is the address of the models; the admin url is the part before it: write it without /v1",
    "ui": "is the address of the web pages; the admin url is the part before it: write it without /ui",
}


def canonical_url(text: str) -> str:
    """A proxy's url with a lower-case scheme and host, and without default port and trailing slash.

    :raises ValueError: it cannot be the url of a proxy; with a sentence that does not repeat the url, since that may
        hold a password.
    """
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("holds a blank or control character, which no url does")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not a url: host or port cannot be read") from None
    if parts.scheme == "sandbox":
        if parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("names the sandbox, which has no address: write sandbox:// and nothing more")
        return SANDBOX
    return _web(parts, port)


def _web(parts: SplitResult, port: int | None) -> str:
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with https://, http:// or sandbox://")
    if not parts.hostname:
        raise ValueError("has no host: write it as https://litellm.example.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password: the master key goes under master_key, others under headers")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path: what follows ? or # has no meaning here")
    path = parts.path.rstrip("/")
    if reason := _NOT_ADMIN.get(path.rpartition("/")[2]):
        raise ValueError(reason)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{path}"
