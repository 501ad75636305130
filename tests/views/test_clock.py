"""A workshop's clock in words, and the hint at a rename that nobody said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from tests.factories import DECLARED, NOW, desired, live, participant, planned, recorded
from vkstate.attributes import Json
from vkstate.keys import DesiredKey, Member
from vkstate.plan import Plan
from vkstate.views.documents import dumped
from vkstate.views.human import render_plan
from vkstate.views.json import plan_document
from vkstate.views.markdown import render_markdown

Golden = Callable[[str, str], None]

PROXY = "https://litellm.example.com"
STARTS = datetime.fromisoformat("2026-12-01T09:00:00+01:00")
ENDS = datetime.fromisoformat("2026-12-01T18:00:00+01:00")


def member(who: Member, starts_at: datetime | None = STARTS, **other: str) -> DesiredKey:
    declared = {path: value for path, value in DECLARED.items() if path != "duration"}
    expiry = {"expires_at": "2026-12-01T17:00:00Z", "user_id": f"{who.user}@example.com", **other}
    key = desired(f"{who.workshop}-{who.user}", declared, member=who, also=expiry)
    return replace(key, starts_at=starts_at, ends_at=ENDS)


def before_and_after() -> Plan:
    """What a plan says of workshops that have not started, and of those that have."""
    wants = [member(participant(number)) for number in range(1, 4)]
    wants.append(member(Member("w", "bob"), expires_at="2026-12-01T11:00:00Z"))
    have, rows = [], []
    for workshop, starts_at, was in (
        ("open", NOW - timedelta(hours=1), True),
        ("late", STARTS, False),
        ("waiting", STARTS, True),
    ):
        for number in (1, 2):
            key = member(participant(number, workshop), starts_at)
            wants.append(key)
            shown: dict[str, Json] = {
                "max_budget": 50,
                "models": ["gpt-4"],
                "user_id": f"user{number}@example.com",
                "blocked": was,
            }
            record = recorded(key.alias, {**key.declared, "blocked": was}, member=key.member, expires_at=ENDS)
            have.append(replace(record, awaits_start=was))
            rows.append(live(key.alias, shown, member=key.member, expires_at=ENDS))
    gone = Member("w", "ann")
    have.append(recorded("w-ann", {**wants[0].declared, "blocked": True}, member=gone, expires_at=ENDS))
    rows.append(live("w-ann", member=gone, expires_at=ENDS))
    return planned(wants, have, rows)


def renamed() -> Plan:
    """One member goes and another comes."""
    key, gone = member(Member("w", "eve")), Member("w", "ann")
    have = recorded("w-ann", {**key.declared, "user_id": "ann@example.com"}, member=gone, expires_at=ENDS)
    return planned([key], [have], [live("w-ann", member=gone, expires_at=ENDS)])


def test_the_clock(golden: Golden) -> None:
    golden("clock.txt", render_plan(before_and_after(), proxy=PROXY))


def test_the_clock_verbose(golden: Golden) -> None:
    golden("clock_verbose.txt", render_plan(before_and_after(), proxy=PROXY, verbose=True))


def test_the_clock_as_markdown(golden: Golden) -> None:
    golden("clock.md", render_markdown(before_and_after(), proxy=PROXY, fingerprint=None))


def test_until_when_as_json() -> None:
    changes = plan_document(before_and_after(), proxy=PROXY)["changes"]
    assert isinstance(changes, list)
    told = {change["alias"]: change["blocked_until"] for change in changes if isinstance(change, dict)}
    start = "2026-12-01T08:00:00Z"
    assert told == {
        "late-user1": start,
        "late-user2": start,
        "open-user1": None,
        "open-user2": None,
        "w-ann": None,
        "w-bob": start,
        "w-user1": start,
        "w-user2": start,
        "w-user3": start,
    }


def test_a_forgotten_rename(golden: Golden) -> None:
    golden("renamed.txt", render_plan(renamed(), proxy=PROXY))
    golden("renamed.md", render_markdown(renamed(), proxy=PROXY, fingerprint=None))
    document = plan_document(renamed(), proxy=PROXY)
    assert document["likely_renames"] == [{"from": "w-ann", "to": "w-eve"}]
    assert dumped(document).isascii()
