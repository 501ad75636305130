"""``vkstate import``: which keys are meant, what is refused, and what is said."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.contract.proxies import Proxy, token_of
from tests.factories import CANARY, FOREIGN_LINEAGE
from tests.workspace import NOTE, Json, Workspace

CONFIG = """\
proxy: {url: 'sandbox://'}
keys:
  bot: {models: [gpt-4], max_budget: 10}   # declared, and made by somebody else
workshops:
  ai: {count: 2, user_prefix: participant, models: [gpt-4]}
"""
Golden: TypeAlias = Callable[[str, str], None]


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A config of three keys, which others have made already, and one more."""
    workspace.configure(CONFIG)
    sandbox = workspace.sandbox()
    for name in ("bot", "ai-participant1", "ai-participant2", "stray"):
        sandbox.create(name, models=["gpt-4"], user_id=name)
    return workspace


def rows(workspace: Workspace) -> dict[str, Json]:
    """Every key of the sandbox by its token."""
    return {row["token"]: row for row in workspace.sandbox().listed(size=100)["keys"]}


def own(workspace: Workspace) -> dict[str, bytes]:
    """The config, the state and the secret store, as far as they are there."""
    names = ("vkstate.yaml", "vkstate.state.json", ".vkstate/keys.json")
    return {name: content for name, (_, content) in workspace.files().items() if name in names}


def unharmed(workspace: Workspace, *arguments: str, code: int = 1) -> str:
    """Run an import that is refused: nothing is written and nothing changes. Returns all that it says."""
    before, live = own(workspace), rows(workspace)
    ran = workspace.run("import", *arguments)
    assert (ran.code, own(workspace), rows(workspace)) == (code, before, live), ran
    return ran.stdout + ran.stderr.removeprefix(NOTE)


class TestWhatIsMeant:
    def test_aliases_and_globs(self, project: Workspace, golden: Golden) -> None:
        ran = project.ok("import", "bot", "ai-*", "--auto-approve")
        golden("import/aliases_and_globs.txt", ran.stdout)
        assert ran.last_line == "Import complete! 3 imported."
        assert ran.stderr.splitlines()[-1] == (
            "note: The values of 3 imported keys are not known here: ai-participant{1,2}, bot. To have them kept: "
            "--values FILE.csv."
        )
        assert {alias: record["origin"] for alias, record in project.keys.items()} == dict.fromkeys(
            ["ai-participant1", "ai-participant2", "bot"], "imported"
        )

    def test_an_alias_to_the_letter_is_no_glob(self, workspace: Workspace) -> None:
        workspace.configure("proxy: {url: 'sandbox://'}\n")
        sandbox = workspace.sandbox()
        for name in ("team[1]", "team1", "workshop:x/y"):
            sandbox.create(name, models=["gpt-4"])
        workspace.ok("import", "team[1]", "workshop:x/y", "--write-config", "--auto-approve")
        assert sorted(workspace.keys) == ["team[1]", "workshop:x/y"]
        workspace.converged()

    def test_what_is_recorded_is_said_and_skipped(self, project: Workspace) -> None:
        project.ok("import", "ai-*", "--auto-approve")
        before = project.state_path.read_bytes()
        ran = project.ok("import", "ai-*", "bot", "--auto-approve", "--dry-run")
        assert "note: ai-participant{1,2} are in the state already.\n" in ran.stderr
        assert ran.last_line == "Plan: 1 to import."
        again = project.ok("import", "ai-participant1", "--auto-approve")
        assert again.stdout == "Nothing to import.\n\nImport complete! 0 imported.\n"
        assert again.stderr == NOTE + "note: ai-participant1 is in the state already.\n"
        assert project.state_path.read_bytes() == before

    def test_nothing_is_named_so(self, project: Workspace) -> None:
        assert unharmed(project, "bott", "ai-?", "xyz", "bot", code=64) == (
            "error: no key on the proxy is named so\n"
            "  No key on sandbox:// is called bott. Did you mean bot?\n"
            "  No key on sandbox:// matches ai-?.\n"
            "  No key on sandbox:// is called xyz.\n"
            "hint: aliases are case-sensitive; quote a glob, so that the shell leaves it alone\n"
        )

    def test_no_target_is_a_wrong_command_line(self, project: Workspace) -> None:
        assert "Missing argument" in unharmed(project, code=64)


class TestRefusals:
    def test_a_key_that_is_declared_nowhere(self, project: Workspace, golden: Golden) -> None:
        golden("import/declared_nowhere.txt", unharmed(project, "stray", "--auto-approve"))

    @pytest.mark.parametrize("more", [(), ("--write-config",)])
    def test_a_key_of_another_project(self, project: Workspace, golden: Golden, more: tuple[str, ...]) -> None:
        """It is named, with its lineage, and nothing at all is imported."""
        sandbox, mark = project.sandbox(), {"vkstate": {"lineage": FOREIGN_LINEAGE, "id": "a" * 16}}
        sandbox.create("theirs", models=["gpt-4"], metadata=mark)
        [token] = [token for token, row in rows(project).items() if row["key_alias"] == "bot"]
        assert sandbox.update(token, metadata=mark).status_code == 200
        said = unharmed(project, "bot", "theirs", "ai-*", "--auto-approve", *more)
        assert said.count(FOREIGN_LINEAGE) == 2
        golden("import/another_project.txt", said)

    def test_several_keys_under_one_alias(self, project: Workspace) -> None:
        twin(project, project.sandbox().create("other", models=["gpt-4"])["token"], "bot")
        assert (
            "error: vkstate.yaml:3:3: bot cannot be imported: 2 keys bear that alias, and nobody can say which is "
            "meant.\nhint: rename or delete the others in LiteLLM\n"
        ) in unharmed(project, "bot", "--auto-approve")

    def test_an_alias_that_is_recorded_for_another_key(self, project: Workspace) -> None:
        project.ok("import", "bot", "--auto-approve")
        sandbox = project.sandbox()
        sandbox.post("/key/delete", {"keys": [project.tokens["bot"]]})
        sandbox.create("bot", models=["gpt-4"])
        assert unharmed(project, "bot", "--auto-approve").startswith(
            "error: the state records bot, and the key that bears the alias now is another one.\n"
            "hint: see what the next apply would do about it: vkstate plan --target bot\n"
        )

    def test_a_key_that_is_recorded_under_another_alias(self, project: Workspace) -> None:
        project.ok("import", "bot", "--auto-approve")
        project.sandbox().update(project.tokens["bot"], key_alias="renamed")
        ran = project.ok("import", "renamed")
        assert (ran.stdout, ran.stderr) == (
            "Nothing to import.\n\nImport complete! 0 imported.\n",
            NOTE + "note: bot is in the state already.\n",
        )

    def test_without_a_terminal_and_without_consent(self, project: Workspace) -> None:
        said = unharmed(project, "bot", code=64)
        assert said.endswith("hint: look at the plan first, then give --auto-approve\n")

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_a_config_that_cannot_be_extended(self, project: Workspace, dry: tuple[str, ...]) -> None:
        project.write("vkstate.yaml", "{proxy: {url: 'sandbox://'}}\n")
        said = unharmed(project, "stray", "--write-config", "--auto-approve", *dry)
        assert said.startswith(
            "error: the config cannot be extended\n"
            "  It is written in braces, { }, where vkstate adds nothing. To be added:\n"
        )
        assert said.endswith("hint: add these lines to the config by hand, then run: vkstate import stray\n")

    def test_a_read_only_config(self, project: Workspace) -> None:
        (project.path / "vkstate.yaml").chmod(0o444)
        assert unharmed(project, "stray", "--write-config", "--auto-approve") == (
            "error: the config cannot be written\n"
            "  vkstate.yaml is read-only, and --write-config is to add entries to it. Nothing was sent.\n"
            "hint: ls -l vkstate.yaml\n"
        )
        project.ok("import", "bot", "--write-config", "--auto-approve")

    def test_a_config_that_somebody_edits_meanwhile(self, project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the question was read."""
        path = project.path / "vkstate.yaml"
        monkeypatch.setattr("vkstate.cli.applying._consent", lambda *_: path.write_text(CONFIG + "# edited\n"))
        ran = project.run("import", "stray", "--write-config")
        assert ran.code == 1
        assert ran.stderr.removeprefix(NOTE) == (
            "error: the config has changed meanwhile\n"
            "  vkstate.yaml was changed by somebody else since it was read. Nothing was written, and nothing sent.\n"
            "hint: run the command again\n"
        )
        assert (path.read_text(), project.keys) == (CONFIG + "# edited\n", {})
        assert not any("vkstate" in row["metadata"] for row in rows(project).values())


def twin(project: Workspace, token: str, alias: str) -> None:
    """Give a key an alias that another one has, as LiteLLM's own check may let happen."""
    with closing(sqlite3.connect(project.path / ".vkstate" / "sandbox.sqlite")) as database:
        database.execute("UPDATE keys SET row = json_set(row, '$.key_alias', ?) WHERE token = ?", (alias, token))
        database.commit()


class TestWrittenEntries:
    def test_the_entry_is_shown_written_and_leaves_nothing_to_do(self, project: Workspace, golden: Golden) -> None:
        entry = "  stray:\n    models: [gpt-4]\n    duration: never\n"
        after = CONFIG.replace("workshops:\n", entry + "workshops:\n")
        dry = project.ok("import", "stray", "--write-config", "--dry-run")
        golden("import/dry_run.txt", dry.stdout)
        assert (project.path / "vkstate.yaml").read_text() == CONFIG
        ran = project.ok("import", "stray", "ai-*", "--write-config", "--auto-approve")
        assert "1 entry added to vkstate.yaml: stray.\n" in ran.stderr
        assert "+++" not in ran.stdout
        assert (project.path / "vkstate.yaml").read_text() == after
        assert project.run("plan", "--detailed-exitcode", "--target", "stray").code == 0

    def test_json(self, project: Workspace) -> None:
        dry = project.ok("import", "stray", "--write-config", "--dry-run", "--json")
        assert [event["type"] for event in dry.events] == ["plan"]
        assert [(change["alias"], change["action"]) for change in dry.events[0]["changes"]] == [("stray", "adopt")]
        ran = project.ok("import", "stray", "bot", "--write-config", "--auto-approve", "--json")
        assert [(event["type"], event.get("alias"), event.get("action")) for event in ran.events] == [
            ("applied", "bot", "adopt"),
            ("applied", "stray", "adopt"),
            ("summary", None, None),
        ]
        assert {name: ran.events[-1][name] for name in ("command", "complete", "imported", "adopted")} == {
            "command": "import",
            "complete": True,
            "imported": 2,
            "adopted": 2,
        }
        refused = project.run("import", "nobody", "--json")
        assert (refused.code, refused.document["summary"]) == (64, "no key on the proxy is named so")

    def test_what_the_entry_does_not_say_is_said(self, project: Workspace) -> None:
        project.sandbox().create("odd", models=["gpt-4"], budget_duration="1w", metadata={"logging": [{"a": CANARY}]})
        ran = project.ok("import", "odd", "--write-config", "--auto-approve")
        assert (
            "warning: odd: budget_duration cannot be said in a config as it is; it stays undeclared, and is left "
            "alone.\n"
            "warning: odd: metadata.logging may hold credentials, and is not written to the config.\n"
        ) in ran.stdout
        assert project.run("plan", "--detailed-exitcode", "--target", "odd").code == 0
        text = (project.path / "vkstate.yaml").read_text() + project.state_path.read_text() + ran.stdout + ran.stderr
        assert CANARY not in text


class TestValues:
    def write(self, project: Workspace, text: str) -> Path:
        return project.write("values.csv", text)

    def values(self, project: Workspace, *names: str) -> dict[str, str]:
        """New keys with their values, by alias."""
        sandbox = project.sandbox()
        return {name: sandbox.create(name, models=["gpt-4"])["key"] for name in names}

    @pytest.mark.parametrize(
        "form",
        ["alias,key\n{aliases}", "user_id;key;note\n{semicolons}", "\ufeffuser\tKEY\n{tabs}", "key\n{bare}"],
        ids=["commas", "semicolons", "tabs", "bare"],
    )
    def test_values_are_matched_by_what_they_are(self, project: Workspace, form: str) -> None:
        known = self.values(project, "v1", "v2", "v3")
        v1, v2, v3 = known.values()
        self.write(
            project,
            form.format(
                aliases=f"wrong,{v1}\n\nv2,{v2}\nv3,\n",
                semicolons=f'a;"{v1}";x\nb; {v2} ;"y\nz"\n',
                tabs=f"a\t{v1}\r\nb\t{v2}\r\n",
                bare=f"{v1}\n{v2}\n",
            ),
        )
        ran = project.ok("import", "v*", "--write-config", "--auto-approve", "--values", "values.csv")
        assert "2 key values are kept in the secret store.\n" in ran.stderr
        assert ran.stderr.splitlines()[-1] == (
            "note: The value of 1 imported key is not known here: v3. To have them kept: --values FILE.csv."
        )
        assert project.values == {"v1": v1, "v2": v2}
        shown = project.run("output", "--json", "--reveal")
        assert (shown.code, {key["alias"]: key["key"] for key in shown.document["keys"]}) == (
            3,
            {"v1": v1, "v2": v2, "v3": None},
        )
        assert v3 not in shown.stdout + ran.stdout + ran.stderr

    def test_a_value_may_be_given_later(self, project: Workspace) -> None:
        known = self.values(project, "v1")
        project.ok("import", "v1", "--write-config", "--auto-approve")
        assert project.run("output", "--reveal").code == 3
        state = project.state_path.read_bytes()
        self.write(project, f"alias,key\nv1,{known['v1']}\nother,sk-somebody-elses\nthird,sk-another\n")
        ran = project.ok("import", "v1", "--values", "values.csv")
        assert ran.stdout == (
            "warning: 2 key values of values.csv belong to no key that is imported.\n\n"
            "Nothing to import.\n\nImport complete! 0 imported.\n"
        )
        assert ran.stderr == NOTE + "note: v1 is in the state already.\n1 key value is kept in the secret store.\n"
        assert (project.values, project.state_path.read_bytes()) == (known, state)
        project.ok("output", "--reveal")

    def test_values_that_come_through_a_pipe(self, project: Workspace) -> None:
        known = self.values(project, "v1")
        reading, writing = os.pipe()
        os.write(writing, f"key\n{known['v1']}\n".encode())
        os.close(writing)
        project.ok("import", "v1", "--write-config", "--values", f"/dev/fd/{reading}", "--auto-approve")
        os.close(reading)
        assert project.values == known

    def test_a_dry_run_keeps_nothing(self, project: Workspace) -> None:
        known = self.values(project, "v1")
        self.write(project, f"key\n{known['v1']}\n")
        project.ok("import", "v1", "--write-config", "--values", "values.csv", "--dry-run")
        assert project.stored == {}

    @pytest.mark.parametrize(
        ("text", "faults"),
        [
            (f"alias,value\nv1,{CANARY}\n", ["line 1: the header names no column key, or names it twice"]),
            (f"v1,{CANARY}\n", ["line 1: the header names no column key, or names it twice"]),
            (f"key,key\n{CANARY},x\n", ["line 1: the header names no column key, or names it twice"]),
            ("", ["line 1: the header names no column key, or names it twice"]),
            (
                f"\nalias,key\nv1,{CANARY[3:]}\n\nv2,a {CANARY}\nv3,sk-...1234\nv4,{CANARY}\nv5,{CANARY},x\nv6\n",
                [
                    "line 3: the cell under key holds no key value, which begins with sk-",
                    "line 5: the cell under key holds no key value, which begins with sk-",
                    "line 6: the cell under key is masked; have it written in full",
                    "line 8: there are 3 cells, and 2 columns",
                    "line 9: there are 1 cells, and 2 columns",
                ],
            ),
            (f'alias,key\nv1,"{CANARY}\n', ["line 2: this is not CSV; mind the quotes"]),
        ],
        ids=["no column", "no header", "twice", "empty", "malformed", "open quote"],
    )
    def test_a_file_that_is_wrong_is_named_by_its_lines(self, project: Workspace, text: str, faults: list[str]) -> None:
        self.write(project, text)
        said = unharmed(project, "bot", "--values", "values.csv", "--auto-approve")
        assert said == (
            "error: the key values cannot be read\n"
            + "".join(f"  values.csv, {fault}.\n" for fault in faults)
            + "hint: correct values.csv: a header that names a column key, and one key value a line below it\n"
        )

    @pytest.mark.parametrize(
        ("text", "faults"),
        [
            ('{"keys": [', ["line 1: this is no JSON that vkstate has written"]),
            ('{"keys": {}}', ["line 1: this is no JSON that vkstate has written"]),
            (
                f'{{"keys": [{{"key": "{CANARY}"}}, {{"key": "sk-...1234"}}, {{"key": 7}}, "{CANARY}", {{"a": 1}}]}}',
                [
                    "entry 2: the text under key is masked; have it written in full",
                    "entry 3: the text under key holds no key value, which begins with sk-",
                    "entry 4: the text under key holds no key value, which begins with sk-",
                ],
            ),
        ],
        ids=["cut short", "no list", "malformed"],
    )
    def test_a_document_that_is_wrong(self, project: Workspace, text: str, faults: list[str]) -> None:
        self.write(project, text)
        said = unharmed(project, "bot", "--values", "values.csv", "--auto-approve")
        assert said == (
            "error: the key values cannot be read\n"
            + "".join(f"  values.csv, {fault}.\n" for fault in faults)
            + "hint: correct values.csv: the JSON that vkstate output --reveal or vkstate apply --secrets-out writes, "
            "whole\n"
        )

    def test_many_wrong_lines(self, project: Workspace) -> None:
        self.write(project, "key\n" + "x\n" * 14)
        said = unharmed(project, "bot", "--values", "values.csv")
        assert said.splitlines()[10:12] == [
            "  values.csv, line 11: the cell under key holds no key value, which begins with sk-.",
            "  And 4 more lines.",
        ]

    def test_a_file_that_cannot_be_read(self, project: Workspace) -> None:
        said = "error: the key values cannot be read\n  values.csv: {}.\nhint: correct --values\n"
        assert unharmed(project, "bot", "--values", "values.csv") == said.format("no such file or directory")
        (project.path / "values.csv").mkdir()
        assert unharmed(project, "bot", "--values", "values.csv") == said.format("is a directory")
        (project.path / "values.csv").rmdir()
        (project.path / "values.csv").write_bytes(b"key\nsk-\xff\n")
        assert "  values.csv, line 2: this is not UTF-8.\n" in unharmed(project, "bot", "--values", "values.csv")


def test_values_are_as_good_as_minted_ones(project: Workspace) -> None:
    """The imported key opens the proxy with the value that output gives."""
    sandbox: Proxy = project.sandbox()
    value = sandbox.create("mine", models=["gpt-4"])["key"]
    project.write("values.csv", f"alias,key\nmine,{value}\n")
    project.ok("import", "mine", "--write-config", "--values", "values.csv", "--auto-approve")
    assert project.tokens["mine"] == token_of(value)
    assert sandbox.chat(project.values["mine"]).status_code == 200
