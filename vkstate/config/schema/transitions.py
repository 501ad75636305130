"""``moved``, ``removed`` and ``safety``: what becomes of keys that have left the config, or go by another name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vkstate.config.schema.base import NameAsWritten, Strict
from vkstate.safety import USUAL


class Moved(Strict):
    """One key that goes on under another alias, or one workshop under another name."""

    source: Annotated[NameAsWritten, Field(alias="from")]
    """The alias that the key had, or workshop:NAME; the config declares nothing under it any more."""
    target: Annotated[NameAsWritten, Field(alias="to")]
    """The alias that it has now, or workshop:NAME: a key or workshop of this config."""


class Removed(Strict):
    """Keys that have left the config, and what becomes of them."""

    alias: NameAsWritten
    """Which keys: an alias, a glob, workshop:NAME or workshop:NAME/MEMBER."""
    destroy: bool = True
    """Whether they are deleted. With false they live on, and vkstate forgets them and takes its mark off them."""


class Safety(Strict):
    """How much a plan may delete or replace unasked; more needs --allow-deletes."""

    max_delete_percent: Annotated[int, Field(ge=0, le=100)] = USUAL.percent
    """The largest share of the recorded keys that may go unasked, in percent; 0: none."""
    min_keys: Annotated[int, Field(ge=1)] = USUAL.few
    """How many keys the state must record for the share to be looked at: of fewer it means nothing."""
