"""The docs say of commands, fields, exit codes and the state what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Final, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from tests.docs.pages import ROOT, blocks, pages
from tests.docs.reference import TABLES, commands, part, parts_in, refreshed
from vkstate.config.schema.base import fields_of
from vkstate.config.schema.document import Document
from vkstate.errors import ExitCode
from vkstate.state.form import KeyForm, StateForm

DOCS: Final = ROOT / "docs"
_ROW: Final = re.compile(r"^\| (.+?) \|", re.MULTILINE)
_CODE: Final = re.compile(r"`([^`]+)`")


def in_first_column(text: str) -> set[str]:
    """What stands as code in the first column of the tables."""
    return {name for row in _ROW.finditer(text) for name in _CODE.findall(row[1])}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert refreshed(text) == text, "bring the docs up to date: python -m tests.docs"


def test_every_command_has_its_section_and_its_help() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## vkstate (.+)$", text, re.MULTILINE)
    assert sections == list(commands())
    assert parts_in(text) == ["help", *(f"help {name}" for name in commands())]


def test_the_table_of_commands_is_in_the_readme() -> None:
    assert parts_in((ROOT / "README.md").read_text(encoding="utf-8")) == ["commands"]


def test_every_table_of_fields_is_in_the_config_reference() -> None:
    assert parts_in((DOCS / "config.md").read_text(encoding="utf-8")) == [f"fields {name}" for name in TABLES]


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model of the config and all within it."""
    yield model
    for field in model.model_fields.values():
        for inner in _named_in(field.annotation):
            yield from _models(inner)


def _named_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, dict, list):
        for inner in get_args(annotation):
            yield from _named_in(inner)


@pytest.mark.parametrize("model", dict.fromkeys(_models(Document)), ids=lambda model: model.__name__)
def test_every_field_of_the_config_has_a_row(model: type[BaseModel]) -> None:
    told: set[str] = set()
    for name, (listed, _) in TABLES.items():
        if issubclass(model, listed):
            told |= in_first_column(part(f"fields {name}"))
    assert set(fields_of(model)) - told == set()


def test_no_field_is_without_its_meaning() -> None:
    cells = [line.split(" | ")[-1].strip("| ") for name in TABLES for line in part(f"fields {name}").splitlines()]
    assert "" not in cells


@pytest.mark.parametrize("page", ["README.md", "docs/errors-and-exit-codes.md"])
def test_exit_codes_are_told_as_they_are(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    table = text[text.index("| code | meaning |") :].partition("\n\n")[0]
    told = {int(number) for row in _ROW.finditer(table) for number in re.findall(r"\d+", row[1])}
    assert told == set(ExitCode)


def test_every_field_of_the_state_is_told() -> None:
    told = in_first_column((DOCS / "state.md").read_text(encoding="utf-8"))
    assert {*StateForm.model_fields, *KeyForm.model_fields} - told == set()


def _names(value: object) -> Iterator[str]:
    """The field names of a document; what stands under ``declared`` and ``summary`` is named elsewhere."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name not in ("declared", "applied", "summary"):
                yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


@pytest.mark.parametrize("command", ["plan --json", "output --format json"])
def test_every_field_of_the_json_is_told(command: str) -> None:
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    section = text[text.index(f"## {command}\n") :].partition("\n## ")[0]
    (shown,) = [block for block in blocks(section) if block.language == "console"]
    document = json.loads("\n".join(shown.lines[1:]))
    told = _CODE.findall(section.rpartition("\n```\n")[2])
    assert set(_names(document)) - set(told) == set()
