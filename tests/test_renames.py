"""Renames that the config seems to have forgotten to say."""

from __future__ import annotations

import pytest

from tests.factories import desired, live, planned, recorded
from vkstate.keys import Alias, DesiredKey, Member, RecordedKey
from vkstate.renames import Rename, likely_renames


def member(user: str, workshop: str = "w") -> Member:
    return Member(workshop, user)


def had(user: str, workshop: str = "w", **other: int) -> RecordedKey:
    return recorded(
        f"{workshop}-{user}", member=member(user, workshop), also={"user_id": f"{user}@example.com", **other}
    )


def wanted(user: str, workshop: str = "w", **other: int) -> DesiredKey:
    return desired(
        f"{workshop}-{user}", member=member(user, workshop), also={"user_id": f"{user}@example.com", **other}
    )


def hints(wants: list[DesiredKey], have: list[RecordedKey]) -> list[tuple[str, str]]:
    rows = [live(record.alias, member=record.member) for record in have]
    return [(rename.old, rename.new) for rename in likely_renames(planned(wants, have, rows))]


@pytest.mark.parametrize(
    ("wants", "have", "found"),
    [
        pytest.param([wanted("b")], [had("a")], [("w-a", "w-b")], id="one for one"),
        pytest.param([wanted("b"), wanted("c")], [had("a"), had("c")], [("w-a", "w-b")], id="others stay"),
        pytest.param([wanted("b", max_budget=60)], [had("a")], [], id="with another budget"),
        pytest.param([wanted("b"), wanted("c")], [had("a")], [], id="two come"),
        pytest.param([wanted("c")], [had("a"), had("b")], [], id="two go"),
        pytest.param([wanted("b", "v")], [had("a", "w")], [], id="into another workshop"),
        pytest.param(
            [wanted("b"), wanted("b", "v")], [had("a"), had("a", "v")], [("v-a", "v-b"), ("w-a", "w-b")], id="each"
        ),
        pytest.param([desired("new")], [recorded("old")], [("old", "new")], id="single keys"),
        pytest.param([desired("new", tpm_limit=1)], [recorded("old")], [], id="single keys that differ"),
        pytest.param([wanted("a")], [], [], id="one comes"),
        pytest.param([wanted("a")], [had("a"), had("b")], [], id="one goes"),
    ],
)
def test_likely_renames(wants: list[DesiredKey], have: list[RecordedKey], found: list[tuple[str, str]]) -> None:
    assert hints(wants, have) == found


def test_a_block_does_not_count() -> None:
    plan = planned([wanted("b", blocked=False)], [had("a", blocked=True)], [live("w-a", member=member("a"))])
    assert likely_renames(plan) == (Rename(Alias("w-a"), Alias("w-b")),)
