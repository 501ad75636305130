"""From the validated ``proxy`` section to settings."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from vkstate.config.config import ProxySettings
from vkstate.config.interpolation import EnvironmentRef, parts_of
from vkstate.config.kubernetes import FromKubernetes
from vkstate.config.master_key import (
    DEFAULT_SOURCE,
    FromCommand,
    FromFile,
    FromText,
    MasterKeySource,
)
from vkstate.config.places import Located, Problems, Where
from vkstate.config.schema.proxy import MasterKeyPlace, Proxy
from vkstate.config.sentences import validated
from vkstate.config.tree import Node
from vkstate.expiry import parse_duration

MASTER_KEY_PATH = "proxy.master_key"
_WRITTEN = (
    "the master key is written in the config, where git keeps it: better are ${env.LITELLM_MASTER_KEY}, {file: …}, "
    "{command: […]} and {kubernetes: …}"
)


@dataclass(frozen=True)
class _Section:
    node: Node
    directory: Path
    problems: Problems
    warnings: list[str]

    def where(self, name: str) -> Where:
        child = self.node.children.get(name)
        return child.where if child else self.node.where

    def shown(self, name: str, path: Path) -> str:
        """A path for a message; one that came from the environment is not repeated."""
        child = self.node.children.get(name)
        return "of this name" if child is None or child.tainted else str(path)

    def warn(self, where: Where, sentence: str) -> None:
        self.warnings.append(str(Located(where, sentence)))


def proxy_settings(node: Node, directory: Path, problems: Problems, warnings: list[str]) -> ProxySettings | None:
    """The settings that the ``proxy`` section means, or None where it is not valid: then the problems say why.

    :param directory: the config's directory, at which relative paths start.
    :param warnings: takes what is worth a word though it is valid.
    """
    section = _Section(node, directory, problems, warnings)
    model = validated(Proxy, node, problems)
    if model is None:
        return None
    source = _source(model, section)
    verify = _verify(model, section)
    _check_headers(model, section)
    if source is None:
        return None
    return ProxySettings(
        url=model.url,
        public_url=model.public_url if model.public_url != model.url else None,
        master_key=source,
        timeout=parse_duration(model.timeout),
        retries=model.retries,
        verify_tls=verify,
        headers=model.headers or {},
        parallelism=model.parallelism,
        check_models=model.check_models,
    )


def _verify(model: Proxy, section: _Section) -> bool | Path:
    if model.ca_file is None:
        if not model.verify_tls:
            section.warn(
                section.where("verify_tls"),
                "the proxy's certificate is not checked, so that anybody on the way can read the master key: "
                "ca_file names a certificate to trust",
            )
        return model.verify_tls
    where = section.where("ca_file")
    if not model.verify_tls:
        section.problems.add(where, "cannot stand beside verify_tls: false, which checks nothing: keep one of them")
    path = section.directory / model.ca_file
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib's raises where a name is too long
        section.problems.add(where, f"there is no file {section.shown('ca_file', path)}")
    return path


def _check_headers(model: Proxy, section: _Section) -> None:
    seen: set[str] = set()
    for name in model.headers or {}:
        if name.casefold() in seen:
            where = section.node.children["headers"].children[name].where
            section.problems.add(where, "is here a second time: case means nothing in a header's name")
        seen.add(name.casefold())


def _source(model: Proxy, section: _Section) -> MasterKeySource | None:
    match model.master_key:
        case None:
            return DEFAULT_SOURCE
        case str():
            return _text(section)
        case MasterKeyPlace() as place:
            return _place(place, section)


def _text(section: _Section) -> FromText:
    node = section.node.children["master_key"]
    parts = node.parts or ()
    literal = all(isinstance(part, str) for part in parts_of(str(node.value)))
    if literal or any(isinstance(part, EnvironmentRef) and part.default for part in parts):
        section.warn(node.where, _WRITTEN)
    return FromText(parts)


def _place(place: MasterKeyPlace, section: _Section) -> MasterKeySource | None:
    where = section.where("master_key")
    if len([name for name in MasterKeyPlace.model_fields if getattr(place, name) is not None]) != 1:
        section.problems.add(where, "must have exactly one of file, command and kubernetes")
        return None
    if place.file is not None:
        _check_mode(section.directory / place.file, where, section)
        return FromFile(place.file)
    if place.command is not None:
        return FromCommand(tuple(place.command))
    assert place.kubernetes is not None  # noqa: S101 - exactly one is set, and it is none of the others
    secret = place.kubernetes
    return FromKubernetes(secret.namespace, secret.secret, secret.key, secret.context)


def _check_mode(path: Path, where: Where, section: _Section) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except (OSError, ValueError):
        return  # it may be on another machine; reading it says so
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        section.warn(where, f"others on this machine can read the file (mode {mode:04o}): chmod 600 it")
