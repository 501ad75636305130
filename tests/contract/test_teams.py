"""Teams: how they are found, what they allow their keys, and which keys they take in."""

from __future__ import annotations

from tests.contract.proxies import MODEL, OTHER_MODEL, Json, Proxy, kind, sentence
from vkstate.litellm.client import Connection
from vkstate.litellm.teams import has_team, read_teams
from vkstate.teams import Team


def new_team(proxy: Proxy, name: str, **body: Json) -> str:
    """A team under an alias of this test; its id."""
    answer = proxy.post("/team/new", {"team_alias": proxy.alias(name), **body})
    if answer.status_code == 500:  # "Transaction already closed": a busy machine, and nothing was written
        answer = proxy.post("/team/new", {"team_alias": proxy.alias(name), **body})
    assert answer.status_code == 200, answer.text
    team_id = str(answer.json()["team_id"])
    proxy.teams.append(team_id)
    return team_id


def names(proxy: Proxy, key: str, **query: Json) -> set[str]:
    """What ``/v1/models`` lists to a key."""
    return {model["id"] for model in proxy.get("/v1/models", key=key, **query).json()["data"]}


def test_a_team_is_found_by_its_id_alone(proxy: Proxy, connection: Connection) -> None:
    members = [{"user_id": "u1", "role": "user"}]
    red = new_team(proxy, "red", models=[MODEL], members_with_roles=members, tpm_limit=5, rpm_limit=6)
    teams = read_teams(connection, [red])
    assert (teams.missing, teams.others, teams.unread) == (frozenset(), (), None)
    team = teams.found[red]
    assert (team.id, team.alias, team.models) == (red, proxy.alias("red"), (MODEL,))
    assert (team.tpm_limit, team.rpm_limit, "u1" in team.members) == (5, 6, True)
    assert has_team(connection, red)
    assert not has_team(connection, proxy.alias("red"))


def test_of_a_missing_team_those_that_may_be_meant_are_told(proxy: Proxy, connection: Connection) -> None:
    red, other = new_team(proxy, "red"), new_team(proxy, "red-2")
    teams = read_teams(connection, [proxy.alias("red")])
    assert (dict(teams.found), teams.missing) == ({}, frozenset({proxy.alias("red")}))
    assert (teams.others[0].id, other in {team.id for team in teams.others[1:]}) == (red, True)
    assert teams.others[0].alias == proxy.alias("red")
    assert teams.total >= 2


def test_teams_are_listed_in_pages(proxy: Proxy) -> None:
    made = {new_team(proxy, f"page-{number}") for number in range(3)}
    pages = [proxy.get("/v2/team/list", team_alias=proxy.alias("page"), page=page, page_size=2) for page in (1, 2, 3)]
    assert [page.json()["total"] for page in pages] == [3, 3, 3]
    assert [len(page.json()["teams"]) for page in pages] == [2, 1, 0]
    assert {team["team_id"] for page in pages for team in page.json()["teams"]} == made
    assert proxy.get("/v2/team/list", page_size=101).status_code == 422


def test_an_ordinary_key_does_not_see_the_teams(proxy: Proxy) -> None:
    proxy.only_since(90)
    key = proxy.create("ordinary", models=[MODEL])["key"]
    answer = proxy.get("/v2/team/list", key=key)
    assert answer.status_code == 401
    assert answer.json()["detail"]["error"].startswith("Only admin users can query all teams/other teams.")


def test_one_id_means_one_team_and_one_alias_several(proxy: Proxy) -> None:
    red, again = new_team(proxy, "red"), new_team(proxy, "red")
    assert red != again
    taken = proxy.post("/team/new", {"team_id": red})
    assert (taken.status_code, kind(taken)) == (400, "internal_server_error")
    assert sentence(taken) == f"Team id = {red} already exists. Please use a different team id."


def test_a_team_that_does_not_exist_cannot_be_deleted(proxy: Proxy) -> None:
    answer = proxy.post("/team/delete", {"team_ids": [proxy.alias("no-such-team")]})
    words = f"Team not found, passed team_id={proxy.alias('no-such-team')}"
    assert (answer.status_code, answer.json()) == (404, {"detail": {"error": words}})


def test_the_keys_of_a_team_go_with_it(proxy: Proxy) -> None:
    red = new_team(proxy, "red")
    token = proxy.create("key", team_id=red)["token"]
    assert proxy.post("/team/delete", {"team_ids": [red]}).status_code == 200
    proxy.teams.remove(red)
    assert not proxy.exists(token)


def test_a_key_is_made_for_any_team_and_useless_where_there_is_none(proxy: Proxy) -> None:
    made = proxy.create("key", team_id=proxy.alias("no-such-team"), models=[MODEL])
    words = f"Team doesn't exist in db. Team={proxy.alias('no-such-team')}. Create team via `/team/new` call."
    answer = proxy.get("/v1/models", key=made["key"])
    assert (answer.status_code, proxy.since(105) and sentence(answer)) == (
        (404, words) if proxy.since(105) else (200, False)
    )
    changed = proxy.update(made["token"], rpm_limit=3)
    assert (changed.status_code, proxy.since(90) and sentence(changed)) == (
        (404, words) if proxy.since(90) else (200, False)
    )


def test_what_a_team_allows_its_keys(proxy: Proxy) -> None:
    red = new_team(proxy, "red", models=[MODEL])
    own = proxy.create("own", team_id=red, models=[MODEL, OTHER_MODEL])["key"]
    team = proxy.create("team", team_id=red, models=["all-team-models"])["key"]
    every = proxy.create("every", team_id=red, models=["all-proxy-models"])["key"]
    assert (names(proxy, own), names(proxy, team)) == ({MODEL, OTHER_MODEL}, {MODEL})
    assert names(proxy, every) == proxy.served
    for key in (own, team, every):
        refused = proxy.chat(key, OTHER_MODEL)
        assert (refused.status_code, kind(refused)) == (403 if proxy.since(90) else 401, "team_model_access_denied")
        assert proxy.chat(key, MODEL).status_code == 200


def test_which_keys_a_team_takes_in(proxy: Proxy) -> None:
    """It is looked at the key as it is: what the same request changes does not count."""
    members = [{"user_id": "u1", "role": "user"}]
    red = new_team(proxy, "red", models=[MODEL], members_with_roles=members, tpm_limit=5, rpm_limit=6)
    told: dict[str, tuple[int, str]] = {}
    cases: dict[str, dict[str, Json]] = {
        "fits": {"user_id": "u1", "tpm_limit": 5, "rpm_limit": 6},
        "nobody's": {},
        "stranger": {"user_id": "u2"},
        "models": {"models": [OTHER_MODEL]},
        "tpm": {"tpm_limit": 6},
        "rpm": {"tpm_limit": 1, "rpm_limit": 7},
        "rpm alone": {"rpm_limit": 7},
    }
    for name, body in cases.items():
        token = proxy.create(name, **{"models": [MODEL], **body})["token"]
        answer = proxy.update(token, team_id=red, models=[MODEL])
        told[name] = (answer.status_code, "" if answer.status_code == 200 else kind(answer))
    denied = 403 if proxy.since(90) else 401
    assert told == {
        "fits": (200, ""),
        "nobody's": (200, ""),
        "stranger": (403, "auth_error"),
        "models": (denied, "team_model_access_denied"),
        "tpm": (403, "auth_error"),
        "rpm": (403, "auth_error"),
        "rpm alone": (200, ""),
    }


def test_a_team_by_itself() -> None:
    team = Team("t", "red", models=("gpt-4", "openai/gpt-5*"))
    assert [team.has(model) for model in ("gpt-4", "gpt-5-mini", "openai/gpt-5", "gpt-3", "all-proxy-models", "*")] == [
        *(True, True, True, False, False, False),
    ]
    assert team.has("all-team-models")
    assert all(Team("t", models=models).has("gpt-3") for models in ((), ("all-proxy-models",), ("*",), ("*", "a")))
