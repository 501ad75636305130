"""``removed`` in the config: keys that leave it are deleted, or live on as nobody's."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Json
from tests.front import Front, rows_of
from tests.workspace import Workspace

KEPT = "proxy: {url: 'sandbox://'}\nkeys:\n  kept: {models: [gpt-4], max_budget: 5}\n"
CONFIG = KEPT + (
    "  gone: {models: [gpt-4], max_budget: 10%s}\n"
    "workshops:\n  red: {members: [ada, bob], models: [gpt-4], max_budget: 1}\n"
)
WITHOUT = KEPT + "workshops:\n  red: {members: [ada, bob], models: [gpt-4], max_budget: 1}\n"


def removed(*targets: str, destroy: bool) -> str:
    """The section."""
    return "removed:\n" + "".join(f"  - {{alias: '{target}', destroy: {str(destroy).lower()}}}\n" for target in targets)


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and two members."""
    workspace.configure(CONFIG % "")
    workspace.apply()
    return workspace


def rows(project: Workspace) -> dict[str, Json]:
    """Every row of the proxy by its token, without what says when it was last written."""
    return {
        row["token"]: {name: value for name, value in row.items() if not name.endswith("updated_at")}
        for row in rows_of(project.sandbox()).values()
    }


def test_to_live_on(project: Workspace) -> None:
    token, value, before, lineage = project.tokens["gone"], project.values["gone"], rows(project), project.state
    project.configure(WITHOUT + removed("gone", destroy=False))
    expected = (
        "On sandbox://:\n\n. gone  (lives on as nobody's)\n\nAt most $7.00 in all.\n\n"
        "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to release.\nFingerprint: DIGITS\n"
    )
    assert project.ok("plan").told == expected
    assert project.apply().told == (
        expected + "\nApply complete! 0 created, 0 updated, 0 replaced, 0 deleted, 1 released.\n"
    )
    after = rows(project)
    assert before[token]["metadata"].pop("vkstate")["lineage"] == lineage["lineage"]
    assert after == before, "our mark is gone, and nothing else has changed"
    assert "gone" not in project.keys
    assert project.sandbox().chat(value).status_code == 200
    assert "1 other key on the proxy is not managed here.\n" in project.ok("plan").stdout
    project.ok("destroy", "--auto-approve")
    assert sorted(rows_of(project.sandbox())) == ["gone"]


def test_the_entry_may_stay_or_go(project: Workspace) -> None:
    project.configure(WITHOUT + removed("gone", destroy=False))
    project.apply()
    state = project.state_path.read_bytes()
    project.apply()
    project.configure(WITHOUT)
    project.apply()
    assert project.state_path.read_bytes() == state


def test_without_the_entry_it_is_deleted(project: Workspace) -> None:
    project.configure(WITHOUT)
    assert project.planned() == [("gone", "delete", "no longer in the config")]


def test_to_be_deleted(project: Workspace) -> None:
    """Said out loud, for whoever reviews it: it changes nothing."""
    project.configure(WITHOUT + removed("gone", destroy=True))
    project.apply()
    assert sorted(rows_of(project.sandbox())) == ["kept", "red-ada", "red-bob"]


@pytest.mark.parametrize(
    ("targets", "left"),
    [
        (("workshop:red",), ["red-ada", "red-bob"]),
        (("workshop:red/ada",), ["red-ada"]),
        (("red-b*",), ["red-bob"]),
        (("red-ada", "gone"), ["gone", "red-ada"]),
    ],
)
def test_several(project: Workspace, targets: tuple[str, ...], left: list[str]) -> None:
    """Some live on, and the others that left the config are deleted."""
    project.configure(KEPT + removed(*targets, destroy=False))
    project.apply()
    assert sorted(rows_of(project.sandbox())) == sorted(["kept", *left])
    assert sorted(project.keys) == ["kept"]


def test_back_in_the_config(project: Workspace) -> None:
    """A key that was let go of is not ours: it is not taken back without being asked for."""
    project.configure(WITHOUT + removed("gone", destroy=False))
    project.apply()
    project.configure(CONFIG % "")
    before, state = rows_of(project.sandbox()), project.state_path.read_bytes()
    ran = project.run("apply", "--auto-approve")
    assert ran.code == 1
    assert "error: vkstate.yaml:4:3: the alias gone exists on the proxy and is not ours: a key (" in ran.stdout
    assert (rows_of(project.sandbox()), project.state_path.read_bytes()) == (before, state)


def test_taken_over_by_another_project(workspace: Workspace, front: Front) -> None:
    """Refused as long as the key carries our mark, possible afterwards; it is the same key all the time."""
    workspace.configure((CONFIG % "").replace("sandbox://", front.url))
    workspace.apply()
    token = workspace.tokens["gone"]
    workspace.write(
        "theirs/vkstate.yaml",
        f"proxy: {{url: '{front.url}'}}\nkeys: {{gone: {{models: [gpt-4], max_budget: 10}}}}\nimport: [gone]\n",
    )
    theirs = ("--config", "theirs/vkstate.yaml")
    workspace.ok("init", *theirs)
    refused = workspace.run("apply", "--auto-approve", *theirs)
    assert refused.code == 1
    assert f"carries the mark of another vkstate project, whose lineage is {workspace.state['lineage']}." in (
        refused.stdout
    )
    workspace.configure((WITHOUT + removed("gone", destroy=False)).replace("sandbox://", front.url))
    workspace.apply()
    workspace.ok("apply", "--auto-approve", *theirs)
    assert rows_of(front.sandbox)["gone"]["token"] == token
    workspace.converged(*theirs)
    workspace.converged()
    workspace.configure((CONFIG % "").replace("sandbox://", front.url))
    back = workspace.run("plan")
    assert back.code == 1
    assert "managed by another vkstate project, lineage " in back.stdout
    workspace.ok("destroy", "--auto-approve")
    assert sorted(rows_of(front.sandbox)) == ["gone"]


def test_a_protected_key_may_live_on(project: Workspace) -> None:
    project.configure(CONFIG % ", lifecycle: {prevent_destroy: true}")
    project.apply()
    project.configure(WITHOUT)
    assert project.run("plan").code == 1
    project.configure(WITHOUT + removed("gone", destroy=False))
    project.apply()
    assert "gone" in rows_of(project.sandbox())


def test_a_key_with_an_old_value(project: Workspace) -> None:
    """Its old value is not ours to end any more either, or it ends when it was promised to."""
    value = project.values["gone"]
    project.apply("--replace", "gone", "--grace", "24h")
    project.configure(WITHOUT + removed("gone", destroy=False))
    project.apply()
    assert project.sandbox().chat(value).status_code == 200
    assert "gone" in rows_of(project.sandbox())


def test_a_key_that_is_still_declared(project: Workspace) -> None:
    project.write("vkstate.yaml", CONFIG % "" + removed("gone", destroy=False))
    ran = project.run("plan")
    assert (ran.code, ran.complaint[:2]) == (
        1,
        [
            "error: the config is not valid",
            (
                "  vkstate.yaml:8:6: removed[0].alias: names gone, which is still declared, at vkstate.yaml:4:3: take "
                "it out there, or out of removed"
            ),
        ],
    )


def test_destroy_spares_it(project: Workspace) -> None:
    """Whoever destroys a project before its last apply does not delete what was to be handed over."""
    project.configure(WITHOUT + removed("gone", destroy=False))
    ran = project.ok("destroy", "--auto-approve")
    assert ran.last_line == "Destroy complete! 3 deleted, 1 released. 0 of 3 remain."
    assert sorted(rows_of(project.sandbox())) == ["gone"]
    assert project.keys == {}


def test_its_documents(project: Workspace) -> None:
    project.configure(WITHOUT + removed("gone", destroy=False))
    [change] = project.ok("plan", "--json").document["changes"]
    assert (change["alias"], change["action"], change["needs_request"]) == ("gone", "forget", True)
    events = project.ok("apply", "--auto-approve", "--json").events
    assert (events[-1]["forgotten"], events[-1]["released"], events[-1]["deleted"]) == (1, 1, 0)
