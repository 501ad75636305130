"""Plans for keys of LiteLLM's teams: teams that do not exist, and keys that move into one. What a plan says beforehand
is what the proxy would do."""

from __future__ import annotations

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Proxy
from tests.contract.test_teams import new_team
from tests.workspace import Workspace


def declare(project: Workspace, proxy: Proxy, attributes: str) -> str:
    """One key with these attributes; its alias."""
    alias = proxy.alias("one")
    project.configure(f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n  {alias}: {{{attributes}}}\n")
    return alias


def problems(project: Workspace) -> list[tuple[str, str]]:
    """What stands in the way of a plan; and that nothing is sent for it."""
    ran = project.run("plan", "--json")
    assert ran.code == 1, ran
    before = project.state_path.read_bytes()
    assert project.run("apply", "--auto-approve").code == 1
    assert project.state_path.read_bytes() == before
    return [(problem["detail"], problem["hint"]) for problem in ran.document["problems"]]


def test_a_team_that_does_not_exist(project: Workspace, proxy: Proxy) -> None:
    red = new_team(proxy, "red")
    name = proxy.alias("red")
    alias = declare(project, proxy, f"models: [{MODEL}], team_id: {name}")
    missing = f"the proxy has no team {name}, which {alias} would belong to."
    meant = f"That is the alias of the team {red}: team_id takes the id."
    assert problems(project) == [(f"{missing} {meant}", f"write team_id: {red}")]
    alias = declare(project, proxy, f"models: [{MODEL}], team_id: {name}d")
    [(detail, hint)] = problems(project)
    missing = f"the proxy has no team {name}d, which {alias} would belong to."
    assert detail.startswith(f"{missing} Did you mean {name} ({red})")
    assert hint == "correct team_id, or create the team in LiteLLM first"
    declare(project, proxy, f"models: [{MODEL}], team_id: {red}")
    project.apply()
    assert proxy.info(project.tokens[alias])["team_id"] == red


def test_a_key_moves_into_a_team_and_out_again(project: Workspace, proxy: Proxy) -> None:
    red = new_team(proxy, "red", members_with_roles=[{"user_id": proxy.alias("one"), "role": "user"}])
    alias = declare(project, proxy, f"models: [{MODEL}]")
    project.apply()
    token = project.tokens[alias]
    declare(project, proxy, f"models: [{MODEL}], team_id: {red}")
    project.apply()
    assert (project.tokens[alias], proxy.info(token)["team_id"]) == (token, red)
    declare(project, proxy, f"models: [{MODEL}]")
    project.apply()
    assert (project.tokens[alias], proxy.info(token)["team_id"]) == (token, None)


def test_a_key_whose_user_is_no_member_gets_a_new_value_or_stays(project: Workspace, proxy: Proxy) -> None:
    red = new_team(proxy, "red")
    alias = declare(project, proxy, f"models: [{MODEL}]")
    project.apply()
    token = project.tokens[alias]
    declare(project, proxy, f"models: [{MODEL}], team_id: {red}")
    [(detail, hint)] = problems(project)
    name = f"{proxy.alias('red')} ({red})"
    assert detail == f"LiteLLM would not take {alias} into the team {name}: its user {alias} is not a member of it."
    assert hint == f"add the user to the team in LiteLLM, or give {alias} a new key value: --replace {alias}"
    refused = proxy.update(token, team_id=red)
    assert refused.status_code == 403
    project.apply("--replace", alias)
    assert project.tokens[alias] != token
    assert proxy.info(project.tokens[alias])["team_id"] == red


def test_a_key_with_models_that_the_team_has_not(project: Workspace, proxy: Proxy) -> None:
    """Names may mean more than they show, so that a plan only warns; the proxy decides."""
    red = new_team(proxy, "red", models=[MODEL])
    name = f"{proxy.alias('red')} ({red})"
    alias = declare(project, proxy, f"models: [{OTHER_MODEL}], user_id: null")
    project.apply()
    declare(project, proxy, f"models: [{OTHER_MODEL}], user_id: null, team_id: {red}")
    ran = project.run("apply", "--auto-approve")
    assert (ran.code, ran.last_line.endswith("; 1 failed, 0 not attempted.")) == (1, True), ran
    said = f"the model {OTHER_MODEL}, which {alias} would be given, is none of the models of the team {name}"
    assert said in " ".join(ran.stdout.split())
    why = "LiteLLM moves a key into a team only where the team has all models that the key has."
    assert why in " ".join((ran.stdout + ran.stderr).split())
    project.apply("--replace", alias)
    assert proxy.info(project.tokens[alias])["team_id"] == red


@pytest.mark.parametrize("name", ["budget_id", "organization_id"])
def test_other_things_that_do_not_exist_are_named_when_a_key_is_made(
    project: Workspace, proxy: Proxy, name: str
) -> None:
    if name == "organization_id":
        proxy.only_since(80)
    alias = declare(project, proxy, f"models: [{MODEL}], {name}: no-such-thing")
    ran = project.run("apply", "--auto-approve")
    assert ran.code == 1
    thing = name.removesuffix("_id")
    assert f"create the {thing} in LiteLLM first, or correct {name} of {alias}" in ran.stdout + ran.stderr
    assert project.keys == {}
