"""A secret in the config is neither shown nor written; what would be recorded of the proxy is looked at, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front import Front, fronted, sandbox_at
from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[Front]:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with fronted(tmp_path / "elsewhere.sqlite") as found:
        yield found


def refused(project: Workspace, secret: str, *arguments: str) -> list[str]:
    """What a command says that shows nothing and writes nothing."""
    before = project.files()
    ran = project.run(*arguments)
    assert ran.code == 1
    assert secret not in ran.stdout + ran.stderr
    assert {name: file for name, file in project.files().items() if not name.endswith(".lock")} == {
        name: file for name, file in before.items() if not name.endswith(".lock")
    }
    return ran.complaint


def complaint(what: str, places: str) -> list[str]:
    return [
        "error: a secret stands where it would be shown and recorded",
        (
            f"  {what} holds a secret (a key value or the master key), which would be shown, and written to the state, "
            "a file for git. Nothing was sent and nothing was written."
        ),
        f"hint: take it {places}; where an attribute must hold it, write it as ${{env.NAME}}",
    ]


COMMANDS = (["plan"], ["plan", "--json"], ["plan", "--format", "markdown"], ["apply", "--auto-approve"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        (f"metadata: {{a: 'x{DEFAULT_MASTER_KEY}'}}", "one: metadata.a"),
        (f"metadata: {{{DEFAULT_MASTER_KEY}: 1}}", "one: a name in its metadata"),
        (f"metadata: {{{DEFAULT_MASTER_KEY}: '${{env.HOME}}'}}", "one: a name in its metadata"),
        (f"tags: [a, {DEFAULT_MASTER_KEY}]", "one: tags"),
    ],
)
def test_the_master_key(workspace: Workspace, front: Front, attributes: str, what: str, command: list[str]) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys:\n  one: {{models: [gpt-4], {attributes}}}\n")
    assert refused(workspace, DEFAULT_MASTER_KEY, *command) == complaint(what, "out of vkstate.yaml:3:3")
    assert not (workspace.path / ".vkstate" / "keys.json").exists()


def test_an_alias(workspace: Workspace, front: Front) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys:\n  {DEFAULT_MASTER_KEY}: {{models: [gpt-4]}}\n")
    assert refused(workspace, DEFAULT_MASTER_KEY, "plan") == complaint("one key: alias", "out of vkstate.yaml:3:3")


def test_a_key_value_of_the_store(workspace: Workspace) -> None:
    declared = "proxy: {url: 'sandbox://'}\nkeys:\n  one: {models: [gpt-4]}\n"
    workspace.configure(declared)
    workspace.apply()
    value = workspace.values["one"]
    workspace.configure(f"{declared}  two: {{models: [gpt-4], metadata: {{a: 'x{value}'}}}}\n")
    for command in COMMANDS:
        assert refused(workspace, value, *command) == complaint("two: metadata.a", "out of vkstate.yaml:4:3")


def test_a_value_from_the_environment_is_no_secret_in_clear(workspace: Workspace, front: Front) -> None:
    workspace.configure(
        f"proxy: {{url: '{front.url}'}}\n"
        "keys: {one: {models: [gpt-4], metadata: {a: '${env.LITELLM_MASTER_KEY}'}}}\n"
    )
    workspace.apply()


def test_what_a_refresh_would_record(workspace: Workspace, front: Front, tmp_path: Path) -> None:
    workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4], metadata: {{a: b}}}}}}\n")
    workspace.apply()
    sandbox_at(tmp_path / "elsewhere.sqlite").update(workspace.tokens["one"], metadata={"a": DEFAULT_MASTER_KEY})
    assert refused(workspace, DEFAULT_MASTER_KEY, "refresh", "--auto-approve") == complaint(
        "one: metadata.a", "off the key on the proxy"
    )
