"""A config that is wrong: exit 1, the place, the reason and the next command; nothing written, nothing sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workspace import Workspace

HEAD = "proxy:\n  url: http://127.0.0.1:1\n"
"""Nothing listens there: whatever asked it would say so."""

CASES = {
    "unknown_field": HEAD + "keys:\n  my-project:\n    models: [gpt-4]\n    max_budgets: 5\n",
    "unknown_section": HEAD + "keyz:\n  my-project: {models: [gpt-4]}\n",
    "wrong_type": HEAD + "keys:\n  my-project:\n    models: [gpt-4]\n    max_budget: plenty\n    rpm_limit: 1.5\n",
    "tabs": HEAD + "keys:\n  my-project:\n\tmodels: [gpt-4]\n",
    "not_yaml": HEAD + "keys:\n  my-project: {models: [gpt-4\n",
    "duplicate_field": HEAD + "keys:\n  my-project:\n    models: [gpt-4]\n    models: [gpt-3.5-turbo]\n",
    "duplicate_key": HEAD + "keys:\n  my-project: {models: [gpt-4]}\n  my-project: {models: [gpt-4]}\n",
    "duplicate_alias": HEAD
    + "keys:\n  event-user2: {models: [gpt-4]}\nworkshops:\n  event:\n    count: 3\n    models: [gpt-4]\n",
    "empty_models": HEAD + "keys:\n  my-project:\n    models: []\n",
    "missing_models": HEAD + "keys:\n  my-project:\n    max_budget: 5\n",
    "negative_budget": HEAD + "keys:\n  my-project:\n    models: [gpt-4]\n    max_budget: -1\n",
    "bad_duration": HEAD + "defaults:\n  duration: 1d12h\nkeys:\n  my-project: {models: [gpt-4], duration: 30}\n",
    "expired_instant": HEAD + "keys:\n  my-project: {models: [gpt-4], expires_at: yesterday}\n",
    "unset_environment": HEAD + "keys:\n  my-project:\n    models: [gpt-4]\n    user_id: ${env.NOBODY_SETS_THIS}\n",
    "unset_variable": HEAD + "variables:\n  event: {description: the alias}\nworkshops:\n"
    "  ${var.event}: {count: 2, models: [gpt-4]}\n",
    "undeclared_variable": HEAD + "workshops:\n  ${var.event}: {count: 2, models: [gpt-4]}\n",
    "zero_count": HEAD + "workshops:\n  event: {count: 0, models: [gpt-4]}\n",
    "no_proxy": "keys:\n  my-project: {models: [gpt-4]}\n",
    "empty_file": "",
    "only_comments": "# nothing yet\n",
    "a_list": "- proxy\n- keys\n",
    "missing_roster": HEAD + "workshops:\n  event: {roster: people.csv, models: [gpt-4]}\n",
    "literal_key_value": HEAD + "keys:\n  my-project: {models: [gpt-4], user_id: sk-abcdefghijklmnopqrstuvwxyz}\n",
    "credentials_in_url": "proxy:\n  url: https://admin:secret@llm.example.com\nkeys:\n  a1: {models: [gpt-4]}\n",
    "alias_that_litellm_refuses": HEAD + "keys:\n  ../up: {models: [gpt-4]}\n  'a b': {models: [gpt-4]}\n",
    "everything_at_once": "proxy:\n  url: llm.example.com\n  timeout: soon\nkeyz: {}\nkeys:\n"
    "  one: {models: []}\n  two: {modles: [gpt-4], max_budget: -5}\n"
    "  three: {models: [gpt-4], user_id: '${env.GONE}'}\n"
    "workshops:\n  event: {count: many, models: [gpt-4], overrides: {user99: {max_budget: 1}}}\n",
}
ROSTERS = {
    "no_user_column": "name,email\nAda,ada@example.com\n",
    "twice_the_same": "user,email\nada,ada@example.com\nada,other@example.com\n",
    "too_many_cells": "user,email\nada,ada@example.com,extra\n",
    "bad_budget": "user,max_budget\nada,10\nbob,much\n",
    "empty": "",
    "header_only": "user,email\n",
    "open_quote": 'user,name\nada,"Ada\n',
    "empty_user": "user,email\n,nobody@example.com\n",
}
COMMANDS = (("validate",), ("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve"))


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project with a state and a master key, whose config is still to be written."""
    workspace.write("vkstate.yaml", HEAD)
    workspace.ok("init")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-master-key-of-the-tests")
    return workspace


@pytest.mark.parametrize("name", CASES)
def test_every_command_refuses_it_alike(project: Workspace, golden: Callable[[str, str], None], name: str) -> None:
    project.write("vkstate.yaml", CASES[name])
    before = project.files()
    for command in COMMANDS:
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden(f"bad_config/{name}.txt", ran.stderr)
    assert project.files() == before


@pytest.mark.parametrize("name", ROSTERS)
def test_a_broken_roster(project: Workspace, golden: Callable[[str, str], None], name: str) -> None:
    project.write("vkstate.yaml", HEAD + "workshops:\n  event: {roster: people.csv, models: [gpt-4]}\n")
    project.write("people.csv", ROSTERS[name])
    before = project.files()
    for command in COMMANDS:
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden(f"bad_roster/{name}.txt", ran.stderr)
    assert project.files() == before


def test_no_config(workspace: Workspace) -> None:
    for command in COMMANDS:
        ran = workspace.run(*command)
        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr == (
            "error: the config cannot be read\n"
            "  vkstate.yaml: there is no such file\n"
            "hint: vkstate init, or name the config: --config FILE\n"
        )
    assert workspace.files() == {}


def test_a_config_without_keys_deletes_nothing(workspace: Workspace) -> None:
    """A file that was emptied by a slip, or half merged, is no wish to delete everything."""
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys:\n  my-project: {models: [gpt-4]}\n")
    workspace.apply()
    workspace.configure("proxy: {url: 'sandbox://'}\n")
    before = workspace.files()
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1
    assert ran.stdout == (
        "error: the config yields no keys at all. An emptied or half-merged file never deletes anything.\n"
        "hint: declare keys or workshops in the config; to delete every key of this project, run: vkstate destroy\n"
        "\n"
        "This plan cannot be applied: 1 problem must be solved first.\n"
    )
    assert ran.stderr.splitlines()[1:] == [
        "error: the plan cannot be applied",
        "  1 problem stands in the way. Nothing was sent and nothing was written.",
        "hint: solve what is named above, then plan again",
    ]
    after = workspace.files()
    after.pop(".vkstate/vkstate.state.json.lock.json", None)
    assert after == before
    assert workspace.run("plan").code == 1


def test_no_message_shows_what_the_environment_holds(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIOUS", "a-very-secret-value")
    workspace.write(
        "vkstate.yaml",
        HEAD + "keys:\n  my-project:\n    models: ['${env.PRECIOUS}']\n    max_budget: ${env.PRECIOUS}\n"
        "    duration: ${env.PRECIOUS}\n    budget_duration: '${env.PRECIOUS}'\n",
    )
    ran = workspace.run("validate")
    assert ran.code == 1
    assert "a-very-secret-value" not in ran.stderr
    assert "keys.my-project.max_budget" in ran.stderr
