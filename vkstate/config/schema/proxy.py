"""``proxy``: where the LiteLLM proxy is, and how to talk to it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from vkstate.config.schema.base import Duration, Name, Strict, wrong
from vkstate.config.urls import SANDBOX, proxy_url
from vkstate.expiry import parse_duration

LONGEST_TIMEOUT: Final = 3600
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KUBERNETES_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_SECRET_KEY: Final = re.compile(r"[A-Za-z0-9._-]+")


def _admin_url(text: str) -> str:
    try:
        return proxy_url(text)
    except ValueError as error:
        raise wrong(str(error)) from None


def _public_url(text: str) -> str:
    url = _admin_url(text)
    if url == SANDBOX:
        raise wrong("is what members are given, so that it must begin with https:// or http://")
    return url


def _timeout(text: str) -> str:
    if parse_duration(text) > LONGEST_TIMEOUT:
        raise wrong("must be at most 1h")
    return text


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise wrong("is not the name of a header")
    if name.casefold() == "authorization":
        raise wrong("vkstate sends the master key in this header: give it as master_key")
    return name


def _header_value(text: str) -> str:
    if not text.isprintable() or not text.isascii() or text != text.strip():
        raise wrong("must be printable ASCII without blanks at its ends, as the value of a header is")
    return text


def _kubernetes_name(text: str) -> str:
    if not _KUBERNETES_NAME.fullmatch(text):
        raise wrong("is not a name in Kubernetes: it has a-z, 0-9, - and . only")
    return text


def _context(text: str) -> str:
    if not text or text.startswith("-") or not text.isprintable():
        raise wrong("is not the name of a context in a kubeconfig")
    return text


def _secret_key(text: str) -> str:
    if not _SECRET_KEY.fullmatch(text):
        raise wrong("is not a key of a Kubernetes secret: it has letters, digits, -, _ and . only")
    return text


def _command(argv: object) -> object:
    if isinstance(argv, str):
        raise wrong("must be a list, the program and its arguments, since no shell is involved: [pass, show, litellm]")
    return argv


KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]


class KubernetesSecret(Strict):
    """A Kubernetes secret, read by kubectl, or else by oc."""

    context: Annotated[str, AfterValidator(_context)] | None = None
    """A context of the kubeconfig. Default: the current one."""
    namespace: KubernetesName | None = None
    """The secret's namespace. Default: that of the context."""
    secret: KubernetesName
    """The secret's name."""
    key: Annotated[str, AfterValidator(_secret_key)]
    """The key within the secret that holds the master key."""


class MasterKeyPlace(Strict):
    """Where the master key is read from; exactly one of them."""

    file: Name | None = None
    """A file that holds the master key and nothing else, relative to the config."""
    command: Annotated[list[str] | None, BeforeValidator(_command), Field(min_length=1)] = None
    """A program and its arguments; it prints the master key."""
    kubernetes: KubernetesSecret | None = None
    """A Kubernetes secret."""


def _shape(value: object) -> str:
    return "place" if isinstance(value, dict | MasterKeyPlace) else "text"


class Proxy(Strict):
    """The LiteLLM proxy, and how to talk to it."""

    url: Annotated[str, AfterValidator(_admin_url)]
    """The proxy's admin url, as https://litellm.example.com; or sandbox://, an embedded one for trying things out."""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    """The url that handouts show, where it differs from the admin url."""
    master_key: (
        Annotated[Annotated[str, Tag("text")] | Annotated[MasterKeyPlace, Tag("place")], Discriminator(_shape)] | None
    ) = None
    """Where the master key comes from: ${env.NAME}, {file: …}, {command: […]} or {kubernetes: …}. Default:
    ${env.LITELLM_MASTER_KEY}."""
    timeout: Annotated[Duration, AfterValidator(_timeout)] = "30s"
    """How long to wait for one answer; at most 1h."""
    retries: Annotated[int, Field(ge=0, le=20)] = 3
    """How often to repeat a request that is safe to repeat."""
    verify_tls: bool = True
    """Whether to check the proxy's certificate."""
    ca_file: Name | None = None
    """Certificates to trust instead of the usual ones, in PEM, relative to the config."""
    headers: (
        dict[Annotated[str, AfterValidator(_header_name)], Annotated[str, AfterValidator(_header_value)]] | None
    ) = None
    """Headers to send with every request, for a gateway in front."""
    parallelism: Annotated[int, Field(ge=1, le=32)] = 8
    """How many requests may run at the same time."""
    check_models: Literal["error", "warn", "off"] = "error"
    """What to make of a model that the proxy does not serve: error, warn or off."""
