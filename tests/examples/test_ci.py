"""The scripts of the example ``ci``, against a bare repository and a served sandbox: what was reviewed is what runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pyrage import x25519

from tests.examples.conftest import EXAMPLES
from tests.examples.forge import SAVED, Forge
from tests.front import Doing, Front, Hold, Pass, Rule, Seen, everything_passes, fronted, rows_of, say_json
from tests.workspace import OWN_VARIABLES, Ran
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

ALIASES = ["billing-service", "prompt-course-alice", "prompt-course-bob"]
CAROL = ("members: [alice, bob]", "members: [alice, bob, carol]")
BUDGET = ("max_budget: 20", "max_budget: 30")
ONE_AT_A_TIME = ("\n\nsecrets:", "\n  parallelism: 1\n\nsecrets:")
BY_HAND = (
    "If the plan above is right, run this job by hand, and give it the plan's fingerprint. If not, change the config\n"
    "in another pull request, whose plan shows what is open.\n"
)

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="these tests need git")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """The proxy of the project."""
    with fronted(tmp_path / "proxy.sqlite") as front:
        yield front


@pytest.fixture
def forge(tmp_path: Path, front: Front, monkeypatch: pytest.MonkeyPatch) -> Forge:
    """A repository with the example, whose config has not been applied yet. The person of it is whoever runs this."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    identity = x25519.Identity.generate()
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    monkeypatch.setenv("VKSTATE_AGE_IDENTITY", str(identity))
    return Forge(tmp_path, front.url, str(identity.to_public()))


def offered(ran: Ran) -> str:
    """The fingerprint of the plan that was shown."""
    return str(re.findall(r"^Fingerprint: ([0-9a-f]{64})$", ran.stdout, re.MULTILINE)[-1])


def settled(forge: Forge, front: Front, *more: str) -> None:
    """These keys are recorded, each is on the proxy once, its value can be read, and there is nothing to do."""
    aliases = [*ALIASES, *more]
    forge.pull()
    recorded = forge.committed("vkstate.state.json")["keys"]
    assert {alias: record["token"] for alias, record in recorded.items()} == {
        alias: row["token"] for alias, row in rows_of(front.sandbox).items()
    }
    told = forge.person.vkstate("output", "--json", "--reveal").document["keys"]
    assert [(key["alias"], key["key"] is not None, key["status"]) for key in told] == [
        (alias, True, "ready") for alias in sorted(aliases)
    ]
    forge.person.vkstate("plan", "--detailed-exitcode")
    assert forge.person.git("status", "--porcelain") == ""


def refusing(alias: str) -> Rule:
    """The proxy refuses to make this key."""

    def rule(seen: Seen) -> Doing:
        if seen.path == "/key/generate" and seen.body["key_alias"] == alias:
            return say_json(
                400, {"error": {"message": "No.", "type": "bad_request_error", "param": None, "code": "400"}}
            )
        return Pass()

    return rule


def test_what_was_shown_is_applied_on_merge(forge: Forge, front: Front) -> None:
    forge.propose("carol", CAROL)
    planned = forge.plan("carol")
    shown, _, last = planned.comment.rpartition("\nPlanned by CI for ")
    forge.person.git("checkout", "--quiet", "carol")
    assert shown == forge.person.vkstate("plan", "--format", "markdown").stdout
    assert f"Fingerprint: `{planned.fingerprint}`" in shown.splitlines()
    head, main = (forge.person.git("rev-parse", "--short", name) for name in ("carol", "origin/main"))
    assert last == f"{head} on top of {main}. Merged as it is, this is what CI applies, and nothing else.\n"
    assert front.writes == []

    forge.merge("carol", "squash")
    ran = forge.apply(forge.job())
    assert ran.stdout.splitlines()[-1] == "Apply complete! 4 created, 0 updated, 0 replaced, 0 deleted."
    assert offered(ran) == planned.fingerprint
    settled(forge, front, "prompt-course-carol")
    assert forge.person.git("show", "--format=%an: %s", "--name-only", "HEAD").splitlines() == [
        f"vkstate-ci: {SAVED}",
        "",
        "keys/vkstate.secrets.json",
        "keys/vkstate.state.json",
    ]


def test_a_second_merge_changes_and_deletes_and_its_job_may_be_run_again(forge: Forge, front: Front) -> None:
    forge.apply(forge.job(), forge.plan("main").fingerprint)

    forge.propose("second", BUDGET, ("members: [alice, bob]", "members: [alice]"))
    planned = forge.plan("second")
    forge.merge("second")
    ran = forge.apply(forge.job())
    assert ran.stdout.splitlines()[-1].startswith("Apply complete! 0 created, 2 updated, 0 replaced, 1 deleted.")
    assert offered(ran) == planned.fingerprint
    forge.pull()
    assert sorted(forge.committed("vkstate.secrets.json")["keys"]) == sorted(
        row["token"] for row in rows_of(front.sandbox).values()
    )
    (report,) = forge.person.file("reports").iterdir()
    assert [key["alias"] for key in json.loads(report.read_text())["keys"]] == ["prompt-course-bob"]

    before, requests = forge.bare("rev-parse", "main"), len(front.writes)
    job = forge.job()
    again = forge.apply(job)
    job.script("commit-state", "main")  # as on GitLab, once more behind everything
    assert again.stdout.splitlines()[-1] == "No changes. The proxy matches the configuration."
    assert "error:" not in again.stderr
    assert (forge.bare("rev-parse", "main"), len(front.writes)) == (before, requests)


def test_another_plan_is_applied_by_hand_only(forge: Forge, front: Front) -> None:
    ran = forge.apply(forge.job(), code=6)
    assert ran.stderr.endswith(
        f"\nNo pull request has shown the plan of what is in main now. Nothing was changed.\n{BY_HAND}"
    )
    assert (front.writes, forge.log()) == ([], ["Begin"])
    forge.apply(forge.job(), offered(ran))

    forge.propose("budget", BUDGET)
    planned = forge.plan("budget")
    forge.merge("budget")
    front.sandbox.update(rows_of(front.sandbox)["prompt-course-bob"]["token"], models=["gpt-3.5-turbo"])
    before, requests = forge.bare("rev-parse", "main"), len(front.writes)
    ran = forge.apply(forge.job(), code=6)
    assert ran.stderr.endswith(
        f"\nThe plan has become another one since it was reviewed. Nothing was changed.\n{BY_HAND}"
    )
    assert offered(ran) != planned.fingerprint
    assert (forge.bare("rev-parse", "main"), len(front.writes)) == (before, requests)

    forge.apply(forge.job(), offered(ran))
    settled(forge, front)


def test_what_is_done_in_part_is_saved(forge: Forge, front: Front) -> None:
    forge.plan("main")
    front.rule = refusing("prompt-course-alice")
    forge.apply(forge.job(), code=3)
    front.rule = everything_passes
    assert forge.log() == [SAVED, "Begin"]
    assert sorted(rows_of(front.sandbox)) == ["billing-service", "prompt-course-bob"]

    forge.propose("again", BUDGET)
    assert "| `+` | `prompt-course-alice` |" in forge.plan("again").comment
    forge.merge("again")
    forge.apply(forge.job())
    settled(forge, front)


def test_a_job_that_is_killed_leaves_keys_that_the_next_one_settles(forge: Forge, front: Front) -> None:
    forge.plan("main")
    release = threading.Event()
    front.rule = lambda seen: Hold(release) if seen.path == "/key/generate" else Pass()
    job = forge.job()
    with job.start("ci/scripts/apply.sh", "main") as process:
        front.wait_for("POST", "/key/generate", 3, seconds=90)
        os.kill(forge.pid, signal.SIGKILL)
        job.ended(process, 128 + signal.SIGKILL)
    release.set()
    front.settle()
    job.script("commit-state", "main")
    assert forge.log() == [SAVED, "Begin"]
    assert forge.statuses() == dict.fromkeys(ALIASES, "pending")

    forge.propose("budget", BUDGET)
    forge.plan("budget")
    forge.merge("budget")
    forge.apply(forge.job())
    settled(forge, front)


def test_a_job_that_is_stopped_ends_what_is_under_way(forge: Forge, front: Front) -> None:
    forge.propose("slowly", ONE_AT_A_TIME)
    forge.plan("slowly")
    forge.merge("slowly")
    release = threading.Event()
    front.rule = lambda seen: Hold(release) if seen.path == "/key/generate" else Pass()
    job = forge.job()
    with job.start("ci/scripts/apply.sh", "main") as process:
        front.wait_for("POST", "/key/generate", seconds=90)
        process.terminate()
        assert process.stderr is not None
        assert any(line.startswith("Stopping: ") for line in process.stderr)
        release.set()
        job.ended(process, 128 + signal.SIGTERM)
    job.script("commit-state", "main")
    assert (forge.log()[0], sorted(rows_of(front.sandbox))) == (SAVED, ["billing-service"])
    assert forge.statuses()["billing-service"] == "ready"


def test_without_an_encrypted_store_values_are_handed_over(forge: Forge, front: Front) -> None:
    """The job writes them to a file that git leaves alone, and a person takes them into the store of a machine."""
    config = forge.person.file("vkstate.yaml").read_text(encoding="utf-8")
    head, _, rest = config.partition("secrets:\n")
    forge.propose("plain", (config, head + rest[rest.index("defaults:") :]))
    forge.plan("plain")
    forge.merge("plain")
    job = forge.job()
    ran = forge.apply(job, code=1)
    assert ran.complaint[0] == "error: the new key values would be lost"
    ran = job.script("apply", "main", "", "--secrets-out", ".vkstate/new.json")
    job.script("commit-state", "main")
    assert job.git("status", "--porcelain") == ""

    forge.pull()
    handed_over = str(job.file(".vkstate/new.json"))
    forge.person.vkstate("import", "--values", handed_over, "billing-service", "workshop:prompt-course")
    settled(forge, front)


def test_main_moves_on_while_keys_are_made(forge: Forge, front: Front) -> None:
    """The state goes on top of what others have merged meanwhile; what they merged has its turn afterwards."""
    forge.plan("main")
    job = forge.job()
    job.script("apply", "main")
    forge.propose("carol", CAROL)
    forge.merge("carol", push=False)
    forge.before_the_next_push(job, f"git -C '{forge.person.path}' push --quiet origin HEAD:main")
    job.script("commit-state", "main")
    assert forge.log() == [SAVED, "Propose carol", "Begin"]

    forge.apply(forge.job(), forge.plan("main").fingerprint)
    settled(forge, front, "prompt-course-carol")


def test_somebody_else_has_changed_the_state(forge: Forge, front: Front) -> None:
    """Neither state is lost: that of the job is in a branch of its own, and the hint makes one of both."""
    forge.plan("main")
    job = forge.job()
    job.script("apply", "main")
    theirs = forge.person.file("vkstate.state.json")
    theirs.write_text(theirs.read_text(encoding="utf-8").replace('"serial": 0', '"serial": 7'), encoding="utf-8")
    forge.person.git("commit", "--quiet", "--all", "--message", "Theirs")
    forge.person.git("push", "--quiet", "origin", "HEAD:main")
    ran = job.script("commit-state", "main", code=1)
    rescued = f"vkstate-state-{job.git('rev-parse', '--short', 'HEAD')}"
    assert ran.stderr.splitlines()[-4:] == [
        "error: main has another state by now",
        "  Somebody else has pushed a change of the state meanwhile. Both changes are on the proxy. The state of this",
        f"  job is in the branch {rescued}.",
        "hint: merge it into main, of the state either side whole, of the key values both; then vkstate state rebuild",
    ]
    assert forge.log() == ["Theirs", "Begin"]
    assert (
        forge.bare("show", f"{rescued}:keys/vkstate.state.json") == job.file("vkstate.state.json").read_text().strip()
    )

    forge.pull()
    forge.person.git("merge", "--quiet", "--no-edit", "--strategy-option", "ours", f"origin/{rescued}")
    forge.person.vkstate("state", "rebuild", "--auto-approve")
    forge.person.git("commit", "--quiet", "--all", "--message", "Rebuild")
    forge.person.git("push", "--quiet", "origin", "HEAD:main")
    settled(forge, front)


def test_a_branch_without_a_plan_says_why(forge: Forge, front: Front) -> None:
    forge.propose("model", ("models: [gpt-4]", "models: [gtp-4]"))
    planned = forge.plan("model", code=1)
    assert "Did you mean `gpt-4`?" in planned.comment
    assert planned.fingerprint == "none"

    forge.propose("typo", ("max_budget: 20", "max_budgt: 20"))
    planned = forge.plan("typo", code=1)
    title, _, said = planned.comment.partition("\n\n")
    assert title == "### There is no plan"
    assert said.splitlines()[0] == "    error: the config is not valid"
    assert planned.fingerprint == "none"

    forge.propose("conflict", BUDGET)
    forge.propose("other", ("max_budget: 20", "max_budget: 10"))
    forge.merge("other")
    planned = forge.plan("conflict", code=1)
    title, _, said = planned.comment.partition("\n\n")
    assert title == "### There is no plan: this branch does not merge into main"
    assert "CONFLICT" in said
    assert front.writes == []


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_the_note_is_found_however_it_was_merged(forge: Forge, how: Literal["merge", "squash", "rebase"]) -> None:
    """And whatever has become of the state; not where anything else of the project is another."""
    forge.propose("carol", CAROL)
    forge.note(forge.job("carol"), "a" * 64)
    forge.propose("state", ('"serial": 0', '"serial": 1'), name="vkstate.state.json")
    forge.merge("state")
    forge.merge("carol", how)
    assert forge.noted(forge.job()) == "a" * 64
    forge.propose("budget", BUDGET)
    assert forge.noted(forge.job("budget")) == ""


def test_another_project_of_the_same_content_is_another(forge: Forge) -> None:
    job = forge.job()
    shutil.copytree(job.path / "keys", job.path / "others")
    job.git("add", "others")
    job.git("commit", "--quiet", "--message", "Others")
    forge.note(job, "a" * 64)
    assert forge.noted(job) == "a" * 64
    assert job.run("sh", "-c", "cd others && ../ci/scripts/reviewed.sh show").stdout == ""


def test_two_jobs_note_at_once(forge: Forge) -> None:
    forge.propose("carol", CAROL)
    other = forge.job("carol")
    job = forge.job()
    forge.before_the_next_push(job, f"cd '{other.path}/keys' && ../ci/scripts/reviewed.sh save {'b' * 64}")
    forge.note(job, "a" * 64)
    assert [forge.noted(forge.job(branch)) for branch in ("main", "carol")] == ["a" * 64, "b" * 64]
    forge.note(job, "c" * 64)
    assert [forge.noted(forge.job(branch)) for branch in ("main", "carol")] == ["c" * 64, "b" * 64]


def test_an_identity_is_made_outside_of_the_repository() -> None:
    told = {
        path.name: re.findall(r"age-keygen -o (\S+)", path.read_text(encoding="utf-8"))
        for path in sorted((EXAMPLES / "ci").rglob("*"))
        if path.is_file()
    }
    assert {name: places for name, places in told.items() if places} == {
        "README.md": ["~/vkstate-identity.txt"],
        "vkstate.yaml": ["~/vkstate-identity.txt"],
    }
