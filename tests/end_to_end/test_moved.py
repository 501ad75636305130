"""``moved`` in the config: a key, or a whole workshop, goes on under another name with the same value."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Json
from tests.front import rows_of
from tests.workspace import Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  %s: {models: [gpt-4], max_budget: 10, user_id: somebody@example.com}
  other: {models: [gpt-4], max_budget: 5}
"""
WORKSHOP = """\
proxy: {url: 'sandbox://'}
workshops:
  %s: {count: %d, user_prefix: participant, models: [gpt-4], max_budget: 2}
"""
NOTHING = "No changes. The proxy matches the configuration."


def moved(*pairs: tuple[str, str]) -> str:
    """The section."""
    return "moved:\n" + "".join(f"  - {{from: '{source}', to: '{target}'}}\n" for source, target in pairs)


def rows(project: Workspace) -> dict[str, Json]:
    """Every row of the proxy by its token, without what says when it was last written."""
    return {
        row["token"]: {name: value for name, value in row.items() if not name.endswith("updated_at")}
        for row in rows_of(project.sandbox()).values()
    }


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys."""
    workspace.configure(CONFIG % "old")
    workspace.apply()
    return workspace


def test_a_key(project: Workspace) -> None:
    tokens, values, before = project.tokens, project.values, rows(project)
    project.configure(CONFIG % "new" + moved(("old", "new")))
    expected = (
        "On sandbox://:\n\n~ new  (moved from old) key_alias: old → new (moved)\n\nAt most $15.00 in all.\n\n"
        "Plan: 0 to create, 1 to update, 0 to replace, 0 to delete.\nFingerprint: DIGITS\n"
    )
    assert project.ok("plan").told == expected
    assert project.apply().told == (
        expected + "\nApply complete! 0 created, 1 updated (1 moved), 0 replaced, 0 deleted.\n"
    )
    assert project.tokens == {"new": tokens["old"], "other": tokens["other"]}
    assert project.values == {"new": values["old"], "other": values["other"]}
    after = rows(project)
    assert after.pop(tokens["old"]) == before.pop(tokens["old"]) | {"key_alias": "new"}
    assert after == before
    assert project.sandbox().chat(values["old"]).status_code == 200


def test_the_entry_may_stay_or_go(project: Workspace) -> None:
    project.configure(CONFIG % "new" + moved(("old", "new")))
    project.apply()
    state = project.state_path.read_bytes()
    project.apply()
    project.configure(CONFIG % "new")
    project.apply()
    assert project.state_path.read_bytes() == state


def test_without_the_entry_it_is_another_key(project: Workspace) -> None:
    project.configure(CONFIG % "new")
    assert project.planned() == [("new", "create", "new in the config"), ("old", "delete", "no longer in the config")]


def test_and_otherwise_changed(project: Workspace) -> None:
    token = project.tokens["old"]
    project.sandbox().update(token, max_budget=999)
    project.configure(
        (CONFIG % "new").replace("models: [gpt-4], max", "models: [gpt-3.5-turbo], max") + moved(("old", "new"))
    )
    assert project.ok("plan").told.splitlines()[2:5] == [
        "~ new  (moved from old) key_alias: old → new (moved),",
        "    max_budget: 999 → 10 (changed outside vkstate),",
        "    models: [gpt-4] → [gpt-3.5-turbo] (config changed)",
    ]
    project.apply()
    row = rows_of(project.sandbox())["new"]
    assert (row["token"], row["models"], row["max_budget"]) == (token, ["gpt-3.5-turbo"], 10.0)


def test_a_user_id_that_follows_the_alias(workspace: Workspace) -> None:
    """By default the alias is the user as well: it changes with it, and the plan says so."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {old: {models: [gpt-4]}}\n")
    workspace.apply()
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {new: {models: [gpt-4]}}\n" + moved(("old", "new")))
    assert workspace.ok("plan").told.splitlines()[2] == (
        "~ new  (moved from old) key_alias: old → new, user_id: old → new (moved)"
    )
    workspace.apply()


def test_a_workshop(workspace: Workspace) -> None:
    workspace.configure(WORKSHOP % ("spring", 25))
    workspace.apply()
    tokens, values, before = workspace.tokens, workspace.values, rows(workspace)
    workspace.configure(WORKSHOP % ("autumn/2026", 25) + moved(("workshop:spring", "workshop:autumn/2026")))
    planned = workspace.ok("plan")
    assert planned.told == (
        "On sandbox://:\n\n"
        "~ autumn/2026-participant{1..25}  (moved from spring-participant{1..25})\n"
        "    key_alias: spring-participant{1..25} → autumn/2026-participant{1..25},\n"
        "    workshop: spring/participant{1..25} → autumn/2026/participant{1..25} (moved)\n\n"
        "At most $50.00 in all.\n\n"
        "Plan: 0 to create, 25 to update, 0 to replace, 0 to delete.\nFingerprint: DIGITS\n"
    )
    applied = workspace.apply()
    assert applied.last_line == "Apply complete! 0 created, 25 updated (25 moved), 0 replaced, 0 deleted."
    users = [f"participant{number}" for number in range(1, 26)]
    assert workspace.tokens == {f"autumn/2026-{user}": tokens[f"spring-{user}"] for user in users}
    assert workspace.values == {f"autumn/2026-{user}": values[f"spring-{user}"] for user in users}
    after = rows(workspace)
    for user in users:
        was, now = before[tokens[f"spring-{user}"]], after[tokens[f"spring-{user}"]]
        assert now["metadata"]["vkstate"]["workshop"] == "autumn/2026"
        now["metadata"]["vkstate"]["workshop"] = "spring"
        assert now == was | {"key_alias": f"autumn/2026-{user}"}
    assert len(after) == 25


def test_a_workshop_that_grows_and_shrinks_as_it_moves(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nworkshops:\n  spring: {members: [ada, bob, carol], models: [gpt-4]}\n"
    )
    workspace.apply()
    tokens = workspace.tokens
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nworkshops:\n  autumn: {members: [bob, carol, dave], models: [gpt-4]}\n"
        + moved(("workshop:spring", "workshop:autumn"))
    )
    assert [(alias, action) for alias, action, _ in workspace.planned()] == [
        ("autumn-bob", "update"),
        ("autumn-carol", "update"),
        ("autumn-dave", "create"),
        ("spring-ada", "delete"),
    ]
    workspace.apply()
    assert {alias: workspace.tokens[alias] for alias in ("autumn-bob", "autumn-carol")} == {
        "autumn-bob": tokens["spring-bob"],
        "autumn-carol": tokens["spring-carol"],
    }


def test_a_key_that_becomes_a_member(project: Workspace) -> None:
    """A member's alias is an alias like others."""
    token = project.tokens["old"]
    project.configure(
        "proxy: {url: 'sandbox://'}\nkeys:\n  other: {models: [gpt-4], max_budget: 5}\n"
        "workshops:\n  w: {members: [ada], models: [gpt-4], max_budget: 10}\n" + moved(("old", "w-ada"))
    )
    project.apply()
    assert project.tokens["w-ada"] == token
    assert project.keys["w-ada"]["workshop"] == "w"
    assert project.sandbox().info(token)["metadata"]["vkstate"]["workshop"] == "w"


@pytest.mark.parametrize("recorded", ["first", "second", "third"])
def test_a_chain(workspace: Workspace, recorded: str) -> None:
    """Entries of several years may stand together: whichever state a clone has, it arrives at the same name."""
    text = "proxy: {url: 'sandbox://'}\nkeys: {%s: {models: [gpt-4], user_id: x}}\n"
    workspace.configure(text % recorded)
    workspace.apply()
    token = workspace.tokens[recorded]
    workspace.configure(text % "third" + moved(("second", "third"), ("first", "second")))
    workspace.apply()
    assert workspace.tokens == {"third": token}
    assert sorted(rows_of(workspace.sandbox())) == ["third"]


def refused(project: Workspace, *sentences: str) -> None:
    """An apply is refused with these problems, and nothing was done."""
    before, rows_before = project.state_path.read_bytes(), rows(project)
    plan, _ = project.run("apply", "--auto-approve", "--json").events
    told = {problem["detail"] for problem in plan["problems"]}
    assert set(sentences) <= told, told
    assert (project.state_path.read_bytes(), rows(project)) == (before, rows_before)


def test_an_alias_that_somebody_else_has(project: Workspace) -> None:
    sandbox = project.sandbox()
    theirs = sandbox.create("new", user_id="somebody")["token"]
    project.configure(CONFIG % "new" + moved(("old", "new")))
    refused(
        project,
        "old cannot move to new: a key (created by default_user_id, user_id somebody) bears that alias on the proxy.",
    )
    assert project.ok("apply", "--auto-approve", "--exclude", "new").last_line.startswith("Apply complete! 0 created")
    sandbox.post("/key/delete", {"keys": [theirs]})
    project.apply()


def test_an_alias_that_we_have_already(project: Workspace) -> None:
    """Both keys would be one: somebody has to say which."""
    project.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {other: {models: [gpt-4], max_budget: 5}}\n" + moved(("old", "other"))
    )
    refused(project, "vkstate.yaml:4:5: old cannot move to other: the state records a key there already.")


def test_two_keys_to_one_alias(project: Workspace) -> None:
    project.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {new: {models: [gpt-4]}}\n" + moved(("old", "new"), ("other", "new"))
    )
    refused(
        project,
        "vkstate.yaml:4:5: old cannot move to new: 2 keys are to move there.",
        "vkstate.yaml:5:5: other cannot move to new: 2 keys are to move there.",
        "new: 2 keys are to move there, and one key can.",
    )


def test_a_target_that_is_declared_nowhere(project: Workspace) -> None:
    project.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {other: {models: [gpt-4], max_budget: 5}}\n" + moved(("old", "nwe"))
    )
    refused(project, "vkstate.yaml:4:5: old cannot move to nwe, which no key of the config declares.")


def test_a_key_that_was_renamed_by_hand_already(project: Workspace) -> None:
    """Only the state has to follow: nothing is sent."""
    token = project.tokens["old"]
    project.sandbox().update(token, key_alias="new")
    before = rows_of(project.sandbox())
    project.configure(CONFIG % "new" + moved(("old", "new")))
    planned = project.run("plan", "--json", "--detailed-exitcode")
    [change] = planned.document["changes"]
    assert (planned.code, change["alias"], change["moved_from"], change["needs_request"]) == (2, "new", "old", False)
    project.apply()
    assert rows_of(project.sandbox()) == before
    assert project.tokens["new"] == token


def test_a_key_that_was_renamed_to_something_else(project: Workspace) -> None:
    project.sandbox().update(project.tokens["old"], key_alias="elsewhere")
    project.configure(CONFIG % "new" + moved(("old", "new")))
    assert project.ok("plan").told.splitlines()[2] == ("~ new  (moved from old) key_alias: elsewhere → new (moved)")
    project.apply()


def test_a_key_that_is_gone(project: Workspace) -> None:
    """It is made anew, under its new name only."""
    project.sandbox().post("/key/delete", {"keys": [project.tokens["old"]]})
    project.configure(CONFIG % "new" + moved(("old", "new")))
    assert project.planned() == [("new", "create", "missing on the proxy")]
    project.apply()
    assert sorted(project.tokens) == sorted(rows_of(project.sandbox())) == ["new", "other"]


def test_a_protected_key_moves_and_stays_protected(project: Workspace) -> None:
    project.configure((CONFIG % "old").replace("max_budget: 10", "max_budget: 10, lifecycle: {prevent_destroy: true}"))
    project.apply()
    project.configure(CONFIG % "new" + moved(("old", "new")))
    project.apply()
    assert project.keys["new"]["prevent_destroy"] is True
    project.configure("proxy: {url: 'sandbox://'}\nkeys: {other: {models: [gpt-4], max_budget: 5}}\n")
    assert project.run("apply", "--auto-approve").code == 1


def test_moved_and_replaced(project: Workspace) -> None:
    """In one go: the new value stands under the new name, the old one works on under the old key's other name."""
    token, value = project.tokens["old"], project.values["old"]
    project.configure(CONFIG % "new" + moved(("old", "new")))
    project.apply("--replace", "new", "--grace", "1h")
    aside = f"new.retired-{token[:8]}"
    assert sorted(project.tokens) == sorted(rows_of(project.sandbox())) == ["new", aside, "other"]
    assert project.tokens[aside] == token
    assert project.sandbox().chat(value).status_code == 200
    assert project.sandbox().chat(project.values["new"]).status_code == 200


def test_a_retired_key_follows(project: Workspace) -> None:
    """Where its successor goes by another name, what is to be done with it is still known."""
    token, value = project.tokens["old"], project.values["old"]
    project.apply("--replace", "old", "--grace", "24h")
    aside = f"old.retired-{token[:8]}"
    project.configure(CONFIG % "new" + moved(("old", "new")))
    project.apply()
    assert project.keys[aside]["retired"]["successor"] == "new"
    assert project.sandbox().chat(value).status_code == 200
    left = project.ok("destroy", "--auto-approve", "--target", "new")
    assert left.last_line == "Destroy complete! 2 deleted. 0 of 2 remain."
    assert sorted(rows_of(project.sandbox())) == ["other"]


@pytest.mark.parametrize("name", ["old", "new"])
def test_as_a_target_under_either_name(project: Workspace, name: str) -> None:
    project.configure((CONFIG % "new").replace("max_budget: 5", "max_budget: 6") + moved(("old", "new")))
    assert project.planned("--target", name) == [("new", "update", "moved")]
    assert project.planned("--exclude", name) == [("other", "update", "attributes differ")]
    document = project.run("plan", "--json", "--exclude", name).document
    assert document["left_out"] == ["new"]


def test_its_documents(project: Workspace) -> None:
    token = project.tokens["old"]
    project.configure(CONFIG % "new" + moved(("old", "new")))
    [change] = project.ok("plan", "--json").document["changes"]
    assert (change["alias"], change["moved_from"], change["token"]) == ("new", "old", token)
    assert change["diffs"] == [
        {"path": "key_alias", "before": "old", "after": "new", "cause": "moved", "already_live": False}
    ]
    events = project.ok("apply", "--auto-approve", "--json").events
    assert [(event["type"], event.get("alias"), event.get("moved_from")) for event in events] == [
        ("applied", "new", "old"),
        ("summary", None, None),
    ]
    assert (events[1]["updated"], events[1]["moved"]) == (1, 1)
