"""A Kubernetes secret as the place of the master key: read by ``kubectl``, else by ``oc``, as whoever is logged in."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vkstate.config.places import listed, redacted
from vkstate.config.programs import MasterKeyUnreadable, run_program, words_of

REQUEST_TIMEOUT: Final = "20s"
"""For one request to the cluster: shorter than the program may take, so that it says itself what it waited for."""

_UNREACHABLE: Final = re.compile(r"connection to the server .* was refused|Unable to connect to the server|i/o timeout")
_NO_LOGIN: Final = re.compile(r"must be logged in to the server|\(Unauthorized\)|getting credentials")
_NO_CONTEXT: Final = re.compile(r"context was not found|context .* does not exist")


@dataclass(frozen=True)
class FromKubernetes:
    """A key of a Kubernetes secret; without a context or namespace, in that of the kubeconfig."""

    namespace: str | None
    secret: str
    key: str
    context: str | None = None

    @property
    def place(self) -> str:
        """Where it is looked for, for a sentence."""
        where = f"in the namespace {self.namespace}" if self.namespace else "in the current namespace"
        return f"{where} of the context {self.context}" if self.context else where

    @property
    def flags(self) -> tuple[str, ...]:
        """The same for a command line."""
        context = ("--context", self.context) if self.context else ()
        return (*context, *(("--namespace", self.namespace) if self.namespace else ()))


def secret_text(source: FromKubernetes, environ: Mapping[str, str], directory: Path) -> tuple[str, str]:
    """What the key of the secret holds, decoded; and the command that shows the secret to people.

    :raises MasterKeyUnreadable: it cannot be had.
    """
    path = environ.get("PATH")
    program = shutil.which("kubectl", path=path) or shutil.which("oc", path=path)
    if program is None:
        raise MasterKeyUnreadable(
            "proxy.master_key is read from a Kubernetes secret, and neither kubectl nor oc is in PATH.",
            hint="install kubectl, or log in where it is installed",
        )
    name = Path(program).name
    by_hand = " ".join([name, "get", "secret", source.secret, *source.flags])
    argv = [program, "get", "secret", source.secret, *source.flags]
    done = run_program([*argv, "--request-timeout", REQUEST_TIMEOUT, "--output", "json"], environ, directory)
    if done.returncode:
        raise _failure(source, name, done.returncode, done.stderr, by_hand)
    return _decoded(done.stdout, source, by_hand), by_hand


def _failure(source: FromKubernetes, name: str, code: int, stderr: str, by_hand: str) -> MasterKeyUnreadable:
    """Why there was no secret. Of what the program said, the last line tells: others repeat it."""
    last = "".join(list(_lines(stderr))[-1:])
    if "(NotFound)" in last:
        return MasterKeyUnreadable(f"there is no secret {source.secret} {source.place}.", hint=by_hand)
    if "(Forbidden)" in last:
        return MasterKeyUnreadable(
            f"the cluster does not let you read the secret {source.secret} {source.place}.",
            hint=" ".join([name, "auth", "can-i", "get", f"secret/{source.secret}", *source.flags]),
        )
    if _NO_LOGIN.search(last):
        return MasterKeyUnreadable(
            f"{name} is not logged in to the cluster, or no longer: {redacted(last)}",
            hint="log in again (oc login, or your cluster's own way), then: " + by_hand,
        )
    if _NO_CONTEXT.search(last):
        return MasterKeyUnreadable(
            f"the kubeconfig has no context {source.context}.", hint=f"{name} config get-contexts"
        )
    if _UNREACHABLE.search(last):
        return MasterKeyUnreadable(
            f"{name} does not reach the cluster: {redacted(last)}", hint=f"{name} config view --minify; then: {by_hand}"
        )
    return MasterKeyUnreadable(f"{name} ended with {code}{words_of(last)}", hint=by_hand)


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _decoded(answer: str, source: FromKubernetes, by_hand: str) -> str:
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        document = None
    data = document.get("data", {}) if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise MasterKeyUnreadable(f"the answer about the secret {source.secret} is not a secret.", hint=by_hand)
    encoded = data.get(source.key)
    if encoded is None:
        there = f"it has {listed(sorted(data), 'and')}" if data else "it is empty"
        raise MasterKeyUnreadable(f"the secret {source.secret} has no key {source.key}: {there}.", hint=by_hand)
    try:
        return base64.b64decode(str(encoded), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise MasterKeyUnreadable(
            f"the key {source.key} of the secret {source.secret} is not base64 of a text.", hint=by_hand
        ) from None
