"""Encryption to people: what counts as a recipient and as an identity, and that the real age reads and writes it."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path

import pytest

from tests.age_people import Person, decrypted_by_age, encrypted_by_age, person, program, ssh_person
from vkstate.age import (
    Identity,
    NotAnIdentity,
    NotARecipient,
    NotDecryptable,
    encrypted,
    identities_in,
    is_ssh,
    opened,
    recipient_of,
)

VALUE = "sk-some-value-of-a-key-0123456789"
PLUGIN = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"


def ssh_text(kind: str, *fields: bytes) -> str:
    """The text of an ssh public key with these fields."""
    blob = b"".join(struct.pack(">I", len(one)) + one for one in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(blob).decode()}"


@pytest.fixture(params=["age", "ed25519", "rsa"])
def somebody(request: pytest.FixtureRequest, tmp_path: Path) -> Person:
    return person() if request.param == "age" else ssh_person(tmp_path, kind=request.param)


def test_whoever_it_is_for_opens_it_and_nobody_else(somebody: Person) -> None:
    text = encrypted(VALUE, [somebody.recipient])
    assert opened(text, somebody.identities) == VALUE
    assert opened(text, person().identities) is None
    assert opened(text, ()) is None
    assert opened(text, [*person().identities, *somebody.identities]) == VALUE
    assert VALUE not in text


def test_the_real_age_opens_it(somebody: Person, tmp_path: Path) -> None:
    text = encrypted(VALUE, [somebody.recipient, person().recipient])
    assert decrypted_by_age(text, somebody.file(tmp_path / "identity")) == VALUE


def test_what_the_real_age_wrote_is_opened(somebody: Person) -> None:
    text = encrypted_by_age(f"{VALUE}\n", person().recipient, somebody.recipient)
    assert opened(text, somebody.identities) == VALUE


def test_an_identity_of_age_keygen(tmp_path: Path) -> None:
    made = subprocess.run([program("age-keygen")], capture_output=True, encoding="utf-8", check=True).stdout
    public = next(line.rpartition(" ")[2] for line in made.splitlines() if "public key" in line)
    assert opened(encrypted(VALUE, [recipient_of(public)]), identities_in(made.encode())) == VALUE


def test_one_form_of_a_recipient(tmp_path: Path) -> None:
    native, ssh = person().recipient, ssh_person(tmp_path).recipient
    assert recipient_of(f"  {native.upper()}\n") == native
    assert recipient_of(f"{ssh} somebody@example.com\n") == ssh
    assert (is_ssh(native), is_ssh(ssh)) == (False, True)


WHOLE_SSH = "is not a whole ssh public key: copy it once more from its .pub file"
WHOLE = "is not a whole public key: a character is wrong or missing"
KINDS = "is an ssh key of a kind that age does not encrypt to: ssh-ed25519 and ssh-rsa are"
FORMS = "is not a recipient: write age1…, ssh-ed25519 … or ssh-rsa …, a public key"
NO_RECIPIENTS = {
    "": FORMS,
    "somebody@example.com": FORMS,
    "age1": WHOLE,
    PLUGIN: "is the recipient of an age plugin, and vkstate runs none",
    "ssh-ed25519": WHOLE_SSH,
    "ssh-ed25519 AAAA": WHOLE_SSH,
    "ssh-ed25519 !!!!": WHOLE_SSH,
    ssh_text("ssh-ed25519", b"\1" * 32).replace("ssh-ed25519", "ssh-rsa", 1): WHOLE_SSH,
    ssh_text("ssh-ed25519", b"\1" * 31): WHOLE,
    ssh_text("ssh-ed25519", b"\1" * 32, b""): WHOLE_SSH,
    ssh_text("ssh-rsa", b"\1\0\1", b""): "is an RSA key of fewer than 2048 bits, which age does not encrypt to",
    ssh_text("ssh-rsa", b"\1\0\1", b"\1" * 128): "is an RSA key of fewer than 2048 bits, which age does not encrypt to",
    ssh_text("ecdsa-sha2-nistp256", b"nistp256", b"\4"): KINDS,
    "sk-ssh-ed25519@openssh.com AAAA": KINDS,
    "ssh-dss AAAA": KINDS,
}


@pytest.mark.parametrize(("text", "why"), NO_RECIPIENTS.items())
def test_what_is_no_recipient(text: str, why: str) -> None:
    with pytest.raises(NotARecipient) as caught:
        recipient_of(text)
    assert (str(caught.value), caught.value.__context__) == (why, None)


def test_a_slip_in_a_recipient() -> None:
    text = person().recipient
    with pytest.raises(NotARecipient) as caught:
        recipient_of(text[:-1] + ("q" if text[-1] != "q" else "p"))
    assert str(caught.value) == WHOLE


def test_a_secret_key_is_no_recipient_and_not_repeated(tmp_path: Path) -> None:
    said = (
        "is a secret key, and not a recipient: whoever has seen it can read the values. Make a new pair, and give its "
        "public half, which age-keygen prints"
    )
    secret = person().secret.splitlines()[-1]
    for text in (secret, secret.lower(), ssh_person(tmp_path).secret):
        with pytest.raises(NotARecipient) as caught:
            recipient_of(text)
        assert str(caught.value) == said


def test_what_is_no_identity(tmp_path: Path) -> None:
    someone = person()
    protected = ssh_person(tmp_path, passphrase="a long one")
    ssh = "is an ssh key that is protected by a passphrase, which vkstate does not ask for"
    with pytest.raises(NotAnIdentity, match=f"^{ssh}$"):
        protected.identities  # noqa: B018 - reading is what fails
    cases = {
        "": "is empty",
        "# only a comment\n": "is empty",
        str(someone.recipient): "holds a public key: it is the private one that opens what is encrypted",
        str(protected.recipient): "holds a public key: it is the private one that opens what is encrypted",
        "AGE-SECRET-KEY-1CANARY": "holds no identity: a line of it is not a whole AGE-SECRET-KEY-1…",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n": "is not an ssh key that age knows: ssh-ed25519 and ssh-rsa are",
        encrypted(someone.secret, [someone.recipient]): "is protected by a passphrase, which vkstate does not ask for",
        "age-encryption.org/v1\n-> scrypt": "is protected by a passphrase, which vkstate does not ask for",
    }
    for text, why in cases.items():
        with pytest.raises(NotAnIdentity) as caught:
            identities_in(text.encode())
        assert (str(caught.value), caught.value.__context__) == (why, None)


def test_several_identities_in_one_file() -> None:
    one, two = person(), person()
    both = identities_in((one.secret + two.secret).encode())
    assert len(both) == 2
    assert [opened(encrypted(VALUE, [each.recipient]), both) for each in (one, two)] == [VALUE, VALUE]


def test_what_was_damaged_is_told_from_what_is_closed() -> None:
    somebody = person()
    text = encrypted(VALUE, [somebody.recipient])
    lines = text.splitlines(keepends=True)
    for damaged in ("", "junk", "".join(lines[:-2]), "".join([lines[0], *lines[2:]]), text.replace("\n", "")):
        with pytest.raises(NotDecryptable):
            opened(damaged, somebody.identities)
    assert opened(text.strip(), somebody.identities) == VALUE


def test_nothing_shows_of_an_identity() -> None:
    identity: Identity = person().identities[0]
    assert repr(identity) == "Identity()"
