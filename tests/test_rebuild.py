"""The state as it follows from the proxy: without the old one, and with what is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import (
    CREATED,
    DECLARED,
    EMPTY_ROW,
    ENDS,
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    SHOWN,
    desired,
    foreign,
    id_of,
    live,
    participant,
    pending,
    planned,
    recorded,
    token_of,
)
from vkstate.attributes import Json, Sensitive, Value
from vkstate.canonical import seal
from vkstate.expiry import format_instant
from vkstate.keys import Alias, DesiredKey, LiveKey, Origin, RecordedKey, Retired, Status, retired_alias
from vkstate.rebuild import Candidate, Rebuilt, candidates, ours, rebuilt

LATER = NOW + timedelta(days=5)
SECRET = Sensitive("s3cret")
FORGOTTEN = (
    "Only the old state knew which keys are protected where the config does not say so (lifecycle.prevent_destroy), "
    "and which were left missing (on_missing): none is now."
)


def rebuild(
    rows: Iterable[LiveKey] = (), wanted: Iterable[DesiredKey] = (), before: Iterable[RecordedKey] | None = None
) -> Rebuilt:
    old = None if before is None else {Alias(key.alias): key for key in before}
    return rebuilt(LINEAGE, rows, {key.alias: key for key in wanted}, old)


def one(row: LiveKey, wanted: Iterable[DesiredKey] = (), before: Iterable[RecordedKey] | None = None) -> RecordedKey:
    """The one record that is made of one key."""
    found = rebuild([row], wanted, before)
    assert found.problems == ()
    [record] = found.records.values()
    return record


def test_a_key_that_is_as_the_config_asks_is_recorded_as_if_it_were_just_made() -> None:
    member = participant(1)
    found = rebuild([live("w-user1", member=member)], [desired("w-user1", member=member)])
    assert found == Rebuilt({Alias("w-user1"): recorded("w-user1", member=member)}, (), (FORGOTTEN,))


def test_a_key_that_the_config_does_not_declare_is_recorded_as_far_as_it_shows() -> None:
    attributes: dict[str, Json] = {
        **EMPTY_ROW,
        **SHOWN,
        "tags": ["a"],
        "metadata.tags": ["a"],
        "metadata.owner": "ann",
        "extra.newer": 1,
        "object_permission.mcp_servers": ["a"],
        "key_type": "llm_api",
        "blocked": True,
        "config": {"password": "x"},
        "router_settings": {"api_key": "y"},
        "created_by": "somebody",
    }
    found = rebuild([live("old", attributes)])
    applied: dict[str, Value] = {
        **SHOWN,
        "tags": ["a"],
        "blocked": True,
        "config": seal(LINEAGE, Sensitive({"password": "x"})),
        "router_settings": seal(LINEAGE, Sensitive({"api_key": "y"})),
        "expires_at": format_instant(ENDS),
    }
    assert found == Rebuilt({Alias("old"): recorded("old", applied)}, (), (FORGOTTEN,))


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ({"budget_id": "b", "soft_budget": 5}, {}),
        ({"budget_id": "b", "soft_budget": None}, {"budget_id": "b"}),
        ({"budget_id": None, "soft_budget": 5}, {"soft_budget": 5}),
    ],
)
def test_a_budget_that_the_server_may_have_made_is_not_taken_for_declared(
    shown: dict[str, Json], kept: dict[str, Json]
) -> None:
    record = one(live("old", shown, expires_at=None))
    assert record.applied == {**kept, "duration": "never"}


@pytest.mark.parametrize(
    ("asked", "ends", "applied"),
    [
        ({"duration": "30d"}, ENDS, {"duration": "30d"}),
        ({"duration": "30d"}, ENDS + timedelta(seconds=50), {"duration": "30d"}),
        ({"duration": "30d"}, LATER, {"expires_at": format_instant(LATER)}),
        ({"duration": "30d"}, None, {"duration": "never"}),
        ({"duration": "never"}, None, {"duration": "never"}),
        ({"duration": "never"}, ENDS, {"expires_at": format_instant(ENDS)}),
        ({"expires_at": "2026-04-16T14:00:00+02:00"}, ENDS, {"expires_at": "2026-04-16T14:00:00+02:00"}),
        ({"expires_at": "2026-04-16T14:00:00+02:00"}, LATER, {"expires_at": format_instant(LATER)}),
    ],
)
def test_the_end_of_a_key_is_as_the_config_says_it_where_it_ends_so(
    asked: dict[str, Value], ends: object, applied: dict[str, Value]
) -> None:
    row = replace(live("a", {}), expires_at=ends)  # type: ignore[arg-type]  # an instant or None
    assert one(row, [desired("a", asked)]).applied == applied


def test_values_are_those_of_the_proxy_and_not_those_of_the_config() -> None:
    row = live("a", {**SHOWN, "max_budget": 999, "tpm_limit": None, "metadata.theirs": 1})
    want = desired("a", tpm_limit=5, also={"metadata.mine": "x"})
    record = one(row, [want])
    assert record.applied == {**DECLARED, "max_budget": 999, "tpm_limit": None}
    plan = planned([want], [record], [row])
    [change] = plan.changes
    assert {diff.path: diff.after for diff in change.diffs} == {"max_budget": 50, "tpm_limit": 5, "metadata.mine": "x"}


def test_what_cannot_be_read_back_is_taken_as_applied_and_named() -> None:
    aliases = [f"a{number}" for number in range(1, 8)]
    wanted = [desired(alias, tpd_limit=5, also={"metadata.secret": SECRET}) for alias in aliases]
    found = rebuild([live(alias, also={"metadata.secret": "whatever"}) for alias in aliases], wanted)
    for record in found.records.values():
        assert record.applied == {**DECLARED, "tpd_limit": 5, "metadata.secret": seal(LINEAGE, SECRET)}
    told = (
        "What the config says of {} is recorded as applied: it cannot be compared with what the proxy holds. This "
        "concerns a1, a2, a3, a4, a5 and 2 more."
    )
    assert found.remarks == (told.format("metadata.secret"), told.format("tpd_limit"), FORGOTTEN)


@pytest.mark.parametrize("said", [True, False, None])
@pytest.mark.parametrize("was", [True, False, None])
def test_protection_is_as_the_config_says_else_as_the_old_state_did(said: bool | None, was: bool | None) -> None:
    want = replace(desired("a"), prevent_destroy=said)
    before = None if was is None else [recorded("a", prevent_destroy=was)]
    found = rebuild([live("a")], [want], before)
    assert found.records[Alias("a")].prevent_destroy is (bool(was) if said is None else said)
    assert found.remarks == ((FORGOTTEN,) if was is None else ())


def test_protection_holds_for_whatever_bears_the_alias() -> None:
    before = [recorded("a", name="the one before", prevent_destroy=True)]
    assert one(live("a"), (), before).prevent_destroy
    assert one(live("b", name="the one before"), (), before).prevent_destroy


def test_keys_of_others_do_not_count() -> None:
    rows = [live("a"), foreign("b"), live("c", lineage=FOREIGN_LINEAGE)]
    assert [*rebuild(rows).records] == ["a"]
    assert [row.alias for row in ours(rows, LINEAGE, None)] == ["a"]


def test_a_recorded_key_that_lost_its_mark_is_ours_and_one_that_another_project_took_is_not() -> None:
    rows = [live("a", lineage=None), live("b", lineage=FOREIGN_LINEAGE)]
    before = [recorded("a"), recorded("b")]
    assert rebuild(rows, (), before).records == {"a": before[0]}


def test_a_mark_without_an_id_gets_one_that_a_state_can_hold() -> None:
    row = live("a")
    assert row.stamp is not None
    record = one(replace(row, stamp=replace(row.stamp, id="")))
    assert record.id == token_of("a")[:16]


def test_of_keys_with_one_alias_the_first_is_recorded_and_the_others_are_named() -> None:
    first = live("a", name="first", created_at=CREATED)
    rows = [live("a", name=f"later {number}", created_at=CREATED + timedelta(hours=number)) for number in (1, 2)]
    found = rebuild([rows[0], first, rows[1]], [desired("a")])
    assert found.records[Alias("a")].token == first.token
    assert [problem.alias for problem in found.problems] == ["a", "a"]
    assert {problem.detail for problem in found.problems} == {
        f"More than one key of this lineage bears the alias a. The key with the token {first.token[:8]}… (created "
        f"2026-03-17T12:00:00Z) came first and is recorded. The key with the token {row.token[:8]}… (created "
        f"{format_instant(row.created_at)}) is not."
        for row in rows
        if row.created_at
    }
    assert {problem.hint for problem in found.problems} == {
        "delete the one that came later in LiteLLM, or give it another alias there; then rebuild again"
    }


@pytest.mark.parametrize("alias", [None, ""])
def test_a_key_without_an_alias_is_named(alias: str | None) -> None:
    row = live(alias, name="nameless", created_at=None)
    [problem] = rebuild([row, live("b")]).problems
    assert (problem.alias, problem.detail, problem.hint) == (
        None,
        f"The key with the token {row.token[:8]}… carries this lineage and has no alias.",
        "delete it in LiteLLM, or give it an alias there; then rebuild again",
    )


@pytest.mark.parametrize("ends", [ENDS, None])
def test_a_retired_key_is_known_by_its_alias(ends: object) -> None:
    alias = retired_alias(Alias("a"), token_of("old"))
    row = replace(live(alias, name="old"), expires_at=ends)  # type: ignore[arg-type]  # an instant or None
    record = one(row)
    assert record.retired == Retired(Alias("a"), row.expires_at)
    assert (record.alias, record.status, record.token) == (alias, Status.READY, row.token)


@pytest.mark.parametrize("alias", ["a.retired-00000000", ".retired-{}", "a.retired-{}.b", "retired-{}"])
def test_an_alias_that_only_looks_like_it_is_one_like_others(alias: str) -> None:
    row = live(alias.format(token_of("old")[:8]), name="old")
    assert one(row).retired is None


def test_a_key_that_the_config_declares_is_never_retired() -> None:
    alias = retired_alias(Alias("a"), token_of("old"))
    assert one(live(alias, name="old"), [desired(alias)]).retired is None


def test_the_end_of_a_retired_key_is_as_it_was_recorded() -> None:
    alias = retired_alias(Alias("a"), token_of("old"))
    before = replace(recorded(alias, name="old"), retired=Retired(Alias("a"), LATER))
    assert one(live(alias, name="old"), (), [before]) == before


def test_a_retired_key_that_has_not_made_way_yet_is_the_key_itself() -> None:
    """The run that was to replace it died before it was renamed: the new key, which nobody has, gives way."""
    alias = retired_alias(Alias("a"), token_of("old"))
    before = [replace(recorded(alias, name="old"), retired=Retired(Alias("a"))), pending("a")]
    found = rebuild([live("a", name="old")], [desired("a")], before)
    assert found.records == {"a": replace(before[0], alias=Alias("a"), retired=None)}
    assert found.remarks == ("What was pending or gone gives way to the live key that bears its alias: a.",)


def test_what_is_known_of_a_key_stays_known() -> None:
    """The old record is as a refresh would leave it: what was declared once is cleared by the next plan."""
    before = replace(
        recorded("a", {**DECLARED, "tpm_limit": 7, "metadata.secret": seal(LINEAGE, SECRET), "duration": "30d"}),
        origin=Origin.IMPORTED,
        server_defaults={"max_budget": 10},
    )
    row = live("a", also={"tpm_limit": 8, "max_budget": 10, "rpm_limit": 3, "metadata.secret": "whatever"})
    record = one(row, [desired("a", rpm_limit=3)], [before])
    assert record == replace(before, applied={**before.applied, "tpm_limit": 8})


def test_a_key_that_was_renamed_is_recorded_under_the_name_that_it_bears() -> None:
    before = [recorded("a"), recorded("b")]
    swapped = [live("b", name="a", key_id=id_of("a")), live("a", name="b", key_id=id_of("b"))]
    found = rebuild(swapped, (), before)
    assert found.records == {
        "a": replace(before[1], alias=Alias("a")),
        "b": replace(before[0], alias=Alias("b")),
    }


def test_what_is_no_longer_on_the_proxy_goes() -> None:
    assert rebuild([live("b")], (), [recorded("a"), recorded("b")]).records == {"b": recorded("b")}


def test_what_a_plan_has_to_settle_stays() -> None:
    gone = replace(recorded("c"), status=Status.GONE)
    before = [pending("a"), pending("b", no_token=True), gone, recorded("d")]
    found = rebuild([live("d")], (), before)
    assert found.records == {key.alias: key for key in before}
    assert found.remarks == ("What is pending or gone stays so, for the next plan to settle: a, b, c.",)


def test_a_create_that_arrived_is_ready_and_what_is_back_is_too() -> None:
    before = [pending("a"), replace(recorded("b"), status=Status.GONE)]
    found = rebuild([live("a"), live("b")], [desired("a"), desired("b")], before)
    assert found == Rebuilt({Alias("a"): recorded("a"), Alias("b"): recorded("b")}, (), ())


def test_a_key_whose_value_the_proxy_made_and_nobody_got_is_left_to_a_plan() -> None:
    before = pending("a", no_token=True)
    assert one(live("a", name="made by the proxy"), [desired("a")], [before]) == before
    stranger = one(live("a", name="made elsewhere", key_id="f" * 16), [desired("a")], [before])
    assert (stranger.status, stranger.token) == (Status.READY, token_of("made elsewhere"))


def test_records_stand_in_natural_order() -> None:
    rows = [live(f"user{number}") for number in (10, 2, 1)]
    assert [*rebuild(rows).records] == ["user1", "user2", "user10"]


def test_the_candidates_are_named_by_what_they_hold() -> None:
    rows = [
        *(live(f"user{number}", created_at=CREATED + timedelta(hours=number)) for number in (10, 2, 1, 3)),
        live(None, name="nameless", lineage=FOREIGN_LINEAGE, created_at=None),
        foreign("theirs"),
    ]
    assert candidates(rows) == (
        Candidate(LINEAGE, 4, ("user1", "user2", "user3"), CREATED + timedelta(hours=10)),
        Candidate(FOREIGN_LINEAGE, 1, (), None),
    )
    assert candidates([]) == ()


ALIASES = ("a", "b", "user2", "user10")
VALUES: Mapping[str, st.SearchStrategy[Json]] = {
    "max_budget": st.sampled_from([None, 0, 5, 50]),
    "models": st.sampled_from([["gpt-4"], ["a", "b"]]),
    "tags": st.sampled_from([["x"], ["x", "y"]]),
    "metadata.owner": st.sampled_from(["ann", 1, True, None]),
    "blocked": st.booleans(),
    "aliases": st.sampled_from([{}, {"a": "b"}]),
}
EXPIRIES = st.sampled_from(
    [({"duration": "30d"}, ENDS), ({"duration": "never"}, None), ({"expires_at": format_instant(LATER)}, LATER)]
)


@st.composite
def at_peace(draw: st.DrawFn) -> tuple[list[DesiredKey], list[LiveKey]]:
    """Keys of the config, and the proxy as an apply leaves it, with keys of others beside them."""
    wanted: list[DesiredKey] = []
    rows: list[LiveKey] = [foreign("theirs"), live("c", lineage=FOREIGN_LINEAGE)]
    for alias in draw(st.sets(st.sampled_from(ALIASES), min_size=1)):
        values = {path: draw(strategy) for path, strategy in VALUES.items() if draw(st.booleans())}
        expiry, ends = draw(EXPIRIES)
        wanted.append(desired(alias, {**values, **expiry}, prevent_destroy=draw(st.booleans())))
        rows.append(live(alias, {**EMPTY_ROW, **values}, expires_at=ends))
    return wanted, draw(st.permutations(rows))


@given(at_peace())
def test_after_a_rebuild_a_proxy_that_matches_the_config_needs_nothing(
    scene: tuple[list[DesiredKey], list[LiveKey]],
) -> None:
    wanted, rows = scene
    found = rebuild(rows, wanted)
    assert (found.problems, found.remarks) == ((), (FORGOTTEN,))
    plan = planned(wanted, found.records.values(), rows)
    assert (plan.effective, plan.problems) == ((), ())


@given(at_peace(), st.data())
def test_a_rebuild_repeats_itself(scene: tuple[list[DesiredKey], list[LiveKey]], data: st.DataObject) -> None:
    """Whatever the config asks by then: what is known already is believed, and stays byte for byte."""
    wanted, rows = scene
    found = rebuild(rows, wanted)
    others = data.draw(at_peace())[0]
    again = rebuild(rows, [replace(key, prevent_destroy=None) for key in others], found.records.values())
    assert again == replace(found, remarks=())


@given(at_peace(), st.data())
def test_every_key_of_the_lineage_is_recorded_or_named(
    scene: tuple[list[DesiredKey], list[LiveKey]], data: st.DataObject
) -> None:
    wanted, rows = scene
    renamed = [replace(row, alias=data.draw(st.sampled_from([*ALIASES, None]))) for row in rows]
    found = rebuild(renamed, wanted)
    held = {record.token for record in found.records.values()}
    mine = {row.token for row in ours(renamed, LINEAGE, None)}
    assert held <= mine
    assert len(mine) == len(held) + len(found.problems)
    for problem in found.problems:
        assert any(token[:8] in problem.detail for token in mine - held)
