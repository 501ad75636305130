"""``--expect FINGERPRINT``: what was reviewed in a pull request is what a later job applies, with no file to carry."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable

import pytest

from tests.end_to_end.clock import Timed
from tests.front import rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  one: {models: [gpt-4], max_budget: 10}
  two: {models: [gpt-4]%s}
workshops:
  w: {count: %d, models: [gpt-4]}
"""


OPTIONS = (
    "give apply the options that the plan was made with, such as --target, --replace or --var; or plan again, and have "
    "that one reviewed: vkstate plan"
)
"""What somebody is to do who has a fingerprint, and whose plan is another."""


def configured(workspace: Workspace, count: int, more: str = "", url: str = "sandbox://") -> None:
    """Two keys and a workshop of so many."""
    workspace.configure(CONFIG % (url, more, count))


def fingerprint(workspace: Workspace, *options: str) -> str:
    """The fingerprint that a plan prints."""
    [line] = [line for line in workspace.ok("plan", *options).stdout.splitlines() if line.startswith("Fingerprint: ")]
    return line.removeprefix("Fingerprint: ")


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and three members, and a config that now asks for more."""
    configured(workspace, 3)
    workspace.apply()
    configured(workspace, 5, ", max_budget: 3")
    return workspace


def everything(project: Workspace) -> tuple[object, ...]:
    """All that a command could have changed."""
    return rows_of(project.sandbox()), project.files()


def test_that_very_plan(project: Workspace) -> None:
    digits = fingerprint(project)
    assert project.ok("plan", "--json").document["fingerprint"] == digits
    assert f"Fingerprint: `{digits}`" in project.ok("plan", "--format", "markdown").stdout
    ran = project.ok("apply", "--expect", digits)
    assert ran.last_line == "Apply complete! 2 created, 1 updated, 0 replaced, 0 deleted."
    project.converged()


def test_nothing_is_asked_with_it(project: Workspace) -> None:
    assert project.run("apply").code == 64
    digits = fingerprint(project)
    events = project.ok("apply", "--expect", f" {digits.upper()} ", "--json").events
    assert events[-1]["complete"] is True


def test_it_survives_another_clone(project: Workspace) -> None:
    """What a clone shares by git, and nothing of this machine, makes the fingerprint."""
    digits = fingerprint(project)
    clone = project.path.parent / "clone"
    clone.mkdir()
    for name in ("vkstate.yaml", "vkstate.state.json"):
        shutil.copy(project.path / name, clone)
    (clone / ".vkstate").mkdir(mode=0o700)
    shutil.copy(project.path / ".vkstate" / "sandbox.sqlite", clone / ".vkstate")
    ran = project.ok("apply", "--expect", digits, "-C", str(clone))
    assert ran.last_line == "Apply complete! 2 created, 1 updated, 0 replaced, 0 deleted."


def test_it_survives_what_changes_nothing(project: Workspace) -> None:
    """A commit of the state, spend, another order of the config, comments, and other people's keys."""
    digits = fingerprint(project)
    state = project.state
    project.state_path.write_text(json.dumps(state | {"serial": 99}))
    sandbox = project.sandbox()
    assert sandbox.chat(project.values["one"]).status_code == 200
    sandbox.create("theirs")
    config = project.path / "vkstate.yaml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join([lines[0], *lines[4:], "# the keys", *lines[1:4], ""]))
    assert fingerprint(project) == digits
    project.ok("apply", "--expect", digits)


def test_it_survives_time(workspace: Workspace, server: Timed) -> None:
    configured(workspace, 3, url=server.front.url)
    workspace.apply()
    configured(workspace, 4, url=server.front.url)
    options = ("--replace", "one", "--grace", "1h", "--target", "one", "--target", "workshop:w")
    digits = fingerprint(workspace, *options)
    server.clock.forward(days=3)
    workspace.ok("apply", "--expect", digits, *options)


def test_a_run_that_was_cut_short_before_it_sent_anything(project: Workspace) -> None:
    """The values that it made are no part of the plan: the same fingerprint finishes the job."""
    digits = fingerprint(project)
    state = project.state
    user4 = {
        "applied": {"duration": "30d", "models": ["gpt-4"], "user_id": "user4@example.com"},
        "id": "00112233445566aa",
        "origin": "created",
        "pending_since": "2026-01-01T00:00:00Z",
        "status": "pending",
        "token": "ab" * 32,
        "user": "user4",
        "user_number": 4,
        "workshop": "w",
    }
    state["keys"]["w-user4"] = user4
    project.state_path.write_text(json.dumps(state))
    assert fingerprint(project) == digits
    project.ok("apply", "--expect", digits)
    assert len(rows_of(project.sandbox())) == 7


CHANGES: dict[str, Callable[[Workspace], object]] = {
    "another value": lambda project: configured(project, 5, ", max_budget: 4"),
    "one key more": lambda project: configured(project, 6, ", max_budget: 3"),
    "one key fewer": lambda project: configured(project, 4, ", max_budget: 3"),
    "drift of another key": lambda project: project.sandbox().update(project.tokens["one"], max_budget=999),
    "another value on the proxy": lambda project: project.sandbox().update(project.tokens["two"], max_budget=7),
    "a key that is gone": lambda project: project.sandbox().post("/key/delete", {"keys": [project.tokens["one"]]}),
    "applied in part": lambda project: project.ok("apply", "--auto-approve", "--target", "two"),
    "other options": lambda project: None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_plan_is_refused(project: Workspace, change: str) -> None:
    digits = fingerprint(project)
    CHANGES[change](project)
    options = ("--target", "two") if change == "other options" else ()
    before = everything(project)
    now = fingerprint(project, *options)
    ran = project.run("apply", "--expect", digits, "--auto-approve", *options)
    assert (ran.code, ran.stderr) == (
        6,
        NOTE + "error: this is not the plan that was reviewed\n"
        f"  The plan that would be carried out now is the one above, with the fingerprint {now}.\n"
        f"hint: {OPTIONS}\n",
    )
    assert everything(project) == before


def test_a_replaced_key_makes_another_plan(project: Workspace) -> None:
    """The same change to another key, which bears the same alias by now."""
    digits = fingerprint(project, "--renew", "one", "--target", "one")
    project.ok("apply", "--auto-approve", "--replace", "one", "--target", "one")
    assert fingerprint(project, "--renew", "one", "--target", "one") != digits


def test_applied_already(project: Workspace) -> None:
    digits = fingerprint(project)
    project.ok("apply", "--expect", digits)
    before = everything(project)
    ran = project.run("apply", "--expect", digits)
    assert (ran.code, ran.complaint) == (
        6,
        [
            "error: this is not the plan that was reviewed",
            "  With these options there is nothing to do: perhaps it was applied already. Nothing was sent.",
            f"hint: {OPTIONS}",
        ],
    )
    assert everything(project) == before


def test_the_options_of_the_plan_are_to_be_given_again(project: Workspace) -> None:
    """The plan shows the whole command, as its options were written; without them the refusal speaks of them."""
    project.apply()
    options = ("--replace", "w-user[12]", "--grace", "24h")
    last = project.ok("plan", *options).stdout.splitlines()[-1]
    digits = fingerprint(project, *options)
    command = f"vkstate apply --replace 'w-user[12]' --grace 24h --expect {digits}"
    assert last == f"To apply this very plan: {command}"
    ran = project.run("apply", "--expect", digits)
    assert (ran.code, ran.complaint[2]) == (6, f"hint: {OPTIONS}")
    project.ok(*shlex.split(command)[1:])
    assert project.ok("plan").stdout.splitlines()[-1].startswith("No changes")


@pytest.mark.parametrize("digits", ["", "abc", "0" * 63, "0" * 65, "g" * 64, "Fingerprint: " + "0" * 64])
def test_what_is_no_fingerprint(project: Workspace, digits: str) -> None:
    before = everything(project)
    ran = project.run("apply", "--expect", digits)
    assert (ran.code, ran.stdout, ran.stderr) == (
        64,
        "",
        (
            "error: this is not a fingerprint\n"
            "  --expect takes the 64 hexadecimal digits that vkstate plan prints.\n"
            "hint: look at them: vkstate plan\n"
        ),
    )
    assert everything(project) == before


def test_of_a_refresh(project: Workspace) -> None:
    project.sandbox().update(project.tokens["one"], max_budget=999)
    digits = fingerprint(project, "--refresh-only")
    assert project.run("apply", "--expect", digits).code == 6
    ran = project.ok("apply", "--refresh-only", "--expect", digits)
    assert ran.last_line == "Refresh complete! 1 accepted, 0 forgotten. The proxy was not touched."


def test_a_plan_that_cannot_be_applied_has_none(project: Workspace) -> None:
    configured(project, 3, ", key_type: llm_api")
    ran = project.run("plan", "--json")
    assert (ran.code, ran.document["fingerprint"]) == (1, None)
    assert "Fingerprint" not in project.run("plan").stdout


def test_the_command_in_the_comment_works(project: Workspace) -> None:
    """A reviewer's comment says how its very plan is applied: with its options."""
    comment = project.ok("plan", "--format", "markdown", "--replace", "one", "--exclude", "workshop:w").stdout
    [command] = [line for line in comment.splitlines() if line.startswith("vkstate apply ")]
    ran = project.ok(*command.split()[1:])
    assert ran.last_line == "Apply complete! 0 created, 1 updated, 1 replaced, 0 deleted."
