"""``workshops``: groups of keys that differ only by person."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from vkstate.config.schema.attributes import KeyAttributes
from vkstate.config.schema.base import Name, NameAsWritten, wrong

MOST_MEMBERS: Final = 10_000


def _some(members: list[str] | None) -> list[str] | None:
    if members is not None and not members:
        raise wrong("must name at least one member; to end a workshop, take it out of the config")
    return members


def _domain(text: str) -> str:
    if "@" in text or text != text.strip() or not text:
        raise wrong("must be a domain such as workshop.example.com, without the @")
    return text


class Override(KeyAttributes):
    """What differs for one member of a workshop."""


class Workshop(KeyAttributes):
    """A workshop: exactly one of count, members and roster says whose keys it has; the rest is what they share."""

    count: Annotated[int, Field(ge=1, le=MOST_MEMBERS)] | None = None
    """How many members: they are user_prefix1, user_prefix2 and so on."""
    members: Annotated[list[NameAsWritten] | None, AfterValidator(_some)] = None
    """The members by name."""
    roster: Name | None = None
    """A CSV file of the members, relative to the config: a header with user, and where wanted email (which becomes
    user_id) and attributes; other columns are carried to the handout."""
    user_prefix: Name | None = None
    """What the names of counted members begin with. Default: user."""
    user_domain: Annotated[str, AfterValidator(_domain)] | None = None
    """What follows the @ of a member's user_id. Default: example.com."""
    alias_template: Name | None = None
    """How a member's alias is made: of {workshop}, {user}, with count of {n}, with a roster of any {column}. Default:
    "{workshop}-{user}"."""
    user_id_template: Name | None = None
    """How a member's user_id is made, of the same. Default: {user}@ and user_domain."""
    overrides: dict[str, Override | None] | None = None
    """By member, what differs for that member."""
