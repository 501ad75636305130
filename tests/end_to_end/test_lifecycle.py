"""``lifecycle``: protection that outlives the config, changes that are ignored, and keys that somebody else deleted."""

from __future__ import annotations

import pytest

from tests.front import rows_of
from tests.workspace import Workspace

CONFIG = "proxy: {url: 'sandbox://'}\nkeys:\n  other: {models: [gpt-4]}\n  one: {models: [gpt-4]%s}\n"
WITHOUT = "proxy: {url: 'sandbox://'}\nkeys:\n  other: {models: [gpt-4]}\n"
NOTHING = "No changes. The proxy matches the configuration.\n"
PROTECTED = "error: this plan would delete one, which lifecycle.prevent_destroy protects. "


def configured(workspace: Workspace, more: str = "") -> Workspace:
    """Two keys, one of them with something more in its declaration."""
    workspace.configure(CONFIG % more)
    return workspace


def lifecycle(text: str) -> str:
    """A lifecycle within a declaration."""
    return f", lifecycle: {{{text}}}"


def reap(workspace: Workspace, alias: str = "one") -> None:
    """Somebody else deletes a key of ours."""
    workspace.sandbox().post("/key/delete", {"keys": [workspace.tokens[alias]]})


class TestPreventDestroy:
    """Said once, it is kept in the state."""

    def test_it_outlives_its_block_and_its_key(self, workspace: Workspace) -> None:
        project = configured(workspace, lifecycle("prevent_destroy: true"))
        project.apply()
        configured(project)
        project.converged()
        assert project.keys["one"]["prevent_destroy"] is True
        project.configure(WITHOUT)
        before, state = rows_of(project.sandbox()), project.state_path.read_bytes()
        for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve"), ("plan", "--destroy")):
            ran = project.run(*command)
            assert (ran.code, PROTECTED in ran.stdout, "leave it out: --exclude one\n" in ran.stdout) == (
                1,
                True,
                True,
            ), command
        assert (rows_of(project.sandbox()), project.state_path.read_bytes()) == (before, state)
        project.ok("apply", "--auto-approve", "--exclude", "one")
        project.ok("destroy", "--auto-approve", "--exclude", "one")
        assert sorted(rows_of(project.sandbox())) == sorted(project.keys) == ["one"]

    def test_only_a_plain_false_lifts_it(self, workspace: Workspace) -> None:
        project = configured(workspace, lifecycle("prevent_destroy: true"))
        project.apply()
        configured(project, lifecycle("prevent_destroy: false"))
        planned = project.run("plan", "--detailed-exitcode")
        assert planned.code == 2
        assert planned.stdout.splitlines()[2] == "~ one  prevent_destroy: true → false (config changed)"
        before = rows_of(project.sandbox())
        project.apply()
        assert rows_of(project.sandbox()) == before, "the proxy knows nothing of it"
        assert "prevent_destroy" not in project.keys["one"]
        project.configure(WITHOUT)
        project.apply()
        assert sorted(rows_of(project.sandbox())) == ["other"]

    def test_given_later(self, workspace: Workspace) -> None:
        project = configured(workspace)
        project.apply()
        configured(project, lifecycle("prevent_destroy: true"))
        project.apply()
        project.configure(WITHOUT)
        assert project.run("plan").code == 1

    def test_not_before_it_was_applied(self, workspace: Workspace) -> None:
        """What was never applied is remembered by nobody."""
        project = configured(workspace)
        project.apply()
        configured(project, lifecycle("prevent_destroy: true"))
        project.ok("plan")
        project.configure(WITHOUT)
        project.apply()

    def test_of_a_whole_workshop(self, workspace: Workspace) -> None:
        text = "proxy: {url: 'sandbox://'}\nworkshops:\n  w: {count: %d, models: [gpt-4]%s}\n"
        workspace.configure(text % (3, lifecycle("prevent_destroy: true")))
        workspace.apply()
        workspace.configure(text % (1, ""))
        ran = workspace.run("apply", "--auto-approve")
        assert ran.code == 1
        assert "error: this plan would delete w-user{2,3}, which " in ran.stdout
        assert len(rows_of(workspace.sandbox())) == 3

    def test_a_protected_key_that_somebody_else_deleted(self, workspace: Workspace) -> None:
        """It cannot be protected against others: what is gone is forgotten, or made anew and protected again."""
        project = configured(workspace, lifecycle("prevent_destroy: true"))
        project.apply()
        reap(project)
        configured(project)
        project.apply()
        assert project.keys["one"]["prevent_destroy"] is True
        reap(project)
        project.configure(WITHOUT)
        project.apply()
        assert sorted(project.keys) == ["other"]


class TestIgnoreChanges:
    """What is ignored is set once, and then nobody's change of it is seen."""

    @pytest.mark.parametrize(
        ("ignored", "body"),
        [
            ("max_budget", {"max_budget": 999}),
            ("models", {"models": ["gpt-3.5-turbo"]}),
            ("duration", {"duration": "1d"}),
            ("user_id", {"user_id": "somebody"}),
        ],
    )
    def test_changes_outside(self, workspace: Workspace, ignored: str, body: dict[str, object]) -> None:
        project = configured(workspace, ", max_budget: 10" + lifecycle(f"ignore_changes: [{ignored}]"))
        project.apply()
        project.sandbox().update(project.tokens["one"], **body)
        before, state = rows_of(project.sandbox()), project.state_path.read_bytes()
        project.apply()
        assert (rows_of(project.sandbox()), project.state_path.read_bytes()) == (before, state)

    def test_changes_of_the_config(self, workspace: Workspace) -> None:
        ignoring = lifecycle("ignore_changes: [max_budget]")
        project = configured(workspace, ", max_budget: 10" + ignoring)
        project.apply()
        configured(project, ", max_budget: 20" + ignoring)
        project.converged()
        configured(project, ", max_budget: 20, rpm_limit: 3" + ignoring)
        project.apply()
        row = rows_of(project.sandbox())["one"]
        assert (row["max_budget"], row["rpm_limit"]) == (10.0, 3)

    def test_no_longer_ignored(self, workspace: Workspace) -> None:
        """What happened meanwhile is drift again."""
        project = configured(workspace, ", max_budget: 10" + lifecycle("ignore_changes: [max_budget]"))
        project.apply()
        project.sandbox().update(project.tokens["one"], max_budget=999)
        configured(project, ", max_budget: 10")
        assert project.ok("plan").stdout.splitlines()[2] == "~ one  max_budget: 999 → 10 (changed outside vkstate)"
        project.apply()

    def test_one_name_of_the_metadata(self, workspace: Workspace) -> None:
        declared = ", metadata: {team: red, seat: 1A}" + lifecycle("ignore_changes: [metadata.seat]")
        project = configured(workspace, declared)
        project.apply()
        token = project.tokens["one"]
        metadata = project.sandbox().info(token)["metadata"]
        project.sandbox().update(token, metadata={**metadata, "team": "blue", "seat": "9Z"})
        assert project.ok("plan").stdout.splitlines()[2] == "~ one  metadata.team: blue → red (changed outside vkstate)"
        project.apply()
        metadata = project.sandbox().info(token)["metadata"]
        assert (metadata["team"], metadata["seat"]) == ("red", "9Z")

    def test_a_new_value_starts_as_the_config_says(self, workspace: Workspace) -> None:
        project = configured(workspace, ", max_budget: 10" + lifecycle("ignore_changes: [max_budget]"))
        project.apply()
        project.sandbox().update(project.tokens["one"], max_budget=999)
        project.apply("--replace", "one")
        assert rows_of(project.sandbox())["one"]["max_budget"] == 10.0


class TestOnMissing:
    """What becomes of a key that somebody else deleted."""

    @pytest.mark.parametrize("said", ["", lifecycle("on_missing: recreate")])
    def test_made_anew(self, workspace: Workspace, said: str) -> None:
        project = configured(workspace, said)
        project.apply()
        token = project.tokens["one"]
        reap(project)
        assert project.planned() == [("one", "create", "missing on the proxy")]
        project.apply()
        assert project.tokens["one"] != token

    def test_left_missing(self, workspace: Workspace) -> None:
        """The state remembers it, so that nobody's next plan makes it anew."""
        project = configured(workspace, lifecycle("on_missing: forget"))
        project.apply()
        token = project.tokens["one"]
        reap(project)
        planned = project.run("plan", "--detailed-exitcode")
        assert planned.code == 2
        assert planned.stdout.splitlines()[2] == ". one  (missing on the proxy, and left so by on_missing)"
        assert planned.stdout.splitlines()[-2] == (
            "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to forget."
        )
        assert project.ok("apply", "--auto-approve").last_line.endswith("1 forgotten.")
        state = project.state_path.read_bytes()
        again = project.run("plan", "--detailed-exitcode")
        assert (again.code, again.stdout) == (0, "1 key is missing on the proxy and left so: one.\n\n" + NOTHING)
        assert project.ok("plan", "--json").document["left_missing"] == ["one"]
        project.apply()
        assert project.state_path.read_bytes() == state
        assert (project.keys["one"]["status"], project.keys["one"]["token"]) == ("gone", token)
        assert sorted(rows_of(project.sandbox())) == ["other"]

    def test_what_is_told_of_it(self, workspace: Workspace) -> None:
        """Nobody is handed out a value that opens nothing as if it did."""
        project = configured(workspace, lifecycle("on_missing: forget"))
        project.apply()
        reap(project)
        project.apply()
        output = project.ok("output", "--json")
        assert {key["alias"]: key["status"] for key in output.document["keys"]} == {"other": "ready"}
        assert output.stderr == "note: 1 key is left out: deleted on the proxy.\n"
        assert "gone" in project.ok("state", "show", "one").stdout

    @pytest.mark.parametrize("said", ["", lifecycle("on_missing: recreate")])
    def test_wanted_back(self, workspace: Workspace, said: str) -> None:
        project = configured(workspace, lifecycle("on_missing: forget"))
        project.apply()
        token = project.tokens["one"]
        reap(project)
        project.apply()
        configured(project, said)
        assert project.planned() == [("one", "create", "missing on the proxy")]
        project.apply()
        assert project.tokens["one"] != token
        assert project.keys["one"]["status"] == "ready"
        project.consistent()

    def test_out_of_the_config(self, workspace: Workspace) -> None:
        project = configured(workspace, lifecycle("on_missing: forget"))
        project.apply()
        reap(project)
        project.apply()
        project.configure(WITHOUT)
        assert project.planned() == [("one", "forget", "gone from the proxy")]
        project.apply()
        assert sorted(project.keys) == ["other"]

    @pytest.mark.parametrize(
        "leaving",
        [("destroy", "--auto-approve"), ("state", "rm", "one", "--auto-approve")],
        ids=["destroy", "state rm"],
    )
    def test_forgotten_for_good(self, workspace: Workspace, leaving: tuple[str, ...]) -> None:
        project = configured(workspace, lifecycle("on_missing: forget"))
        project.apply()
        reap(project)
        project.apply()
        project.ok(*leaving)
        assert "one" not in project.keys

    def test_an_error(self, workspace: Workspace) -> None:
        project = configured(workspace, lifecycle("on_missing: error"))
        project.apply()
        reap(project)
        state = project.state_path.read_bytes()
        ran = project.run("apply", "--auto-approve")
        assert ran.code == 1
        assert (
            "error: vkstate.yaml:4:3: somebody else deleted one on the proxy, and its "
            "lifecycle.on_missing is error.\n"
            "hint: say on_missing: recreate or forget for one, or leave it out: --exclude one\n"
        ) in ran.stdout
        assert project.state_path.read_bytes() == state
        project.ok("apply", "--auto-approve", "--exclude", "one")
        configured(project, lifecycle("on_missing: recreate"))
        project.apply()

    @pytest.mark.parametrize(
        ("first", "second", "planned"),
        [
            ("recreate", "error", []),
            ("forget", "error", []),
            ("error", "forget", [("one", "forget", "missing on the proxy, and left so by on_missing")]),
            ("forget", "recreate", [("one", "create", "missing on the proxy")]),
        ],
    )
    def test_another_mind(
        self, workspace: Workspace, first: str, second: str, planned: list[tuple[str, str, str]]
    ) -> None:
        """What the config says when the plan is made decides, whatever it said when the key went."""
        project = configured(workspace, lifecycle(f"on_missing: {first}"))
        project.apply()
        reap(project)
        if first == "forget":
            project.apply()
        configured(project, lifecycle(f"on_missing: {second}"))
        assert project.planned() == planned
        if planned:
            project.apply()
        else:
            assert project.run("apply", "--auto-approve").code == 1

    def test_of_a_workshop(self, workspace: Workspace) -> None:
        """Seats that were given back stay empty; the others are not touched."""
        text = "proxy: {url: 'sandbox://'}\nworkshops:\n  w: {count: 5, models: [gpt-4]%s}\n"
        workspace.configure(text % lifecycle("on_missing: forget"))
        workspace.apply()
        tokens = workspace.tokens
        for alias in ("w-user2", "w-user3", "w-user4"):
            reap(workspace, alias)
        planned = workspace.ok("plan").stdout
        assert planned.splitlines()[2] == ". w-user{2..4}  (missing on the proxy, and left so by on_missing)"
        workspace.apply()
        assert workspace.ok("plan").stdout == (
            "3 keys are missing on the proxy and left so: w-user{2..4}.\n\n" + NOTHING
        )
        assert workspace.tokens == tokens
