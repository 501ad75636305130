"""Keys as assignments for a shell or a ``.env`` file: all in one text, or a text for each key."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from vkstate.views.formats.naming import digest, file_name, variables
from vkstate.views.handouts import NO_BASE_URL, Handout, HandoutKey
from vkstate.views.words import escaped

KEY_VARIABLE: Final = "OPENAI_API_KEY"
URL_VARIABLE: Final = "OPENAI_BASE_URL"


def as_env(handout: Handout, *, reveal: bool = False) -> str:
    """Assignments for a shell or a ``.env`` file.

    One key gives ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``, which OpenAI clients read. Several give the base URL once
    and each key as ``<ALIAS>_KEY``. A value that is not shown is a comment, so that nobody loads a mask as a key.
    """
    if len(handout.keys) == 1:
        return _block(handout, handout.keys[0], KEY_VARIABLE, reveal=reveal) + _base_url(handout)
    named = variables([key.alias for key in handout.keys])
    blocks = [_block(handout, key, named[key.alias], reveal=reveal) for key in handout.keys]
    return "\n".join((_base_url(handout), *blocks))


def env_files(handout: Handout) -> Mapping[str, str]:
    """By file name, the assignments of each key whose value is known: what a person sources.

    Where two names differ only in case, which some filesystems do not tell apart, both carry a digest.
    """
    keys = [key for key in handout.keys if key.key is not None]
    shared = Counter(file_name(key.alias).casefold() for key in keys)
    found: dict[str, str] = {}
    for key in keys:
        name = file_name(key.alias)
        unique = name if shared[name.casefold()] == 1 else f"{name}-{digest(key.alias)}"
        found[f"{unique}.env"] = as_env(replace(handout, keys=(key,)), reveal=True)
    return found


def _base_url(handout: Handout) -> str:
    if not handout.opens:
        return f"# {URL_VARIABLE} has no value: {NO_BASE_URL}\n"
    return f"{URL_VARIABLE}={shlex.quote(handout.api_base_url)}\n"


def _block(handout: Handout, key: HandoutKey, variable: str, *, reveal: bool) -> str:
    value = key.value(reveal=reveal)
    if value is not None:
        assigned = f"{variable}={shlex.quote(value)}"
    elif key.key is None:
        assigned = f"# {variable} is not known on this machine"
    else:
        assigned = f"# {variable} is {key.key.masked}; `{handout.revealed_by}` shows it"
    return f"# {escaped(key.alias)}\n{assigned}\n"
