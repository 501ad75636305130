"""Keys that Terraform has made are taken over as they are, with their values: the example ``from-terraform``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Final

from tests.examples.conftest import EXAMPLES
from tests.workspace import Workspace

EXAMPLE: Final = EXAMPLES / "from-terraform"
NO_CHANGES: Final = "No changes. The proxy matches the configuration."
MEMBERS: Final = ["p01", "p02", "p03"]
COURSE: Final = [f"prompt-course-{user}" for user in MEMBERS]


def terraform(resource: str, user: str = "") -> dict[str, Any]:
    """What ``keys.tf`` says of a resource, as far as it is written plainly; of a ``for_each``, for one of its keys."""
    text = (EXAMPLE / "keys.tf").read_text(encoding="utf-8")
    block = text[text.index(f'"litellm_key" "{resource}"') :].partition("\n}\n")[0]
    found = {}
    for name, value in re.findall(r"^  (\w+) +=? *= (.+)$", block, re.MULTILINE):
        try:
            found[name] = json.loads(value.replace("${each.key}", user))
        except json.JSONDecodeError:
            continue
    return found


def key_body(alias: str) -> dict[str, Any]:
    """The body with which a provider makes one of the keys."""
    if alias == "billing-service":
        return {**terraform("billing_service"), "metadata": {"cost_center": "4711"}}
    user = alias.removeprefix("prompt-course-")
    return {**terraform("course", user), "max_budget": 25 if user == "p03" else 10}


def resource_of(alias: str, value: str) -> dict[str, Any]:
    """A resource as ``terraform show -json`` prints it."""
    return {"mode": "managed", "type": "litellm_key", "values": {"key_alias": alias, "key": value}}


def test_both_files_declare_the_same_keys(workspace: Workspace) -> None:
    changes = workspace.ok("plan", "--json").document["changes"]
    declared = {change["alias"]: change["declared"] for change in changes}
    expected = {}
    for alias in ["billing-service", *COURSE]:
        body = key_body(alias)
        assert body.pop("key_alias") == alias
        metadata = body.pop("metadata", {})
        expected[alias] = {**body, "models": sorted(body["models"])}
        expected[alias] |= {f"metadata.{name}": value for name, value in metadata.items()}
    assert declared == expected
    assert terraform("course", "p01").keys() == {"key_alias", "user_id", "models", "duration"}


def test_keys_are_taken_over_with_their_values(workspace: Workspace) -> None:
    sandbox = workspace.sandbox()
    rows = {alias: sandbox.generate(key_body(alias)).json() for alias in ["billing-service", *COURSE]}
    values = {alias: row["key"] for alias, row in rows.items()}
    # Left alone by ignore_changes, on both sides.
    assert sandbox.update(rows["billing-service"]["token"], rpm_limit=60).status_code == 200
    state = {
        "format_version": "1.0",
        "values": {
            "root_module": {
                "resources": [
                    resource_of("billing-service", values["billing-service"]),
                    {"mode": "managed", "type": "litellm_team", "values": {"team_alias": "somebody"}},
                    {"mode": "managed", "type": "litellm_key", "values": {"key_alias": None, "key": "sk-nameless"}},
                    {"mode": "managed", "type": "litellm_key", "values": {"key_alias": "unknown", "key": None}},
                ],
                "child_modules": [{"resources": [resource_of(alias, values[alias]) for alias in COURSE]}],
            }
        },
    }
    printed = subprocess.run(
        [sys.executable, workspace.path / "values.py"],
        check=True,
        input=json.dumps(state),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ).stdout
    assert printed.splitlines() == ["alias,key", *(f"{alias},{value}" for alias, value in values.items())]
    workspace.write("values.csv", printed)

    given = ("--values", "values.csv", "billing-service", "prompt-course-*")
    assert workspace.ok("import", *given, "--auto-approve").last_line == "Import complete! 4 imported."
    workspace.converged()
    assert workspace.values == values
    assert workspace.tokens == {alias: row["token"] for alias, row in rows.items()}
    handed_out = workspace.ok("output", "--json", "--reveal").document["keys"]
    assert {key["alias"]: key["key"] for key in handed_out} == values
    assert {key["user"] for key in handed_out} == {None, *MEMBERS}

    destroyed = workspace.ok("destroy", "--auto-approve")
    assert destroyed.last_line == "Destroy complete! 4 deleted. 0 of 4 remain."
    assert sandbox.listed()["keys"] == []


def test_a_state_without_resources_gives_no_values() -> None:
    ran = subprocess.run(
        [sys.executable, EXAMPLE / "values.py"],
        check=True,
        input='{"format_version": "1.0"}',
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert ran.stdout == "alias,key\n"
