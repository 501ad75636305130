"""Any state, secret store, saved plan or file of key values is read or refused; nothing that is kept suffers by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import strategies as st

from tests.reliability.odd import JSONS, TEXTS, edited, fuzz, near, short_and_long, torn
from tests.reliability.watchdog import CommandLine, bugs_raise
from tests.state.samples import states
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.cli.import_values import ValuesUnreadable, read_values
from vkstate.errors import VkstateError
from vkstate.state.parsing import parse
from vkstate.state.plain_store import PlainStore
from vkstate.state.serialising import serialise
from vkstate.views.plan_file import UnreadablePlan, read_plan_file

__all__ = ["bugs_raise"]

CONFIG = """\
proxy: {url: 'sandbox://'}
defaults: {models: [gpt-4], duration: 30d}
safety: {max_delete_percent: 100}
keys:
  one: {max_budget: 5, metadata: {team: a}}
  two: {max_budget: 7, duration: never, lifecycle: {prevent_destroy: true}}
  three: {expires_at: 2036-12-01T18:00:00Z, object_permission: {mcp_servers: [x]}}
workshops:
  fair: {count: 2, max_budget: 3}
"""
VALUES = "alias,key,seat\none,sk-aaaaaaaaaaaaaaaaaaaaaa,A1\ntwo,sk-bbbbbbbbbbbbbbbbbbbbbb,\n"

Read: TypeAlias = Callable[["Project", bytes], object]


class Project:
    """A project with keys of every kind, as it was applied, that can be put back to where it was."""

    def __init__(self, line: CommandLine) -> None:
        self.line = line
        self.path = line.workspace.path
        self._files = line.workspace.files()
        self.state = line.workspace.state_path.read_bytes()
        self.store = self._files[".vkstate/keys.json"][1]
        self.plan = self._files["plan.json"][1]

    def put_back(self) -> None:
        """Make every file what it was."""
        for name, (mode, data) in self.line.workspace.files().items():
            if self._files.get(name) != (mode, data):
                (self.path / name).unlink()
        for name, (mode, data) in self._files.items():
            if not (self.path / name).exists():
                (self.path / name).write_bytes(data)
                (self.path / name).chmod(mode)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bugs_raise: None) -> Project:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    workspace = Workspace(path)
    workspace.configure(CONFIG)
    workspace.ok("apply", "--auto-approve")
    workspace.ok("apply", "--auto-approve", "--replace", "one", "--grace", "24h")
    workspace.configure(CONFIG.replace("max_budget: 5", "max_budget: 6") + "  late: {members: [ann]}\n")
    workspace.ok("plan", "--out", "plan.json")
    return Project(CommandLine(workspace, set(workspace.stored.values())))


def read_state(_: Project, data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    try:
        state = parse(text, place="s.json")
    except VkstateError as error:
        assert error.detail  # noqa: PT017 - a value is as good as an error here
        assert error.hint  # noqa: PT017 - a value is as good as an error here
    else:
        assert parse(serialise(state), place="s.json") == state


def read_store(project: Project, data: bytes) -> None:
    (project.path / ".vkstate" / "keys.json").write_bytes(data)
    store = PlainStore(project.path / ".vkstate", project.line.workspace.state["lineage"])
    try:
        values = list(store.in_memory())
    except VkstateError as error:
        said = f"{error!r} {error} {error.hint}"
        assert not [value for value in project.line.secrets if value in said]
    else:
        assert {value.token for value in values} == store.tokens()


def read_plan(_: Project, data: bytes) -> None:
    try:
        saved = read_plan_file(data.decode("utf-8", "replace"))
    except UnreadablePlan as error:
        assert error.detail  # noqa: PT017 - a value is as good as an error here
        assert error.hint  # noqa: PT017 - a value is as good as an error here
    else:
        assert saved.text.replace("\n", "").isprintable()


def read_csv(project: Project, data: bytes) -> None:
    path = project.path / "values.csv"
    path.write_bytes(data)
    try:
        values = read_values(path)
    except ValuesUnreadable as error:
        assert "sk-aaaaaaaaa" not in f"{error!r} {error} {error.hint}"  # noqa: PT017 - a value is as good as an error here
    else:
        assert all(value.token == token for token, value in values.by_token.items())


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


LINES = st.lists(
    st.lists(TEXTS | st.sampled_from(["key", "alias", "sk-" + "a" * 22, "sk-...abcd"]), max_size=4).map(",".join)
).map("\n".join)
SORTS = {
    "state": (read_state, "state", 200, 4000),
    "store": (read_store, "store", 130, 2500),
    "plan": (read_plan, "plan", 100, 2000),
}
READING = (
    ("plan",), ("plan", "--json", "-v"), ("plan", "--destroy", "--out", "other.json"), ("show",), ("show", "--json"),
    ("output",), ("output", "--json"), ("output", "--format", "env"), ("state", "list"), ("state", "show", "one"),
    ("state", "show", "one", "--json"), ("check", "--json"), ("refresh", "--dry-run"), ("import", "*", "--dry-run"),
    ("state", "mv", "one", "new", "--dry-run"), ("state", "rebuild", "--dry-run"), ("state", "rebind", "--dry-run"),
)  # fmt: skip
"""Commands that change nothing."""
WRITING = (
    ("apply", "--auto-approve"), ("destroy", "--auto-approve"), ("refresh", "--auto-approve"), ("init",),
    ("state", "rm", "one", "--auto-approve"), ("state", "mv", "one", "new", "--auto-approve"),
    ("state", "rebuild", "--auto-approve"), ("apply", "--auto-approve", "--replace", "*", "--renew", "t*"),
)  # fmt: skip
PLANNED = (
    ("show", "plan.json"),
    ("show", "plan.json", "--json"),
    ("apply", "plan.json"),
    ("apply", "plan.json", "--json"),
)


def around(data: bytes) -> st.SearchStrategy[bytes]:
    """What is torn, edited, of another shape, or another document altogether."""
    text = data.decode()
    return torn(data) | edited(text).map(str.encode) | near(json.loads(text)).map(encoded) | JSONS.map(encoded)


@pytest.mark.parametrize(("law", "name", "cases"), short_and_long(SORTS))
def test_any_file_is_read_or_refused(project: Project, law: Read, name: str, cases: int) -> None:
    fuzz(cases, around(getattr(project, name)), lambda data: law(project, data))


VALUE_FILES = (edited(VALUES) | LINES).map(str.encode) | torn(VALUES.encode())


@pytest.mark.parametrize("cases", [80, pytest.param(1500, marks=pytest.mark.sweep)])
def test_any_file_of_values_is_read_or_refused(project: Project, cases: int) -> None:
    fuzz(cases, VALUE_FILES, lambda data: read_csv(project, data))


@pytest.mark.parametrize("cases", [40, pytest.param(1200, marks=pytest.mark.sweep)])
def test_a_command_that_reads_changes_nothing(project: Project, cases: int) -> None:
    """Whatever state and secret store look like."""

    def law(case: tuple[bytes, bytes, tuple[str, ...]]) -> None:
        state, store, command = case
        project.put_back()
        project.line.workspace.state_path.write_bytes(state)
        (project.path / ".vkstate" / "keys.json").write_bytes(store)
        before = project.line.kept()
        project.line.run(*command)
        project.line.unchanged(before, command)

    store = st.just(project.store) | st.just(project.store) | around(project.store)
    fuzz(cases, st.tuples(sound(project) | around(project.state), store, st.sampled_from(READING)), law)


@pytest.mark.parametrize("cases", [40, pytest.param(1000, marks=pytest.mark.sweep)])
def test_a_command_that_is_refused_changes_nothing(project: Project, cases: int) -> None:
    def law(case: tuple[bytes, bytes, tuple[str, ...]]) -> None:
        state, store, command = case
        project.put_back()
        project.line.workspace.state_path.write_bytes(state)
        (project.path / ".vkstate" / "keys.json").write_bytes(store)
        before = project.line.kept()
        ran = project.line.run(*command)
        if ran.code and "Nothing was" in ran.stderr:
            project.line.unchanged(before, command)

    store = st.just(project.store) | st.just(project.store) | around(project.store)
    fuzz(cases, st.tuples(sound(project) | around(project.state), store, st.sampled_from(WRITING)), law)


@pytest.mark.parametrize("cases", [40, pytest.param(800, marks=pytest.mark.sweep)])
def test_any_saved_plan_is_shown_applied_or_refused(project: Project, cases: int) -> None:
    def law(case: tuple[bytes, tuple[str, ...]]) -> None:
        data, command = case
        project.put_back()
        (project.path / "plan.json").write_bytes(data)
        before = project.line.kept()
        if project.line.run(*command).code:
            project.line.unchanged(before, command)

    fuzz(cases, st.tuples(around(project.plan), st.sampled_from(PLANNED)), law)


def sound(project: Project) -> st.SearchStrategy[bytes]:
    """States that parse: any that vkstate can hold, and this project's with other values in its records."""
    document = json.loads(project.state)
    own = st.tuples(near(document["keys"]), st.just(document)).map(lambda two: encoded({**two[1], "keys": two[0]}))
    return states().map(lambda state: serialise(state).encode()) | own
