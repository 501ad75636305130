"""``state mv`` and ``state rm``: keys renamed and let go of, with their values untouched."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Json
from tests.end_to_end.terminal import terminal
from tests.front import Front, rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  one: {models: [gpt-4], max_budget: 10, metadata: {team: red}}
  two: {models: [gpt-4], max_budget: 5}
workshops:
  red: {members: [ada, bob], models: [gpt-4], max_budget: 1}
"""
EVERY = ["one", "red-ada", "red-bob", "two"]


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and two members."""
    workspace.configure(CONFIG % "sandbox://")
    workspace.apply()
    return workspace


def rows(project: Workspace) -> dict[str, Json]:
    """Every row of the proxy by its token, without what says when it was last written."""
    return {
        row["token"]: {name: value for name, value in row.items() if not name.endswith("updated_at")}
        for row in rows_of(project.sandbox()).values()
    }


def everything(project: Workspace) -> tuple[object, ...]:
    """All that a command could have changed."""
    return rows_of(project.sandbox()), project.files()


class TestMove:
    """``state mv``."""

    EXPECTED = (
        "On sandbox://:\n\n~ uno  (moved from one) key_alias: one → uno (moved)\n\nAt most $10.00 in all.\n\n"
        "Plan: 1 to move.\n"
    )

    def test_a_key(self, project: Workspace) -> None:
        tokens, values, before = project.tokens, project.values, rows(project)
        looked = everything(project)
        dry = project.ok("state", "mv", "one", "uno", "--dry-run")
        assert (dry.stdout, dry.stderr) == (
            self.EXPECTED,
            NOTE + "warning: vkstate.yaml still declares one: rename it there as well, before the next apply.\n",
        )
        assert everything(project) == looked

        moved = project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert moved.stdout == (self.EXPECTED + "\nMove complete! 1 moved.\n")
        assert project.tokens == {("uno" if alias == "one" else alias): token for alias, token in tokens.items()}
        assert project.values["uno"] == values["one"]
        after = rows(project)
        assert after.pop(tokens["one"]) == before.pop(tokens["one"]) | {"key_alias": "uno"}
        assert after == before
        project.configure((CONFIG % "sandbox://").replace("  one: {", "  uno: {user_id: one, "))
        project.converged()

    def test_a_workshop(self, project: Workspace) -> None:
        tokens = project.tokens
        project.configure((CONFIG % "sandbox://").replace("  red:", "  blue:"))
        dry = project.ok("state", "mv", "workshop:red", "workshop:blue", "--dry-run")
        assert dry.stdout == (
            "On sandbox://:\n\n"
            "~ blue-{ada,bob}  (moved from red-{ada,bob}) key_alias: red-{ada,bob} → blue-{ada,bob},\n"
            "    workshop: red/{ada,bob} → blue/{ada,bob} (moved)\n\n"
            "At most $2.00 in all.\n\n"
            "Plan: 2 to move.\n"
        )
        project.ok("state", "mv", "workshop:red", "workshop:blue", "--auto-approve")
        assert project.tokens == {alias.replace("red-", "blue-"): token for alias, token in tokens.items()}
        project.converged()

    def test_drift_is_left_to_the_next_plan(self, project: Workspace) -> None:
        """Somebody's change is neither repaired nor accepted by the way."""
        project.sandbox().update(project.tokens["one"], max_budget=999)
        project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert rows_of(project.sandbox())["uno"]["max_budget"] == 999.0
        project.ok("state", "mv", "uno", "one", "--auto-approve")
        assert project.ok("plan").told.splitlines()[2] == "~ one  max_budget: 999 → 10 (changed outside vkstate)"

    def test_a_retired_key_follows(self, project: Workspace) -> None:
        token, value = project.tokens["one"], project.values["one"]
        project.apply("--replace", "one", "--grace", "24h")
        aside = f"one.retired-{token[:8]}"
        project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert project.keys[aside]["retired"]["successor"] == "uno"
        assert sorted(project.tokens) == sorted([aside, "red-ada", "red-bob", "two", "uno"])
        assert project.sandbox().chat(value).status_code == 200
        project.ok("destroy", "--auto-approve", "--target", "uno")
        assert sorted(rows_of(project.sandbox())) == ["red-ada", "red-bob", "two"]

    def test_a_key_that_is_missing(self, project: Workspace) -> None:
        """Only the record is renamed: nothing is made by a rename."""
        project.sandbox().post("/key/delete", {"keys": [project.tokens["one"]]})
        before, token = rows_of(project.sandbox()), project.tokens["one"]
        ran = project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert "~ uno  (moved from one) (only the record changes)\n" in ran.stdout
        assert rows_of(project.sandbox()) == before
        assert project.tokens["uno"] == token
        project.configure((CONFIG % "sandbox://").replace("  one:", "  uno:"))
        assert project.planned() == [("uno", "create", "missing on the proxy")]

    def test_an_alias_that_somebody_else_has(self, project: Workspace) -> None:
        project.sandbox().create("uno")
        before = everything(project)
        ran = project.run("state", "mv", "one", "uno", "--auto-approve")
        assert ran.code == 1
        assert "one cannot move to uno: a key (created by default_user_id) bears that alias" in ran.stdout
        assert everything(project) == before

    @pytest.mark.parametrize(
        ("source", "target", "code", "complaint"),
        [
            (
                "nobody",
                "uno",
                64,
                [
                    "error: no recorded key is named so",
                    "  vkstate.state.json records no key nobody.",
                    "hint: vkstate state list shows what is recorded",
                ],
            ),
            (
                "one",
                "two",
                1,
                [
                    "error: the key cannot be moved",
                    "  vkstate.state.json records a key two already.",
                    "hint: choose another alias for one of them",
                ],
            ),
            (
                "one",
                "u n o",
                1,
                [
                    "error: the key cannot be moved",
                    "  u n o is no alias, since it holds ' ': an alias is made of A-Z a-z 0-9 _ . / @ and -.",
                    "hint: choose another alias",
                ],
            ),
            (
                "workshop:red",
                "uno",
                64,
                [
                    "error: a key moves to a key, and a workshop to a workshop",
                    "  workshop:red and uno are not of one kind.",
                    "hint: vkstate state mv --help",
                ],
            ),
            (
                "workshop:red",
                "workshop:blue",
                1,
                [
                    "error: the key cannot be moved",
                    "  No member of workshop:red is recorded whom the config declares in workshop:blue.",
                    "hint: declare blue under workshops first, with the same members",
                ],
            ),
        ],
    )
    def test_what_cannot_be(
        self, project: Workspace, source: str, target: str, code: int, complaint: list[str]
    ) -> None:
        before = everything(project)
        ran = project.run("state", "mv", source, target, "--auto-approve")
        assert (ran.code, ran.stdout, ran.complaint) == (code, "", complaint)
        assert everything(project) == before

    def test_a_retired_key_itself(self, project: Workspace) -> None:
        aside = f"one.retired-{project.tokens['one'][:8]}"
        project.apply("--replace", "one", "--grace", "24h")
        before = everything(project)
        ran = project.run("state", "mv", aside, "uno", "--auto-approve")
        assert (ran.code, ran.complaint) == (
            1,
            [
                "error: the key cannot be moved",
                f"  {aside} is retired: one has a new value, and it goes where that key goes.",
                "hint: vkstate state mv one uno",
            ],
        )
        assert everything(project) == before

    def test_an_end_that_was_moved_by_hand_is_still_drift_afterwards(self, project: Workspace) -> None:
        ends = project.keys["one"]["expires_at"]
        project.sandbox().update(project.tokens["one"], duration="90d")
        moved = project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert "expires_at" not in moved.stdout
        assert project.keys["uno"]["expires_at"] == ends
        project.configure((CONFIG % "sandbox://").replace("  one: {", "  uno: {user_id: one, "))
        [change] = project.run("plan", "--json").document["changes"]
        assert [(diff["path"], diff["cause"]) for diff in change["diffs"]] == [
            ("expires_at", "changed outside vkstate")
        ]
        project.apply()

    def test_a_key_that_is_gone_does_not_come_back_by_its_name(self, project: Workspace) -> None:
        forget = (CONFIG % "sandbox://").replace("  one: {", "  one: {lifecycle: {on_missing: forget}, ")
        project.configure(forget)
        project.sandbox().post("/key/delete", {"keys": [project.tokens["one"]]})
        project.ok("apply", "--auto-approve")
        moved = project.ok("state", "mv", "one", "uno", "--auto-approve")
        assert "~ uno  (moved from one) (only the record changes)\n" in moved.stdout

    def test_the_form_of_a_retired_alias_is_kept_for_those(self, project: Workspace) -> None:
        ran = project.run("state", "mv", "one", "one.retired-0a1b2c3d", "--auto-approve")
        assert (ran.code, ran.complaint[1]) == (
            1,
            (
                "  one.retired-0a1b2c3d is no alias for a new key: it ends as that of a replaced one does, in "
                ".retired- and 8 hexadecimal digits."
            ),
        )


class TestRemove:
    """``state rm``."""

    EXPECTED = (
        "On sandbox://:\n\n. one  (lives on as nobody's)\n\n"
        "warning: vkstate.yaml still declares one: take that out as well.\n\nPlan: 1 to release.\n"
    )

    def test_a_key(self, project: Workspace) -> None:
        token, value, before, keys = project.tokens["one"], project.values["one"], rows(project), project.keys
        looked = everything(project)
        dry = project.ok("state", "rm", "one", "--dry-run")
        assert (dry.stdout, dry.stderr) == (self.EXPECTED, NOTE)
        assert everything(project) == looked

        removed = project.ok("state", "rm", "one", "--auto-approve")
        assert removed.stdout == (self.EXPECTED + "\nRelease complete! 1 released.\n")
        after = rows(project)
        assert before[token]["metadata"].pop("vkstate")["lineage"] == project.state["lineage"]
        assert after == before, "our mark is gone, and nothing else has changed"
        assert project.keys == {alias: key for alias, key in keys.items() if alias != "one"}
        assert project.sandbox().chat(value).status_code == 200
        assert project.stored[token] == value, "its value is not thrown away: a backup of the state would need it"

    def test_what_the_config_still_declares_is_not_ours_any_more(self, project: Workspace) -> None:
        project.ok("state", "rm", "one", "--auto-approve")
        before = everything(project)
        ran = project.run("apply", "--auto-approve")
        assert ran.code == 1
        assert (
            "error: vkstate.yaml:3:3: the alias one exists on the proxy and is not ours: a key (created by "
            "default_user_id, user_id one).\n"
            "hint: choose another alias, or take it over: vkstate import one, or leave it out: --exclude one\n"
        ) in ran.stdout
        assert everything(project) == before

    def test_several(self, project: Workspace) -> None:
        tokens = project.tokens
        ran = project.ok("state", "rm", "workshop:red", "t*", "--auto-approve")
        assert ran.last_line == "Release complete! 3 released."
        assert sorted(project.keys) == ["one"]
        assert {alias for alias, row in rows_of(project.sandbox()).items() if "vkstate" in row["metadata"]} == {"one"}
        assert {row["key_alias"]: row["token"] for row in rows(project).values()} == tokens

    def test_a_key_that_is_missing(self, project: Workspace) -> None:
        project.sandbox().post("/key/delete", {"keys": [project.tokens["one"]]})
        before = rows_of(project.sandbox())
        ran = project.ok("state", "rm", "one", "--auto-approve")
        assert ran.last_line == "Release complete! 1 forgotten, 0 released."
        assert (rows_of(project.sandbox()), "one" in project.keys) == (before, False)

    def test_a_protected_key(self, project: Workspace) -> None:
        """To let go of a key is not to delete it."""
        text = (CONFIG % "sandbox://").replace("{team: red}", "{team: red}, lifecycle: {prevent_destroy: true}")
        project.configure(text)
        project.apply()
        project.ok("state", "rm", "one", "--auto-approve")
        assert "one" in rows_of(project.sandbox())
        assert "one" not in project.keys

    def test_a_key_that_nobody_has(self, project: Workspace) -> None:
        before = everything(project)
        ran = project.run("state", "rm", "one", "nobody", "--auto-approve")
        assert (ran.code, ran.complaint) == (
            64,
            [
                "error: no recorded key is named so",
                "  vkstate.state.json records no key that matches nobody.",
                "hint: vkstate state list shows what is recorded",
            ],
        )
        assert everything(project) == before


def test_what_works_on_of_a_key_that_is_let_go_is_named(project: Workspace) -> None:
    project.ok("apply", "--auto-approve", "--replace", "one", "--grace", "24h")
    [old] = [alias for alias in project.keys if ".retired-" in alias]
    removed = project.ok("state", "rm", "one", "--auto-approve")
    assert (
        "warning: old values still work, and their keys stay this project's until they are deleted: "
        f"{old}. To let go of one as well: vkstate state rm ALIAS\n"
    ) in removed.stdout
    assert old in project.keys
    both = project.ok("state", "rm", "two", old, "--auto-approve")
    assert "old values" not in both.stdout
    assert sorted(project.keys) == ["red-ada", "red-bob"]


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (("mv", "one", "uno"), [("applied", "uno", "update", "one"), ("summary", None, None, None)]),
        (("rm", "one"), [("applied", "one", "forget", None), ("summary", None, None, None)]),
    ],
)
def test_their_events(
    project: Workspace, command: tuple[str, ...], events: list[tuple[str, str | None, str | None, str | None]]
) -> None:
    dry = project.ok("state", *command, "--dry-run", "--json")
    [plan] = dry.events
    assert (plan["type"], len(plan["changes"])) == ("plan", 1)
    ran = project.ok("state", *command, "--auto-approve", "--json")
    assert [
        (event["type"], event.get("alias"), event.get("action"), event.get("moved_from")) for event in ran.events
    ] == events


@pytest.mark.parametrize("command", [("mv", "one", "uno"), ("rm", "one")])
def test_they_ask(project: Workspace, command: tuple[str, ...]) -> None:
    before = everything(project)
    ran = project.run("state", *command)
    assert (ran.code, ran.complaint[0]) == (64, "error: no terminal to ask on")
    assert everything(project) == before


@pytest.mark.parametrize(
    ("command", "question", "answer", "code"),
    [
        (("mv", "one", "uno"), "Rename 1 key on {}?", b"yes\n", 0),
        (("rm", "workshop:red"), "Let go of 2 keys on {}? They are not deleted.", b"no\n", 4),
    ],
)
def test_at_the_prompt(
    workspace: Workspace, front: Front, command: tuple[str, ...], question: str, answer: bytes, code: int
) -> None:
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    before = workspace.state_path.read_bytes()
    with terminal(workspace, "state", *command) as screen:
        screen.expect(question.format(front.url))
        screen.type(answer)
        assert screen.wait() == code
    assert (workspace.state_path.read_bytes() == before) == (code == 4)


@pytest.mark.parametrize("command", [("mv", "one", "uno"), ("rm", "one")])
def test_they_are_refused_where_nothing_is_sent(
    workspace: Workspace, front: Front, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key that is not an admin's nothing is done."""
    workspace.configure(CONFIG % front.url)
    workspace.apply()
    ordinary = front.sandbox.create("ordinary")["key"]
    monkeypatch.setenv("LITELLM_MASTER_KEY", ordinary)
    before, written = workspace.state_path.read_bytes(), len(front.writes)
    ran = workspace.run("state", *command, "--auto-approve")
    assert (ran.code, ran.complaint[0]) == (1, "error: the key is not an admin's")
    assert (workspace.state_path.read_bytes(), len(front.writes)) == (before, written)
