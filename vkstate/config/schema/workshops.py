"""``workshops``: groups of keys that differ only by person."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from vkstate.config.schema.attributes import KeyAttributes
from vkstate.config.schema.base import Moment, Name, NameAsWritten, wrong

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
    user_format: Name | None = None
    """How the names of counted members are made of {n}, as participant{n:03}, which begins at participant001. Not
    beside user_prefix."""
    spares: Annotated[int, Field(ge=1, le=MOST_MEMBERS)] | None = None
    """How many further keys to prepare for nobody yet: they are spare1, spare2 and so on, until moved gives one to
    somebody."""
    starts_at: Moment | None = None
    """When the workshop starts, as 2026-12-01T09:00:00+01:00. Its keys are blocked until then, and the first apply
    after it opens them."""
    ends_at: Moment | None = None
    """When the workshop ends: its keys end at this instant. Not beside duration or expires_at."""
    user_domain: Annotated[str, AfterValidator(_domain)] | None = None
    """What follows the @ of a member's user_id. Default: example.com."""
    alias_template: Name | None = None
    """How a member's alias is made: of {workshop}, {user}, with count of {n} or {n:03}, with a roster of any {column}.
    Default: "{workshop}-{user}"."""
    user_id_template: Name | None = None
    """How a member's user_id is made, of the same. Default: {user}@ and user_domain."""
    overrides: dict[str, Override | None] | None = None
    """By member, what differs for that member."""
