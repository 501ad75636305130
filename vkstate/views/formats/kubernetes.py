"""Keys as Secrets of Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from vkstate.expiry import format_instant
from vkstate.views.formats.env import KEY_VARIABLE, URL_VARIABLE
from vkstate.views.formats.naming import object_name
from vkstate.views.handouts import NO_BASE_URL, Handout, HandoutKey
from vkstate.views.words import escaped

_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_ESCAPES: Final = ((0xFF, "\\x{:02x}"), (0xFFFF, "\\u{:04x}"), (0x10FFFF, "\\U{:08x}"))


def as_kubernetes(handout: Handout, *, reveal: bool = False, namespace: str | None = None) -> str:
    """A Secret a key, as a stream of YAML documents; it holds what OpenAI clients read, for ``envFrom``.

    A key that is not shown, or not known, is a comment and no Secret: ``kubectl apply`` would put a mask, or nothing,
    in the place of a value that works.

    :param namespace: where the objects belong; left to ``kubectl`` without.
    """
    documents = [_secret(handout, key, namespace, value) for key, value in _revealed(handout, reveal=reveal)]
    comments = [_comment(handout, key) for key in handout.keys if key.value(reveal=reveal) is None]
    return "".join((*(f"---\n{document}" for document in documents), *comments))


def _revealed(handout: Handout, *, reveal: bool) -> Iterator[tuple[HandoutKey, str]]:
    for key in handout.keys:
        if (value := key.value(reveal=reveal)) is not None:
            yield key, value


def _secret(handout: Handout, key: HandoutKey, namespace: str | None, value: str) -> str:
    name = object_name(key.alias)
    labels = {
        "app.kubernetes.io/managed-by": "vkstate",
        **{
            f"vkstate/{label}": text
            for label, text in (("workshop", key.workshop), ("user", key.user))
            if text is not None and _LABEL_VALUE.fullmatch(text)
        },
    }
    annotations = {
        "vkstate/alias": key.alias,
        **({} if key.expires_at is None else {"vkstate/expires-at": format_instant(key.expires_at)}),
    }
    lines = [
        "apiVersion: v1",
        "kind: Secret",
        "metadata:",
        f"  name: {_quoted(name)}",
        *([] if namespace is None else [f"  namespace: {_quoted(namespace)}"]),
        *_mapping("labels", labels, "  "),
        *_mapping("annotations", annotations, "  "),
        "type: Opaque",
        *_mapping("stringData", {KEY_VARIABLE: value, **_base_url(handout)}),
    ]
    if not handout.opens:
        lines.append(f"  # {URL_VARIABLE} has no value: {NO_BASE_URL}")
    return "\n".join(lines) + "\n"


def _base_url(handout: Handout) -> Mapping[str, str]:
    return {URL_VARIABLE: handout.api_base_url} if handout.opens else {}


def _mapping(name: str, entries: Mapping[str, str], indent: str = "") -> Iterator[str]:
    yield f"{indent}{name}:"
    for key, text in entries.items():
        yield f"{indent}  {key}: {_quoted(text)}"


def _comment(handout: Handout, key: HandoutKey) -> str:
    why = (
        "not known on this machine"
        if key.key is None
        else f"{key.key.masked}, and left out; `{handout.revealed_by}` has it"
    )
    return f"# The value of {escaped(key.alias)} is {why}.\n"


def _quoted(text: str) -> str:
    """A text as a double-quoted scalar of YAML, on one line, with whatever does not print escaped."""
    return '"' + "".join(map(_char, text)) + '"'


def _char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    if "\ud800" <= char <= "\udfff":  # half a character: YAML has no way to write it
        return "\ufffd"
    return next(form.format(ord(char)) for last, form in _ESCAPES if ord(char) <= last)
