"""A playbook that runs vkstate in place of the collection's role: the example ``from-ansible``, by the real Ansible."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.examples.conftest import EXAMPLES
from tests.examples.test_from_ansible import PARTICIPANTS, WORKSHOP
from tests.launcher import launcher
from tests.workspace import Json, Workspace

EXAMPLE: Final = EXAMPLES / "from-ansible"
PROGRAM: Final = Path(sys.executable).with_name("ansible-playbook")
EXAMPLE_PLAY: Final = "- ansible.builtin.import_playbook: with_vkstate.yml\n"
PLAY: Final = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
"""
INCLUDE: Final = """\
    - ansible.builtin.include_tasks: vkstate_tasks.yml
      vars: {{litellm_vkey_alias: {alias}, litellm_vkey_multi_user: {several}, litellm_vkey_state: {state}}}
"""
SAVE: Final = """\
    - ansible.builtin.copy:
        dest: "{{{{ playbook_dir }}}}/{name}"
        content: "{{{{ litellm_vkey_result | to_json }}}}"
      no_log: true
"""
ENDPOINT: Final = {"api_endpoint": "sandbox://", "api_base_url": "sandbox:///v1"}
ABSENT: Final = {**ENDPOINT, "state": "absent"}

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="these tests need ansible-core")


def play(workspace: Workspace, playbook: str, *arguments: str) -> str:
    """Run a playbook, which is to succeed, and give what it prints."""
    place = workspace.path.parent / "ansible"
    bin_ = launcher(place / "bin").parent
    (place / "ansible.cfg").touch()
    done = subprocess.run(
        [PROGRAM, "-i", "localhost,", playbook, *arguments],
        check=False,
        cwd=workspace.path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "VKSTATE_"))},
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(place),
            "ANSIBLE_HOME": str(place),
            "ANSIBLE_CONFIG": str(place / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"sk-[\w-]{20}", done.stdout + done.stderr), "a key value was printed"
    return done.stdout


def changed(printed: str) -> int:
    """How many tasks have changed anything."""
    return int(re.findall(r"changed=(\d+)", printed)[-1])


def results(workspace: Workspace, *steps: tuple[str, bool, str]) -> list[Json]:
    """Include the tasks for one alias after the other, and give the result of each: alias, several, state."""
    text = PLAY
    for number, (alias, several, state) in enumerate(steps):
        text += INCLUDE.format(alias=alias, several=several, state=state) + SAVE.format(name=f"result-{number}.json")
    workspace.write("steps.yml", text)
    play(workspace, "steps.yml")
    return [json.loads((workspace.path / f"result-{number}.json").read_text()) for number in range(len(steps))]


def test_a_playbook(workspace: Workspace) -> None:
    state = workspace.state_path.read_bytes()
    assert changed(play(workspace, "with_vkstate.yml", "--check")) == 2
    assert workspace.state_path.read_bytes() == state

    workspace.write("saving.yml", EXAMPLE_PLAY + PLAY + SAVE.format(name="several.json"))
    assert changed(play(workspace, "saving.yml", "-v")) == 4  # both sets of keys, and two files
    workspace.converged()
    values = workspace.values
    assert list(values) == sorted([*PARTICIPANTS, "my-dev-project"])
    saved = workspace.path / ".vkstate" / f"workshop_keys_{WORKSHOP}.txt"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert saved.read_text(encoding="utf-8") == "".join(
        f"User: participant{number}\n"
        f"Email: participant{number}@workshop.example.com\n"
        f"Key: {values[alias]}\n"
        f"Alias: {alias}\n\n"
        for number, alias in enumerate(PARTICIPANTS, start=1)
    )

    told = {key["alias"]: key for key in workspace.ok("output", "--json", "--reveal").document["keys"]}
    assert json.loads((workspace.path / "several.json").read_text()) == {
        **ENDPOINT,
        "state": "present",
        "changed": True,
        "models": ["gpt-4"],
        "duration": "3d",
        "user_count": 25,
        "keys": [told[alias] for alias in PARTICIPANTS],
    }
    one, deleted, missing, all_deleted = results(
        workspace,
        ("my-dev-project", False, "present"),
        ("my-dev-project", False, "absent"),
        ("my-dev-project", False, "absent"),
        (WORKSHOP, True, "absent"),
    )
    assert one == {**ENDPOINT, "state": "present", "changed": False, **told["my-dev-project"]}
    assert deleted == {**ABSENT, "changed": True, "alias": "my-dev-project", "deleted": True, "was_missing": False}
    assert missing == {**ABSENT, "changed": False, "alias": "my-dev-project", "deleted": False, "was_missing": True}
    assert all_deleted == {**ABSENT, "changed": True, "user_count": 25, "deleted_count": 25, "missing_count": 0}
    assert (workspace.keys, workspace.sandbox().listed()["keys"]) == ({}, [])
