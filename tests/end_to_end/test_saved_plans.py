"""``plan --out``, ``show`` and ``apply PLANFILE``: what was saved and reviewed is what runs, or nothing does."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.end_to_end.clock import Timed
from tests.front import rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  one: {models: [gpt-4], max_budget: 10, metadata: {password: '${env.PASSWORD}'}}
  two: {models: [gpt-4]%s}
workshops:
  w: {count: %d, models: [gpt-4]}
"""
PASSWORD = "a-password-of-somebody"
SAVED = "The plan was saved. Look at it again: vkstate show p.json; apply it, and only it: vkstate apply p.json\n"


def configured(workspace: Workspace, count: int, more: str = "") -> None:
    """Two keys and a workshop of so many."""
    workspace.configure(CONFIG % (more, count))


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two keys, one with a sensitive value, and three members, applied."""
    monkeypatch.setenv("PASSWORD", PASSWORD)
    configured(workspace, 3)
    workspace.apply()
    return workspace


def everything(project: Workspace) -> tuple[object, ...]:
    """All that a command could have changed."""
    return rows_of(project.sandbox()), project.files()


def test_saved_shown_and_applied(project: Workspace) -> None:
    configured(project, 5, ", max_budget: 3")
    planned = project.ok("plan", "--out", "p.json")
    assert planned.stderr == NOTE + SAVED
    verbose, document = project.ok("plan", "-v").stdout, project.ok("plan", "--json").document
    before = everything(project)
    assert project.ok("show", "p.json").stdout == planned.stdout
    assert project.ok("show", "p.json", "-v").stdout == verbose
    assert project.ok("show", "p.json", "--json").document == document
    assert everything(project) == before
    assert project.ok("show", "p.json").stderr == "", "nothing is asked of the proxy"

    applied = project.ok("apply", "p.json")
    assert applied.stdout == (planned.stdout + "\nApply complete! 2 created, 1 updated, 0 replaced, 0 deleted.\n"), (
        "nothing is asked: it was reviewed"
    )
    project.converged()


def test_a_plan_file_says_nothing_secret(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", f"{PASSWORD}-changed")
    project.ok("plan", "--out", "p.json", "--replace", "*", "--allow-deletes", "5")
    text = (project.path / "p.json").read_text()
    for secret in (PASSWORD, *project.stored.values()):
        assert secret not in text
    document = json.loads(text)
    assert document["entries"]["one"]["values"]["metadata.password"]["after"] == {"$sensitive": True}


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("--replace", "one", "--grace", "24h"), {"replace": ["one"], "grace": "24h"}),
        (("--renew", "workshop:w"), {"renew": ["workshop:w"]}),
        (("--target", "one", "--exclude", "two", "--replace", "*"), {"targets": ["one"], "excludes": ["two"]}),
        (("--replace", "*", "--allow-deletes", "5"), {"allow_deletes": 5, "replace": ["*"]}),
        (("--destroy",), {"destroy": True}),
        (("--destroy", "--target", "workshop:w"), {"destroy": True, "targets": ["workshop:w"]}),
        (("--refresh-only",), {"refresh_only": True}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_its_options_are_brought_along(project: Workspace, options: tuple[str, ...], kept: dict[str, object]) -> None:
    project.sandbox().update(project.tokens["two"], user_id="somebody")
    planned = project.ok("plan", "--out", "p.json", *options)
    saved = json.loads((project.path / "p.json").read_text())["options"]
    assert kept.items() <= saved.items()
    shown = project.ok("show", "p.json").stdout
    assert shown.startswith(planned.stdout)
    ran = project.ok("apply", "p.json")
    assert " complete! " in ran.last_line
    again = project.run("apply", "p.json")
    assert (again.code, again.complaint[0]) == (6, "error: this is not the plan that was reviewed")


def test_a_saved_destroy(project: Workspace) -> None:
    planned = project.ok("plan", "--destroy", "--out", "p.json")
    ran = project.ok("apply", "p.json")
    assert ran.last_line == "Destroy complete! 5 deleted. 0 of 5 remain."
    assert ran.stdout.splitlines()[2] == planned.stdout.splitlines()[2] == "- one"
    assert (rows_of(project.sandbox()), project.keys) == ({}, {})
    [report] = project.reports
    assert len(report["keys"]) == 5


def test_a_saved_plan_of_nothing(project: Workspace) -> None:
    project.ok("plan", "--out", "p.json")
    ran = project.ok("apply", "p.json")
    assert ran.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    configured(project, 4)
    assert project.run("apply", "p.json").code == 6
    assert len(project.keys) == 5


def test_time_alone_changes_nothing(workspace: Workspace, server: Timed) -> None:
    """Neither the moment at which grace ends nor spend nor a commit of the state is part of what was reviewed."""
    workspace.configure(f"proxy: {{url: '{server.front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
    workspace.apply()
    value = workspace.values["one"]
    workspace.ok("plan", "--out", "p.json", "--replace", "one", "--grace", "1h")
    server.clock.forward(hours=5)
    assert server.front.sandbox.chat(value).status_code == 200
    workspace.ok("apply", "p.json")
    assert server.opens(value)
    server.clock.forward(minutes=59)
    assert server.opens(value), "the time of grace begins when it is applied"


Doing = Callable[[Workspace], object]


def _go_back(project: Workspace) -> None:
    """To a state that does not know a key yet, as an older commit has it."""
    state = project.state
    del state["keys"]["w-user3"]
    project.state_path.write_text(json.dumps(state))


CHANGES: dict[str, tuple[Doing, list[str]]] = {
    "config": (
        lambda project: configured(project, 5, ", max_budget: 4"),
        [
            "two would still be updated, but not as in the saved plan: max_budget (none) → 4 instead of (none) → 3.",
        ],
    ),
    "config, another key": (
        lambda project: configured(project, 6, ", max_budget: 3"),
        ["w-user6 would now be created; the saved plan leaves it alone."],
    ),
    "config, fewer keys": (
        lambda project: configured(project, 3, ", max_budget: 3"),
        ["w-user4, w-user5 would now be left alone; the saved plan creates them."],
    ),
    "proxy, a key changed": (
        lambda project: project.sandbox().update(project.tokens["one"], max_budget=999),
        ["one would now be updated: max_budget 999 → 10; the saved plan leaves it alone."],
    ),
    "proxy, a key deleted": (
        lambda project: project.sandbox().post("/key/delete", {"keys": [project.tokens["two"]]}),
        ["two would now be created; the saved plan updates it."],
    ),
    "state": (
        _go_back,
        [
            (
                'w-user3 would now be adopted: duration "30d", models ["gpt-4"], user_id "user3@example.com", '
                'workshop "w/user3"; the saved plan leaves it alone.'
            )
        ],
    ),
    "applied by somebody else in part": (
        lambda project: project.ok("apply", "--auto-approve", "--target", "two"),
        ["two would now be left alone; the saved plan updates it."],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("more", [(), ("--auto-approve",), ("--json",)], ids=["", "auto-approve", "json"])
def test_what_has_changed_meanwhile(project: Workspace, change: str, more: tuple[str, ...]) -> None:
    configured(project, 5, ", max_budget: 3")
    project.ok("plan", "--out", "p.json")
    do, sentences = CHANGES[change]
    do(project)
    before = everything(project)
    ran = project.run("apply", "p.json", *more)
    assert ran.code == 6
    assert everything(project) == before
    assert ran.complaint == [
        "error: this is not the plan that was reviewed",
        "  It would now be another one. Nothing was sent.",
        *(f"  {sentence}" for sentence in sentences),
        "hint: plan again, and have that one reviewed: vkstate plan",
    ]
    if "--json" in more:
        assert ran.events[-1]["exit_code"] == 6


def test_what_stands_in_the_way_meanwhile(project: Workspace) -> None:
    """The same would be done, were it not for a problem that has come up: that is said."""
    configured(project, 5, ", max_budget: 3")
    project.ok("plan", "--out", "p.json")
    project.sandbox().create("w-user5")
    before = everything(project)
    ran = project.run("apply", "p.json")
    assert "error: vkstate.yaml:6:3: the alias w-user5 exists on the proxy and is not ours" in ran.stdout
    assert (ran.code, ran.complaint) == (
        6,
        [
            "error: this is not the plan that was reviewed",
            "  It cannot be applied any more: 1 problem stands in its way, as said above. Nothing was sent.",
            "hint: plan again, and have that one reviewed: vkstate plan",
        ],
    )
    assert everything(project) == before


def test_a_problem_that_is_about_no_change(project: Workspace) -> None:
    """The fingerprint is the same, and so is what would be done; it cannot be done any more all the same."""
    text = (CONFIG % ("", 3)).replace("two: {models: [gpt-4]", "two: {models: [other]")
    project.write("vkstate.yaml", text.replace("sandbox://'", "sandbox://', check_models: 'off'"))
    project.ok("plan", "--out", "p.json")
    project.write("vkstate.yaml", text)
    before = everything(project)
    ran = project.run("apply", "p.json")
    assert (ran.code, ran.complaint[1]) == (
        6,
        "  It cannot be applied any more: 1 problem stands in its way, as said above. Nothing was sent.",
    )
    assert everything(project) == before


def test_a_sensitive_value_that_has_changed(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not shown, and it is part of what was reviewed all the same."""
    monkeypatch.setenv("PASSWORD", "second-password-of-somebody")
    project.ok("plan", "--out", "p.json")
    monkeypatch.setenv("PASSWORD", "third-password-of-somebody")
    ran = project.run("apply", "p.json")
    assert (ran.code, ran.complaint[2]) == (
        6,
        "  one would still be updated, but not as in the saved plan: a value that is not shown is another.",
    )
    for secret in ("second-password", "third-password", PASSWORD):
        assert secret not in ran.stdout + ran.stderr


def test_applied_twice(project: Workspace) -> None:
    configured(project, 5)
    project.ok("plan", "--out", "p.json")
    project.ok("apply", "p.json")
    before = everything(project)
    ran = project.run("apply", "p.json")
    assert (ran.code, ran.complaint) == (
        6,
        [
            "error: this is not the plan that was reviewed",
            "  There is nothing to do any more: perhaps it was applied already. Nothing was sent.",
            "hint: plan again, and have that one reviewed: vkstate plan",
        ],
    )
    assert everything(project) == before


def test_of_another_project(project: Workspace) -> None:
    """The same keys, on the same kind of proxy, in another state."""
    configured(project, 5)
    project.ok("plan", "--out", "p.json")
    (project.path / "p.json").rename(project.path.parent / "p.json")
    other = Workspace(project.path)
    other.write("other/vkstate.yaml", CONFIG % ("", 3))
    project.ok("init", "--config", "other/vkstate.yaml")
    project.ok("apply", "--auto-approve", "--config", "other/vkstate.yaml")
    other.write("other/vkstate.yaml", CONFIG % ("", 5))
    ran = project.run("apply", "../p.json", "--config", "other/vkstate.yaml")
    assert ran.code == 6
    assert ran.complaint[1] == (
        f"  It was saved for another state, with the lineage {project.state['lineage']}. Nothing was sent."
    )


def test_for_another_proxy(workspace: Workspace, server: Timed) -> None:
    text = "proxy: {url: '%s'}\nkeys: {one: {models: [gpt-4]}}\n"
    workspace.configure(text % "sandbox://")
    workspace.ok("plan", "--out", "p.json")
    workspace.configure(text % server.front.url)
    ran = workspace.run("apply", "p.json")
    assert ran.code == 6
    assert ran.complaint[1] == "  It was saved for another proxy, sandbox://. Nothing was sent."
    assert rows_of(server.front.sandbox) == {}
