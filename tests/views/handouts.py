"""Handouts for the tests of the formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from tests.views.samples import ENDS, WORKSHOP, handout, handout_key
from vkstate.views.handouts import Handout, HandoutKey

CET = timezone(timedelta(hours=1), "CET")


def member(number: int, **details: str) -> HandoutKey:
    """A member of the workshop, whose key ends in the afternoon of a winter's day."""
    user = f"participant{number}"
    key = handout_key(f"{WORKSHOP}-{user}", user, WORKSHOP, known=number != 2, details=details)
    return replace(key, expires_at=ENDS.astimezone(CET))


def single() -> HandoutKey:
    """A key of nobody's workshop, which has ended."""
    key = handout_key("my-dev-project", "my-dev-project", None)
    return replace(
        key,
        user=None,
        user_id=None,
        models=("all-proxy-models",),
        duration="never",
        expires_at=None,
        max_budget=None,
        status="expired",
    )


def workshop_day() -> Handout:
    """Three members with names, one of whose values is not known, and a single key."""
    members = (member(number, name=f"Person {number}", seat=f"A{number}") for number in range(1, 4))
    return replace(handout(*members, single()), revealed_by="vkstate output --reveal")


def sandboxed(given: Handout) -> Handout:
    """The same on the embedded key server."""
    return replace(given, proxy="sandbox://", base_url="sandbox://")
