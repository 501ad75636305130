"""The parts of the docs that follow from the code: the help of every command, and the tables of the config."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Final
from unittest.mock import patch

import typer
from pydantic.json_schema import JsonSchemaValue
from typer.core import TyperGroup

from vkstate.cli.app import app, run
from vkstate.config.schema.attributes import BudgetLimit, KeyAttributes, Lifecycle, VectorStoreIndex
from vkstate.config.schema.base import Strict, fields_of
from vkstate.config.schema.document import Document
from vkstate.config.schema.proxy import KubernetesSecret, MasterKeyPlace, Proxy
from vkstate.config.schema.secret_store import Secrets
from vkstate.config.schema.transitions import Moved, Removed, Safety
from vkstate.config.schema.variables import Variable
from vkstate.config.schema.workshops import Workshop

COLUMNS: Final = 100
"""The width of all that is shown."""

TABLES: Final[Mapping[str, tuple[type[Strict], type[Strict] | None]]] = {
    "document": (Document, None),
    "proxy": (Proxy, None),
    "master_key": (MasterKeyPlace, None),
    "kubernetes": (KubernetesSecret, None),
    "variable": (Variable, None),
    "workshop": (Workshop, KeyAttributes),
    "moved": (Moved, None),
    "removed": (Removed, None),
    "secrets": (Secrets, None),
    "safety": (Safety, None),
    "attributes": (KeyAttributes, None),
    "budget_limits": (BudgetLimit, None),
    "vector_store_indexes": (VectorStoreIndex, None),
    "lifecycle": (Lifecycle, None),
}
"""By name, a model whose fields a table lists, and the model whose fields another table lists already."""

_GENERATED: Final = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end generated -->)", re.DOTALL)
_DEFAULT: Final = re.compile(r" *(?:Required|Default)[^.]*\.")
_KINDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}
_PATTERNS: Final = {
    "^[0-9]+[smhdw]$": "duration",
    "^([0-9]+[smhdw]|never)$": "duration, or `never`",
    "^([0-9]+[smhd]|1mo)$": "budget period",
}
_UNBOUNDED: Final = 2**31 - 1


def refreshed(text: str) -> str:
    """A page with its generated parts as they should be."""
    return _GENERATED.sub(lambda found: f"{found[1]}\n{part(found[2])}\n{found[4]}", text)


def parts_in(text: str) -> list[str]:
    """The names of the generated parts of a page."""
    return [found[2] for found in _GENERATED.finditer(text)]


def part(name: str) -> str:
    """One generated part, ending in a newline."""
    kind, _, rest = name.partition(" ")
    makers: Mapping[str, Callable[[str], str]] = {"help": help_block, "fields": field_table, "commands": _command_table}
    return makers[kind](rest)


def commands() -> dict[str, str]:
    """The name of every command (``state list``), and the first sentence of its help."""
    return dict(_walk(typer.main.get_group(app)))


def _walk(group: TyperGroup, path: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in group.commands.items():
        if isinstance(inner, TyperGroup):
            yield from _walk(inner, f"{path}{name} ")
        else:
            yield f"{path}{name}", str(inner.help).partition("\n\n")[0]


def _command_table(_: str) -> str:
    rows = [
        f"| [`{name}`](docs/commands.md#vkstate-{name.replace(' ', '-')}) | {told} |"
        for name, told in commands().items()
    ]
    return "\n".join(("| command | what it does |", "|---|---|", *rows)) + "\n"


def help_block(name: str) -> str:
    """What ``vkstate NAME --help`` prints, as a fenced block."""
    said = StringIO()
    with patch.dict(os.environ, {"COLUMNS": str(COLUMNS)}), redirect_stdout(said), redirect_stderr(said):
        code = run([*name.split(), "--help"])
    assert code == 0, said.getvalue()
    return f"```text\n{said.getvalue().rstrip()}\n```\n"


def field_table(name: str) -> str:
    """A table of a model's fields: name, type, meaning with the default."""
    model, known = TABLES[name]
    schema = model.model_json_schema()
    required = schema.get("required", [])
    lines = ["| field | type | meaning |", "|---|---|---|"]
    fields = fields_of(model)
    for field, inner in schema["properties"].items():
        if known is None or field not in known.model_fields:
            told = fields[field].description or str(fields[field].annotation.__doc__)
            meaning = _meaning(told, inner.get("default"), required=field in required)
            lines.append(f"| `{field}` | {_escaped(type_words(inner))} | {_escaped(meaning)} |")
    return "\n".join(lines) + "\n"


def _meaning(told: str, default: object, *, required: bool) -> str:
    told = " ".join(told.split())
    if required:
        return f"{told} Required."
    if default in (None, "") or _DEFAULT.search(told):
        return told
    return f"{told} Default: `{str(default).lower() if isinstance(default, bool) else default}`."


def type_words(schema: JsonSchemaValue) -> str:
    """A JSON Schema in a few words; that a field may be null is said once for all, above the tables."""
    for word in ("anyOf", "oneOf"):
        if word in schema:
            kinds = list(dict.fromkeys(type_words(one) for one in schema[word] if one != {"type": "null"}))
            return " or ".join(kind for kind in kinds if kind != "whole number" or "number" not in kinds)
    if "$ref" in schema:
        return "anything" if schema["$ref"].endswith("JsonValue") else "mapping"
    if "enum" in schema:
        return " \\| ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("format") == "date-time":
        return "instant"
    if schema.get("pattern") in _PATTERNS:
        return _PATTERNS[schema["pattern"]]
    if isinstance(schema["type"], list):
        return _KINDS["string"]
    if schema["type"] == "array":
        return f"list of {_plural(type_words(schema['items']))}"
    if schema["type"] == "object" and schema.get("additionalProperties"):
        return f"mapping of names to {_plural(type_words(schema['additionalProperties']))}"
    return _KINDS[schema["type"]] + _bounds(schema)


def _plural(words: str) -> str:
    for one, several in (
        ("text", "texts"),
        ("mapping", "mappings"),
        ("list", "lists"),
        ("whole number", "whole numbers"),
    ):
        if words == one or words.startswith((f"{one} of ", f"{one}, ")):
            return words.replace(one, several, 1)
    return words


def _bounds(schema: JsonSchemaValue) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return ""
    if high is None or high >= _UNBOUNDED:
        return f", {low} or more"
    return f", {low} to {high}"


def _escaped(text: str) -> str:
    """Text that is one cell of a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", text).replace("<", "&lt;")
