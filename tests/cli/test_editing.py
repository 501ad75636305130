"""What ``extend``, ``block`` and ``unblock`` refuse, and that they leave everything as it was."""

from __future__ import annotations

import pytest

from tests.workspace import Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
variables: {off: {default: "false"}}
keys:
  plain: {models: [gpt-4]}
  varied:
    models: [gpt-4]
    blocked: ${var.off}
workshops:
  ws: {count: 2, models: [gpt-4]}
  endless: {count: 1, models: [gpt-4], duration: never}
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.configure(CONFIG)
    workspace.apply()
    return workspace


AGAIN = "hint: for example: vkstate extend ws 2h"
REFUSALS = {
    "neither": (
        ["extend", "ws"],
        64,
        ["error: for how long is not clear", "  extend takes a DURATION or --until, and one of them.", AGAIN],
    ),
    "both": (
        ["extend", "ws", "2h", "--until", "2036-01-01T00:00:00Z"],
        64,
        ["error: for how long is not clear", "  extend takes a DURATION or --until, and one of them.", AGAIN],
    ),
    "no duration": (
        ["extend", "ws", "1d12h"],
        64,
        [
            "error: for how long is not clear",
            "  '1d12h' is not a duration: write one whole number and one unit of s, m, h, d or w, such as 36h.",
            AGAIN,
        ],
    ),
    "no zone": (
        ["extend", "ws", "--until", "2036-01-01T00:00:00"],
        64,
        [
            "error: for how long is not clear",
            "  '2036-01-01T00:00:00' has no time zone: write it as 2026-12-01T18:00:00+01:00, or with Z for UTC.",
            AGAIN,
        ],
    ),
    "no such workshop": (
        ["extend", "wss", "2h"],
        64,
        [
            "error: there is no such workshop",
            "  vkstate.yaml declares no workshop wss; did you mean ws?",
            "hint: vkstate extend takes the name of a workshop of the config",
        ],
    ),
    "passed": (
        ["extend", "ws", "--until", "2020-01-01T00:00:00Z"],
        1,
        [
            "error: the workshop cannot be extended",
            "  2020-01-01T00:00:00Z has passed. Nothing was changed.",
            "hint: name a later instant",
        ],
    ),
    "never ends": (
        ["extend", "endless", "2h"],
        1,
        [
            "error: the workshop cannot be extended",
            "  endless: it has keys that do not end.",
            "hint: write ends_at to the config, then run: vkstate apply",
        ],
    ),
    "never ends, until": (
        ["extend", "endless", "--until", "2036-01-01T00:00:00Z"],
        1,
        [
            "error: the workshop cannot be extended",
            "  endless would end at 2036-01-01T00:00:00Z, and now never does. Nothing was changed.",
            "hint: to end it earlier, write ends_at to the config and run: vkstate apply",
        ],
    ),
    "nobody": (
        ["block", "nobody"],
        64,
        [
            "error: a target matches nothing",
            "  nobody names no key of vkstate.yaml.",
            "hint: vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
        ],
    ),
    "a variable": (
        ["block", "plain", "varied"],
        1,
        [
            "error: the config cannot be edited",
            "  The value of blocked comes from elsewhere, or is no plain one. To be written:",
            "  keys:",
            "    varied:",
            "      blocked: true",
            "hint: edit the config by hand, then run: vkstate apply",
        ],
    ),
}


@pytest.mark.parametrize(("command", "code", "lines"), REFUSALS.values(), ids=REFUSALS)
def test_refused(project: Workspace, command: list[str], code: int, lines: list[str]) -> None:
    files = project.files()
    ran = project.run(*command, "--auto-approve")
    assert (ran.code, ran.complaint) == (code, lines)
    after = project.files()
    assert {name for name in files if files[name] != after.get(name) and "sandbox.sqlite" not in name} == set()


def test_an_edit_that_the_config_does_not_bear(workspace: Workspace) -> None:
    """A member whose name varies is not found under the name that it comes to."""
    text = (
        "proxy: {url: 'sandbox://'}\nvariables: {host: ann}\nworkshops:\n  ws:\n    members: [ann]\n"
        "    models: [gpt-4]\n    overrides:\n      ${var.host}: {max_budget: 1}\n"
    )
    workspace.configure(text)
    workspace.apply()
    ran = workspace.run("block", "ws-ann", "--auto-approve")
    assert ran.complaint == [
        "error: the config cannot be edited",
        "  With the edit, it would not be valid, and nothing was written:",
        "  vkstate.yaml:9:7: workshops.ws.overrides.ann: the name is here a second time; it is already in line 8",
        "hint: edit the config by hand, then run: vkstate apply",
    ]
    assert (workspace.path / "vkstate.yaml").read_text(encoding="utf-8") == text


def test_a_workshop_that_was_never_applied(workspace: Workspace) -> None:
    workspace.configure(CONFIG)
    ran = workspace.run("extend", "ws", "2h", "--auto-approve")
    assert ran.complaint[1] == "  ws: no key of it is recorded, so that it has no end to count from."


def test_a_config_that_may_not_be_written(project: Workspace) -> None:
    (project.path / "vkstate.yaml").chmod(0o444)
    ran = project.run("block", "plain", "--auto-approve")
    assert ran.complaint == [
        "error: the config cannot be written",
        "  vkstate.yaml is read-only, and vkstate block is to edit it. Nothing was sent.",
        "hint: ls -l vkstate.yaml",
    ]


def test_the_mode_and_a_link_stay(project: Workspace) -> None:
    real = project.path / "real.yaml"
    (project.path / "vkstate.yaml").rename(real)
    real.chmod(0o640)
    (project.path / "vkstate.yaml").symlink_to("real.yaml")
    project.ok("block", "plain", "--auto-approve")
    assert (project.path / "vkstate.yaml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "plain: {models: [gpt-4], blocked: true}" in real.read_text(encoding="utf-8")


def test_a_name_that_varies(workspace: Workspace) -> None:
    """A workshop is found by what its name comes to, and edited where it is written."""
    workshop = "workshops:\n  ${var.event}: {count: 1, models: [gpt-4]}"
    text = f"proxy: {{url: 'sandbox://'}}\nvariables: {{event: spring}}\n{workshop}"
    workspace.configure(text)
    workspace.ok("apply", "--auto-approve", "--var", "event=autumn")
    workspace.ok("block", "workshop:autumn", "--auto-approve", "--var", "event=autumn")
    assert (workspace.path / "vkstate.yaml").read_text(encoding="utf-8") == text.replace(
        "[gpt-4]}", "[gpt-4], blocked: true}"
    )


def test_what_is_ignored_is_said(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4], lifecycle: {ignore_changes: [blocked]}}}\n"
    )
    workspace.apply()
    ran = workspace.run("block", "one", "--auto-approve")
    assert "warning: lifecycle.ignore_changes leaves these keys as they are: one.\n" in ran.stderr


def test_what_defaults_or_a_roster_block_is_opened_by_name(workspace: Workspace) -> None:
    workspace.write("p.csv", "user,blocked\nann,true\nbob,\n")
    text = (
        "proxy: {url: 'sandbox://'}\n"
        "defaults: {blocked: true, models: [gpt-4]}\n"
        "keys: {one: {max_budget: 1}}\n"
        "workshops:\n"
        "  ws: {roster: p.csv}\n"
        "  vs: {count: 2}\n"
    )
    workspace.configure(text)
    workspace.apply()
    workspace.ok("unblock", "one", "workshop:ws", "vs-user1", "--auto-approve")
    assert (workspace.path / "vkstate.yaml").read_text(encoding="utf-8") == text.replace(
        "{max_budget: 1}", "{max_budget: 1, blocked: false}"
    ).replace("{roster: p.csv}", "{roster: p.csv, blocked: false, overrides: {ann: {blocked: false}}}").replace(
        "{count: 2}", "{count: 2, overrides: {user1: {blocked: false}}}"
    )
    workspace.converged()
    blocked = {alias: key["applied"]["blocked"] for alias, key in workspace.keys.items()}
    assert blocked == {"one": False, "ws-ann": False, "ws-bob": False, "vs-user1": False, "vs-user2": True}
