"""``variables``: what a config is told from outside."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from vkstate.config.schema.base import Strict, wrong


def _scalar(value: object) -> object:
    if isinstance(value, list | dict):
        raise wrong("must be a text, a number or a flag, as a variable is")
    return value


class Variable(Strict):
    """One variable, used as ${var.name}; given by --var, --var-file or VKSTATE_VAR_name."""

    default: Annotated[str | int | float | bool | None, BeforeValidator(_scalar)] = None
    """Its value where none is given; without a default, one must be given."""
    description: str | None = None
    """What it is for."""
