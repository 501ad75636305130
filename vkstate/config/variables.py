"""Variables: what they are declared as, and the value that each has in this run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from vkstate.config.interpolation import VARIABLE_NAME, Variable
from vkstate.config.places import ConfigMissing, Problems, Where, did_you_mean
from vkstate.config.schema import variables as schema
from vkstate.config.sentences import validated
from vkstate.config.source import parse, read_text
from vkstate.config.tree import Node, TreeBuilder

ENVIRONMENT_PREFIX: Final = "VKSTATE_VAR_"


class VariablesMissing(ConfigMissing):
    """There is no file of variables to read."""

    summary: ClassVar[str] = "the file of variables cannot be read"


def load_var_file(path: Path) -> dict[str, str]:
    """The variables that a file gives: a YAML mapping of names to texts, numbers and flags, taken as written.

    :raises ConfigError: the file cannot be read, or holds something else.
    """
    file = str(path)
    problems = Problems(file)
    raw = parse(read_text(path, hint="name a file that exists: --var-file FILE", fault=VariablesMissing), file)
    given: dict[str, str] = {}
    if raw is not None:
        root = TreeBuilder(problems, None).build(raw, Where(file, raw.line, raw.column))
        if not isinstance(root.value, dict):
            problems.add(root.where, "a file of variables is a mapping: write each as name: value")
        for name, node in root.named():
            if node.text is None and not node.broken:
                problems.add(node.where, "must be a text, a number or a flag")
            elif node.value is None and not node.broken:
                problems.add(node.where, "has no value")
            elif node.text is not None:
                given[name] = node.text
    problems.raise_if_any(hint=f"correct {path}")
    return given


def resolve_variables(
    section: Node | None, given: Mapping[str, str], environ: Mapping[str, str], problems: Problems
) -> dict[str, Variable]:
    """The value of every declared variable: as given, else from ``VKSTATE_VAR_name``, else its default.

    :param given: what ``--var`` and ``--var-file`` say.
    """
    declared = dict(section.named()) if section else {}
    if section and not isinstance(section.value, dict | None):
        problems.add(section.where, "must be a mapping of names and values")
    for name in given:
        if name not in declared:
            wanted = did_you_mean(name, declared) or ", and the config declares it nowhere under variables"
            problems.add(Where(problems.file), f"there is no variable {name!r} to give a value to{wanted}")
    for name, node in declared.items():
        if not VARIABLE_NAME.fullmatch(name) and not node.broken:
            problems.add(
                node.where, "is no name for a variable: it begins with a letter, and has letters, digits, _ and -"
            )
    return {name: _resolved(name, node, given, environ, problems) for name, node in declared.items()}


def _resolved(
    name: str, node: Node, given: Mapping[str, str], environ: Mapping[str, str], problems: Problems
) -> Variable:
    default = node
    if isinstance(node.value, dict):
        valid = validated(schema.Variable, node, problems) is not None and node.sound
        default = node.children.get("default") or Node(None, node.where, broken=not valid)
    elif isinstance(node.value, list):
        problems.add(node.where, "must be a default, or a mapping with default and description")
        default = Node(None, node.where, broken=True)
    outside = given.get(name, environ.get(f"{ENVIRONMENT_PREFIX}{name}"))
    if outside is not None:
        return Variable(outside)
    if default.value is None or default.text is None:
        if default.value is None and not default.broken:
            problems.add(
                node.where,
                f"has no value: give it a default, or run with --var {name}=…, or with {ENVIRONMENT_PREFIX}{name} set",
            )
        return Variable(None)
    return Variable(default.text, default.tainted)
