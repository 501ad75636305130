"""A config as the rest of vkstate sees it: read, checked and expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from vkstate.age import Recipient
from vkstate.config.master_key import DEFAULT_SOURCE, MasterKeySource
from vkstate.keys import DesiredKey
from vkstate.options import Move, Removed
from vkstate.safety import USUAL, Limits

CheckModels: TypeAlias = Literal["error", "warn", "off"]


@dataclass(frozen=True)
class ProxySettings:
    """Where the proxy is and how to talk to it.

    ``url`` is canonical (see :func:`vkstate.urls.canonical_url`), ``public_url`` likewise, or None where it is
    the same. ``timeout`` is in seconds. ``verify_tls`` is False for no check, or a file of the certificates to trust.
    ``headers`` may hold secrets.
    """

    url: str
    public_url: str | None = None
    master_key: MasterKeySource = DEFAULT_SOURCE
    timeout: int = 30
    retries: int = 3
    verify_tls: bool | Path = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parallelism: int = 8
    check_models: CheckModels = "error"


@dataclass(frozen=True)
class SecretsSettings:
    """Where key values are kept. ``recipients`` may read those of an ``age`` store; a ``plain`` one has none."""

    store: Literal["plain", "age"] = "plain"
    recipients: tuple[Recipient, ...] = ()


@dataclass(frozen=True)
class Config:
    """What a config asks for. ``keys`` are in natural order; relative paths start at ``directory``.

    ``moves`` and ``removed`` are in the config's order; no move leads back to where it began. ``imports`` are targets,
    of which some may be aliases of any form: one that is the alias of a key means that key, whatever it looks like.
    ``warnings`` are sentences with their places, such as ``vkstate.yaml:3:3: proxy.master_key: …``. ``environment`` are
    the names of the environment variables that it refers to: their values may be secrets. ``rosters`` are the files
    that list members.
    """

    path: Path
    directory: Path
    proxy: ProxySettings
    keys: tuple[DesiredKey, ...]
    warnings: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    removed: tuple[Removed, ...] = ()
    imports: tuple[str, ...] = ()
    safety: Limits = USUAL
    environment: frozenset[str] = frozenset()
    secrets: SecretsSettings = SecretsSettings()
    rosters: tuple[Path, ...] = ()
