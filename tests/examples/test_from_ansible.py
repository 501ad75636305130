"""Keys that the Ansible collection has made are taken over as they are: the example ``from-ansible``."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

from ruamel.yaml import YAML

from tests.examples.conftest import EXAMPLES
from tests.workspace import Workspace

EXAMPLE: Final = EXAMPLES / "from-ansible"
WORKSHOP: Final = "ai-workshop-2024"
PARTICIPANTS: Final = [f"{WORKSHOP}-participant{number}" for number in range(1, 26)]
SAVED: Final = f"workshop_keys_{WORKSHOP}.txt"


def variables() -> list[dict[str, Any]]:
    """The variables of each task of the playbook, without their common prefix."""
    (play,) = YAML(typ="safe").load(EXAMPLE / "playbook.yml")
    return [
        {name.removeprefix("litellm_vkey_"): value for name, value in task["vars"].items()} for task in play["tasks"]
    ]


def bodies() -> dict[str, dict[str, Any]]:
    """By alias, the body with which the collection makes each key: a budget is sent for a single key only."""
    single, several = variables()
    found = {
        single["alias"]: {
            **{name: single[name] for name in ("models", "duration", "user_id", "max_budget")},
            "metadata": {**added(single, single["alias"]), **single["metadata"]},
        }
    }
    for number in range(1, several["user_count"] + 1):
        user = f"{several['user_prefix']}{number}"
        alias = f"{several['alias']}-{user}"
        found[alias] = {
            **{name: several[name] for name in ("models", "duration")},
            "user_id": f"{user}@{several['user_domain']}",
            "metadata": {**added(several, alias), "user": user, "user_number": str(number)},
        }
    return {alias: {**body, "key_alias": alias} for alias, body in found.items()}


def added(given: dict[str, Any], alias: str) -> dict[str, str]:
    """What the collection puts into the metadata of every key."""
    models = given["models"]
    return {
        "alias": alias,
        "models": ",".join(models),
        "duration": given["duration"],
        "models_count": str(len(models)),
    }


def made_by_the_collection(workspace: Workspace) -> dict[str, str]:
    """Make the keys on the sandbox, past vkstate, and save those of the workshop as the collection's example does.

    :return: the key values by alias.
    """
    sandbox = workspace.sandbox()
    values = {alias: str(sandbox.generate(body).json()["key"]) for alias, body in bodies().items()}
    lines = [
        f"User: {alias.removeprefix(f'{WORKSHOP}-')}\n"
        f"Email: {bodies()[alias]['user_id']}\nKey: {values[alias]}\nAlias: {alias}\n\n"
        for alias in PARTICIPANTS
    ]
    workspace.write(SAVED, f"# Workshop Keys - {WORKSHOP}\n\n{''.join(lines)}")
    return values


def conversion() -> str:
    """The command of the README that makes a CSV of the saved values."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^awk .+? > values\.csv$", text, re.MULTILINE | re.DOTALL)
    return str(command)


def test_the_config_says_what_the_variables_say(workspace: Workspace) -> None:
    single, several = variables()
    changes = workspace.ok("plan", "--json").document["changes"]
    declared = {change["alias"]: change["declared"] for change in changes}
    expected = {
        alias: {name: body[name] for name in ("user_id", "duration")} | {"models": sorted(body["models"])}
        for alias, body in bodies().items()
    }
    for alias in PARTICIPANTS:
        expected[alias]["max_budget"] = several["max_budget"]
    expected[single["alias"]] |= {"max_budget": single["max_budget"], "metadata.cost_center": "4711"}
    assert declared == expected
    assert single["metadata"] == {"cost_center": "4711"}
    proxy = YAML(typ="safe").load(workspace.path / "vkstate.yaml")["proxy"]
    assert {proxy["timeout"]} == {f"{given['api_timeout']}s" for given in (single, several)}


def test_keys_are_taken_over_and_get_what_they_lack(workspace: Workspace) -> None:
    values = made_by_the_collection(workspace)
    sandbox = workspace.sandbox()
    before = sandbox.listed(size=100)["keys"]

    imported = workspace.ok("import", f"{WORKSHOP}-*", "my-dev-project", "--auto-approve")
    assert "Import complete! 26 imported." in imported.stdout.splitlines()
    assert workspace.values == {}
    changes = workspace.ok("plan", "--json").document["changes"]
    assert [(change["alias"], change["action"]) for change in changes] == [(alias, "update") for alias in PARTICIPANTS]
    assert {(diff["path"], diff["before"], diff["after"]) for change in changes for diff in change["diffs"]} == {
        ("max_budget", None, 50)
    }
    workspace.apply()

    after = {row["key_alias"]: row for row in sandbox.listed(size=100)["keys"]}
    for row in before:
        now = after[row["key_alias"]]
        assert (now["token"], now["expires"]) == (row["token"], row["expires"])
        assert {name: value for name, value in now["metadata"].items() if name != "vkstate"} == row["metadata"]

    assert (workspace.path / SAVED).exists()
    subprocess.run(["bash", "-euo", "pipefail", "-c", conversion()], check=True, cwd=workspace.path)
    workspace.ok("import", "--values", "values.csv", f"{WORKSHOP}-*", "--auto-approve")
    known = {alias: value for alias, value in values.items() if alias in PARTICIPANTS}
    assert workspace.values == known
    workspace.converged()

    result = workspace.ok("output", "--format", "json", "--reveal", f"workshop:{WORKSHOP}").document
    assert (result["user_count"], result["state"], result["changed"]) == (25, "present", False)
    assert [(key["user"], key["alias"], key["user_id"], key["key"]) for key in result["keys"]] == [
        (f"participant{number}", alias, f"participant{number}@workshop.example.com", values[alias])
        for number, alias in enumerate(PARTICIPANTS, start=1)
    ]
    assert workspace.run("output", "--format", "json", "--reveal").code == 3

    destroyed = workspace.ok("destroy", "--auto-approve")
    assert destroyed.last_line == "Destroy complete! 26 deleted. 0 of 26 remain."
    assert sandbox.listed()["keys"] == []


def test_what_the_keys_have_already_leaves_nothing_to_do(workspace: Workspace) -> None:
    """The collection makes a workshop's keys without a budget: a config that says the same plans nothing."""
    values = made_by_the_collection(workspace)
    config = workspace.path / "vkstate.yaml"
    head, _, workshop = config.read_text(encoding="utf-8").partition("workshops:")
    assert workshop.count("    max_budget: 50\n") == 1
    workspace.write(config.name, f"{head}workshops:{workshop.replace('    max_budget: 50', '')}")
    workspace.write("values.csv", "key\n" + "".join(f"{value}\n" for value in values.values()))
    imported = workspace.ok("import", f"{WORKSHOP}-*", "my-dev-project", "--values", "values.csv", "--auto-approve")
    assert imported.last_line == "Import complete! 26 imported."
    workspace.converged()
    assert workspace.values == values
