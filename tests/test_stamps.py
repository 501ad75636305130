"""Stamps, membership, names and protection; and what this server cannot do."""

from __future__ import annotations

import pytest

from tests.diffs import changed, differences, drifted, recorded_only
from tests.factories import LINEAGE, desired, id_of, live, participant, pending, planned, recorded
from vkstate.attributes import UNSET, Json
from vkstate.differences import is_protected
from vkstate.identity import is_record_of
from vkstate.keys import Capabilities, DesiredKey, LiveKey, Member, RecordedKey, Stamp
from vkstate.plan import AttributeDiff, Problem

MEMBER = participant(1)
STAMP_JSON: dict[str, Json] = {"lineage": LINEAGE, "id": id_of("a")}


@pytest.mark.parametrize(
    ("want", "have", "on_the_proxy", "expected"),
    [
        (MEMBER, MEMBER, MEMBER, None),
        (MEMBER, None, None, changed("workshop", UNSET, "w/user1")),
        (None, MEMBER, MEMBER, changed("workshop", "w/user1", UNSET)),
        (MEMBER, None, MEMBER, recorded_only("workshop", UNSET, "w/user1")),
        (Member("v", "user1", 1), MEMBER, MEMBER, changed("workshop", "w/user1", "v/user1")),
        (Member("w", "user1"), MEMBER, MEMBER, None),
        (MEMBER, Member("w", "user1"), Member("w", "user1"), None),
        (MEMBER, MEMBER, Member("w", "user1"), None),
        (
            None,
            None,
            MEMBER,
            drifted("metadata.vkstate", {**STAMP_JSON, "workshop": "w", "user": "user1", "user_number": 1}, STAMP_JSON),
        ),
    ],
)
def test_membership(
    want: Member | None, have: Member | None, on_the_proxy: Member | None, expected: AttributeDiff | None
) -> None:
    actual = differences(desired("a", member=want), recorded("a", member=have), live("a", member=on_the_proxy))
    assert actual == ((expected,) if expected else ())


def test_a_stamp_that_others_took_away_is_put_back() -> None:
    assert differences(desired("a"), recorded("a"), live("a", lineage=None)) == (
        drifted("metadata.vkstate", UNSET, STAMP_JSON),
    )


def test_a_rename_by_others_is_undone() -> None:
    row = live("b", name="a", key_id=id_of("a"))
    assert differences(desired("a"), recorded("a"), row) == (drifted("key_alias", "b", "a"),)
    nameless = live(None, name="a", key_id=id_of("a"))
    assert differences(desired("a"), recorded("a"), nameless) == (drifted("key_alias", None, "a"),)


@pytest.mark.parametrize("protected", [True, False])
def test_protection_is_a_matter_of_the_record_alone(protected: bool) -> None:
    want, have = desired("a", prevent_destroy=protected), recorded("a", prevent_destroy=not protected)
    assert differences(want, have, live("a")) == (recorded_only("lifecycle.prevent_destroy", not protected, protected),)


@pytest.mark.parametrize("protected", [True, False])
def test_protection_that_the_config_says_nothing_of_stays_as_it_was(protected: bool) -> None:
    want, have = desired("a", prevent_destroy=None), recorded("a", prevent_destroy=protected)
    assert differences(want, have, live("a")) == ()
    assert (is_protected(want, have), is_protected(want, None)) == (protected, False)


def test_the_stamp_of_an_adopted_key_keeps_its_id() -> None:
    row = live("a", key_id="0" * 16)
    assert row.stamp == Stamp(LINEAGE, "0" * 16)
    paths = [diff.path for diff in differences(desired("a"), None, row)]
    assert paths == ["duration", "max_budget", "models", "user_id"]


@pytest.mark.parametrize(
    ("have", "row", "expected"),
    [
        (recorded("a"), live("a"), True),
        (recorded("a"), live("elsewhere", name="a", lineage=None), True),
        (recorded("a"), live("a", name="another"), False),
        (pending("a", no_token=True), live("a", name="made by the proxy"), True),
        (pending("a", no_token=True), live("a", name="x", key_id="0" * 16), False),
        (pending("a", no_token=True), live("a", name="x", lineage=None), False),
        (pending("a"), live("a", name="made by another clone"), False),
    ],
)
def test_which_key_a_record_stands_for(have: RecordedKey, row: LiveKey, expected: bool) -> None:
    assert is_record_of(have, row) is expected


# -- what this server cannot do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("want", "have", "row", "capability", "words"),
    [
        (
            desired("a", key_type="management"),
            recorded("a", key_type="default"),
            live("a", key_type="default"),
            None,
            "LiteLLM sets key_type only when a key is created, so that an existing key cannot be given another.",
        ),
        (
            desired("a"),
            recorded("a", budget_duration="30d"),
            live("a", budget_duration="30d"),
            "clear_budget_duration",
            "this LiteLLM cannot clear budget_duration on an existing key (1.90 and later can).",
        ),
        (
            desired("a", budget_duration=None),
            recorded("a", budget_duration="30d"),
            live("a", budget_duration="30d"),
            "clear_budget_duration",
            "this LiteLLM cannot clear budget_duration on an existing key (1.90 and later can).",
        ),
        (
            desired("a", soft_budget=5),
            recorded("a", soft_budget=4),
            live("a", soft_budget=4),
            "update_soft_budget",
            "this LiteLLM cannot change soft_budget on an existing key (1.105 can).",
        ),
        (
            desired("a", duration="never"),
            recorded("a"),
            live("a"),
            "clear_expiry",
            "this LiteLLM cannot take the expiry from an existing key (1.80 and later can).",
        ),
        (
            desired("a", duration="never"),
            recorded("a", duration="never", expires_at=None),
            live("a"),
            "clear_expiry",
            "this LiteLLM cannot take the expiry from an existing key (1.80 and later can).",
        ),
    ],
    ids=["key_type", "budget_duration gone", "budget_duration null", "soft_budget", "never", "never again"],
)
def test_what_the_server_cannot_do_is_a_problem(
    want: DesiredKey, have: RecordedKey, row: LiveKey, capability: str | None, words: str
) -> None:
    flags = {capability: False} if capability else {}
    able = Capabilities(**flags)  # type: ignore[arg-type]  # only flags are given
    result = planned([want], [have], [row], capabilities=able)
    path = "expires_at" if have.applied.get("duration") == "never" else None
    [diff] = result.changes[0].diffs
    assert result.problems == (
        Problem(
            f"a: {words}",
            f"keep {path or diff.path} as it was, or give a a new key value: --replace a",
            want.alias,
        ),
    )
    if capability:
        assert planned([want], [have], [row]).problems == ()


@pytest.mark.parametrize("capability", ["clear_budget_duration", "update_soft_budget", "clear_expiry"])
def test_what_is_so_already_needs_no_ability(capability: str) -> None:
    want = desired("a", {"duration": "never", "soft_budget": 5})
    have = recorded("a", {"duration": "30d", "soft_budget": 4, "budget_duration": "30d"})
    row = live("a", {"soft_budget": 5, "budget_duration": None}, expires_at=None)
    assert [diff.already_live for diff in differences(want, have, row, **{capability: False})] == [True, True, True]


def test_changing_a_budget_duration_needs_no_ability() -> None:
    want, have = desired("a", budget_duration="7d"), recorded("a", budget_duration="30d")
    row = live("a", budget_duration="30d")
    assert differences(want, have, row, clear_budget_duration=False) == (changed("budget_duration", "30d", "7d"),)


def test_an_adopted_key_keeps_the_type_that_no_server_would_show_or_change() -> None:
    diffs = differences(desired("a", {"key_type": "management", "duration": "30d"}), None, live("a", {}))
    assert diffs[1] == recorded_only("key_type", UNSET, "management")
