"""Which urls can be those of a proxy; their one form is :func:`vkstate.urls.canonical_url`."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from vkstate.urls import DEFAULT_PORTS, canonical_url

SANDBOX: Final = "sandbox://"

_NOT_ADMIN: Final = {
    "v1": "is the address of the models; the admin url is the part before it: write it without /v1",
    "ui": "is the address of the web pages; the admin url is the part before it: write it without /ui",
}


def proxy_url(text: str) -> str:
    """The url of a proxy, in the one form that all of vkstate compares.

    :raises ValueError: it cannot be the url of a proxy; with a sentence that does not repeat the url, since that may
        hold a password.
    """
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("holds a blank or control character, which no url does")
    try:
        parts = urlsplit(text)
        _ = parts.port  # which is read only when it is asked for
    except ValueError:
        raise ValueError("is not a url: host or port cannot be read") from None
    if parts.scheme == "sandbox":
        if parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("names the sandbox, which has no address: write sandbox:// and nothing more")
        return SANDBOX
    _check_web(parts)
    return canonical_url(text)


def _check_web(parts: SplitResult) -> None:
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("must begin with https://, http:// or sandbox://")
    if not parts.hostname:
        raise ValueError("has no host: write it as https://litellm.example.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password: the master key goes under master_key, others under headers")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path: what follows ? or # has no meaning here")
    if reason := _NOT_ADMIN.get(parts.path.rstrip("/").rpartition("/")[2]):
        raise ValueError(reason)
