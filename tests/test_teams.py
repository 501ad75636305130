"""Teams of a plan's keys: those that do not exist, those that would not take a key in, and what they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.factories import CANARY, LINEAGE, SHOWN, aside, desired, live, participant, planned, recorded, retired
from vkstate.attributes import Json, Sensitive, Value
from vkstate.canonical import seal
from vkstate.keys import Alias
from vkstate.options import Options
from vkstate.plan import Caution, Plan, Problem
from vkstate.teams import Team, Teams, check_teams, sought_teams, team_of

RED: Final = Team("5f1c", "red", models=("gpt-4",), members=frozenset({"a@example.com"}), tpm_limit=10, rpm_limit=5)
BLUE: Final = Team("77aa", "blue")


def known(*teams: Team) -> Teams:
    return Teams({team.id: team for team in teams})


def missing(team: str, *others: Team, total: int | None = None) -> Teams:
    return Teams({}, frozenset({team}), others, len(others) if total is None else total)


def creating(*aliases: str, **declared: Value) -> Plan:
    return planned([desired(alias, also=declared) for alias in aliases])


def moving(team: str = RED.id, row: Mapping[str, Json] | None = None, **declared: Value) -> Plan:
    """A plan that takes the key ``a`` into a team; ``row`` is what the proxy shows of it besides."""
    return planned(
        [desired("a", also={"team_id": team, **declared})],
        [recorded("a")],
        [live("a", {"models": ["gpt-4"], "max_budget": 50, "user_id": "a@example.com", **(row or {})})],
    )


def test_only_the_teams_at_stake_are_sought() -> None:
    assert sought_teams(creating("a", "b", team_id="t")) == frozenset({"t"})
    assert sought_teams(creating("a")) == frozenset()
    assert sought_teams(moving()) == frozenset({RED.id})
    unchanged = planned(
        [desired("a", team_id="t")], [recorded("a", team_id="t")], [live("a", {**SHOWN, "team_id": "t"})]
    )
    assert (unchanged.effective, sought_teams(unchanged)) == ((), frozenset())
    budget = planned(
        [desired("a", team_id="t", max_budget=7)], [recorded("a", team_id="t")], [live("a", {**SHOWN, "team_id": "t"})]
    )
    assert (len(budget.effective), sought_teams(budget)) == (1, frozenset())
    models = planned(
        [desired("a", team_id="t", models=["b"])],
        [recorded("a", team_id="t")],
        [live("a", {**SHOWN, "team_id": "t"})],
    )
    assert sought_teams(models) == frozenset({"t"})


def test_the_team_of_a_key() -> None:
    assert team_of(desired("a")) is None
    assert team_of(desired("a", team_id="")) is None
    assert team_of(desired("a", team_id="t")) == "t"
    assert team_of(desired("a", team_id=Sensitive("t"))) == "t"
    assert team_of(desired("a", team_id=seal(LINEAGE, Sensitive("t")))) is None


def test_a_team_that_exists_is_not_spoken_of() -> None:
    plan = creating("a", team_id=RED.id)
    assert check_teams(plan, known(RED)) == plan
    assert check_teams(creating("a"), Teams(unread="GET /v2/team/list: 401")) == creating("a")


@pytest.mark.parametrize(
    ("team", "teams", "offer", "hint"),
    [
        (
            "red",
            missing("red", RED, BLUE),
            "That is the alias of the team 5f1c: team_id takes the id.",
            "write team_id: 5f1c",
        ),
        (
            "red",
            missing("red", RED, Team("9e", "red")),
            "That is the alias of 2 teams (5f1c, 9e): team_id takes the id of one.",
            None,
        ),
        ("reed", missing("reed", RED, BLUE), "Did you mean red (5f1c)?", None),
        ("5f1d", missing("5f1d", RED, BLUE), "Did you mean red (5f1c)?", None),
        ("other", missing("other", RED, BLUE), "It has red (5f1c), blue (77aa).", None),
        ("other", missing("other", Team("9e")), "It has 9e.", None),
        ("other", missing("other"), "It has no team at all.", None),
        ("other", missing("other", total=3), "It has 3 others.", None),
        (
            "other",
            missing("other", *(Team(f"{number}") for number in range(9)), total=120),
            "It has 0, 1, 2, 3, 4, 5, 6, 7 and 112 more.",
            None,
        ),
    ],
)
def test_a_team_that_does_not_exist(team: str, teams: Teams, offer: str, hint: str | None) -> None:
    usual = "correct team_id, or create the team in LiteLLM first"
    plan = creating("a", team_id=team)
    problem = Problem(
        f"the proxy has no team {team}, which a would belong to. {offer}", hint or usual, Alias("a"), None
    )
    assert check_teams(plan, teams).problems == (problem,)


def test_one_problem_for_all_keys_of_a_team() -> None:
    members = [desired(f"w-user{number}", team_id="t", member=participant(number)) for number in range(1, 6)]
    [problem] = check_teams(planned(members), missing("t")).problems
    assert problem.detail.startswith("the proxy has no team t, which w-user1, w-user2, w-user3 and 2 more would belong")
    assert (problem.alias, problem.member) == (None, None)
    [problem] = check_teams(planned(members[:1]), missing("t")).problems
    assert (problem.alias, problem.member) == ("w-user1", participant(1))


def test_a_sensitive_team_is_not_named() -> None:
    teams = Teams({}, frozenset({CANARY}), (Team("9e", CANARY), BLUE), 2)
    [problem] = check_teams(creating("a", team_id=Sensitive(CANARY)), teams).problems
    assert problem.detail.startswith("the proxy has no team (sensitive), which a would belong to. It has ")
    assert problem.hint == "correct team_id, or create the team in LiteLLM first"


def test_where_teams_are_not_told() -> None:
    plan = check_teams(creating("a", "b", team_id="t"), Teams(unread="GET /v2/team/list: 404 Not Found"))
    said = "the proxy does not tell its teams (GET /v2/team/list: 404 Not Found), so that nobody knows whether that of "
    assert (plan.problems, plan.warnings) == ((), (Caution(said, (Alias("a"), Alias("b")), " exists."),))


REMEDY: Final = ", or give a a new key value: --replace a"


@pytest.mark.parametrize(
    ("row", "reason", "remedy"),
    [
        (
            {"user_id": "b@example.com"},
            "its user b@example.com is not a member of it",
            "add the user to the team in LiteLLM",
        ),
        ({"tpm_limit": 11}, "its tpm_limit is above the team's 10", "lower tpm_limit with an apply before"),
        (
            {"tpm_limit": 1, "rpm_limit": 6},
            "its rpm_limit is above the team's 5",
            "lower rpm_limit with an apply before",
        ),
    ],
)
def test_a_key_that_the_team_would_not_take_in(row: dict[str, Json], reason: str, remedy: str) -> None:
    problem = Problem(
        f"LiteLLM would not take a into the team red (5f1c): {reason}.", remedy + REMEDY, Alias("a"), None
    )
    assert check_teams(moving(row=row), known(RED)).problems == (problem,)


@pytest.mark.parametrize("row", [{}, {"user_id": None}, {"tpm_limit": 10, "rpm_limit": 5}, {"rpm_limit": 6}])
def test_a_key_that_the_team_takes_in(row: dict[str, Json]) -> None:
    assert check_teams(moving(row=row), known(RED)).problems == ()


def test_a_new_key_is_made_for_any_user() -> None:
    plan = creating("a", team_id=RED.id, user_id="b@example.com", tpm_limit=50)
    assert check_teams(plan, known(RED)).problems == ()
    row = live("a", {**SHOWN, "user_id": "b@example.com"})
    replaced = planned([desired("a", team_id=RED.id)], [recorded("a")], [row], options=Options(replace=("a",)))
    assert (sought_teams(replaced), check_teams(replaced, known(RED)).problems) == (frozenset({RED.id}), ())


def test_models_that_the_team_has_not() -> None:
    plan = creating("a", "b", team_id=RED.id, models=["gpt-4", "gpt-5"])
    said = " would be given, is none of the models of the team red (5f1c): LiteLLM would refuse its use."
    caution = Caution("the model gpt-5, which ", (Alias("a"), Alias("b")), said)
    assert check_teams(plan, known(RED)) == Plan(
        plan.lineage, plan.changes, warnings=(caution,), unmanaged=plan.unmanaged, grace=plan.grace
    )
    plan = creating("a", team_id=RED.id, models=["all-proxy-models"])
    said = " would be given, means no more than the models of the team red (5f1c): all-team-models says so."
    assert check_teams(plan, known(RED)).warnings == (Caution("all-proxy-models, which ", (Alias("a"),), said),)
    plan = creating("a", team_id=RED.id, models=Sensitive([CANARY]))
    [caution] = check_teams(plan, known(RED)).warnings
    assert caution.before == "the model (sensitive), which "
    for model in ("all-team-models", "no-default-models", "gpt-4"):
        assert check_teams(creating("a", team_id=RED.id, models=[model]), known(RED)).warnings == ()


def test_retired_keys_are_left_alone() -> None:
    rows = [live("a", {**SHOWN, "team_id": RED.id}), aside("a", "old", attributes={**SHOWN, "team_id": "gone"})]
    plan = planned([desired("a", team_id=RED.id)], [recorded("a", team_id=RED.id), retired("a", "old")], rows)
    assert (len(plan.effective), sought_teams(plan)) == (1, frozenset())
