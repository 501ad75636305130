"""The options that every command takes, before its name and after it."""

from __future__ import annotations

import shutil

import pytest

from tests.workspace import NOTE, Ran, Workspace

CONFIG = (
    "proxy: {url: 'sandbox://'}\n"
    "variables:\n  event: {default: workshop}\n  size: {default: 2}\n"
    "workshops:\n  ${var.event}:\n    count: ${var.size}\n    models: [gpt-4]\n"
)


def planned(ran: Ran) -> str:
    """The first line of changes."""
    assert ran.code == 0, ran
    return ran.stdout.splitlines()[2].split("  ")[0]


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A config with variables."""
    workspace.configure(CONFIG)
    return workspace


@pytest.mark.parametrize("before", [True, False])
def test_var(project: Workspace, before: bool) -> None:
    options = ("--var", "event=summer", "--var", "size=3")
    arguments = (*options, "plan") if before else ("plan", *options)
    assert planned(project.run(*arguments)) == "+ summer-user{1..3}"


def test_the_later_one_counts(project: Workspace) -> None:
    assert (
        planned(project.run("--var", "event=a1", "plan", "--var", "event=b2", "--var", "event=c3")) == "+ c3-user{1,2}"
    )


def test_var_file_and_environment(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """--var before --var-file before the environment before the default."""
    monkeypatch.setenv("VKSTATE_VAR_event", "from-environment")
    assert planned(project.run("plan")) == "+ from-environment-user{1,2}"
    project.write("more.yaml", "event: from-file\nsize: 4\n")
    assert planned(project.run("plan", "--var-file", "more.yaml")) == "+ from-file-user{1..4}"
    assert planned(project.run("--var-file", "more.yaml", "plan", "--var", "event=given")) == "+ given-user{1..4}"


@pytest.mark.parametrize(
    ("options", "code", "summary"),
    [
        (("--var", "evnt=summer"), 1, "error: the config is not valid"),
        (("--var", "event"), 64, "error: a variable is not given as NAME=VALUE"),
        (("--var", "=x"), 64, "error: a variable is not given as NAME=VALUE"),
        (("--var-file", "missing.yaml"), 1, "error: the file of variables cannot be read"),
        (("-C", "missing"), 64, "error: the directory cannot be entered"),
        (("-C", "vkstate.yaml"), 64, "error: the directory cannot be entered"),
        (("--config", "missing.yaml"), 1, "error: the config cannot be read"),
        (("--state", "missing.json"), 1, "error: there is no state"),
        (("--config",), 64, "error: the command line is wrong"),
        (("--unknown",), 64, "error: the command line is wrong"),
    ],
)
def test_what_is_wrong_with_them(project: Workspace, options: tuple[str, ...], code: int, summary: str) -> None:
    before = project.files()
    for arguments in ((*options, "plan"), ("plan", *options)):
        if options == ("--config",) and arguments[-1] == "plan":
            continue  # here "plan" is the file
        ran = project.run(*arguments)
        assert (ran.code, ran.stdout, ran.stderr.splitlines()[0]) == (code, "", summary), arguments
        assert ran.stderr.splitlines()[-1].startswith("hint: ")
    assert project.files() == before


@pytest.mark.parametrize("before", [True, False])
def test_chdir(project: Workspace, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    monkeypatch.chdir(project.path.parent)
    options = ("-C", "project")
    command = ("apply", "--auto-approve", "--secrets-out", "new.json")
    ran = project.run(*options, *command) if before else project.run(*command, *options)
    assert ran.code == 0
    assert sorted(project.keys) == ["workshop-user1", "workshop-user2"]
    assert (project.path / "new.json").exists(), "paths start where -C leads"
    assert sorted(path.name for path in project.path.parent.iterdir()) == ["project"]


def test_config_and_state_elsewhere(project: Workspace) -> None:
    (project.path / "teams").mkdir()
    shutil.copy(project.path / "vkstate.yaml", project.path / "teams" / "red.yaml")
    for path in ("vkstate.yaml", "vkstate.state.json"):
        (project.path / path).unlink()
    shared = ("--config", "teams/red.yaml", "--state", "teams/red.state.json")
    ran = project.ok("init", *shared)
    assert ran.stderr.startswith("teams/red.yaml exists and is left as it is.\nteams/red.state.json was written: ")
    project.ok("apply", "--auto-approve", *shared)
    assert project.ok("state", "list", *shared).stdout == "workshop-user1\nworkshop-user2\n"
    assert sorted(str(path.relative_to(project.path)) for path in (project.path / "teams").rglob("*")) == [
        "teams/.gitignore",
        "teams/.vkstate",
        "teams/.vkstate/.gitignore",
        "teams/.vkstate/keys.json",
        "teams/.vkstate/red.state.json.backup",
        "teams/.vkstate/red.state.json.lock",
        "teams/.vkstate/sandbox.sqlite",
        "teams/red.state.json",
        "teams/red.yaml",
    ], "everything lies beside the state file"


def test_the_state_lies_beside_the_config(project: Workspace) -> None:
    (project.path / "vkstate.state.json").unlink()
    project.write("teams/blue.yaml", CONFIG)
    project.ok("--config", "teams/blue.yaml", "init")
    assert (project.path / "teams" / "vkstate.state.json").exists()


def test_verbose_tells_every_request(project: Workspace) -> None:
    ran = project.ok("plan", "-v")
    lines = ran.stderr.splitlines()
    assert lines[0] + "\n" == NOTE
    assert lines[1].startswith("  GET /key/list -> ")
    assert sorted(line.split(" -> ")[0] for line in lines[2:]) == [
        "  GET /user/list",
        "  GET /v1/models",
        "  GET /v1/models",
    ]
    assert all(line.endswith(" ms") and " -> 200 in " in line for line in lines[1:])
    assert project.ok("-v", "plan").stdout == ran.stdout


def test_a_bug_is_told_in_a_sentence(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text may hold anything: nothing shows it, and -v where it came from."""

    def broken(*_: object, **__: object) -> None:
        try:
            dict[str, str]()["a canary was here"]
        except KeyError as error:
            raise RuntimeError("a canary was here") from error

    monkeypatch.setattr("vkstate.cli.planning.read_live", broken)
    for command in (("plan",), ("apply", "--auto-approve")):
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, "")
        summary, detail, hint = ran.stderr.splitlines()[-3:]
        assert summary == "error: vkstate has a bug"
        assert detail.startswith("  RuntimeError in test_shared_options.py:")
        assert hint == "hint: repeat the command with -v for the traceback, and report it"
        assert "canary" not in ran.stderr
    trace = project.run("plan", "-v").stderr.partition("hint: ")[2].splitlines()[1:]
    assert [line for line in trace if not line.startswith(" ")] == [
        "Traceback (most recent call last):",
        "KeyError: (text left out)",
        "",
        "That led to this:",
        "",
        "Traceback (most recent call last):",
        "RuntimeError: (text left out)",
    ]
    ran = project.run("plan", "--json")
    assert (ran.code, ran.document["type"], ran.document["summary"]) == (1, "error", "vkstate has a bug")
