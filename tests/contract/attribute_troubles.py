"""What can go wrong with attributes on any proxy: licences, things that do not exist, and what others did meanwhile."""

from __future__ import annotations

from typing import Final

from tests.contract.attribute_cases import Json
from tests.contract.one_key import OneKey
from tests.contract.proxies import MODEL
from tests.workspace import Ran

MISSING: Final = ("budget_id", "end_user_budget_id", "organization_id", "project_id", "team_id")
"""The attributes that name something which may not exist."""

_THINGS: Final = {"budget_id": "budget", "end_user_budget_id": "budget"}


def is_kept_for_a_licence(key: OneKey, name: str, value: Json) -> None:
    """A field that needs a licence fails by name, at a create and at an update, and the other keys go on."""
    other, hint = key.proxy.alias("other"), f"hint: remove {name} from {key.alias}"
    sentence = f"{name} needs a LiteLLM Enterprise licence."
    sold = [
        key.proxy.generate({name: value}).status_code != 200,
        key.proxy.update(key.proxy.create("tried-on")["token"], **{name: value}).status_code != 200,
    ]
    assert sold[0] or name not in key.able.created
    key.declare_all({key.alias: {name: value}, other: {}})
    ran = _applied_in_part(key, sold[0], "1 created, 0 updated, 0 replaced, 0 deleted; 1 failed, 0 not attempted.")
    assert (sentence in ran.stdout, hint in ran.stdout) == (sold[0], sold[0])
    assert (key.alias in key.workspace.keys, other in key.workspace.keys) == (not sold[0], True)
    key.declare_all({key.alias: {}, other: {}})
    key.workspace.apply()
    before = key.row["metadata"]
    key.declare_all({key.alias: {name: value}, other: {"max_budget": 1}})
    ran = _applied_in_part(key, sold[1], "0 created, 1 updated, 0 replaced, 0 deleted; 1 failed, 0 not attempted.")
    assert (sentence in ran.stdout, hint in ran.stdout) == (sold[1], sold[1])
    assert key.proxy.info(key.workspace.tokens[other])["max_budget"] == 1.0
    assert (key.row["metadata"] == before) or not sold[1]
    key.declare_all({key.alias: {}, other: {"max_budget": 1}})
    key.workspace.apply()


def _applied_in_part(key: OneKey, refused: bool, counts: str) -> Ran:
    ran = key.workspace.run("apply", "--auto-approve")
    assert ran.code == (3 if refused else 0), ran
    assert not refused or ran.last_line == f"Apply incomplete: {counts}", ran
    return ran


def does_not_exist(key: OneKey, name: str) -> None:
    """A key that names something which does not exist is neither made nor changed, and the attribute is named."""
    declared = {name: key.proxy.alias("nowhere"), "user_id": None}
    thing = _THINGS.get(name, name.removesuffix("_id"))
    hint = f"hint: create the {thing} in LiteLLM first, or correct {name} of {key.alias}\n"
    if name == "team_id":  # of which the plan says so already
        hint = "hint: correct team_id, or create the team in LiteLLM first\n"
    key.declare(declared)
    ran = key.workspace.run("apply", "--auto-approve")
    assert (ran.code, hint in ran.stdout, key.workspace.keys) == (1, True, {}), ran
    assert key.proxy.listed(key_alias=key.alias)["total_count"] == 0
    key.becomes({"user_id": None})
    if name in key.able.updated and name != "project_id":  # which 1.105 lets nobody change
        before = key.row
        key.declare(declared)
        ran = key.workspace.run("apply", "--auto-approve")
        assert (ran.code, hint in ran.stdout) == (1, True), ran
        assert key.row == before


def is_a_bare_500(key: OneKey) -> None:
    """LiteLLM says no more than "Internal Server Error." of a permission that needs a licence."""
    key.declare({"permissions": {"get_spend_routes": True}})
    ran = key.workspace.run("apply", "--auto-approve")
    assert ran.code == 1, ran
    assert "most likely permissions.get_spend_routes needs a LiteLLM Enterprise licence." in ran.stdout
    assert f"hint: correct permissions of {key.alias}\n" in ran.stdout
    assert key.proxy.listed(key_alias=key.alias)["total_count"] == 0
    key.becomes({"permissions": {"allow_pii_controls": True}})


def permits_what_others_said(key: OneKey) -> None:
    """What somebody else permits a key is seen, and taken back; what we do not declare is left alone."""
    key.becomes({"object_permission": {"vector_stores": ["ours"]}})
    token = key.workspace.tokens[key.alias]
    theirs = {"vector_stores": ["theirs"]}
    assert key.proxy.update(token, object_permission=theirs).status_code == 200
    plan = key.workspace.run("plan", "--detailed-exitcode")
    assert (plan.code, "~ " in plan.stdout) == (2, True), plan
    assert "object_permission.vector_stores: [theirs] → [ours] (changed outside vkstate)\n" in plan.stdout, plan
    key.workspace.apply()
    assert key.held("object_permission")["vector_stores"] == ["ours"]


def has_all_models(key: OneKey) -> None:
    """A key whose list of models is empty may use all of them, which is drift, or what the config says."""
    key.becomes({})
    token = key.workspace.tokens[key.alias]
    assert key.proxy.update(token, models=[]).status_code == 200
    plan = key.workspace.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert f"models: [all-proxy-models] → [{MODEL}] (changed outside vkstate)\n" in plan.stdout, plan
    key.workspace.apply()
    assert key.row["models"] == [MODEL]
    key.becomes({"models": ["all-proxy-models"]})
    assert key.proxy.update(token, models=[]).status_code == 200
    key.workspace.converged()


def is_imported_with_all_models(key: OneKey, **settings: Json) -> None:
    """A key that somebody made without saying anything of models is declared with LiteLLM's own name for it."""
    made = key.proxy.create("one", metadata={"theirs": {"b": [1, 2.5, None], "a": "é"}}, **settings)
    models = ["all-team-models" if "team_id" in settings else "all-proxy-models"]
    key.declare({"models": models, "user_id": None, "duration": "never"})
    with key.workspace.path.joinpath("vkstate.yaml").open("a", encoding="utf-8") as config:
        config.write(f"import: ['{key.alias}']\n")
    before = key.proxy.info(made["token"])
    key.workspace.apply()
    assert key.workspace.tokens[key.alias] == made["token"]
    after = key.row
    mark = after["metadata"].pop("vkstate")
    assert mark["lineage"] == key.workspace.state["lineage"]
    unsteady = ("updated_at", "settings_updated_at")
    assert {name: after[name] for name in after if name not in unsteady} == {
        name: before[name] for name in before if name not in unsteady
    }
