"""``vkstate secrets``: who may read the values, in the config and in the store, changed together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.age_people import Person, person, ssh_person
from tests.workspace import NOTE, Workspace
from vkstate.age import encrypted
from vkstate.state.lock import StateLock

KEYS = "workshops:\n  w: {count: 2, models: [gpt-4]}\n"
PLAIN = f"proxy: {{url: 'sandbox://'}}\n{KEYS}"
STORE = "vkstate.secrets.json"
OPEN = "--identity FILE, or VKSTATE_AGE_IDENTITY"


def sealed(*people: Person) -> str:
    """A config whose values are encrypted to these."""
    lines = "".join(f"    - {one.recipient}\n" for one in people)
    return f"{PLAIN}secrets:\n  store: age\n  recipients:\n{lines}"


@pytest.fixture
def ops() -> Person:
    return person()


@pytest.fixture
def friend() -> Person:
    return person()


@pytest.fixture
def identity(ops: Person, tmp_path: Path) -> tuple[str, str]:
    return ("--identity", str(ops.file(tmp_path / "ops")))


@pytest.fixture
def project(workspace: Workspace, ops: Person) -> Workspace:
    """Two keys, encrypted to ops."""
    workspace.configure(sealed(ops))
    workspace.apply()
    return workspace


@pytest.fixture
def plain(workspace: Workspace) -> Workspace:
    """Two keys, kept plain."""
    workspace.configure(PLAIN)
    workspace.apply()
    return workspace


def config(project: Workspace) -> str:
    return (project.path / "vkstate.yaml").read_text()


def entries(project: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.path / STORE).read_text())["keys"]
    return found


def readers(project: Workspace) -> list[list[str]]:
    """To whom the entries are encrypted, as they say."""
    return [entry["recipients"] for entry in entries(project).values()]


def revealed(project: Workspace, *arguments: str) -> dict[str, str]:
    """What an identity opens, by alias."""
    keys = project.run("output", "--json", "--reveal", *arguments).document["keys"]
    return {key["alias"]: key["key"] for key in keys if key["key"]}


def refused(project: Workspace, *arguments: str) -> tuple[int, list[str]]:
    """How a command ends that changes nothing."""
    before = project.files()
    ran = project.run(*arguments)
    assert (ran.stdout, project.files()) == ("", before)
    return ran.code, ran.complaint


def test_the_list(project: Workspace, ops: Person, identity: tuple[str, str]) -> None:
    project.write("vkstate.state.json", project.state_path.read_text())
    one, two = project.tokens["w-user1"][:8], project.tokens["w-user2"][:8]
    for arguments, readable in (((), "no"), (identity, "yes")):
        ran = project.ok("secrets", "list", *arguments)
        assert (ran.stdout, ran.stderr) == (
            (
                f"{STORE} holds 2 values. The config has them encrypted to:\n"
                f"  {ops.recipient}\n"
                "\n"
                "  ALIAS    TOKEN     KEY    ENCRYPTED TO  READABLE HERE\n"
                f"  w-user1  {one}  ready  these         {readable}\n"
                f"  w-user2  {two}  ready  these         {readable}\n"
            ),
            "",
        )


def test_the_list_as_json(project: Workspace, ops: Person, friend: Person, identity: tuple[str, str]) -> None:
    project.write("vkstate.yaml", sealed(ops, friend))
    stray = encrypted("sk-stray", [friend.recipient])
    form = json.loads((project.path / STORE).read_text())
    form["keys"]["0" * 64] = {"alias": "w-user10", "recipients": [friend.recipient], "value": stray}
    project.write(STORE, json.dumps(form))
    ran = project.ok("secrets", "list", "--json", *identity)
    common = {"status": "ready", "recipients": [ops.recipient], "current": False, "readable": True}
    assert ran.document == {
        "format_version": 1,
        "store": "age",
        "path": STORE,
        "recipients": [ops.recipient, friend.recipient],
        "values": [
            {"alias": "w-user1", "token": project.tokens["w-user1"], **common},
            {"alias": "w-user2", "token": project.tokens["w-user2"], **common},
            {
                "alias": "w-user10",
                "token": "0" * 64,
                "status": None,
                "recipients": [friend.recipient],
                "current": False,
                "readable": False,
            },
        ],
    }
    assert ran.stderr == (
        f"warning: In {STORE}, 3 values are encrypted to other recipients than the config names: vkstate secrets "
        "rekey\n"
    )


def test_the_list_of_a_plain_store(plain: Workspace) -> None:
    one, two = plain.tokens["w-user1"][:8], plain.tokens["w-user2"][:8]
    assert plain.ok("secrets", "list").stdout.splitlines()[1:] == [
        "",
        "  ALIAS    TOKEN     KEY",
        f"  w-user1  {one}  ready",
        f"  w-user2  {two}  ready",
    ]
    listed = plain.ok("secrets", "list", "--format", "json").document
    assert (listed["store"], listed["recipients"], [one["readable"] for one in listed["values"]]) == (
        "plain",
        [],
        [True, True],
    )


def test_one_more_reader(
    project: Workspace, ops: Person, friend: Person, identity: tuple[str, str], tmp_path: Path
) -> None:
    ran = project.ok("secrets", "add-recipient", friend.recipient, *identity)
    assert (ran.stdout, ran.stderr) == (
        (
            "--- vkstate.yaml\n+++ vkstate.yaml\n@@ -7,0 +8 @@\n"
            f"+    - {friend.recipient}\n"
            "2 values are encrypted anew, to 2 recipients: w-user{1,2}.\n"
        ),
        f"Next: commit vkstate.yaml and {STORE}.\n",
    )
    assert config(project) == sealed(ops, friend)
    assert readers(project) == [sorted([ops.recipient, friend.recipient])] * 2
    values = revealed(project, *identity)
    assert len(values) == 2
    assert revealed(project, "--identity", str(friend.file(tmp_path / "friend"))) == values
    again = project.files()
    assert project.ok("secrets", "add-recipient", friend.recipient).stdout == (
        f"{STORE} is encrypted to the 2 recipients of the config already: there is nothing to do.\n"
    )
    assert project.files() == again
    project.converged()


def test_an_ssh_key_with_its_comment(project: Workspace, tmp_path: Path, identity: tuple[str, str]) -> None:
    somebody = ssh_person(tmp_path)
    project.ok("secrets", "add-recipient", f"{somebody.recipient} somebody@example.com", *identity)
    assert f'    - "{somebody.recipient}"\n' in config(project)
    assert len(revealed(project, "--identity", str(tmp_path / "id_ed25519"))) == 2


def test_one_reader_fewer(
    project: Workspace, ops: Person, friend: Person, identity: tuple[str, str], tmp_path: Path
) -> None:
    project.ok("secrets", "add-recipient", friend.recipient, *identity)
    ran = project.ok("secrets", "remove-recipient", ops.recipient, *identity)
    assert (ran.stdout.splitlines()[-1], ran.stderr) == (
        "2 values are encrypted anew, to 1 recipient: w-user{1,2}.",
        (
            f"Next: commit vkstate.yaml and {STORE}.\n"
            "note: What is committed already stays readable, in git's history, for whoever holds that key. To shut "
            "somebody "
            "out, give the keys new values: vkstate apply --replace '*' --allow-deletes 2\n"
        ),
    )
    assert config(project) == sealed(friend)
    assert revealed(project, *identity) == {}
    assert len(revealed(project, "--identity", str(friend.file(tmp_path / "friend")))) == 2


def test_as_json_and_dry(project: Workspace, ops: Person, friend: Person, identity: tuple[str, str]) -> None:
    before = project.files()
    said = {
        "format_version": 1,
        "store": "age",
        "path": STORE,
        "recipients": [ops.recipient, friend.recipient],
        "config_changed": True,
        "encrypted_anew": ["w-user1", "w-user2"],
        "closed": [],
    }
    add = ("secrets", "add-recipient", friend.recipient, *identity)
    assert project.ok(*add, "--json", "--dry-run").document == said | {"dry_run": True}
    assert project.ok(*add, "--dry-run").stdout.splitlines()[-1] == (
        "2 values would be encrypted anew, to 2 recipients: w-user{1,2}."
    )
    assert project.files() == before
    assert project.ok(*add, "--json").document == said | {"dry_run": False}


def test_an_identity_that_was_named_is_another_one_next_time(
    project: Workspace, friend: Person, tmp_path: Path
) -> None:
    ran = project.run("secrets", "add-recipient", friend.recipient, "--identity", str(friend.file(tmp_path / "friend")))
    assert ran.complaint[-1] == "hint: name another identity: --identity FILE"


CLOSED = [
    "error: the values cannot be opened",
    f"  2 values are encrypted in {STORE}, and there is no identity to open them with: {OPEN}. Nothing was changed.",
    "hint: name an identity: --identity FILE",
]


def test_without_an_identity_nothing_is_changed(project: Workspace, ops: Person, friend: Person) -> None:
    assert refused(project, "secrets", "add-recipient", friend.recipient) == (1, CLOSED)
    project.write("vkstate.yaml", sealed(ops, friend))
    assert refused(project, "secrets", "remove-recipient", ops.recipient) == (1, CLOSED)
    project.write("vkstate.yaml", sealed(friend))
    assert refused(project, "secrets", "rekey") == (1, CLOSED)
    assert refused(project, "secrets", "migrate", "--to", "plain")[0] == 1


def test_what_cannot_be_opened_stays_and_is_said(
    project: Workspace, ops: Person, friend: Person, identity: tuple[str, str]
) -> None:
    stray = {"alias": "stray", "recipients": [friend.recipient], "value": encrypted("sk-stray", [friend.recipient])}
    form = json.loads((project.path / STORE).read_text())
    form["keys"]["0" * 64] = stray
    project.write(STORE, json.dumps(form))
    third = person()
    ran = project.run("secrets", "add-recipient", third.recipient, *identity)
    assert (ran.code, ran.stderr.splitlines()[0]) == (
        3,
        (
            f"warning: No identity at hand opens the value of stray in {STORE}. It takes one that belongs to "
            f"{friend.recipient}: {OPEN}"
        ),
    )
    assert entries(project)["0" * 64] == stray
    assert [entries(project)[token]["recipients"] for token in project.tokens.values()] == [
        sorted([ops.recipient, third.recipient])
    ] * 2


def test_an_entry_of_somebodys_making_moves_no_cursor(project: Workspace, friend: Person) -> None:
    form = json.loads((project.path / STORE).read_text())
    odd = {"alias": "x\x1b[2J", "recipients": ["y\x1b[31m"], "value": "z"}
    form["keys"][project.tokens["w-user1"]] = odd
    project.write(STORE, json.dumps(form))
    identity = str(friend.file(project.path / ".vkstate" / "friend"))
    for command in (
        ("secrets", "list"),
        ("output", "--reveal"),
        ("secrets", "rekey"),
        ("secrets", "list", *("--identity", identity)),
    ):
        ran = project.run(*command)
        assert "\x1b" not in ran.stdout + ran.stderr, command


def test_what_is_no_recipient(project: Workspace, ops: Person, friend: Person) -> None:
    made = "hint: age-keygen -o FILE makes a pair, and prints its recipient"
    secret = ops.secret.splitlines()[-1]
    assert refused(project, "secrets", "add-recipient", "me@example.com") == (
        64,
        [
            "error: this is not a recipient",
            "  What was given is not a recipient: write age1…, ssh-ed25519 … or ssh-rsa …, a public key.",
            made,
        ],
    )
    code, said = refused(project, "secrets", "add-recipient", secret)
    assert (code, said[0], said[2], secret in "".join(said)) == (64, "error: this is not a recipient", made, False)
    assert refused(project, "secrets", "remove-recipient", friend.recipient) == (
        64,
        [
            "error: this is not a recipient",
            f"  {friend.recipient} is none of the config's recipients. They are: {ops.recipient}.",
            "hint: vkstate secrets list shows them",
        ],
    )
    assert refused(project, "secrets", "remove-recipient", ops.recipient) == (
        64,
        [
            "error: this is not a recipient",
            "  It is the only recipient of the config: without it nobody could read the values.",
            "hint: add another one first, or keep the values plain: vkstate secrets migrate --to plain",
        ],
    )


def test_of_plain_values(plain: Workspace, ops: Person) -> None:
    said = [
        "error: the values are not encrypted",
        "  vkstate.yaml keeps the key values plain, on this machine alone.",
        "hint: have them encrypted: vkstate secrets migrate --to age --recipient RECIPIENT",
    ]
    for command in (("rekey",), ("add-recipient", ops.recipient), ("remove-recipient", ops.recipient)):
        assert refused(plain, "secrets", *command) == (1, said)


def test_while_another_run_holds_the_lock(project: Workspace, friend: Person, identity: tuple[str, str]) -> None:
    with StateLock(project.state_path, 0, "somebody"):
        assert refused(project, "secrets", "add-recipient", friend.recipient, *identity)[0] == 5
        assert refused(project, "secrets", "migrate", "--to", "plain", *identity)[0] == 5
        project.ok("secrets", "list")


def test_to_an_encrypted_store_and_back(plain: Workspace, ops: Person, identity: tuple[str, str]) -> None:
    values, before = plain.values, config(plain)
    ran = plain.ok("secrets", "migrate", "--to", "age", "--recipient", ops.recipient)
    assert (ran.stdout, ran.stderr) == (
        (
            "--- vkstate.yaml\n+++ vkstate.yaml\n@@ -3,0 +4,5 @@\n+\n+secrets:\n+  store: age\n+  recipients:\n"
            f"+    - {ops.recipient}\n"
            f"2 values are moved from .vkstate/keys.json to {STORE}: w-user{{1,2}}.\n"
        ),
        f"Next: commit vkstate.yaml and {STORE}.\n",
    )
    assert json.loads((plain.path / ".vkstate" / "keys.json").read_text())["keys"] == {}
    assert revealed(plain) == {}
    assert revealed(plain, *identity) == values
    plain.converged()
    back = plain.ok("secrets", "migrate", "--to", "plain", *identity)
    assert back.stderr == f"Next: commit vkstate.yaml and {STORE}, which holds no value any more.\n"
    assert config(plain) == f"{before}\nsecrets:\n  store: plain\n"
    assert revealed(plain) == values
    assert entries(plain) == {}
    plain.converged()


def test_a_project_without_values(workspace: Workspace, ops: Person) -> None:
    workspace.configure(PLAIN)
    ran = workspace.ok("secrets", "migrate", "--to", "age", "--recipient", ops.recipient, "--json")
    assert ran.document == {
        "format_version": 1,
        "store": "age",
        "path": STORE,
        "config_changed": True,
        "moved": [],
        "dry_run": False,
    }
    workspace.apply()
    assert readers(workspace) == [[ops.recipient]] * 2
    assert workspace.ok("secrets", "migrate", "--to", "age").stdout == (
        f"0 values are moved from .vkstate/keys.json to {STORE}.\n"
    )


def test_a_dry_migration(plain: Workspace, ops: Person) -> None:
    before = plain.files()
    ran = plain.ok("secrets", "migrate", "--to", "age", "--recipient", ops.recipient, "--dry-run")
    assert ran.stdout.splitlines()[-1] == f"2 values would be moved from .vkstate/keys.json to {STORE}: w-user{{1,2}}."
    assert plain.files() == before


def test_recipients_that_do_not_go_with_a_migration(project: Workspace, friend: Person) -> None:
    error = "error: the recipients do not go with this"
    assert refused(project, "secrets", "migrate", "--to", "plain", "--recipient", friend.recipient) == (
        64,
        [error, "  Plain values have no recipients.", "hint: leave --recipient out"],
    )
    assert refused(project, "secrets", "migrate", "--to", "age", "--recipient", friend.recipient) == (
        64,
        [
            error,
            "  vkstate.yaml names its recipients already.",
            "hint: leave --recipient out; to add one: vkstate secrets add-recipient RECIPIENT",
        ],
    )
    project.write("vkstate.yaml", PLAIN)
    assert refused(project, "secrets", "migrate", "--to", "age") == (
        64,
        [
            error,
            "  The values are to be encrypted, and nobody is named who may read them.",
            "hint: make a pair with age-keygen -o FILE, then give the recipient that it prints: --recipient age1…",
        ],
    )


def test_a_config_that_was_changed_by_hand_says_what_is_left(
    plain: Workspace, ops: Person, identity: tuple[str, str]
) -> None:
    values = plain.values
    plain.write("vkstate.yaml", sealed(ops))
    said = "holds 2 key values, and the config names the other store: vkstate secrets migrate --to"
    assert plain.ok("plan").stderr == f"{NOTE}warning: .vkstate/keys.json {said} age\n"
    plain.ok("secrets", "migrate", "--to", "age")
    assert (plain.ok("plan").stderr, revealed(plain, *identity)) == (NOTE, values)
    plain.write("vkstate.yaml", PLAIN)
    assert plain.ok("plan").stderr == f"{NOTE}warning: {STORE} {said} plain\n"
    plain.ok("secrets", "migrate", "--to", "plain", *identity)
    assert (plain.ok("plan").stderr, revealed(plain)) == (NOTE, values)
