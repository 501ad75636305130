"""No secret leaves its place: not in what is printed, nor in any file but the store, nor in a process's arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.proxies import token_of
from tests.front import Doing, Front, Pass, Say, Seen, fronted, say_json
from tests.workspace import Ran, Workspace
from vkstate.sandbox.settings import Settings

MASTER_KEY = "sk-master-canary-7d0f5b1c9e"
PASSWORD = "password-canary-51ab"
HEADER = "header-canary-a90c"

CONFIG = """\
proxy:
  url: %s
  timeout: 2s
  retries: 0
  headers: {x-gateway: '${env.HEADER}'}
keys:
  one: {models: [gpt-4], max_budget: 5, metadata: {password: '${env.PASSWORD}', logging: [{callback_name: s3}]}}
workshops:
  event: {count: %d, models: [gpt-4]}
"""


class Watched:
    """A workspace of which everything that is printed is kept."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.printed: list[str] = []
        self.values: set[str] = set()

    def run(self, *arguments: str) -> Ran:
        """Run, and keep what was printed and every key value that the store then holds."""
        ran = self.workspace.run(*arguments)
        self.printed.append(ran.stdout + ran.stderr)
        self.values |= set(self.workspace.stored.values())
        return ran

    def secrets(self) -> set[str]:
        """Everything that must not be seen."""
        return {MASTER_KEY, PASSWORD, HEADER, *self.values}

    def check(self) -> None:
        """No secret was printed, and files hold none but the store, which holds nothing but key values."""
        assert self.values, "there was something to hide"
        for text in self.printed:
            assert not [secret for secret in self.secrets() if secret in text]
        for path in self.workspace.path.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes()
            found = {secret for secret in self.secrets() if secret.encode() in content}
            if path == self.workspace.path / ".vkstate" / "keys.json":
                assert found <= self.values
            elif path.name == "sandbox.sqlite":
                assert found <= {PASSWORD}, "the sandbox holds what it was told, but key values as their tokens only"
            else:
                assert found == set(), path


@pytest.fixture
def watched(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """An empty workspace and an environment full of secrets."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("PASSWORD", PASSWORD)
    monkeypatch.setenv("HEADER", HEADER)
    return Watched(workspace)


COMMANDS = (
    ("validate",),
    ("validate", "--json"),
    ("plan",),
    ("plan", "-v"),
    ("plan", "--json"),
    ("plan", "--format", "markdown"),
    ("plan", "-v", "--replace", "*", "--grace", "1h", "--allow-deletes", "99"),
    ("plan", "--json", "--replace", "*", "--renew", "*", "--allow-deletes", "99"),
    ("plan", "--refresh-only", "--json"),
    ("plan", "--destroy", "-v", "--out", "a-plan.json"),
    ("show", "a-plan.json", "-v"),
    ("show", "a-plan.json", "--json"),
    ("refresh", "--dry-run", "--json"),
    ("state", "mv", "one", "uno", "--dry-run", "--json"),
    ("state", "rm", "one", "--dry-run", "-v"),
    ("show",),
    ("show", "--json"),
    ("state", "list"),
    ("state", "show", "one"),
    ("state", "show", "one", "-v"),
    ("state", "show", "one", "--json"),
    ("output",),
    ("output", "--json"),
    ("output", "--format", "csv"),
    ("output", "--format", "env"),
    ("spend",),
    ("spend", "--json"),
    ("spend", "--format", "csv"),
    ("check",),
    ("check", "--json"),
)


@pytest.mark.parametrize("url", ["sandbox://", "http"])
def test_a_whole_life(watched: Watched, tmp_path: Path, url: str) -> None:
    with fronted(tmp_path / "elsewhere.sqlite", settings=Settings(master_key=MASTER_KEY)) as front:
        address = front.url if url == "http" else url
        watched.workspace.configure(CONFIG % (address, 12))
        for command in (*COMMANDS[:5], ("apply", "--auto-approve", "-v"), *COMMANDS):
            assert watched.run(*command).code in (0, 1), command
        assert len(watched.workspace.keys) == 13
        watched.workspace.configure((CONFIG % (address, 6)).replace("max_budget: 5", "max_budget: 7"))
        assert watched.run("apply", "--auto-approve", "--json").code == 1
        assert watched.run("apply", "--auto-approve", "--json", "--allow-deletes", "6").code == 0
        for command in COMMANDS:
            assert watched.run(*command).code == 0, command
        watched.check()
        assert watched.run("apply", "--auto-approve", "-v", "--replace", "one", "--grace", "1h").code == 0
        assert watched.run("refresh", "--auto-approve", "-v").code == 0
        watched.check()
        assert watched.run("destroy", "--auto-approve", "-v").code == 0
        watched.check()
        assert sorted(path.name for path in (watched.workspace.path / "reports").iterdir()) != []


def leaky(seen: Seen) -> Doing:
    """A proxy whose errors repeat all that they were sent, as some releases of LiteLLM do."""
    sent = f"{seen.body!r} {json.dumps(seen.body)} {MASTER_KEY} {HEADER}"
    if seen.path == "/key/generate" and seen.body["key_alias"] != "event-user4":
        if seen.body["key_alias"] == "event-user1":
            return Say(500, f"Internal Server Error {sent}".encode())
        if seen.body["key_alias"] == "event-user2":
            return say_json(422, {"detail": [{"type": "x", "loc": ["body"], "msg": f"no {sent}", "input": seen.body}]})
        return say_json(400, {"error": {"message": f"bad request {sent}", "type": "x", "code": "400"}})
    if seen.path == "/key/update" and isinstance(seen.body["key"], str):
        return say_json(400, {"error": {"message": f"refused {sent}", "type": "x", "code": "400"}})
    return Pass()


@pytest.mark.parametrize("option", ["-v", "--json"])
def test_errors_that_repeat_secrets(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    with fronted(tmp_path / "elsewhere.sqlite", leaky, settings=Settings(master_key=MASTER_KEY)) as front:
        watched.workspace.configure(CONFIG % (front.url, 4))
        ran = watched.run("apply", "--auto-approve", option)
        assert ran.code == 3
        watched.values |= {seen.body["key"] for seen in front.writes if seen.path == "/key/generate"}
        front.rule = lambda _: Pass()
        assert watched.run("apply", "--auto-approve", option).code == 0
        front.rule = leaky
        monkeypatch.setenv("PASSWORD", f"{PASSWORD}-changed")
        assert watched.run("apply", "--auto-approve", option).code == 1
        assert "refused" in watched.printed[-1]
        watched.check()


def test_a_bug_that_holds_a_secret(watched: Watched, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text may hold anything, which is why nothing shows it."""
    watched.workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    watched.run("apply", "--auto-approve")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(MASTER_KEY + next(iter(watched.values)))

    monkeypatch.setattr("vkstate.cli.planning.make_plan", broken)
    for command in (("plan",), ("plan", "-v"), ("plan", "--json"), ("apply", "--auto-approve"), ("destroy", "-v")):
        assert watched.run(*command).code == 1
    watched.check()


def test_the_handout_is_the_one_door(watched: Watched) -> None:
    watched.workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}}\n")
    watched.run("apply", "--auto-approve")
    [value] = watched.values
    assert watched.workspace.ok("output", "--reveal", "--json").stdout.count(value) == 1
    assert watched.workspace.tokens == {"one": token_of(value)}
    watched.check()
