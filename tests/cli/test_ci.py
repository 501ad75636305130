"""In CI the secret store dies with the runner: values are made only where somebody keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front import Doing, Drop, Front, Pass, Seen, fronted, rows_of
from tests.workspace import NOTE, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

CONFIG = "proxy: {url: 'sandbox://'}\nworkshops:\n  event: {count: %d, models: [gpt-4]}\n"


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project of two keys, in CI."""
    workspace.configure(CONFIG % 2)
    monkeypatch.setenv("CI", "true")
    return workspace


def _behind(front: Front, count: int) -> str:
    return CONFIG.replace("sandbox://", front.url) % count


@pytest.fixture
def front(project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """The project's proxy, reached over HTTP as a real one is."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite", lambda _: Pass()) as front:
        project.write("vkstate.yaml", _behind(front, 2))
        yield front


def test_creates_are_refused(project: Workspace, front: Front) -> None:
    ran = project.run("apply", "--auto-approve")
    assert ran.code == 1
    assert ran.stderr == (
        "error: the new key values would be lost\n"
        "  CI is set, and this plan makes 2 new key values. The secret store in .vkstate/ is not in git: after this "
        "job nobody would know them.\n"
        "hint: add --secrets-out FILE and keep that file, or --accept-lost-values; or have them encrypted, to be "
        "committed: vkstate secrets migrate --to age\n"
    )
    assert (project.keys, project.stored, front.writes) == ({}, {}, [])


def test_not_those_of_the_sandbox_which_dies_with_its_values(project: Workspace) -> None:
    project.ok("apply", "--auto-approve")
    assert len(project.values) == 2


def test_nothing_else_is(project: Workspace, front: Front) -> None:
    assert project.run("plan", "--detailed-exitcode").code == 2
    project.ok("apply", "--auto-approve", "--accept-lost-values")
    project.write("vkstate.yaml", _behind(front, 1))
    assert project.ok("apply", "--auto-approve").last_line.startswith("Apply complete! 0 created, 0 updated, 0 repl")
    project.ok("apply", "--auto-approve")
    project.ok("destroy", "--auto-approve")


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_where_ci_is_not_meant(project: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    project.ok("apply", "--auto-approve")


def test_secrets_out(project: Workspace) -> None:
    ran = project.ok("apply", "--auto-approve", "--secrets-out", "new.json")
    assert "2 new key values were written to new.json (mode 0600).\n" in ran.stderr
    path = project.path / "new.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == project.ok("output", "--json", "--reveal").stdout
    assert {key["alias"]: key["key"] for key in json.loads(path.read_text())["keys"]} == project.values


def test_only_what_is_new_is_written(project: Workspace) -> None:
    project.ok("apply", "--auto-approve", "--accept-lost-values")
    project.write("vkstate.yaml", CONFIG % 3)
    project.ok("apply", "--auto-approve", "--secrets-out", "new.json")
    document = json.loads((project.path / "new.json").read_text())
    assert [(key["alias"], key["key"]) for key in document["keys"]] == [("event-user3", project.values["event-user3"])]


def test_a_run_without_new_keys_does_not_touch_the_file(project: Workspace) -> None:
    project.ok("apply", "--auto-approve", "--secrets-out", "new.json")
    before = (project.path / "new.json").read_bytes()
    ran = project.ok("apply", "--auto-approve", "--secrets-out", "new.json")
    assert "There are no new key values: new.json was not written.\n" in ran.stderr
    assert (project.path / "new.json").read_bytes() == before


def test_a_file_that_exists_is_not_overwritten(project: Workspace) -> None:
    project.write("old.json", "the values of yesterday")
    before = project.files()
    ran = project.run("apply", "--auto-approve", "--secrets-out", "old.json")
    assert ran.code == 1
    assert ran.stderr == NOTE + (
        "error: the new key values cannot be written there\n"
        "  --secrets-out: old.json exists already, and may hold the values of an earlier run. Nothing was sent.\n"
        "hint: move that file away, or name another one\n"
    )
    assert (project.keys, rows_of(project.sandbox())) == ({}, {})
    after = project.files()
    assert {name: after[name] for name in before} == before


def test_a_place_that_cannot_be_written_is_found_out_first(project: Workspace) -> None:
    ran = project.run("apply", "--auto-approve", "--secrets-out", "missing/new.json")
    assert ran.code == 1
    assert ran.stderr.splitlines()[1:] == [
        "error: the new key values cannot be written there",
        "  --secrets-out: missing is no directory that can be written to. Nothing was sent.",
        "hint: make that directory, or name another file",
    ]
    assert (project.keys, rows_of(project.sandbox())) == ({}, {})


def test_what_was_sent_and_not_answered_is_written_too(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run takes such a key over by its token; its value must not be lost until then."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)

    with fronted(tmp_path / "elsewhere.sqlite", lambda _: Pass()) as front:
        project.write(
            "vkstate.yaml",
            f"proxy: {{url: '{front.url}', timeout: 2s, retries: 0}}\nkeys: {{one: {{models: [gpt-4]}}}}\n",
        )

        def failing(seen: Seen) -> Doing:
            return Drop(done=seen.path == "/key/generate") if front.writes else Pass()

        front.rule = failing
        ran = project.run("apply", "--auto-approve", "--secrets-out", "new.json")
        assert ran.code == 1
        assert project.keys["one"]["status"] == "pending"
        [key] = json.loads((project.path / "new.json").read_text())["keys"]
        assert (key["alias"], key["status"], key["key"]) == ("one", "pending", project.values["one"])
        front.rule = lambda _: Pass()
        project.apply()
        assert project.values["one"] == key["key"]
