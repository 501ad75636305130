"""Three sides, attribute by attribute, and what is ignored, forced or secret."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.diffs import changed, differences, drifted, recorded_only
from tests.factories import DECLARED, EMPTY_ROW, LINEAGE, NOW, desired, live, pending, planned, recorded
from vkstate.attributes import UNSET, Json, Sensitive, Value
from vkstate.canonical import seal
from vkstate.differences import applied_form, shortfall
from vkstate.plan import AttributeDiff
from vkstate.unchanged import as_live

SECRET = Sensitive("s3cret")
SEALED = seal(LINEAGE, SECRET)
OTHER = seal(LINEAGE, Sensitive("older"))
FULL: Mapping[str, Json] = {**EMPTY_ROW, "user_id": "a@example.com", "models": ["gpt-4"], "max_budget": 50}


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
        ("metadata.x", None, None, MISSING, None),
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
    actual = differences(desired("a", with_it(usual, want)), recorded("a", with_it(usual, have)), live("a", shown))
    assert actual == ((expected,) if expected else ())


@pytest.mark.parametrize("ignored", ["metadata", "metadata.x"], ids=["the whole object", "one key"])
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


def test_no_plan_shows_what_is_secret_on_the_proxy() -> None:
    row = live("a", also={"metadata.x": "s3cret"})
    for want in (desired("a", also={"metadata.x": "plain"}), desired("a")):
        for have in (recorded("a", also={"metadata.x": SEALED}), pending("a", {**DECLARED, "metadata.x": SEALED})):
            assert "s3cret" not in repr(planned([want], [have], [row]))


def test_what_is_declared_as_none_need_not_be_shown() -> None:
    """A key of the metadata that is null, and one that is not there."""
    want, have = desired("a", also={"metadata.x": None}), recorded("a", also={"metadata.x": None})
    for row in (live("a"), live("a", also={"metadata.x": None})):
        assert differences(want, have, row) == ()
        assert differences(want, recorded("a"), row) == (recorded_only("metadata.x", UNSET, None),)
        assert shortfall(want, row, expiry=None, written_at=NOW) == ()
        assert as_live(want, row).declared["metadata.x"] is None
    assert differences(want, have, live("a", also={"metadata.x": 5})) == (drifted("metadata.x", 5, None),)
