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


def test_without_consent_the_config_stays_and_that_is_said(project: Workspace) -> None:
    ran = project.run("block", "plain")
    assert ran.code == 64
    assert ran.stderr.splitlines()[1:3] == ["vkstate.yaml was not changed.", "error: no terminal to ask on"]
    assert (project.path / "vkstate.yaml").read_text(encoding="utf-8") == CONFIG


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


@pytest.mark.parametrize("command", ["block", "unblock"])
def test_a_key_that_would_not_follow(workspace: Workspace, command: str) -> None:
    """It would be told to be blocked, and go on as it is: refused before anything is written."""
    workspace.configure(
        "proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4], lifecycle: {ignore_changes: [blocked]}}\n"
        "  two: {models: [gpt-4]}\n"
    )
    workspace.apply()
    files = workspace.files()
    ran = workspace.run(command, "one", "two", "--auto-approve")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.complaint == [
        "error: the keys would stay as they are",
        "  lifecycle.ignore_changes leaves blocked of these keys alone: one. Nothing was changed.",
        "hint: take blocked out of ignore_changes of one",
    ]
    assert workspace.files() == files


IGNORING = """proxy: {url: 'sandbox://'}
workshops:
  ws:
    count: 2
    models: [gpt-4]
    ends_at: 2036-01-01T00:00:00Z
    %s
"""


@pytest.mark.parametrize("until", [["2h"], ["--until", "2037-01-01T00:00:00Z"]], ids=["by", "until"])
def test_a_workshop_of_which_no_key_follows_its_end(workspace: Workspace, until: list[str]) -> None:
    workspace.configure(IGNORING % "lifecycle: {ignore_changes: [expires_at]}")
    workspace.apply()
    files = workspace.files()
    ran = workspace.run("extend", "ws", *until, "--auto-approve")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.complaint == [
        "error: the workshop cannot be extended",
        "  ws: lifecycle.ignore_changes leaves the end of every key as it is. Nothing was changed.",
        "hint: take duration and expires_at out of ignore_changes of ws",
    ]
    assert workspace.files() == files


def test_a_member_who_does_not_follow_the_end_is_named(workspace: Workspace) -> None:
    workspace.configure(IGNORING % "overrides: {user2: {lifecycle: {ignore_changes: [expires_at]}}}")
    workspace.apply()
    ran = workspace.ok("extend", "ws", "2h", "--auto-approve")
    assert "warning: lifecycle.ignore_changes leaves these keys as they are: ws-user2.\n" in ran.stderr
    applied = {alias: key["applied"]["expires_at"] for alias, key in workspace.keys.items()}
    assert applied == {"ws-user1": "2036-01-01T02:00:00Z", "ws-user2": "2036-01-01T00:00:00Z"}


COMMENTED = """proxy: {url: 'sandbox://'}
defaults: {models: [gpt-4]}
keys:
  boss:  # the boss's key
workshops:
  ws:
    count: 2
    overrides:  # agreed
      user1:  # vip
        blocked: true
      user2: {blocked: true, # why
              max_budget: 1}
"""


def test_comments_stay(workspace: Workspace) -> None:
    """What is emptied keeps the comments beside it, and a block that no cut gets out is contradicted in its place."""
    workspace.configure(COMMENTED)
    workspace.apply()
    workspace.ok("block", "boss", "--auto-approve")
    after = COMMENTED.replace("the boss's key\n", "the boss's key\n    blocked: true\n")
    assert (workspace.path / "vkstate.yaml").read_text(encoding="utf-8") == after
    workspace.ok("unblock", "boss", "workshop:ws", "--auto-approve")
    opened = COMMENTED.replace("boss:", "boss: {}").replace("{blocked: true,", "{blocked: false,")
    opened = opened.replace("user1:  # vip\n        blocked: true\n", "user1: {}  # vip\n")
    assert (workspace.path / "vkstate.yaml").read_text(encoding="utf-8") == opened
    workspace.converged()
    assert [key["applied"].get("blocked") for key in workspace.keys.values()] == [None, None, False]


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


@pytest.mark.parametrize("command", [("block", "workshop:ws"), ("unblock", "ws-*"), ("extend", "ws", "2h")])
def test_nobodys_key_goes_with_it(project: Workspace, command: tuple[str, ...]) -> None:
    """Whoever blocks keys in a hurry is not asked to look for what else has changed in the config."""
    fewer = CONFIG.replace("count: 2", "count: 1")
    project.configure(fewer)
    before = project.state
    ran = project.run(*command, "--auto-approve")
    assert ran.code == 1
    assert ran.complaint == [
        "error: the config also asks for deletions",
        "  It no longer has ws-user2, which this run would delete. Nothing was written and nothing was sent.",
        "hint: vkstate plan shows all that would change; vkstate apply carries it out, and then repeat this command",
    ]
    assert (project.path / "vkstate.yaml").read_text() == fewer
    assert project.state == before
