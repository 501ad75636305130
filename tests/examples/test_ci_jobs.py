"""What the workflows of the example ``ci`` say, and the scripts that speak to a forge rather than to git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from ruamel.yaml import YAML

from tests.examples.forge import EXAMPLE, Forge

GITHUB: Final = EXAMPLE / "github" / "workflows" / "vkstate.yml"
GITLAB: Final = EXAMPLE / "gitlab-ci.yml"
TOKEN: Final = "a-token"
_CALL: Final = re.compile(r"(?:exec )?ci/scripts/([a-z-]+\.sh)((?: (?:\"\$[A-Z_]+\"|main|comment\.md))*)")

Node = Any
"""A document as YAML gives it: the tests compare it, nothing else touches it."""


def read(path: Path) -> Node:
    """A file as YAML 1.2 reads it."""
    return YAML(typ="safe").load(path)


def called(command: str) -> str:
    """The script that a line calls, which is all that it does."""
    found = _CALL.fullmatch(command)
    assert found, command
    path = EXAMPLE / "scripts" / found[1]
    assert os.access(path, os.X_OK), path
    return found[1]


@pytest.fixture
def jobs() -> Mapping[str, Node]:
    """The jobs for GitHub Actions."""
    found: Mapping[str, Node] = read(GITHUB)["jobs"]
    return found


def runs(job: Node) -> list[tuple[str, str | None]]:
    """The scripts of a job's steps, and under which condition they run."""
    return [(called(step["run"]), step.get("if")) for step in job["steps"] if "run" in step]


def secrets(job: Node) -> dict[str, list[str]]:
    """By script, the secrets that it is given."""
    return {
        called(step["run"]): re.findall(r"\$\{\{ (?:secrets|github)\.(\w*(?:KEY|token))", str(step.get("env", {})))
        for step in job["steps"]
        if "run" in step
    }


def test_github_plans_on_a_pull_request(jobs: Mapping[str, Node]) -> None:
    workflow, job = read(GITHUB), jobs["plan"]
    assert workflow["on"]["pull_request"] == workflow["on"]["push"] == {"branches": ["main"]}
    assert job["if"] == (
        "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository"
    )
    assert runs(job) == [
        ("setup.sh", None),
        ("plan.sh", None),
        ("comment.sh", "${{ always() && steps.plan.outcome != 'skipped' }}"),
    ]
    assert secrets(job) == {"setup.sh": [], "plan.sh": ["LITELLM_MASTER_KEY"], "comment.sh": ["token"]}


def test_github_applies_one_at_a_time_and_always_saves(jobs: Mapping[str, Node]) -> None:
    job = jobs["apply"]
    assert job["if"] == "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'"
    assert job["concurrency"] == {"group": "vkstate-apply", "cancel-in-progress": False}
    assert runs(job) == [
        ("setup.sh", None),
        ("apply.sh", None),
        ("commit-state.sh", "${{ always() && steps.apply.outcome != 'skipped' }}"),
    ]
    # To cancel a step, the runner signals its shell only (GitHub's workflow cancellation reference).
    assert [step["run"].split()[0] for step in job["steps"] if step.get("id") == "apply"] == ["exec"]
    assert secrets(job) == {"setup.sh": [], "apply.sh": ["LITELLM_MASTER_KEY"], "commit-state.sh": []}


def test_github_gives_each_job_what_it_needs_and_no_more(jobs: Mapping[str, Node]) -> None:
    assert read(GITHUB)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "plan": {"contents": "write", "pull-requests": "write"},
        "apply": {"contents": "write"},
    }
    for job in jobs.values():
        checkout = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
        assert checkout["with"]["fetch-depth"] == 0
    # What somebody types, or calls a branch, reaches a shell through the environment only.
    assert [step["run"] for job in jobs.values() for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_gitlab_plans_on_a_merge_request() -> None:
    job = read(GITLAB)["plan"]
    assert [rule["if"] for rule in job["rules"]] == [
        '$CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID'
    ]
    assert [called(line) for line in job["script"]] == ["plan.sh"]
    assert [called(line) for line in job["after_script"]] == ["comment.sh"]


def test_gitlab_applies_one_at_a_time_and_always_saves() -> None:
    document = read(GITLAB)
    job = document["apply"]
    assert [rule["if"] for rule in job["rules"]] == ["$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"]
    assert (job["resource_group"], job["interruptible"]) == ("vkstate", False)
    assert [called(line) for line in job["script"]] == ["apply.sh", "commit-state.sh"]
    assert [called(line) for line in job["after_script"]] == ["commit-state.sh"]
    assert [called(line) for line in document["default"]["before_script"]] == ["setup.sh"]
    assert document["variables"]["GIT_DEPTH"] == "0"
    assert all(path.startswith(f"{document['variables']['PROJECT']}/") for path in job["artifacts"]["paths"])


@pytest.mark.parametrize(("path", "schema"), [(GITHUB, "github-workflows"), (GITLAB, "gitlab-ci")], ids=["hub", "lab"])
def test_the_workflows_are_what_their_schemas_say(path: Path, schema: str) -> None:
    program = shutil.which("check-jsonschema")
    if program is None:
        pytest.skip("this needs check-jsonschema")
    reading = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    subprocess.run([program, "--builtin-schema", f"vendor.{schema}", *reading, path], check=True)


@pytest.mark.parametrize("path", sorted((EXAMPLE / "scripts").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound(path: Path) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("this needs shellcheck")
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n# ")
    subprocess.run([program, "--shell", "sh", "--enable", "quote-safe-variables", path], check=True)


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository whose proxy is never asked."""
    return Forge(tmp_path, "http://127.0.0.1:9", "age1suwx85dj8ytqk86kl24zpurje0qgszr5sl6u09lzyfx0araxkq9s4r4drc")


def test_set_up_installs_what_the_repository_requires(forge: Forge) -> None:
    job = forge.job()
    (installed,) = forge.given("pip")
    assert installed == f"install --quiet --requirement {job.path}/ci/scripts/../requirements.txt"
    assert job.git("config", "--local", "user.name") == "vkstate-ci"
    assert job.git("remote", "get-url", "--push", "origin") == str(forge.origin)


def test_on_gitlab_git_asks_the_environment_for_the_token(forge: Forge) -> None:
    url = "https://gitlab.example.com/you/keys"
    job = forge.job(GITLAB_CI="true", CI_PROJECT_URL=url, VKSTATE_TOKEN=TOKEN)
    assert job.git("remote", "get-url", "origin") == str(forge.origin)
    assert job.git("remote", "get-url", "--push", "origin") == f"{url}.git"
    filled = job.run("sh", "-c", f"printf 'url={url}.git\\n\\n' | git credential fill").stdout.splitlines()
    assert filled[-2:] == ["username=vkstate", f"password={TOKEN}"]
    assert TOKEN not in (job.path / ".git" / "config").read_text(encoding="utf-8")


def test_on_gitlab_the_state_is_pushed_with_it(forge: Forge) -> None:
    job = forge.job(GITLAB_CI="true", CI_PROJECT_URL=str(forge.origin.with_suffix("")), VKSTATE_TOKEN=TOKEN)
    path = job.file("vkstate.state.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"serial": 0', '"serial": 1'), encoding="utf-8")
    job.script("commit-state", "main")
    assert forge.committed("vkstate.state.json")["serial"] == 1


def test_a_comment_on_github(forge: Forge) -> None:
    job = forge.job(GH_TOKEN=TOKEN, PULL_REQUEST="12")
    forge.command("gh")
    job.script("comment", "comment.md")
    assert forge.given("gh") == ["pr comment 12 --body-file comment.md"]


@pytest.fixture
def gitlab() -> Iterator[tuple[str, list[tuple[str, str | None, str]]]]:
    """An API that notes what is posted: path, token, body."""
    posted: list[tuple[str, str | None, str]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            posted.append((self.path, self.headers.get("private-token"), form["body"][0]))
            self.send_response(201 if self.headers.get("private-token") == TOKEN else 401)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v4", posted
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="this needs curl")
@pytest.mark.parametrize(("token", "code"), [(TOKEN, 0), ("another", 22)])
def test_a_comment_on_gitlab(
    forge: Forge, gitlab: tuple[str, list[tuple[str, str | None, str]]], token: str, code: int
) -> None:
    url, posted = gitlab
    job = forge.job(
        GITLAB_CI="true",
        CI_PROJECT_URL="https://gitlab.example.com/you/keys",
        CI_API_V4_URL=url,
        CI_PROJECT_ID="7",
        CI_MERGE_REQUEST_IID="12",
        VKSTATE_TOKEN=token,
    )
    text = "### Plan: 1 to create\n\n| `+` | `a&b=c` | ä |\n"
    (job.path / "comment.md").write_text(text, encoding="utf-8")
    job.script("comment", "comment.md", code=code)
    assert posted == [("/api/v4/projects/7/merge_requests/12/notes", token, text)]
