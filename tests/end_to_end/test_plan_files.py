"""The files of saved plans: beside other options, damaged, missing, or where something else stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.test_saved_plans import configured, everything
from tests.workspace import NOTE, Workspace


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two keys and three members, applied."""
    monkeypatch.setenv("PASSWORD", "a-password-of-somebody")
    configured(workspace, 3)
    workspace.apply()
    return workspace


@pytest.mark.parametrize(
    "options",
    [
        ("--target", "one"),
        ("--exclude", "one"),
        ("--replace", "one"),
        ("--replace", "one", "--grace", "1h"),
        ("--renew", "one"),
        ("--allow-deletes", "1"),
        ("--allow-deletes", "0"),
        ("--adopt-replaced",),
        ("--refresh-only",),
        ("--expect", "0" * 64),
    ],
    ids=" ".join,
)
def test_beside_other_options(project: Workspace, options: tuple[str, ...]) -> None:
    configured(project, 5)
    project.ok("plan", "--out", "p.json")
    before = everything(project)
    ran = project.run("apply", "p.json", *options)
    assert (ran.code, ran.stdout, ran.complaint) == (
        64,
        "",
        [
            "error: a saved plan brings its own options",
            "  p.json says what is planned for, so that no option may say something else.",
            "hint: vkstate apply p.json; or plan again with the options",
        ],
    )
    assert everything(project) == before


def _damaged(text: str) -> str:
    return text[: len(text) // 2]


def _tampered(text: str) -> str:
    return text.replace('"action": "create"', '"action": "bless"', 1)


UNREADABLE: dict[str, tuple[Callable[[str], str], str]] = {
    "cut short": (_damaged, "error: the saved plan is damaged"),
    "changed": (_tampered, "error: the saved plan is damaged"),
    "newer": (
        lambda text: text.replace('"format_version": 1', '"format_version": 99', 1),
        "error: the plan was saved by a newer vkstate",
    ),
    "something else": (lambda _: '{"keys": {}}\n', "error: this is not a saved plan"),
    "no JSON": (lambda _: "keys: {}\n", "error: this is not a saved plan"),
    "empty": (lambda _: "", "error: this is not a saved plan"),
}


@pytest.mark.parametrize("how", UNREADABLE)
@pytest.mark.parametrize("command", ["show", "apply"])
def test_files_that_cannot_be_used(project: Workspace, how: str, command: str) -> None:
    configured(project, 5)
    project.ok("plan", "--out", "p.json")
    path = project.path / "p.json"
    spoil, summary = UNREADABLE[how]
    path.write_text(spoil(path.read_text()))
    before = everything(project)
    ran = project.run(command, "p.json")
    assert (ran.code, ran.stdout, ran.complaint[0]) == (1, "", summary)
    assert ran.complaint[-1].startswith("hint: ")
    assert everything(project) == before


@pytest.mark.parametrize(
    ("command", "otherwise"),
    [
        ("show", "one key is shown by: vkstate state show missing.json"),
        ("apply", "single keys are named by --target"),
    ],
)
def test_a_file_that_is_not_there(project: Workspace, command: str, otherwise: str) -> None:
    ran = project.run(command, "missing.json")
    assert (ran.code, ran.stdout, ran.complaint) == (
        1,
        "",
        [
            "error: the plan file cannot be read",
            "  missing.json: No such file or directory.",
            f"hint: save one: vkstate plan --out missing.json; {otherwise}",
        ],
    )


def test_bytes_that_are_no_text(project: Workspace) -> None:
    (project.path / "p.json").write_bytes(b"\xff\xfe\x00")
    ran = project.run("apply", "p.json")
    assert (ran.code, ran.complaint[1]) == (1, "  p.json: it is not UTF-8 text.")


def test_a_plan_with_problems_is_not_saved(project: Workspace) -> None:
    configured(project, 3, ", key_type: llm_api")
    ran = project.run("plan", "--out", "p.json")
    assert ran.code == 1
    assert ran.stderr == NOTE + "The plan was not saved, since it cannot be applied.\n"
    assert not (project.path / "p.json").exists()


@pytest.mark.parametrize("name", ["vkstate.state.json", "vkstate.yaml", "notes.txt"])
def test_no_other_file_is_overwritten(project: Workspace, name: str) -> None:
    project.write("notes.txt", "of somebody")
    before = everything(project)
    ran = project.run("plan", "--out", name)
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: the plan is not saved over another file",
            f"  {name} exists, and is no saved plan.",
            "hint: name another file: vkstate plan --out FILE",
        ],
    )
    assert everything(project) == before


def test_an_older_plan_is(project: Workspace) -> None:
    project.ok("plan", "--out", "p.json")
    configured(project, 4)
    project.ok("plan", "--out", "p.json")
    project.ok("apply", "p.json")
    assert "w-user4" in project.keys


def test_where_it_cannot_be_written(project: Workspace) -> None:
    ran = project.run("plan", "--out", "missing/p.json")
    assert (ran.code, ran.complaint[0]) == (1, "error: a file could not be written")


def test_elsewhere(project: Workspace, tmp_path: Path) -> None:
    """A job may carry the file from one directory to another."""
    configured(project, 4)
    path = tmp_path / "a plan.json"
    project.ok("plan", "--out", str(path))
    project.ok("show", str(path))
    project.ok("apply", str(path))
