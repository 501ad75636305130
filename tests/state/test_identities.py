"""Whose private keys open the encrypted store: what is named, else the variable, else the usual ssh key."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.age_people import Person, person, ssh_person
from vkstate.age import IDENTITY_VARIABLE, encrypted, opened
from vkstate.state.identities import Identities, IdentityUnusable

NATIVE = ["age1whoever"]
SSH = ["ssh-ed25519 AAAA"]


def opens(identities: Identities, somebody: Person) -> bool:
    return opened(encrypted("x", [somebody.recipient]), identities.for_values([somebody.recipient])) == "x"


@pytest.fixture
def ops() -> Person:
    return person()


def test_files_that_are_named(ops: Person, tmp_path: Path) -> None:
    friend, stranger = ssh_person(tmp_path), person()
    files = [ops.file(tmp_path / "ops"), friend.file(tmp_path / "friend")]
    identities = Identities(files, {IDENTITY_VARIABLE: stranger.secret.splitlines()[-1]})
    assert [opens(identities, one) for one in (ops, friend, stranger)] == [True, True, False]


def test_the_variable_names_a_file(ops: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ops.file(tmp_path / "ops")
    assert opens(Identities((), {IDENTITY_VARIABLE: str(path)}), ops)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opens(Identities((), {IDENTITY_VARIABLE: "~/ops"}), ops)


def test_the_variable_holds_the_identity_itself(ops: Person) -> None:
    assert opens(Identities((), {IDENTITY_VARIABLE: f" {ops.secret.splitlines()[-1]}\n"}), ops)


def test_a_pipe(ops: Person, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(ops.secret,))
    writer.start()
    identities = Identities([path])
    assert opens(identities, ops)
    assert opens(identities, ops), "it is read once only"
    writer.join()


def test_the_usual_ssh_key_where_a_recipient_is_one(ops: Person, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    friend = ssh_person(home / ".ssh")
    identities = Identities((), {"HOME": str(home)})
    assert opens(identities, friend)
    assert identities.for_values(NATIVE) == ()
    assert not identities.are_named
    named = Identities([ops.file(tmp_path / "ops")], {"HOME": str(home)})
    assert not opens(named, friend), "what is named is all that is used"


def test_a_usual_ssh_key_that_cannot_be_used_is_passed_over(tmp_path: Path) -> None:
    assert Identities((), {}).for_values(SSH) == ()
    assert Identities((), {"HOME": str(tmp_path)}).for_values(SSH) == ()
    (tmp_path / ".ssh").mkdir()
    ssh_person(tmp_path / ".ssh", passphrase="a long one")
    assert Identities((), {"HOME": str(tmp_path)}).for_values(SSH) == ()


def told(identities: Identities) -> tuple[str, str | None]:
    with pytest.raises(IdentityUnusable) as caught:
        identities.for_values(NATIVE)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value.detail, caught.value.hint


MAKE = "age-keygen -o FILE makes an identity, and prints the recipient that belongs to it"


def test_what_cannot_be_used(ops: Person, tmp_path: Path) -> None:
    path = tmp_path / "an identity"
    assert told(Identities([path])) == (
        f"{path}: no such file or directory.",
        "name a file that holds an age identity or an ssh key",
    )
    cases = {
        "canary\n": ("holds no identity: a line of it is not a whole AGE-SECRET-KEY-1…", MAKE),
        f"{ops.recipient}\n": ("holds a public key: it is the private one that opens what is encrypted", MAKE),
        encrypted(ops.secret, [ops.recipient]): (
            "is protected by a passphrase, which vkstate does not ask for",
            f"have age open it for this one command: --identity <(age --decrypt '{path}')",
        ),
        "": ("is empty", MAKE),
    }
    for text, (why, hint) in cases.items():
        path.write_text(text)
        assert told(Identities([path])) == (f"{path} {why}.", hint)


def test_an_ssh_key_with_a_passphrase(tmp_path: Path) -> None:
    ssh_person(tmp_path, passphrase="a long one")
    path = tmp_path / "id_ed25519"
    assert told(Identities([path])) == (
        f"{path} is an ssh key that is protected by a passphrase, which vkstate does not ask for.",
        f"take an age identity, or a copy of the key without a passphrase: ssh-keygen -p -f {path}",
    )


def test_a_variable_that_holds_half_an_identity_is_not_repeated(ops: Person) -> None:
    half = ops.secret.splitlines()[-1][:-5]
    assert told(Identities((), {IDENTITY_VARIABLE: half})) == (
        f"The value of {IDENTITY_VARIABLE} holds no identity: a line of it is not a whole AGE-SECRET-KEY-1….",
        MAKE,
    )
    assert half not in repr(Identities((), {IDENTITY_VARIABLE: half}))
