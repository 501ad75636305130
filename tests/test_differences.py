"""Three sides, attribute by attribute; the end of a key; stamps; what a server cannot do; what a write left undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from tests.factories import (
    CREATED,
    DECLARED,
    EMPTY_ROW,
    ENDS,
    LINEAGE,
    NOW,
    desired,
    id_of,
    live,
    participant,
    pending,
    planned,
    recorded,
)
from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Unset, Value, seal
from vkstate.differences import applied_form, came_later, live_value, shortfall
from vkstate.expiry import Lasting, Never, Until
from vkstate.keys import Capabilities, DesiredKey, LiveKey, Member, RecordedKey, Stamp
from vkstate.plan import AttributeDiff, Cause, Problem

SECRET = Sensitive("s3cret")
SEALED = seal(LINEAGE, SECRET)
OTHER = seal(LINEAGE, Sensitive("older"))
FULL: Mapping[str, Json] = {**EMPTY_ROW, "user_id": "a@example.com", "models": ["gpt-4"], "max_budget": 50}


def differences(
    want: DesiredKey, have: RecordedKey | None, row: LiveKey, **capabilities: bool
) -> tuple[AttributeDiff, ...]:
    """The differences of one key; there must be no problems."""
    result = planned([want], [have] if have else [], [row], values=["a"], capabilities=Capabilities(**capabilities))
    assert result.problems == ()
    [change] = result.changes
    return change.diffs


def changed(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.CONFIG)


def recorded_only(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.CONFIG, already_live=True)


def drifted(path: str, before: Value | Unset, after: Value | Unset) -> AttributeDiff:
    return AttributeDiff(path, before, after, Cause.OUTSIDE)


MISSING = "<missing>"
"""Not declared, not applied, or not shown."""


@pytest.mark.parametrize(
    ("path", "want", "have", "now", "expected"),
    [
        ("max_budget", 5, 5, 5, None),
        ("max_budget", 6, 5, 5, changed("max_budget", 5, 6)),
        ("max_budget", 5, 5, 7, drifted("max_budget", 7, 5)),
        ("max_budget", 6, 5, 7, changed("max_budget", 7, 6)),
        ("max_budget", 6, 5, 6, recorded_only("max_budget", 5, 6)),
        ("max_budget", None, 5, 5, changed("max_budget", 5, None)),
        ("max_budget", 0, None, None, changed("max_budget", None, 0)),
        ("max_budget", MISSING, 5, 5, changed("max_budget", 5, UNSET)),
        ("max_budget", MISSING, 5, None, recorded_only("max_budget", 5, UNSET)),
        ("max_budget", MISSING, 0, 0, changed("max_budget", 0, UNSET)),
        ("max_budget", MISSING, MISSING, 9, None),
        ("max_budget", 5, MISSING, None, changed("max_budget", None, 5)),
        ("max_budget", 5, MISSING, 5, recorded_only("max_budget", UNSET, 5)),
        ("tpd_limit", 5, 5, MISSING, None),
        ("tpd_limit", 6, 5, MISSING, changed("tpd_limit", 5, 6)),
        ("tpd_limit", MISSING, 5, MISSING, changed("tpd_limit", 5, UNSET)),
        ("models", ["a"], ["a"], ["a", "b"], drifted("models", ["a", "b"], ["a"])),
        ("models", MISSING, ["a"], [], recorded_only("models", ["a"], UNSET)),
        ("blocked", MISSING, True, False, recorded_only("blocked", True, UNSET)),
        ("blocked", True, True, False, drifted("blocked", False, True)),
        ("tags", ["a"], ["a"], MISSING, drifted("tags", [], ["a"])),
        ("tags", MISSING, ["a"], MISSING, recorded_only("tags", ["a"], UNSET)),
        ("model_tpm_limit", {"a": 1}, {"a": 1}, {"a": True}, drifted("model_tpm_limit", {"a": True}, {"a": 1})),
        ("metadata.x", "1", "1", MISSING, drifted("metadata.x", UNSET, "1")),
        ("metadata.x", None, None, MISSING, drifted("metadata.x", UNSET, None)),
        ("metadata.x", None, None, None, None),
        ("metadata.x", True, 1, 1, changed("metadata.x", 1, True)),
        ("metadata.x", MISSING, "1", "1", changed("metadata.x", "1", UNSET)),
        ("metadata.x", MISSING, "1", MISSING, recorded_only("metadata.x", "1", UNSET)),
        ("metadata.x", MISSING, "1", {}, changed("metadata.x", "1", UNSET)),
        ("metadata.x", MISSING, MISSING, "theirs", None),
        ("object_permission.x", MISSING, ["a"], ["a"], changed("object_permission.x", ["a"], UNSET)),
        ("object_permission.x", MISSING, ["a"], [], recorded_only("object_permission.x", ["a"], UNSET)),
        ("extra.new", MISSING, 5, 0, changed("extra.new", 5, UNSET)),
        ("extra.new", MISSING, 5, None, recorded_only("extra.new", 5, UNSET)),
        ("metadata.x", SECRET, SEALED, "s3cret", None),
        ("metadata.x", SECRET, SEALED, "encrypted by the proxy", None),
        ("metadata.x", SECRET, OTHER, "s3cret", changed("metadata.x", OTHER, SEALED)),
        ("metadata.x", SECRET, MISSING, "s3cret", changed("metadata.x", UNSET, SEALED)),
        ("metadata.x", SECRET, "plain", "plain", changed("metadata.x", "plain", SEALED)),
        ("metadata.x", "plain", SEALED, "s3cret", changed("metadata.x", SEALED, "plain")),
        ("metadata.x", "plain", SEALED, "plain", recorded_only("metadata.x", SEALED, "plain")),
        ("metadata.x", MISSING, SEALED, "s3cret", changed("metadata.x", SEALED, UNSET)),
        ("max_budget", Sensitive(5), seal(LINEAGE, Sensitive(5)), 7, None),
    ],
)
def test_three_ways(path: str, want: Value, have: Value, now: Json, expected: AttributeDiff | None) -> None:
    def with_it(rest: Mapping[str, Value], value: Value) -> dict[str, Value]:
        kept = {name: item for name, item in rest.items() if name != path}
        return kept | ({} if value == MISSING else {path: value})

    shown: dict[str, Json] = {name: item for name, item in FULL.items() if name != path}
    if now != MISSING:
        shown[path] = now
    usual: Mapping[str, Value] = {"duration": "30d", "user_id": "a@example.com"}
    actual = differences(
        desired("a", with_it(usual, want)), recorded("a", with_it(usual, have)), live("a", shown)
    )
    assert actual == ((expected,) if expected else ())


@pytest.mark.parametrize(
    "ignored", ["metadata", "metadata.x"], ids=["the whole object", "one key"]
)
def test_what_is_ignored_differs_never(ignored: str) -> None:
    want = desired("a", also={"metadata.x": "new"}, ignore_changes=[ignored])
    have = recorded("a", also={"metadata.x": "old"})
    assert differences(want, have, live("a", also={"metadata.x": "theirs"})) == ()
    assert differences(desired("a", ignore_changes=[ignored]), have, live("a")) == ()


def test_what_is_ignored_stays_in_the_record_as_it_was() -> None:
    want = desired("a", {"max_budget": 6, "rpm_limit": 1}, ignore_changes=["max_budget", "tpm_limit", "rpm_limit"])
    before = recorded("a", {"max_budget": 5, "tpm_limit": 2, "user_id": "x"})
    assert applied_form(want, before, LINEAGE) == {"max_budget": 5, "tpm_limit": 2}
    assert applied_form(want, None, LINEAGE) == {"max_budget": 6, "rpm_limit": 1}


def test_a_value_that_the_proxy_forces_is_no_difference_until_something_changes() -> None:
    have = recorded("a", server_defaults={"max_budget": 100, "metadata.x": None}, also={"metadata.x": "1"})
    want = desired("a", also={"metadata.x": "1"})
    assert differences(want, have, live("a", max_budget=100)) == ()
    assert differences(want, have, live("a", max_budget=101)) == (drifted("max_budget", 101, 50),)
    assert differences(desired("a", max_budget=60, also={"metadata.x": "1"}), have, live("a", max_budget=100)) == (
        changed("max_budget", 100, 60),
    )
    assert differences(want, have, live("a", max_budget=100, also={"metadata.x": "2"})) == (
        drifted("metadata.x", "2", "1"),
    )


def test_differences_are_sorted_by_path() -> None:
    want = desired("a", duration="7d", max_budget=1, also={"metadata.x": 1})
    diffs = differences(want, recorded("a"), live("b", name="a"))
    assert [diff.path for diff in diffs] == ["duration", "key_alias", "max_budget", "metadata.vkstate", "metadata.x"]


# -- the end of a key --------------------------------------------------------------------------------------------------

SOON = NOW + timedelta(days=3)
UNTIL_SOON: Mapping[str, Value] = {"models": ["gpt-4"], "expires_at": "2026-03-21T12:00:00Z"}
NEVER_ENDS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "never"}
THIRTY_DAYS: Mapping[str, Value] = {"models": ["gpt-4"], "duration": "30d"}


@pytest.mark.parametrize(
    ("want", "applied", "expires_at", "live_expires_at", "expected"),
    [
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, ENDS, None),
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, ENDS + timedelta(seconds=2), None),
        (
            THIRTY_DAYS,
            THIRTY_DAYS,
            ENDS,
            ENDS + timedelta(seconds=3),
            drifted("expires_at", "2026-04-16T12:00:03Z", "2026-04-16T12:00:00Z"),
        ),
        (THIRTY_DAYS, THIRTY_DAYS, ENDS, None, drifted("expires_at", "never", "2026-04-16T12:00:00Z")),
        (NEVER_ENDS, NEVER_ENDS, None, ENDS, drifted("expires_at", "2026-04-16T12:00:00Z", "never")),
        (NEVER_ENDS, NEVER_ENDS, None, None, None),
        ({**THIRTY_DAYS, "duration": "720h"}, THIRTY_DAYS, ENDS, ENDS, None),
        ({**THIRTY_DAYS, "duration": "7d"}, THIRTY_DAYS, ENDS, ENDS, changed("duration", "30d", "7d")),
        (
            {**THIRTY_DAYS, "duration": "7d"},
            THIRTY_DAYS,
            ENDS,
            CREATED + timedelta(days=7),
            changed("duration", "30d", "7d"),
        ),
        (NEVER_ENDS, THIRTY_DAYS, ENDS, ENDS, changed("duration", "30d", "never")),
        (NEVER_ENDS, THIRTY_DAYS, ENDS, None, recorded_only("duration", "30d", "never")),
        (THIRTY_DAYS, NEVER_ENDS, None, None, changed("duration", "never", "30d")),
        (UNTIL_SOON, THIRTY_DAYS, ENDS, ENDS, changed("expires_at", "30d", "2026-03-21T12:00:00Z")),
        (UNTIL_SOON, THIRTY_DAYS, ENDS, SOON, recorded_only("expires_at", "30d", "2026-03-21T12:00:00Z")),
        (UNTIL_SOON, UNTIL_SOON, SOON, SOON, None),
        (
            UNTIL_SOON,
            UNTIL_SOON,
            SOON,
            ENDS,
            drifted("expires_at", "2026-04-16T12:00:00Z", "2026-03-21T12:00:00Z"),
        ),
        (THIRTY_DAYS, THIRTY_DAYS, CREATED, CREATED, None),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, ENDS, ENDS, recorded_only("duration", UNSET, "30d")),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, SOON, SOON, changed("duration", UNSET, "30d")),
        (THIRTY_DAYS, {"models": ["gpt-4"]}, None, None, changed("duration", UNSET, "30d")),
        ({"models": ["gpt-4"]}, {"models": ["gpt-4"]}, ENDS, None, None),
    ],
)
def test_when_a_key_ends(
    want: Mapping[str, Value],
    applied: Mapping[str, Value],
    expires_at: datetime | None,
    live_expires_at: datetime | None,
    expected: AttributeDiff | None,
) -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=live_expires_at)
    actual = differences(desired("a", want), recorded("a", applied, expires_at=expires_at), row)
    assert actual == ((expected,) if expected else ())


@pytest.mark.parametrize("ignored", ["duration", "expires_at"])
def test_an_ignored_end_differs_never(ignored: str) -> None:
    want = desired("a", duration="7d", ignore_changes=[ignored])
    assert differences(want, recorded("a"), live("a", expires_at=None)) == ()


@pytest.mark.parametrize(
    ("applied", "live_expires_at", "expected"),
    [
        (THIRTY_DAYS, ENDS + timedelta(seconds=59), None),
        (THIRTY_DAYS, None, changed("duration", "never", "30d")),
        (THIRTY_DAYS, SOON, changed("duration", "2026-03-21T12:00:00Z", "30d")),
        (NEVER_ENDS, None, None),
        (NEVER_ENDS, ENDS, changed("duration", "2026-04-16T12:00:00Z", "never")),
        (UNTIL_SOON, SOON, None),
    ],
)
def test_an_interrupted_create_must_have_given_the_end_that_was_asked(
    applied: Mapping[str, Value], live_expires_at: datetime | None, expected: AttributeDiff | None
) -> None:
    row = live("a", {"models": ["gpt-4"]}, expires_at=live_expires_at)
    actual = differences(desired("a", applied), pending("a", applied), row)
    assert actual == ((expected,) if expected else ())


def test_a_key_that_the_state_does_not_know_is_compared_as_if_nothing_had_been_applied() -> None:
    assert differences(desired("a"), None, live("a")) == (
        recorded_only("duration", UNSET, "30d"),
        recorded_only("max_budget", UNSET, 50),
        recorded_only("models", UNSET, ["gpt-4"]),
        recorded_only("user_id", UNSET, "a@example.com"),
    )
    assert differences(desired("a", max_budget=1), None, live("a"))[1:2] == (changed("max_budget", 50, 1),)


# -- stamps, membership, protection ------------------------------------------------------------------------------------

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
        (Member("w", "user1"), MEMBER, MEMBER, changed("workshop", "w/user1", "w/user1")),
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
    assert differences(want, have, live("a")) == (
        recorded_only("lifecycle.prevent_destroy", not protected, protected),
    )


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
    able = Capabilities(**{capability: False}) if capability else Capabilities()
    result = planned([want], [have], [row], capabilities=able)
    path = "expires_at" if have.applied.get("duration") == "never" else None
    [diff] = result.changes[0].diffs
    assert result.problems == (
        Problem(
            f"a: {words}",
            f"keep {path or diff.path} as it was, or take a out of the config, apply, and put it back: it then gets a "
            "new key value",
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


# -- what a write left undone ------------------------------------------------------------------------------------------


def test_what_the_proxy_can_show_of_a_path() -> None:
    row = live("a", {"max_budget": None, "metadata.x": 1})
    paths = ("max_budget", "metadata.x", "metadata.y", "tags", "tpd_limit", "?")
    shown = {path: live_value(row, path) for path in paths}
    assert {path: value.value if value else None for path, value in shown.items()} == {
        "max_budget": None,
        "metadata.x": 1,
        "metadata.y": UNSET,
        "tags": [],
        "tpd_limit": None,
        "?": None,
    }
    assert {path for path, value in shown.items() if value is None} == {"tpd_limit", "?"}


def test_shortfall_names_what_was_asked_for_and_is_not_there() -> None:
    want = desired(
        "a",
        {
            "duration": "30d",
            "max_budget": 5,
            "models": ["a"],
            "tpd_limit": 1,
            "rpm_limit": 9,
            "metadata.x": SECRET,
            "metadata.y": 1,
        },
        ignore_changes=["rpm_limit"],
    )
    row = live("a", {"max_budget": 50, "models": ["a"], "rpm_limit": 1, "user_id": "x", "team_id": None})
    assert shortfall(want, row, cleared={"user_id", "team_id"}, expiry=None, written_at=CREATED) == (
        drifted("max_budget", 50, 5),
        drifted("metadata.y", UNSET, 1),
        drifted("user_id", "x", UNSET),
    )


@pytest.mark.parametrize(
    ("expiry", "ends", "met"),
    [
        (None, None, True),
        (Lasting(60), CREATED + timedelta(seconds=120), True),
        (Lasting(60), CREATED + timedelta(seconds=121), False),
        (Lasting(60), CREATED, True),
        (Lasting(60), CREATED - timedelta(seconds=1), False),
        (Lasting(60), None, False),
        (Never(), None, True),
        (Never(), ENDS, False),
        (Until(ENDS), ENDS, True),
        (Until(ENDS), ENDS - timedelta(minutes=2), False),
        (Until(CREATED - timedelta(days=1)), CREATED + timedelta(seconds=1), True),
        (Until(ENDS), None, False),
    ],
)
def test_shortfall_of_the_end(expiry: Lasting | Until | Never | None, ends: datetime | None, met: bool) -> None:
    row = live("a", expires_at=ends)
    left = shortfall(desired("a"), row, expiry=expiry, written_at=CREATED)
    assert [diff.path for diff in left] == ([] if met else ["duration"])


def test_an_end_that_was_not_declared_is_nobodys_shortfall() -> None:
    assert shortfall(desired("a", {}), live("a"), expiry=Never(), written_at=CREATED) == ()


def test_the_earlier_of_two_keys_stays() -> None:
    first, second = live("a", created_at=CREATED), live("a", name="x", created_at=NOW)
    assert [came_later(first, [second]), came_later(second, [first]), came_later(first, [])] == [False, True, False]
    low, high = sorted([first, live("a", name="y", created_at=CREATED)], key=lambda row: row.token)
    assert [came_later(low, [high]), came_later(high, [low])] == [False, True]
    unknown = live("a", name="z", created_at=None)
    assert [came_later(first, [unknown]), came_later(unknown, [first])] == [True, False]


def test_no_plan_shows_what_is_secret_on_the_proxy() -> None:
    row = live("a", also={"metadata.x": "s3cret"})
    for want in (desired("a", also={"metadata.x": "plain"}), desired("a")):
        for have in (recorded("a", also={"metadata.x": SEALED}), pending("a", {**DECLARED, "metadata.x": SEALED})):
            assert "s3cret" not in repr(planned([want], [have], [row]))


def test_the_stamp_of_an_adopted_key_keeps_its_id() -> None:
    row = live("a", key_id="0" * 16)
    assert row.stamp == Stamp(LINEAGE, "0" * 16)
    paths = [diff.path for diff in differences(desired("a"), None, row)]
    assert paths == ["duration", "max_budget", "models", "user_id"]


def test_sealed_is_a_digest() -> None:
    assert isinstance(SEALED, Sealed)
