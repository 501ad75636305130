"""Filters on a finished plan: how much may go, an emptied config, models that the proxy does not serve."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import pytest

from tests.factories import CANARY, LINEAGE, NOW, aside, desired, live, pending, planned, recorded, retired, warned
from vkstate.attributes import Sensitive, Value
from vkstate.canonical import seal
from vkstate.keys import Alias
from vkstate.options import Options
from vkstate.plan import Action, Plan, Problem
from vkstate.safety import check_models, limit_deletes, models_of, refuse_empty

Mode = Literal["error", "warn", "off"]


def deleting(going: int, staying: int) -> Plan:
    """A plan that deletes so many keys of so many more."""
    aliases = [f"a{number}" for number in range(going + staying)]
    return planned(map(desired, aliases[going:]), map(recorded, aliases), map(live, aliases))


@pytest.mark.parametrize(
    ("going", "recorded_keys", "allowed", "refused"),
    [
        (0, 0, None, False),
        (9, 9, None, False),
        (3, 10, None, False),
        (4, 10, None, True),
        (10, 10, None, True),
        (10, 10, 9, True),
        (10, 10, 10, False),
        (10, 10, 11, False),
        (4, 10, 0, True),
        (30, 100, None, False),
        (31, 100, None, True),
    ],
)
def test_how_many_keys_may_go_unasked(going: int, recorded_keys: int, allowed: int | None, refused: bool) -> None:
    plan = deleting(going, recorded_keys - going)
    result = limit_deletes(plan, recorded=recorded_keys, allowed=allowed)
    assert bool(result.problems) is refused
    assert result.changes == plan.changes


def test_the_numbers_are_in_the_message() -> None:
    [problem] = limit_deletes(deleting(31, 72), recorded=103, allowed=None).problems
    assert problem == Problem(
        "this plan deletes or replaces 31 of 103 keys, and at most 30 % of them, here 30, may go unasked.",
        "if that is meant, repeat the command with --allow-deletes 31",
    )
    [problem] = limit_deletes(deleting(10, 0), recorded=10, allowed=9).problems
    assert problem == Problem(
        "this plan deletes or replaces 10 of 10 keys, and at most 30 % of them, here 3, may go unasked. "
        "--allow-deletes 9 does not cover that.",
        "if that is meant, repeat the command with --allow-deletes 10",
    )


def test_replacements_count_and_other_problems_stay() -> None:
    aliases = [f"a{number}" for number in range(10)]
    plan = planned(
        map(desired, aliases),
        [pending(alias, no_token=True) for alias in aliases],
        [live(alias, name=f"made for {alias}") for alias in aliases[:-1]] + [live("a9", name="x", lineage=None)],
    )
    assert plan.counts == {Action.REPLACE: 9}
    assert len(limit_deletes(plan, recorded=10, allowed=None).problems) == 2


@pytest.mark.parametrize("grace", [None, timedelta(hours=1)])
def test_asked_replacements_count_with_grace_and_without(grace: timedelta | None) -> None:
    aliases = [f"a{number}" for number in range(10)]
    options = Options(replace=("*",), grace=grace)
    plan = planned(map(desired, aliases), map(recorded, aliases), map(live, aliases), options=options)
    assert [problem.hint for problem in limit_deletes(plan, recorded=10, allowed=None).problems] == [
        "if that is meant, repeat the command with --allow-deletes 10"
    ]


def test_what_an_earlier_plan_has_said_already_does_not_count() -> None:
    """Old keys whose time is over, or whose successor goes; and replacements that go on, as where that has vanished."""
    aliases = [f"a{number}" for number in range(10)]
    old = [retired(alias, f"old {alias}") for alias in aliases]
    asides = [aside(alias, f"old {alias}") for alias in aliases]
    collecting = planned(map(desired, aliases), [*map(recorded, aliases), *old], [*map(live, aliases), *asides])
    assert collecting.counts == {Action.DELETE: 10, Action.NO_OP: 10}
    going_on = planned(map(desired, aliases), [*map(pending, aliases), *old], asides)
    assert going_on.counts == {Action.REPLACE: 10, Action.NO_OP: 10}
    vanished = planned(map(desired, aliases), [*map(recorded, aliases), *old], asides)
    assert vanished.counts == going_on.counts
    for plan in (collecting, going_on, vanished):
        assert limit_deletes(plan, recorded=20, allowed=None) == plan
    deleting_both = planned(
        map(desired, aliases[3:]), [*map(recorded, aliases), *old[:3]], [*map(live, aliases), *asides[:3]]
    )
    assert deleting_both.counts[Action.DELETE] == 6
    assert limit_deletes(deleting_both, recorded=10, allowed=None) == deleting_both


def test_forgetting_is_no_deletion() -> None:
    plan = planned([], [recorded(f"a{number}") for number in range(10)])
    assert limit_deletes(plan, recorded=10, allowed=None) == plan


def test_an_emptied_config_deletes_nothing() -> None:
    plan = planned([], [recorded("a"), recorded("gone"), pending("p")], [live("a")])
    result = refuse_empty(plan, [])
    assert [(change.alias, change.action) for change in result.changes] == [("p", Action.NO_OP)]
    assert result.problems == (
        Problem(
            "the config yields no keys at all. An emptied or half-merged file never deletes anything.",
            "declare keys or workshops in the config; to delete every key of this project, run: vkstate destroy",
        ),
    )
    assert refuse_empty(plan, [Alias("a")]) == plan
    assert refuse_empty(plan, [], lets_go=True) == result, "it would delete"


def test_a_config_that_only_lets_keys_go_is_meant_to_be_empty() -> None:
    """Also once they are gone: what was applied can be planned again."""
    plan = planned([], [recorded("gone"), pending("p")])
    assert refuse_empty(plan, [], lets_go=True) == plan


SERVED = {"gpt-4", "gpt-4o", "claude"}


def checked(plan: Plan, mode: Mode = "error") -> tuple[list[str], tuple[str, ...]]:
    """Problems and warnings that the check of models adds."""
    result = check_models(plan, SERVED, mode)
    assert result.changes == plan.changes
    return [problem.detail for problem in result.problems], warned(result)


def test_a_new_key_with_a_model_that_is_not_served() -> None:
    plan = planned([desired("a", models=["claude", "gpt4"])])
    words = "the proxy does not serve the model gpt4, which a would be given. Did you mean gpt-4, gpt-4o?"
    assert checked(plan) == ([words], ())
    assert checked(plan, "warn") == ([], (words,))
    assert checked(plan, "off") == ([], ())
    [problem] = check_models(plan, SERVED, "error").problems
    assert (problem.alias, problem.hint) == (
        "a",
        "correct the name, or add the model to the proxy; proxy.check_models: warn lets it pass",
    )


def test_one_problem_a_model_however_many_keys() -> None:
    plan = planned([desired(f"a{number}", models=["zzz"]) for number in range(1, 6)])
    [problem] = check_models(plan, SERVED, "error").problems
    assert problem.alias is None
    assert problem.detail == (
        "the proxy does not serve the model zzz, which a1, a2, a3 and 2 more would be given. It serves claude, gpt-4, "
        "gpt-4o."
    )


def test_what_is_offered_where_nothing_is_alike() -> None:
    plan = planned([desired("a", models=["zzz"])])
    many = {f"m{number:02}" for number in range(10)}
    [problem] = check_models(plan, many, "error").problems
    assert problem.detail.endswith("It serves m00, m01, m02, m03, m04, m05, m06, m07 and 2 more.")
    [problem] = check_models(plan, set(), "error").problems
    assert problem.detail.endswith("It serves no model at all.")


REPLACE = Options(replace=("a",))
GONE = "the proxy no longer serves old, which a may use."
OLD: Mapping[str, Value] = {"models": ["old"], "duration": "30d"}


def test_a_model_that_was_applied_and_has_gone_is_a_warning() -> None:
    plan = planned([desired("a", OLD)], [recorded("a", OLD)], [live("a", {"models": ["old"]})])
    for mode in ("error", "warn"):
        assert checked(plan, mode) == ([], (GONE,))


def test_other_changes_of_such_a_key_are_not_held_up() -> None:
    row = live("a", {"models": ["old"], "max_budget": None})
    plan = planned([desired("a", OLD, max_budget=1)], [recorded("a", OLD)], [row])
    assert checked(plan) == ([], (GONE,))


def test_adding_a_model_blames_the_new_one_only() -> None:
    plan = planned([desired("a", OLD, models=["new", "old"])], [recorded("a", OLD)], [live("a", {"models": ["old"]})])
    problems, warnings = checked(plan)
    assert [problem.split(",")[0] for problem in problems] == ["the proxy does not serve the model new"]
    assert warnings == (GONE,)


def test_putting_models_back_is_no_introduction() -> None:
    plan = planned([desired("a", OLD)], [recorded("a", OLD)], [live("a", {"models": ["gpt-4"]})])
    assert checked(plan) == ([], (GONE,))


def test_adopting_a_key_as_it_is_introduces_nothing() -> None:
    plan = planned([desired("a", OLD)], [], [live("a", {"models": ["old"]})], values=["a"])
    assert checked(plan) == ([], (GONE,))


def test_a_key_made_anew_introduces_its_models() -> None:
    plan = planned([desired("a", OLD)], [recorded("a", OLD)])
    assert len(checked(plan)[0]) == 1


def test_ignored_models_are_not_looked_at() -> None:
    want = desired("a", OLD, ignore_changes=["models"])
    plan = planned([want], [recorded("a", OLD, models=["gpt-4"])], [live("a", {"models": ["gpt-4"]})])
    assert checked(plan) == ([], ())
    assert len(checked(planned([want]))[0]) == 1


def test_keys_that_go_are_not_looked_at() -> None:
    plan = planned([], [recorded("a", OLD)], [live("a", {"models": ["old"]})])
    assert checked(plan) == ([], ())


def test_a_retired_key_is_not_looked_at_whose_models_nobody_declares_any_more() -> None:
    either: list[Value] = [["old"], seal(LINEAGE, Sensitive(["old"]))]
    for models in either:
        have = retired("a", "old", until=NOW + timedelta(hours=1), also={"models": models})
        plan = planned([desired("a")], [recorded("a"), have], [live("a"), aside("a", "old")])
        assert [change.desired is not None for change in plan.changes] == [True, True]
        assert checked(plan) == ([], ())


def test_a_replaced_key_is_given_its_models_anew() -> None:
    plan = planned([desired("a", OLD)], [recorded("a", OLD)], [live("a", {"models": ["old"]})], options=REPLACE)
    assert len(checked(plan)[0]) == 1


def test_a_sensitive_model_is_checked_and_not_named() -> None:
    plan = planned([desired("a", {"models": Sensitive([CANARY, "also-secret"]), "duration": "30d"})])
    assert checked(plan) == (
        ["the proxy does not serve the model (sensitive), which a would be given. It serves claude, gpt-4, gpt-4o."],
        (),
    )


def test_models_of_a_key() -> None:
    assert models_of(desired("a", {})) == []
    assert models_of(desired("a", models=["b"])) == ["b"]
    assert models_of(desired("a", models=Sensitive(["b"]))) == ["b"]
    assert models_of(desired("a", models=seal(LINEAGE, Sensitive(["b"])))) == []
