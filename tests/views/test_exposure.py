from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Unset, Value
from vkstate.keys import Alias, DesiredKey, LiveKey, RecordedKey
from vkstate.plan import Action, Change, Plan, Reason
from vkstate.views.exposure import Budgets, Exposure, exposure_document, exposure_lines, exposure_of
from vkstate.views.grouping import members_of

from .samples import (
    GRACE_ENDS,
    WORKSHOP,
    create,
    delete,
    desired,
    diff,
    imported,
    left_missing,
    live,
    moved,
    over,
    participant,
    plan_of,
    recorded,
    replaced,
    retiring,
    still_retired,
    update,
)

SENSITIVE = Sensitive(5)
NO_RETIRED: dict[str, Json] = {
    "keys": [],
    "max_total": None,
    "max_per_duration": {},
    "without_budget": [],
    "limited_elsewhere": [],
    "budget_not_shown": [],
}


def new(alias: str, **declared: Value) -> Change:
    whole: dict[str, Value] = {"models": ["gpt-4"], "duration": "30d", **declared}
    return Change(Alias(alias), Action.CREATE, Reason.NEW, desired(alias, whole))


def lines_of(plan: Plan) -> tuple[str, ...]:
    return exposure_lines(exposure_of(plan), members_of(plan))


def test_totals_periods_and_keys_without_a_budget() -> None:
    plan = plan_of(
        *(create(participant(number)) for number in range(1, 26)),
        new("my-dev-project"),
        new("monthly", max_budget=100, budget_duration="30d"),
    )
    assert lines_of(plan) == (
        "At most $1,250.00 in all, plus $100.00 per 30d; 1 key without a budget: my-dev-project.",
    )


def test_every_figure() -> None:
    plan = plan_of(
        new("cent", max_budget=0.1),
        new("cents", max_budget=0.2),
        new("daily", max_budget=5, budget_duration="1d"),
        new("calendar", max_budget=7, budget_duration="monthly"),
        new("weekly1", max_budget=3, budget_duration="7d"),
        new("weekly2", max_budget=4.5, budget_duration="7d"),
        new("free"),
        new("nothing", max_budget=None),
        new("shared", budget_id="team-budget"),
        new("windowed", budget_limits=[{"max_budget": 1, "budget_duration": "1d"}]),
        new("hidden", max_budget=SENSITIVE),
        new("sealed", max_budget=1, budget_duration=Sealed("sha256:00")),
        new("endless", max_budget=1, duration="never"),
        new("all", max_budget=1, models=["all-proxy-models", "gpt-4"]),
        new("star", max_budget=1, models=["*"]),
        new("dated", max_budget=1, expires_at="2026-12-01T17:00:00Z"),
        new("unsaid", max_budget=1, duration=Sensitive("never")),
        left_out=["a", "b"],
    )
    exposure = exposure_of(plan)
    assert exposure == Exposure(
        desired=Budgets(
            total=Decimal("5.3"),
            periodic={"1d": Decimal(5), "7d": Decimal("7.5"), "monthly": Decimal(7)},
            limited=tuple(
                Alias(alias)
                for alias in (
                    *("all", "calendar", "cent", "cents", "daily", "dated", "endless", "star", "unsaid"),
                    *("weekly1", "weekly2"),
                )
            ),
            unlimited=(Alias("free"), Alias("nothing")),
            elsewhere=(Alias("shared"), Alias("windowed")),
            not_shown=(Alias("hidden"), Alias("sealed")),
        ),
        endless=(Alias("endless"),),
        all_models=(Alias("all"), Alias("star")),
        left_out=2,
    )
    assert lines_of(plan) == (
        (
            "Not counting 2 other keys: "
            "at most $5.30 in all, plus $5.00 per 1d, plus $7.50 per 7d, plus $7.00 per monthly; "
            "2 keys without a budget: free, nothing; "
            "2 keys limited by budget_id or budget_limits: shared, windowed; "
            "2 keys with a budget that is not shown: hidden, sealed."
        ),
        "1 key never expires: endless.",
        "2 keys may use all models: all, star.",
    )
    assert exposure_document(exposure) == {
        "max_total": 5.3,
        "max_per_duration": {"1d": 5, "7d": 7.5, "monthly": 7},
        "without_budget": ["free", "nothing"],
        "limited_elsewhere": ["shared", "windowed"],
        "budget_not_shown": ["hidden", "sealed"],
        "never_expires": ["endless"],
        "all_models": ["all", "star"],
        "retired": NO_RETIRED,
    }


def test_keys_that_go_cost_nothing() -> None:
    gone = Change(Alias("gone"), Action.FORGET, Reason.GONE, recorded=recorded("gone", {"max_budget": 5}))
    assert exposure_of(plan_of(delete(participant(1)), gone)) == Exposure()
    assert exposure_lines(Exposure(), {}) == ()
    assert exposure_document(Exposure()) == {
        "max_total": None,
        "max_per_duration": {},
        "without_budget": [],
        "limited_elsewhere": [],
        "budget_not_shown": [],
        "never_expires": [],
        "all_models": [],
        "retired": NO_RETIRED,
    }


def test_a_budget_of_nothing_is_a_budget() -> None:
    assert lines_of(plan_of(new("blocked", max_budget=0))) == ("At most $0.00 in all.",)


def test_several_endless_keys_are_named_in_groups() -> None:
    plan = plan_of(*(create(participant(number), duration="never", models=[]) for number in range(1, 4)))
    assert lines_of(plan) == (
        "At most $150.00 in all.",
        "3 keys never expire: ai-workshop-2024-participant{1..3}.",
        "3 keys may use all models: ai-workshop-2024-participant{1..3}.",
    )


@pytest.mark.parametrize(
    ("after", "standing", "total"),
    [
        (20, 10, Decimal(20)),
        (UNSET, 10, None),
        (None, 10, None),
    ],
)
def test_what_a_change_sets_or_clears_counts(after: Value | Unset, standing: Json, total: Decimal | None) -> None:
    change = update("key", diff("max_budget", standing, after))
    assert exposure_of(plan_of(change)).desired.total == total


def change_on(desired_key: DesiredKey, recorded_key: RecordedKey | None, live_key: LiveKey | None) -> Plan:
    return plan_of(Change(desired_key.alias, Action.NO_OP, Reason.MATCHES, desired_key, recorded_key, live_key))


def test_an_ignored_budget_is_what_stands_on_the_proxy() -> None:
    key = DesiredKey(Alias("key"), {"max_budget": 5}, "", ignore_changes=frozenset({"max_budget"}))
    assert exposure_of(change_on(key, None, live("key", {"max_budget": 70}))).desired.total == Decimal(70)
    assert exposure_of(change_on(key, None, None)).desired.total == Decimal(5)


def test_a_budget_that_nobody_declared_is_what_stands_on_the_proxy() -> None:
    plan = change_on(desired("key", {"models": ["gpt-4"]}), None, live("key", {"max_budget": 70}))
    assert exposure_of(plan).desired.total == Decimal(70)


def test_a_budget_id_counts_where_it_is_declared_since_litellm_makes_its_own_for_soft_budget() -> None:
    standing = live("key", {"budget_id": "made-for-soft-budget", "soft_budget": 3})
    plans = [
        change_on(desired("key", {"soft_budget": 3}), None, standing),
        change_on(desired("key", {"budget_id": "team-budget"}), None, standing),
    ]
    assert [(exposure.desired.unlimited, exposure.desired.elsewhere) for exposure in map(exposure_of, plans)] == [
        ((Alias("key"),), ()),
        ((), (Alias("key"),)),
    ]


def test_a_budget_that_the_proxy_forces_counts() -> None:
    forced = RecordedKey(
        **{**vars(recorded("key", {"max_budget": 5})), "server_defaults": {"max_budget": 1}},
    )
    assert exposure_of(change_on(desired("key", {"max_budget": 5}), forced, None)).desired.total == Decimal(1)


def test_a_key_whose_end_is_not_declared_ends_as_it_does_on_the_proxy() -> None:
    standing = live("key", {"models": ["gpt-4"]})
    endless = LiveKey(**{**vars(standing), "expires_at": None})
    key = desired("key", {"models": ["gpt-4"]})
    assert [exposure_of(change_on(key, None, answer)).endless for answer in (standing, endless, None)] == [
        (),
        (Alias("key"),),
        (Alias("key"),),
    ]


def test_what_retired_keys_have_left_is_told_apart() -> None:
    plan = plan_of(
        new("key", max_budget=10),
        still_retired("one", spend=12.345678),
        still_retired("overspent", spend=60),
        still_retired("daily", spend=7, max_budget=5, budget_duration="1d"),
        still_retired("free", max_budget=None),
        still_retired("windowed", max_budget=None, budget_limits=[{"max_budget": 1, "budget_duration": "1d"}]),
        sealed_budget(still_retired("hidden")),
        replaced("graceful", ends=GRACE_ENDS, spend=1.5),
        replaced("abrupt", ends=None, spend=1.5),
        over("collected"),
    )
    names = {name: retiring(name).alias for name in ("one", "overspent", "daily", "free", "windowed", "hidden")}
    graceful = retiring("graceful").alias
    assert exposure_of(plan).retired == Budgets(
        total=Decimal("86.154322"),
        periodic={"1d": Decimal(5)},
        limited=(names["daily"], graceful, names["one"], names["overspent"]),
        unlimited=(names["free"],),
        elsewhere=(names["windowed"],),
        not_shown=(names["hidden"],),
    )
    assert lines_of(plan) == (
        "At most $110.00 in all.",
        (
            f"4 retired keys may still spend at most $86.16, plus $5.00 per 1d: {names['daily']}, {graceful}, "
            f"{names['one']} and 1 more."
        ),
        f"1 retired key without a budget may still spend: {names['free']}.",
        f"1 retired key limited by budget_id or budget_limits may still spend: {names['windowed']}.",
        f"1 retired key with a budget that is not shown may still spend: {names['hidden']}.",
    )
    assert exposure_document(exposure_of(plan))["retired"] == {
        "keys": [names["daily"], graceful, names["one"], names["overspent"], *(names[n] for n in ELSEWHERE)],
        "max_total": 86.154322,
        "max_per_duration": {"1d": 5},
        "without_budget": [names["free"]],
        "limited_elsewhere": [names["windowed"]],
        "budget_not_shown": [names["hidden"]],
    }


ELSEWHERE = ("free", "windowed", "hidden")


def sealed_budget(change: Change) -> Change:
    """The same key, whose budget was declared with a value from the environment."""
    assert change.recorded is not None
    return replace(change, recorded=replace(change.recorded, applied={"max_budget": Sealed("sha256:00")}))


def test_retired_keys_of_a_workshop_are_named_together() -> None:
    members = [participant(number) for number in range(1, 26)]
    plan = plan_of(
        *(replaced(f"{WORKSHOP}-{member.user}", ends=GRACE_ENDS, member=member, spend=1) for member in members)
    )
    assert lines_of(plan) == (
        "At most $1,250.00 in all.",
        f"25 retired keys may still spend at most $1,225.00: {WORKSHOP}-participant{{1..25}}.retired-*.",
    )


def test_a_retired_key_is_counted_once_and_never_as_desired() -> None:
    """Its replacement that goes on names it, and so does its own change; the planner may desire it as it is."""
    going_on = replace(replaced("key", ends=GRACE_ENDS), reason=Reason.INTERRUPTED)
    shortened = replace(
        still_retired("key"),
        action=Action.UPDATE,
        desired=desired(retiring("key").alias, {"max_budget": 50, "models": [], "duration": "never"}),
    )
    exposure = exposure_of(plan_of(going_on, shortened))
    assert exposure.desired.limited == (Alias("key"),)
    assert exposure.retired == Budgets(total=Decimal(50), limited=(retiring("key").alias,))
    assert (exposure.endless, exposure.all_models) == ((), ())


def test_a_retired_key_that_goes_with_its_replacement_has_nothing_left() -> None:
    going_on = replace(replaced("key"), reason=Reason.MISSING)
    assert exposure_of(plan_of(going_on, still_retired("key"))).retired == Budgets()


def test_a_new_value_has_nothing_of_the_old_key_but_what_is_declared() -> None:
    by_hand = replace(
        replaced("key"),
        desired=DesiredKey(
            Alias("key"),
            {"models": ["gpt-4"], "duration": "30d", "rpm_limit": 5},
            "",
            ignore_changes=frozenset({"models", "duration"}),
        ),
        live=replace(live("key", {"max_budget": 70, "models": []}), expires_at=None),
        diffs=(diff("max_budget", 70, 80),),
    )
    exposure = exposure_of(plan_of(by_hand))
    assert (exposure.desired.unlimited, exposure.endless, exposure.all_models) == ((Alias("key"),), (), ())
    updated = exposure_of(plan_of(replace(by_hand, action=Action.UPDATE)))
    assert updated.desired.total == Decimal(80)
    assert (updated.endless, updated.all_models) == ((Alias("key"),), (Alias("key"),))


def test_a_key_that_is_left_missing_costs_nothing() -> None:
    assert exposure_of(plan_of(left_missing("a"), left_missing("b", known=True))) == Exposure()


def test_moved_and_imported_keys_are_desired_keys() -> None:
    plan = plan_of(moved("old", "new"), imported("found", diff("max_budget", 20, 50)))
    assert exposure_of(plan).desired == Budgets(total=Decimal(100), limited=(Alias("found"), Alias("new")))
