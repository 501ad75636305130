"""``--target`` and ``--exclude``: a part of the config, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  one: {models: [gpt-4]}
  two: {models: [gpt-4]}
workshops:
  red: {members: [ada, bob], models: [gpt-4]}
  blue/2024: {count: 3, models: [gpt-4]}
"""
EVERYTHING = ["blue/2024-user1", "blue/2024-user2", "blue/2024-user3", "one", "red-ada", "red-bob", "two"]


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and two workshops."""
    workspace.configure(CONFIG)
    return workspace


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (("--target", "one"), ["one"]),
        (("--target", "one", "--target", "two"), ["one", "two"]),
        (("--target", "*user[12]"), ["blue/2024-user1", "blue/2024-user2"]),
        (("--target", "workshop:red"), ["red-ada", "red-bob"]),
        (("--target", "workshop:red/bob"), ["red-bob"]),
        (("--target", "workshop:blue/2024"), ["blue/2024-user1", "blue/2024-user2", "blue/2024-user3"]),
        (("--target", "workshop:blue/2024/user3"), ["blue/2024-user3"]),
        (("--target", "workshop:*/user*", "--exclude", "*1"), ["blue/2024-user2", "blue/2024-user3"]),
        (("--exclude", "workshop:*"), ["one", "two"]),
        (("--exclude", "one", "--exclude", "red-*", "--exclude", "workshop:blue/2024"), ["two"]),
        ((), EVERYTHING),
    ],
)
def test_apply_and_destroy_a_part(project: Workspace, options: tuple[str, ...], chosen: list[str]) -> None:
    planned = project.ok("plan", "--json", *options).document
    assert sorted(change["alias"] for change in planned["changes"]) == chosen
    assert sorted(planned["left_out"]) == sorted(set(EVERYTHING) - set(chosen))
    project.ok("apply", "--auto-approve", *options)
    assert sorted(project.keys) == chosen
    assert project.run("plan", "--detailed-exitcode", *options).code == 0
    project.ok("apply", "--auto-approve")
    tokens = project.tokens
    project.ok("destroy", "--auto-approve", *options)
    left = sorted(set(EVERYTHING) - set(chosen))
    assert project.tokens == {alias: tokens[alias] for alias in left}
    assert sorted(row["key_alias"] for row in project.sandbox().listed(size=100)["keys"]) == left


def test_what_is_left_out_is_said(project: Workspace) -> None:
    assert project.ok("plan", "--target", "workshop:red").told == (
        "On sandbox://:\n"
        "\n"
        "+ red-{ada,bob}  models=[gpt-4] duration=30d\n"
        "\n"
        "5 keys are left out, as the targets ask: blue/2024-user{1..3}, one, two.\n"
        "Not counting 5 other keys: 2 keys without a budget: red-{ada,bob}.\n"
        "\n"
        "Plan: 2 to create, 0 to update, 0 to replace, 0 to delete.\n"
        "Fingerprint: DIGITS\n"
        "To apply this very plan: vkstate apply --target workshop:red --expect DIGITS\n"
    )


@pytest.mark.parametrize("option", ["--target", "--exclude"])
@pytest.mark.parametrize("target", ["three", "ONE", "workshop:green", "workshop:red/carol", "red-adaa", "workshop:one"])
def test_a_target_that_names_nothing(project: Workspace, option: str, target: str) -> None:
    before = project.files()
    for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve")):
        ran = project.run(*command, option, "one", option, target)
        assert (ran.code, ran.stdout) == (64, ""), command
        assert ran.stderr.splitlines()[-3:] == [
            "error: a target matches nothing",
            f"  No key is named by {target}, neither in the config nor in the state.",
            "hint: vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
        ]
    after = project.files()
    assert {name: after[name] for name in before} == before
    assert project.sandbox().listed()["total_count"] == 0


def test_output_and_state_list_take_targets(project: Workspace) -> None:
    project.apply()
    assert project.ok("state", "list", "workshop:red").stdout == "red-ada\nred-bob\n"
    assert project.ok("state", "list", "workshop:red", "o*").stdout == "one\nred-ada\nred-bob\n"
    document = project.ok("output", "*user*", "--exclude", "*2", "--json").document
    assert [key["alias"] for key in document["keys"]] == ["blue/2024-user1", "blue/2024-user3"]
    for command in (("output", "three"), ("output", "--exclude", "three"), ("state", "list", "three")):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (64, "")
        assert ran.stderr == (
            "error: no recorded key is named so\n"
            "  vkstate.state.json records no key that matches three.\n"
            "hint: vkstate state list shows what is recorded\n"
        )


def test_no_table_is_cut_in_a_pipe(project: Workspace) -> None:
    name = "w" * 60
    models = ", ".join(f"model-{number}-of-many" for number in range(9))
    project.configure(
        "proxy: {url: 'sandbox://', check_models: 'off'}\n"
        f"workshops: {{{name}: {{count: 1, models: [{models}], alias_template: '{{user}}'}}}}\n"
    )
    project.apply()
    assert name in project.ok("show").stdout
    assert name in project.ok("spend").stdout
    assert models in project.ok("output").stdout


def test_spend_takes_targets_in_both_ways(project: Workspace) -> None:
    project.apply()
    document = project.ok("spend", "one", "--target", "workshop:red", "--exclude", "*bob", "--json").document
    assert [key["alias"] for key in document["keys"]] == ["one", "red-ada"]


def test_a_key_that_is_replaced_and_left_out_is_said(project: Workspace) -> None:
    project.apply()
    for option in ("--replace", "--renew"):
        ran = project.ok("plan", option, "red-ada", option, "workshop:red", "--target", "red-bob", "--target", "one")
        notes = [line for line in ran.stderr.splitlines() if option in line]
        assert notes == [f"note: {option} red-ada does nothing: --target and --exclude leave out what it names."]


def test_what_is_left_out_is_said_by_every_command(project: Workspace) -> None:
    project.apply()
    for alias in ("red-ada", "red-bob"):
        project.sandbox().update(project.tokens[alias], max_budget=3, models=["gpt-3.5-turbo"])
    options = ("--target", "*", "--exclude", "red-b*", "--exclude", "workshop:blue/2024")
    said = "1 key is left out, as the targets ask: red-bob.\n"
    for command in (("plan",), ("plan", "--refresh-only"), ("refresh", "--dry-run")):
        assert said in project.ok(*command, *options).stdout, command
    assert project.ok("plan", "--json", *options).document["left_out"] == ["red-bob"]
    said = "4 keys are left out, as the targets ask: blue/2024-user{1..3}, red-bob.\n"
    assert said in project.ok("plan", "--destroy", *options).stdout
    assert said in project.ok("destroy", "--auto-approve", *options).stdout


@pytest.mark.parametrize("target", ["one", "o*", "one.retired-*"])
def test_retired_keys_go_by_the_name_of_their_successor(project: Workspace, target: str) -> None:
    """And by their own."""
    project.apply()
    token = project.tokens["one"]
    project.apply("--replace", "one", "--replace", "red-ada", "--grace", "24h")
    retired = f"one.retired-{token[:8]}"
    gone = {retired} if target.startswith("one.") else {"one", retired}
    planned = project.planned("--destroy", "--target", target)
    assert {alias for alias, action, _ in planned if action == "delete"} == gone
    document = project.ok("plan", "--destroy", "--json", "--exclude", target).document
    assert set(document["left_out"]) == gone
    project.ok("destroy", "--auto-approve", "--target", target)
    assert not gone & set(project.tokens)
    assert len(project.tokens) == 9 - len(gone)


def test_retired_keys_of_a_member(project: Workspace) -> None:
    project.apply()
    token = project.tokens["red-ada"]
    project.apply("--replace", "red-ada", "--grace", "24h")
    planned = project.planned("--destroy", "--target", "workshop:red/ada")
    assert [alias for alias, _, _ in planned] == ["red-ada", f"red-ada.retired-{token[:8]}"]


def test_keys_that_are_as_they_should_be_are_not_counted_either(project: Workspace) -> None:
    project.configure(CONFIG.replace("two: {models: [gpt-4]}", "two: {models: [gpt-4], max_budget: 5}"))
    project.apply()
    project.configure(CONFIG.replace("two: {models: [gpt-4]}", "two: {models: [gpt-4], max_budget: 6}"))
    assert "Not counting 6 other keys: at most $6.00 in all.\n" in project.ok("plan", "--target", "two").told


def test_a_key_value_in_place_of_an_alias_is_not_repeated(workspace: Workspace) -> None:
    """Who imports by value, as other tools have it, must not find the value in a log of CI."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    workspace.apply()
    value = workspace.values["one"]
    for command in (("output", value), ("import", value), ("apply", "--target", value), ("check", "--as", value)):
        ran = workspace.run(*command)
        assert ran.code == 64
        assert "sk-…" in ran.stderr
        assert value not in ran.stdout + ran.stderr
    assert value not in workspace.run("output", value, "--json").stdout
