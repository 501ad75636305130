"""People with keys of age and of ssh, made anew for each test, and the real programs where they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import pytest
from pyrage import x25519

from vkstate.age import Identity, Recipient, identities_in, opened, recipient_of

_EVERYBODY: list[Person] = []


@dataclass(frozen=True)
class Person:
    """Somebody who reads what is encrypted to ``recipient``; ``secret`` is the text of the identity file."""

    recipient: Recipient
    secret: str = field(repr=False)

    @cached_property
    def identities(self) -> tuple[Identity, ...]:
        return identities_in(self.secret.encode())

    def file(self, path: Path) -> Path:
        """The identity as a file of its owner's."""
        path.write_text(self.secret, encoding="utf-8")
        path.chmod(0o600)
        return path


def person() -> Person:
    """Somebody with an age identity, as ``age-keygen`` writes it."""
    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    return _known(Person(recipient_of(public), f"# created: today\n# public key: {public}\n{identity}\n"))


def ssh_person(directory: Path, *, kind: str = "ed25519", passphrase: str = "") -> Person:
    """Somebody with an ssh key, made by ssh-keygen."""
    path = directory / f"id_{kind}"
    make = [program("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-C", "somebody@example.com", "-f", str(path)]
    subprocess.run(make, check=True)
    public = path.with_suffix(".pub").read_text(encoding="utf-8")
    somebody = Person(recipient_of(public), path.read_text(encoding="utf-8"))
    return somebody if passphrase else _known(somebody)


def _known(somebody: Person) -> Person:
    _EVERYBODY.append(somebody)
    return somebody


def opened_by_anybody(path: Path) -> dict[str, str]:
    """The values of an encrypted store by token, as far as anybody of the tests so far opens them."""
    if not path.exists():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))["keys"]
    found = {token: _opened(entry["value"], len(_EVERYBODY)) for token, entry in entries.items()}
    return {token: value for token, value in found.items() if value is not None}


@cache
def _opened(armoured: str, people: int) -> str | None:
    """One value, as far as one of the so many people that there are opens it: each is asked for after every run."""
    return opened(armoured, [identity for one in reversed(_EVERYBODY) for identity in one.identities])


def program(name: str) -> str:
    """The path of a program; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"the program {name} is not installed")
    return found


def decrypted_by_age(text: str, identity: Path) -> str:
    """What the real ``age`` makes of an encrypted text."""
    return _age(text, "--decrypt", "--identity", str(identity))


def encrypted_by_age(text: str, *recipients: str) -> str:
    """What the real ``age`` makes of a text, in its armour."""
    return _age(text, "--armor", *(word for recipient in recipients for word in ("--recipient", recipient)))


def _age(text: str, *arguments: str) -> str:
    done = subprocess.run([program("age"), *arguments], input=text, capture_output=True, encoding="utf-8", check=True)
    return done.stdout
