"""The ``secrets`` section: where the values are kept, and who may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.age_people import Person, person, ssh_person
from tests.config.conftest import PROXY, Project
from vkstate.config.config import SecretsSettings


@pytest.fixture
def ops() -> Person:
    return person()


def settings(project: Project, text: str, **environ: str) -> SecretsSettings:
    return project.load(PROXY + text, environ=environ).secrets


@pytest.mark.parametrize("text", ["", "secrets:\n", "secrets: {}\n", "secrets: {store: plain}\n"])
def test_plain_is_the_default(project: Project, text: str) -> None:
    assert settings(project, text) == SecretsSettings("plain", ())


def test_an_age_store(project: Project, ops: Person, tmp_path: Path) -> None:
    friend = ssh_person(tmp_path)
    people = f"    - {ops.recipient.upper()}\n    - {friend.recipient} me@example.com\n"
    text = f"secrets:\n  store: age\n  recipients:\n{people}"
    assert settings(project, text) == SecretsSettings("age", (ops.recipient, friend.recipient))


def test_recipients_from_elsewhere(project: Project, ops: Person) -> None:
    text = "variables: {ops: {default: '%s'}}\nsecrets: {store: age, recipients: ['${var.ops}', '${env.DEV}']}\n"
    dev = person()
    assert settings(project, text % ops.recipient, DEV=dev.recipient).recipients == (ops.recipient, dev.recipient)


MISSING = "secrets.recipients: is missing: without one nobody could ever read the values; age-keygen makes one"
BAD = {
    "secrets: {store: age}": f"2:1: {MISSING}",
    "secrets: {store: age, recipients: }": f"2:23: {MISSING}",
    "secrets: {store: age, recipients: []}": "2:23: secrets.recipients: must not be empty",
    "secrets: {store: agee}": "2:11: secrets.store: must be plain or age: it is 'agee'; did you mean age?",
    "secrets: {recipients: [%s]}": (
        "2:11: secrets.recipients: belongs to an encrypted store: write store: age, or take the recipients out"
    ),
    "secrets: {store: plain, recipients: [%s]}": (
        "2:25: secrets.recipients: belongs to an encrypted store: write store: age, or take the recipients out"
    ),
    "secrets: {store: age, recipient: [%s]}": "2:23: secrets.recipient: unknown field; did you mean recipients?",
    "secrets: {store: age, recipients: [%s, %s]}": "2:100: secrets.recipients[1]: is here a second time",
    "secrets: {store: age, recipients: %s}": (
        "2:23: secrets.recipients: must be a list, not the text '%s': write [%s]"
    ),
    "secrets: [age]": "2:1: secrets: must be a mapping of names and values, not a list",
    "store: age": "2:1: store: unknown field here: it belongs under secrets",
}


@pytest.mark.parametrize(("text", "problem"), BAD.items())
def test_a_bad_section(project: Project, ops: Person, text: str, problem: str) -> None:
    first, *rest = project.problems(text.replace("%s", ops.recipient) + "\n")
    shown = problem.replace("'%s'", f"'{ops.recipient}"[:60] + "…").replace("%s", ops.recipient)
    assert first == f"vkstate.yaml:{shown}"
    assert rest in ([], [f"vkstate.yaml:2:1: {MISSING}"])


def test_every_bad_recipient_is_told_with_its_place(project: Project, ops: Person) -> None:
    text = (
        f"secrets:\n  store: age\n  recipients:\n    - {ops.recipient}\n    - x@example.com\n    - ssh-ed25519 AAAA\n"
    )
    assert project.problems(text) == [
        (
            "vkstate.yaml:6:7: secrets.recipients[1]: is not a recipient: write age1…, ssh-ed25519 … or ssh-rsa …, a "
            "public key"
        ),
        "vkstate.yaml:7:7: secrets.recipients[2]: is not a whole ssh public key: copy it once more from its .pub file",
    ]


SECRET_KEY = (
    "a secret key stands here, of age or of ssh, and none may stand in a config: whoever has seen it can read what is "
    "encrypted to it. Make a new pair; under secrets.recipients belongs its public half, which age-keygen prints"
)


def test_a_secret_key_is_refused_wherever_it_stands_and_not_repeated(project: Project, ops: Person) -> None:
    secret = ops.secret.splitlines()[-1]
    places = {
        f"secrets: {{store: age, recipients: [{secret}]}}": "2:36: secrets.recipients[0]",
        f"secrets: {{store: age, recipients: {secret.lower()}}}": "2:23: secrets.recipients",
        f"keys: {{one: {{models: [gpt-4], metadata: {{note: {secret}}}}}}}": "2:42: keys.one.metadata.note",
        'secrets: {store: "-----BEGIN OPENSSH PRIVATE KEY-----"}': "2:11: secrets.store",
    }
    for text, place in places.items():
        error = project.error(f"{PROXY}{text}\n")
        assert str(error.problems[0]) == f"vkstate.yaml:{place}: {SECRET_KEY}"
        assert secret not in str(error)


def test_a_secret_key_from_the_environment_is_not_repeated_either(project: Project, ops: Person) -> None:
    secret = ops.secret.splitlines()[-1]
    [problem] = project.problems("secrets: {store: age, recipients: ['${env.X}']}\n", environ={"X": secret})
    assert problem == (
        "vkstate.yaml:2:36: secrets.recipients[0]: is a secret key, and not a recipient: whoever has seen it can read "
        "the values. Make a new pair, and give its public half, which age-keygen prints"
    )
