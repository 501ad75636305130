"""Names made of aliases, for places that do not take every alias: variables, files, objects of Kubernetes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

_DIGITS: Final = 8
_WITH_DIGEST: Final = re.compile(r"-[0-9a-f]{8}\Z")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_.@-]{0,199}")
_LONGEST_FILE: Final = 200
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LONGEST_OBJECT: Final = 253


def variables(aliases: Sequence[str]) -> Mapping[str, str]:
    """A variable name for each alias. Where two would share one, both carry a digest of their alias, so that a name
    never comes to mean another key because a key was added."""
    stems = {alias: re.sub(r"[^A-Z0-9]", "_", alias.upper()) for alias in aliases}
    stems = {alias: f"_{stem}" if stem[:1].isdigit() else stem for alias, stem in stems.items()}
    shared = Counter(stems.values())
    return {
        alias: f"{stem}_KEY" if shared[stem] == 1 else f"{stem}_{digest(alias).upper()}_KEY"
        for alias, stem in stems.items()
    }


def file_name(alias: str) -> str:
    """A file name for an alias, the same whenever it is asked for: the alias where that can be one.

    Where something had to be changed the name ends in a digest of the alias; so does that of an alias which looks as if
    it ended in one, so that no two aliases share a name.
    """
    if _FILE_NAME.fullmatch(alias) and not _WITH_DIGEST.search(alias):
        return alias
    stem = re.sub(r"^[.-]", "_", re.sub(r"[^A-Za-z0-9_.@-]", "_", alias)[:_LONGEST_FILE])
    return f"{stem}-{digest(alias)}"


def object_name(alias: str) -> str:
    """A name that Kubernetes takes for an object (a DNS-1123 subdomain), the same whenever it is asked for.

    It is the alias, or ends in a digest of it, as :func:`file_name` does.
    """
    fits = len(alias) <= _LONGEST_OBJECT and all(map(_LABEL.fullmatch, alias.split(".")))
    if fits and not _WITH_DIGEST.search(alias):
        return alias
    labels = (label.strip("-") for label in re.sub(r"[^a-z0-9.-]", "-", alias.lower()).split("."))
    stem = ".".join(label for label in labels if label)[: _LONGEST_OBJECT - _DIGITS - 1].rstrip(".-")
    return f"{stem or 'key'}-{digest(alias)}"


def digest(alias: str) -> str:
    """Eight hex digits that tell an alias from others."""
    return hashlib.sha256(alias.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
