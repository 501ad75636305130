"""What ``vkstate output`` hands out, in each format: masked, revealed, and to a file."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.end_to_end.test_main_job import workshop
from tests.workspace import Workspace


@pytest.mark.parametrize("format_", ["table", "json", "csv", "env"])
def test_output(workspace: Workspace, format_: str) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    before = workspace.files()
    values = workspace.values

    masked = workspace.ok("output", "--format", format_)
    assert masked.stderr == ""
    assert not any(value in masked.stdout for value in values.values())
    assert all(value[-4:] in masked.stdout for value in values.values())

    revealed = workspace.ok("output", "--format", format_, "--reveal")
    assert sorted(re.findall(r"sk-[A-Za-z0-9_-]{32}", revealed.stdout)) == sorted(values.values())
    assert workspace.files() == before

    target = workspace.path / f"keys.{format_}"
    written = workspace.ok("output", "--format", format_, "--out", target.name)
    assert (written.stdout, written.stderr) == (
        "",
        f"3 keys were written to {target.name} (mode 0600), with their values.\n",
    )
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(re.findall(r"sk-[A-Za-z0-9_-]{32}", target.read_text())) == sorted(values.values())


def test_output_as_json_has_the_shape_of_the_collection(workspace: Workspace) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    record = workspace.keys["ai-workshop-participant1"]
    value = workspace.values["ai-workshop-participant1"]
    document = {
        "proxy": "sandbox://",
        "api_endpoint": "sandbox://",
        "api_base_url": "sandbox:///v1",
        "user_count": 1,
        "state": "present",
        "changed": False,
        "keys": [
            {
                "alias": "ai-workshop-participant1",
                "user": "participant1",
                "user_id": "participant1@example.com",
                "key": None,
                "key_masked": f"sk-...{value[-4:]}",
                "key_id": record["token"],
                "models": ["gpt-4"],
                "duration": "3d",
                "expires_at": record["expires_at"],
                "max_budget": 50,
                "workshop": "ai-workshop",
                "status": "ready",
            }
        ],
    }
    assert workspace.ok("output", "--json").document == document
    assert workspace.ok("output", "--format", "json").document == document
    document["keys"][0]["key"] = value  # type: ignore[index]  # a list of objects, as above
    assert workspace.ok("output", "--json", "--reveal").document == document


def test_output_for_a_shell(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://', public_url: 'https://llm.example.com'}\nkeys: {one: {models: [gpt-4]}}"
    )
    workspace.apply()
    ran = workspace.ok("output", "one", "--format", "env", "--reveal")
    assigned = dict(line.split("=", 1) for line in shlex.split(ran.stdout, comments=True))
    assert assigned == {
        "OPENAI_API_KEY": workspace.values["one"],
        "OPENAI_BASE_URL": "https://llm.example.com/v1",
    }


def test_a_value_that_is_not_here_is_exit_3(workspace: Workspace) -> None:
    workspace.configure(workshop(2))
    workspace.apply()
    (workspace.path / ".vkstate" / "keys.json").unlink()
    assert workspace.ok("output").stderr == ""
    for asked in (("--reveal",), ("--out", "keys.txt")):
        ran = workspace.run("output", *asked)
        assert ran.code == 3
        assert ran.stderr.splitlines()[-1] == (
            "warning: the secret store of this machine does not hold the value of ai-workshop-participant1, "
            "ai-workshop-participant2."
        )
    workspace.converged()
