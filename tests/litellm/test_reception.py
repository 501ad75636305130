"""How a proxy receives a key, told apart by what it answers; and its teams, where it does not tell them."""

from __future__ import annotations

import pytest
import responses

from tests.litellm.fake import URL
from vkstate.keys import KeyValue
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import NoDatabase, ServerFault
from vkstate.litellm.reception import Reception, Standing, listed_models, receive
from vkstate.litellm.teams import has_team, read_teams
from vkstate.teams import Teams

VALUE = KeyValue("sk-canary-value-of-a-member-0001")
MODELS = f"{URL}/v1/models"
READY = f"{URL}/health/readiness"
TEAMS = f"{URL}/v2/team/list"


def refusal(message: str, kind: str = "auth_error") -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": "None", "code": "401"}}


def test_the_key_is_presented_in_place_of_the_master_key(
    connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("GET", MODELS, json={"data": [{"id": "gpt-4"}, {"id": "openai/*"}]})
    assert receive(connection, VALUE) == Reception(Standing.WELCOME, frozenset({"gpt-4", "openai/*"}))
    assert listed_models(connection) == frozenset({"gpt-4", "openai/*"})
    sent = [call.request.headers["Authorization"] for call in answers.calls]
    assert (sent[0], sent[1] == sent[0]) == (f"Bearer {VALUE.reveal()}", False)
    assert VALUE.reveal() not in repr(receive(connection, VALUE))


@pytest.mark.parametrize(
    ("status", "body", "standing"),
    [
        (401, refusal("Authentication Error, Invalid proxy server token", "token_not_found_in_db"), Standing.UNKNOWN),
        (400, refusal("Authentication Error - Expired Key. Key Expiry time", "expired_key"), Standing.EXPIRED),
        (401, refusal("Authentication Error - Expired Key. Key Expiry time", "expired_key"), Standing.EXPIRED),
        (401, refusal("Authentication Error, Key is blocked. Update via `/key/unblock`"), Standing.BLOCKED),
        (401, refusal("Authentication Error, Team=t is blocked. Update via `/team/unblock`"), Standing.TEAM_BLOCKED),
        (404, refusal("{'error': \"Team doesn't exist in db. Team=t. Create\"}"), Standing.NO_TEAM),
        (400, refusal("Budget has been exceeded!", "budget_exceeded"), Standing.SPENT),
        (422, refusal("Budget has been exceeded!", "budget_exceeded"), Standing.SPENT),
        (429, refusal("Budget has been exceeded!", "budget_exceeded"), Standing.SPENT),
        (403, {"detail": "Virtual key is not allowed to call this route. Only allowed"}, Standing.BARRED),
        (401, refusal("Authentication Error, Virtual key is not allowed to call this route."), Standing.BARRED),
        (403, refusal(f"Something else about {VALUE.reveal()} and {VALUE.token}"), Standing.REFUSED),
    ],
)
def test_a_key_that_opens_nothing(
    connection: Connection, answers: responses.RequestsMock, status: int, body: dict[str, object], standing: Standing
) -> None:
    answers.add("GET", MODELS, json=body, status=status)
    answers.add("GET", READY, json={"status": "healthy", "db": "connected"})
    answers.assert_all_requests_are_fired = False
    told = receive(connection, VALUE)
    assert (told.standing, told.models) == (standing, frozenset())
    assert all(secret not in repr(told) for secret in (VALUE.reveal(), VALUE.token))


def test_a_spent_key_is_asked_about_once(connection: Connection, answers: responses.RequestsMock) -> None:
    """Its refusal (429 from 1.90 on) is no "too busy", not even with a Retry-After beyond the time of a call."""
    body = refusal("Budget has been exceeded! Current cost: 2.0, Max budget: 1.0", "budget_exceeded")
    answers.add("GET", MODELS, json=body, status=429, headers={"Retry-After": "86400"})
    assert receive(connection, VALUE).standing is Standing.SPENT
    assert len(answers.calls) == 1


def test_a_proxy_that_fails_says_nothing_of_the_key(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", READY, json={"status": "healthy", "db": "connected"})
    answers.add("GET", MODELS, json=refusal("boom", "internal_server_error"), status=500)
    with pytest.raises(ServerFault):
        receive(connection, VALUE)


def test_without_its_database_a_proxy_knows_no_key(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", MODELS, json=refusal("Invalid proxy server token", "token_not_found_in_db"), status=401)
    answers.add("GET", READY, json={"status": "healthy", "db": "disconnected"})
    with pytest.raises(NoDatabase):
        receive(connection, VALUE)


def test_teams_that_are_not_told(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", TEAMS, json={"detail": {"error": f"Only admins, not {VALUE.reveal()}."}}, status=401)
    assert read_teams(connection, ["a"]) == Teams(unread="GET /v2/team/list: 401 Only admins, not ***")
    assert has_team(connection, "a")


def test_an_answer_about_another_team_is_not_believed(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", TEAMS, json={"teams": [{"team_id": "b", "team_alias": "a"}], "total": 1})
    teams = read_teams(connection, ["a"])
    assert (teams.missing, [team.id for team in teams.others], teams.total) == (frozenset({"a"}), ["b"], 1)
    assert not has_team(connection, "a")
