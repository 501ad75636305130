"""Where ``vkstate output --out`` writes, and where it refuses to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.test_main_job import workshop
from tests.end_to_end.test_output import FORMATS, VALUE
from tests.workspace import Workspace


def test_a_file_for_each_member(workspace: Workspace, tmp_path: Path) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    place = tmp_path / "handed out"
    ran = workspace.ok("output", "--format", "env", "--out", f"{place}/")
    assert ran.stderr == f"3 keys were written to {place}, a file each (mode 0600), with their values.\n"
    assert place.stat().st_mode & 0o777 == 0o700
    files = {path.name: path for path in place.iterdir()}
    assert sorted(files) == [f"ai-workshop-participant{number}.env" for number in (1, 2, 3)]
    for alias, value in workspace.values.items():
        assert files[f"{alias}.env"].stat().st_mode & 0o777 == 0o600
        assert files[f"{alias}.env"].read_text() == (
            f"# {alias}\nOPENAI_API_KEY={value}\n"
            "# OPENAI_BASE_URL has no value: sandbox:// is embedded in vkstate, and its keys open nothing\n"
        )
    files["ai-workshop-participant2.env"].unlink()
    before = files["ai-workshop-participant1.env"].stat()
    again = workspace.ok("output", "--format", "env", "--target", "*2", "--out", str(place))
    assert again.stderr == f"1 key was written to {place}, a file each (mode 0600), with its value.\n"
    assert files["ai-workshop-participant2.env"].exists()
    assert files["ai-workshop-participant1.env"].stat() == before


def test_a_directory_is_looked_for_where_the_run_takes_place(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    (workspace.path / "handed").mkdir()
    (workspace.path / ".gitignore").write_text(".vkstate/\nhanded/\n")
    monkeypatch.chdir(tmp_path)
    workspace.ok("-C", "project", "output", "--format", "env", "--out", "handed")
    assert [path.name for path in (workspace.path / "handed").iterdir()] == ["ai-workshop-participant1.env"]


def test_a_value_that_is_not_known_takes_the_place_of_no_file(workspace: Workspace, tmp_path: Path) -> None:
    workspace.configure(workshop(2))
    workspace.apply()
    place = tmp_path / "handed out"
    workspace.ok("output", "--format", "env", "--out", f"{place}/")
    before = {path: path.read_text() for path in place.iterdir()}
    (workspace.path / ".vkstate" / "keys.json").unlink()
    ran = workspace.run("output", "--format", "env", "--out", f"{place}/")
    assert (ran.code, ran.stderr.splitlines()[0]) == (
        3,
        f"0 keys were written to {place}, a file each (mode 0600), with their values.",
    )
    assert {path: path.read_text() for path in place.iterdir()} == before


@pytest.mark.parametrize("format_", [one for one in FORMATS if one != "env"])
def test_only_env_is_a_file_for_each(workspace: Workspace, format_: str) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    ran = workspace.run("output", "--format", format_, "--out", "keys/")
    assert (ran.code, ran.complaint) == (
        64,
        [
            "error: this format is one file",
            "  keys/ is a directory, and only the format env writes a file for each key.",
            "hint: name a file: --out keys/FILE; or give --format env",
        ],
    )
    assert not (workspace.path / "keys").exists()


@pytest.mark.parametrize("name", ["vkstate.yaml", "vkstate.state.json", ".vkstate/keys.json", "./sub/../vkstate.yaml"])
def test_no_file_of_the_project_is_written_over(workspace: Workspace, name: str) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    (workspace.path / "sub").mkdir()
    before = workspace.files()
    for force in ((), ("--force",)):
        ran = workspace.run("output", "--format", "csv", "--out", name, *force)
        assert (ran.code, ran.complaint[0]) == (64, "error: no file of the project is written over")
    assert workspace.files() == before
    workspace.ok("output", "--format", "csv", "--out", ".vkstate/new.csv")
    assert workspace.run("output", "--format", "csv", "--out", ".vkstate/new.csv").code == 64


def test_a_directory_that_is_missing_is_said_first(workspace: Workspace) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    ran = workspace.run("output", "--format", "cards", "--out", "hand outs/cards.html")
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: the directory does not exist",
            "  There is no directory hand outs.",
            "hint: mkdir -p 'hand outs'",
        ],
    )


def test_a_roster_is_not_written_over_by_a_slip(workspace: Workspace) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    roster = workspace.write("people.csv", "user\nann\n")
    roster.chmod(0o644)
    ran = workspace.run("output", "--format", "csv", "--out", "people.csv")
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: the keys are not written over another file",
            "  people.csv exists, and others may read it (mode 0644), which no handout lets them.",
            "hint: name another file; or --force",
        ],
    )
    assert roster.read_text() == "user\nann\n"
    for force in (("--force",), ()):
        workspace.ok("output", "--format", "csv", "--out", "people.csv", *force)
        assert roster.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def repository(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project in git, with keys."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    workspace.configure(workshop(2))
    workspace.apply()
    subprocess.run(["git", "init", "-q"], cwd=workspace.path, check=True)
    return workspace


@pytest.mark.parametrize(
    ("options", "path", "line"),
    [
        (("--format", "csv", "--out", "keys.csv"), "keys.csv", "/keys.csv"),
        (("--format", "env", "--out", "keys/"), "keys", "/keys/"),
    ],
)
def test_nothing_is_written_where_git_would_add_it(
    repository: Workspace, options: tuple[str, ...], path: str, line: str
) -> None:
    before = repository.files()
    refused = repository.run("output", *options)
    assert (refused.code, refused.stdout, refused.complaint) == (
        1,
        "",
        [
            "error: git would add the key values",
            (
                f"  {path} lies in a git repository, which does not ignore it: the next commit may take the key values "
                "along. Nothing was written."
            ),
            f"hint: echo {line} >> .gitignore; or name a path outside of the repository; or --force",
        ],
    )
    assert repository.files() == before
    (repository.path / ".gitignore").write_text(f".vkstate/\n{line}\n")
    repository.ok("output", *options)
    (repository.path / ".gitignore").write_text(".vkstate/\n")
    assert repository.run("output", *options).code == 1
    repository.ok("output", *options, "--force")
    (repository.path / ".gitignore").write_text(f".vkstate/\n{line}\n")


def test_secrets_out_is_not_written_where_git_would_add_it(repository: Workspace) -> None:
    repository.write("vkstate.yaml", workshop(3))
    before = repository.files()
    refused = repository.run("apply", "--auto-approve", "--secrets-out", "new.json")
    assert (refused.code, refused.complaint[0], refused.complaint[-1]) == (
        1,
        "error: git would add the key values",
        "hint: echo /new.json >> .gitignore; or name a path outside of the repository",
    )
    assert repository.files() == before
    (repository.path / ".gitignore").write_text(".vkstate/\n/new.json\n")
    repository.apply("--secrets-out", "new.json")
    assert VALUE.findall((repository.path / "new.json").read_text()) == [repository.values["ai-workshop-participant3"]]
