"""Keys that others made, taken over: from the first import to the last destroy, by command and by config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.proxies import Json, Proxy
from tests.executor.fuse import Fuse, Killed
from tests.factories import CANARY, FOREIGN_LINEAGE
from tests.front import Drop, Front, Pass, rows_of
from tests.workspace import Workspace
from vkstate.cli.import_entries import Extended
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.state.file import StateFile
from vkstate.state.plain_store import PlainStore

WORKSHOP = """\
proxy: {{url: '{url}'}}
workshops:
  ai-workshop-x:
    count: {count}
    user_prefix: participant
    models: [gpt-4]
    duration: 3d
    max_budget: {budget}
"""
OTHERS = {"theirs": {"models": ["gpt-4"], "metadata": {"owner": "somebody"}}, "ai-workshop-y-participant1": {}}


def collected(proxy: Proxy, count: int) -> dict[str, str]:
    """A workshop as the Ansible collection makes it; the key values by alias."""
    made = {}
    for number in range(1, count + 1):
        name = f"ai-workshop-x-participant{number}"
        user = f"participant{number}@example.com"
        made[name] = proxy.create(name, user_id=user, models=["gpt-4"], duration="3d", max_budget=50)["key"]
    return made


def written(values: Mapping[str, str]) -> str:
    """The CSV file of key values."""
    return "alias,key\n" + "".join(f"{alias},{value}\n" for alias, value in values.items())


def bare(row: Json) -> Json:
    """A row without our mark, and without what every update moves."""
    left = {
        name: value for name, value in row.items() if name not in ("updated_at", "updated_by", "settings_updated_at")
    }
    return {**left, "metadata": {name: value for name, value in row["metadata"].items() if name != "vkstate"}}


@pytest.fixture
def others(workspace: Workspace, front: Front) -> Iterator[None]:
    """Keys of others, which stay as they are whatever is done."""
    for name, attributes in OTHERS.items():
        front.sandbox.create(name, **attributes)
    before = {name: rows_of(front.sandbox)[name] for name in OTHERS}
    yield
    assert {name: row for name, row in rows_of(front.sandbox).items() if name in OTHERS} == before


@pytest.mark.usefixtures("others")
def test_a_workshop_of_the_collection(workspace: Workspace, front: Front) -> None:
    """A hundred keys with their values: taken over as they are, then changed, handed out and deleted like our own."""
    values = collected(front.sandbox, 100)
    live = rows_of(front.sandbox)
    workspace.configure(WORKSHOP.format(url=front.url, count=100, budget=50))
    workspace.write("values.csv", written(values))
    front.seen.clear()
    ran = workspace.ok("import", "ai-workshop-x-*", "--values", "values.csv", "--auto-approve")
    assert ran.last_line == "Import complete! 100 imported."
    requests = {path: front.count(method, path) for method, path in {(one.method, one.path) for one in front.seen}}
    assert requests == {
        "/key/list": 3,  # the first page, whether the server can search, and what it finds
        "/user/list": 1,
        "/key/update": 101,  # what the server can do, and our mark on each key
        "/v2/key/info": 100,  # each key's metadata as it is when our mark is added to it
    }
    after = rows_of(front.sandbox)
    assert {alias: bare(after[alias]) for alias in values} == {alias: bare(live[alias]) for alias in values}
    assert after["ai-workshop-x-participant7"]["metadata"]["vkstate"] == {
        "lineage": workspace.state["lineage"],
        "id": workspace.keys["ai-workshop-x-participant7"]["id"],
        "workshop": "ai-workshop-x",
        "user": "participant7",
        "user_number": 7,
    }
    workspace.consistent()
    workspace.converged()
    assert workspace.values == values

    workspace.configure(WORKSHOP.format(url=front.url, count=99, budget=75))
    changed = workspace.apply()
    assert changed.last_line == "Apply complete! 0 created, 99 updated, 0 replaced, 1 deleted."
    assert workspace.values.items() <= values.items()
    assert workspace.ok("destroy", "--auto-approve").last_line == "Destroy complete! 99 deleted. 0 of 99 remain."
    assert (workspace.keys, workspace.stored) == ({}, {})


def test_what_the_config_asks_otherwise_is_left_to_the_next_plan(workspace: Workspace, front: Front) -> None:
    values = collected(front.sandbox, 3)
    workspace.configure(WORKSHOP.format(url=front.url, count=3, budget=60))
    workspace.ok("import", "ai-workshop-x-*", "--auto-approve")
    assert {row["max_budget"] for row in rows_of(front.sandbox).values()} == {50.0}
    plan = workspace.ok("plan")
    assert "~ ai-workshop-x-participant{1..3}  max_budget: 50 → 60 (config changed)\n" in plan.stdout, plan.stdout
    assert workspace.apply().last_line == "Apply complete! 0 created, 3 updated, 0 replaced, 0 deleted."
    assert workspace.tokens.keys() == values.keys()


class TestByTheConfig:
    """``import:`` in the config: the next apply takes over, and makes what differs good."""

    CONFIG = """\
proxy: {{url: '{url}'}}
keys:
  bot: {{models: [gpt-4], max_budget: {budget}, metadata: {{team: red}}}}
  "odd one!": {{models: [gpt-4], duration: never}}
  fresh: {{models: [gpt-4]}}
workshops:
  ai-workshop-x: {{count: 2, user_prefix: participant, models: [gpt-4], duration: 3d, max_budget: 50}}
import: [bot, "odd one!", "workshop:ai-workshop-x"]
"""

    def test_it_adopts_and_updates_and_may_stay(self, workspace: Workspace, front: Front) -> None:
        sandbox = front.sandbox
        bot = sandbox.create("bot", models=["gpt-4"], max_budget=99, rpm_limit=7, metadata={"seat": 1})
        odd = sandbox.create("odd one!", models=["gpt-4"], user_id="odd one!")
        values = {**collected(sandbox, 2), "bot": bot["key"], "odd one!": odd["key"]}
        workspace.configure(self.CONFIG.format(url=front.url, budget=10))
        plan = workspace.ok("plan")
        assert plan.last_line.startswith("Fingerprint: ") or plan.last_line.startswith("Plan: "), plan.stdout
        assert "Plan: 1 to create, 0 to update, 0 to replace, 0 to delete, 4 to import." in plan.stdout
        ran = workspace.apply()
        assert ran.last_line == "Apply complete! 1 created, 0 updated, 0 replaced, 0 deleted, 4 imported."
        row = rows_of(sandbox)["bot"]
        assert (row["max_budget"], row["rpm_limit"], row["user_id"]) == (10.0, 7, "bot")
        assert {name: row["metadata"][name] for name in ("team", "seat")} == {"team": "red", "seat": 1}
        assert {alias: record["origin"] for alias, record in workspace.keys.items()} == {
            **dict.fromkeys(values, "imported"),
            "fresh": "created",
        }
        before = workspace.state_path.read_bytes()
        assert workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
        assert workspace.state_path.read_bytes() == before

        workspace.configure(self.CONFIG.format(url=front.url, budget=20))
        assert workspace.apply().last_line == "Apply complete! 0 created, 1 updated, 0 replaced, 0 deleted."
        shown = workspace.run("output", "--json", "--reveal")
        assert (shown.code, {key["alias"] for key in shown.document["keys"] if key["key"] is None}) == (3, set(values))
        workspace.write("values.csv", written(values))
        workspace.ok("import", *values, "--values", "values.csv")
        shown = workspace.ok("output", "--json", "--reveal")
        assert {key["alias"]: key["key"] for key in shown.document["keys"]}.items() >= values.items()

    def test_the_key_of_another_project_is_refused(self, workspace: Workspace, front: Front) -> None:
        collected(front.sandbox, 2)
        front.sandbox.create("odd one!", models=["gpt-4"])
        mark = {"vkstate": {"lineage": FOREIGN_LINEAGE, "id": "a" * 16}}
        front.sandbox.create("bot", models=["gpt-4"], metadata=mark)
        live = rows_of(front.sandbox)
        workspace.configure(self.CONFIG.format(url=front.url, budget=10))
        ran = workspace.run("apply", "--auto-approve")
        assert ran.code == 1
        words = "bot cannot be imported: the key carries the mark of another vkstate project, whose lineage is"
        assert f"{words} {FOREIGN_LINEAGE}.\n" in ran.stdout
        assert (workspace.keys, rows_of(front.sandbox)) == ({}, live)


def test_let_go_here_and_imported_there(workspace: Workspace, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key changes hands between two projects, and keeps its value."""
    value = front.sandbox.create("bot", models=["gpt-4"], max_budget=5)["key"]
    workspace.write("values.csv", written({"bot": value}))
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    workspace.ok("import", "bot", "--write-config", "--values", "values.csv", "--auto-approve")
    workspace.converged()
    other = Workspace(workspace.path.parent / "other")
    other.path.mkdir()
    monkeypatch.chdir(other.path)
    other.configure(f"proxy: {{url: '{front.url}'}}\n")
    refused = other.run("import", "bot", "--write-config", "--auto-approve")
    assert (refused.code, workspace.state["lineage"] in refused.stdout) == (1, True)
    monkeypatch.chdir(workspace.path)
    workspace.ok("state", "rm", "bot", "--auto-approve")
    monkeypatch.chdir(other.path)
    other.ok("import", "bot", "--write-config", "--auto-approve")
    other.converged()
    assert other.keys["bot"]["applied"] == {
        "duration": "never",
        "max_budget": 5,
        "models": ["gpt-4"],
        "user_id": None,
    }
    assert front.sandbox.chat(value).status_code == 200


def test_no_value_and_no_secret_is_said(workspace: Workspace, front: Front) -> None:
    metadata = {"logging": [{"callback_vars": {"key": CANARY}}], "note": "plain", "oops": CANARY}
    value = front.sandbox.create("bot", models=["gpt-4"], metadata=metadata)["key"]
    workspace.write("values.csv", written({"bot": value}))
    workspace.configure(f"proxy: {{url: '{front.url}'}}\n")
    told = ""
    for more in (("--dry-run",), ("--dry-run", "--json"), ("--auto-approve", "-v")):
        ran = workspace.ok("import", "bot", "--write-config", "--values", "values.csv", *more)
        told += ran.stdout + ran.stderr
    workspace.converged()
    files = workspace.files()
    del files["values.csv"]
    assert (workspace.path / ".vkstate" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert value in files.pop(".vkstate/keys.json")[1].decode()
    for text in (told, *(content.decode(errors="replace") for _, content in files.values())):
        assert value not in text
        assert CANARY not in text


def test_an_answer_that_is_lost(workspace: Workspace, front: Front) -> None:
    """The mark is written, and nobody hears of it: it is asked for again, and nothing is done twice."""
    values = collected(front.sandbox, 2)
    workspace.configure(WORKSHOP.format(url=front.url, count=2, budget=50))
    lost = iter([True])
    front.rule = lambda seen: (
        Drop(done=True)
        if seen.path == "/key/update" and isinstance(seen.body["key"], str) and next(lost, False)
        else Pass()
    )
    ran = workspace.ok("import", "ai-*", "--auto-approve")
    assert ran.last_line == "Import complete! 2 imported."
    workspace.converged()
    assert workspace.tokens.keys() == values.keys()


def test_a_key_that_goes_meanwhile(workspace: Workspace, front: Front) -> None:
    """One fails, the others are imported, and the exit code says so."""
    collected(front.sandbox, 3)
    workspace.configure(WORKSHOP.format(url=front.url, count=3, budget=50))
    token = rows_of(front.sandbox)["ai-workshop-x-participant2"]["token"]

    def rule(seen: object) -> Pass:
        if front.count("GET", "/user/list") == 1:
            front.sandbox.post("/key/delete", {"keys": [token]})
        return Pass()

    front.rule = rule
    ran = workspace.run("import", "ai-*", "--auto-approve")
    assert (ran.code, ran.last_line) == (3, "Import incomplete: 2 imported; 1 failed, 0 not attempted.")
    front.rule = lambda _: Pass()
    plan = workspace.ok("plan")
    assert "+ ai-workshop-x-participant2  (missing on the proxy)" in plan.stdout


@contextmanager
def fused(fuse: Fuse) -> Iterator[None]:
    """Every write of the command goes through a fuse: the config, the secret store, the state, the proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, label in (
            (Extended, "write", "config"),
            (PlainStore, "keep", "store"),
            (StateFile, "write", "state"),
            (LiteLLMProxy, "update", "proxy"),
        ):
            patch.setattr(owner, name, _fused(getattr(owner, name), label, fuse))
        yield


def _fused(method: Json, label: str, fuse: Fuse) -> Json:
    def call(*arguments: Json) -> Json:
        with fuse.call(label):
            return method(*arguments)

    return call


IMPORT = ("import", "ai-*", "bot", "--write-config", "--values", "values.csv", "--auto-approve")


def prepared(workspace: Workspace, front: Front) -> dict[str, str]:
    """Two members that are declared and a key that is not, all with values."""
    values = collected(front.sandbox, 2) | {"bot": front.sandbox.create("bot", models=["gpt-4"])["key"]}
    workspace.write("values.csv", written(values))
    workspace.configure(WORKSHOP.format(url=front.url, count=2, budget=50))
    return values


def test_what_is_written_in_which_order(workspace: Workspace, front: Front) -> None:
    prepared(workspace, front)
    fuse = Fuse()
    with fused(fuse):
        workspace.ok(*IMPORT)
    assert fuse.calls == ["config", "store", "state", "proxy", "proxy", "proxy", "state"]


@pytest.mark.parametrize("point", range(14))
def test_killed_anywhere_the_next_import_finishes(workspace: Workspace, front: Front, point: int) -> None:
    """So does the next apply, once the state was written. Before that it does nothing at all."""
    values = prepared(workspace, front)
    live = {alias: bare(row) for alias, row in rows_of(front.sandbox).items()}
    fuse = Fuse(blow_at=point)
    with fused(fuse), pytest.raises(Killed):
        workspace.run(*IMPORT)
    assert {alias: bare(row) for alias, row in rows_of(front.sandbox).items()} == live
    recorded = "state after" in fuse.points
    assert len(workspace.keys) == (3 if recorded else 0)
    applied = workspace.run("apply", "--auto-approve")
    assert applied.code == (0 if recorded else 1), applied
    assert {alias: bare(row) for alias, row in rows_of(front.sandbox).items()} == live
    if recorded:
        workspace.converged()
    ran = workspace.ok(*IMPORT)
    assert ran.last_line.startswith("Import complete! ")
    workspace.converged()
    assert workspace.values == values
    assert {alias: row["token"] for alias, row in rows_of(front.sandbox).items()} == workspace.tokens
    assert {alias: bare(row) for alias, row in rows_of(front.sandbox).items()} == live
    assert {row["metadata"]["vkstate"]["lineage"] for row in rows_of(front.sandbox).values()} == {
        workspace.state["lineage"]
    }
    assert [path.name for path in Path().iterdir() if path.name.endswith(".tmp")] == []
