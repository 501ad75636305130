"""``vkstate state rebind``: the same proxy under a new url, and never another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.terminal import terminal
from tests.front import Front, fronted
from tests.workspace import Json, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

KEYS = "workshops:\n  event: {count: 7, models: [gpt-4]}\nkeys:\n  one: {models: [gpt-4]}\n"
Golden = Callable[[str, str], None]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """The proxy under its old url."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        yield front


@pytest.fixture
def new(tmp_path: Path, old: Front) -> Iterator[Front]:
    """The same proxy under a new one."""
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        yield front


@pytest.fixture
def project(workspace: Workspace, old: Front) -> Workspace:
    """A project on the old url, as an apply leaves it."""
    point(workspace, old.url)
    workspace.apply()
    return workspace


def point(workspace: Workspace, url: str) -> None:
    """Let the config name this url."""
    workspace.configure(f"proxy: {{url: '{url}', retries: 0}}\n{KEYS}")


def change(workspace: Workspace, alias: str, **fields: Json) -> None:
    """Change what the state records of a key; ``...`` takes a field out."""
    state = workspace.state
    record = {**state["keys"].get(alias, state["keys"]["one"]), **fields}
    state["keys"][alias] = {name: value for name, value in record.items() if value is not ...}
    workspace.write("vkstate.state.json", json.dumps(state))


def test_the_same_proxy_under_a_new_url(project: Workspace, old: Front, new: Front) -> None:
    before = project.state
    point(project, new.url)
    assert project.run("plan").stderr.splitlines()[-1] == (
        f"hint: set proxy.url back to {old.url}; if the same proxy has a new url: vkstate state rebind; to move for "
        "good, run vkstate destroy there first"
    )
    ran = project.ok("state", "rebind", "--auto-approve")
    assert ran.stdout == (
        f"vkstate.state.json records 8 keys on {old.url}. All 8 that were made exist at {new.url}.\n"
        f"It is bound to {new.url} now (serial 2): commit it together with the config.\n"
    )
    assert ran.stderr == ""
    assert project.state == {**before, "proxy": new.url, "serial": 2}
    assert new.writes == []
    project.converged()


def test_a_proxy_without_these_keys(project: Workspace, tmp_path: Path, golden: Golden) -> None:
    before = project.state_path.read_bytes()
    with fronted(tmp_path / "another.sqlite") as another:
        point(project, another.url)
        for options in ((), ("--auto-approve",), ("--dry-run",)):
            ran = project.run("state", "rebind", *options)
            assert (ran.code, ran.stdout) == (1, "")
            golden("rebind/other_proxy.txt", ran.stderr)
    assert project.state_path.read_bytes() == before


def test_a_key_that_was_deleted_meanwhile(project: Workspace, new: Front, golden: Golden) -> None:
    new.sandbox.post("/key/delete", {"keys": [project.tokens["one"]]})
    point(project, new.url)
    ran = project.run("state", "rebind", "--auto-approve")
    golden("rebind/one_missing.txt", ran.stderr)
    assert ran.code == 1
    project.ok("state", "rebuild", "--auto-approve")
    assert (project.state["proxy"], "one" in project.keys) == (new.url, False), "the hint leads on"


def test_what_is_pending_or_gone_need_not_exist(project: Workspace, new: Front) -> None:
    change(project, "sent", status="pending", token="1" * 64, pending_since="2026-01-01T00:00:00Z")
    change(project, "forgotten", status="gone", token="2" * 64)
    point(project, new.url)
    ran = project.ok("state", "rebind", "--auto-approve")
    assert ran.stdout.splitlines()[0].endswith(f"All 8 that were made exist at {new.url}.")
    assert project.keys["sent"]["status"] == "pending"


def test_pending_keys_alone_show_nothing(workspace: Workspace, old: Front, new: Front, golden: Golden) -> None:
    workspace.configure(f"proxy: {{url: '{old.url}'}}\nkeys:\n  one: {{models: [gpt-4]}}\n")
    workspace.apply()
    change(workspace, "one", status="pending", token="1" * 64, pending_since="2026-01-01T00:00:00Z")
    workspace.configure(f"proxy: {{url: '{new.url}'}}\nkeys:\n  one: {{models: [gpt-4]}}\n")
    ran = workspace.run("state", "rebind", "--auto-approve")
    golden("rebind/pending.txt", ran.stderr)
    assert ran.code == 1
    change(workspace, "one", status="gone", pending_since=...)
    ran = workspace.ok("state", "rebind", "--auto-approve")
    assert ran.stdout.splitlines()[0] == (
        f"vkstate.state.json records 1 key on {old.url}. None of them exists any more, so that none can be looked for "
        f"at {new.url}."
    )


def test_a_state_that_does_not_say_where_its_keys_live(project: Workspace, old: Front) -> None:
    state = project.state
    del state["proxy"]
    project.write("vkstate.state.json", json.dumps(state))
    assert project.run("plan").stderr.splitlines()[-1] == "hint: if that is where they live: vkstate state rebind"
    ran = project.ok("state", "rebind", "--auto-approve")
    assert ran.stdout.splitlines()[0] == (
        f"vkstate.state.json records 8 keys without saying where. All 8 that were made exist at {old.url}."
    )
    project.converged()


@pytest.mark.parametrize("spelling", ["%s", "%s/"])
def test_where_it_is_bound_already(project: Workspace, old: Front, spelling: str) -> None:
    point(project, spelling % old.url)
    before = project.files()
    old.seen.clear()
    ran = project.ok("state", "rebind")
    assert (ran.stdout, ran.stderr) == (
        f"vkstate.state.json is bound to {old.url} already: there is nothing to do.\n",
        "",
    )
    assert (project.files(), old.seen) == (before, [])


def test_a_state_without_keys_goes_anywhere(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'http://127.0.0.1:1'}\n")
    before = workspace.state_path.read_bytes()
    assert workspace.ok("state", "rebind").stdout == (
        "vkstate.state.json records no key: it goes with any proxy, and there is nothing to do.\n"
    )
    assert workspace.state_path.read_bytes() == before


def test_dry_runs_and_refusals_write_nothing(project: Workspace, new: Front) -> None:
    point(project, new.url)
    before = project.files()
    dry = project.ok("state", "rebind", "--dry-run")
    assert (dry.stdout.count("\n"), dry.stderr) == (1, "")
    ran = project.run("state", "rebind")
    assert (ran.code, ran.stdout) == (64, dry.stdout)
    assert ran.stderr == (
        "error: no terminal to ask on\n"
        "  This changes the state, and there is no terminal on which to ask whether it should.\n"
        "hint: look at it with --dry-run first, then give --auto-approve\n"
    )
    assert project.files() == before


@pytest.mark.parametrize(("answer", "code", "serial"), [(b"yes\n", 0, 2), (b"no\n", 4, 1)])
def test_it_asks(project: Workspace, new: Front, answer: bytes, code: int, serial: int) -> None:
    point(project, new.url)
    with terminal(project, "state", "rebind") as screen:
        screen.expect(f"Bind vkstate.state.json to {new.url}?")
        screen.type(answer)
        assert screen.wait() == code
    assert project.state["serial"] == serial


def test_a_damaged_state_is_not_bound(project: Workspace, new: Front) -> None:
    point(project, new.url)
    project.state_path.write_text("{")
    before = project.files()
    ran = project.run("state", "rebind", "--auto-approve")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, "error: the state is not valid JSON")
    assert project.files() == before
