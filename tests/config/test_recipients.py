"""Recipients are added to a config and taken out of it in its own text: nothing else of it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.age_people import person
from vkstate.age import Recipient
from vkstate.config.editing import ConfigNotEdited
from vkstate.config.recipients import with_age_store, with_plain_store, with_recipient, without_recipient

A, B, C = (person().recipient for _ in range(3))
TOP = "# top\nproxy: {url: 'sandbox://'}  # here\n"
LINES = f"""{TOP}secrets:
  store: age  # encrypted
  # people
  recipients:
    - {A}  # ops
    # since spring
    - {B}
# end
keys: {{}}
"""
HINT = "edit the config by hand; then vkstate secrets list says what remains to be done"

Edit = Callable[[str], str]


def adding(recipient: Recipient) -> Edit:
    return lambda text: with_recipient(text, recipient)


def removing(recipient: Recipient) -> Edit:
    return lambda text: without_recipient(text, recipient)


def sealing(*recipients: Recipient) -> Edit:
    return lambda text: with_age_store(text, recipients)


EDITS: dict[str, tuple[Edit, str, str]] = {
    "a new section": (
        sealing(A, B),
        TOP,
        f"{TOP}\nsecrets:\n  store: age\n  recipients:\n    - {A}\n    - {B}\n",
    ),
    "a new section behind an open line": (
        sealing(A),
        TOP + "keys: {}",
        f"{TOP}keys: {{}}\n\nsecrets:\n  store: age\n  recipients:\n    - {A}",
    ),
    "a section that said plain": (
        sealing(A),
        f"{TOP}secrets:\n  store: plain  # so far\n",
        f"{TOP}secrets:\n  store: age  # so far\n  recipients: [{A}]\n",
    ),
    "a section that said nothing": (
        sealing(A),
        f"{TOP}secrets:\n",
        f"{TOP}secrets:\n  store: age\n  recipients: [{A}]\n",
    ),
    "one more line": (adding(C), LINES, LINES.replace(f"- {B}\n", f"- {B}\n    - {C}\n")),
    "one more line, and DOS line ends": (
        adding(C),
        LINES.replace("\n", "\r\n"),
        LINES.replace(f"- {B}\n", f"- {B}\n    - {C}\n").replace("\n", "\r\n"),
    ),
    "one more in brackets": (
        adding(B),
        f"secrets: {{store: age, recipients: [{A}]}}\n".replace("{store: age, ", "\n  store: age\n  ").replace(
            "]}", "]"
        ),
        f"secrets: \n  store: age\n  recipients: [{A},\n    {B}]\n",
    ),
    "the first line": (removing(A), LINES, LINES.replace(f"    - {A}  # ops\n", "")),
    "the last line": (removing(B), LINES, LINES.replace(f"    - {B}\n", "")),
    "the last line of the text": (
        removing(B),
        f"secrets:\n  store: age\n  recipients:\n  - {A}\n  - {B}",
        f"secrets:\n  store: age\n  recipients:\n  - {A}",
    ),
    "the first in brackets": (
        removing(A),
        f"secrets: {{store: age, recipients: [{A}, {B}]}}\n",
        f"secrets: {{store: age, recipients: [{B}]}}\n",
    ),
    "the last in brackets": (
        removing(B),
        f"secrets: {{store: age, recipients: [{A},\n  {B}]}}\n",
        f"secrets: {{store: age, recipients: [{A}]}}\n",
    ),
    "one in capital letters": (
        removing(A),
        f"secrets: {{store: age, recipients: [{A.upper()}, {B}]}}\n",
        f"secrets: {{store: age, recipients: [{B}]}}\n",
    ),
    "back to plain": (
        with_plain_store,
        f"{TOP}secrets: {{store: age, recipients: [{A}]}}\n",
        f"{TOP}secrets: {{store: plain}}\n",
    ),
    "back to plain, line by line": (
        with_plain_store,
        f"{TOP}secrets:\n  store: age  # once\n  recipients:\n    - {A}  # ops\n    - {B}\nkeys: {{}}\n",
        f"{TOP}secrets:\n  store: plain  # once\nkeys: {{}}\n",
    ),
}


@pytest.mark.parametrize(("edit", "before", "after"), EDITS.values(), ids=EDITS)
def test_an_edit(edit: Edit, before: str, after: str) -> None:
    assert edit(before) == after
    assert edit(f"\ufeff{before}") == f"\ufeff{after}"


VARIABLE = "variables: {x: {default: x}}\nsecrets: {store: age, recipients: ['${var.x}', %s]}\n"
NOT_DONE: dict[str, tuple[Edit, str, str]] = {
    "all in braces": (
        sealing(A),
        "{proxy: {url: 'sandbox://'}}\n",
        (
            f"It is written in braces, {{ }}, where vkstate adds nothing. To be added:\nsecrets:\n  store: age\n"
            f"  recipients:\n    - {A}"
        ),
    ),
    "one that a variable gives": (
        removing(B),
        VARIABLE % A,
        "It does not stand there as it is, or not in a line of its own. To be taken out of secrets.recipients: " + B,
    ),
    "an anchor": (
        adding(B),
        f"x-people: &people [{A}]\nsecrets: {{store: age, recipients: *people}}\n",
        f"The recipients stand elsewhere, or in braces. To be added under secrets.recipients: {B}",
    ),
    "a comment of its own": (
        with_plain_store,
        LINES,
        "A comment would be lost. To be taken out: secrets.recipients",
    ),
}


@pytest.mark.parametrize(("edit", "text", "detail"), NOT_DONE.values(), ids=NOT_DONE)
def test_what_is_left_to_people(edit: Edit, text: str, detail: str) -> None:
    with pytest.raises(ConfigNotEdited) as caught:
        edit(text)
    assert (caught.value.detail, caught.value.hint) == (detail, HINT)
