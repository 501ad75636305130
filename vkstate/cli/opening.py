"""What is said where a key value was asked for and cannot be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vkstate.abridged import abridged
from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.keys import Token
from vkstate.views.words import escaped

_MOST_NAMED: Final = 5


def say_unknown(project: Project, unknown: Mapping[str, Token | None]) -> None:
    """Say why these keys' values are not known here: nobody kept them, or no identity opens what is encrypted."""
    store = project.store
    stored = store.tokens()
    missing = [alias for alias, token in unknown.items() if token is None or token not in stored]
    if missing:
        named = abridged(missing, _MOST_NAMED)
        where = str(store.path) if store.encrypted else "the secret store of this machine"
        say(f"warning: {where} does not hold the value of {escaped(named)}.")
    say_closed(project, unknown)


def say_closed(project: Project, unknown: Mapping[str, Token | None]) -> None:
    """Say why what is encrypted of these keys' values is not opened, if anything is."""
    if why := project.store.why_closed([token for token in unknown.values() if token is not None]):
        say(f"warning: {escaped(why)}")
